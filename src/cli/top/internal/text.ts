/**
 * Text of others, made harmless: what a child writes must neither steer the terminal nor move what stands
 * beside it.
 *
 * Floor 4.
 */
import { stripVTControlCharacters } from "node:util"
import { inSteps, inUnits, twoDigits } from "../../../control/internal/words.ts"

export { cut, fit, width, wrap } from "../../internal/width.ts"

const ascii = /^[\x20-\x7e]*$/
/** Controls, and format characters: they turn the direction or join what is beside them. */
const unseen = /[\p{Cc}\p{Cf}\u2028\u2029]/gu
/** What only changes how the picture before it looks. */
const variations = /[\p{Variation_Selector}\p{Emoji_Modifier}]/gu
const lone = /\p{Surrogate}/gu
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
