/**
 * Holds a value against a Schema and tells what is wrong with it by its path.
 */
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import { own } from "./expand.ts"
import { type Problems, suggest, type Where } from "./problems.ts"

type Keys = ReadonlyArray<PropertyKey>

/** What is said about a key that is not supported, beside that. */
export type Reasons = Readonly<Record<string, string>>

export interface Options {
  readonly problems: Problems
  readonly where: (keys: Keys) => Where
  /** Where the value is. */
  readonly at: Keys
  /** Why some keys are not supported, and what to use instead, by their names. */
  readonly reasons?: Reasons | undefined
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The value, if it is what the schema says; problems, if it is not. It never shows the value. */
export const decode = <A>(schema: Schema.Schema<A>, value: unknown, options: Options): A | undefined => {
  const decoder = Schema.decodeUnknownExit(schema as Schema.Codec<A>)
  const exit = decoder(value, { errors: "all", onExcessProperty: "error" })
  if (Exit.isSuccess(exit)) return exit.value
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  if (error === undefined) {
    // A getter of its has thrown.
    options.problems.add("WrongValue", options.where(options.at), "it cannot be read", "Write plain values")
    return undefined
  }
  for (const { message, path = [] } of format(error.issue).issues) {
    report(schema.ast, path.map((part) => typeof part === "object" ? part.key : part), message, options)
  }
  return undefined
}

const report = (ast: SchemaAST.AST, keys: Keys, message: string, options: Options): void => {
  const { at, problems, reasons = {}, where } = options
  const place = where([...at, ...keys])
  if (message === "Expected no excess property") {
    const key = String(keys.at(-1))
    const reason = own(reasons, key)
    const known = knownKeys(ast, keys.slice(0, -1))
    problems.add(
      "Unsupported",
      place,
      reason === undefined ? `"${key}" is not known here` : `"${key}" is not supported`,
      reason ?? suggest(key, known)
    )
  } else if (message === "Missing key") {
    problems.add("WrongValue", place, "it is missing", `Add "${String(keys.at(-1))}"`)
  } else {
    const expected = message.replace(/^Expected /, "").replace(/ \| undefined$/, "")
    problems.add("WrongValue", place, "it is not what this takes", `Write ${expected}`)
  }
}

/** The keys that there could be at a path. */
const knownKeys = (ast: SchemaAST.AST, keys: Keys): ReadonlyArray<string> => {
  if (ast._tag === "Union") return ast.types.flatMap((type) => knownKeys(type, keys))
  if (keys.length === 0) {
    return ast._tag === "Objects" ? ast.propertySignatures.map(({ name }) => String(name)) : []
  }
  const [key, ...rest] = keys
  if (ast._tag === "Arrays") return ast.rest.flatMap((type) => knownKeys(type, rest))
  if (ast._tag !== "Objects") return []
  const property = ast.propertySignatures.find(({ name }) => name === key)
  const types = property === undefined ? ast.indexSignatures.map(({ type }) => type) : [property.type]
  return types.flatMap((type) => knownKeys(type, rest))
}
