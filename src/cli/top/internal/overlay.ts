/**
 * What takes the place of the tree and the pane for a while: the help, and the menu of signals.
 *
 * Floor 4.
 */
import type { Mode } from "../Model.ts"
import type { Frame } from "../View.ts"
import { signals } from "./actions.ts"
import { type Line, overall, span } from "./style.ts"
import * as text from "./text.ts"

const keys: ReadonlyArray<readonly [key: string, meaning: string]> = [
  ["↑ ↓  j k", "the one before, the next"],
  ["PgUp PgDn", "a page up, down"],
  ["g G", "the first, the last"],
  ["enter space", "collapse or open a manager"],
  ["← →", "close or go up, open or go down"],
  ["/", "filter by path, state or kind"],
  ["esc", "show all again"],
  ["s", "start"],
  ["x", "stop"],
  ["r", "restart"],
  ["R", "reload it and what is below"],
  ["h H", "hold for maintenance, release"],
  ["K", "send a signal"],
  ["d", "remove from its supervisor"],
  ["l", "its log on the whole screen"],
  ["i tab", "its log, or how it ended before"],
  ["w", "wrap long lines, or cut them"],
  ["C", "apply the configuration"],
  ["Q", "shut down everything"],
  ["ctrl-l z", "draw again, suspend"],
  ["q ctrl-c", "quit; all goes on running"]
]

const entry = ([key, meaning]: readonly [string, string], width: number): string =>
  text.fit(` ${text.fit(key, 12)}${meaning}`, width)

/** In two columns where one is too high. */
export const help = ({ columns }: Frame, height: number): ReadonlyArray<Line> => {
  const isHigh = keys.length + 1 <= height || columns < 76
  const per = isHigh ? keys.length : Math.ceil(keys.length / 2)
  const width = isHigh ? columns : Math.floor(columns / 2)
  const lines = keys.slice(0, per).map((key, index): Line => {
    const other = isHigh ? undefined : keys[per + index]
    return [span(entry(key, width)), span(other === undefined ? "" : entry(other, width))]
  })
  return [[span(" Keys", "accent")], ...lines].slice(0, height)
}

export const signalMenu = (
  { index, path }: Extract<Mode, { _tag: "Signalling" }>,
  { columns }: Frame,
  height: number
): ReadonlyArray<Line> => {
  const lines = signals.map(([signal, meaning], at): Line => {
    const line = [span(` ${at + 1}  ${signal.padEnd(9)}${meaning}`)]
    return at === index ? overall(line, "reverse", columns) : line
  })
  // What is chosen is seen, however little space there is.
  const first = Math.max(0, Math.min(index - height + 2, lines.length - height + 1))
  const title: Line = [span(" Send to the processes of ", "accent"), span(text.printable(path), "strong")]
  return [title, ...lines.slice(first)].slice(0, height)
}
