/**
 * One run of a child: a fiber, a scope, and the line to its supervisor. Everything that only some children use is made
 * on first use.
 *
 * Floor 2.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import * as Control from "../Control.ts"
import * as Health from "./health.ts"
import { together } from "./causes.ts"
import type { Cell } from "./cell.ts"
import type { Engine, Limits } from "./engine.ts"
import { Inbox } from "./inbox.ts"

/** What only some incarnations have. */
interface Extras {
  /** Why it was ended, if that was its own failure to serve. */
  condemned: Cause.Cause<never>
  /** It was asked to stop, and may take so long for it. */
  asked: Limits | undefined
  /** The supervisor that runs inside it, if it is a manager. */
  nested: Engine | undefined
  span: Tracer.Span | undefined
  healthy: boolean
  inbox: Inbox | undefined
  beat: (() => void) | undefined
  watches: Array<Fiber.Fiber<unknown, unknown>>
}

/** Before its fiber is known: it has not started, is in its first step, or is in that and to be interrupted after it. */
type FirstStep = "not yet" | "in it" | "the last"

export class Incarnation implements Control.Control {
  readonly engine: Engine
  readonly cell: Cell
  /** In milliseconds after the start of its supervisor: a small integer, where a time of day would be boxed. */
  readonly startedAfter: number
  readyAfter: number | undefined = undefined
  private readonly scope = Scope.makeUnsafe()
  private fiber: Fiber.Fiber<unknown, unknown> | FirstStep = "not yet"
  private more: Extras | undefined = undefined

  constructor(engine: Engine, cell: Cell, startedAfter: number) {
    this.engine = engine
    this.cell = cell
    this.startedAfter = startedAfter
  }

  get extras(): Extras {
    return this.more ??= {
      condemned: Cause.empty,
      asked: undefined,
      nested: undefined,
      span: undefined,
      healthy: true,
      inbox: undefined,
      beat: undefined,
      watches: []
    }
  }

  /** Runs the child's Effect to its first suspension or its end. */
  start(): void {
    const { cell, engine } = this
    // Its start was put off, and it was stopped in the meantime.
    if (cell.run !== this || cell.state._tag !== "Starting") return
    const context = Context.add(this.context, Scope.Scope, this.scope)
    this.fiber = "in it"
    const fiber = Effect.runForkWith(
      engine.telemetry.tracer === undefined ? context : engine.telemetry.traced(this, context)
    )(cell.runnable.effect as Effect.Effect<unknown, unknown>)
    // Somebody may have stopped it from within its first step, before its fiber was known.
    const isLast = (this.fiber as FirstStep) === "the last"
    this.fiber = fiber
    if (isLast) fiber.interruptUnsafe()
    else if (cell.settings.ready === "started") engine.started(this)
    // Bound, which takes less than a closure: there is one for every child.
    fiber.addObserver(this.close.bind(this))
  }

  /** The services of the child, and the line to it. */
  get context(): Context.Context<never> {
    return Context.add(this.cell.base ?? this.engine.base, Control.Current, this)
  }

  /** The fiber has ended: run the finalizers of its scope, then report. */
  private close(exit: Exit.Exit<unknown, unknown>): void {
    this.unwatch()
    const closing = Scope.closeUnsafe(this.scope, exit)
    if (closing === undefined) return this.engine.ended(this, exit)
    const closer = this.engine.fork(Effect.uninterruptible(closing))
    if (closer.pollUnsafe() === undefined) this.engine.finalizing(this, exit)
    closer.addObserver((closed) =>
      this.engine.ended(
        this,
        Exit.isSuccess(closed)
          ? exit
          : Exit.failCause(Exit.isSuccess(exit) ? closed.cause : together(exit.cause, closed.cause))
      )
    )
  }

  /** It was ended because it failed. */
  get isCondemned(): boolean {
    return this.more !== undefined && this.more.condemned !== Cause.empty
  }

  get nested(): Engine | undefined {
    return this.more?.nested
  }

  /** It is worth asking and waiting, because somebody listens. */
  get listening(): boolean {
    const { more } = this
    return more !== undefined && (more.nested?.isFollowed === true || more.inbox?.listening === true)
  }

  /** It was asked to stop and still runs, in none of its finalizers. */
  get asked(): Limits | undefined {
    return this.hasEnded ? undefined : this.more?.asked
  }

  /** Its fiber has ended; its finalizers may still run. */
  private get hasEnded(): boolean {
    return typeof this.fiber !== "string" && this.fiber.pollUnsafe() !== undefined
  }

  /** Asks for a graceful stop; `limits` are what a subtree may take for it. */
  ask(limits: Limits): void {
    if (this.more !== undefined) this.more.asked = limits
    if (this.more?.nested?.isFollowed === true) this.more.nested.shutdown(limits)
    this.more?.inbox?.ask()
  }

  /** Ends the fiber, as far as it can be ended. */
  interrupt(): void {
    const nested = this.more?.nested
    // One that it does not wait for is stopped by its finalizers, within what it has for them.
    if (nested !== undefined && (nested.isFollowed || this.engine.isHurried)) nested.hurry()
    const { fiber } = this
    if (typeof fiber !== "string") return fiber.interruptUnsafe()
    switch (fiber) {
      case "not yet":
        // Its start was put off, and now will not happen.
        return this.engine.ended(this, Exit.interrupt())
      case "in it":
      case "the last":
        this.fiber = "the last"
        return
    }
  }

  /** Begins what watches over a child that is ready. */
  watch(): void {
    const { health, watchdogMillis } = this.cell.settings
    if (health === undefined && watchdogMillis === undefined) return
    const { extras } = this
    const fork = Effect.runForkWith(this.context)
    if (watchdogMillis !== undefined) {
      const watchdog = Health.watchdog(watchdogMillis, () => this.engine.unresponsive(this, watchdogMillis))
      extras.beat = watchdog.beat
      extras.watches.push(fork(watchdog.run))
    }
    if (health !== undefined) {
      extras.watches.push(fork(Health.liveness(health, {
        onHealthy: () => {
          extras.healthy = true
        },
        onFailure: (cause, failures) => {
          extras.healthy = false
          this.engine.unhealthy(this, cause, failures, failures >= health.failures)
        }
      })))
    }
  }

  unwatch(): void {
    if (this.more === undefined) return
    for (const fiber of this.more.watches.splice(0)) fiber.interruptUnsafe()
  }

  // -- Control

  get path(): string {
    return this.engine.pathOf(this.cell)
  }

  ready(): void {
    // A fiber that it left behind may say so later.
    if (!this.hasEnded) this.engine.started(this)
  }

  heartbeat(): void {
    this.more?.beat?.()
  }

  inbox(): Inbox {
    const { cell, extras } = this
    if (extras.inbox === undefined) {
      extras.inbox = new Inbox()
      // Who listens for the first time while being stopped, in a finalizer say, is not to wait for what has happened.
      if (cell.run === this && cell.state._tag === "Stopping") extras.inbox.ask()
    }
    return extras.inbox
  }

  /** What it was told, if it was told or has asked for anything. */
  get box(): Inbox | undefined {
    return this.more?.inbox
  }
}
