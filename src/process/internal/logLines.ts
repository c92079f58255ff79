/**
 * From records and their bytes back to lines.
 *
 * Floor 3.
 */
import { Buffer } from "node:buffer"
import type { LogEntry, LogLine } from "../LogStore.ts"
import { copyOf, join, showable } from "./logBytes.ts"
import { Flag, isOutput, keyOf, Kind, type LogRecord, streamOf } from "./logRecord.ts"

export type Match = RegExp | string | undefined

/** Whether a text matches. Of the user's expression a copy is used, without the flags that make it remember. */
const matcher = (match: Match): (text: string) => boolean => {
  if (match === undefined) return () => true
  if (typeof match === "string") return (text) => text.includes(match)
  const expression = new RegExp(match.source, match.flags.replace(/[gy]/g, ""))
  return (text) => expression.test(text)
}

export interface AssemblerOptions {
  readonly match: Match
  /** The most bytes that one line is kept together for. */
  readonly maxLine: number
  /** Show an unfinished line as far as it goes, and the rest when it comes. */
  readonly pieces: boolean
  readonly markers: boolean
}

/** A line of which the end has not been read. */
interface Carry {
  readonly record: LogRecord
  parts: Array<Uint8Array>
  length: number
  /** The line matches by what is known of it, so all the rest of it is shown. */
  shown: boolean
}

/** Up to so many bytes of a line that is not finished are matched as they come. */
const mostMatched = 64 * 1024
const carriageReturn = 13
const lineFeed = 10

/** Puts together the lines of all runs and streams that are read at once. */
export class Assembler {
  private readonly carries = new Map<number, Carry>()
  private readonly options: AssemblerOptions
  private readonly matches: (text: string) => boolean
  /** A line without these bytes does not match: most are told apart without decoding them. */
  private readonly needle: Uint8Array | undefined

  constructor(options: AssemblerOptions) {
    this.options = options
    this.matches = matcher(options.match)
    // Text with halves of surrogate pairs or replacement characters is not in the bytes as it is in the text.
    this.needle =
      typeof options.match === "string" && options.match !== "" && !/[\uFFFD\uD800-\uDFFF]/.test(options.match)
        ? Buffer.from(options.match)
        : undefined
  }

  /** Takes the next record; `bytes` is empty unless it is output. */
  push(record: LogRecord, bytes: Uint8Array, out: Array<LogEntry>): void {
    if (isOutput(record)) this.pushOutput(record, toBuffer(bytes), out)
    else this.pushMarker(record, out)
  }

  /** The line that was begun is not wanted after all. */
  drop(record: LogRecord): void {
    if (this.carries.size > 0) this.carries.delete(keyOf(record))
  }

  /** Nothing more is read: what was begun is all there is of it. */
  flush(out: Array<LogEntry>): void {
    for (const carry of this.carries.values()) this.show(carry, carry.record, true, out)
    this.carries.clear()
  }

  private pushOutput(record: LogRecord, bytes: Buffer, out: Array<LogEntry>): void {
    // A record of which nothing was written: what is there of its line is in the one before.
    if (bytes.length === 0) return
    const key = keyOf(record)
    // The end of what was begun was in a part of the store that was skipped as a whole.
    if ((record.flags & Flag.continues) === 0) this.drop(record)
    let at = 0
    const carry = this.carries.size > 0 ? this.carries.get(key) : undefined
    const first = carry === undefined ? -1 : bytes.indexOf(lineFeed)
    if (carry !== undefined && first >= 0) {
      this.add(carry, bytes.subarray(0, first))
      this.end(key, record, out)
      at = first + 1
    }
    const end = carry !== undefined && first < 0 ? 0 : bytes.lastIndexOf(lineFeed) + 1
    this.lines(record, bytes, at, end, out)
    if (Math.max(at, end) < bytes.length) this.begin(key, record, bytes.subarray(Math.max(at, end)), out)
    if ((record.flags & Flag.endless) !== 0) this.end(key, record, out)
  }

  private lines(record: LogRecord, bytes: Buffer, from: number, to: number, out: Array<LogEntry>): void {
    const { run, time } = record
    const stream = streamOf(record)
    let at = from
    while (at < to) {
      if (this.needle !== undefined) {
        const found = bytes.indexOf(this.needle, at)
        if (found < 0 || found >= to) return
        if (found > at) at = Math.max(at, bytes.lastIndexOf(lineFeed, found - 1) + 1)
      }
      const end = bytes.indexOf(lineFeed, at)
      const length = end - at
      if (length > this.options.maxLine) {
        // Longer than any line may be: in pieces, as if it had come in pieces.
        this.begin(keyOf(record), record, bytes.subarray(at, end), out)
        this.end(keyOf(record), record, out)
      } else {
        const text = bytes.toString("utf8", at, end > at && bytes[end - 1] === carriageReturn ? end - 1 : end)
        if (this.matches(text)) out.push({ _tag: "Line", run, stream, time, text, continued: false })
      }
      at = end + 1
    }
  }

  private begin(key: number, record: LogRecord, bytes: Uint8Array, out: Array<LogEntry>): void {
    let carry = this.carries.get(key)
    if (carry === undefined) {
      carry = { record, parts: [], length: 0, shown: false }
      this.carries.set(key, carry)
    }
    this.add(carry, bytes)
    while (carry.length > this.options.maxLine) this.shorten(carry, record, out)
    // A long line is not matched again and again while it grows.
    const isLong = carry.length > mostMatched && this.options.match !== undefined && !carry.shown
    if (this.options.pieces && !isLong) this.show(carry, record, false, out)
  }

  private add(carry: Carry, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    carry.parts.push(copyOf(bytes))
    carry.length += bytes.length
  }

  /** The end of the line is there, if one was begun. */
  private end(key: number, record: LogRecord, out: Array<LogEntry>): void {
    const carry = this.carries.get(key)
    if (carry === undefined) return
    this.carries.delete(key)
    while (carry.length > this.options.maxLine) this.shorten(carry, record, out)
    const bytes = join(carry.parts, carry.length)
    const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length
    this.emit(carry, record, bytes.subarray(0, end), false, out)
  }

  /** Gives up keeping a line together: a piece of the largest length. */
  private shorten(carry: Carry, record: LogRecord, out: Array<LogEntry>): void {
    const bytes = join(carry.parts, carry.length)
    const most = bytes.subarray(0, this.options.maxLine)
    const length = showable(most) || most.length
    this.emit(carry, record, bytes.subarray(0, length), true, out)
    carry.parts = [bytes.subarray(length)]
    carry.length = bytes.length - length
  }

  /** Shows what there is of a line that goes on, if it matches so far; all of it, or only what is surely whole. */
  private show(carry: Carry, record: LogRecord, all: boolean, out: Array<LogEntry>): void {
    const bytes = join(carry.parts, carry.length)
    const length = all ? bytes.length : showable(bytes)
    if (length === 0) return
    if (this.emit(carry, record, bytes.subarray(0, length), true, out)) {
      carry.parts = length < bytes.length ? [copyOf(bytes.subarray(length))] : []
      carry.length = bytes.length - length
    } else carry.parts = [bytes]
  }

  private emit(
    carry: Carry,
    record: LogRecord,
    bytes: Uint8Array,
    continued: boolean,
    out: Array<LogEntry>
  ): boolean {
    const text = toBuffer(bytes).toString("utf8")
    if (!carry.shown && !this.matches(text)) return false
    carry.shown = true
    const line: LogLine = {
      _tag: "Line",
      run: record.run,
      stream: streamOf(record),
      time: record.time,
      text,
      continued
    }
    out.push(line)
    return true
  }

  private pushMarker(record: LogRecord, out: Array<LogEntry>): void {
    const { flags, kind, run, time, value } = record
    if (kind === Kind.runEnd && (flags & Flag.presumed) !== 0) this.flushRun(run, out)
    if (!this.options.markers) return
    if (kind === Kind.runStart && (flags & Flag.repeated) === 0) {
      out.push({ _tag: "RunStarted", run, time, ...((flags & Flag.hasValue) === 0 ? {} : { pid: value }) })
    }
    if (kind === Kind.runEnd) out.push({ _tag: "RunEnded", run, time, ...endOf(record) })
  }

  /** What an earlier process of ours had begun to store will not go on. */
  private flushRun(run: number, out: Array<LogEntry>): void {
    for (const [key, carry] of this.carries) {
      if (carry.record.run === run) this.end(key, carry.record, out)
    }
  }
}

/** How a run ended, from its record. */
export const endOf = (
  record: LogRecord
): { readonly code?: number; readonly signal?: string; readonly presumed: boolean } => ({
  ...((record.flags & Flag.hasValue) === 0 ? {} : { code: record.value }),
  ...(record.signal === "" ? {} : { signal: `SIG${record.signal}` }),
  presumed: (record.flags & Flag.presumed) !== 0
})

const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
