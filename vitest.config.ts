import { existsSync, globSync } from "node:fs"
import { defineConfig } from "vitest/config"

/**
 * What some tests need of the machine beside Node: without it they are left out, which is told. Where the variable is set
 * they are not, so that nobody is deceived who counts on them.
 */
const needs = [
  {
    what: "the tests in a browser",
    files: ["test/control/page/{page,speed}.test.ts", "test/control/web/browser.test.ts"],
    variable: "CHROMIUM",
    isThere: existsSync("/usr/bin/chromium"),
    advice: "apt-get install -y chromium, or set CHROMIUM to its path"
  },
  {
    what: "the tests of clusters of several processes",
    files: ["test/cluster/{chaos,frozen,handover,mishaps,together}.test.ts"],
    variable: "POSTGRES",
    isThere: globSync("/usr/lib/postgresql/*/bin/initdb").length > 0,
    advice: "apt-get install -y postgresql (a private instance is started and stopped; POSTGRES=1 insists on it)"
  }
]
const missing = needs.filter(({ isThere, variable }) => !isThere && process.env[variable] === undefined)
for (const { advice, what } of missing) console.warn(`LEFT OUT: ${what}. To run them: ${advice}.`)

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-supervisor$/, replacement: new URL("src/index.ts", import.meta.url).pathname },
      { find: /^effect-supervisor\/process$/, replacement: new URL("src/process/index.ts", import.meta.url).pathname },
      {
        find: /^effect-supervisor\/process\/(\w+)$/,
        replacement: new URL("src/process/$1.ts", import.meta.url).pathname
      },
      { find: /^effect-supervisor\/control$/, replacement: new URL("src/control/index.ts", import.meta.url).pathname },
      {
        find: /^effect-supervisor\/control\/(\w+)$/,
        replacement: new URL("src/control/$1.ts", import.meta.url).pathname
      },
      { find: /^effect-supervisor\/cluster$/, replacement: new URL("src/cluster/index.ts", import.meta.url).pathname },
      {
        find: /^effect-supervisor\/cluster\/(\w+)$/,
        replacement: new URL("src/cluster/$1.ts", import.meta.url).pathname
      }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: missing.flatMap(({ files }) => files),
    testTimeout: 20_000
  }
})
