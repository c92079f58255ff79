/**
 * The running thing: a supervisor of children, and the service by which every child finds its own.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Control from "./Control.ts"
import { Engine } from "./internal/engine.ts"
import { Incarnation } from "./internal/incarnation.ts"
import { type ManagerOptions, managerSettings } from "./ManagerOptions.ts"
import * as operations from "./internal/operations.ts"
import { reconcile } from "./internal/reconcile.ts"
import * as reload from "./internal/reload.ts"
import { supervisorKey } from "./internal/serviceKeys.ts"
import * as validate from "./internal/validate.ts"
import type * as Runnable from "./Runnable.ts"
import type { ChildSnapshot, Snapshot } from "./Snapshot.ts"
import type { CauseInfo } from "./State.ts"
import type {
  ChildNotFound,
  ChildNotRunning,
  DuplicateChild,
  MaxChildrenReached,
  MessagesFull,
  SupervisorClosed
} from "./SupervisorError.ts"
import type { SupervisorEvent } from "./SupervisorEvent.ts"

/**
 * What an operation did: `"done"`, or `"noop"` because nothing had to be done or a later operation has won.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "done" | "noop"

/**
 * What a reload did, by the paths of the children. Children that are not up are not in it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReloadReport {
  /** All their handlers have run. */
  readonly handled: ReadonlyArray<string>
  /** They have no handler. */
  readonly ignored: ReadonlyArray<string>
  /** A handler of theirs failed; the others have run all the same. */
  readonly failed: ReadonlyArray<{ readonly path: string; readonly cause: CauseInfo }>
  /** Their handlers did not end within `reloadTimeout` and were interrupted. */
  readonly timedOut: ReadonlyArray<string>
}

/**
 * What a reconciliation did, by name.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReconcileReport {
  /** They are new. */
  readonly started: ReadonlyArray<string>
  /** They are not in the list: stopped, in reverse order, and removed. */
  readonly stopped: ReadonlyArray<string>
  /** They got other work. One that was at rest by hand has it for when it is started. */
  readonly restarted: ReadonlyArray<string>
  /** They were not touched. */
  readonly kept: ReadonlyArray<string>
}

/**
 * A running supervisor, from outside or from within one of its children.
 *
 * **When to use**
 *
 * Use it to see and steer what runs. `ProcessManager.start` gives it to whoever started the tree, `yield* Supervisor`
 * to a child and to layers under `Supervisor.layer` or `Supervisor.launch`.
 *
 * **Details**
 *
 * Operations on a child take its name or its path, such as `"web/worker-3"`, relative to this supervisor. What an
 * operation does in which state is a table in the README; the outcome is `"noop"` where that table says that nothing
 * happens, and where a later operation on the same child has won in the meantime. An unknown name fails with
 * `ChildNotFound`, and everything that would start or stop a child fails with `SupervisorClosed` once the supervisor is
 * stopping. Operations run in fibers of the supervisor: a caller who is interrupted leaves nothing half done.
 *
 * A child may ask for its own stop, restart or removal and for its supervisor's shutdown: it is told `"done"` at once
 * and ended then.
 *
 * **Gotchas**
 *
 * A child must not wait for what cannot happen while it waits: its supervisor's end (`await`), or a reload that it has
 * to take itself. Fork such a request.
 *
 * **Example** (Maintenance of one child)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable } from "effect-supervisor"
 *
 * const app = ProcessManager.make("app", [Runnable.idle("store"), Runnable.idle("worker")])
 *
 * const maintain = Effect.gen(function*() {
 *   const handle = yield* ProcessManager.start(app)
 *   yield* handle.hold("worker")
 *   const { children } = yield* handle.status
 *   yield* Effect.log(children.map((child) => `${child.path}: ${child.state._tag}`))
 *   yield* handle.release("worker")
 *   yield* handle.shutdown
 * })
 * const fiber = Effect.runFork(Effect.scoped(maintain))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle<in out E = never> {
  /** The supervisor's own name: the manager's, or that of `Supervisor.layer`'s options. */
  readonly name: string
  /**
   * Adds a child at the end of the order, starts it, and waits until it is ready or has ended. A child that gives up is
   * no failure of `add`: `child` and `events` tell. Fails with `DuplicateChild`, `MaxChildrenReached` or
   * `SupervisorClosed`, and then has changed nothing.
   */
  readonly add: <R = never>(
    runnable: Runnable.Runnable<E, R>
  ) => Effect.Effect<void, DuplicateChild | MaxChildrenReached | SupervisorClosed, Exclude<R, Supervisor>>
  /**
   * Stops a child and takes it out of the map, in whatever state it is. `"noop"` only if a later operation has called
   * it back while it was stopping.
   */
  readonly remove: (name: string) => Effect.Effect<Outcome, ChildNotFound | SupervisorClosed>
  /**
   * Starts a child that is at rest, afresh; ends a back-off. Waits until it is ready or has ended. `"noop"` if it is
   * pending or up already, held (`release` it), or abandoned without `overlap`.
   */
  readonly start: (name: string) => Effect.Effect<Outcome, ChildNotFound | SupervisorClosed>
  /**
   * Stops a child and waits for its end; it stays stopped until it is started. `"noop"` if it is at rest or being
   * stopped already.
   */
  readonly stop: (name: string) => Effect.Effect<Outcome, ChildNotFound | SupervisorClosed>
  /**
   * Stops a child and starts it again; its policy's counters go on. A child that is not up is started, as by `start`.
   * `"noop"` if it is pending, held, or abandoned without `overlap`.
   */
  readonly restart: (name: string) => Effect.Effect<Outcome, ChildNotFound | SupervisorClosed>
  /**
   * Stops a child for maintenance: nothing but `release` or `remove` ends that, neither `start` nor a strategy.
   * `"noop"` if it is held already, or abandoned.
   */
  readonly hold: (name: string) => Effect.Effect<Outcome, ChildNotFound | SupervisorClosed>
  /** Ends a hold: starts the child afresh and waits until it is ready or has ended. `"noop"` if it is not held. */
  readonly release: (name: string) => Effect.Effect<Outcome, ChildNotFound | SupervisorClosed>
  /**
   * Tells the whole subtree to reload, in parallel, and waits until every handler has run or its `reloadTimeout` is
   * over. Never fails: see the report. A child that listens by `Control.tick` or `Control.reloads` and waits here for
   * its own reload waits for itself, until that timeout: fork the request.
   */
  readonly reload: Effect.Effect<ReloadReport>
  /** As `reload`, but for one child and what is below it. A child that is not up is in none of the report's lists. */
  readonly reloadChild: (name: string) => Effect.Effect<ReloadReport, ChildNotFound | SupervisorClosed>
  /**
   * Sends a custom message, without waiting until it is read: up to 256 wait for the child to listen, but not for its
   * next incarnation. Fails with `ChildNotRunning` unless the child is starting or running, and with `MessagesFull`.
   */
  readonly send: (
    name: string,
    message: unknown
  ) => Effect.Effect<void, ChildNotFound | ChildNotRunning | MessagesFull | SupervisorClosed>
  /**
   * Makes the children what the list says and touches only what differs. A child with the same effect is kept, with the
   * policies of its new description; where both descriptions have a `version`, that decides instead. A child that was
   * stopped or held by hand stays so, also with other work. The order becomes that of the list. Fails with
   * `DuplicateChild`, `MaxChildrenReached` or `SupervisorClosed`, and then has changed nothing.
   */
  readonly reconcile: <const Children extends ReadonlyArray<Runnable.Runnable<E, unknown>>>(
    children: Children
  ) => Effect.Effect<
    ReconcileReport,
    DuplicateChild | MaxChildrenReached | SupervisorClosed,
    Exclude<Runnable.Services<Children[number]>, Supervisor>
  >
  /**
   * Stops everything, in order and with every grace; waits for the end, unless it is called from within. Asked twice it
   * is one shutdown, and afterwards it does nothing.
   */
  readonly shutdown: Effect.Effect<void>
  /** As `shutdown`, but waits for no grace, also if a shutdown is under way. */
  readonly shutdownNow: Effect.Effect<void>
  /**
   * Runs an effect when all children have been stopped, before `await` answers: for what has to outlive them. All such
   * effects together have 5 seconds.
   */
  readonly addFinalizer: (finalizer: Effect.Effect<unknown>) => Effect.Effect<void>
  /** The whole subtree, at this moment. Never waits. */
  readonly status: Effect.Effect<Snapshot>
  /** One child by its path, such as `"web/worker-3"`. */
  readonly child: (path: string) => Effect.Effect<ChildSnapshot, ChildNotFound>
  /** What happens in the subtree from now on; ends with the supervisor. A slow reader is told how much it lost. */
  readonly events: Stream.Stream<SupervisorEvent>
  /**
   * The snapshot of this moment, then every event since, each once. A slow reader is told how much it lost, then given a
   * fresh snapshot, and the events since that.
   */
  readonly changes: Stream.Stream<SupervisorEvent | Snapshot>
  /**
   * How the supervisor ends: well, or with the cause of the child that gave up. Any number may wait, at any time. A
   * child that waits here for the end of its own supervisor waits for itself: it ends only when it is stopped.
   */
  readonly await: Effect.Effect<void, E>
}

/** Replaces a getter by what it has made. */
const keep = <A>(self: object, key: keyof Handle | keyof Runnable.Registry, value: A): A => {
  Object.defineProperty(self, key, { value })
  return value
}

/** Everything is made when it is first used: a supervisor does not pay for what nobody asks of it. */
class HandleImpl implements Handle<unknown>, Runnable.Registry {
  readonly engine: Engine
  constructor(engine: Engine) {
    this.engine = engine
  }
  get name() {
    return this.engine.name
  }
  get add() {
    return keep(this, "add", <R>(runnable: Runnable.Runnable<unknown, R>) => operations.add(this.engine, runnable))
  }
  get register() {
    return keep(
      this,
      "register",
      <E, R>(runnable: Runnable.Runnable<E, R>) => operations.register(this.engine, runnable)
    )
  }
  get remove() {
    return keep(this, "remove", (name: string) => operations.operate(this.engine, "remove", name))
  }
  get start() {
    return keep(this, "start", (name: string) => operations.operate(this.engine, "start", name))
  }
  get stop() {
    return keep(this, "stop", (name: string) => operations.operate(this.engine, "stop", name))
  }
  get restart() {
    return keep(this, "restart", (name: string) => operations.operate(this.engine, "restart", name))
  }
  get hold() {
    return keep(this, "hold", (name: string) => operations.operate(this.engine, "hold", name))
  }
  get release() {
    return keep(this, "release", (name: string) => operations.operate(this.engine, "release", name))
  }
  get reload() {
    return reload.reload(this.engine)
  }
  get reloadChild() {
    return keep(this, "reloadChild", (name: string) => reload.reloadChild(this.engine, name))
  }
  get send() {
    return keep(this, "send", (name: string, message: unknown) => operations.send(this.engine, name, message))
  }
  get reconcile() {
    return keep(this, "reconcile", (children: ReadonlyArray<Runnable.Any>) => reconcile(this.engine, children))
  }
  get addFinalizer() {
    return keep(
      this,
      "addFinalizer",
      (finalizer: Effect.Effect<unknown>) => Effect.suspend(() => Scope.addFinalizer(this.engine.scope, finalizer))
    )
  }
  get shutdown() {
    return operations.shutdown(this.engine, () => this.engine.shutdown())
  }
  get shutdownNow() {
    return operations.shutdown(this.engine, () => this.engine.hurry())
  }
  get status() {
    return operations.status(this.engine)
  }
  get child() {
    return keep(this, "child", (path: string) => operations.child(this.engine, path))
  }
  get events() {
    return operations.events(this.engine)
  }
  get changes() {
    return operations.changes(this.engine)
  }
  get await() {
    return this.engine.closed
  }
}

/**
 * Options of `Supervisor.layer` and `Supervisor.launch`: those of a manager, a name, and a grace for all of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Omit<ManagerOptions, "keepAlive"> {
  /** For logs and errors. Default: "supervisor". */
  readonly name?: string | undefined
  /** How long stopping may take in all; children get no more than that. Default: "infinity". */
  readonly grace?: Runnable.Options["grace"]
}

/** @internal */
export const makeEngine = (options: {
  readonly name: string
  readonly settings: Engine["settings"]
  readonly budgetMillis: number
  readonly context: Context.Context<never>
  /** Whether a request to stop its parent is for it too: it is, if its parent waits for its end. */
  readonly isFollowed: boolean
  /** Whether its parent is ready when it is. */
  readonly speaks: boolean
}): { readonly engine: Engine; readonly handle: HandleImpl } => {
  const control = Context.get(options.context, Control.Current)
  // A supervisor that runs inside a child is that child's subtree.
  const parent = control instanceof Incarnation && control.nested === undefined ? control : undefined
  let handle!: HandleImpl
  const engine = new Engine({
    ...options,
    parent,
    handle: (engine) => handle = new HandleImpl(engine)
  })
  return { engine, handle }
}

/**
 * As `Handle.changes`, for who has a bound of its own or ends earlier.
 *
 * @internal
 */
export const changesOf = (
  handle: Handle<never>,
  how: { readonly capacity: number; readonly until: Effect.Effect<void> }
): Handle["changes"] => operations.changes((handle as unknown as HandleImpl).engine, how)

const fromOptions = (options: Options | undefined, context: Context.Context<never>, isFollowed: boolean) => {
  const name = validate.name("Supervisor", options?.name ?? "supervisor")
  return makeEngine({
    name,
    settings: managerSettings(`Supervisor "${name}"`, { ...options, keepAlive: true }),
    budgetMillis: options?.grace === undefined
      ? Number.POSITIVE_INFINITY
      : validate.millis(`Supervisor "${name}"`, "grace", options.grace),
    context,
    isFollowed,
    speaks: false
  })
}

const SupervisorBase: Context.ServiceClass<Supervisor, typeof supervisorKey, Handle<never>> = Context.Service<
  Supervisor,
  Handle<never>
>()(supervisorKey)

/**
 * The supervisor that a child runs under, as a service. Its type does not know the errors of its siblings, so it takes
 * children that handle theirs: `Effect.orDie` the rest.
 *
 * **When to use**
 *
 * Use within a child, to add siblings, to look at them, or to end everything. From outside, use the `Handle` that
 * `ProcessManager.start` gives.
 *
 * **Details**
 *
 * Every child finds its own parent here, so a manager asks for no `Supervisor` although its children do.
 *
 * **Example** (A child that adds another)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable, Supervisor } from "effect-supervisor"
 *
 * const acceptor = Runnable.make("acceptor", Effect.gen(function*() {
 *   const supervisor = yield* Supervisor
 *   yield* supervisor.add(Runnable.make("connection-1", Effect.never))
 * }))
 * const manager = ProcessManager.make("app", [acceptor])
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Supervisor extends SupervisorBase {
  /**
   * A supervisor for the layers of an application: `Runnable.layer` adds children to it. It goes on when none is left,
   * and stops all of them when the layer is closed. Children that give up stop it: see `Handle.await`, or use `launch`.
   *
   * **When to use**
   *
   * Use where something else runs the application, such as a `ManagedRuntime` or a test. Where the layers are the
   * application, `launch` also tells how it ended.
   *
   * **Details**
   *
   * Throws `InvalidOption` if an option makes no sense.
   *
   * **Gotchas**
   *
   * Nobody is told when a child gives up, unless somebody waits on `Handle.await`: its siblings are stopped, and the
   * layer stays built.
   *
   * **Example** (Background work in a runtime)
   *
   * ```ts
   * import { Effect, Layer, ManagedRuntime } from "effect"
   * import { Runnable, Supervisor } from "effect-supervisor"
   *
   * const background = Runnable.layer(Runnable.make("poller", Effect.never))
   * const runtime = ManagedRuntime.make(background.pipe(Layer.provideMerge(Supervisor.layer())))
   *
   * const status = runtime.runPromise(Effect.flatMap(Supervisor, (supervisor) => supervisor.status))
   * ```
   *
   * @category layers
   * @since 0.1.0
   */
  static readonly layer = (options?: Options): Layer.Layer<Supervisor> =>
    Layer.effect(
      Supervisor,
      Effect.acquireRelease(
        Effect.contextWith((context: Context.Context<never>) =>
          Effect.sync(() => {
            const { engine, handle } = fromOptions(options, context, false)
            engine.begin([])
            return { engine, handle }
          })
        ),
        ({ engine }) => operations.shutdown(engine, () => engine.shutdown())
      ).pipe(Effect.map(({ handle }) => handle as unknown as Handle<never>))
    )

  /**
   * Builds a layer under a fresh supervisor, then waits: until a child gives up (then it fails with that), until the
   * supervisor is shut down, or until no child is left (if there ever was one). The children are stopped in reverse
   * order before the layer is closed.
   *
   * **When to use**
   *
   * Use in the place of `Layer.launch`, which never notices that a background fiber has died.
   *
   * **Details**
   *
   * The layer's `E` is both "could not start" and "gave up later". With `keepAlive: true` it goes on when no child is
   * left. Throws `InvalidOption` if an option makes no sense.
   *
   * **Example** (An application of layers, stopped by Ctrl-C)
   *
   * ```ts
   * import { Effect, Layer } from "effect"
   * import { Runnable, Signals, Supervisor } from "effect-supervisor"
   *
   * const poller = Runnable.make("poller", Effect.never)
   *
   * const app = Layer.mergeAll(Runnable.layer(Signals.runnable()), Runnable.layer(poller))
   * const fiber = Effect.runFork(Supervisor.launch(app))
   * ```
   *
   * @category layers
   * @since 0.1.0
   */
  static readonly launch = <ROut, E, R>(
    layer: Layer.Layer<ROut, E, R>,
    options?: Options & Pick<ManagerOptions, "keepAlive">
  ): Effect.Effect<void, E, Exclude<R, Supervisor>> =>
    Effect.contextWith((context: Context.Context<Exclude<R, Supervisor>>) =>
      Effect.scopedWith((scope) => {
        const { engine } = fromOptions(options, context, true)
        engine.begin([])
        const memoMap = Layer.makeMemoMapUnsafe()
        const build = Layer.buildWithMemoMap(layer as Layer.Layer<ROut, E>, memoMap, scope)
        const closed = engine.closed as Effect.Effect<void, E>
        const run = Effect.provideContext(build, engine.base).pipe(
          Effect.andThen(Effect.suspend(() => {
            engine.parent?.ready()
            if (options?.keepAlive !== true && engine.hadChildren) engine.endWhenNoneIsLeft()
            return closed
          })),
          // What ends the supervisor while the layer is still being built is the reason why it could not be.
          Effect.raceFirst(closed),
          Effect.catchCause((cause) => engine.phase._tag === "Open" ? Effect.failCause(cause) : closed)
        )
        return Effect.onExit(run, () => operations.shutdown(engine, () => engine.shutdown()))
      })
    )
}

/**
 * The types that belong to a supervisor, such as `Supervisor.Handle<E>`.
 *
 * @category type-level
 * @since 0.1.0
 */
export declare namespace Supervisor {
  export type { Handle, Options, Outcome, ReconcileReport, ReloadReport }
}
