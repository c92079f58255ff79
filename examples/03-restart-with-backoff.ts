/**
 * Restart with back-off: the Schedule says when, and until when.
 *
 * Observe: two restarts after about 50 and 100 ms. The third run stays up for 300 ms, longer than `resetAfter`, so the
 * schedule starts afresh at 50 ms. `intensity` ends it when more than three restarts fall into a minute: then the
 * worker gives up, the manager fails with the worker's own error, and the process ends with code 1. Ctrl-C before that
 * stops the worker, and the code is 0.
 */
import { type Cause, Console, Effect, Exit, Schedule } from "effect"
import { ProcessManager, RestartPolicy, Runnable, Signals, SupervisorError } from "effect-supervisor"

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

const sayWhy = (cause: Cause.Cause<string>) => say(`${SupervisorError.childPath(cause)} gave up after ${runs} runs`)

const app = ProcessManager.make("app", [Signals.runnable(), worker])

Effect.runCallback(Effect.tapCause(app, sayWhy), {
  onExit: (exit) => {
    process.exitCode = Exit.isSuccess(exit) ? 0 : 1
  }
})
