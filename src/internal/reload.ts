/**
 * Telling a subtree to reload, and hearing what came of it.
 *
 * Floor 2.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Control from "../Control.ts"
import { within } from "../Health.ts"
import { type CauseInfo, causeInfo } from "../State.ts"
import type { ReloadReport } from "../Supervisor.ts"
import type { ChildNotFound, SupervisorClosed } from "../SupervisorError.ts"
import type { Cell } from "./cell.ts"
import type { Engine } from "./engine.ts"
import * as operations from "./operations.ts"

interface Reloaded {
  readonly handled: Array<string>
  readonly ignored: Array<string>
  readonly failed: Array<{ readonly path: string; readonly cause: CauseInfo }>
  readonly timedOut: Array<string>
}

/** Reloads children in parallel, their subtrees included. */
const reloadInto = (engine: Engine, cells: Iterable<Cell>, report: Reloaded, from: number): Effect.Effect<void> =>
  Effect.forEach(Array.from(cells), (cell) => {
    const { state } = cell
    const path = engine.pathOf(cell).slice(from)
    if (state._tag !== "Running" && state._tag !== "Starting") return Effect.void
    const { run } = state
    const parts: Array<Effect.Effect<void, unknown>> = []
    const { onReload, reloadTimeoutMillis } = cell.settings
    if (onReload !== undefined) {
      const context = Context.add(cell.base ?? engine.base, Control.Current, run)
      parts.push(Effect.asVoid(Effect.provideContext(onReload as Effect.Effect<unknown, unknown>, context)))
    }
    if (run.box?.hearsReloads === true) parts.push(run.box.reload())
    const nested = run.nested === undefined
      ? Effect.void
      : reloadInto(run.nested, run.nested.cells.values(), report, from)
    if (parts.length === 0) {
      if (run.nested === undefined) report.ignored.push(path)
      return nested
    }
    const gone = engine.until(cell, () => cell.run !== run) ?? Effect.void
    const handlers = within(
      Effect.raceFirst(Effect.all(parts, { concurrency: "unbounded", discard: true }), gone),
      reloadTimeoutMillis
    )
    const own = Effect.map(handlers, (exit) => {
      if (Exit.isSuccess(exit)) report.handled.push(path)
      else if (Cause.isTimeoutError(Cause.squash(exit.cause))) report.timedOut.push(path)
      else report.failed.push({ path, cause: causeInfo(exit.cause) })
    })
    return Effect.all([own, nested], { concurrency: "unbounded", discard: true })
  }, { concurrency: "unbounded", discard: true })

const reloadCells = (engine: Engine, cells: Iterable<Cell>): Effect.Effect<ReloadReport> =>
  Effect.suspend(() => {
    const report: Reloaded = { handled: [], ignored: [], failed: [], timedOut: [] }
    return Effect.as(reloadInto(engine, cells, report, engine.prefix.length), report)
  })

export const reload = (engine: Engine): Effect.Effect<ReloadReport> =>
  Effect.suspend(() => reloadCells(engine, engine.cells.values()))

export const reloadChild = (
  engine: Engine,
  name: string
): Effect.Effect<ReloadReport, ChildNotFound | SupervisorClosed> =>
  Effect.suspend((): Effect.Effect<ReloadReport, ChildNotFound | SupervisorClosed> => {
    const found = operations.find(engine, "reloadChild", name)
    return Effect.isEffect(found) ? found : reloadCells(engine, [found])
  })
