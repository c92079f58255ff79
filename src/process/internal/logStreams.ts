/**
 * Queries as streams over the segments of a store.
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
import { loadIndex, ReverseScan, type SegmentIndex } from "./logReverse.ts"
import type { LogWriter, Position } from "./logWriter.ts"

export interface Source {
  readonly files: LogFiles
  readonly writer: LogWriter
}

type NonEmpty = readonly [LogEntry, ...Array<LogEntry>]
export type Step = Effect.Effect<ReadonlyArray<LogEntry> | undefined, LogReadError>

/** Where a reader is: every `next` is a step of it, and undefined is its end. */
export interface Cursor {
  readonly next: Step
}

const isNonEmpty = (entries: ReadonlyArray<LogEntry>): entries is NonEmpty => entries.length > 0

/** The stream of a cursor. Each run of it makes a cursor of its own, in a scope of its own. */
export const streamOf = (
  make: Effect.Effect<Cursor, LogReadError, Scope.Scope>
): Stream.Stream<LogEntry, LogReadError> =>
  Stream.unwrap(Effect.map(make, (cursor) =>
    Stream.fromPull(Effect.succeed(Effect.gen(function*() {
      while (true) {
        const entries = yield* cursor.next
        if (entries === undefined) return yield* Cause.done()
        if (isNonEmpty(entries)) return entries
      }
    })))))

/** Undefined if the segment is gone. */
export type Opener = (segment: Segment) => Effect.Effect<OpenSegment | undefined, LogReadError>

/** Opens one segment at a time, and closes it with the next one or with the scope. */
export const makeOpener: (
  files: LogFiles
) => Effect.Effect<Opener, never, Scope.Scope> = Effect.fnUntraced(function*(files: LogFiles) {
  let current: Scope.Closeable | undefined
  const close = Effect.suspend(() => current === undefined ? Effect.void : Scope.close(current, Exit.void))
  yield* Effect.addFinalizer(() => close)
  return Effect.fnUntraced(function*(segment: Segment) {
    yield* close
    current = yield* Scope.make()
    return yield* Scope.provide(files.openToRead(segment), current)
  })
})

export interface Snapshot {
  readonly segments: ReadonlyArray<{ readonly segment: Segment; readonly bound: Bound }>
  readonly openLines: ReadonlySet<number>
  readonly end: Position
}

/** What is stored now, and how far each segment may be read: a query sees what was stored when it began. */
export const snapshot = (writer: LogWriter): Snapshot => ({
  segments: writer.segments.map((segment) => ({
    segment,
    bound: { records: segment.records, bytes: segment.bytes }
  })),
  openLines: new Set(writer.live.openLines),
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

/** From the end of a snapshot back to the start of the store. */
export const reverseCursor: (
  source: Source,
  options: QueryOptions,
  snapshot: Snapshot
) => Effect.Effect<Cursor, LogReadError, Scope.Scope> = Effect.fnUntraced(function*(
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
