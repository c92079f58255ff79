/**
 * The directory of a log store: numbered segments, each a log that a person can read and the index beside it. A segment
 * is never renamed, so that whoever reads one never finds another under its name.
 *
 * All through Effect's `FileSystem`: per write of up to a MiB its cost does not show, and faults can be injected.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Scope from "effect/Scope"
import { LogReadError } from "./logErrors.ts"
import { recordSize } from "./logRecord.ts"

/** What is known of a segment. It grows in place while it is written to: readers hold on to it also after its end. */
export interface Segment {
  readonly number: number
  /** How many records of the index, the header included, and how many bytes of the log are there to be read. */
  records: number
  bytes: number
  /** What its records say, to skip it whole; undefined while nobody has read them all. */
  extent: Extent | undefined
}

export interface Extent {
  minTime: number
  maxTime: number
  minRun: number
  maxRun: number
  /** A line that is begun in it goes on in the next one. */
  goesOn: boolean
}

export const emptyExtent = (): Extent => ({
  minTime: Number.POSITIVE_INFINITY,
  maxTime: Number.NEGATIVE_INFINITY,
  minRun: Number.POSITIVE_INFINITY,
  maxRun: 0,
  goesOn: false
})

export const extend = (extent: Extent, run: number, time: number): void => {
  if (time < extent.minTime) extent.minTime = time
  if (time > extent.maxTime) extent.maxTime = time
  if (run < extent.minRun) extent.minRun = run
  if (run > extent.maxRun) extent.maxRun = run
}

/** A segment opened for reading. What is open can be read to its end, also when rotation deletes it meanwhile. */
export interface OpenSegment {
  readonly segment: Segment
  /** Up to `count` records from the given one, as bytes. */
  readonly index: (record: number, count: number) => Effect.Effect<Uint8Array, LogReadError>
  /** So many bytes of the log, fewer only if they are not there. */
  readonly log: (offset: number, length: number) => Effect.Effect<Uint8Array, LogReadError>
}

/** A segment opened for writing. */
export interface WritableSegment {
  readonly scope: Scope.Closeable
  readonly segment: Segment
  readonly log: FileSystem.File
  readonly index: FileSystem.File
}

export interface LogFiles {
  readonly name: string
  readonly directory: string
  readonly fs: FileSystem.FileSystem
  readonly logPath: (segment: number) => string
  readonly indexPath: (segment: number) => string
  readonly list: Effect.Effect<Array<number>, PlatformError>
  /** Undefined if the segment is gone. */
  readonly openToRead: (segment: Segment) => Effect.Effect<OpenSegment | undefined, LogReadError, Scope.Scope>
}

const pattern = /^(\d{8,})\.(log|idx)$/

const readAt = Effect.fnUntraced(function*(file: FileSystem.File, offset: number, length: number) {
  const bytes = new Uint8Array(length)
  let size = 0
  while (size < length) {
    const read = yield* file.read(bytes.subarray(size), { position: BigInt(offset + size) })
    if (read === 0) break
    size += read
  }
  return bytes.subarray(0, size)
})

export const make = (fs: FileSystem.FileSystem, path: Path.Path, directory: string, name: string): LogFiles => {
  const pathOf = (segment: number, suffix: string) =>
    path.join(directory, `${String(segment).padStart(8, "0")}.${suffix}`)
  const logPath = (segment: number) => pathOf(segment, "log")
  const indexPath = (segment: number) => pathOf(segment, "idx")

  const failure = (path: string) => (cause: PlatformError) => new LogReadError({ name, path, cause })

  const openIfThere = (path: string) =>
    Effect.catchIf(
      fs.open(path),
      (error) => error.reason._tag === "NotFound",
      () => Effect.void
    ).pipe(Effect.mapError(failure(path)))

  return {
    name,
    directory,
    fs,
    logPath,
    indexPath,
    list: Effect.map(fs.readDirectory(directory), (names) => {
      const numbers = new Set<number>()
      for (const name of names) {
        const match = pattern.exec(name)
        if (match !== null) numbers.add(Number(match[1]))
      }
      return Array.from(numbers).toSorted((a, b) => a - b)
    }),
    openToRead: Effect.fnUntraced(function*(segment) {
      const log = yield* openIfThere(logPath(segment.number))
      if (log === undefined) return undefined
      // A log without its index can still be read, as lines of an unknown stream.
      const index = yield* openIfThere(indexPath(segment.number))
      return {
        segment,
        index: (record, count) =>
          index === undefined
            ? Effect.succeed(new Uint8Array(0))
            : Effect.mapError(
              readAt(index, record * recordSize, count * recordSize),
              failure(indexPath(segment.number))
            ),
        log: (offset, length) => Effect.mapError(readAt(log, offset, length), failure(logPath(segment.number)))
      }
    })
  }
}

/** Opens both files of a segment, or none of them. Makes the directory if it is not there, for a new segment. */
export const openToWrite: (
  files: LogFiles,
  segment: Segment,
  flag: "r+" | "w+",
  prepare?: (index: FileSystem.File) => Effect.Effect<void, PlatformError>
) => Effect.Effect<WritableSegment, PlatformError> = Effect.fnUntraced(function*(files, segment, flag, prepare) {
  const { fs, indexPath, logPath } = files
  const scope = yield* Scope.make()
  const options = { flag, mode: 0o600 } as const
  const opened = Effect.gen(function*() {
    const open = fs.open(logPath(segment.number), options)
    const log = yield* flag === "r+" ? open : Effect.catchIf(
      open,
      (error) => error.reason._tag === "NotFound",
      () => Effect.andThen(fs.makeDirectory(files.directory, { recursive: true, mode: 0o700 }), open)
    )
    const index = yield* fs.open(indexPath(segment.number), options)
    if (prepare !== undefined) yield* prepare(index)
    return { scope, segment, log, index }
  })
  return yield* Effect.onError(Scope.provide(opened, scope), (cause) => Scope.close(scope, Exit.failCause(cause)))
})

export const closeSegment = (open: WritableSegment | undefined): Effect.Effect<void> =>
  open === undefined ? Effect.void : Scope.close(open.scope, Exit.void)
