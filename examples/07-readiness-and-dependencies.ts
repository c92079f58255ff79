/**
 * Readiness and dependencies: a child starts when the one before it is ready, so the order of the list is the order of
 * dependencies.
 *
 * Observe: "api" starts only after "database" has said that it serves, though that took three attempts. The second
 * tree has a database that never gets ready: its `startTimeout` ends the wait, what was started is stopped, and
 * `start` fails. There is never half a tree.
 */
import { Console, Effect, References, Schedule } from "effect"
import { Control, ProcessManager, Runnable, State } from "effect-supervisor"

const resource = (name: string) => Effect.acquireRelease(Console.log(`+ ${name}`), () => Console.log(`- ${name}`))

const database = (attemptsNeeded: number) => {
  let attempt = 0
  return Runnable.make(
    "database",
    Effect.gen(function*() {
      yield* Effect.sleep("20 millis")
      if (++attempt < attemptsNeeded) return yield* Effect.fail("connection refused")
      yield* Console.log(`database is ready after ${attempt} attempts`)
      yield* Control.ready
      return yield* Effect.never
    }),
    { ready: "signal", startTimeout: "500 millis", restart: Schedule.spaced("50 millis") }
  )
}

const config = Runnable.make("config", Effect.andThen(resource("config"), Effect.never))
const api = Runnable.make("api", Effect.andThen(resource("api"), Effect.never))

const run = (attemptsNeeded: number) =>
  ProcessManager.start(ProcessManager.make("app", [config, database(attemptsNeeded), api])).pipe(
    Effect.andThen(Console.log("all are ready")),
    Effect.catchCause((cause) => Console.log(State.causeInfo(cause).message)),
    Effect.scoped,
    Effect.andThen(Console.log(""))
  )

Effect.runPromise(
  Effect.andThen(run(3), run(1000)).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
)
