/**
 * How much room text takes in a terminal, and text made to fit.
 *
 * Floor 4.
 */
import { stripVTControlCharacters } from "node:util"

// Nearly everything is printable ASCII.
const ascii = /^[\x20-\x7e]*$/
/** What stands over the character before it, or only changes it. */
const unseen = /^[\p{Mn}\p{Me}\p{Cf}\p{Variation_Selector}\u1160-\u11ff\ud7b0-\ud7ff]$/u
const picture = /^\p{Emoji_Presentation}$/u

/** The blocks of wide characters: those of East Asia, and pictures. By their first and last code point. */
const wide: ReadonlyArray<readonly [from: number, to: number]> = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x20000, 0x3fffd]
]

const isWide = (code: number): boolean => wide.some(([from, to]) => code >= from && code <= to)

const widthOf = (character: string): number => {
  const code = character.codePointAt(0)!
  if (code < 0x300) return 1
  if (unseen.test(character)) return 0
  // A flag is two letters of one column each.
  if (code >= 0x1f1e6 && code <= 0x1f1ff) return 1
  return isWide(code) || picture.test(character) ? 2 : 1
}

/** How many columns a text takes; its colours take none. */
export const width = (text: string): number => {
  if (ascii.test(text)) return text.length
  let columns = 0
  for (const character of stripVTControlCharacters(text)) columns += widthOf(character)
  return columns
}

/** As much of it as fits, and how many columns that takes: a wide character may leave one free. */
const head = (text: string, columns: number): { readonly text: string; readonly used: number } => {
  if (ascii.test(text)) return { text: text.slice(0, columns), used: Math.min(text.length, columns) }
  let used = 0
  let end = 0
  for (const character of text) {
    const next = used + widthOf(character)
    if (next > columns) break
    used = next
    end += character.length
  }
  return { text: text.slice(0, end), used }
}

/** A text without colours, cut to a width; what is missing is shown by the mark. */
export const cut = (text: string, columns: number, mark = "…"): string => {
  if (columns <= 0) return ""
  if (width(text) <= columns) return text
  return `${head(text, columns - 1).text}${mark}`
}

/** Exactly this wide. */
export const fit = (text: string, columns: number, align: "left" | "right" = "left"): string => {
  const short = cut(text, columns)
  const space = " ".repeat(Math.max(0, columns - width(short)))
  return align === "left" ? `${short}${space}` : `${space}${short}`
}

/** In pieces of at most this width, at least one. */
export const wrap = (text: string, columns: number): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let rest = text
  while (width(rest) > columns) {
    const piece = head(rest, columns).text
    // Nothing fits where there is less space than one character takes.
    if (piece === "") return [...pieces, cut(rest, columns)]
    pieces.push(piece)
    rest = rest.slice(piece.length)
  }
  return [...pieces, rest]
}
