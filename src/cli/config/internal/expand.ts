/**
 * Puts the values of variables into a text: `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME-default}`.
 */

/** The value of a variable; `undefined` if it is unset. */
export type Lookup = (name: string) => string | undefined

/** Why a text cannot be expanded. It does not quote the text, which may be secret. */
export interface Trouble {
  readonly message: string
  readonly advice: string
}

/**
 * What a backslash and a second dollar mean. "plain": `\$` is a dollar. "double": that and the escapes of double quotes.
 * "dollars": `$$` is a dollar, and a backslash is nothing special.
 */
export type Mode = "plain" | "double" | "dollars"

/** How long a text may become, and all values of one file together. No system gives a process more. */
export const maxLength: number = 1024 * 1024

/** How deep defaults may stand in defaults. */
const maxDepth = 100

/** The value of a name, not of what every object inherits. */
export const own = <A>(record: Readonly<Record<string, A>>, name: string): A | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

const escaped: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\"": "\"", "\\": "\\", $: "$" }
const name = /[A-Za-z_]\w*/y

const nameAt = (text: string, at: number): string | undefined => {
  name.lastIndex = at
  return name.exec(text)?.[0]
}

/** Where the brace that was opened before `from` is closed. */
const closingBrace = (text: string, from: number): number => {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++
    else if (text.startsWith("${", at)) depth++
    else if (text[at] === "}" && depth-- === 0) return at
  }
  return -1
}

const troubleOf = (inner: string): Trouble => ({
  message: `there is an expansion that is not known: \${${/^\w*/.exec(inner)![0]}...}`,
  advice: "Write ${NAME} or ${NAME:-default}; a dollar that means itself is \\$ in a .env file and $$ in YAML"
})

export const tooLong: Trouble = {
  message: "with the values of its variables it is longer than 1 MiB in all",
  advice: "Take out what repeats the values of others"
}

const tooDeep: Trouble = {
  message: `its defaults stand in defaults, more than ${maxDepth} deep`,
  advice: "Write fewer of them into each other"
}

interface Scan {
  readonly mode: Mode
  readonly lookup: Lookup
  readonly limit: number
}

/** The value of what is between the braces. */
const braced = (inner: string, within: Scan, depth: number): string | Trouble => {
  const found = nameAt(inner, 0)
  if (found === undefined) return troubleOf("")
  const after = inner.slice(found.length)
  const value = within.lookup(found)
  if (after === "") return value ?? ""
  if (after.startsWith(":-")) return value === undefined || value === "" ? expand(after.slice(2), within, depth) : value
  if (after.startsWith("-")) return value ?? expand(after.slice(1), within, depth)
  return troubleOf(inner)
}

/** The text with the values of its variables, or what is wrong with it. What is unset is empty. */
export const scan = (text: string, mode: Mode, lookup: Lookup, limit: number = maxLength): string | Trouble =>
  expand(text, { mode, lookup, limit }, 0)

const expand = (text: string, within: Scan, depth: number): string | Trouble => {
  const { limit, lookup, mode } = within
  if (depth > maxDepth) return tooDeep
  let out = ""
  for (let at = 0; at < text.length; at++) {
    if (out.length > limit) return tooLong
    const character = text[at]!
    const next = text[at + 1]
    if (character === "\\" && mode !== "dollars" && next !== undefined) {
      const meant = mode === "double" ? escaped[next] : next === "$" ? "$" : undefined
      out += meant ?? character + (mode === "double" ? next : "")
      if (meant !== undefined || mode === "double") at++
    } else if (character !== "$") {
      out += character
    } else if (next === "$" && mode === "dollars") {
      out += "$"
      at++
    } else if (next === "{") {
      const end = closingBrace(text, at + 2)
      const value = end < 0 ? troubleOf("") : braced(text.slice(at + 2, end), within, depth + 1)
      if (typeof value !== "string") return value
      out += value
      at = end
    } else {
      const found = nameAt(text, at + 1)
      out += found === undefined ? character : lookup(found) ?? ""
      at += found?.length ?? 0
    }
  }
  return out.length > limit ? tooLong : out
}
