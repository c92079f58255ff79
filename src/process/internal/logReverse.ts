/**
 * Reads from the end: windows of records, the newest first, each read forwards and turned round. A line whose beginning
 * is before its window is completed first, by looking back in the index for its pieces.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import type { LogEntry } from "../LogStore.ts"
import type { LogReadError } from "./logErrors.ts"
import type { OpenSegment } from "./logFiles.ts"
import type { Assembler } from "./logLines.ts"
import { type Bound, feed, type Pick, type Selection, unindexed, verdict } from "./logReader.ts"
import { decode, decodeHeader, Flag, isOutput, keyOf, Kind, type LogRecord, recordSize, viewOf } from "./logRecord.ts"

const firstWindow = 64 * 1024
const largestWindow = 1024 * 1024

/** The index of a whole segment, with the place of each record's bytes. */
export interface SegmentIndex {
  readonly open: OpenSegment
  readonly count: number
  readonly pick: (at: number) => Pick
}

export const loadIndex: (open: OpenSegment, bound: Bound) => Effect.Effect<SegmentIndex, LogReadError> = Effect
  .fnUntraced(function*(open: OpenSegment, bound: Bound) {
    const view = viewOf(yield* open.index(0, bound.records))
    const most = decodeHeader(view) === undefined
      ? 0
      : Math.min(bound.records, Math.floor(view.byteLength / recordSize))
    const offsets = new Float64Array(most + 1)
    let last: LogRecord | undefined
    let count = 0
    for (; count < most; count++) {
      const record = decode(view, count * recordSize)
      if (record === undefined) break
      offsets[count + 1] = Math.min(offsets[count]! + record.length, bound.bytes)
      last = record
    }
    const rest: Array<Pick> = []
    for (let at = offsets[count]!; at < bound.bytes; at += rest.at(-1)!.length) {
      rest.push(unindexed(at, bound.bytes, last?.run ?? 0, last?.time ?? 0, rest.length === 0))
    }
    return {
      open,
      count: count + rest.length,
      pick: (at) => {
        if (at >= count) return rest[at - count]!
        const offset = offsets[at]!
        return { record: decode(view, at * recordSize)!, offset, length: offsets[at + 1]! - offset, isDropped: false }
      }
    }
  })

export interface ReverseOptions {
  readonly selection: Selection
  readonly makeAssembler: () => Assembler
  /** The index of the segment before that one, if there still is one. */
  readonly before: (index: SegmentIndex) => Effect.Effect<SegmentIndex | undefined, LogReadError>
}

/** Reads one segment backwards, a window at a time. */
export class ReverseScan {
  private at: number
  private window = firstWindow
  private readonly index: SegmentIndex
  private readonly options: ReverseOptions
  /** Lines that were begun and not finished at the end of this segment, if that is the end of all. */
  private open: ReadonlySet<number> | undefined

  constructor(index: SegmentIndex, open: ReadonlySet<number> | undefined, options: ReverseOptions) {
    this.index = index
    this.at = index.count
    this.options = options
    this.open = open
  }

  /** The next lines, the newest first; undefined at the start of the segment. */
  readonly next: Effect.Effect<Array<LogEntry> | undefined, LogReadError> = Effect.gen({ self: this }, function*() {
    if (this.at === 0) return undefined
    const picks = this.take()
    const assembler = this.options.makeAssembler()
    const isEnd = this.open !== undefined
    yield* this.complete(picks, assembler)
    const out: Array<LogEntry> = []
    yield* feed(this.index.open, picks, assembler, out)
    if (isEnd) assembler.flush(out)
    this.open = undefined
    return out.reverse()
  })

  private take(): Array<Pick> {
    const picks: Array<Pick> = []
    let bytes = 0
    while (this.at > 0 && bytes < this.window) {
      this.at--
      const pick = this.index.pick(this.at)
      const decision = verdict(this.options.selection, pick.record)
      if (decision === "skip") continue
      const isDropped = decision === "drop"
      picks.push(isDropped ? { ...pick, length: 0, isDropped } : pick)
      if (!isDropped) bytes += pick.length
    }
    this.window = Math.min(this.window * 2, largestWindow)
    return picks.reverse()
  }

  /** Reads the beginnings of the lines that this window goes on with. */
  private readonly complete = Effect.fnUntraced({ self: this }, function*(
    picks: ReadonlyArray<Pick>,
    assembler: Assembler
  ) {
    const wanted = begunBefore(picks, this.open, this.options.selection)
    const found: Array<{ readonly open: OpenSegment; readonly pick: Pick }> = []
    let index: SegmentIndex | undefined = this.index
    let at = this.at
    while (wanted.size > 0 && index !== undefined) {
      for (at--; at >= 0 && wanted.size > 0; at--) {
        const pick = index.pick(at)
        const { record } = pick
        if (record.kind === Kind.runStart && (record.flags & Flag.repeated) === 0) forget(wanted, record.run)
        if (!hasBytes(pick) || !wanted.has(keyOf(record))) continue
        // A record of which the end was never written is the beginning of a line as well.
        if (record.kind === Kind.piece || pick.length < record.length) found.push({ open: index.open, pick })
        if (record.kind === Kind.lines || (record.flags & Flag.continues) === 0) wanted.delete(keyOf(record))
      }
      if (wanted.size === 0) break
      index = yield* this.options.before(index)
      at = index?.count ?? 0
    }
    const discarded: Array<LogEntry> = []
    for (const { open, pick } of found.reverse()) yield* feed(open, [pick], assembler, discarded)
  })
}

/** Output of which something is there: of what was being written when its process was killed, there may be nothing. */
const hasBytes = ({ length, record }: Pick): boolean => isOutput(record) && (length > 0 || record.length === 0)

const forget = (keys: Set<number>, run: number): void => {
  for (const key of keys) if (Math.floor(key / 4) === run) keys.delete(key)
}

/** By run and stream, the lines that began before these records and go on in them or are unfinished at the end. */
const begunBefore = (
  picks: ReadonlyArray<Pick>,
  open: ReadonlySet<number> | undefined,
  selection: Selection
): Set<number> => {
  const begun = new Set<number>()
  const seen = new Set<number>()
  for (const pick of picks) {
    const { record } = pick
    if (record.kind === Kind.runEnd && (record.flags & Flag.presumed) !== 0) {
      // Whether a line of it was left unfinished the index tells, further back.
      for (let stream = 0; stream < 3; stream++) {
        if (!seen.has(record.run * 4 + stream)) begun.add(record.run * 4 + stream)
      }
    }
    if ((!hasBytes(pick) && !pick.isDropped) || seen.has(keyOf(record))) continue
    seen.add(keyOf(record))
    if ((record.flags & Flag.continues) !== 0) begun.add(keyOf(record))
  }
  for (const key of open ?? []) if (!seen.has(key) && isWanted(selection, key)) begun.add(key)
  return begun
}

const isWanted = (selection: Selection, key: number): boolean =>
  (selection.run === undefined || Math.floor(key / 4) === selection.run) &&
  (selection.stream === undefined || (key & 3) === selection.stream)
