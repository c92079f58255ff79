/** All benchmarks, in the order in which they run. */
import { churn } from "./churn.ts"
import { depth } from "./depth.ts"
import { events } from "./events.ts"
import { firstFailure } from "./firstFailure.ts"
import type { Scenario } from "./harness.ts"
import { heap } from "./heap.ts"
import { importCost } from "./importCost.ts"
import { restartLatency } from "./restartLatency.ts"
import { restartLoop } from "./restartLoop.ts"
import { shutdown } from "./shutdown.ts"
import { start } from "./start.ts"
import { status } from "./status.ts"

export const scenarios: ReadonlyArray<Scenario> = [
  start,
  heap,
  shutdown,
  firstFailure,
  restartLoop,
  restartLatency,
  churn,
  status,
  depth,
  events,
  importCost
]
