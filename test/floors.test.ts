import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

const root = new URL("../", import.meta.url).pathname

/** The modules that stand on a floor by name; whole folders do by their rule below. */
const floors: Readonly<Record<string, number>> = {
  "State": 0,
  "Snapshot": 0,
  "Strategy": 0,
  "SupervisorEvent": 0,
  "SupervisorError": 0,
  "RestartPolicy": 0,
  "internal/causes": 0,
  "internal/serviceKeys": 0,
  "internal/validate": 0,
  "internal/window": 0,
  "internal/driver": 0,
  "Control": 1,
  "Runnable": 1,
  "internal/inbox": 1,
  "ManagerOptions": 1,
  "internal/health": 2,
  "Supervisor": 2,
  "ProcessManager": 2,
  "Signals": 3
}

const folders: ReadonlyArray<readonly [prefix: string, floor: number]> = [
  ["internal/", 2],
  ["process/", 3],
  ["control/", 4],
  ["cli/", 4],
  ["cluster/", 5]
]

const floorOf = (module: string): number | undefined =>
  module === "index" || module.endsWith("/index")
    ? Number.POSITIVE_INFINITY
    : floors[module] ?? folders.find(([prefix]) => module.startsWith(prefix))?.[1]

interface Import {
  readonly from: string
  readonly specifier: string
}

const importPattern = /^(?:import|export)\s+(?!type\b)(?:([^"';]*?)\s+from\s+)?"([^"]+)"/gm
const dynamicPattern = /\bimport\(\s*"([^"]+)"\s*\)/g

/** An import whose every name is a type is gone at run time. */
const isTypeOnly = (clause: string | undefined): boolean => {
  const names = clause === undefined ? null : /^\{([\s\S]*)\}$/.exec(clause.trim())
  if (names === null) return false
  const all = names[1]!.split(",").map((name) => name.trim()).filter((name) => name !== "")
  return all.length > 0 && all.every((name) => name.startsWith("type "))
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "")

/** The imports of a module that are there at run time. */
const importsOf = (module: string): ReadonlyArray<Import> => {
  const text = withoutComments(readFileSync(join(root, "src", `${module}.ts`), "utf8"))
  const found: Array<Import> = []
  for (const [, clause, specifier] of text.matchAll(importPattern)) {
    if (!isTypeOnly(clause)) found.push({ from: module, specifier: specifier! })
  }
  for (const [, specifier] of text.matchAll(dynamicPattern)) found.push({ from: module, specifier: specifier! })
  return found
}

const modules = globSync("**/*.ts", { cwd: join(root, "src") }).map((path) => path.slice(0, -3)).toSorted()
const imports = modules.flatMap(importsOf)

const target = ({ from, specifier }: Import): string => normalize(join(dirname(from), specifier)).slice(0, -3)
const inside = imports.filter(({ specifier }) => specifier.startsWith("."))
const outside = imports.filter(({ specifier }) => !specifier.startsWith("."))

/** The core: what `import "effect-supervisor"` loads. */
const core = new Set<string>()
const load = (module: string): void => {
  if (core.has(module)) return
  core.add(module)
  for (const found of inside) if (found.from === module) load(target(found))
}
load("index")

const show = ({ from, specifier }: Import) => `${from} imports ${specifier}`

describe("Floors: imports point down only", () => {
  it("the imports are found at all", () => {
    assert.isAbove(modules.length, 15)
    assert.isAbove(inside.length, 20)
    assert.isAbove(outside.length, 30)
    assert.deepStrictEqual(Object.keys(floors).filter((module) => !modules.includes(module)), [])
  })

  it("every module stands on a floor", () => {
    assert.deepStrictEqual(modules.filter((module) => floorOf(module) === undefined), [])
  })

  it("no module imports one from a higher floor", () => {
    assert.deepStrictEqual(inside.filter((found) => floorOf(target(found))! > floorOf(found.from)!).map(show), [])
  })

  it("no module imports an index, and none but an index re-exports everything", () => {
    assert.deepStrictEqual(inside.filter((found) => /(^|\/)index$/.test(target(found))).map(show), [])
  })

  it("no module needs itself, through however many others", () => {
    const cycles: Array<string> = []
    const done = new Set<string>()
    const visit = (module: string, trail: ReadonlyArray<string>): void => {
      const start = trail.indexOf(module)
      if (start >= 0) {
        cycles.push([...trail.slice(start), module].join(" -> "))
        return
      }
      if (done.has(module)) return
      for (const found of inside) if (found.from === module) visit(target(found), [...trail, module])
      done.add(module)
    }
    for (const module of modules) visit(module, [])
    assert.deepStrictEqual(cycles, [])
  })

  it("every relative import names a file that is there, with its extension", () => {
    const missing = inside.filter(({ from, specifier }) =>
      !specifier.endsWith(".ts") || !existsSync(join(root, "src", dirname(from), specifier))
    )
    assert.deepStrictEqual(missing.map(show), [])
  })
})

describe("What is imported from outside", () => {
  it("what the page shares with the others imports nothing, so that a browser need not load it", () => {
    const page = globSync("control/page/*.{ts,tsx}", { cwd: join(root, "src") })
    const shared = page.flatMap((file) =>
      Array.from(
        withoutComments(readFileSync(join(root, "src", file), "utf8")).matchAll(importPattern),
        ([, clause, specifier]) => isTypeOnly(clause) ? "" : specifier!
      ).filter((specifier) => specifier.startsWith("../")).map((specifier) =>
        normalize(join("control/page", specifier)).slice(0, -3)
      )
    )
    const loaded = new Set<string>()
    const open = [...shared]
    for (let module = open.pop(); module !== undefined; module = open.pop()) {
      loaded.add(module)
      for (const found of inside) if (found.from === module && !loaded.has(target(found))) open.push(target(found))
    }
    assert.isAbove(loaded.size, 2)
    assert.deepStrictEqual(outside.filter(({ from }) => loaded.has(from)).map(show), [])
  })

  const ofCore = outside.filter(({ from }) => core.has(from))

  it("never the barrel of effect, which is slow to load, nor that of another package of Effect", () => {
    const barrels = outside.filter(({ specifier }) => specifier === "effect" || /^@effect\/[^/]+$/.test(specifier))
    assert.deepStrictEqual(barrels.map(show), [])
  })

  it("the core imports effect only: no platform, no other package, nothing of Node", () => {
    assert.deepStrictEqual(ofCore.filter(({ specifier }) => !/^effect\/[A-Za-z]+$/.test(specifier)).map(show), [])
  })

  it("the core does not import Schema, which costs more than all it uses", () => {
    assert.deepStrictEqual(ofCore.filter(({ specifier }) => specifier.startsWith("effect/Schema")).map(show), [])
  })

  it("the core imports modules of effect that are stable", () => {
    const unstable = ofCore.filter(({ specifier }) => {
      const source = join(root, "node_modules", "effect", "src", `${specifier.slice("effect/".length)}.ts`)
      const tags = readFileSync(source, "utf8").match(/@stability (stable|unstable|experimental)/g) ?? []
      return tags.filter((tag) => tag !== "@stability stable").length > tags.length / 2
    })
    assert.deepStrictEqual(unstable.map(show), [])
  })
})
