/**
 * How a supervisor shows itself: one log line a transition, metrics, and a span an incarnation. What nobody looks at
 * costs next to nothing: a log below the minimum level is not built, no span is made without a tracer, and counts reach
 * `Metric` once a turn of the event loop however many children changed in it.
 *
 * Floor 2.
 */
import type * as Cause from "effect/Cause"
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
import type { Incarnation } from "./incarnation.ts"

const children = tags.map((tag) =>
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
const seconds = [0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600, 86_400]
const backoffSeconds = Metric.histogram("effect_supervisor_backoff_seconds", {
  description: "How long children wait for their restarts",
  boundaries: seconds
})
const uptimeSeconds = Metric.histogram("effect_supervisor_uptime_seconds", {
  description: "How long incarnations ran",
  boundaries: seconds
})

const indexOf: Record<State["_tag"], number> = Object.fromEntries(tags.map((tag, index) => [tag, index])) as Record<
  State["_tag"],
  number
>

/** Restarts are logged at the 1st, 2nd, 4th, 8th ... of a row, so that a loop fades out of the log. */
const thinned = (attempt: number): boolean => (attempt & (attempt - 1)) === 0

/** A storm: so many restarts of one supervisor's children within a second. */
const storm = { restarts: 100, withinMillis: 1000 }

export class Telemetry {
  readonly tracer: Tracer.Tracer | undefined
  private readonly base: Context.Context<never>
  private readonly dispatcher: SchedulerDispatcher
  private readonly minimum: number
  private readonly deltas: Array<number> = tags.map(() => 0)
  private started = 0
  private dirty = false
  private stormSince = 0
  private stormCount = 0
  private storming = false

  constructor(base: Context.Context<never>, dispatcher: SchedulerDispatcher) {
    this.base = base
    this.dispatcher = dispatcher
    this.minimum = LogLevel.getOrdinal(Context.get(base, References.MinimumLogLevel))
    // The default tracer keeps spans to itself, so only one that was provided is worth their cost.
    const tracer = Context.getOrUndefined(base, Tracer.Tracer)
    this.tracer = Context.get(base, References.TracerEnabled) ? tracer : undefined
  }

  log(
    level: "Trace" | "Debug" | "Info" | "Warn" | "Error",
    message: string,
    annotations: Record<string, unknown>,
    cause?: Cause.Cause<unknown>
  ): void {
    if (LogLevel.getOrdinal(level) < this.minimum) return
    const line = Effect.logWithLevel(level)(...(cause === undefined ? [message] : [message, cause]))
    // In a fiber of its own: a logger that throws ends that, and nothing else.
    Effect.runForkWith(this.base)(Effect.annotateLogs(line, annotations))
  }

  /** Counts a change of state and logs it; `path` is made only for a line that is written. */
  transition(cell: Cell, from: State["_tag"] | undefined, path: () => string): void {
    const state = cell.state
    if (from !== undefined) this.deltas[indexOf[from]]!--
    this.deltas[indexOf[state._tag]]!++
    if (state._tag === "Starting") this.started++
    this.touch()
    const about = () => ({ child: path(), incarnation: cell.incarnation })
    switch (state._tag) {
      case "Pending":
        return
      case "Starting":
        return this.at("Trace") ? this.log("Trace", `starting ${path()}`, about()) : undefined
      case "Running":
        return this.at("Debug") ? this.log("Debug", `${path()} is running`, about()) : undefined
      case "Backoff": {
        const level = thinned(state.attempt) && !this.storming ? "Warn" : "Trace"
        if (!this.at(level)) return
        const why = Exit.isFailure(state.exit) ? state.exit.cause : undefined
        const delay = Math.max(0, state.until - Context.get(this.base, Clock.Clock).currentTimeMillisUnsafe())
        const end = why === undefined ? "ended" : `failed (${causeInfo(why).message})`
        return this.log(level, `${path()} ${end}; restart ${state.attempt} in ${delay} ms`, about(), why)
      }
      case "Stopping":
        return this.at("Trace") ? this.log("Trace", `stopping ${path()}`, about()) : undefined
      case "Stopped":
        return this.at("Debug") ? this.log("Debug", `${path()} is stopped`, about()) : undefined
      case "Held":
        return this.at("Info") ? this.log("Info", `${path()} is held`, about()) : undefined
      case "Completed":
        return this.at("Debug") ? this.log("Debug", `${path()} has completed`, about()) : undefined
      case "GaveUp":
        giveUps.updateUnsafe(1, this.base)
        return this.log("Error", `${path()} gave up`, about(), state.cause)
      case "Abandoned":
        abandonments.updateUnsafe(1, this.base)
        return this.log("Error", `${path()} would not end and is abandoned: its fiber still runs`, about())
    }
  }

  private at(level: LogLevel.LogLevel): boolean {
    return LogLevel.getOrdinal(level) >= this.minimum
  }

  /** A child has left the map. */
  removed(from: State["_tag"]): void {
    this.deltas[indexOf[from]]!--
    this.touch()
  }

  /** A restart was granted. Answers whether this is the one that makes a storm of it. */
  restart(exit: Exit.Exit<unknown, unknown>, delayMillis: number, now: number): boolean {
    const kind = Exit.isSuccess(exit) ? "Success" : kindOf(exit.cause)
    restartsBy[kind].updateUnsafe(1, this.base)
    backoffSeconds.updateUnsafe(delayMillis / 1000, this.base)
    if (now - this.stormSince >= storm.withinMillis) {
      if (this.stormCount < storm.restarts) this.storming = false
      this.stormSince = now
      this.stormCount = 0
    }
    if (++this.stormCount < storm.restarts || this.storming) return false
    this.storming = true
    return true
  }

  get storm(): { readonly restarts: number; readonly withinMillis: number } {
    return storm
  }

  uptime(millis: number): void {
    uptimeSeconds.updateUnsafe(millis / 1000, this.base)
  }

  private touch(): void {
    if (this.dirty) return
    this.dirty = true
    this.dispatcher.scheduleTask(() => this.flush(), 0)
  }

  flush(): void {
    this.dirty = false
    for (let index = 0; index < this.deltas.length; index++) {
      const delta = this.deltas[index]!
      if (delta === 0) continue
      this.deltas[index] = 0
      children[index]!.modifyUnsafe(delta, this.base)
    }
    if (this.started === 0) return
    starts.updateUnsafe(this.started, this.base)
    this.started = 0
  }

  /** Opens the span of an incarnation, linked to the one before it, and puts it into the incarnation's context. */
  traced(run: Incarnation, context: Context.Context<never>): Context.Context<never> {
    const cell = run.cell
    const path = run.engine.pathOf(cell)
    const made = Effect.runForkWith(context)(Effect.makeSpan(`supervised ${path}`, {
      attributes: { "supervisor.child": path, "supervisor.incarnation": cell.incarnation },
      links: cell.previousSpan === undefined ? [] : [{ span: cell.previousSpan, attributes: {} }]
    })).pollUnsafe()
    if (made === undefined || Exit.isFailure(made)) return context
    run.span = made.value
    // A copy without links of its own: else every incarnation would keep all before it alive.
    cell.previousSpan = Tracer.externalSpan(made.value)
    return Context.add(context, Tracer.ParentSpan, made.value)
  }

  /** Closes the span of an incarnation with what was decided about its end. */
  untraced(run: Incarnation, exit: Exit.Exit<unknown, unknown>, decision: string): void {
    const span = run.span
    if (span === undefined) return
    span.attribute("supervisor.exit", Exit.isSuccess(exit) ? "Success" : kindOf(exit.cause))
    span.attribute("supervisor.decision", decision)
    span.end(Context.get(this.base, Clock.Clock).currentTimeNanosUnsafe(), exit)
  }
}

const kindOf = (cause: Cause.Cause<unknown>): "Fail" | "Die" | "Interrupt" =>
  (cause.reasons.find((reason) => reason._tag !== "Interrupt") ?? { _tag: "Interrupt" as const })._tag
