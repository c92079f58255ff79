/**
 * Takes a byte stream into a store: pulls as fast as the disk takes what is pulled.
 *
 * Floor 3.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { LogStore } from "../LogStore.ts"
import { readOf } from "./childPipes.ts"
import { LogWriteError } from "./logErrors.ts"
import { streamNumber } from "./logRecord.ts"
import { LineSplitter } from "./logSplitter.ts"
import type { LogWriter } from "./logWriter.ts"

/** The most bytes of one record, so of what is read at once to find one line. */
const largestRecord = 256 * 1024
/** The most bytes of an unfinished line that wait for its end. */
const mostHeld = 64 * 1024

export interface CaptureOptions {
  readonly name: string
  readonly directory: string
  readonly maxFileSize: number
  readonly partialAfter: number
}

/** How a stream is stored: see `LogStore.capture`. */
export const makeCapture = (writer: LogWriter, options: CaptureOptions): LogStore["capture"] =>
  Effect.fnUntraced(function*(run, stream, bytes) {
    const { directory, maxFileSize, name, partialAfter } = options
    const maxRecord = Math.min(maxFileSize, largestRecord)
    const clock = yield* Clock.Clock
    const now = () => clock.currentTimeMillisUnsafe()
    const before = writer.failures
    const splitter = new LineSplitter(writer, {
      run,
      stream: streamNumber(stream),
      maxRecord,
      maxHeld: Math.min(mostHeld, maxRecord)
    })
    const closed = () => new LogWriteError({ name, path: directory, reason: "closed", unwritten: 0, cause: undefined })
    let isTaken = true
    const check = Effect.suspend(() =>
      writer.failures !== before
        ? Effect.fail(writer.lastFailure!)
        : writer.closed || !isTaken
        ? Effect.fail(closed())
        : Effect.void
    )
    const room = Effect.suspend(() => isTaken && writer.isFull ? Effect.andThen(writer.room(before), check) : check)

    let isSilent = true
    /** Takes what was read; whether there is room for more. */
    const take = (chunk: Uint8Array): boolean => {
      isSilent = false
      isTaken = splitter.push(chunk, now()) && isTaken
      return isTaken && !writer.isFull && writer.failures === before
    }
    const read = readOf(bytes)
    const store = read === undefined
      ? Stream.runForEachArray(bytes, (chunks) => {
        for (const chunk of chunks) take(chunk)
        return room
      })
      : Effect.asVoid(Effect.repeat(Effect.tap(read(take), () => room), { until: (isEnd) => isEnd }))

    const fork = Effect.runForkWith(yield* Effect.context<never>())
    let partial: Fiber.Fiber<void> | undefined
    splitter.onHeld = () => {
      if (partial === undefined || partial.pollUnsafe() !== undefined) partial = fork(showPartialLines)
    }
    /** Stores what there is of a line that has been waiting for its end for so long, until no line is. */
    const showPartialLines = Effect.gen(function*() {
      while (splitter.heldSince !== undefined) {
        const left = splitter.heldSince + partialAfter - now()
        if (left > 0) yield* Effect.sleep(left)
        else splitter.release(now())
      }
    })
    const exit = yield* store.pipe(
      // Also when interrupted: what was read is stored.
      Effect.ensuring(Effect.suspend(() => {
        splitter.finish(now())
        return partial === undefined ? Effect.void : Fiber.interrupt(partial)
      })),
      Effect.exit
    )
    if (!isSilent) yield* writer.flushed
    yield* exit
    yield* check
  })
