/**
 * Lines of a terminal: text in pieces, each with a meaning that becomes a colour where there are colours.
 *
 * Floor 4.
 */
import * as text from "./text.ts"

/** What a piece of text means; never only by its colour, since there may be none. */
export type Style = "plain" | "strong" | "faint" | "good" | "busy" | "warn" | "bad" | "accent" | "reverse"

export interface Span {
  readonly text: string
  readonly style: Style
}

export type Line = ReadonlyArray<Span>

export const span = (text: string, style: Style = "plain"): Span => ({ text, style })

/** What a style is without colours, and with them. */
const codes: Readonly<Record<Style, readonly [always: string, colour: string]>> = {
  plain: ["", ""],
  strong: ["1", ""],
  faint: ["", "2"],
  good: ["", "32"],
  busy: ["", "36"],
  warn: ["", "33"],
  bad: ["1", "31"],
  accent: ["1", "34"],
  reverse: ["7", ""]
}

const reset = "\x1b[0m"

const sgr = (style: Style, colour: boolean): string => {
  const [always, coloured] = codes[style]
  const found = [always, colour ? coloured : ""].filter((code) => code !== "")
  return found.length === 0 ? "" : `\x1b[${found.join(";")}m`
}

/**
 * A line of exactly so many columns. What is too long is cut, what is too short is filled. The last guard: what is not
 * printable does not get out, whoever has forgotten to see to that.
 */
export const paint = (line: Line, columns: number, colour: boolean): string => {
  let out = ""
  let left = columns
  for (const { style, text: given } of line) {
    if (left === 0) break
    const piece = text.printable(given)
    const whole = text.width(piece)
    const shown = whole > left ? text.cut(piece, left) : piece
    left -= whole > left ? text.width(shown) : whole
    const code = sgr(style, colour)
    out += code === "" ? shown : `${code}${shown}${reset}`
  }
  return left === 0 ? out : `${out}${" ".repeat(left)}`
}

/** A whole line in one style, over what its pieces are. */
export const overall = (line: Line, style: Style, columns: number): Line => [
  span(text.fit(line.map((piece) => piece.text).join(""), columns), style)
]

export const widthOf = (line: Line): number => line.reduce((sum, piece) => sum + text.width(piece.text), 0)

/** Something at the left and something at the right, which gives way. */
export const apart = (left: Line, right: Line, columns: number): Line => {
  const free = columns - widthOf(left) - widthOf(right)
  return free < 1 ? left : [...left, span(" ".repeat(free)), ...right]
}
