/**
 * How children start: in order, each after the one before is ready.
 *
 * Floor 2.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { StartTimeout } from "../SupervisorError.ts"
import { type Cell, comesBack } from "./cell.ts"
import type { Engine } from "./engine.ts"
import { Incarnation } from "./incarnation.ts"
import { bounce } from "./trampoline.ts"

/** How many children are started in a row before others get a turn. */
const batch = 1024

/** Starts every pending child, in order. */
export const bringUp: (engine: Engine) => Effect.Effect<void> = Effect.fnUntraced(function*(engine: Engine) {
  const number = engine.sequences
  let started = 0
  for (const cell of engine.cells.values()) {
    if (cell.state._tag !== "Pending") continue
    engine.launch(cell)
    if (engine.sequences !== number) return
    if (!cell.settled) {
      yield* engine.settled(cell)
    } else if (++started % batch === 0) {
      yield* Effect.yieldNow
    }
    if (engine.sequences !== number) return
  }
  engine.becomeReady()
})

/** Starts an incarnation, unless closing has begun: the check and the launch are one step. */
export const launch = (engine: Engine, cell: Cell): void => {
  if (engine.phase._tag !== "Open" || engine.cells.get(cell.name) !== cell) return
  cell.incarnation++
  const run = new Incarnation(engine, cell, engine.now - engine.epoch)
  if (cell.settings.startTimeoutMillis !== undefined) beginStartTimer(engine, cell, cell.settings.startTimeoutMillis)
  engine.transition(cell, { _tag: "Starting", run })
  bounce(engine.dispatcher, start, run)
}

const isRunning = ({ state }: Cell, run: Incarnation): boolean => state._tag === "Running" && state.run === run

const start = (run: Incarnation): void => run.start()

/** An incarnation is ready. */
export const started = (engine: Engine, run: Incarnation): void => {
  const { cell } = run
  if (cell.state._tag !== "Starting" || cell.state.run !== run) return
  run.readyAfter = engine.now - engine.epoch
  engine.transition(cell, { _tag: "Running", run })
  // Whoever hears of it, a logger say, may have stopped it.
  if (isRunning(cell, run)) run.watch()
}

/** Bounds the wait for readiness, restarts included: the timer runs from the first launch until the child has settled. */
const beginStartTimer = (engine: Engine, cell: Cell, timeoutMillis: number): void => {
  const { leaves } = cell
  if (leaves.startTimer !== undefined) return
  leaves.startTimer = engine.fork(Effect.andThen(
    Effect.sleep(timeoutMillis),
    Effect.sync(() => {
      leaves.startTimer = undefined
      const cause = Cause.die(new StartTimeout({ path: engine.pathOf(cell), timeoutMillis }))
      const { state } = cell
      switch (state._tag) {
        case "Starting":
          return engine.condemn(state.run, cause, "giveUp")
        case "Stopping":
          if (!comesBack(cell)) return
          state.run.extras.condemned = cause
          state.wish = "giveUp"
          return
        case "Backoff":
          state.cancel()
          return engine.giveUp(cell, cause)
        case "Pending":
          return engine.giveUp(cell, cause)
        case "Running":
        case "Stopped":
        case "Held":
        case "Completed":
        case "GaveUp":
        case "Abandoned":
          return
      }
    })
  ))
}

export const endStartTimer = ({ leaves }: Cell): void => {
  leaves.startTimer?.interruptUnsafe()
  leaves.startTimer = undefined
}
