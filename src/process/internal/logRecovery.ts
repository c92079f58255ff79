/**
 * Opens the directory of a log store, in whatever state the last process left it. Nothing is rewritten: if the last
 * segment is not whole, writing goes on in a new one, and whoever reads takes the bytes that no record speaks of as
 * lines of an unknown stream.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import { emptyExtent, extend, type LogFiles, type Segment } from "./logFiles.ts"
import { decode, decodeHeader, isOutput, Kind, type LogRecord, recordSize, viewOf } from "./logRecord.ts"
import type { Found } from "./logWriter.ts"

export interface Recovered extends Found {
  /** Runs that began and of whose end nothing is known, and when they were heard of last. */
  readonly unended: ReadonlyArray<{ readonly run: number; readonly time: number }>
}

/** A new one each time: the writer goes on with these very segments. */
export const nothingFound = (): Recovered => ({
  segments: [],
  intact: false,
  lastRun: 0,
  bytes: 0,
  lines: 0,
  unended: []
})

const sizeOf = (files: LogFiles, path: string): Effect.Effect<number, PlatformError> =>
  Effect.catchIf(
    Effect.map(files.fs.stat(path), (info) => Number(info.size)),
    (error: PlatformError) => error.reason._tag === "NotFound",
    () => Effect.succeed(0)
  )

const measure = (files: LogFiles, number: number): Effect.Effect<Segment, PlatformError> =>
  Effect.map(
    Effect.all([sizeOf(files, files.indexPath(number)), sizeOf(files, files.logPath(number))], { concurrency: 2 }),
    ([index, bytes]) => ({ number, records: Math.floor(index / recordSize), bytes, extent: undefined })
  )

/** What the whole index of a segment says. */
const survey = (index: Uint8Array, segment: Segment): Recovered => {
  const view = viewOf(index)
  const header = decodeHeader(view)
  const extent = emptyExtent()
  const unended = new Map<number, { run: number; time: number }>()
  let records = header === undefined ? 0 : 1
  let bytes = 0
  let lines = 0
  let lastRun = header?.lastRun ?? 0
  const most = header === undefined ? 0 : Math.floor(index.length / recordSize)
  for (; records < most; records++) {
    const record = decode(view, records * recordSize)
    if (record === undefined) break
    bytes += record.length
    if (record.kind === Kind.lines) lines += record.value
    lastRun = Math.max(lastRun, record.run)
    extend(extent, record.run, record.time)
    hear(unended, record)
  }
  segment.records = records
  const intact = header !== undefined && records * recordSize === index.length && bytes === segment.bytes
  if (intact) segment.extent = extent
  return {
    segments: [segment],
    intact,
    lastRun,
    bytes: (header?.bytes ?? 0) + segment.bytes,
    lines: (header?.lines ?? 0) + lines,
    unended: Array.from(unended.values())
  }
}

const hear = (unended: Map<number, { run: number; time: number }>, record: LogRecord): void => {
  if (record.kind === Kind.runEnd) unended.delete(record.run)
  else if (record.kind === Kind.runStart) unended.set(record.run, { run: record.run, time: record.time })
  else if (isOutput(record) && unended.has(record.run)) unended.get(record.run)!.time = record.time
}

/** Makes the directory if there is none, and finds out what is in it. */
export const recover: (files: LogFiles) => Effect.Effect<Recovered, PlatformError> = Effect.fnUntraced(
  function*(files: LogFiles) {
    yield* files.fs.makeDirectory(files.directory, { recursive: true, mode: 0o700 })
    const access = files.fs.access(files.directory, { writable: true })
    const [found] = yield* Effect.all([lookInto(files), access], { concurrency: 2 })
    return found
  }
)

/** Finds out what is in a directory, and changes nothing. */
export const lookInto: (files: LogFiles) => Effect.Effect<Recovered, PlatformError> = Effect.fnUntraced(
  function*(files: LogFiles) {
    const numbers = yield* files.list
    if (numbers.length === 0) return nothingFound()
    const segments = yield* Effect.forEach(numbers, (number) => measure(files, number), { concurrency: 8 })
    // A process that was killed as it began a file has left one that says nothing: the one before it does.
    for (let at = segments.length - 1; at >= 0; at--) {
      const segment = segments[at]!
      const found = survey(yield* readIndex(files, segment.number), segment)
      if (segment.records <= 1 && at > 0) continue
      const after = segments.slice(at + 1)
      const bytes = after.reduce((sum, { bytes }) => sum + bytes, found.bytes)
      return { ...found, bytes, segments, intact: found.intact && after.length === 0 }
    }
    return nothingFound()
  }
)

const readIndex = (files: LogFiles, number: number): Effect.Effect<Uint8Array, PlatformError> =>
  Effect.catchIf(
    files.fs.readFile(files.indexPath(number)),
    (error: PlatformError) => error.reason._tag === "NotFound",
    () => Effect.succeed(new Uint8Array(0))
  )
