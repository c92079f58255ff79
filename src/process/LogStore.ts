/**
 * The output of a command, stored line by line without losing one: raw bytes in files that rotate by size and count,
 * beside each an index of runs, streams and times, so that a query reads only what it is about.
 *
 * **When to use**
 *
 * A `Job` makes one for itself. Use it directly to store any byte streams as logs: it knows nothing of processes.
 *
 * **Details**
 *
 * Work is done per chunk of output, not per line, so that capturing costs little more than reading the pipe. In front of
 * the disk at most `maxBuffered` bytes wait in memory; after that the pipe waits, and with it the process that writes.
 * Nothing is ever dropped silently: a full disk means waiting (see `onWriteError`), and a follower that rotation has
 * overtaken is told how much it missed.
 *
 * A directory holds `00000001.log`, `00000002.log`, ... for a person to read with `less`, and `00000001.idx`, ... beside
 * them. Both are readable by their owner only.
 *
 * **Gotchas**
 *
 * One directory belongs to one store at a time. Written data survives the end of the process, however it comes; it is not
 * forced to the disk (`fsync`), so a power failure can cost the last seconds.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { Severity } from "effect/LogLevel"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import * as validate from "../internal/validate.ts"
import { makeCapture } from "./internal/logCapture.ts"
import type { LogReadError, LogWriteError } from "./internal/logErrors.ts"
import * as logFiles from "./internal/logFiles.ts"
import { follow } from "./internal/logFollow.ts"
import type { Selection } from "./internal/logReader.ts"
import { Flag, Kind, streamNumber } from "./internal/logRecord.ts"
import { lookInto, nothingFound, recover } from "./internal/logRecovery.ts"
import { listRuns } from "./internal/logRuns.ts"
import { backwards, forwards, type Source } from "./internal/logStreams.ts"
import { LogWriter } from "./internal/logWriter.ts"

/**
 * The failures of a store: `LogWriteError`, when output could not be written (the disk is full, the directory is gone, the
 * store is closed; its `reason` is "retrying" while nothing is lost), and `LogReadError`, when stored output could not be
 * read. Their messages name the command and the file and say what to do.
 *
 * @category errors
 * @since 0.1.0
 */
export { LogReadError, LogWriteError } from "./internal/logErrors.ts"

/**
 * Where a line came from. "unknown" are lines that were found in a log without a record of them, after a power failure
 * or because someone deleted an index.
 *
 * @category models
 * @since 0.1.0
 */
export type LogStream = "stdout" | "stderr" | "unknown"

/**
 * A line of output: plain data.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogLine {
  readonly _tag: "Line"
  /** The number of the run that wrote it. */
  readonly run: number
  readonly stream: LogStream
  /** When its end arrived, in ms since the epoch. */
  readonly time: number
  /** Without its line end, be it "\n" or "\r\n". Bytes that are not UTF-8 are U+FFFD here; on disk they are as they were. */
  readonly text: string
  /**
   * The line is not over: the next entry of this run and stream goes on with it. So are the pieces of a line that is
   * longer than `maxLineLength`, and a line that is not finished yet, such as a prompt.
   */
  readonly continued: boolean
}

/**
 * A run began.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunStarted {
  readonly _tag: "RunStarted"
  readonly run: number
  readonly time: number
  readonly pid?: number
}

/**
 * A run ended. `presumed`: the store was not closed while the run went on, so how it ended is not known, and `time` is
 * when it was heard of last.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunEnded {
  readonly _tag: "RunEnded"
  readonly run: number
  readonly time: number
  readonly code?: number
  readonly signal?: string
  readonly presumed: boolean
}

/**
 * Rotation deleted so much before this follower had read it, wanted or not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lost {
  readonly _tag: "Lost"
  readonly segments: number
  readonly bytes: number
  readonly lines: number
}

/**
 * What a follower sees.
 *
 * @category models
 * @since 0.1.0
 */
export type LogEntry = LogLine | RunStarted | RunEnded | Lost

/**
 * A run of which something is stored. `lines` and `bytes` are what rotation has left of it; `pid` and `started` are
 * absent if it has left only its output.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogRun {
  readonly run: number
  readonly pid?: number
  readonly started?: number
  readonly ended?: {
    readonly time: number
    readonly code?: number
    readonly signal?: string
    readonly presumed: boolean
  }
  readonly lines: number
  readonly bytes: number
}

/**
 * Options of `make`. Only the directory is needed; the rest has its default in `defaults`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Made if it is not there. One store at a time. */
  readonly directory: string
  /**
   * It is known that nothing is stored there: then nothing is looked for, and the directory is made when something is
   * written. Default: false.
   */
  readonly isNew?: boolean | undefined
  /** Whose logs these are, for error messages. Default: the directory. */
  readonly name?: string | undefined
  /** A new file is begun before one exceeds so many bytes. Default: 10 MiB. */
  readonly maxFileSize?: number | undefined
  /** The oldest file is deleted before there are more than so many. Default: 10. */
  readonly maxFiles?: number | undefined
  /** How many bytes of a line are kept together; a longer one comes in `continued` pieces. Default: 16 MiB. */
  readonly maxLineLength?: number | undefined
  /** How many bytes wait in memory for the disk before the pipes wait. Default: 1 MiB. */
  readonly maxBuffered?: number | undefined
  /** After how long an unfinished line, such as a prompt, is stored and shown to followers. Default: "100 millis". */
  readonly partialAfter?: Duration.Input | undefined
  /**
   * What to do while the disk takes nothing. "wait": hold the pipes, try again with growing pauses up to 5 s, lose
   * nothing. "fail": give up what is queued; every `capture` that lost something fails with `LogWriteError`, and what
   * comes next is tried anew. Default: "wait".
   */
  readonly onWriteError?: "wait" | "fail" | undefined
  /** Told once when writing begins to fail, and of everything that is given up. Default: an error is logged. */
  readonly report?: ((error: LogWriteError) => Effect.Effect<void>) | undefined
}

/**
 * The defaults of `Options`.
 *
 * @category options
 * @since 0.1.0
 */
export const defaults: {
  readonly maxFileSize: number
  readonly maxFiles: number
  readonly maxLineLength: number
  readonly maxBuffered: number
  readonly partialAfter: Duration.Input
  readonly onWriteError: "wait" | "fail"
} = {
  maxFileSize: 10 * 1024 * 1024,
  maxFiles: 10,
  maxLineLength: 16 * 1024 * 1024,
  maxBuffered: 1024 * 1024,
  partialAfter: "100 millis",
  onWriteError: "wait"
}

/**
 * Which lines are wanted. All of it is optional, and all that is given must hold.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  readonly stream?: LogStream | undefined
  readonly run?: number | undefined
  /** A part of the text, or an expression that is tested on the text of each line anew, whatever its flags. */
  readonly match?: RegExp | string | undefined
}

/**
 * Options of `query`.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueryOptions extends Filter {
  /** Not before this time, in ms since the epoch. */
  readonly since?: number | undefined
  /** Not after this time, in ms since the epoch. */
  readonly until?: number | undefined
  /** How many of the lines that are wanted to pass over. Default: 0. */
  readonly offset?: number | undefined
  /** How many lines at most. Default: all. */
  readonly limit?: number | undefined
  /** The newest first. Default: false. */
  readonly reverse?: boolean | undefined
}

/**
 * Options of `follow`.
 *
 * @category models
 * @since 0.1.0
 */
export interface FollowOptions extends Filter {
  /** Where to begin: with what comes now, with the oldest that is stored, or with the last so many lines. Default: "now". */
  readonly from?: "now" | "start" | { readonly last: number } | undefined
  /** Not before this time, in ms since the epoch: with `from: "start"`, begins there. Default: no matter when. */
  readonly since?: number | undefined
  /** Also show when runs start and end. Default: false. */
  readonly markers?: boolean | undefined
  /**
   * Show only whole lines. Otherwise an unfinished line is shown as far as it goes, as a `continued` piece, and the rest
   * when it comes; with `match`, from when it matches. Default: false.
   */
  readonly wholeLines?: boolean | undefined
  /** When this ends, the stream ends with what is stored then. Default: with the store. */
  readonly until?: Effect.Effect<unknown> | undefined
}

/**
 * Options of `forward`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ForwardOptions extends Omit<FollowOptions, "markers" | "wholeLines"> {
  /** The level of each stream. Default: "Info" for all. */
  readonly levels?: { readonly [S in LogStream]?: Severity | undefined } | undefined
  /** Added to the annotations `run` and `stream` of every line, such as the path of the child. */
  readonly annotations?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Stored output, and the way to store more.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogStore {
  readonly directory: string
  /**
   * A run begins; its number is one more than that of the last, also after the store was opened anew. Never waits for
   * the disk, and is written with its first output, or within a second.
   */
  readonly begin: (info?: { readonly pid?: number | undefined }) => Effect.Effect<number>
  /** A run has ended, so or so. Never waits for the disk; of a run without output it is written within a second. */
  readonly end: (
    run: number,
    how?: { readonly code?: number | undefined; readonly signal?: string | undefined }
  ) => Effect.Effect<void>
  /**
   * Stores a stream to its end, and ends when all of it is on disk. What was read is also stored if the stream fails or
   * this is interrupted. At the end of the stream a last line without line end is a line.
   */
  readonly capture: <E, R>(
    run: number,
    stream: "stdout" | "stderr",
    bytes: Stream.Stream<Uint8Array, E, R>
  ) => Effect.Effect<void, E | LogWriteError, R>
  /**
   * Lines that are stored when it begins to be read, the oldest first. Memory is bounded whatever is stored; what cannot
   * be wanted is not read. Rotation keeps the files that a query has still to read.
   */
  readonly query: (options?: QueryOptions) => Stream.Stream<LogLine, LogReadError>
  /** The last so many lines, the oldest first, read from the end. They are held in memory. */
  readonly tail: (count: number, filter?: Filter) => Stream.Stream<LogLine, LogReadError>
  /**
   * Lines as they are stored, and what of them rotation deleted before they were read. Ends when the store is closed, with
   * all that was stored. A slow reader costs no memory and slows nothing down.
   */
  readonly follow: (options?: FollowOptions) => Stream.Stream<LogEntry, LogReadError>
  /** The runs of which anything is stored. */
  readonly runs: Effect.Effect<ReadonlyArray<LogRun>, LogReadError>
  /** Why nothing can be written at present, while that is so. */
  readonly problem: Effect.Effect<LogWriteError | undefined>
}

/** How long the start of a run that says nothing may wait to be written, and the end of one that did not. */
const startMillis = 1_000
const endMillis = 50

const selectionOf = (options: QueryOptions): Selection => ({
  run: options.run,
  stream: options.stream === undefined ? undefined : streamNumber(options.stream),
  since: options.since ?? Number.NEGATIVE_INFINITY,
  until: options.until ?? Number.POSITIVE_INFINITY,
  // What is passed over without being looked at must not have to match.
  offset: options.match === undefined && options.reverse !== true ? options.offset ?? 0 : 0
})

/** Lines that are stored. */
const queryOf = (source: Source, maxLine: number): LogStore["query"] => (options = {}) => {
  const selection = selectionOf(options)
  const assembler = { match: options.match, maxLine, pieces: false, markers: false }
  const run = options.reverse === true ? backwards : forwards
  const all = run(source, { selection, assembler }) as Stream.Stream<LogLine, LogReadError>
  const some = Stream.drop(all, (options.offset ?? 0) - selection.offset)
  return options.limit === undefined ? some : Stream.take(some, options.limit)
}

/**
 * What is stored in a directory, only to be read: nothing in it is changed, also while somebody else writes there. Only
 * what is there now is seen.
 *
 * @internal
 */
export const readOnly: (
  directory: string
) => Effect.Effect<Pick<LogStore, "query">, PlatformError, FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(
  function*(directory: string) {
    const files = logFiles.make(yield* FileSystem.FileSystem, yield* Path.Path, directory, `"${directory}"`)
    const { maxBuffered, maxFiles, maxFileSize, maxLineLength, onWriteError } = defaults
    const options = { maxBuffered, maxFiles, maxFileSize, onWriteError, report: () => Effect.void }
    // Nothing is ever given to it.
    const writer = new LogWriter(files, options, yield* Effect.context<never>(), yield* lookInto(files))
    return { query: queryOf({ files, writer }, maxLineLength) }
  }
)

/**
 * Opens the store in a directory, in whatever state it was left, and closes it with the scope: then what is queued is
 * written, and followers end.
 *
 * Fails if the directory cannot be made, read or written to. Throws `InvalidOption` for a size or count below 1.
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { LogStore } from "effect-supervisor/process"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* LogStore.make({ directory: "/var/log/worker", name: "worker" })
 *   const run = yield* store.begin({ pid: 4711 })
 *   yield* store.capture(run, "stdout", Stream.make(new TextEncoder().encode("listening on 80\n")))
 *   yield* store.end(run, { code: 0 })
 *   return yield* Stream.runCollect(store.query({ match: /listening on \d+/ }))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  options: Options
) => Effect.Effect<LogStore, PlatformError, Scope | FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(
  function*(options: Options) {
    const { directory, name = `"${directory}"` } = options
    const check = (option: "maxFileSize" | "maxFiles" | "maxLineLength" | "maxBuffered") =>
      validate.count("LogStore", option, options[option] ?? defaults[option])
    const maxFileSize = check("maxFileSize")
    const maxLine = check("maxLineLength")
    const partialAfter = validate.millis("LogStore", "partialAfter", options.partialAfter ?? defaults.partialAfter)
    const files = logFiles.make(yield* FileSystem.FileSystem, yield* Path.Path, directory, name)
    const found = options.isNew === true ? nothingFound() : yield* recover(files)
    const writer = new LogWriter(
      files,
      {
        maxFileSize,
        maxFiles: check("maxFiles"),
        maxBuffered: check("maxBuffered"),
        onWriteError: options.onWriteError ?? defaults.onWriteError,
        report: options.report ?? ((error) => Effect.logError(error.message))
      },
      yield* Effect.context<never>(),
      found
    )
    yield* Effect.addFinalizer(() => writer.close)
    const source = { files, writer }
    let lastRun = found.lastRun

    const mark = (kind: number, flags: number, run: number, time: number, value: number, signal: string): void => {
      const withinMillis = kind !== Kind.runStart && writer.hasFile ? endMillis : startMillis
      writer.append({ kind, flags, run, time, length: 0, value, signal }, [], withinMillis)
    }
    for (const { run, time } of found.unended) mark(Kind.runEnd, Flag.presumed, run, time, 0, "")
    yield* writer.settled

    const query = queryOf(source, maxLine)

    return {
      directory,
      begin: (info) =>
        Effect.map(Clock.currentTimeMillis, (time) => {
          const run = ++lastRun
          mark(Kind.runStart, info?.pid === undefined ? 0 : Flag.hasValue, run, time, info?.pid ?? 0, "")
          return run
        }),
      end: (run, how) =>
        Effect.map(Clock.currentTimeMillis, (time) => {
          const signal = how?.signal?.replace(/^SIG/, "") ?? ""
          mark(Kind.runEnd, how?.code === undefined ? 0 : Flag.hasValue, run, time, how?.code ?? 0, signal)
        }),
      capture: makeCapture(writer, { name, directory, maxFileSize, partialAfter }),
      query,
      tail: (count, filter = {}) =>
        Stream.unwrap(Effect.map(
          Stream.runCollect(query({ ...filter, reverse: true, limit: count })),
          (lines) => Stream.fromIterable(lines.reverse())
        )),
      follow: (options = {}) =>
        follow(source, {
          selection: selectionOf({ run: options.run, stream: options.stream, since: options.since }),
          assembler: {
            match: options.match,
            maxLine,
            markers: options.markers ?? false,
            pieces: options.wholeLines !== true
          },
          from: options.from ?? "now",
          until: options.until
        }),
      runs: listRuns(source),
      problem: Effect.sync(() => writer.problem)
    }
  }
)

/**
 * Logs every line through Effect's Logger, with the annotations `run` and `stream`, until the store closes or `until`
 * ends. Whole lines only. A slow logger slows nothing down: the lines wait on disk, and if rotation overtakes it, a
 * warning says how much was lost.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { LogStore } from "effect-supervisor/process"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* LogStore.make({ directory: "/var/log/worker" })
 *   yield* Effect.forkScoped(LogStore.forward(store, {
 *     levels: { stderr: "Warn" },
 *     annotations: { child: "web/worker" }
 *   }))
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const forward = (store: LogStore, options: ForwardOptions = {}): Effect.Effect<void, LogReadError> => {
  const { annotations = {}, levels = {}, ...filter } = options
  const write = (entry: LogEntry): Effect.Effect<void> => {
    if (entry._tag === "Lost") {
      return Effect.logWarning(
        `${entry.lines} lines (${entry.bytes} bytes) were rotated away before they could be forwarded; raise maxFiles or maxFileSize.`
      )
    }
    if (entry._tag !== "Line") return Effect.void
    const { run, stream, text } = entry
    return Effect.annotateLogs(Effect.logWithLevel(levels[stream] ?? "Info")(text), { run, stream })
  }
  return Stream.runForEach(store.follow({ ...filter, wholeLines: true }), write).pipe(
    Effect.annotateLogs(annotations)
  )
}
