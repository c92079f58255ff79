/**
 * From the chunks of a pipe to records: all whole lines of a chunk are one record, and what follows the last line end is
 * held back until its own line end is there, so that the lines of two streams do not mix within a line.
 *
 * Floor 3.
 */
import { copyOf, countLines, join } from "./logBytes.ts"
import { Flag, Kind, type LogRecord } from "./logRecord.ts"
import type { LogWriter } from "./logWriter.ts"

const lineFeed = 10
const lineEnd = Uint8Array.of(lineFeed)

export interface SplitterOptions {
  readonly run: number
  readonly stream: number
  /** The most bytes of one record. */
  readonly maxRecord: number
  /** The most bytes of an unfinished line that wait for its end. */
  readonly maxHeld: number
}

/** The state of one stream of one run. */
export class LineSplitter {
  /** Since when the beginning of a line has been held back, in ms; undefined while none is. */
  heldSince: number | undefined = undefined
  /** Called when the first bytes of a line begin to be held back. */
  onHeld: () => void = () => undefined
  private held: Array<Uint8Array> = []
  private heldBytes = 0
  /** A piece of the current line has been queued already. */
  private continues = false
  private readonly writer: LogWriter
  private readonly options: SplitterOptions

  constructor(writer: LogWriter, options: SplitterOptions) {
    this.writer = writer
    this.options = options
  }

  /** Takes a chunk. False: the store is closed. */
  push(chunk: Uint8Array, time: number): boolean {
    if (chunk.length === 0) return true
    const end = chunk.lastIndexOf(lineFeed) + 1
    if (end === 0) return this.hold(chunk, time)
    const lines = end === chunk.length ? chunk : chunk.subarray(0, end)
    const { length, parts } = this.take(lines)
    const isTaken = length > this.options.maxRecord
      ? this.cut(join(parts, length), time)
      : this.queueLines(parts, length, countLines(lines), 0, time)
    return end === chunk.length ? isTaken : this.hold(chunk.subarray(end), time) && isTaken
  }

  /** Lets go of an unfinished line, as a piece: it has waited long enough to be seen. */
  release(time: number): void {
    if (this.heldBytes === 0) return
    const { length, parts } = this.take()
    this.queuePiece(parts, length, time)
  }

  /** The stream is at its end: what is left is its last line. */
  finish(time: number): boolean {
    if (this.heldBytes === 0 && !this.continues) return true
    const { length, parts } = this.take(lineEnd)
    return this.queueLines(parts, length, 1, Flag.endless, time)
  }

  /** What was held back, and more. */
  private take(more?: Uint8Array): { readonly parts: Array<Uint8Array>; readonly length: number } {
    const parts = this.held
    if (more !== undefined) parts.push(more)
    const length = this.heldBytes + (more?.length ?? 0)
    this.held = []
    this.heldBytes = 0
    this.heldSince = undefined
    return { parts, length }
  }

  private hold(bytes: Uint8Array, time: number): boolean {
    if (this.heldBytes + bytes.length > this.options.maxHeld) {
      const { length, parts } = this.take(bytes)
      return length > this.options.maxRecord
        ? this.cut(join(parts, length), time)
        : this.queuePiece(parts, length, time)
    }
    // A copy: a few held bytes must not keep the whole chunk in memory.
    this.held.push(copyOf(bytes))
    this.heldBytes += bytes.length
    if (this.heldSince === undefined) {
      this.heldSince = time
      this.onHeld()
    }
    return true
  }

  /** Too much for one record: several, cut after a line if there is one, anywhere if not. */
  private cut(bytes: Uint8Array, time: number): boolean {
    const { maxRecord } = this.options
    let isTaken = true
    for (let at = 0; at < bytes.length;) {
      const most = bytes.subarray(at, at + maxRecord)
      const end = most.lastIndexOf(lineFeed) + 1
      isTaken = end > 0
        ? this.queueLines([most.subarray(0, end)], end, countLines(most.subarray(0, end)), 0, time)
        : this.queuePiece([most], most.length, time)
      at += end > 0 ? end : most.length
    }
    return isTaken
  }

  private queuePiece(parts: Array<Uint8Array>, length: number, time: number): boolean {
    const isTaken = this.writer.append(this.record(Kind.piece, 0, length, 0, time), parts)
    this.continues = true
    return isTaken
  }

  private queueLines(
    parts: Array<Uint8Array>,
    length: number,
    lines: number,
    flags: number,
    time: number
  ): boolean {
    const last = this.writer.open(length)
    if (last !== undefined && flags === 0 && !this.continues && this.canGrow(last, length, time)) {
      this.writer.grow(last, parts, length, lines)
      return true
    }
    const isTaken = this.writer.append(this.record(Kind.lines, flags, length, lines, time), parts)
    this.continues = false
    return isTaken
  }

  /** Many small writes within a millisecond need but one record. */
  private canGrow(last: LogRecord, length: number, time: number): boolean {
    const { maxRecord, run, stream } = this.options
    return last.kind === Kind.lines && last.run === run && last.time === time &&
      (last.flags & ~Flag.continues) === stream
      && last.length + length <= maxRecord
  }

  private record(kind: number, flags: number, length: number, value: number, time: number): LogRecord {
    const { run, stream } = this.options
    const continues = this.continues ? Flag.continues : 0
    return { kind, flags: stream | flags | continues, run, time, length, value, signal: "" }
  }
}
