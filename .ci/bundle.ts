/**
 * Writes the code that is published: `node .ci/bundle.ts [folder]`.
 *
 * The library is in a few modules, since importing many small ones costs more than what is in them: what describes, so
 * that whoever needs no more can leave out the rest; what runs; what is about processes, and of that what a child process
 * needs; the configuration; what sees and steers from outside, and what it is answered by; the cluster. Beside them every public
 * module has one of its own, so that the subpaths and the indexes share what they export.
 *
 * The command line has in it all that it needs, `effect` included: loading that from its many files takes twice as long
 * as a command may. Only what runs a configuration that is code is loaded with the `effect` that is installed, since that
 * is what the children of the configuration are made of.
 */
import { chmodSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve, sep } from "node:path"
import { rolldown } from "rolldown"
import { bundlePage } from "./page.ts"

const [dir = "dist"] = process.argv.slice(2)
const commandLine = ["src/cli/{main,program}.ts", "src/cli/commands/**", "src/cli/top/**"]
const elsewhere = ["src/**/internal/**", "src/control/page/**"]
const files = globSync("src/**/*.ts", { exclude: [...elsewhere, ...commandLine] })

const library = await rolldown({
  input: Object.fromEntries(files.map((file) => [file.slice("src/".length, -".ts".length), file])),
  external: /^[^./]/
})
await library.write({
  dir,
  chunkFileNames: "internal/[name].js",
  codeSplitting: {
    // Each takes along what it imports, if no one before it has.
    groups: [
      { name: "description", test: /src.(Control|Runnable)\.ts$/, priority: 7 },
      { name: "engine", test: /src.(internal.|[^/\\]*$)/, priority: 6 },
      { name: "messages", test: /src.process.MessagesChild\.ts$/, priority: 5 },
      { name: "facts", test: /src.process.(ExitStatus|ProcessError|Signal)\.ts$/, priority: 5 },
      { name: "process", test: /src.process./, priority: 4 },
      { name: "client", test: /src.control.ControlClient\.ts$/, priority: 3 },
      { name: "config", test: /src.cli.config./, priority: 2 },
      { name: "server", test: /src.control.(?!internal.web)/, priority: 2 },
      { name: "cluster", test: /src.cluster./, priority: 1 },
      // Loaded when it is run.
      { name: "web", test: /src.control.internal.web.serve\.ts$/ }
    ]
  },
  minifyInternalExports: false,
  // The docs are in the declarations.
  comments: { jsdoc: false },
  sourcemap: true,
  sourcemapExcludeSources: true
})
await library.close()

// The command line is called and not imported, so its declarations are for nobody.
for (const name of ["commands", "internal", "top"]) rmSync(join(dir, "cli", name), { recursive: true, force: true })
for (const file of globSync(join(dir, "cli", "{main,program}.d.ts*"))) rmSync(file)

const runner = resolve("src/cli/Runner.ts")
const ofCode = resolve("src/cli/internal/runner.ts")
const commands = await rolldown({
  input: { main: "src/cli/main.ts" },
  platform: "node",
  plugins: [{
    name: "runner-is-of-the-library",
    resolveId: (source, importer) =>
      importer !== undefined && resolve(importer) === ofCode && resolve(importer, "..", source) === runner
        ? { id: "./Runner.js", external: "relative" }
        : undefined
  }]
})
const { output } = await commands.write({
  dir: join(dir, "cli"),
  // Beside each other, so that all of them find what runs a configuration.
  chunkFileNames: "main.[name].js",
  minify: { mangle: false, compress: true, codegen: true },
  comments: { jsdoc: false }
})
await commands.close()
chmodSync(join(dir, "cli", "main.js"), 0o755)

// What is in it of others keeps their licence.
const packages = new Set(
  output.flatMap((chunk) =>
    chunk.type === "chunk"
      ? chunk.moduleIds.flatMap((id) => /^.*[/\\]node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+/.exec(id) ?? [])
      : []
  )
)
const licences = [...packages].toSorted().map((path) => {
  const name = path.split(`node_modules${sep}`).at(-1)
  const file = ["LICENSE", "LICENSE.md", "license"].map((file) => join(path, file)).find((file) => existsSync(file))
  if (file === undefined) throw new Error(`${name} is in the command line and has no licence file`)
  return `${name}\n\n${readFileSync(file, "utf8").trim()}\n`
})
writeFileSync(
  join(dir, "cli", "LICENSES.txt"),
  `The command line has code of these packages in it.\n\n${licences.join("\n---\n\n")}`
)

await bundlePage(`${dir}/control/page`)
