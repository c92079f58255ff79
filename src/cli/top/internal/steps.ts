/**
 * What an update gives back, and what holds after each.
 *
 * Floor 4.
 */
import type { Command, Model, Row } from "../Model.ts"
import { rowsOf } from "../Query.ts"

/** The view that is next, and what is to be done. */
export interface Step {
  readonly model: Model
  readonly commands: ReadonlyArray<Command>
}

export const step = (model: Model, ...commands: ReadonlyArray<Command>): Step => ({ model, commands })

const indexIn = (rows: ReadonlyArray<Row>, path: string | undefined): number =>
  rows.findIndex(({ child }) => child.path === path)

/** Something that is seen is selected, if there is anything: where what was selected has gone, its neighbour. */
export const settle = (before: Model, after: Model): Model => {
  const isSame = before.tree === after.tree && before.filter === after.filter && before.collapsed === after.collapsed &&
    before.selected === after.selected
  if (isSame) return after
  const rows = rowsOf(after)
  if (indexIn(rows, after.selected) >= 0) return forget(before, after)
  const was = Math.max(0, indexIn(rowsOf(before), before.selected))
  const selected = ancestorIn(rows, after.selected) ?? rows[Math.min(was, rows.length - 1)]?.child.path
  return forget(before, { ...after, selected })
}

/** The manager that a path is below of, where that is collapsed. */
const ancestorIn = (rows: ReadonlyArray<Row>, path: string | undefined): string | undefined =>
  rows.findLast(({ child, isCollapsed }) => isCollapsed && path?.startsWith(`${child.path}/`) === true)?.child.path

/** What was shown of another child is over with it. */
const forget = (before: Model, after: Model): Model => {
  if (before.selected === after.selected) return after
  const mode = after.mode._tag === "Reading" ? { ...after.mode, back: 0 } : after.mode
  return { ...after, mode, logs: undefined }
}

/** Selects the line that is so far from the selected one, or the last in that direction. */
export const move = (model: Model, by: number): Model => {
  const rows = rowsOf(model)
  const index = indexIn(rows, model.selected) + by
  const selected = rows[Math.max(0, Math.min(index, rows.length - 1))]?.child.path
  return selected === model.selected ? model : { ...model, selected }
}
