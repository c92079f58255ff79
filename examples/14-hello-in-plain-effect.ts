/**
 * The first example in plain Effect, for comparison.
 *
 * Observe: for one worker that fails by its typed error, `Effect.retry` in a scope is all it takes, and is shorter. What
 * it does not do is in the README.
 */
import { Console, Effect, Schedule } from "effect"

const open = Effect.acquireRelease(Console.log("store opened"), () => Console.log("store closed"))

let run = 0
const work = Effect.suspend(() => ++run < 3 ? Effect.fail(`run ${run} broke`) : Console.log(`run ${run} worked`))
const worker = work.pipe(
  Effect.tapCause((cause) => Effect.logWarning("worker failed", cause)),
  Effect.retry(Schedule.exponential("100 millis"))
)

Effect.runFork(Effect.scoped(Effect.andThen(open, worker)))
