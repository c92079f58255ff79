/**
 * A tree of supervisors and their children, as lines.
 *
 * Floor 4.
 */
import { plural } from "../../control/internal/words.ts"
import type { Details } from "../../control/ControlApi.ts"
import type { ChildSnapshot, Snapshot } from "../../Snapshot.ts"
import { noteOf } from "./rows.ts"
import type { Style } from "./style.ts"
import { cut, width as widthOf } from "./width.ts"
import * as words from "./words.ts"

interface Line {
  readonly indent: string
  readonly child: ChildSnapshot
}

const lines = (root: Snapshot): ReadonlyArray<Line> => {
  const found: Array<Line> = []
  const open: Array<{ readonly child: ChildSnapshot; readonly before: string; readonly isLast: boolean }> = []
  const push = (snapshot: Snapshot, before: string) => {
    const children = snapshot.children.filter(({ name }) => !words.isOwn(name))
    for (const [index, child] of children.toReversed().entries()) open.push({ child, before, isLast: index === 0 })
  }
  push(root, "")
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { before, child, isLast } = next
    found.push({ indent: `${before}${isLast ? "└─ " : "├─ "}`, child })
    if (child.supervisor !== undefined) push(child.supervisor, `${before}${isLast ? "   " : "│  "}`)
  }
  return found
}

const restartsOf = ({ restarts }: ChildSnapshot): string => restarts === 0 ? "" : `, ${plural(restarts, "restart")}`

/** The tree in lines of at most this width. */
export const treeText = (
  root: Snapshot,
  known: ReadonlyMap<string, Details>,
  now: number,
  width: number,
  style: Style
): ReadonlyArray<string> => [
  `${style.bold(root.name)} ${style.dim(`${root.state.toLowerCase()}, ${root.strategy}`)}`,
  ...lines(root).map(({ child, indent }) => {
    const word = words.state(child)
    const details = known.get(child.path)
    const pid = details?.job?.pid
    const about = [
      pid === undefined ? "" : ` pid ${pid}`,
      child.supervisor === undefined ? "" : ` ${child.supervisor.strategy}`,
      restartsOf(child)
    ].join("")
    const note = noteOf(child, details, now)
    const head = `${indent}${child.name} `
    const rest = cut(`${about}${note === "" ? "" : `: ${note}`}`, width - widthOf(head) - word.length)
    return `${style.dim(indent)}${child.name} ${words.colourOf(word, style)(word)}${style.dim(rest)}`
  })
]
