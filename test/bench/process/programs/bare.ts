/** Nothing but `child_process.spawn`. */
import { keep } from "./loop.ts"
import { start } from "./spawnByNode.ts"

await keep(start)
