/**
 * Status and events: look at a tree while it runs, and steer it.
 *
 * Observe: `changes` is the snapshot of one moment and then every event since; `status` is the whole tree at any moment,
 * also while a child is backing off; `child` is one of them by its path. Operations say what they did: stopping what is
 * stopped already is a "noop".
 */
import { Console, Effect, References, Schedule, Stream } from "effect"
import { ProcessManager, Runnable, type Snapshot } from "effect-supervisor"

const app = ProcessManager.make("app", [
  Runnable.make("metrics", Effect.never),
  ProcessManager.make("web", [
    Runnable.make("listener", Effect.never),
    Runnable.make("worker", Effect.andThen(Effect.sleep("50 millis"), Effect.fail("broken")), {
      restart: Schedule.spaced("1 second")
    })
  ])
])

const print = (snapshot: Snapshot, indent = "  "): Effect.Effect<void> =>
  Effect.forEach(
    snapshot.children,
    (child) =>
      Console.log(`${indent}${child.name.padEnd(10)} ${child.state._tag}, run ${child.incarnation}`).pipe(
        Effect.andThen(child.supervisor === undefined ? Effect.void : print(child.supervisor, `${indent}  `))
      ),
    { discard: true }
  )

const main = Effect.gen(function*() {
  const handle = yield* ProcessManager.start(app)
  yield* handle.changes.pipe(
    Stream.runForEach((change) =>
      "_tag" in change
        ? change._tag === "ChildTransition"
          ? Console.log(`event: ${change.path} ${change.from} -> ${change.to._tag}`)
          : Effect.void
        : Effect.andThen(Console.log("snapshot:"), print(change))
    ),
    Effect.forkScoped
  )
  yield* Effect.sleep("100 millis")
  yield* Console.log("status:")
  yield* print(yield* handle.status)

  const outcomes = [yield* handle.stop("metrics"), yield* handle.stop("metrics"), yield* handle.start("metrics")]
  yield* Console.log(`stop, stop, start: ${outcomes.join(", ")}`)
  const { history, restarts } = yield* handle.child("web/worker")
  yield* Console.log(`web/worker: ${restarts} restart(s), last exit: ${history.at(-1)?.exit._tag}`)
})

Effect.runPromise(Effect.scoped(main).pipe(Effect.provideService(References.MinimumLogLevel, "None")))
