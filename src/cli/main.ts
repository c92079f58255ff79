#!/usr/bin/env node
/**
 * What the commands `effect-supervisor` and `esv` call. All it does itself is to have what it loads compiled once and not
 * each time, which is a fifth of what a command costs.
 *
 * @since 0.1.0
 */
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"

const cache = process.env["XDG_CACHE_HOME"]
// Where that cannot be written it says so, and goes on without.
enableCompileCache(join(cache === undefined || cache === "" ? join(homedir(), ".cache") : cache, "effect-supervisor"))
const { main } = await import("./program.ts")
await main()
