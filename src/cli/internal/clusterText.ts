/**
 * A cluster as people read it: its children in a table, by the nodes that they are on, and what happens, an event a line.
 *
 * Floor 4.
 */
import { plural } from "../../control/internal/words.ts"
import type { ClusterChild, ClusterEvent, ClusterSnapshot } from "../../control/ClusterSchema.ts"
import { neutralise } from "./escapes.ts"
import type { Style } from "./style.ts"
import { type Column, layout } from "./table.ts"
import * as words from "./words.ts"

/** "GaveUp" as "gave up". */
const inWords = (tag: string): string => tag.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase()

const stateOf = ({ state, wanted }: ClusterChild): string => wanted ? inWords(state) : "not wanted"

const noteOf = ({ cause }: ClusterChild): string =>
  cause === undefined ? "" : neutralise(words.brief(words.firstLine(cause.message)))

const columns: ReadonlyArray<Column> = [
  { title: "NAME", min: 12 },
  { title: "STATE" },
  { title: "NODE", min: 10 },
  { title: "KIND", dropAt: 3 },
  { title: "TOKEN", align: "right", dropAt: 2 },
  { title: "RESTARTS", align: "right", dropAt: 4 },
  { title: "NOTE", min: 16, dropAt: 1 }
]

const cellsOf = (child: ClusterChild): ReadonlyArray<string> => [
  neutralise(child.name),
  stateOf(child),
  neutralise(child.node),
  child.kind,
  String(child.token),
  child.restarts === 0 ? "" : String(child.restarts),
  noteOf(child)
]

/** All children of all nodes. */
export const clusterTable = ({ children }: ClusterSnapshot, width: number, style: Style): ReadonlyArray<string> =>
  layout({
    columns,
    rows: children.map(cellsOf),
    width,
    heading: style.dim,
    paint: (row, column, text) => {
      if (column === 1) return words.colourOf(stateOf(children[row]!), style)(text)
      return column === columns.length - 1 ? style.dim(text) : text
    }
  })

const leaf = (child: ClusterChild, isLast: boolean, style: Style): string => {
  const state = stateOf(child)
  const note = noteOf(child)
  const restarts = child.restarts === 0 ? "" : `, ${plural(child.restarts, "restart")}`
  const rest = `token ${child.token}${restarts}${note === "" ? "" : `: ${note}`}`
  const branch = style.dim(isLast ? "└─ " : "├─ ")
  return `${branch}${neutralise(child.name)} ${words.colourOf(state, style)(state)} ${style.dim(rest)}`
}

const group = (
  title: string,
  children: ReadonlyArray<ClusterChild>,
  style: Style
): ReadonlyArray<string> => [
  title,
  ...children.map((child, index) => leaf(child, index === children.length - 1, style))
]

/** Each node with what it has; what is on none comes last. */
export const clusterTree = ({ children, nodes }: ClusterSnapshot, style: Style): ReadonlyArray<string> => {
  const on = new Map<string, Array<ClusterChild>>(nodes.map(({ node }) => [node, []]))
  const lost: Array<ClusterChild> = []
  for (const child of children) (on.get(child.node) ?? lost).push(child)
  return [
    ...nodes.flatMap(({ node, seenMillisAgo }) =>
      group(
        `${style.bold(neutralise(node))} ${style.dim(`seen ${words.duration(seenMillisAgo)} ago`)}`,
        on.get(node) ?? [],
        style
      )
    ),
    ...(lost.length === 0 ? [] : group(style.bold("on no node that lives"), lost, style))
  ]
}

/** One event in a line: when, who, what, where. */
export const clusterEventText = (event: ClusterEvent, now: number, style: Style): string => {
  const state = inWords(event._tag)
  const what = words.colourOf(state, style)(state)
  return `${style.dim(words.clock(event.at, now))}  ${neutralise(event.child)}  ${what}  ${
    style.dim(`on ${neutralise(event.node)}, token ${event.token}`)
  }`
}
