/**
 * Characters that steer what shows them, and what is shown instead.
 *
 * Pure, and without anything of Effect's at run time, since a browser loads it too.
 *
 * Floor 4.
 */

/**
 * Control characters except tabulators and ends of lines, also those of the second kind (U+0080 and on); those that turn
 * the order of what is written around, or end a line where the reader does not expect it; and those that take no place,
 * by which one name can look like another. What joins letters and pictures stays.
 */
const controls =
  // oxlint-disable-next-line no-control-regex -- they are what it is about
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** As a picture of it, such as ␛, or by its number. */
export const visible = (character: string): string => {
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? "\u2421" : `\\u{${code.toString(16)}}`
}

/** Everything that steers is made visible. */
export const withoutControls = (text: string): string => text.replace(controls, visible)
