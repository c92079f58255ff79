/**
 * What a child writes, made harmless for the terminal of whoever reads it: else a log line could move the cursor, rename
 * the window, hide what comes next or answer questions in the reader's name.
 *
 * Floor 4.
 */

/** Colours and other looks: they are left out without a trace. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const looks = /\x1b\[[\d;:]*m/g

/**
 * Control characters except the tabulator, also those of the second kind (U+0080 and on); and those that turn the order
 * of what is written around, or end a line where the reader does not expect it.
 */
// oxlint-disable-next-line no-control-regex -- as above
const controls = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

const visible = (char: string): string => {
  const code = char.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return "\u2421"
  return `\\u{${code.toString(16)}}`
}

/** One line, with looks left out and everything else that a terminal would act on made visible: ESC as ␛. */
export const neutralise = (line: string): string => {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line
  return text.replace(looks, "").replace(controls, visible)
}

/** As `neutralise`, for text of several lines. */
export const neutraliseAll = (text: string): string => text.split("\n").map(neutralise).join("\n")
