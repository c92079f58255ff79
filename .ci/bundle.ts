/**
 * Writes the code that is published: `node .ci/bundle.ts [folder]`. It is in a few modules, since importing many small
 * ones costs more than what is in them: what describes, so that whoever needs no more can leave out the rest; what runs;
 * what is about processes, and of that what a child process needs; the configuration; what sees and steers from outside,
 * and what it is answered by; the cluster. Beside them every public module has one of its own, so that the subpaths and the indexes
 * share what they export.
 */
import { globSync } from "node:fs"
import { rolldown } from "rolldown"

const [dir = "dist"] = process.argv.slice(2)
const files = globSync("src/**/*.ts", { exclude: ["src/**/internal/**"] })

const bundle = await rolldown({
  input: Object.fromEntries(files.map((file) => [file.slice("src/".length, -".ts".length), file])),
  external: /^[^./]/
})
await bundle.write({
  dir,
  chunkFileNames: "internal/[name].js",
  codeSplitting: {
    // Each takes along what it imports, if no one before it has.
    groups: [
      { name: "description", test: /src.(Control|Runnable)\.ts$/, priority: 4 },
      { name: "engine", test: /src.(internal.|[^/\\]*$)/, priority: 3 },
      { name: "messages", test: /src.process.MessagesChild\.ts$/, priority: 2 },
      { name: "process", test: /src.process./, priority: 1 },
      { name: "config", test: /src.cli.config./ },
      // What the control and the cluster share, so that neither loads the other.
      { name: "wire", test: /src.control.internal.wire\.ts$/, priority: 1 },
      { name: "cluster", test: /src.cluster./ }
    ]
  },
  minifyInternalExports: false,
  // The docs are in the declarations.
  comments: { jsdoc: false },
  sourcemap: true,
  sourcemapExcludeSources: true
})
await bundle.close()
