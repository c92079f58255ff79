/**
 * Telling a subtree to reload, and hearing what came of it.
 *
 * Floor 2.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { within } from "./health.ts"
import { type CauseInfo, causeInfo } from "../State.ts"
import type { ReloadReport } from "../Supervisor.ts"
import type { ChildNotFound, SupervisorClosed } from "../SupervisorError.ts"
import { together } from "./causes.ts"
import type { Cell } from "./cell.ts"
import type { Engine } from "./engine.ts"
import type { Incarnation } from "./incarnation.ts"
import * as operations from "./operations.ts"

interface Reloaded {
  readonly handled: Array<string>
  readonly ignored: Array<string>
  readonly failed: Array<{ readonly path: string; readonly cause: CauseInfo }>
  readonly timedOut: Array<string>
}

/** All handlers of one child, each to its end, also when another fails. */
const handle = (run: Incarnation): Effect.Effect<void, unknown> | undefined => {
  const { cell, engine } = run
  const { onReload } = cell.settings
  const handlers: Array<Effect.Effect<unknown, unknown>> = [...run.box?.reloads() ?? []]
  if (onReload !== undefined) {
    handlers.push(Effect.provideContext(Effect.scoped(onReload as Effect.Effect<unknown, unknown>), run.context))
  }
  if (handlers.length === 0) return undefined
  const all = Effect.forEach(handlers, Effect.exit, { concurrency: "unbounded" })
  const gone = engine.until(cell, () => cell.run !== run) ?? Effect.void
  return Effect.flatMap(Effect.raceFirst(all, Effect.as(gone, undefined)), (exits) => {
    const causes = exits?.filter(Exit.isFailure).map(({ cause }) => cause) ?? [Cause.interrupt()]
    return causes.length === 0 ? Effect.void : Effect.failCause(together(Cause.empty, ...causes))
  })
}

/** Reloads children in parallel, their subtrees included. A list and no recursion: a tree may be deeper than the stack. */
const reloadInto = (cells: Iterable<Cell>, report: Reloaded, from: number): Effect.Effect<void> => {
  const found = Array.from(cells)
  const reloads: Array<Effect.Effect<void>> = []
  for (let index = 0; index < found.length; index++) {
    const cell = found[index]!
    const { state } = cell
    if (state._tag !== "Running" && state._tag !== "Starting") continue
    const { run } = state
    const path = run.engine.pathOf(cell).slice(from)
    const handlers = handle(run)
    if (run.nested !== undefined) { for (const below of run.nested.cells.values()) found.push(below) }
    if (handlers !== undefined) {
      const answer = within(handlers, cell.settings.reloadTimeoutMillis)
      reloads.push(Effect.map(answer, (exit) => enter(run, report, path, exit)))
    } else if (run.nested === undefined) {
      report.ignored.push(path)
    }
  }
  return Effect.all(reloads, { concurrency: "unbounded", discard: true })
}

const enter = (run: Incarnation, report: Reloaded, path: string, exit: Exit.Exit<void, unknown> | undefined): void => {
  const { cell, engine } = run
  const child = engine.pathOf(cell)
  const about = { child, incarnation: cell.incarnation }
  if (exit === undefined) {
    report.timedOut.push(path)
    engine.telemetry.log("Warn", `${child} did not reload within ${cell.settings.reloadTimeoutMillis} ms`, about)
  } else if (Exit.isSuccess(exit)) {
    report.handled.push(path)
    engine.telemetry.log("Debug", `${child} has reloaded`, about)
  } else if (!Cause.hasInterruptsOnly(exit.cause)) {
    // A child that is gone before its handlers have run is not up any more, so it is not in the report.
    report.failed.push({ path, cause: causeInfo(exit.cause) })
    engine.telemetry.log("Warn", `${child} failed to reload`, about, exit.cause)
  }
}

const reloadCells = (engine: Engine, cells: Iterable<Cell>, from: number): Effect.Effect<ReloadReport> =>
  Effect.suspend(() => {
    const report: Reloaded = { handled: [], ignored: [], failed: [], timedOut: [] }
    // In a fiber of the supervisor: a caller who goes away does not interrupt a handler halfway.
    return Fiber.join(engine.fork(Effect.as(reloadInto(cells, report, from), report)))
  })

export const reload = (engine: Engine): Effect.Effect<ReloadReport> =>
  Effect.suspend(() => reloadCells(engine, engine.cells.values(), engine.prefix.length))

export const reloadChild = (
  engine: Engine,
  path: string
): Effect.Effect<ReloadReport, ChildNotFound | SupervisorClosed> =>
  Effect.suspend((): Effect.Effect<ReloadReport, ChildNotFound | SupervisorClosed> => {
    const found = operations.find(engine, "reloadChild", path)
    return Effect.isEffect(found) ? found : reloadCells(found.engine, [found.cell], engine.prefix.length)
  })
