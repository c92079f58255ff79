/**
 * Dynamic add: a pool takes children while it runs.
 *
 * Observe: the acceptor adds one child a connection to the supervisor it finds in its context. A name that is taken
 * and a full pool are typed errors that change nothing. "connection-1" ends by itself and leaves; "connection-2" is
 * removed by name; what is left is stopped when the scope closes, the newest first. A pool that starts empty says by
 * the type of its list what may go into it, and so fails with that error.
 */
import { Console, Data, Effect, References } from "effect"
import { ProcessManager, Runnable, Supervisor } from "effect-supervisor"

const connection = <E>(name: string, work: Effect.Effect<void, E>) =>
  Runnable.make(
    name,
    Effect.acquireRelease(Console.log(`+ ${name}`), () => Console.log(`- ${name}`)).pipe(Effect.andThen(work))
  )

const acceptor = Runnable.make(
  "acceptor",
  Effect.gen(function*() {
    const supervisor = yield* Supervisor
    yield* supervisor.add(connection("connection-1", Effect.sleep("100 millis")))
    yield* supervisor.add(connection("connection-2", Effect.never))
    yield* supervisor.add(connection("connection-2", Effect.never)).pipe(
      Effect.catchTag("DuplicateChild", (error) => Console.log(`refused: ${error._tag} "${error.child}"`))
    )
    yield* supervisor.add(connection("connection-3", Effect.never))
    yield* supervisor.add(connection("connection-4", Effect.never)).pipe(
      Effect.catchTag("MaxChildrenReached", (error) => Console.log(`refused: ${error._tag} (${error.maxChildren})`))
    )
    return yield* Effect.never
  }).pipe(Effect.orDie)
)

const pool = ProcessManager.make("pool", [acceptor], { maxChildren: 4 })

const main = Effect.gen(function*() {
  const handle = yield* ProcessManager.start(pool)
  yield* Effect.sleep("300 millis")
  yield* handle.remove("connection-2")
  const { children, completed } = yield* handle.status
  yield* Console.log(`left: ${children.map((child) => child.name).join(", ")}; completed: ${completed}`)
})

class JobFailed extends Data.TaggedError("JobFailed")<{ readonly job: string }> {}

const jobs = ProcessManager.make("jobs", [] as ReadonlyArray<Runnable.Runnable<JobFailed>>, { keepAlive: true })

const typed = Effect.gen(function*() {
  const handle = yield* ProcessManager.start(jobs)
  yield* handle.add(connection("job-1", Effect.fail(new JobFailed({ job: "job-1" }))))
  yield* handle.await
}).pipe(Effect.catchTag("JobFailed", (error) => Console.log(`the pool failed: ${error._tag} ${error.job}`)))

const all = Effect.andThen(Effect.scoped(main), Effect.scoped(typed))
Effect.runPromise(Effect.provideService(all, References.MinimumLogLevel, "None"))
