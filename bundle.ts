/**
 * Writes the code that is published: `node bundle.ts [folder]`. It is in two modules, since importing many small ones
 * costs more than what is in them: what describes, so that whoever needs no more can leave out the other, and what runs.
 * Beside them every public module has one of its own, so that the subpaths and the index share what they export.
 */
import { globSync } from "node:fs"
import { rolldown } from "rolldown"

const [dir = "dist"] = process.argv.slice(2)
const files = globSync("src/*.ts")

const bundle = await rolldown({
  input: Object.fromEntries(files.map((file) => [file.slice("src/".length, -".ts".length), file])),
  external: /^effect\//
})
await bundle.write({
  dir,
  chunkFileNames: "internal/[name].js",
  codeSplitting: {
    // The first one takes along what it imports.
    groups: [{ name: "description", test: /src.(Control|Runnable)\.ts$/, priority: 1 }, { name: "engine" }]
  },
  minifyInternalExports: false,
  // The docs are in the declarations.
  comments: { jsdoc: false },
  sourcemap: true,
  sourcemapExcludeSources: true
})
await bundle.close()
