import { defineConfig } from "vitest/config"

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
    testTimeout: 20_000
  }
})
