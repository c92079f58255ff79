/**
 * Reads a Procfile: `name: command`, one a line.
 *
 * @see https://devcenter.heroku.com/articles/procfile
 * @since 0.1.0
 */

/**
 * One line of a Procfile.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly name: string
  readonly command: string
  /** Counted from 1. */
  readonly line: number
}

/**
 * A line that cannot be used.
 *
 * @category models
 * @since 0.1.0
 */
export interface BadLine {
  readonly kind: "Syntax" | "Duplicate"
  readonly line: number
  /** The name on that line; empty if it has none. */
  readonly name: string
  readonly message: string
  readonly advice: string
}

/**
 * What a Procfile says.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parsed {
  readonly entries: ReadonlyArray<Entry>
  readonly problems: ReadonlyArray<BadLine>
}

const entry = /^([A-Za-z0-9_][\w.-]*)[ \t]*:(?:[ \t]+|(?=[^:/]))(\S.*)$/

/**
 * The processes of a Procfile's text. Blank lines and lines that begin with `#` are skipped; a name that is there twice
 * and a line that is no `name: command` are refused by their line.
 *
 * **Example** (Two processes)
 *
 * ```ts
 * import * as Procfile from "effect-supervisor/cli/config/Procfile"
 *
 * const { entries } = Procfile.parse("web: node server.js\nworker: node worker.js\n")
 * ```
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Parsed => {
  const entries: Array<Entry> = []
  const problems: Array<BadLine> = []
  const seen = new Map<string, number>()
  for (const [index, raw] of text.replace(/^\uFEFF/, "").split(/\r\n?|\n/).entries()) {
    const line = index + 1
    const content = raw.trim()
    if (content === "" || content.startsWith("#")) continue
    const match = entry.exec(content)
    if (match === null) {
      const advice = `Write "name: command", with a name of letters, digits, ".", "_" and "-"`
      problems.push({ kind: "Syntax", line, name: "", message: "this line names no process and command", advice })
      continue
    }
    const name = match[1]!
    const first = seen.get(name)
    if (first === undefined) {
      seen.set(name, line)
      entries.push({ name, command: match[2]!, line })
    } else {
      const message = `"${name}" is there already, on line ${first}`
      problems.push({ kind: "Duplicate", line, name, message, advice: "Give one of them another name" })
    }
  }
  return { entries, problems }
}

/**
 * The entries as the text of a Procfile.
 *
 * @category printing
 * @since 0.1.0
 */
export const print = (entries: Iterable<Pick<Entry, "command" | "name">>): string =>
  Array.from(entries, ({ command, name }) => `${name}: ${command}\n`).join("")
