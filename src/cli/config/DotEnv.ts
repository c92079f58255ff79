/**
 * Reads `.env` files as people write them: comments, `export`, quotes, values over several lines, and `${NAME}` with
 * defaults.
 *
 * Effect's own reader (`ConfigProvider.fromDotEnvContents`) passes over lines that it does not understand, expands
 * inside single quotes, and does not see the variables of the process, so `PATH=$HOME/bin:$PATH` loses both. This one
 * tells what is wrong and where.
 *
 * @since 0.1.0
 */
import { type Lookup, maxLength, own, scan } from "./internal/expand.ts"

/**
 * One variable of a file, expanded.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly name: string
  readonly value: string
  /** Where it begins, counted from 1. */
  readonly line: number
}

/**
 * A line that cannot be read. It never says what is on it, since that may be secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface BadLine {
  readonly line: number
  readonly message: string
  readonly advice: string
}

/**
 * What a file says. Of a name that is set twice the last counts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parsed {
  readonly entries: ReadonlyArray<Entry>
  readonly problems: ReadonlyArray<BadLine>
}

const assignment = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*/
const rest = /^[ \t]*(?:#.*)?$/

const countLines = (text: string): number => text.split("\n").length - 1

/** The end of a quoted value; a backslash keeps what follows it in the value, but not in single quotes. */
const closing = (text: string, from: number, quote: string): number => {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\" && quote === `"`) at++
    else if (text[at] === quote) return at
  }
  return -1
}

interface Raw {
  readonly text: string
  readonly kind: "plain" | "double" | "literal"
  /** Where the next line begins. */
  readonly next: number
}

const lineEnd = (text: string, from: number): number => {
  const at = text.indexOf("\n", from)
  return at < 0 ? text.length : at
}

/** The value that begins at `from`, or what is wrong with it. */
const readValue = (text: string, from: number): Raw | Omit<BadLine, "line"> => {
  const quote = text[from]
  if (quote !== `"` && quote !== "'" && quote !== "`") {
    const end = lineEnd(text, from)
    const line = text.slice(from, end)
    const comment = /(?:^|[ \t])#/.exec(line)
    return { text: (comment === null ? line : line.slice(0, comment.index)).trim(), kind: "plain", next: end + 1 }
  }
  const close = closing(text, from + 1, quote)
  if (close < 0) return { message: `a value begins with ${quote} and does not end`, advice: `Close it with ${quote}` }
  const end = lineEnd(text, close)
  if (!rest.test(text.slice(close + 1, end))) {
    return { message: "there is something after the closing quote", advice: "Put all of the value into the quotes" }
  }
  return { text: text.slice(from + 1, close), kind: quote === `"` ? "double" : "literal", next: end + 1 }
}

/**
 * The variables of a file's text.
 *
 * **Details**
 *
 * Values without quotes end at the line's end or at a blank followed by `#`. Single quotes and backticks keep everything
 * as it is. In double quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are what they are elsewhere. `$NAME`, `${NAME}`,
 * `${NAME:-default}` (unset or empty) and `${NAME-default}` (unset) are expanded, but in single quotes; what is unset
 * is empty. A name is looked for in `environment` first, then among the variables above it. Defaults stand in defaults
 * at most 100 deep, and all values together have at most 1 MiB of characters: more is a problem.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (
  source: string,
  environment: Readonly<Record<string, string | undefined>> = {}
): Parsed => {
  const text = source.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n")
  const entries: Array<Entry> = []
  const problems: Array<BadLine> = []
  const values = new Map<string, string>()
  const lookup: Lookup = (name) => own(environment, name) ?? values.get(name)
  let left = maxLength
  let line = 1
  for (let at = 0; at < text.length;) {
    const end = lineEnd(text, at)
    const content = text.slice(at, end)
    const begun = line
    const match = assignment.exec(content)
    let next = end + 1
    if (match !== null) {
      const name = match[1]!
      const raw = readValue(text, at + match[0].length)
      if ("message" in raw) problems.push({ line: begun, ...raw, message: `${name}: ${raw.message}` })
      else {
        next = raw.next
        const scanned = raw.kind === "literal" ? raw.text : scan(raw.text, raw.kind, lookup, left)
        if (typeof scanned === "string") {
          left -= scanned.length
          values.set(name, scanned)
          entries.push({ name, value: scanned, line: begun })
        } else problems.push({ line: begun, ...scanned, message: `${name}: ${scanned.message}` })
      }
    } else if (!rest.test(content)) {
      problems.push({
        line: begun,
        message: "this line is no assignment",
        advice: "Write NAME=value, or begin the line with # to keep it as a comment"
      })
    }
    line += countLines(text.slice(at, Math.min(next, text.length)))
    at = next
  }
  return { entries, problems }
}

/**
 * The variables as a file that says the same, whatever is in their values.
 *
 * @category printing
 * @since 0.1.0
 */
export const print = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}\n`).join("")

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const quoted = (value: string): string =>
  /^[\w./:@%+,-]*$/.test(value)
    ? value
    : `"${value.replace(/[\\"$]/g, "\\$&").replace(/[\n\r\t]/g, (c) => escapes[c]!)}"`
