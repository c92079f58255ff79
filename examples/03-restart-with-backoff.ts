/**
 * Restart with back-off: the Schedule says when, and until when.
 *
 * Observe: two restarts after about 50 and 100 ms. The third run stays up for 300 ms, longer than `resetAfter`, so the
 * schedule starts afresh at 50 ms. `intensity` ends it when more than three restarts fall into a minute: then the
 * worker gives up, and the manager fails with the worker's own error.
 */
import { Console, Effect, Schedule } from "effect"
import { ProcessManager, RestartPolicy, Runnable, SupervisorError } from "effect-supervisor"

const started = performance.now()
const say = (text: string) => Console.log(`${String(Math.round(performance.now() - started)).padStart(5)} ms  ${text}`)

let runs = 0
const worker = Runnable.make(
  "worker",
  Effect.gen(function*() {
    const run = ++runs
    yield* say(`run ${run}`)
    if (run === 3) yield* Effect.sleep("300 millis")
    return yield* Effect.fail(`run ${run} broke`)
  })
).pipe(
  Runnable.restart(RestartPolicy.onFailure(
    Schedule.max([
      Schedule.exponential("50 millis"),
      RestartPolicy.intensity({ restarts: 3, within: "1 minute" })
    ]),
    { resetAfter: "200 millis" }
  ))
)

const app = ProcessManager.make("app", [worker])

Effect.runFork(app.pipe(
  Effect.catchCause((cause) => say(`${SupervisorError.childPath(cause)} gave up after ${runs} runs`))
))
