/** Importing the built core in a fresh process, against importing the modules of `effect` that it uses. */
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { inFreshProcess } from "./freshProcess.ts"
import { atMostTimes, compare, figure, type Scenario } from "./harness.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
/** Below `node_modules`, so that what is built there finds the same `effect`. */
const cache = join(root, "node_modules/.cache")

/** The modules of `effect` that the sources import for more than a type. */
const used = (): ReadonlyArray<string> => {
  const sources = globSync("src/**/*.ts", { cwd: root }).map((file) => readFileSync(join(root, file), "utf8"))
  const imports = sources.flatMap((source) =>
    Array.from(source.matchAll(/^import (?!type\b)[^"]* from "(effect\/[^"]*)"$/gm))
  )
  return Array.from(new Set(imports.map((match) => match[1]!))).toSorted()
}

/** The core as it is published, and a module that imports what it uses, in a folder of this run. */
const build = (folder: string) => {
  execFileSync(process.execPath, [".ci/bundle.ts", join(folder, "dist")], { cwd: root })
  writeFileSync(join(folder, "modules.mjs"), used().map((module) => `import "${module}"\n`).join(""))
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
}

const makeFolder = Effect.sync(() => {
  mkdirSync(cache, { recursive: true })
  return mkdtempSync(join(cache, "effect-supervisor-bench-"))
})

const measure = (file: string) => {
  const script = `const from = performance.now()
await import("${pathToFileURL(file).href}")
console.log(JSON.stringify({ import: performance.now() - from }))`
  return inFreshProcess<"import">(["--input-type=module", "--eval", script])
}

export const importCost: Scenario = {
  name: "import",
  run: (settings) =>
    Effect.acquireUseRelease(makeFolder, (folder) =>
      Effect.gen(function*() {
        build(folder)
        const rounds = { ...settings, warmUps: 1, childrenPerRound: 1, rounds: settings.imports }
        const compared = yield* compare(rounds, {
          ours: measure(join(folder, "dist/index.js")),
          "its effect modules": measure(join(folder, "modules.mjs"))
        })
        return [figure("import of the core", 1, "ms", compared, "import", [atMostTimes(1.1, "its effect modules")])]
      }), (folder) => Effect.sync(() => removeFolder(folder)))
}
