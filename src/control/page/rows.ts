/** The tree as the lines that are shown, in order. */
import type { Picture } from "../internal/picture.ts"
import { toneOf, toneWords, wordOf } from "./words.ts"

export interface Row {
  readonly path: string
  /** The root's is 1. */
  readonly level: number
  /** Its place among its siblings, from 1. */
  readonly place: number
  readonly siblings: number
  readonly hasChildren: boolean
}

/** All lines, without what is below a collapsed one. With a filter: what matches it, and what that is below. */
export const rowsOf = (model: Picture, collapsed: ReadonlySet<string>, filter: string): ReadonlyArray<Row> => {
  if (!model.groups.has("")) return []
  const wanted = filter === "" ? undefined : matching(model, filter.toLowerCase())
  const rows: Array<Row> = []
  const open: Array<Row> = [row(model, "", 1, 1, 1)]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    rows.push(next)
    if (wanted === undefined && collapsed.has(next.path)) continue
    const all = model.order.get(next.path) ?? []
    const children = wanted === undefined ? all : all.filter((path) => wanted.has(path))
    for (let index = children.length - 1; index >= 0; index--) {
      open.push(row(model, children[index]!, next.level + 1, index + 1, children.length))
    }
  }
  return rows
}

const row = (model: Picture, path: string, level: number, place: number, siblings: number): Row => ({
  path,
  level,
  place,
  siblings,
  hasChildren: (model.order.get(path)?.length ?? 0) > 0
})

/** A filter is a part of the path, or of the word for the state, or the word for states like it. */
const matching = (model: Picture, filter: string): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const { path, state } of model.children.values()) {
    const isIt = path.toLowerCase().includes(filter) || wordOf(state._tag).includes(filter) ||
      toneWords[toneOf(state._tag)] === filter
    if (!isIt) continue
    for (let at = path; at !== "" && !found.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) found.add(at)
  }
  return found
}
