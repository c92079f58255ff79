/** As bare.ts, in a process with everything loaded that ours.ts loads: a fork copies what there is. */
import { keep } from "./loop.ts"
import { start } from "./spawnByNode.ts"

await Promise.all([import("effect"), import("effect-supervisor"), import("effect-supervisor/process")])
await keep(start)
