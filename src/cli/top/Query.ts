/**
 * What follows from what the full-screen view knows: which lines there are, which are seen, what is to be asked for.
 *
 * @since 0.1.0
 */
import type { Child, Group } from "../../control/internal/picture.ts"
import { walk } from "./internal/tree.ts"
import type { Facts, Measured, Model, Row, Size } from "./Model.ts"

/**
 * The smallest terminal that is drawn in.
 *
 * @category constants
 * @since 0.1.0
 */
export const smallest: Size = { columns: 40, rows: 10 }

/**
 * The lines of the tree: what is not below a collapsed manager, or all that the filter finds in path, state or kind.
 *
 * @category getters
 * @since 0.1.0
 */
export const rowsOf = ({ collapsed, facts, filter, tree: root }: Model): ReadonlyArray<Row> => {
  if (root === undefined) return []
  const rows: Array<Row> = []
  if (filter === "") {
    for (const { child, depth } of walk(root, (child) => !collapsed.has(child.path))) {
      rows.push({ child, depth, isCollapsed: collapsed.has(child.path) })
    }
    return rows
  }
  const wanted = filter.toLowerCase()
  const isWanted = (text: string) => text.toLowerCase().includes(wanted)
  for (const { child } of walk(root)) {
    const kind = facts.get(child.path)?.kind ?? ""
    if (isWanted(child.path) || isWanted(child.state._tag) || isWanted(kind)) {
      rows.push({ child, depth: 0, isCollapsed: false })
    }
  }
  return rows
}

/**
 * How many lines each part of the screen has.
 *
 * @category getters
 * @since 0.1.0
 */
export const layoutOf = (model: Pick<Model, "mode">, size: Size, rows: number): Layout => {
  const free = Math.max(0, size.rows - outside)
  if (model.mode._tag === "Reading") return { tree: 0, pane: free }
  // The tree gets what it needs, up to a good half; the pane the rest, without its title.
  const tree = Math.min(Math.max(1, rows), Math.max(3, Math.ceil(free * 0.6)))
  return { tree, pane: free - tree - 1 }
}

/** Two lines of header, one of the table's, and two at the bottom. */
const outside = 5

/**
 * Lines for children, and lines in the lower pane.
 *
 * @category models
 * @since 0.1.0
 */
export interface Layout {
  readonly tree: number
  readonly pane: number
}

/** The first of the lines that are seen: the selected one is in their middle where that can be. */
const firstSeen = (count: number, selected: number, height: number): number =>
  Math.max(0, Math.min(selected - Math.floor(height / 2), count - height))

/**
 * The lines of the tree that are seen.
 *
 * @category getters
 * @since 0.1.0
 */
export const seenOf = (model: Model, size: Size, rows: ReadonlyArray<Row> = rowsOf(model)): ReadonlyArray<Row> => {
  const { tree: height } = layoutOf(model, size, rows.length)
  const selected = rows.findIndex(({ child }) => child.path === model.selected)
  const first = firstSeen(rows.length, selected, height)
  return rows.slice(first, first + height)
}

/**
 * The child that is selected.
 *
 * @category getters
 * @since 0.1.0
 */
export const selectedOf = (model: Model): Child | undefined =>
  model.selected === undefined ? undefined : model.tree?.children.get(model.selected)

/**
 * The supervisor that a child is, while it runs.
 *
 * @category getters
 * @since 0.1.0
 */
export const groupOf = ({ tree }: Model, path: string): Group | undefined => tree?.groups.get(path)

/**
 * How many children a supervisor has of its own.
 *
 * @category getters
 * @since 0.1.0
 */
export const sizeOf = ({ tree }: Model, path: string): number => tree?.order.get(path)?.length ?? 0

/**
 * What a child is: a manager of others, a process, or a fiber; `undefined` while that is not known.
 *
 * @category getters
 * @since 0.1.0
 */
export const kindOf = (model: Model, { path }: Child): "manager" | "job" | "fiber" | undefined =>
  model.tree?.known.has(path) ? "manager" : model.facts.get(path)?.kind

/**
 * Whether the lower pane has a log, and not what is known of the selected child.
 *
 * @category getters
 * @since 0.1.0
 */
export const showsLog = (model: Model): boolean => {
  const child = selectedOf(model)
  return model.pane === "logs" && child !== undefined && kindOf(model, child) === "job"
}

/**
 * Of which process a log is to be followed now, if of any.
 *
 * @category getters
 * @since 0.1.0
 */
export const followed = (model: Model): string | undefined => {
  if (model.link._tag !== "Connected" || model.selected === undefined) return undefined
  return model.facts.get(model.selected)?.kind === "job" ? model.selected : undefined
}

/**
 * Whether anything of a child runs.
 *
 * @category getters
 * @since 0.1.0
 */
export const isUp = ({ state }: Child): boolean =>
  state._tag === "Starting" || state._tag === "Running" || state._tag === "Stopping"

/** What a child is asked for again when it changes. */
const momentOf = (child: Child): string => `${child.incarnation} ${child.state._tag}`

/** Whether it may be told otherwise without an event. */
const changes = ({ tree }: Model, { kind, waitsFor }: Facts, child: Child): boolean =>
  waitsFor.length > 0 || (kind === "job" && isUp(child)) || tree?.unsure.has(child.path) === true

/** How often the use of a process is asked for, in milliseconds. */
const measureEvery = 2000

/**
 * A child that is to be asked for, and of which moment of its life the answer will be.
 *
 * @category models
 * @since 0.1.0
 */
export type Due = Omit<Measured, "details">

/**
 * The children that are to be asked for now: those that are seen and have changed, or run and were asked long ago.
 *
 * @category getters
 * @since 0.1.0
 */
export const due = (model: Model, now: number): ReadonlyArray<Due> => {
  if (model.link._tag !== "Connected") return []
  const rows = rowsOf(model)
  const seen = model.mode._tag === "Reading" ? rows.filter(({ child }) => child.path === model.selected) : seenOf(
    model,
    model.size,
    rows
  )
  return seen.flatMap(({ child }) => {
    const facts = model.facts.get(child.path)
    const moment = momentOf(child)
    const isDue = facts?.moment !== moment ||
      (changes(model, facts, child) && now - facts.at >= measureEvery)
    return isDue ? [{ path: child.path, moment }] : []
  })
}
