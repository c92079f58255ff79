/**
 * What goes wrong on the command line, and the exit code that tells it.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { Tagged } from "../internal/tagged.ts"

/**
 * What a command can fail with: an error that tells in its message what to do.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure {
  readonly _tag: string
  readonly message: string
}

/**
 * The exit codes: all went well, something failed, the command was not understood, no supervisor was found. `run` also
 * ends with the code of the child that was the first to fail, and with 128 + n when a signal has ended it.
 *
 * @category constants
 * @since 0.1.0
 */
export const exitCodes: {
  readonly ok: 0
  readonly failed: 1
  readonly usage: 2
  readonly noSupervisor: 3
} = { ok: 0, failed: 1, usage: 2, noSupervisor: 3 }

const UsageErrorBase: Tagged<"UsageError", { readonly message: string }> = Data.TaggedError("UsageError")

/**
 * The command cannot be understood as it was typed.
 *
 * @category errors
 * @since 0.1.0
 */
export class UsageError extends UsageErrorBase {}

const FailedBase: Tagged<"Failed", { readonly message: string }> = Data.TaggedError("Failed")

/**
 * The command was understood and did not do all that was asked.
 *
 * @category errors
 * @since 0.1.0
 */
export class Failed extends FailedBase {}

const NoneFoundBase: Tagged<"NoneFound", {
  readonly directory: string
  /** The configuration here, whose supervisor is not running. */
  readonly configuration: string | undefined
  /** What the last one of it has said in the background, if one has. */
  readonly log: string | undefined
  /** The names of those that run elsewhere. */
  readonly running: ReadonlyArray<string>
}> = Data.TaggedError("NoneFound")

/**
 * Which supervisor is meant cannot be told: none runs here, or several do.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoneFound extends NoneFoundBase {
  override get message(): string {
    return `${this.which}${
      this.log === undefined ? "" : ` What the last one said in the background is in ${this.log}.`
    }`
  }

  private get which(): string {
    const elsewhere = this.running.map((name) => `--name ${name}`).join(" or ")
    if (this.configuration !== undefined && this.running.length > 0) {
      return `The supervisor of ${this.configuration} is not running. Start it with "esv up", or say one that runs elsewhere: ${elsewhere}.`
    }
    return this.running.length === 0
      ? `No supervisor is running. Start one with "esv run" (or "esv up" to leave it in the background), or say its socket by --socket.`
      : `Several supervisors are running, and it is not clear which of them is meant in ${this.directory}. Say which: ${elsewhere}.`
  }
}

const ExitBase: Tagged<"Exit", { readonly code: number }> = Data.TaggedError("Exit")

/**
 * Everything has been said already, and this is the exit code.
 *
 * @category errors
 * @since 0.1.0
 */
export class Exit extends ExitBase {
  override get message(): string {
    return `Ended with exit code ${this.code}.`
  }
}

const tagsOfMissing: ReadonlySet<string> = new Set(["NoneFound", "NoSupervisor"])

/**
 * The exit code that tells of a failure.
 *
 * @category conversions
 * @since 0.1.0
 */
export const exitCodeOf = (failure: Failure): number => {
  if (failure instanceof Exit) return failure.code
  const { _tag } = failure
  if (_tag === "UsageError") return exitCodes.usage
  return tagsOfMissing.has(_tag) ? exitCodes.noSupervisor : exitCodes.failed
}
