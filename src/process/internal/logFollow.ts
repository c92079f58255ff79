/**
 * Followers: each reads the files at a place of its own, behind the writer, and waits at the end.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { LogEntry } from "../LogStore.ts"
import type { LogReadError } from "./logErrors.ts"
import type { Segment } from "./logFiles.ts"
import { Assembler } from "./logLines.ts"
import { type Bound, Scan } from "./logReader.ts"
import { decodeHeader, viewOf } from "./logRecord.ts"
import {
  makeOpener,
  type Opener,
  type QueryOptions,
  reverseCursor,
  type Snapshot,
  snapshot,
  type Source,
  type Step,
  streamOf
} from "./logStreams.ts"
import type { LogWriter, Position } from "./logWriter.ts"

export interface FollowOptions extends QueryOptions {
  readonly from: "now" | "start" | { readonly last: number }
  readonly until: Effect.Effect<unknown> | undefined
}

/** What is wanted, as it comes. Reads at its own place: a follower that is slow costs nothing but its place. */
export const follow = (source: Source, options: FollowOptions): Stream.Stream<LogEntry, LogReadError> =>
  streamOf(Effect.gen(function*() {
    const { files, writer } = source
    const { from, until } = options
    yield* writer.settled
    const start = snapshot(writer)
    const walk = new Walk(writer, options, yield* makeOpener(files))
    if (until !== undefined) yield* Effect.forkScoped(Effect.andThen(Effect.exit(until), walk.finish))
    if (from !== "start") yield* walk.begin(start.end)
    if (typeof from !== "object") return { next: walk.step }
    let left: Step | undefined = lastStep(source, options, start, from.last)
    const step: Step = Effect.suspend(() => {
      const first = left
      left = undefined
      return first ?? walk.step
    })
    return { next: step }
  }))

/** The last so many entries before the snapshot, in one step. */
const lastStep = (source: Source, options: QueryOptions, start: Snapshot, count: number): Step =>
  Effect.scoped(Effect.gen(function*() {
    const newest: Array<LogEntry> = []
    const cursor = yield* reverseCursor(source, options, start)
    while (newest.length < count) {
      const entries = yield* cursor.next
      if (entries === undefined) break
      for (const entry of entries) if (newest.length < count) newest.push(entry)
    }
    return newest.reverse()
  }))

/** From segment to segment, behind the writer. */
class Walk {
  private readonly writer: LogWriter
  private readonly options: FollowOptions
  private readonly open: Opener
  private readonly assembler: Assembler
  private scan: Scan | undefined = undefined
  /** The segment that was read last, and what the store had seen by its end. */
  private number = 0
  /** The last segment that was not there. */
  private missing = 0
  private passed: { bytes: number; lines: number } | undefined = undefined
  /** Where the segment that is read was begun to be read. */
  private start = 0
  private ending: Position | undefined = undefined
  private isDone = false

  constructor(
    writer: LogWriter,
    options: FollowOptions,
    open: Opener
  ) {
    this.writer = writer
    this.options = options
    this.open = open
    this.assembler = new Assembler(options.assembler)
  }

  readonly begin = Effect.fnUntraced({ self: this }, function*(position: Position) {
    this.number = position.segment
    this.passed = { bytes: position.bytes, lines: position.lines }
    const segment = this.writer.segments.find(({ number }) => number === position.segment)
    const opened = segment === undefined ? undefined : yield* this.open(segment)
    if (opened === undefined) return
    this.scan = new Scan(opened, this.options.selection, this.assembler, position)
    this.start = position.offset
  })

  /** Ends the stream with what is stored now. */
  readonly finish: Effect.Effect<void> = Effect.suspend(() =>
    Effect.andThen(
      this.writer.settled,
      Effect.sync(() => {
        this.ending = this.writer.end
        this.writer.wake()
      })
    )
  )

  readonly step: Step = Effect.gen({ self: this }, function*() {
    if (this.isDone) return undefined
    const end = this.writer.end
    const ending = this.ending ?? (this.writer.closed ? end : undefined)
    if (this.scan !== undefined) {
      const bound = this.boundOf(this.scan.segment, ending)
      const entries = yield* this.scan.next(bound)
      if (entries !== undefined) return entries
      if (this.scan.segment.records > bound.records && ending === undefined) return []
    }
    const next = this.writer.segments.find(({ number }) => number > Math.max(this.number, this.missing))
    if (next !== undefined && (ending === undefined || next.number <= ending.segment)) return yield* this.advance(next)
    if (ending !== undefined) return this.stop()
    yield* this.writer.changed(end, () => this.ending !== undefined)
    return []
  })

  private boundOf(segment: Segment, ending: Position | undefined): Bound {
    return ending !== undefined && ending.segment === segment.number
      ? { records: ending.record, bytes: ending.offset }
      : { records: segment.records, bytes: segment.bytes }
  }

  private stop(): ReadonlyArray<LogEntry> {
    const out: Array<LogEntry> = []
    this.assembler.flush(out)
    this.isDone = true
    return out
  }

  private readonly advance = Effect.fnUntraced({ self: this }, function*(segment: Segment) {
    const before = this.totals()
    const opened = yield* this.open(segment)
    this.scan = undefined
    this.passed = before
    if (opened === undefined) {
      // Deleted, by rotation or by somebody else: what comes after it says how much was in it.
      this.missing = segment.number
      return []
    }
    const header = decodeHeader(viewOf(yield* opened.index(0, 1)))
    const skipped = segment.number - this.number - 1
    this.number = segment.number
    this.start = 0
    this.passed = header ?? before
    this.scan = new Scan(opened, this.options.selection, this.assembler, { record: 0, offset: 0 })
    if (before === undefined || header === undefined || skipped <= 0) return []
    return this.lost(skipped, header.bytes - before.bytes, header.lines - before.lines)
  })

  private totals(): { bytes: number; lines: number } | undefined {
    return this.scan === undefined || this.passed === undefined ? this.passed : {
      bytes: this.passed.bytes + this.scan.offset - this.start,
      lines: this.passed.lines + this.scan.lines
    }
  }

  /** Rotation was faster. What had been begun before does not go on after. */
  private lost(segments: number, bytes: number, lines: number): ReadonlyArray<LogEntry> {
    const out: Array<LogEntry> = []
    this.assembler.flush(out)
    out.push({ _tag: "Lost", segments, bytes, lines })
    return out
  }
}
