/**
 * Serves a running tree on a unix socket, for the command line and for other programs of the same user.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Layer from "effect/Layer"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as SocketServer from "effect/socket/SocketServer"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Control from "../Control.ts"
import { fitting } from "../internal/fittings.ts"
import * as validate from "../internal/validate.ts"
import * as RestartPolicy from "../RestartPolicy.ts"
import * as Runnable from "../Runnable.ts"
import type { ReconcileReport, Supervisor } from "../Supervisor.ts"
import { ControlApi } from "./ControlApi.ts"
import type { ListenFailed, SocketInUse, SocketPathTooLong, UnsafeDirectory } from "./ControlError.ts"
import { farewell } from "./internal/farewell.ts"
import { connections, guard, type Limits, serialization } from "./internal/guard.ts"
import { listen } from "./internal/listen.ts"
import { service, type Terms } from "./internal/serving.ts"
import * as socketPath from "./internal/socketPath.ts"

/**
 * Why a server does not start.
 *
 * @category models
 * @since 0.1.0
 */
export type ServerError = SocketPathTooLong | UnsafeDirectory | SocketInUse | ListenFailed

/**
 * Options of `runnable` and `layer`. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<E = never, R = never> {
  /** The name of the child. Default: "control". */
  readonly name?: string | undefined
  /** The path of the socket. Default: as `socketOf` says, by the name of the supervisor that is served. */
  readonly socket?: string | undefined
  /** Refuses everything that changes something. Default: false. */
  readonly readOnly?: boolean | undefined
  /** What may be added from outside, by its name. Default: nothing. */
  readonly declared?: ReadonlyArray<Runnable.Runnable<E, R>> | undefined
  /**
   * Reads anew what the children of the root are to be: for `reconcile`, and for `add` in the place of `declared`. The
   * server itself need not be among them, nor a dashboard. Default: none.
   */
  readonly declare?: Effect.Effect<ReadonlyArray<Runnable.Runnable<E, R>>, unknown, R> | undefined
  /**
   * Does what `reconcile` asks for, in the place of `Supervisor.Handle.reconcile` with `declare`: for who has a better
   * way, as a configuration with dependencies does. Default: none.
   */
  readonly reconcile?: Effect.Effect<ReconcileReport, unknown, R> | undefined
  /** The paths that a name stands for which is none of a child, such as a namespace. Default: there are no groups. */
  readonly groups?: ((name: string) => ReadonlyArray<string>) | undefined
  /** What a child waits for before it starts, each in words, for `info`. Default: nothing is known. */
  readonly waitsFor?: ((path: string) => Effect.Effect<ReadonlyArray<string>, never, R>) | undefined
  /** The longest request, in bytes; longer ones end the connection. Default: 1 MiB. */
  readonly maxRequestBytes?: number | undefined
  /** How many requests of one connection are under way at once, open streams included. Default: 64. */
  readonly maxConcurrent?: number | undefined
  /** How many messages a second are read from one connection; the others wait. Default: 10 000. */
  readonly maxPerSecond?: number | undefined
  /** How many connections there are at once; one more is closed. Default: 256. */
  readonly maxConnections?: number | undefined
  /** How many events wait for a slow reader, who is then given a fresh snapshot instead. Default: 1024. */
  readonly maxEvents?: number | undefined
}

/**
 * The defaults of all options.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: Limits & {
  readonly name: string
  readonly readOnly: boolean
  readonly maxEvents: number
} = {
  name: "control",
  readOnly: false,
  maxRequestBytes: 1024 * 1024,
  maxConcurrent: 64,
  maxPerSecond: 10_000,
  maxConnections: 256,
  maxEvents: 1024
}

/**
 * Where the socket of a supervisor is, by its name: `$XDG_RUNTIME_DIR/effect-supervisor/<name>.sock`, or
 * `$TMPDIR/effect-supervisor-<uid>/<name>.sock` where there is no such directory.
 *
 * @category constants
 * @since 0.1.0
 */
export const socketOf: (name: string) => string = socketPath.byName

/**
 * Serves the tree that it stands in, from its root on.
 *
 * **When to use**
 *
 * Put it first in the list of the manager at the root: started first, it is stopped last, so that whoever watches sees
 * all the others stop.
 *
 * **Details**
 *
 * The socket is for its owner alone: its directory has mode 0700 (one that others can enter is refused with
 * `UnsafeDirectory`), and it has mode 0600. A socket that nobody answers at any more is replaced; if somebody does, this
 * fails with `SocketInUse`, so that a second supervisor of the same name does not start. It is ready when it listens. It
 * ends within a second, whoever is connected.
 *
 * While nobody is connected it costs nothing. Who is connected is held to the limits in the options: too much is not
 * read, too long or not understood ends that one connection.
 *
 * A defect of the server itself restarts it and nothing else.
 *
 * **Gotchas**
 *
 * Whoever may connect may do everything that `Supervisor.Handle` can, as the user that the application runs as; that is
 * why nobody else may. Expressions (`--grep`) are never run here, but by the one who asks.
 *
 * **Example** (An application that can be steered)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable, Signals } from "effect-supervisor"
 * import { ControlServer } from "effect-supervisor/control"
 *
 * const app = ProcessManager.make("app", [
 *   ControlServer.runnable(),
 *   Signals.runnable(),
 *   Runnable.make("worker", Effect.never)
 * ])
 * const fiber = Effect.runFork(app)
 * ```
 *
 * **Example** (What may be added from outside)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable } from "effect-supervisor"
 * import { ControlServer } from "effect-supervisor/control"
 *
 * const mailer = Runnable.make("mailer", Effect.never)
 * const app = ProcessManager.make("app", [ControlServer.runnable({ declared: [mailer] })])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const runnable = <E = never, R = never>(
  options?: Options<E, R>
): Runnable.Runnable<ServerError | Runnable.Given<E>, Supervisor | Runnable.Given<R>> => {
  const name = options?.name ?? defaults.name
  const subject = `ControlServer "${name}"`
  const count = (option: keyof Limits | "maxEvents") =>
    validate.count(subject, option, options?.[option] ?? defaults[option])
  const settings: Settings = {
    socket: options?.socket,
    readOnly: options?.readOnly ?? defaults.readOnly,
    declared: options?.declared ?? [],
    declare: options?.declare as Settings["declare"],
    reconcile: options?.reconcile as Settings["reconcile"],
    groups: options?.groups,
    waitsFor: options?.waitsFor as Settings["waitsFor"],
    maxRequestBytes: count("maxRequestBytes"),
    maxConcurrent: count("maxConcurrent"),
    maxPerSecond: count("maxPerSecond"),
    maxConnections: count("maxConnections"),
    maxEvents: count("maxEvents")
  }
  return fitting(Runnable.make(
    name,
    serve(settings) as Effect.Effect<void, ServerError | E, Supervisor | R | Scope.Scope>,
    {
      ready: "signal",
      restart: RestartPolicy.onFailure(Schedule.spaced("1 second"), {
        while: (exit) => Exit.isFailure(exit) && Cause.hasDies(exit.cause)
      })
    }
  )) as Runnable.Runnable<ServerError | Runnable.Given<E>, Supervisor | Runnable.Given<R>>
}

/**
 * As `runnable`, for an application of layers: a child of the supervisor in the context.
 *
 * **Example** (With Supervisor.launch)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Runnable, Supervisor } from "effect-supervisor"
 * import { ControlServer } from "effect-supervisor/control"
 *
 * const worker = Runnable.layer(Runnable.make("worker", Effect.never))
 * const main = Supervisor.launch(Layer.mergeAll(ControlServer.layer(), worker), { name: "app" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never, R = never>(
  options?: Options<E, R>
): Layer.Layer<never, ServerError | Runnable.Given<E>, Supervisor | Runnable.Given<R>> =>
  Runnable.layer(runnable<E, R>(options))

interface Settings extends Limits, Terms {
  readonly socket: string | undefined
}

const serve = Effect.fnUntraced(function*(settings: Settings) {
  const leaving = Latch.makeUnsafe(false)
  const { calls, handle } = yield* service(settings, leaving.await)
  const { open, server } = connections(yield* listen(settings.socket ?? socketOf(handle.name)), settings)
  const protocol = yield* RpcServer.makeProtocolSocketServer.pipe(
    Effect.provideService(SocketServer.SocketServer, server),
    Effect.provideService(RpcSerialization.RpcSerialization, serialization(settings))
  )
  const guarded = yield* guard(protocol, settings)
  const serving = yield* RpcServer.make(ControlApi, {
    disableTracing: true,
    disableFatalDefects: true,
    onDisconnect: guarded.forget
  }).pipe(
    Effect.provideService(RpcServer.Protocol, guarded.protocol),
    Effect.provideContext(calls),
    Effect.forkScoped({ startImmediately: true })
  )
  // The last that is added is the first that is done.
  yield* Effect.addFinalizer(() => Effect.andThen(leaving.open, farewell(open, guarded.underWay)))
  yield* Control.ready
  yield* Effect.raceFirst(Fiber.join(serving), Control.shutdown)
})
