/**
 * Watchdog: who gives no sign of life is restarted.
 *
 * Observe: the worker beats after every job. Its third job hangs, though nothing fails: after 200 ms without a heartbeat
 * the incarnation is ended as `Unresponsive`, its scope is closed, and its policy starts the next one.
 *
 * A synchronous loop would block the event loop and the watchdog with it: no process can see that from inside.
 */
import { Console, Effect, References, Schedule, Stream } from "effect"
import { Control, ProcessManager, Runnable } from "effect-supervisor"

let job = 0

const worker = Runnable.make(
  "worker",
  Effect.gen(function*() {
    yield* Effect.acquireRelease(Console.log("+ worker"), () => Console.log("- worker"))
    while (true) {
      yield* Console.log(`job ${++job}`)
      yield* job === 3 ? Effect.never : Effect.sleep("50 millis")
      yield* Control.heartbeat
    }
  }),
  { watchdog: "200 millis", restart: Schedule.spaced("50 millis") }
)

const app = ProcessManager.make("app", [worker])

const main = Effect.gen(function*() {
  const handle = yield* ProcessManager.start(app)
  yield* handle.events.pipe(
    Stream.runForEach((event) =>
      event._tag === "ChildTransition" && event.exit?._tag === "Failure"
        ? Console.log(`${event.exit.cause.tag}: ${event.exit.cause.message}; then ${event.to._tag}`)
        : Effect.void
    ),
    Effect.forkScoped
  )
  yield* Effect.sleep("1 second")
})

Effect.runPromise(Effect.scoped(main).pipe(Effect.provideService(References.MinimumLogLevel, "None")))
