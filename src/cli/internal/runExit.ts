/**
 * The exit code of `run`: that of the first child to fail.
 *
 * Floor 4.
 */
import type * as Cause from "effect/Cause"
import * as ExitStatus from "../../process/ExitStatus.ts"
import { ProcessFailed, SpawnFailed } from "../../process/ProcessError.ts"
import { signalNumber } from "../../process/Signal.ts"
import { exitCodes } from "../CliError.ts"

/** As a shell has it: the code of a command, 128 + n if a signal ended it; 1 for what is no command. */
export const codeOfCause = (cause: Cause.Cause<unknown>): number => {
  for (const reason of cause.reasons) {
    if (reason._tag !== "Fail") continue
    const { error } = reason
    if (error instanceof ProcessFailed) return ExitStatus.toShellCode(error.status) || exitCodes.failed
    if (error instanceof SpawnFailed) return ExitStatus.toShellCode(ExitStatus.SpawnFailed({ error }))
  }
  return exitCodes.failed
}

/** 128 + n. */
export const codeOfSignal = (signal: string): number => 128 + (signalNumber(signal) ?? 0)
