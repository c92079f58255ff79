/**
 * The children of a supervisor in order, and how they are counted.
 *
 * Floor 2.
 */
import * as Context from "effect/Context"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type * as Runnable from "../Runnable.ts"
import { Cell, type CellState, isActive, isDone, isLost } from "./cell.ts"
import type { Engine } from "./engine.ts"
import { supervisorKey } from "./serviceKeys.ts"
import { snapshotChild } from "./snapshot.ts"

/** What a child that somebody adds has from its supervisor, and not from them: it outlives their call. */
const notLent = [
  supervisorKey,
  Tracer.ParentSpan.key,
  References.CurrentLogAnnotations.key,
  References.CurrentLogSpans.key
]

/** A child has come into a state, or left it. */
export const count = (engine: Engine, cell: Cell, state: CellState, delta: number): void => {
  if (isLost(state)) engine.gaveUp += delta
  else if (!isDone(state)) engine.left += delta
  if (cell.settings.significant && isActive(state._tag)) engine.significantLeft += delta
}

/** Puts a child at the end of the order. */
export const insert = (engine: Engine, runnable: Runnable.Any, base?: Context.Context<never>): Cell => {
  const cell = new Cell(runnable, base)
  engine.cells.set(cell.name, cell)
  count(engine, cell, cell.state, 1)
  engine.telemetry.transition(engine, cell, undefined)
  if (engine.tree.observed) {
    engine.publish({
      _tag: "ChildAdded",
      at: engine.now,
      path: engine.pathOf(cell),
      child: snapshotChild(engine, cell)
    })
  }
  return cell
}

/** Takes a child that is at rest out of the map. */
export const discard = (engine: Engine, cell: Cell): void => {
  if (engine.cells.get(cell.name) !== cell) return
  engine.cells.delete(cell.name)
  count(engine, cell, cell.state, -1)
  engine.telemetry.removed(cell.state._tag)
  if (engine.tree.observed) engine.publish({ _tag: "ChildRemoved", at: engine.now, path: engine.pathOf(cell) })
  engine.endIfNoneIsLeft()
}

/** Gives a child a new description. */
export const adopt = (
  engine: Engine,
  cell: Cell,
  runnable: Runnable.Any,
  base: Context.Context<never> | undefined
): void => {
  count(engine, cell, cell.state, -1)
  if (cell.left !== undefined && cell.settings.restart !== runnable.settings.restart) cell.left.driver = undefined
  cell.runnable = runnable
  cell.base = base
  count(engine, cell, cell.state, 1)
}

/** Brings the children into a new order. */
export const reorder = (engine: Engine, names: ReadonlyArray<string>): void => {
  for (const name of names) {
    const cell = engine.cells.get(name)
    if (cell === undefined) continue
    engine.cells.delete(name)
    engine.cells.set(name, cell)
  }
}

/** The services for a child that somebody with `context` adds: theirs, under this supervisor. */
export const borrow = (engine: Engine, context: Context.Context<never>): Context.Context<never> => {
  if (engine.borrowed?.from !== context) {
    const map = new Map([...engine.base.mapUnsafe, ...context.mapUnsafe])
    for (const key of notLent) {
      if (engine.base.mapUnsafe.has(key)) map.set(key, engine.base.mapUnsafe.get(key))
      else map.delete(key)
    }
    engine.borrowed = { from: context, base: Context.makeUnsafe(map) }
  }
  return engine.borrowed.base
}
