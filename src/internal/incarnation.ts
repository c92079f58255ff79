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
import * as Health from "../Health.ts"
import type { Cell } from "./cell.ts"
import type { Engine, Limits } from "./engine.ts"
import { Inbox } from "./inbox.ts"

export class Incarnation implements Control.Control {
  readonly engine: Engine
  readonly cell: Cell
  readonly startedAt: number
  readyAt: number | undefined = undefined
  /** Why it was ended, if that was its own failure to serve. */
  condemned: Cause.Cause<never> | undefined = undefined
  /** The supervisor that runs inside it, if it is a manager. */
  nested: Engine | undefined = undefined
  span: Tracer.Span | undefined = undefined
  healthy = true
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private ended = false
  private mail: Inbox | undefined = undefined
  private watches: Array<Fiber.Fiber<unknown, unknown>> | undefined = undefined
  private beat: (() => void) | undefined = undefined

  constructor(engine: Engine, cell: Cell, startedAt: number) {
    this.engine = engine
    this.cell = cell
    this.startedAt = startedAt
  }

  /** Runs the child's Effect to its first suspension or its end. */
  start(): void {
    if (this.ended) return
    const scope = Scope.makeUnsafe()
    const context = this.context(scope)
    const effect = this.cell.runnable.effect as Effect.Effect<unknown, unknown, never>
    // The fiber registers itself as its first step: whoever stops this child from within that step must find it.
    const registered = Effect.withFiber((fiber) => {
      this.fiber = fiber
      return effect
    })
    const fiber = Effect.runForkWith(context)(registered)
    if (this.cell.settings.ready === "started") this.engine.started(this)
    fiber.addObserver((exit) => this.close(scope, exit))
  }

  private context(scope: Scope.Closeable): Context.Context<never> {
    const base = this.cell.base ?? this.engine.base
    const context = Context.add(Context.add(base, Scope.Scope, scope), Control.Current, this)
    return this.engine.telemetry.tracer === undefined ? context : this.engine.telemetry.traced(this, context)
  }

  /** The fiber has ended: run the finalizers of its scope, then report. */
  private close(scope: Scope.Closeable, exit: Exit.Exit<unknown, unknown>): void {
    this.unwatch()
    if (scope.state._tag === "Empty") return this.end(exit)
    this.engine.fork(Scope.close(scope, exit)).addObserver((closed) =>
      this.end(
        Exit.isSuccess(closed)
          ? exit
          : Exit.failCause(Exit.isSuccess(exit) ? closed.cause : Cause.combine(exit.cause, closed.cause))
      )
    )
  }

  private end(exit: Exit.Exit<unknown, unknown>): void {
    this.ended = true
    this.engine.ended(this, exit)
  }

  /** It is worth asking and waiting, because somebody listens. */
  get listening(): boolean {
    return this.nested !== undefined || this.mail?.listening === true
  }

  /** Asks for a graceful stop; `limits` are what a subtree may take for it. */
  ask(limits: Limits): void {
    this.nested?.shutdown(limits)
    this.mail?.ask()
  }

  /** Ends the fiber, as far as it can be ended. */
  interrupt(): void {
    this.nested?.hurry()
    if (this.fiber !== undefined) return this.fiber.interruptUnsafe()
    // Its start was put off and has not happened: now it will not.
    this.end(Exit.interrupt())
  }

  /** Begins what watches over a child that is ready. */
  watch(): void {
    const { health, watchdogMillis } = this.cell.settings
    if (health === undefined && watchdogMillis === undefined) return
    const watches: Array<Fiber.Fiber<unknown, unknown>> = this.watches = []
    const fork = Effect.runForkWith(Context.add(this.cell.base ?? this.engine.base, Control.Current, this))
    if (watchdogMillis !== undefined) {
      const watchdog = Health.watchdog(watchdogMillis, () => this.engine.unresponsive(this, watchdogMillis))
      this.beat = watchdog.beat
      watches.push(fork(watchdog.run))
    }
    if (health !== undefined) {
      watches.push(fork(Health.liveness(health, {
        onHealthy: () => {
          this.healthy = true
        },
        onFailure: (cause, failures) => {
          this.healthy = false
          this.engine.unhealthy(this, cause, failures, failures >= health.failures)
        }
      })))
    }
  }

  unwatch(): void {
    const watches = this.watches
    if (watches === undefined) return
    this.watches = undefined
    for (const fiber of watches) fiber.interruptUnsafe()
  }

  // -- Control

  ready(): void {
    this.engine.started(this)
  }

  heartbeat(): void {
    this.beat?.()
  }

  inbox(): Inbox {
    return this.mail ??= new Inbox()
  }

  /** The mail that came in or is waited for, without making any. */
  get box(): Inbox | undefined {
    return this.mail
  }
}
