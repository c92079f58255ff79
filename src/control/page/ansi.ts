/**
 * Text of children, made safe: colours become classes, every other escape sequence goes, and control characters, also
 * those that turn the direction of writing around, are shown instead of obeyed. What comes out is text, never markup.
 */

import { withoutControls } from "../internal/controls.ts"

export interface Span {
  readonly text: string
  /** Classes; empty: as the rest. */
  readonly style: string
}

/** CSI with its parameters; strings that run to BEL or ST (OSC, DCS, PM, APC, SOS); other escapes; C1 controls alike. */
const escapes =
  // oxlint-disable-next-line no-control-regex -- they are what it is about
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g

/** The end of a line is none of its text. */
const shown = (text: string): string => withoutControls(text.replaceAll("\r", ""))

interface Pen {
  bold: boolean
  dim: boolean
  italic: boolean
  underline: boolean
  ink: number | undefined
}

const plain = (): Pen => ({ bold: false, dim: false, italic: false, underline: false, ink: undefined })

const styleOf = (pen: Pen): string =>
  [
    pen.bold && "b",
    pen.dim && "d",
    pen.italic && "i",
    pen.underline && "u",
    pen.ink !== undefined && `c${pen.ink}`
  ].filter(Boolean).join(" ")

/** How the text looks, in runs of one style. */
export const spans = (text: string): ReadonlyArray<Span> => {
  if (!text.includes("\x1b") && !/[\x80-\x9f]/.test(text)) return [{ text: shown(text), style: "" }]
  const found: Array<Span> = []
  const pen = plain()
  let from = 0
  const add = (to: number): void => {
    if (to > from) found.push({ text: shown(text.slice(from, to)), style: styleOf(pen) })
  }
  for (const match of text.matchAll(escapes)) {
    add(match.index)
    from = match.index + match[0].length
    if (match[2] === "m") draw(pen, match[1] ?? "")
  }
  add(text.length)
  return found
}

/** Only the text. */
export const plainText = (text: string): string => spans(text).map((span) => span.text).join("")

const draw = (pen: Pen, parameters: string): void => {
  const codes = parameters.split(/[;:]/).map(Number)
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index]!
    if (code === 38 || code === 48) {
      const [ink, used] = extended(codes, index + 1)
      if (code === 38) pen.ink = ink
      index += used
    } else {
      set(pen, code)
    }
  }
}

const set = (pen: Pen, code: number): void => {
  if (code === 0) Object.assign(pen, plain())
  else if (code === 1) pen.bold = true
  else if (code === 2) pen.dim = true
  else if (code === 3) pen.italic = true
  else if (code === 4) pen.underline = true
  else if (code === 22) pen.bold = pen.dim = false
  else if (code === 23) pen.italic = false
  else if (code === 24) pen.underline = false
  else if (code >= 30 && code <= 37) pen.ink = code - 30
  else if (code >= 90 && code <= 97) pen.ink = code - 90
  else if (code === 39) pen.ink = undefined
}

/** A colour of 256, or of three bytes, as the nearest of those that are readable on this page. */
const extended = (codes: ReadonlyArray<number>, at: number): readonly [ink: number | undefined, used: number] => {
  if (codes[at] === 2) return [nearest(codes[at + 1] ?? 0, codes[at + 2] ?? 0, codes[at + 3] ?? 0), 4]
  if (codes[at] !== 5) return [undefined, 1]
  const code = codes[at + 1] ?? 0
  if (code < 16) return [code % 8, 2]
  if (code > 231) return [code < 244 ? 0 : 7, 2]
  const cube = code - 16
  return [nearest(Math.floor(cube / 36) * 51, Math.floor(cube / 6) % 6 * 51, cube % 6 * 51), 2]
}

const nearest = (red: number, green: number, blue: number): number => {
  const middle = (Math.max(red, green, blue) + Math.min(red, green, blue)) / 2
  if (Math.max(red, green, blue) - Math.min(red, green, blue) < 40) return middle > 100 ? 7 : 0
  return (red > middle ? 1 : 0) + (green > middle ? 2 : 0) + (blue > middle ? 4 : 0)
}
