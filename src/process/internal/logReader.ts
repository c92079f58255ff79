/**
 * Reads segments: the index first, and of the log only what is wanted, in spans of bounded size. What is read at once is
 * bounded, whatever is stored.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import type { LogEntry } from "../LogStore.ts"
import type { LogReadError } from "./logErrors.ts"
import { emptyExtent, extend, type Extent, type OpenSegment, type Segment } from "./logFiles.ts"
import type { Assembler } from "./logLines.ts"
import {
  decode,
  decodeHeader,
  Flag,
  type Header,
  isOutput,
  keyOf,
  Kind,
  type LogRecord,
  recordSize,
  viewOf
} from "./logRecord.ts"

/** Which records are wanted. */
export interface Selection {
  readonly run: number | undefined
  readonly stream: number | undefined
  readonly since: number
  readonly until: number
  /** Lines to pass over at the start; possible by the index alone if every line counts. */
  readonly offset: number
}

/** How far a segment may be read. */
export interface Bound {
  readonly records: number
  readonly bytes: number
}

/** A record that is wanted, with the place of its bytes, or one whose line is not wanted any more. */
export interface Pick {
  readonly record: LogRecord
  readonly offset: number
  readonly length: number
  readonly isDropped: boolean
}

const blockRecords = 2_048
/** The most bytes that are read at once. */
const spanBytes = 256 * 1024
/** Reading on is cheaper than reading anew across so many bytes that are not wanted. */
const gapBytes = 64 * 1024

/** Whether anything of the segment can be wanted, as far as that is known. */
export const concerns = (selection: Selection, extent: Extent | undefined): boolean =>
  extent === undefined ||
  ((extent.maxTime >= selection.since || extent.goesOn) && extent.minTime <= selection.until &&
    (selection.run === undefined || (extent.minRun <= selection.run && selection.run <= extent.maxRun)))

/** What becomes of a record: read it, do not, or let go of the line that it ends. */
export const verdict = (selection: Selection, record: LogRecord): "read" | "skip" | "drop" => {
  if (record.kind === Kind.header) return "skip"
  if (selection.run !== undefined && record.run !== selection.run) return "skip"
  if (isOutput(record) && selection.stream !== undefined && (record.flags & 3) !== selection.stream) return "skip"
  if (record.time >= selection.since && record.time <= selection.until) return "read"
  // The time of a line is that of its end: the beginning may be older than what is asked for.
  return record.kind === Kind.lines ? "drop" : record.time < selection.since && isOutput(record) ? "read" : "skip"
}

/** Reads the bytes of these records, those that are near each other at once, and puts their lines together. */
export const feed: (
  open: OpenSegment,
  picks: ReadonlyArray<Pick>,
  assembler: Assembler,
  out: Array<LogEntry>
) => Effect.Effect<void, LogReadError> = Effect.fnUntraced(function*(open, picks, assembler, out) {
  for (let from = 0; from < picks.length;) {
    let to = from
    let start = -1
    let end = -1
    for (; to < picks.length; to++) {
      const { length, offset } = picks[to]!
      if (length === 0) continue
      if (start >= 0 && (offset + length - start > spanBytes || offset - end > gapBytes)) break
      if (start < 0) start = offset
      end = offset + length
    }
    const bytes = start < 0 ? new Uint8Array(0) : yield* open.log(start, end - start)
    for (; from < to; from++) {
      const { isDropped, length, offset, record } = picks[from]!
      if (isDropped) assembler.drop(record)
      else assembler.push(record, bytes.subarray(offset - start, offset - start + length), out)
    }
  }
})

/** Bytes that no record speaks of, at the end of a segment, as records. */
export const unindexed = (offset: number, bytes: number, run: number, time: number, isFirst: boolean): Pick => {
  const length = Math.min(bytes - offset, spanBytes)
  const flags = (offset + length === bytes ? Flag.endless : 0) | (isFirst ? 0 : Flag.continues)
  const record: LogRecord = { kind: Kind.piece, flags, run, time, length, value: 0, signal: "" }
  return { record, offset, length, isDropped: false }
}

/** Reads one segment forwards, a step at a time. */
export class Scan {
  readonly segment: Segment
  /** The next record, and where its bytes begin. */
  record: number
  offset: number
  /** What was passed, wanted or not. */
  lines = 0
  /** Lines still to be passed over. */
  private skip: number
  private readonly open: OpenSegment
  private readonly selection: Selection
  private readonly assembler: Assembler
  private view: DataView = new DataView(new ArrayBuffer(0))
  private blockStart: number
  private isBroken = false
  private isUnindexed = false
  private lastRun = 0
  private lastTime = 0
  private readonly extent: Extent | undefined
  private readonly unfinished = new Set<number>()

  constructor(
    open: OpenSegment,
    selection: Selection,
    assembler: Assembler,
    from: { readonly record: number; readonly offset: number }
  ) {
    this.open = open
    this.segment = open.segment
    this.selection = selection
    this.assembler = assembler
    this.record = from.record
    this.offset = from.offset
    this.blockStart = from.record
    this.skip = selection.offset
    this.extent = from.record === 0 && open.segment.extent === undefined ? emptyExtent() : undefined
  }

  /** The next lines, possibly none in this step; undefined at the bound. */
  readonly next: (bound: Bound) => Effect.Effect<Array<LogEntry> | undefined, LogReadError> = Effect.fnUntraced(
    { self: this },
    function*(bound: Bound) {
      if (this.record >= this.blockStart + this.view.byteLength / recordSize && !this.isBroken) {
        if (this.record < bound.records) yield* this.load(bound)
      }
      const picks = this.pick(bound)
      if (picks === undefined) return this.finish(bound)
      const out: Array<LogEntry> = []
      yield* feed(this.open, picks, this.assembler, out)
      const passed = Math.min(this.skip, out.length)
      this.skip -= passed
      return passed === 0 ? out : out.slice(passed)
    }
  )

  /** Lines that are still to be passed over in the next segment. */
  get toSkip(): number {
    return this.skip
  }

  private readonly load = Effect.fnUntraced({ self: this }, function*(bound: Bound) {
    const count = Math.min(blockRecords, bound.records - this.record)
    const bytes = yield* this.open.index(this.record, count)
    this.view = viewOf(bytes.subarray(0, Math.floor(bytes.length / recordSize) * recordSize))
    this.blockStart = this.record
    if (this.record === 0) this.readHeader(decodeHeader(this.view))
    if (this.view.byteLength === 0) this.isBroken = true
  })

  private readHeader(header: Header | undefined): void {
    if (header === undefined) this.isBroken = true
    else this.lastRun = header.lastRun
    this.lastTime = header?.time ?? 0
  }

  /** What the next step reads; undefined if there is nothing before the bound. */
  private pick(bound: Bound): Array<Pick> | undefined {
    const picks: Array<Pick> = []
    const first = this.record
    const end = Math.min(bound.records, this.blockStart + this.view.byteLength / recordSize)
    let wanted = 0
    while (!this.isBroken && this.record < end && wanted < spanBytes) {
      const record = decode(this.view, (this.record - this.blockStart) * recordSize)
      if (record === undefined) {
        this.isBroken = true
        break
      }
      wanted += this.take(record, bound, picks, wanted === 0)
    }
    return this.record > first ? picks : this.rest(bound)
  }

  private take(record: LogRecord, bound: Bound, picks: Array<Pick>, isFirst: boolean): number {
    // A process that was killed while it wrote may have left less than the index says.
    const length = Math.max(0, Math.min(record.length, bound.bytes - this.offset))
    const offset = this.offset
    this.note(record)
    this.record++
    this.offset += length
    const decision = verdict(this.selection, record)
    if (decision === "skip" || (isFirst && this.passes(record))) return 0
    const isDropped = decision === "drop"
    picks.push({ record, offset, length: isDropped ? 0 : length, isDropped })
    return isDropped ? 0 : length
  }

  private passes(record: LogRecord): boolean {
    if (this.skip === 0 || record.kind !== Kind.lines || (record.flags & Flag.continues) !== 0) return false
    if (record.value > this.skip || verdict(this.selection, record) !== "read") return false
    this.skip -= record.value
    return true
  }

  private note(record: LogRecord): void {
    if (record.kind === Kind.header) return
    this.lastRun = record.run
    this.lastTime = record.time
    if (record.kind === Kind.lines) this.lines += record.value
    if (this.extent === undefined) return
    extend(this.extent, record.run, record.time)
    if (record.kind === Kind.piece) this.unfinished.add(keyOf(record))
    if (record.kind === Kind.lines) this.unfinished.delete(keyOf(record))
  }

  private rest(bound: Bound): Array<Pick> | undefined {
    if (!this.isBroken && this.record < bound.records) return undefined
    if (this.offset >= bound.bytes) return undefined
    this.isBroken = true
    const pick = unindexed(this.offset, bound.bytes, this.lastRun, this.lastTime, !this.isUnindexed)
    this.isUnindexed = true
    this.offset += pick.length
    return verdict(this.selection, pick.record) === "read" ? [pick] : []
  }

  private finish(bound: Bound): undefined {
    if (this.extent === undefined || this.isBroken || this.record < bound.records) return undefined
    this.extent.goesOn = this.unfinished.size > 0
    this.segment.extent = this.extent
    return undefined
  }
}
