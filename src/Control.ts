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
 * The line between one incarnation and its supervisor.
 *
 * @category models
 * @since 0.1.0
 */
export interface Control {
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
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Control> = Context.Reference<Control>("effect-supervisor/Control", {
  defaultValue: () => ({ ready: nothing, heartbeat: nothing, inbox: () => new Inbox() })
})

const withControl = <A, E, R>(f: (control: Control) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => f(fiber.getRef(Current)))

/**
 * "I serve now": lets the next child start and begins health checks. For a child with `ready: "signal"`; others are
 * ready when they have started. Saying it twice changes nothing.
 *
 * **Details**
 *
 * systemd's `READY=1`.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 * @category operations
 * @since 0.1.0
 */
export const ready: Effect.Effect<void> = withControl((control) => Effect.sync(() => control.ready()))

/**
 * "I made progress": for a child with a `watchdog` deadline.
 *
 * **Gotchas**
 *
 * A synchronous loop blocks the event loop and with it the watchdog itself: nothing inside the process can see it.
 *
 * **Details**
 *
 * systemd's `WATCHDOG=1`.
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
 * gets its grace. Unsupervised, it never comes.
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
 * **Gotchas**
 *
 * A child that asks its own supervisor to reload and waits for the report waits for itself: fork the request.
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
 * What ended one turn of a work-or-control loop.
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
 * `shutdown` it counts as listening.
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
