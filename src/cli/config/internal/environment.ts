/**
 * The variables that a configuration brings, and where they come from.
 *
 * From the lowest to the highest: `.env`, the environment of the supervisor, what the configuration sets for all, a
 * child's files, what it sets itself. Everything that comes from a file is hidden.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import type { Word } from "../../../process/Command.ts"
import * as DotEnv from "../DotEnv.ts"
import { own } from "./expand.ts"
import type { Problems, Where } from "./problems.ts"
import { hide } from "./secrets.ts"

export type Environment = Readonly<Record<string, string | undefined>>
export type Words = Readonly<Record<string, Word>>

/** What is known before a child says anything. */
export interface Base {
  readonly directory: string
  readonly environment: Environment
  readonly problems: Problems
  /** What the files for all set and the environment does not. */
  readonly files: Words
}

interface From {
  readonly directory: string
  readonly environment: Environment
  readonly problems: Problems
}

/** The variables of files, the later ones over the earlier ones. */
export const readFiles: (
  from: From,
  files: ReadonlyArray<string>,
  where: Where
) => Effect.Effect<Words, never, FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(function*(
  { directory, environment, problems },
  files,
  where
) {
  const path = yield* Path.Path
  const words: Record<string, Word> = Object.create(null)
  for (const name of files) {
    const file = path.resolve(directory, name)
    const text = yield* readText(file)
    if (typeof text === "string") read(file, text, environment, problems, words)
    else problems.add("File", where, `the file ${file} ${text.what}`, `${text.advice}, or remove its name`)
  }
  return words
})

const read = (
  file: string,
  text: string,
  environment: Environment,
  problems: Problems,
  into: Record<string, Word>
): void => {
  const { entries, problems: bad } = DotEnv.parse(text, environment)
  for (const { advice, line, message } of bad) problems.add("Syntax", { path: "", line }, message, advice, file)
  for (const { name, value } of entries) into[name] = Redacted.make(value)
}

/** Why a file has no text that could be used. */
export interface NoText {
  readonly what: string
  readonly advice: string
}

/** How large a file may be: nobody writes more by hand, and it is held in memory. */
const maxBytes = 1024 * 1024

const unreadable: NoText = { what: "cannot be read", advice: "Write it, give permission to read it" }
const noFile: NoText = { what: "is no ordinary file", advice: "Write a file there" }
const tooLarge: NoText = { what: "is larger than 1 MiB", advice: "Make it smaller" }

/** The text of a file. It is looked at before it is opened: a pipe would never end, nor some devices. */
export const readText = (file: string): Effect.Effect<string | NoText, never, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const { size, type } = yield* fs.stat(file)
    if (type !== "File") return noFile
    return size > maxBytes ? tooLarge : yield* fs.readFileString(file)
  }).pipe(Effect.orElseSucceed(() => unreadable))

/** What the files for all set: those that are named, or `.env` if it is there. */
export const readBase: (
  from: From,
  files: string | ReadonlyArray<string> | false | undefined,
  where: Where
) => Effect.Effect<Base, never, FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(
  function*(from, files, where) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const isThere = files === undefined &&
      (yield* Effect.orElseSucceed(fs.exists(path.join(from.directory, ".env")), () => false))
    const words = yield* readFiles(from, files === undefined ? (isThere ? [".env"] : []) : listOf(files), where)
    const added = Object.entries(words).filter(([name]) => own(from.environment, name) === undefined)
    return { ...from, files: Object.fromEntries(added) }
  }
)

export const listOf = (texts: string | ReadonlyArray<string> | false | undefined): ReadonlyArray<string> =>
  texts === undefined || texts === false ? [] : typeof texts === "string" ? [texts] : texts

/** What somebody has set, hidden where it has to be. */
export const wordsOf = (env: Readonly<Record<string, Word | number | boolean>> = {}): Words =>
  Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, Redacted.isRedacted(value) ? value : hide(name, String(value))])
  )
