/**
 * How a run of a command ended: by its own exit code, by a signal, or without having begun.
 *
 * The three are kept apart as `waitpid` keeps them apart. A shell's "128 + n" is a convention of the shell, used here
 * only where a code has to be given to one: `toShellCode`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as ProcessError from "./ProcessError.ts"
import { signalNumber } from "./Signal.ts"

/**
 * How a run of a command ended.
 *
 * **Details**
 *
 * `Exited`: the program ended by itself, with a code from 0 to 255. `Signaled`: a signal ended it; `coreDumped` is
 * `undefined` where that cannot be known (Node does not pass it on; it is `false` where no core could be written).
 * `SpawnFailed`: it never ran, and the error says why.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/waitpid.html
 * @category models
 * @since 0.1.0
 */
export type ExitStatus = Data.TaggedEnum<{
  Exited: { readonly code: number }
  Signaled: { readonly signal: string; readonly coreDumped: boolean | undefined }
  SpawnFailed: { readonly error: ProcessError.SpawnFailed }
}>

const constructors: Data.TaggedEnum.Constructor<ExitStatus> = Data.taggedEnum<ExitStatus>()

/**
 * The program ended by itself, with this code.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Exited: (fields: { readonly code: number }) => ExitStatus = constructors.Exited

/**
 * A signal ended the program.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Signaled: (
  fields: { readonly signal: string; readonly coreDumped: boolean | undefined }
) => ExitStatus = constructors.Signaled

/**
 * The program could not be started.
 *
 * @category constructors
 * @since 0.1.0
 */
export const SpawnFailed: (fields: { readonly error: ProcessError.SpawnFailed }) => ExitStatus =
  constructors.SpawnFailed

/**
 * Handles every case.
 *
 * @category pattern matching
 * @since 0.1.0
 */
export const match: Data.TaggedEnum.Constructor<ExitStatus>["$match"] = constructors.$match

/**
 * Whether this end is a good one: a code that is among `successCodes` (systemd's `SuccessExitStatus`). A signal never is,
 * unless it is named there.
 *
 * **Example** (A program that says "nothing to do" by code 3)
 *
 * ```ts
 * import { ExitStatus } from "effect-supervisor/process"
 *
 * const good = ExitStatus.isSuccess(ExitStatus.Exited({ code: 3 }), [0, 3]) // true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isSuccess = (status: ExitStatus, successCodes: ReadonlyArray<number | string> = [0]): boolean => {
  switch (status._tag) {
    case "Exited":
      return successCodes.includes(status.code)
    case "Signaled":
      return successCodes.includes(status.signal)
    case "SpawnFailed":
      return false
  }
}

/**
 * One line for people: `exited with code 3`, `was killed by SIGKILL`, `could not be started: ...`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const show = (status: ExitStatus): string => {
  switch (status._tag) {
    case "Exited":
      return `exited with code ${status.code}`
    case "Signaled":
      return `was ended by ${status.signal}${status.coreDumped === true ? " (core dumped)" : ""}`
    case "SpawnFailed":
      return `could not be started: ${status.error.reason}`
  }
}

/**
 * The code that a POSIX shell would report: the code itself, 128 + n for signal n, 126 for a program that may not be
 * run and 127 for one that is not there.
 *
 * **When to use**
 *
 * Use where a tool ends on behalf of its children and its own exit code is read by a shell.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02
 * @category conversions
 * @since 0.1.0
 */
export const toShellCode = (status: ExitStatus): number => {
  switch (status._tag) {
    case "Exited":
      return status.code
    case "Signaled":
      return 128 + (signalNumber(status.signal) ?? 0)
    case "SpawnFailed":
      return status.error.reason === "NotFound" ? 127 : 126
  }
}
