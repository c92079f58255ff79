/**
 * Dynamic add: a pool takes children while it runs.
 *
 * Observe: the acceptor adds one child a connection to the supervisor it finds in its context. A name that is taken
 * and a full pool are typed errors that change nothing. "connection-1" ends by itself and leaves; "connection-2" is
 * removed by name; what is left is stopped when the scope closes, the newest first.
 */
import { Console, Effect } from "effect"
import { ProcessManager, Runnable, Supervisor } from "effect-supervisor"

const connection = (name: string, work: Effect.Effect<void>) =>
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
      Effect.catchTag("DuplicateChild", (error) => Console.log(`refused: ${error._tag} "${error.name}"`))
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

Effect.runPromise(Effect.scoped(main))
