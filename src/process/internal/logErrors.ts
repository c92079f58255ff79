/**
 * What can go wrong with stored logs.
 *
 * Floor 3.
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Option from "effect/Option"
import { type PlatformError, systemError } from "effect/PlatformError"
import type { Tagged } from "../../internal/tagged.ts"

/** The code and the words of the operating system, such as "ENOSPC: no space left on device, write". */
const because = (cause: PlatformError): string => {
  const reason = cause.reason.cause
  return reason instanceof Error ? reason.message : cause.message
}

const LogWriteErrorBase: Tagged<"LogWriteError", {
  readonly name: string
  readonly path: string
  readonly reason: "closed" | "retrying" | "failed"
  readonly unwritten: number
  readonly cause: PlatformError | undefined
}> = Data.TaggedError("LogWriteError")

/**
 * Logs could not be written: the disk is full, the directory is gone, or the store was closed.
 *
 * @category errors
 * @since 0.1.0
 */
export class LogWriteError extends LogWriteErrorBase {
  override get message(): string {
    const what = `Logs of ${this.name} cannot be written to ${this.path}`
    if (this.cause === undefined) {
      return `${what}: the log store is closed. Keep its scope open until every capture has ended.`
    }
    const consequence = this.reason === "retrying"
      ? "Nothing is lost: its output waits and the write is tried again until it succeeds."
      : `${this.unwritten} bytes were not stored.`
    return `${what} (${because(this.cause)}). ${consequence} Make room there, or make it writable.`
  }
}

const LogReadErrorBase: Tagged<"LogReadError", {
  readonly name: string
  readonly path: string
  readonly cause: PlatformError
}> = Data.TaggedError("LogReadError")

/**
 * Stored logs could not be read.
 *
 * @category errors
 * @since 0.1.0
 */
export class LogReadError extends LogReadErrorBase {
  override get message(): string {
    return `Logs of ${this.name} cannot be read from ${this.path} (${
      because(this.cause)
    }). Check that the file is there and readable; what is written next is not affected.`
  }
}

/** A file system that breaks is treated like a disk that does: whoever waits for it must hear of it. */
export const errorOf = (cause: Cause.Cause<PlatformError>): PlatformError =>
  Option.getOrElse(
    Cause.findErrorOption(cause),
    () => systemError({ _tag: "Unknown", module: "LogStore", method: "write", cause: Cause.squash(cause) })
  )
