/**
 * Queries and followers as streams over the segments of a store.
 *
 * Floor 3.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { LogEntry } from "../LogStore.ts"
import type { LogReadError } from "./logErrors.ts"
import type { LogFiles, OpenSegment, Segment } from "./logFiles.ts"
import { Assembler, type AssemblerOptions } from "./logLines.ts"
import { type Bound, concerns, Scan, type Selection } from "./logReader.ts"
import { decodeHeader, viewOf } from "./logRecord.ts"
import { loadIndex, ReverseScan, type SegmentIndex } from "./logReverse.ts"
import type { LogWriter, Position } from "./logWriter.ts"

export interface Source {
  readonly files: LogFiles
  readonly writer: LogWriter
}

type NonEmpty = readonly [LogEntry, ...Array<LogEntry>]
type Step = Effect.Effect<ReadonlyArray<LogEntry> | undefined, LogReadError>

/** Where a reader is: every `next` is a step of it, and undefined is its end. */
interface Cursor {
  readonly next: Step
}

const isNonEmpty = (entries: ReadonlyArray<LogEntry>): entries is NonEmpty => entries.length > 0

/** The stream of a cursor. Each run of it makes a cursor of its own, in a scope of its own. */
const streamOf = (make: Effect.Effect<Cursor, LogReadError, Scope.Scope>): Stream.Stream<LogEntry, LogReadError> =>
  Stream.unwrap(Effect.map(make, (cursor) =>
    Stream.fromPull(Effect.succeed(Effect.gen(function*() {
      while (true) {
        const entries = yield* cursor.next
        if (entries === undefined) return yield* Cause.done()
        if (isNonEmpty(entries)) return entries
      }
    })))))

/** Opens one segment at a time, and closes it with the next one or with the scope. */
const makeOpener = Effect.fnUntraced(function*(files: LogFiles) {
  let current: Scope.Closeable | undefined
  const close = Effect.suspend(() => current === undefined ? Effect.void : Scope.close(current, Exit.void))
  yield* Effect.addFinalizer(() => close)
  return Effect.fnUntraced(function*(segment: Segment) {
    yield* close
    current = yield* Scope.make()
    return yield* Scope.provide(files.openToRead(segment), current)
  })
})

interface Snapshot {
  readonly segments: ReadonlyArray<{ readonly segment: Segment; readonly bound: Bound }>
  readonly openLines: ReadonlySet<number>
  readonly end: Position
}

/** What is stored now, and how far each segment may be read: a query sees what was stored when it began. */
const snapshot = (writer: LogWriter): Snapshot => ({
  segments: writer.segments.map((segment) => ({
    segment,
    bound: { records: segment.records, bytes: segment.bytes }
  })),
  openLines: new Set(writer.openLines),
  end: writer.end
})

export interface QueryOptions {
  readonly selection: Selection
  readonly assembler: AssemblerOptions
}

/** Everything that is wanted, the oldest first. */
export const forwards = (source: Source, options: QueryOptions): Stream.Stream<LogEntry, LogReadError> =>
  streamOf(Effect.gen(function*() {
    yield* source.writer.settled
    const open = yield* makeOpener(source.files)
    const left = snapshot(source.writer).segments.filter(({ segment }) => concerns(options.selection, segment.extent))
    // A query has no gaps: rotation deletes what it has still to read when it has read it.
    const unpin = source.writer.pin(left.map(({ segment }) => segment))
    yield* Effect.addFinalizer(() => Effect.sync(unpin))
    const assembler = new Assembler(options.assembler)
    let scan: Scan | undefined
    let bound: Bound = { records: 0, bytes: 0 }
    let skip = options.selection.offset
    let isFlushed = false
    const step: Step = Effect.gen(function*() {
      const entries = scan === undefined ? undefined : yield* scan.next(bound)
      if (entries !== undefined) return entries
      skip = scan?.toSkip ?? skip
      scan = undefined
      const next = left.shift()
      if (next === undefined) {
        const out: Array<LogEntry> = []
        if (!isFlushed) assembler.flush(out)
        else return undefined
        isFlushed = true
        return out.slice(skip)
      }
      const opened = yield* open(next.segment)
      if (opened === undefined) return []
      bound = next.bound
      scan = new Scan(opened, { ...options.selection, offset: skip }, assembler, { record: 0, offset: 0 })
      return []
    })
    return { next: step }
  }))

/** Everything that is wanted, the newest first. */
export const backwards = (source: Source, options: QueryOptions): Stream.Stream<LogEntry, LogReadError> =>
  streamOf(Effect.andThen(
    source.writer.settled,
    Effect.suspend(() => reverseCursor(source, options, snapshot(source.writer)))
  ))

const reverseCursor = Effect.fnUntraced(function*(
  { files }: Source,
  options: QueryOptions,
  { openLines, segments }: Snapshot
) {
  const scope = yield* Effect.scope
  const indexes = new Map<number, { readonly scope: Scope.Closeable; readonly index: SegmentIndex | undefined }>()

  const indexOf = Effect.fnUntraced(function*(at: number) {
    const { bound, segment } = segments[at]!
    const known = indexes.get(at)
    if (known !== undefined) return known.index
    const own = yield* Scope.fork(scope)
    const opened: OpenSegment | undefined = yield* Scope.provide(files.openToRead(segment), own)
    const index = opened === undefined ? undefined : yield* loadIndex(opened, bound)
    indexes.set(at, { scope: own, index })
    return index
  })
  const forget = (at: number) =>
    Effect.suspend(() => {
      const known = indexes.get(at)
      indexes.delete(at)
      return known === undefined ? Effect.void : Scope.close(known.scope, Exit.void)
    })
  const before = (index: SegmentIndex) => {
    const at = segments.findIndex(({ segment }) => segment === index.open.segment) - 1
    return at < 0 ? Effect.undefined : indexOf(at)
  }

  const makeAssembler = () => new Assembler(options.assembler)
  let at = segments.length
  let scan: ReverseScan | undefined
  const step: Step = Effect.gen(function*() {
    const entries = scan === undefined ? undefined : yield* scan.next
    if (entries !== undefined) return entries
    scan = undefined
    if (at < segments.length) yield* forget(at)
    if (at === 0) return undefined
    at--
    const isEnd = at === segments.length - 1
    if (!isEnd && !concerns(options.selection, segments[at]!.segment.extent)) return []
    const index = yield* indexOf(at)
    if (index === undefined) return []
    scan = new ReverseScan(index, isEnd ? openLines : undefined, {
      selection: options.selection,
      makeAssembler,
      before
    })
    return []
  })
  return { next: step }
})

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
  private readonly open: (segment: Segment) => Effect.Effect<OpenSegment | undefined, LogReadError>
  private readonly assembler: Assembler
  private scan: Scan | undefined = undefined
  /** The segment that was read last, and what the store had seen by its end. */
  private number = 0
  private passed: { bytes: number; lines: number } | undefined = undefined
  /** Where the segment that is read was begun to be read. */
  private start = 0
  private ending: Position | undefined = undefined
  private isDone = false

  constructor(
    writer: LogWriter,
    options: FollowOptions,
    open: (segment: Segment) => Effect.Effect<OpenSegment | undefined, LogReadError>
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
    const next = this.writer.segments.find(({ number }) => number > this.number)
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
      // It is deleted, and soon not in the list any more: what comes after it says how much was in it.
      yield* Effect.yieldNow
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
