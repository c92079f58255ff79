/**
 * Hello: a worker that breaks twice is restarted with a growing delay, beside a store that stays up.
 *
 * Observe: "store opened" once and "store closed" once. The worker's third run is the one that works; then the
 * manager ends, and stops what is left in reverse order. Between them, the supervisor's own two log lines.
 */
import { Console, Effect, Schedule } from "effect"
import { ProcessManager, Runnable } from "effect-supervisor"

const open = Effect.acquireRelease(Console.log("store opened"), () => Console.log("store closed"))
const store = Runnable.make("store", Effect.andThen(open, Effect.never))

let run = 0
const work = Effect.suspend(() => ++run < 3 ? Effect.fail(`run ${run} broke`) : Console.log(`run ${run} worked`))
const worker = Runnable.make("worker", work, { restart: Schedule.exponential("100 millis"), significant: true })

const app = ProcessManager.make("app", [store, worker], { autoShutdown: "any-significant" })
Effect.runFork(app)
