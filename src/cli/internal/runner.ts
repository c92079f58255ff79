/**
 * What starts and runs a tree, apart from the commands that only speak to one. For a configuration that is code it is
 * loaded with the `effect` that the application has, since the children of that configuration are made of it.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import { existsSync, statSync } from "node:fs"
import { join, resolve } from "node:path"
import type * as Runner from "../Runner.ts"
import { Failed } from "../CliError.ts"
import { fileNames, isCode } from "../config/internal/fileNames.ts"

const missing = (error: unknown): Failed => {
  const text = error instanceof Error ? error.message : String(error)
  const name = /Cannot find package '([^']+)'/.exec(text)?.[1]
  return new Failed({
    message: name === undefined
      ? `What runs a configuration cannot be loaded: ${text}`
      : `To run a configuration, ${name} has to be installed beside effect-supervisor: npm install effect @effect/platform-node`
  })
}

const isDirectory = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    // What is wrong with it is told by what reads it.
    return false
  }
}

/** The configuration, if it is there: what was given, or what there is in that directory. */
const locate = (given: string): string | undefined =>
  isDirectory(given) ? fileNames.map((name) => join(given, name)).find((file) => existsSync(file)) : given

/** What runs and checks one configuration, from now on this file. */
export interface FileRunner {
  readonly file: string | undefined
  readonly check: typeof Runner.check
  readonly run: typeof Runner.run
}

/** For a file, or a directory with one; default: the working directory. */
export const runnerOf = (given: string | undefined): Effect.Effect<FileRunner, Failed> => {
  const load = async (): Promise<FileRunner> => {
    const file = locate(resolve(given ?? "."))
    const isModule = file !== undefined && isCode(file)
    const { check, run } = isModule ? await import("../Runner.ts") : await import("./textRunner.ts")
    return { file: file ?? given, check, run }
  }
  return Effect.tryPromise({ try: load, catch: missing })
}
