/**
 * Draws what the full-screen view knows.
 *
 * @since 0.1.0
 */
import { footer } from "./internal/footer.ts"
import { header } from "./internal/header.ts"
import { help, signalMenu } from "./internal/overlay.ts"
import { pane } from "./internal/pane.ts"
import { type Line, paint, span } from "./internal/style.ts"
import { table } from "./internal/table.ts"
import * as text from "./internal/text.ts"
import type { Model } from "./Model.ts"
import { layoutOf, rowsOf, seenOf, smallest } from "./Query.ts"

/**
 * What is drawn in, and when.
 *
 * @category models
 * @since 0.1.0
 */
export interface Frame {
  readonly columns: number
  readonly rows: number
  /** In milliseconds since the epoch: what is counted up and down is counted from it. */
  readonly now: number
  readonly colour: boolean
}

/**
 * The screen: exactly `rows` lines, each of exactly `columns` columns, escapes for colours aside.
 *
 * @category conversions
 * @since 0.1.0
 */
export const render = (model: Model, frame: Frame): ReadonlyArray<string> => {
  const lines = frame.columns < smallest.columns || frame.rows < smallest.rows ? tooSmall(frame) : screen(model, frame)
  return Array.from(
    { length: Math.max(0, frame.rows) },
    (_, index) => paint(lines[index] ?? [], frame.columns, frame.colour)
  )
}

const screen = (model: Model, frame: Frame): ReadonlyArray<Line> => {
  const rows = rowsOf(model)
  const seen = seenOf(model, frame, rows)
  const body = middle(model, frame, frame.rows - 4, () => {
    const { pane: height, tree } = layoutOf(model, frame, rows.length)
    const top = tree === 0 ? [] : pad(table(model, frame, seen, tree), tree + 1)
    return [...top, ...pane(model, frame, height)]
  })
  return [...header(model, frame, seen), ...pad(body, frame.rows - 4), ...footer(model, frame)]
}

const middle = (
  { mode }: Model,
  frame: Frame,
  height: number,
  usual: () => ReadonlyArray<Line>
): ReadonlyArray<Line> => {
  switch (mode._tag) {
    case "Help":
      return help(height)
    case "Signalling":
      return signalMenu(mode, frame, height)
    default:
      return usual()
  }
}

const pad = (lines: ReadonlyArray<Line>, height: number): ReadonlyArray<Line> =>
  Array.from({ length: height }, (_, index) => lines[index] ?? [])

const tooSmall = ({ columns, rows }: Frame): ReadonlyArray<Line> =>
  text.wrap(
    `The terminal has ${columns}x${rows} characters; top needs ${smallest.columns}x${smallest.rows}. q quits.`,
    Math.max(1, columns)
  ).map((line) => [span(line, "warn")])
