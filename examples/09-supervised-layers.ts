/**
 * Supervised Layers in an existing Effect application: background work becomes a child, the rest stays as it is.
 *
 * Observe: `Runnable.layer` registers a child with the `Supervisor`; `Supervisor.launch` takes the place of
 * `Layer.launch`, which never notices that a background fiber died. Here the poller gives up after one restart: the
 * children are stopped, then the services they use are released, and `launch` fails with the poller's typed error.
 */
import { Console, Context, Data, Effect, Layer, References, Schedule } from "effect"
import { Runnable, Supervisor } from "effect-supervisor"

class Unreachable extends Data.TaggedError("Unreachable")<{ readonly host: string }> {}

// The application as it was.
class Database
  extends Context.Service<Database, { readonly save: (row: string) => Effect.Effect<void> }>()("Database")
{
  static readonly layer = Layer.effect(
    Database,
    Effect.acquireRelease(
      Effect.as(Console.log("+ database"), { save: (row: string) => Console.log(`saved ${row}`) }),
      () => Console.log("- database")
    )
  )
}

// Its background work.
const poller = Runnable.make(
  "poller",
  Effect.gen(function*() {
    const database = yield* Database
    yield* Effect.acquireRelease(Console.log("+ poller"), () => Console.log("- poller"))
    yield* database.save("a reading")
    return yield* new Unreachable({ host: "sensor.local" })
  }),
  { restart: Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 1 })) }
)

const reporter = Runnable.make(
  "reporter",
  Effect.acquireRelease(Console.log("+ reporter"), () => Console.log("- reporter")).pipe(Effect.andThen(Effect.never))
)

const App = Layer.mergeAll(Runnable.layer(reporter), Runnable.layer(poller)).pipe(Layer.provide(Database.layer))

Supervisor.launch(App).pipe(
  Effect.catchTag("Unreachable", (error) => Console.log(`failed: ${error._tag} ${error.host}`)),
  Effect.provideService(References.MinimumLogLevel, "None"),
  Effect.runFork
)
