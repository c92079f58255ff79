/**
 * Lines that are written for a shell. Where no shell is needed, none is started: then the program itself gets the
 * signals, and its exit is its own.
 */
import * as Result from "effect/Result"
import * as Command from "../../../process/Command.ts"
import type { CommandLine } from "../ConfigSpec.ts"

/** What only a shell can do, or does in another way than a program of that name. */
const builtins = new Set([
  ".",
  ":",
  "[",
  "alias",
  "break",
  "case",
  "cd",
  "command",
  "continue",
  "echo",
  "eval",
  "exec",
  "exit",
  "export",
  "for",
  "if",
  "printf",
  "read",
  "readonly",
  "return",
  "set",
  "shift",
  "source",
  "test",
  "time",
  "times",
  "trap",
  "type",
  "ulimit",
  "umask",
  "unset",
  "until",
  "wait",
  "while",
  "{",
  "!"
])

/** The words of a line, or the line for a shell if it needs one. */
export const splitShell = (line: string): Exclude<CommandLine, string> => {
  const parsed = line.includes("\n") ? undefined : Command.parse(line)
  if (parsed === undefined || Result.isFailure(parsed) || parsed.success.program._tag !== "Exec") return { shell: line }
  const { args, program } = parsed.success.program
  return builtins.has(program) || program.includes("=") ? { shell: line } : [program, ...args]
}
