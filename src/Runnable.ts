/**
 * A Runnable is an Effect with a name and a policy: what to do when that Effect ends.
 *
 * It is itself an Effect. Run alone it is one incarnation, unsupervised, which is how to test it. Under a supervisor it
 * is started, watched, restarted and stopped as its options say. Every incarnation has a `Scope` of its own, whose
 * finalizers have run before the next one starts.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Control from "./Control.ts"
import { supervisorKey } from "./internal/serviceKeys.ts"
import * as validate from "./internal/validate.ts"
import type { ProcessManager } from "./ProcessManager.ts"
import * as RestartPolicy from "./RestartPolicy.ts"
import type { Supervisor } from "./Supervisor.ts"
import {
  type DuplicateChild,
  InvalidOption,
  type MaxChildrenReached,
  type SupervisorClosed
} from "./SupervisorError.ts"

const TypeId = "~effect-supervisor/Runnable"

/**
 * An Effect with a name and a policy. `E` is what one incarnation can fail with, `R` what it needs, without the `Scope`
 * that every incarnation gets.
 *
 * **Details**
 *
 * A value: the setters of this module, such as `grace`, return a new one. Run as an Effect it is one incarnation,
 * unsupervised: no restart, no health check, no time limits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Runnable<out E = never, out R = never> extends Effect.Effect<void, E, R> {
  readonly [TypeId]: typeof TypeId
  /** Unique under one supervisor; a segment of the child's path. */
  readonly name: string
  /** What one incarnation does. */
  readonly effect: Effect.Effect<unknown, E, R | Scope.Scope>
  /** What makes it the same work as another description: its effect, or the children of a manager. */
  readonly work: unknown
  /** Its options, with the defaults filled in. */
  readonly settings: Settings
}

/**
 * Any Runnable.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Any = Runnable<unknown, unknown>

/**
 * What a Runnable can fail with.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Error<T> = T extends Runnable<infer E, infer _R> ? E : never

/**
 * What a Runnable needs.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Services<T> = T extends Runnable<infer _E, infer R> ? R : never

/**
 * A liveness check, run while the child is ready. Kubernetes' defaults.
 *
 * **Details**
 *
 * What a check acquires is released when it has answered. The check fails when its effect fails, dies or takes longer
 * than `timeout`. After `failures` in a row the incarnation is interrupted without grace and has failed with
 * `Unhealthy`; the restart policy decides. A check that succeeds counts from zero again.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/probes/
 * @category models
 * @since 0.1.0
 */
export interface HealthCheck<out R = never> {
  /** Succeeds when the child is well; what it succeeds with does not matter. */
  readonly check: Effect.Effect<unknown, unknown, R>
  /** From ready to the first check. Default: 0 seconds. */
  readonly initialDelay?: Duration.Input | undefined
  /** From the end of one check to the next. Default: 10 seconds. */
  readonly interval?: Duration.Input | undefined
  /** How long one check may take. Default: 1 second. */
  readonly timeout?: Duration.Input | undefined
  /** How many failures in a row end the incarnation. Default: 3. */
  readonly failures?: number | undefined
}

/**
 * Everything that can be said about a Runnable. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in E = never, out R = never> {
  /**
   * What to do when it ends; a `Schedule` alone means `RestartPolicy.onFailure(schedule)`. Default:
   * `RestartPolicy.never`.
   */
  readonly restart?: RestartPolicy.RestartPolicy<E> | RestartPolicy.RestartSchedule<E> | undefined
  /**
   * How long it may take to stop by itself once it was asked, if it listens. Default: "5 seconds"; managers "infinity".
   */
  readonly grace?: Duration.Input | "infinity" | undefined
  /**
   * How long its end may take, once it was interrupted or has ended by itself: its finalizers. Then it is abandoned,
   * and if it had failed, it gives up. Default: "5 seconds".
   */
  readonly abandonAfter?: Duration.Input | undefined
  /**
   * When it counts as ready: when it has started, or when it calls `Control.ready`. Without `startTimeout`, "signal"
   * waits for that call without end. Default: "started".
   */
  readonly ready?: "started" | "signal" | undefined
  /**
   * How long it may take to become ready, restarts included; then it gives up with `StartTimeout`. Default: unlimited.
   */
  readonly startTimeout?: Duration.Input | undefined
  /**
   * Its end for good can end the manager: see the manager's `autoShutdown`. That is a good end, or giving up where
   * `escalate` lets that pass. Default: false.
   */
  readonly significant?: boolean | undefined
  /** A liveness check. Default: none. */
  readonly health?: HealthCheck<R> | undefined
  /**
   * The longest time between two `Control.heartbeat`s; longer interrupts the incarnation, without grace, and it has
   * failed with `Unresponsive`. It runs from ready on, without waiting for a first heartbeat. Default: none.
   */
  readonly watchdog?: Duration.Input | undefined
  /** What a reload does here. More can be added from within by `Control.onReload`. Default: nothing. */
  readonly onReload?: Effect.Effect<unknown, unknown, R> | undefined
  /** How long its handlers may take for one reload. Default: "30 seconds". */
  readonly reloadTimeout?: Duration.Input | undefined
  /** A new incarnation may start although the old one would not end. Default: false. */
  readonly overlap?: boolean | undefined
  /**
   * `Handle.reconcile` keeps a child whose version did not change, also when its effect is another object. Default:
   * none.
   */
  readonly version?: unknown
}

/**
 * A `HealthCheck` with its defaults filled in.
 *
 * @category models
 * @since 0.1.0
 */
export interface HealthSettings {
  readonly check: Effect.Effect<unknown, unknown, unknown>
  readonly initialDelayMillis: number
  readonly intervalMillis: number
  readonly timeoutMillis: number
  readonly failures: number
}

/**
 * `Options` with the defaults filled in and durations in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  readonly restart: RestartPolicy.RestartPolicy<never>
  readonly graceMillis: number
  readonly abandonAfterMillis: number
  readonly ready: "started" | "signal"
  readonly startTimeoutMillis: number | undefined
  readonly significant: boolean
  readonly health: HealthSettings | undefined
  readonly watchdogMillis: number | undefined
  readonly onReload: Effect.Effect<unknown, unknown, unknown> | undefined
  readonly reloadTimeoutMillis: number
  readonly overlap: boolean
  readonly version: unknown
}

/**
 * The defaults of all options. A manager's differ: its `grace` is unlimited, and it is ready when all its children are.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: Settings = {
  restart: RestartPolicy.never,
  graceMillis: 5000,
  abandonAfterMillis: 5000,
  ready: "started",
  startTimeoutMillis: undefined,
  significant: false,
  health: undefined,
  watchdogMillis: undefined,
  onReload: undefined,
  reloadTimeoutMillis: 30_000,
  overlap: false,
  version: undefined
}

const healthSettings = (subject: string, health: HealthCheck<unknown>): HealthSettings => ({
  check: validate.effect(subject, "health.check", validate.record(subject, "health", health).check),
  initialDelayMillis: validate.millis(subject, "health.initialDelay", health.initialDelay ?? 0),
  intervalMillis: validate.positiveMillis(subject, "health.interval", health.interval ?? "10 seconds"),
  timeoutMillis: validate.positiveMillis(subject, "health.timeout", health.timeout ?? "1 second"),
  failures: validate.count(subject, "health.failures", health.failures ?? 3)
})

const restartPolicy = <E>(
  subject: string,
  value: RestartPolicy.RestartPolicy<E> | RestartPolicy.RestartSchedule<E>
): RestartPolicy.RestartPolicy<E> => {
  const policy = RestartPolicy.fromInput(value)
  if (Predicate.isObject(policy) && RestartPolicy.isRestartPolicy(policy)) return policy
  throw new InvalidOption({ subject, option: "restart", value, expected: "a RestartPolicy or a Schedule" })
}

/** The one place where options become settings: what is not said keeps its value in `base`. */
const settle = <E>(subject: string, base: Settings, options: Options<E, unknown>): Settings => {
  const settings: Settings = {
    restart: options.restart === undefined ? base.restart : restartPolicy(subject, options.restart),
    graceMillis: options.grace === undefined ? base.graceMillis : validate.millis(subject, "grace", options.grace),
    abandonAfterMillis: options.abandonAfter === undefined
      ? base.abandonAfterMillis
      : validate.millis(subject, "abandonAfter", options.abandonAfter),
    ready: validate.oneOf(subject, "ready", options.ready ?? base.ready, ["started", "signal"]),
    startTimeoutMillis: options.startTimeout === undefined
      ? base.startTimeoutMillis
      : validate.positiveMillis(subject, "startTimeout", options.startTimeout),
    significant: options.significant ?? base.significant,
    health: options.health === undefined ? base.health : healthSettings(subject, options.health),
    watchdogMillis: options.watchdog === undefined
      ? base.watchdogMillis
      : validate.positiveMillis(subject, "watchdog", options.watchdog),
    onReload: options.onReload === undefined
      ? base.onReload
      : validate.effect(subject, "onReload", options.onReload),
    reloadTimeoutMillis: options.reloadTimeout === undefined
      ? base.reloadTimeoutMillis
      : validate.positiveMillis(subject, "reloadTimeout", options.reloadTimeout),
    overlap: options.overlap ?? base.overlap,
    version: options.version ?? base.version
  }
  if (settings.significant && settings.restart._tag === "Always") {
    throw new InvalidOption({
      subject,
      option: "significant",
      value: true,
      expected: "false for a child that is always restarted, since it never ends: use RestartPolicy.onFailure or never"
    })
  }
  return settings
}

/**
 * A type that is taken from the arguments alone. Where a result is expected to be of some type, TypeScript would take
 * it from there too, and find `unknown`; `NoInfer` would keep `Exclude` from looking into it.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Given<T> = [T][T extends unknown ? 0 : never]

/** @internal */
export const Proto: object = {
  ...Effectable.Prototype<Runnable<unknown, unknown>>({
    label: "Runnable",
    evaluate() {
      return Effect.scoped(Effect.asVoid(this.effect))
    }
  }),
  [TypeId]: TypeId,
  get effect() {
    return (this as unknown as Runnable<unknown, unknown>).work
  },
  toJSON(this: Runnable<unknown, unknown>) {
    return { _id: "Runnable", name: this.name }
  }
}

/** @internal */
export const makeProto = <E, R>(
  proto: object,
  name: string,
  work: unknown,
  base: Settings,
  options: Options<E, unknown> | undefined
): Runnable<E, R> => {
  const self = Object.create(proto)
  self.name = validate.name("Runnable", name)
  self.work = work
  self.settings = options === undefined ? base : settle(`Runnable "${name}"`, base, options)
  return self
}

/**
 * Whether a value is a Runnable.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRunnable = (u: unknown): u is Runnable<unknown, unknown> => Predicate.hasProperty(u, TypeId)

/**
 * A Runnable from a name and an Effect.
 *
 * **Details**
 *
 * `R` loses `Scope`: every incarnation gets one of its own. A child that is ready when it has started may have failed
 * by the time whoever started it hears so: use `ready: "signal"` if that matters. Throws `InvalidOption` if the name is
 * empty, contains a slash or control characters, or if an option makes no sense.
 *
 * **Example** (A worker that is restarted)
 *
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { Runnable } from "effect-supervisor"
 *
 * const worker = Runnable.make("worker", Effect.sleep("1 second").pipe(Effect.andThen(Effect.fail("boom"))), {
 *   restart: Schedule.exponential("100 millis"),
 *   grace: "2 seconds"
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <E = never, R = never, R2 = never>(
  name: string,
  effect: Effect.Effect<unknown, E, R>,
  options?: Options<NoInfer<E>, R2>
): Runnable<E, Exclude<R | Given<R2>, Scope.Scope>> =>
  makeProto<E, Exclude<R | Given<R2>, Scope.Scope>>(
    Proto,
    name,
    validate.effect(`Runnable "${name}"`, "effect", effect),
    defaults,
    options as Options<E, unknown> | undefined
  )

/**
 * A Runnable from a Layer: each incarnation builds the layer afresh, with its own `Scope` and its own `MemoMap`, is
 * ready when it is built and keeps it until it is stopped.
 *
 * **Gotchas**
 *
 * A fiber that the layer forks and that dies later is not noticed, as with `Layer.launch`: make it a child of its own,
 * with `Runnable.layer`.
 *
 * **Example** (A connection that is built afresh)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { RestartPolicy, Runnable } from "effect-supervisor"
 *
 * class Socket extends Context.Service<Socket, { readonly id: number }>()("app/Socket") {}
 *
 * const open = Effect.acquireRelease(Effect.succeed({ id: 1 }), () => Effect.log("closed"))
 * const socket = Runnable.fromLayer("socket", Layer.effect(Socket, open), {
 *   restart: RestartPolicy.supervised,
 *   health: { check: Effect.log("ping"), interval: "30 seconds" }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLayer = <ROut, E = never, R = never, R2 = never>(
  name: string,
  layer: Layer.Layer<ROut, E, R>,
  options?: Options<NoInfer<E>, R2>
): Runnable<E, Exclude<R | Given<R2>, Scope.Scope>> =>
  make(
    name,
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      const memoMap = yield* Layer.makeMemoMap
      yield* Layer.buildWithMemoMap(layer, memoMap, scope)
      yield* Control.ready
      return yield* Effect.never
    }),
    { ...options, ready: options?.ready ?? "signal" }
  )

/**
 * Does nothing until it is stopped: keeps an otherwise empty manager alive. The name is "idle" by default.
 *
 * @category constructors
 * @since 0.1.0
 */
export const idle = (name: string = "idle"): Runnable => make(name, Effect.never)

/**
 * The Runnable as a Layer: building it adds the child to the `Supervisor` in the context and waits until the child is
 * ready, closing it stops the child and takes it out again. So whatever the layer is built from outlives the child.
 *
 * **Details**
 *
 * The layer's `E` is the child's: `Supervisor.launch` fails with it, both when the child could not start and when it
 * gave up later. A name that is taken is a defect.
 *
 * **Example** (Supervised layers in an application)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Runnable, Supervisor } from "effect-supervisor"
 *
 * const poller = Runnable.make("poller", Effect.never)
 * const app = Layer.mergeAll(Runnable.layer(poller), Runnable.layer(Runnable.idle()))
 * const main = Supervisor.launch(app)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(self: Runnable<E, R>): Layer.Layer<never, E, R | Supervisor> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const registry = yield* Registered
    yield* registry.register(self).pipe(
      Effect.catchTag(["DuplicateChild", "MaxChildrenReached", "SupervisorClosed"], Effect.die)
    )
  }))

/**
 * What a layer needs of the supervisor that it is built under.
 *
 * @internal
 */
export interface Registry {
  readonly register: <E, R>(
    runnable: Runnable<E, R>
  ) => Effect.Effect<void, E | DuplicateChild | MaxChildrenReached | SupervisorClosed, R | Scope.Scope>
}

/** `Supervisor`, which stands a floor above. */
const Registered = Context.Service<Supervisor, Registry>(supervisorKey)

const clone = <Self extends Any>(self: Self, options: Options<never, unknown>): Self =>
  Object.assign(Object.create(Object.getPrototypeOf(self)), self, {
    settings: settle(`Runnable "${self.name}"`, self.settings, options)
  })

/**
 * Sets the restart policy; a schedule alone means `RestartPolicy.onFailure(schedule)`.
 *
 * **Details**
 *
 * Like all setters it returns a new Runnable, and a manager stays a manager. Throws `InvalidOption` if the value is
 * neither a policy nor a schedule, or if the Runnable is `significant` and would be restarted always.
 *
 * **Example** (Options by setters)
 *
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { Runnable } from "effect-supervisor"
 *
 * const worker = Runnable.make("worker", Effect.never).pipe(
 *   Runnable.restart(Schedule.exponential("100 millis")),
 *   Runnable.grace("2 seconds")
 * )
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export const restart: {
  <E>(
    policy: RestartPolicy.RestartPolicy<E> | RestartPolicy.RestartSchedule<E>
  ): <Self extends Runnable<E, unknown>>(self: Self) => Self
  <Self extends Any>(
    self: Self,
    policy: RestartPolicy.RestartPolicy<Error<Self>> | RestartPolicy.RestartSchedule<Error<Self>>
  ): Self
} = dual(
  2,
  <Self extends Any>(
    self: Self,
    policy: RestartPolicy.RestartPolicy<never> | RestartPolicy.RestartSchedule<never>
  ): Self => clone(self, { restart: policy })
)

type Setter<A> = {
  (value: A): <Self extends Any>(self: Self) => Self
  <Self extends Any>(self: Self, value: A): Self
}

/** A setter for an option that does not touch the types. */
const setter = <A>(key: keyof Options): Setter<A> =>
  dual(2, <Self extends Any>(self: Self, value: A): Self => clone(self, { [key]: value }))

/**
 * Sets how long it may take to stop by itself once it was asked, if it listens. Default: 5 seconds; managers unlimited.
 *
 * @category options
 * @since 0.1.0
 */
export const grace: Setter<Duration.Input | "infinity"> = setter("grace")

/**
 * Sets how long after its interruption it is waited for, finalizers included. Default: 5 seconds.
 *
 * @category options
 * @since 0.1.0
 */
export const abandonAfter: Setter<Duration.Input> = setter("abandonAfter")

/**
 * Sets when it counts as ready: when it has started (the default; layers: when built), or at `Control.ready`.
 *
 * **Gotchas**
 *
 * Without a `startTimeout`, "signal" waits for `Control.ready` without end.
 *
 * @category options
 * @since 0.1.0
 */
export const ready: Setter<"started" | "signal"> = setter("ready")

/**
 * Sets how long it may take to become ready, restarts included; then it gives up with `StartTimeout`. Default:
 * unlimited.
 *
 * @category options
 * @since 0.1.0
 */
export const startTimeout: Setter<Duration.Input> = setter("startTimeout")

/**
 * Sets whether its good end can end the manager: see the manager's `autoShutdown`. Default: false.
 *
 * @category options
 * @since 0.1.0
 */
export const significant: Setter<boolean> = setter("significant")

/**
 * Sets the longest time between two heartbeats, from ready on. Longer interrupts the incarnation, without grace, and
 * the restart policy decides. Default: none.
 *
 * @category options
 * @since 0.1.0
 */
export const watchdog: Setter<Duration.Input> = setter("watchdog")

/**
 * Sets how long its reload handlers may take; then they are interrupted and reported. Default: 30 seconds.
 *
 * @category options
 * @since 0.1.0
 */
export const reloadTimeout: Setter<Duration.Input> = setter("reloadTimeout")

/**
 * Sets whether a new incarnation may start beside one that would not end. Default: false.
 *
 * @category options
 * @since 0.1.0
 */
export const overlap: Setter<boolean> = setter("overlap")

/**
 * Sets the version that `Handle.reconcile` compares, by `Equal`. Default: none, and then the effect is compared.
 *
 * @category options
 * @since 0.1.0
 */
export const version: Setter<unknown> = setter("version")

/**
 * The same Runnable, or manager, that needs `R2` too.
 *
 * @category type-level
 * @since 0.1.0
 */
export type WithServices<Self, R2> = Self extends ProcessManager<infer E, infer R>
  ? ProcessManager<E, R | Exclude<R2, Scope.Scope>>
  : Self extends Runnable<infer E, infer R> ? Runnable<E, R | Exclude<R2, Scope.Scope>>
  : never

/**
 * Sets the liveness check. Default: none.
 *
 * @category options
 * @since 0.1.0
 */
export const health: {
  <R2>(check: HealthCheck<R2>): <Self extends Any>(self: Self) => WithServices<Self, R2>
  <Self extends Any, R2>(self: Self, check: HealthCheck<R2>): WithServices<Self, R2>
} = dual(
  2,
  <Self extends Any, R2>(self: Self, check: HealthCheck<R2>) =>
    clone(self, { health: check }) as unknown as WithServices<Self, R2>
)

/**
 * Sets what a reload does here. What it needs is added to `R`. Default: nothing.
 *
 * @category options
 * @since 0.1.0
 */
export const onReload: {
  <R2>(effect: Effect.Effect<unknown, unknown, R2>): <Self extends Any>(self: Self) => WithServices<Self, R2>
  <Self extends Any, R2>(self: Self, effect: Effect.Effect<unknown, unknown, R2>): WithServices<Self, R2>
} = dual(
  2,
  <Self extends Any, R2>(self: Self, effect: Effect.Effect<unknown, unknown, R2>) =>
    clone(self, { onReload: effect }) as unknown as WithServices<Self, R2>
)

/**
 * An `Exit` of a Runnable, for policies that are written apart from it: `Schedule.setInputType<ExitOf<typeof
 * worker>>()` lets a schedule look at the worker's typed error.
 *
 * @category type-level
 * @since 0.1.0
 */
export type ExitOf<T> = Exit.Exit<unknown, Error<T>>
