/**
 * Writing to standard output, at the speed of who reads it.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import { exitCodes } from "../CliError.ts"

let isGuarded = false

/** Who has read enough closes the pipe (`esv logs | head`): that is no failure. */
const endWithReader = (): void => {
  if (isGuarded) return
  isGuarded = true
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0)
    process.stderr.write(`The output cannot be written: ${error.message}\n`)
    process.exit(exitCodes.failed)
  })
}

/** Done when it is taken. */
export const print = (text: string): Effect.Effect<void> =>
  text === "" ? Effect.void : Effect.callback<void>((resume) => {
    endWithReader()
    process.stdout.write(text, () => resume(Effect.void))
  })

export const printLines = (lines: ReadonlyArray<string>): Effect.Effect<void> =>
  print(lines.length === 0 ? "" : `${lines.join("\n")}\n`)

/** A value for programs: indented where a person watches. */
export const printJson = (value: unknown): Effect.Effect<void> =>
  print(`${JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined)}\n`)

/** For people beside the output: standard error. */
export const note = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stderr.write(`${text}\n`)
  })

/** The width that a table may have: that of the terminal, or no limit for who reads it by a program. */
export const width = (): number => {
  if (process.stdout.isTTY) return process.stdout.columns || 80
  const columns = Number(process.env["COLUMNS"])
  return Number.isInteger(columns) && columns > 0 ? columns : 160
}
