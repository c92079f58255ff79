/**
 * How children stop: asked, given their grace, interrupted, and let go of if they would not end.
 *
 * Floor 2.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Runnable from "../Runnable.ts"
import { causeInfo } from "../State.ts"
import { Unhealthy, Unresponsive } from "../SupervisorError.ts"
import { type Cell, type CellState, held, pending, stopped, type Stopping, type Wish } from "./cell.ts"
import type { Engine } from "./engine.ts"
import type { Incarnation } from "./incarnation.ts"
import { within } from "./health.ts"
import { bounce } from "./trampoline.ts"

/** How many children are stopped in a row before others get a turn. */
const batch = 1024

/**
 * Stops every child in reverse order, each after the one before or all at once; then closes what outlives them, for which
 * there is as much time as for one child.
 */
export const bringDown: (engine: Engine, exit: Exit.Exit<void, unknown>) => Effect.Effect<void> = Effect.fnUntraced(
  function*(engine: Engine, exit: Exit.Exit<void, unknown>) {
    const cells = Array.from(engine.cells.values())
    const together: Array<Effect.Effect<void>> = []
    for (let index = cells.length - 1; index >= 0; index--) {
      const wait = engine.stop(cells[index]!, "stop")
      if (wait === undefined) {
        if (index % batch === batch - 1) yield* Effect.yieldNow
      } else if (engine.settings.shutdownOrder === "parallel") {
        together.push(wait)
      } else {
        yield* wait
      }
    }
    for (const wait of together) yield* wait
    const closing = Scope.closeUnsafe(engine.scope, exit)
    if (closing !== undefined) {
      engine.noteFinalizers(yield* within(Effect.uninterruptible(closing), Runnable.defaults.abandonAfterMillis))
    }
    engine.end()
  }
)

/** Stops one child. What it is afterwards, the latest wish decides. `undefined` when it is done already. */
export const stop = (engine: Engine, cell: Cell, wish: Wish): Effect.Effect<void> | undefined => {
  const { state } = cell
  switch (state._tag) {
    case "Starting":
    case "Running":
      return stopRun(engine, cell, state.run, wish, !state.run.listening)
    case "Stopping":
      state.wish = wish
      return engine.until(cell, () => cell.state !== state)
    case "Backoff":
      settle(engine, cell, wish)
      state.cancel()
      return undefined
    case "Pending":
      if (wish !== "pend") settle(engine, cell, wish)
      return undefined
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
    case "Abandoned":
      return undefined
  }
}

/** Puts a child that is down where it was wished to be. */
export const settle = (engine: Engine, cell: Cell, wish: Wish, exit?: Exit.Exit<unknown, unknown>): void => {
  switch (wish) {
    case "stop":
    case "fail":
    case "giveUp":
      return engine.transition(cell, stopped, exit)
    case "hold":
      return engine.transition(cell, held, exit)
    case "pend":
      return engine.transition(cell, pending, exit)
    case "restart":
      return engine.phase._tag === "Open" ? engine.launch(cell) : engine.transition(cell, stopped, exit)
    case "remove":
      engine.transition(cell, stopped, exit)
      return engine.discard(cell)
  }
}

const notWaiting = () => {}

const interrupt = (run: Incarnation): void => run.interrupt()

/** Stops an incarnation; `atOnce` leaves out the asking. */
const stopRun = (
  engine: Engine,
  cell: Cell,
  run: Incarnation,
  wish: Wish,
  atOnce: boolean
): Effect.Effect<void> | undefined => {
  const { now } = engine
  const graceEnd = atOnce ? now : Math.min(now + cell.settings.graceMillis, engine.limits(now).grace)
  const state: Stopping = {
    _tag: "Stopping",
    run,
    until: graceEnd === Number.POSITIVE_INFINITY ? undefined : graceEnd,
    wish,
    hurry: notWaiting
  }
  run.unwatch()
  engine.transition(cell, state)
  if (atOnce && cell.state === state) bounce(engine.dispatcher, interrupt, run)
  if (cell.state !== state) return undefined
  if (atOnce) awaitEnd(engine, cell, state)
  else askAndWait(engine, cell, state, graceEnd)
  return engine.until(cell, () => cell.state !== state)
}

/** Asks for the end, and insists when the grace is over or nobody wants to wait for it any more. */
const askAndWait = (engine: Engine, cell: Cell, state: Stopping, graceEnd: number): void => {
  const { run } = state
  const limits = { grace: graceEnd, hard: graceEnd + patience(engine, cell, graceEnd) }
  bounce(engine.dispatcher, () => run.ask(limits), undefined)
  if (cell.state !== state) return
  const insist = (hasExpired: boolean) => {
    // A hurry cuts graces only: a child that cleans up has its time.
    state.hurry = notWaiting
    if (hasExpired) engine.telemetry.graceExpired(engine, cell)
    bounce(engine.dispatcher, interrupt, run)
    if (cell.state === state) awaitEnd(engine, cell, state)
  }
  const cancel = after(engine, cell, state, graceEnd - engine.now, () => insist(true))
  state.hurry = () => {
    if (cell.state !== state) return
    cancel()
    insist(false)
  }
}

/** Waits for the end of a child that was interrupted, and lets go of one that would not end. */
const awaitEnd = (engine: Engine, cell: Cell, state: Stopping): void => {
  after(engine, cell, state, patience(engine, cell, engine.now), () => abandon(engine, cell, state))
}

/** Does something when a child was in its state for so long; nothing if it leaves it before, or if that is cancelled. */
const after = (
  engine: Engine,
  cell: Cell,
  state: CellState,
  millis: number,
  then: () => void
): () => void => {
  if (millis === Number.POSITIVE_INFINITY) return notWaiting
  const timer = engine.fork(Effect.sleep(millis))
  const cancel = () => {
    unwatch()
    timer.interruptUnsafe()
  }
  const unwatch = cell.watch(() => cell.state === state ? undefined : cancel())
  timer.addObserver((slept) => {
    unwatch()
    if (Exit.isSuccess(slept) && cell.state === state) then()
  })
  return cancel
}

/** How long an interrupted child is waited for. A tenth of what is left stays for its supervisor to tell about it. */
const patience = (engine: Engine, cell: Cell, from: number): number => {
  const own = cell.settings.abandonAfterMillis
  const { hard } = engine.limits(from)
  return hard === Number.POSITIVE_INFINITY ? own : Math.min(own, Math.max(0, 0.9 * (hard - from)))
}

/** Lets go of an incarnation that would not end. It stays known, and its late end is noticed. */
const abandon = (engine: Engine, cell: Cell, { run, wish }: Stopping): void => {
  const { overlap } = cell.settings
  switch (wish) {
    case "stop":
    case "hold":
      return letGo(engine, run, undefined)
    case "remove":
      letGo(engine, run, undefined)
      return engine.discard(cell)
    case "restart":
      letGo(engine, run, undefined)
      return overlap ? engine.launch(cell) : undefined
    case "pend":
      letGo(engine, run, undefined)
      return overlap ? engine.transition(cell, pending) : undefined
    case "fail":
      if (!overlap) return lose(engine, run, run.extras.condemned)
      letGo(engine, run, undefined)
      return engine.decide(run, Exit.failCause(run.extras.condemned))
    case "giveUp":
      return lose(engine, run, run.extras.condemned)
  }
}

const letGo = (engine: Engine, run: Incarnation, end: Exit.Exit<unknown, unknown> | undefined): void => {
  engine.tree.abandoned.set(run, engine.pathOf(run.cell))
  engine.transition(run.cell, { _tag: "Abandoned", run, end })
}

/** It has failed and would not end, so it cannot be restarted: that is giving up. */
const lose = (engine: Engine, run: Incarnation, cause: Cause.Cause<unknown>): void => {
  letGo(engine, run, Exit.failCause(cause))
  engine.escalate(run.cell, cause)
}

/** An incarnation has ended by itself and runs its finalizers, for which it has as long as one that was stopped. */
export const finalizing = (engine: Engine, run: Incarnation, exit: Exit.Exit<unknown, unknown>): void => {
  const { cell } = run
  const { state } = cell
  if (state._tag !== "Starting" && state._tag !== "Running") return
  after(engine, cell, state, cell.settings.abandonAfterMillis, () => {
    const { overlap, restart } = cell.settings
    if (overlap) {
      letGo(engine, run, undefined)
      return engine.decide(run, exit)
    }
    // It cannot be restarted, so what failed, or has to run always, gives up.
    if (Exit.isFailure(exit)) return lose(engine, run, exit.cause)
    if (restart._tag === "Always") return lose(engine, run, engine.exhausted(cell))
    letGo(engine, run, exit)
    engine.over(cell)
  })
}

// -- Failing to serve

/** Ends an incarnation that does not do its work; then its policy decides, or it may not go on. */
export const condemn = (
  engine: Engine,
  run: Incarnation,
  cause: Cause.Cause<never>,
  wish: "fail" | "giveUp"
): void => {
  const { cell } = run
  if (cell.run !== run || cell.state._tag === "Stopping" || engine.phase._tag !== "Open") return
  run.extras.condemned = cause
  stopRun(engine, cell, run, wish, true)
}

export const unresponsive = (engine: Engine, run: Incarnation, watchdogMillis: number): void =>
  condemn(engine, run, Cause.die(new Unresponsive({ path: engine.pathOf(run.cell), watchdogMillis })), "fail")

export const unhealthy = (
  engine: Engine,
  run: Incarnation,
  cause: Cause.Cause<unknown>,
  failures: number,
  fatal: boolean
): void => {
  const { cell } = run
  if (cell.state._tag !== "Running" || cell.state.run !== run) return
  const path = engine.pathOf(cell)
  const { incarnation } = cell
  if (failures === 1) {
    engine.telemetry.log("Warn", `${path} failed its health check`, { child: path, incarnation }, cause)
  }
  if (engine.tree.observed) {
    const info = causeInfo(cause)
    engine.publish({ _tag: "ChildUnhealthy", at: engine.now, path, incarnation, failures, cause: info })
  }
  if (fatal) condemn(engine, run, Cause.die(new Unhealthy({ path, failures, cause })), "fail")
}
