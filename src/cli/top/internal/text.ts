/**
 * Text of others, made harmless and measured: what a child writes must neither steer the terminal nor move what stands
 * beside it.
 *
 * Floor 4.
 */
import { stripVTControlCharacters } from "node:util"
import { inSteps, inUnits, twoDigits } from "../../../control/internal/words.ts"

const ascii = /^[\x20-\x7e]*$/
/** Controls, and format characters: they turn the direction or join what is beside them. */
const unseen = /[\p{Cc}\p{Cf}\u2028\u2029]/gu
/** What only changes how the picture before it looks. */
const variations = /[\p{Variation_Selector}\p{Emoji_Modifier}]/gu
const lone = /\p{Surrogate}/gu
const combining = /^[\p{Mn}\p{Me}\u1160-\u11ff\ud7b0-\ud7ff]$/u
const picture = /^\p{Emoji_Presentation}$/u
/** More than anybody reads of one line here. */
const longest = 4096

/**
 * One line without escapes and controls, in which every character takes as many columns as `width` says. What a
 * carriage return has written over is left out, as a terminal would.
 */
export const printable = (text: string): string => {
  const start = text.length > longest ? text.slice(0, longest) : text
  if (ascii.test(start)) return start
  return stripVTControlCharacters(start)
    .replace(/\r+$/, "")
    .replace(/^[^]*\r/, "")
    .replaceAll("\t", "    ")
    .replaceAll("\n", " ")
    .replace(unseen, "")
    .replace(variations, "")
    .replace(lone, "\ufffd")
    .normalize("NFC")
}

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
  if (combining.test(character)) return 0
  // A flag is two letters of one column each.
  if (code >= 0x1f1e6 && code <= 0x1f1ff) return 1
  return isWide(code) || picture.test(character) ? 2 : 1
}

/** How many columns a printable text takes. */
export const width = (text: string): number => {
  if (ascii.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += widthOf(character)
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

/** Cut to a width; what is missing is shown by the mark. */
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

/** How long, in at most six columns: `12s`, `3m05s`, `7h02m`, `12d03h`. */
export const duration = (millis: number): string => {
  const [[count, unit], small] = inUnits(millis)
  return small === undefined || count >= 100 ? `${count}${unit}` : `${count}${unit}${twoDigits(small[0])}${small[1]}`
}

/** So many bytes, in at most five columns and in steps of 1024: `812K`, `1.4G`. */
export const bytes = (count: number): string => {
  const [value, step] = inSteps(count)
  const hasTenth = step !== "" && step !== "K" && value < 9.95
  return `${hasTenth ? value.toFixed(1) : Math.round(value)}${step === "" ? "B" : step}`
}
