#!/usr/bin/env node
/**
 * What the commands `effect-supervisor` and `esv` call. All it does itself is to see that this Node is new enough, and to
 * have what it loads compiled once and not each time, which is a fifth of what a command costs.
 *
 * @since 0.1.0
 */
import * as Module from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"

const oldest = [22, 19] as const

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
  process.stderr.write(
    `effect-supervisor needs Node ${
      oldest.join(".")
    } or later, and this is ${process.versions.node} (${process.execPath}).\n`
  )
  process.exit(1)
}

const cache = process.env["XDG_CACHE_HOME"]
// Where that cannot be written it says so, and goes on without.
Module.enableCompileCache(
  join(cache === undefined || cache === "" ? join(homedir(), ".cache") : cache, "effect-supervisor")
)
const { main } = await import("./program.ts")
await main()
