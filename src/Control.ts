/**
 * What a Runnable hears from its supervisor, and what it says to it.
 *
 * Everything here works through a `Context.Reference` with a default, so it adds nothing to `R`, and the same Effect
 * runs unsupervised in a plain test: then `ready` and `heartbeat` do nothing, nobody asks for a stop or a reload, and
 * no message comes.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import { Inbox } from "./internal/inbox.ts"

/**
 * The line between one incarnation and its supervisor: what `Current` holds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Control {
  /** Where the incarnation stands in the tree, such as "web/worker-3"; `undefined` outside of a supervisor. */
  readonly path: string | undefined
  /** Marks the incarnation ready. */
  ready(): void
  /** Pushes the watchdog's deadline out. */
  heartbeat(): void
  /** What the incarnation was told, made on first use. */
  inbox(): Inbox
}

const nothing = () => {}

/**
 * The line of the incarnation that runs here. Outside of a supervisor: a line that nobody speaks on.
 *
 * **When to use**
 *
 * Use it in a test, to see that a child says "ready" or "alive". Everything else is said and heard through the other
 * exports of this module.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Control> = Context.Reference<Control>("effect-supervisor/Control", {
  defaultValue: () => ({ path: undefined, ready: nothing, heartbeat: nothing, inbox: () => new Inbox() })
})

const withControl = <A, E, R>(f: (control: Control) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => f(fiber.getRef(Current)))

/**
 * The path of the child that runs here, such as "web/worker-3", as logs and events name it; `undefined` outside of a
 * supervisor.
 *
 * **When to use**
 *
 * Use it to name what belongs to this child and has to be told apart elsewhere: a file, a metric, a lock.
 *
 * **Example** (A file of its own)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Control } from "effect-supervisor"
 *
 * const file = Effect.map(Control.path, (path = "unsupervised") => `${path.replaceAll("/", "-")}.state`)
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const path: Effect.Effect<string | undefined> = withControl((control) => Effect.sync(() => control.path))

/**
 * "I serve now": lets the next child start and begins health checks. For a child with `ready: "signal"`; others are
 * ready when they have started. Saying it twice changes nothing.
 *
 * **Details**
 *
 * systemd's `READY=1`. A child made with `Runnable.fromLayer` says it by itself when its layer is built.
 *
 * **Gotchas**
 *
 * A child with `ready: "signal"` that never says it is waited for without end, and so are all after it, unless it has a
 * `startTimeout`.
 *
 * **Example** (Ready when the port is open)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Control, Runnable } from "effect-supervisor"
 *
 * const listen = Effect.acquireRelease(Effect.log("listening"), () => Effect.log("closed"))
 * const server = Runnable.make(
 *   "server",
 *   listen.pipe(Effect.andThen(Control.ready), Effect.andThen(Effect.never)),
 *   { ready: "signal", startTimeout: "10 seconds" }
 * )
 * ```
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 * @category operations
 * @since 0.1.0
 */
export const ready: Effect.Effect<void> = withControl((control) => Effect.sync(() => control.ready()))

/**
 * "I made progress": for a child with a `watchdog` deadline. For others it does nothing.
 *
 * **Details**
 *
 * systemd's `WATCHDOG=1`. The watchdog runs from the moment when the child is ready, without waiting for a first
 * heartbeat. When the deadline is over the incarnation is interrupted without grace, and has failed with
 * `Unresponsive`.
 *
 * **Gotchas**
 *
 * A synchronous loop blocks the event loop and with it the watchdog itself: nothing inside the process can see it.
 *
 * **Example** (One heartbeat a job)
 *
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { Control, Runnable } from "effect-supervisor"
 *
 * const job = Effect.sleep("1 second")
 * const worker = Runnable.make("worker", Effect.forever(Effect.andThen(job, Control.heartbeat)), {
 *   watchdog: "10 seconds",
 *   restart: Schedule.exponential("100 millis")
 * })
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const heartbeat: Effect.Effect<void> = withControl((control) => Effect.sync(() => control.heartbeat()))

/**
 * Waits until a graceful stop was asked. Whoever listens gets the `grace` to finish; whoever does not is interrupted at
 * once.
 *
 * **Details**
 *
 * Having listened once is listening: the request is remembered, and an incarnation that is busy when it comes still
 * gets its grace. Unsupervised, it never comes. `grace` is an option of the Runnable; the default is 5 seconds.
 *
 * **Example** (Drain, then end)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Control, Runnable } from "effect-supervisor"
 *
 * const serve = Effect.never
 * const drain = Effect.log("draining")
 * const server = Runnable.make("server", Effect.raceFirst(serve, Control.shutdown).pipe(Effect.andThen(drain)))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const shutdown: Effect.Effect<void> = withControl((control) => {
  const inbox = control.inbox()
  inbox.listening = true
  return inbox.take(() => inbox.takeAsked())
})

/**
 * The requests to reload, as a stream. Taking one acknowledges it to whoever asked.
 *
 * **When to use**
 *
 * Use where a reload is an event among others, to be merged with them. Where it is something to run, `onReload` also
 * tells whoever asked whether it failed.
 *
 * **Details**
 *
 * Every stream gets every request that comes while it runs. Whoever asked waits until each has taken it, for at most
 * `reloadTimeout`.
 *
 * **Gotchas**
 *
 * A child that asks its own supervisor to reload and waits for the report waits for itself: fork the request.
 *
 * **Example** (Reading settings again)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Control, Runnable } from "effect-supervisor"
 *
 * const readSettings = Effect.log("reading settings")
 * const settings = Runnable.make("settings", Stream.runForEach(Control.reloads, () => readSettings))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const reloads: Stream.Stream<void> = Stream.unwrap(
  withControl((control) => {
    const inbox = control.inbox()
    return Effect.map(
      Effect.acquireRelease(Effect.sync(() => inbox.addTap()), (tap) => Effect.sync(() => inbox.removeTap(tap))),
      (tap) => Stream.fromEffectRepeat(inbox.take(() => inbox.takeReload(tap)))
    )
  })
)

/**
 * Runs `effect` at every reload for as long as the scope is open. Whoever asked for the reload learns when it has run,
 * and whether it failed.
 *
 * **When to use**
 *
 * Use where what has to be reloaded is made within the child. The Runnable's option `onReload` does the same from
 * outside.
 *
 * **Details**
 *
 * Handlers run beside the child's own work, all of them in parallel, for at most `reloadTimeout`. One that fails is in
 * the report and in the log, and does not end the child.
 *
 * **Example** (A cache that empties itself)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Control, Runnable } from "effect-supervisor"
 *
 * const cache = Runnable.make("cache", Effect.gen(function*() {
 *   const entries = new Map<string, string>()
 *   yield* Control.onReload(Effect.sync(() => entries.clear()))
 *   return yield* Effect.never
 * }))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const onReload = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<void, never, R | Scope> =>
  withControl((control) =>
    Effect.flatMap(Effect.context<R>(), (context) => {
      const inbox = control.inbox()
      const handler = Effect.provideContext(effect, context)
      return Effect.acquireRelease(
        Effect.sync(() => inbox.addHandler(handler)),
        () => Effect.sync(() => inbox.removeHandler(handler))
      )
    })
  )

/**
 * The custom messages sent to this child, in order. Up to 256 wait until somebody listens; they end with the
 * incarnation and do not reach the next one.
 *
 * **Details**
 *
 * Sent by `Handle.send`, which fails with `MessagesFull` when 256 are waiting. Each message goes to one reader, be it a
 * stream or a `tick`.
 *
 * **Example** (A level set from outside)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Control, Runnable } from "effect-supervisor"
 *
 * const worker = Runnable.make(
 *   "worker",
 *   Stream.runForEach(Control.messages, (message) => Effect.log("told", message))
 * )
 * // elsewhere: handle.send("worker", { level: 3 })
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const messages: Stream.Stream<unknown> = Stream.unwrap(
  withControl((control) => {
    const inbox = control.inbox()
    return Effect.succeed(Stream.fromEffectRepeat(inbox.take(() => inbox.takeMessage())))
  })
)

/**
 * What ended one turn of a work-or-control loop: the work (`Next`), the request to stop, a reload, or a message.
 *
 * @category models
 * @since 0.1.0
 */
export type Tick<A> =
  | { readonly _tag: "Next"; readonly value: A }
  | { readonly _tag: "Shutdown" }
  | { readonly _tag: "Reload" }
  | { readonly _tag: "Custom"; readonly message: unknown }

const shutdownTick = { value: { _tag: "Shutdown" } } as const
const reloadTick = { value: { _tag: "Reload" } } as const

/**
 * One turn of a work-or-control loop: runs `effect`, unless something was said first. What was said before the turn
 * goes first, so that it is heard however short the work is; an effect that loses is interrupted.
 *
 * **Details**
 *
 * A stop goes before a reload, and that before a message. After a stop was asked every further tick says so. Like
 * `shutdown` it counts as listening. Taking a reload acknowledges it.
 *
 * **Gotchas**
 *
 * What must not be left half done does not belong into `effect`: take the job by `tick`, do it after. A child that asks
 * for its own reload and waits for the report takes no tick meanwhile, so it waits for itself: fork the request.
 *
 * **Example** (A polling loop)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Control, Runnable } from "effect-supervisor"
 *
 * const poll = Effect.sleep("1 second")
 * const poller = Runnable.make("poller", Effect.gen(function*() {
 *   while (true) {
 *     const tick = yield* Control.tick(poll)
 *     if (tick._tag === "Shutdown") return
 *     if (tick._tag === "Reload") yield* Effect.log("reading my settings again")
 *   }
 * }))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const tick = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Tick<A>, E, R> =>
  withControl((control) => {
    const inbox = control.inbox()
    const tap = inbox.tap()
    inbox.listening = true
    const take = (): { readonly value: Tick<never> } | undefined => {
      if (inbox.asked) return shutdownTick
      if (inbox.takeReload(tap) !== undefined) return reloadTick
      const message = inbox.takeMessage()
      return message && { value: { _tag: "Custom", message: message.value } }
    }
    const said = take()
    if (said !== undefined) return Effect.succeed(said.value)
    const work = Effect.map(effect, (value): Tick<A> => ({ _tag: "Next", value }))
    return Effect.raceFirst(work, inbox.take(take))
  })
