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
  ["↑ ↓ j k", "the one before, the next; PgUp PgDn by pages, g G to the ends"],
  ["enter space", "close or open a manager"],
  ["← →", "close it or go up, open it or go down"],
  ["/", "filter by path, state or kind; Esc shows all again"],
  ["s x r", "start, stop, restart"],
  ["R", "reload it and what is below it"],
  ["h H", "hold for maintenance, release"],
  ["K", "send a signal to its processes"],
  ["d", "remove it from its supervisor"],
  ["l", "its log on the whole screen; there f follows, g G go to the ends"],
  ["i tab", "its log, or what is known of it and how it ended before"],
  ["w", "wrap long lines of the log, or cut them"],
  ["C", "read the configuration again and apply it"],
  ["Q", "shut down everything"],
  ["ctrl-l", "draw everything again"],
  ["ctrl-z", "suspend top; fg brings it back"],
  ["q ctrl-c", "quit; everything goes on running"]
]

export const help = (height: number): ReadonlyArray<Line> => {
  const lines = keys.map(([key, meaning]): Line => [span(` ${text.fit(key, 12)}`, "strong"), span(meaning)])
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
