/**
 * How a supervisor shows itself: one log line a transition, metrics, and a span an incarnation. What nobody looks at
 * costs next to nothing: a log below the minimum level is not built, no span is made without a tracer, and counts reach
 * `Metric` once a turn of the event loop however many children changed in it.
 *
 * Floor 2.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import type { SchedulerDispatcher } from "effect/Scheduler"
import * as Tracer from "effect/Tracer"
import { causeInfo, type State, tags } from "../State.ts"
import type { Cell } from "./cell.ts"
import type { Engine } from "./engine.ts"
import type { Incarnation } from "./incarnation.ts"

const childrenBy = tags.map((tag) =>
  Metric.gauge("effect_supervisor_children", {
    description: "Children by state",
    attributes: { state: tag }
  })
)
const starts = Metric.counter("effect_supervisor_starts_total", {
  description: "Incarnations started",
  incremental: true
})
const restarts = (kind: string) =>
  Metric.counter("effect_supervisor_restarts_total", {
    description: "Restarts granted, by the kind of cause",
    incremental: true,
    attributes: { cause: kind }
  })
const restartsBy = {
  Fail: restarts("Fail"),
  Die: restarts("Die"),
  Interrupt: restarts("Interrupt"),
  Success: restarts("Success")
}
const giveUps = Metric.counter("effect_supervisor_give_ups_total", {
  description: "Children that gave up",
  incremental: true
})
const abandonments = Metric.counter("effect_supervisor_abandoned_total", {
  description: "Children whose fiber would not end",
  incremental: true
})
const boundaries = [0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600, 86_400]
const backoffSeconds = Metric.histogram("effect_supervisor_backoff_seconds", {
  description: "How long children wait for their restarts",
  boundaries
})
const uptimeSeconds = Metric.histogram("effect_supervisor_uptime_seconds", {
  description: "How long incarnations ran",
  boundaries
})

type Level = "Trace" | "Debug" | "Info" | "Warn" | "Error"

/** How loud each transition is. A planned stop is no warning; `undefined` logs nothing. */
const levels: Record<State["_tag"], Level | undefined> = {
  Pending: undefined,
  Starting: "Trace",
  Running: "Debug",
  Backoff: "Warn",
  Stopping: "Trace",
  Stopped: "Debug",
  Held: "Info",
  Completed: "Debug",
  GaveUp: "Error",
  Abandoned: "Error"
}

/** The place of a state in `tags`. */
const indexOf = (tag: State["_tag"]): number => tags.indexOf(tag)

const zeros = tags.map(() => 0)

/** How loud each transition is, as a number, by the place of the state. */
const ordinals = tags.map((tag) => {
  const level = levels[tag]
  return level === undefined ? Number.NEGATIVE_INFINITY : LogLevel.getOrdinal(level)
})

const debug = LogLevel.getOrdinal("Debug")

/** Restarts are logged at the 1st, 2nd, 4th, 8th ... of a row, so that a loop fades out of the log. */
const isPowerOfTwo = (attempt: number): boolean => (attempt & (attempt - 1)) === 0

/** So many restarts of one supervisor's children within a second are a storm. */
export const storm = { restarts: 100, withinMillis: 1000 }

const kindOf = (exit: Exit.Exit<unknown, unknown>): keyof typeof restartsBy => {
  if (Exit.isSuccess(exit)) return "Success"
  for (const reason of exit.cause.reasons) if (reason._tag !== "Interrupt") return reason._tag
  return "Interrupt"
}

export class Telemetry {
  /** The tracer that was provided. The default one keeps its spans to itself, so they are not worth their cost. */
  readonly tracer: Tracer.Tracer | undefined
  private readonly base: Context.Context<never>
  private readonly dispatcher: SchedulerDispatcher
  private readonly minimum: number
  private readonly deltas = zeros.slice()
  private readonly uptimes: Array<number> = []
  private started = 0
  private dirty = false
  private stormSince = 0
  private stormCount = 0
  private storming = false
  private closed = false

  constructor(base: Context.Context<never>, dispatcher: SchedulerDispatcher) {
    this.base = base
    this.dispatcher = dispatcher
    this.minimum = LogLevel.getOrdinal(Context.get(base, References.MinimumLogLevel))
    this.tracer = Context.get(base, References.TracerEnabled) ? Context.getOrUndefined(base, Tracer.Tracer) : undefined
  }

  log(level: Level, message: string, annotations: Record<string, unknown>, cause?: Cause.Cause<unknown>): void {
    if (LogLevel.getOrdinal(level) < this.minimum) return
    const line = Effect.logWithLevel(level)(...(cause === undefined ? [message] : [message, cause]))
    // In a fiber of its own: a logger that throws ends that, and nothing else.
    Effect.runForkWith(this.base)(Effect.annotateLogs(line, annotations))
  }

  /** The supervisor itself is in a new state. Its children say why, so this is for those who look closely. */
  supervisor({ name, path }: Engine, to: string, cause: Cause.Cause<unknown> | undefined): void {
    if (debug >= this.minimum) this.log("Debug", `supervisor ${name} is ${to}`, { supervisor: name, path }, cause)
  }

  /** A child is in a new state: counts it and logs it. */
  transition(engine: Engine, cell: Cell, from: State["_tag"] | undefined): void {
    const to = cell.state._tag
    const index = indexOf(to)
    if (from !== undefined) this.deltas[indexOf(from)]!--
    this.deltas[index]!++
    if (to === "Starting") this.started++
    else if (to === "GaveUp") giveUps.updateUnsafe(1, this.base)
    else if (to === "Abandoned") abandonments.updateUnsafe(1, this.base)
    if (!this.dirty) this.touch()
    if (ordinals[index]! >= this.minimum) this.logTransition(engine, cell, levels[to]!)
  }

  private logTransition(engine: Engine, cell: Cell, level: Level): void {
    const path = engine.pathOf(cell)
    const { state } = cell
    const log = (message: string, cause?: Cause.Cause<unknown>) =>
      this.log(level, message, { child: path, incarnation: cell.incarnation }, cause)
    switch (state._tag) {
      case "Pending":
        return
      case "Starting":
        return log(`starting ${path}`)
      case "Running":
        return log(`${path} is running`)
      case "Backoff": {
        // In a storm one line speaks for all.
        if (this.storming || !isPowerOfTwo(state.attempt)) return
        const restart = `restart ${state.attempt} in ${Math.round(state.delayMillis)} ms`
        if (Exit.isSuccess(state.exit)) return log(`${path} ended; ${restart}`)
        const { cause } = state.exit
        // The first of a row has the whole cause; after that one line will do, but for defects: those are bugs.
        const whole = state.attempt === 1 || Cause.hasDies(cause)
        return log(`${path} failed (${causeInfo(cause).message}); ${restart}`, whole ? cause : undefined)
      }
      case "Stopping":
        return log(`stopping ${path}`)
      case "Stopped":
        return log(`${path} is stopped`)
      case "Held":
        return log(`${path} is held`)
      case "Completed":
        return log(`${path} has completed`)
      case "GaveUp":
        return log(`${path} gave up`, state.cause)
      case "Abandoned":
        return log(`${path} would not end and is abandoned: its fiber still runs`)
    }
  }

  /** A child was asked to stop, listened, and did not manage in time. */
  graceExpired(engine: Engine, cell: Cell): void {
    const child = engine.pathOf(cell)
    this.log("Warn", `${child} did not stop within its grace of ${engine.graceOf(cell)} ms and is interrupted`, {
      child,
      incarnation: cell.incarnation
    })
  }

  /** All restarts that the children of a supervisor share are spent. */
  exhausted(engine: Engine, cell: Cell): void {
    const child = engine.pathOf(cell)
    this.log("Error", `${child} made one restart more than the intensity of supervisor ${engine.name} allows`, {
      child,
      incarnation: cell.incarnation
    })
  }

  /** A child has left the map. */
  removed(from: State["_tag"]): void {
    this.deltas[indexOf(from)]!--
    if (!this.dirty) this.touch()
  }

  /** A restart was granted. Answers whether this is the one that makes a storm of it. */
  restart(exit: Exit.Exit<unknown, unknown>, delayMillis: number, now: number): boolean {
    restartsBy[kindOf(exit)].updateUnsafe(1, this.base)
    backoffSeconds.updateUnsafe(delayMillis / 1000, this.base)
    const since = now - this.stormSince
    if (since >= storm.withinMillis) {
      if (this.stormCount < storm.restarts || since >= 2 * storm.withinMillis) this.storming = false
      this.stormSince = now
      this.stormCount = 0
    }
    if (++this.stormCount < storm.restarts || this.storming) return false
    this.storming = true
    return true
  }

  /** An incarnation ran so long. */
  uptime(millis: number): void {
    this.uptimes.push(millis)
    if (!this.dirty) this.touch()
  }

  /** The supervisor has ended: it has no children any more, and what ends late is counted no more. */
  close(cells: Iterable<Cell>): void {
    for (const { state } of cells) this.removed(state._tag)
    this.flush()
    this.closed = true
  }

  private touch(): void {
    if (this.closed) return
    this.dirty = true
    this.dispatcher.scheduleTask(() => this.flush(), 0)
  }

  flush(): void {
    if (this.closed) return
    this.dirty = false
    for (let index = 0; index < this.deltas.length; index++) {
      const delta = this.deltas[index]!
      if (delta === 0) continue
      this.deltas[index] = 0
      childrenBy[index]!.modifyUnsafe(delta, this.base)
    }
    for (const millis of this.uptimes) uptimeSeconds.updateUnsafe(millis / 1000, this.base)
    this.uptimes.length = 0
    if (this.started === 0) return
    starts.updateUnsafe(this.started, this.base)
    this.started = 0
  }

  /** Opens the span of an incarnation, linked to the one before it, and puts it into the incarnation's context. */
  traced(run: Incarnation, context: Context.Context<never>): Context.Context<never> {
    const { cell } = run
    const path = run.engine.pathOf(cell)
    // A tracer is user code: it runs in a fiber, where it may throw.
    const made = Effect.runForkWith(context)(Effect.map(
      Effect.makeSpan(`supervised ${path}`, {
        attributes: { "supervisor.child": path, "supervisor.incarnation": cell.incarnation },
        links: cell.left?.span === undefined ? [] : [{ span: cell.left.span, attributes: {} }]
      }),
      // A copy without links of its own: else every incarnation would keep all before it alive.
      (span) => ({ span, link: Tracer.externalSpan(span) })
    )).pollUnsafe()
    if (made === undefined || Exit.isFailure(made)) return context
    const { link, span } = made.value
    run.extras.span = span
    cell.leaves.span = link
    return Context.add(context, Tracer.ParentSpan, span)
  }

  /** Closes the span of an incarnation with what was decided about its end. */
  untraced(run: Incarnation, exit: Exit.Exit<unknown, unknown>, decision: string): void {
    if (this.tracer === undefined) return
    const { span } = run.extras
    if (span === undefined) return
    const at = Context.get(this.base, Clock.Clock).currentTimeNanosUnsafe()
    Effect.runForkWith(this.base)(Effect.sync(() => {
      span.attribute("supervisor.exit", kindOf(exit))
      span.attribute("supervisor.decision", decision)
      span.end(at, exit)
    }))
  }
}
