/**
 * Nested managers: a manager is a Runnable, so it has a restart policy of its own, and trees are just nesting.
 *
 * Observe: "listener" may restart once. When it breaks again it gives up, which fails "web": its siblings are stopped,
 * and web's own policy starts all of web again, in order. "database" never notices. The second time web gives up too,
 * and the whole tree fails with the listener's typed error, annotated with its path.
 */
import { Console, Data, Effect, References, Schedule } from "effect"
import { ProcessManager, Runnable, SupervisorError } from "effect-supervisor"

class PortInUse extends Data.TaggedError("PortInUse")<{ readonly port: number }> {}

const resource = (name: string) => Effect.acquireRelease(Console.log(`+ ${name}`), () => Console.log(`- ${name}`))

const database = Runnable.make("database", Effect.andThen(resource("database"), Effect.never))
const cache = Runnable.make("cache", Effect.andThen(resource("  web/cache"), Effect.never))
const listener = Runnable.make(
  "listener",
  resource("  web/listener").pipe(
    Effect.andThen(Effect.sleep("50 millis")),
    Effect.andThen(Effect.fail(new PortInUse({ port: 80 })))
  ),
  { restart: Schedule.recurs(1) }
)

const web = ProcessManager.make("web", [cache, listener], { restart: Schedule.recurs(1) })

// The type of the tree says what can go wrong in it: ProcessManager<PortInUse>.
const app = ProcessManager.make("app", [database, web])

Effect.runFork(app.pipe(
  Effect.tapCause((cause) => Console.log(`gave up: ${SupervisorError.childPath(cause)}`)),
  Effect.catchTag("PortInUse", (error) => Console.log(`caught: ${error._tag} ${error.port}`)),
  Effect.provideService(References.MinimumLogLevel, "None")
))
