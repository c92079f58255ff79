/**
 * Writes what was captured: one queue, one write at a time, as much of the queue in one write as there is. While the
 * disk does not take it, the queue stays as it is and whoever fills it waits.
 *
 * Of each batch the index is written before the log, both at known places: a write that failed or was torn is simply
 * done again, and a process that is killed in between leaves an index that still says whose bytes the log ends with.
 *
 * Floor 3.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type { PlatformError } from "effect/PlatformError"
import { errorOf, LogWriteError } from "./logErrors.ts"
import {
  closeSegment,
  emptyExtent,
  extend,
  type LogFiles,
  openToWrite,
  type Segment,
  type WritableSegment
} from "./logFiles.ts"
import { LogLive } from "./logLive.ts"
import { type Item, LogQueue } from "./logQueue.ts"
import { encodeAll, Kind, type LogRecord, recordSize } from "./logRecord.ts"
import { Waiters } from "./logWaiters.ts"

export interface WriterOptions {
  readonly maxFileSize: number
  readonly maxFiles: number
  readonly maxBuffered: number
  readonly onWriteError: "wait" | "fail"
  readonly report: (error: LogWriteError) => Effect.Effect<void>
}

/** Where reading can go on: everything before it is on disk. */
export interface Position {
  readonly segment: number
  readonly record: number
  readonly offset: number
  /** Bytes and lines of the store before it, also those that rotation has deleted. */
  readonly bytes: number
  readonly lines: number
}

/** What was found in a directory, or nothing. */
export interface Found {
  readonly segments: Array<Segment>
  /** Whether the last segment can be written on. */
  readonly intact: boolean
  readonly lastRun: number
  readonly bytes: number
  readonly lines: number
}

const firstDelay = 100
const longestDelay = 5_000

export class LogWriter {
  readonly segments: Array<Segment>
  /** What is open at the end of what is written. */
  readonly live: LogLive
  /** Where a follower that wants everything from now on begins. */
  end: Position
  closed = false
  /** What the disk says to the last try, while it does not take what is written. */
  problem: LogWriteError | undefined = undefined
  /** How often output was given up, and why the last time. */
  failures = 0
  lastFailure: LogWriteError | undefined = undefined
  private readonly files: LogFiles
  private readonly options: WriterOptions
  private readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private readonly queue = new LogQueue()
  private appended = 0
  private written = 0
  private running = false
  /** Will begin to write what is not urgent. */
  private later: { readonly fiber: Fiber.Fiber<void>; readonly millis: number } | undefined = undefined
  private closing = false
  private readonly hurry = Latch.makeUnsafe(false)
  private active: WritableSegment | undefined = undefined
  private resumable: boolean
  /** The start of a run for which it was looked whether the files are still there. */
  private lookedFor: Item | undefined = undefined
  private readonly pins = new Map<number, number>()
  private readonly waiters = new Waiters()

  constructor(files: LogFiles, options: WriterOptions, context: Context.Context<never>, found: Found) {
    this.files = files
    this.options = options
    this.run = Effect.runForkWith(context)
    this.segments = found.segments
    this.resumable = found.intact
    this.live = new LogLive(found.lastRun)
    const last = found.segments.at(-1)
    this.end = {
      segment: last?.number ?? 0,
      record: last?.records ?? 0,
      offset: last?.bytes ?? 0,
      bytes: found.bytes,
      lines: found.lines
    }
  }

  /**
   * Queues it, and for output a copy of its bytes. Nothing is taken any more once the store is closed. What is not urgent
   * is written with what comes next, or so many ms later: a hundred processes that start or end say little.
   */
  append(record: LogRecord, parts: ReadonlyArray<Uint8Array> = [], withinMillis: number = 0): boolean {
    if (this.closing) return false
    this.queue.push(record, parts)
    this.appended++
    if (withinMillis === 0) this.start()
    else if (!this.running && withinMillis < (this.later?.millis ?? Infinity)) this.startWithin(withinMillis)
    return true
  }

  /** Something was written already, so that writing more costs little. */
  get hasFile(): boolean {
    return this.active !== undefined
  }

  private startWithin(millis: number): void {
    this.later?.fiber.interruptUnsafe()
    const fiber = this.run(Effect.andThen(Effect.sleep(millis), Effect.sync(() => this.start())))
    this.later = { fiber, millis }
  }

  private start(): void {
    if (this.running || this.queue.isEmpty) return
    this.later?.fiber.interruptUnsafe()
    this.later = undefined
    this.running = true
    this.run(this.drain)
  }

  /** The item that was queued last, while so many bytes can still be added to it. */
  open(length: number): Item | undefined {
    return this.queue.open(length)
  }

  grow(item: Item, parts: ReadonlyArray<Uint8Array>, length: number, lines: number): void {
    this.queue.grow(item, parts, length, lines)
  }

  get isFull(): boolean {
    return this.queue.bytes >= this.options.maxBuffered
  }

  /** Waits until the queue has room again, or output was given up since. */
  room(since: number): Effect.Effect<void> {
    return this.waiters.until(() => !this.isFull || this.failures !== since || this.closed)
  }

  /** Waits until all that is queued now was written or given up. */
  get flushed(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const sequence = this.appended
      this.start()
      return this.waiters.until(() => this.written >= sequence || this.closed)
    })
  }

  /** As `flushed`, but does not wait for a disk that takes nothing. */
  get settled(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const sequence = this.appended
      this.start()
      return this.waiters.until(() => this.written >= sequence || this.problem !== undefined || this.closed)
    })
  }

  /** Waits for anything to be written after this position, for the end of the store, or for `wake`. */
  changed(since: Position, orElse: () => boolean): Effect.Effect<void> {
    return this.waiters.until(() => this.end !== since || this.closed || orElse())
  }

  /** Lets whoever waits look again. */
  wake(): void {
    this.waiters.wake()
  }

  /** Keeps these segments from being deleted, until it is called off. */
  pin(segments: ReadonlyArray<Segment>): () => void {
    const add = (by: number) => {
      for (const { number } of segments) {
        const count = (this.pins.get(number) ?? 0) + by
        if (count === 0) this.pins.delete(number)
        else this.pins.set(number, count)
      }
    }
    add(1)
    return () => add(-1)
  }

  /** Writes what is queued, with one last try if the disk does not take it, and closes the files. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.start()
      this.closing = true
      this.hurry.openUnsafe()
      return this.waiters.until(() => !this.running)
    }).pipe(
      Effect.andThen(Effect.suspend(() => closeSegment(this.active))),
      Effect.andThen(Effect.sync(() => {
        this.active = undefined
        this.closed = true
        this.wake()
      }))
    )
  }

  // Begins a turn later, so that whatever is queued in one turn is one write.
  private readonly drain: Effect.Effect<void> = Effect.yieldNow.pipe(
    Effect.andThen(Effect.whileLoop({
      while: () => !this.queue.isEmpty,
      body: () => this.persist,
      step: () => undefined
    })),
    Effect.andThen(Effect.sync(() => {
      // Something may have been queued between the last look and this one.
      this.running = !this.queue.isEmpty
      if (this.running) this.run(this.drain)
      else this.wake()
    }))
  )

  private readonly persist: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    let delay = firstDelay
    while (true) {
      const exit = yield* Effect.exit(this.step())
      if (Exit.isSuccess(exit)) {
        this.problem = undefined
        return
      }
      const error = errorOf(exit.cause)
      if (this.closing || this.options.onWriteError === "fail") return yield* this.giveUp(error)
      const isNew = this.problem === undefined
      this.problem = this.failure(error, "retrying", 0)
      this.wake()
      if (isNew) yield* this.options.report(this.problem)
      yield* Effect.timeoutOption(this.hurry.await, delay)
      delay = Math.min(delay * 2, longestDelay)
    }
  })

  private failure(cause: PlatformError, reason: "retrying" | "failed", unwritten: number): LogWriteError {
    const path = this.active === undefined ? this.files.directory : this.files.logPath(this.active.segment.number)
    return new LogWriteError({ name: this.files.name, path, reason, unwritten, cause })
  }

  private giveUp(cause: PlatformError): Effect.Effect<void> {
    const error = this.failure(cause, "failed", this.queue.bytes)
    this.lastFailure = error
    this.failures++
    this.queue.clear()
    this.written = this.appended
    this.wake()
    return Effect.andThen(this.options.report(error), this.cut)
  }

  /** What a failed write left behind its place is no output of anything that is stored. */
  private readonly cut: Effect.Effect<void> = Effect.suspend(() => {
    if (this.active === undefined) return Effect.void
    const { index, log, segment } = this.active
    return Effect.ignore(
      Effect.andThen(index.truncate(segment.records * recordSize), log.truncate(segment.bytes))
    )
  })

  private step(): Effect.Effect<void, PlatformError> {
    const active = this.active
    if (active === undefined) return this.resumable ? this.resume : this.rotate
    const head = this.queue.head!
    if (head.kind === Kind.runStart && this.lookedFor !== head) return this.look(active, head)
    const { segment } = active
    const bytes = head.length
    // An empty segment takes one record, whatever its size.
    const isEmpty = bytes > 0 ? segment.bytes === 0 : segment.records <= 1 + this.live.count
    return isEmpty || this.fits(segment, bytes, 1) ? this.write(active) : this.rotate
  }

  /** With each run: what is written to a file that somebody has deleted is read by nobody. */
  private look({ segment }: WritableSegment, item: Item): Effect.Effect<void, PlatformError> {
    return Effect.flatMap(this.files.fs.exists(this.files.logPath(segment.number)), (isThere) => {
      this.lookedFor = item
      return isThere ? Effect.void : this.rotate
    })
  }

  private fits(segment: Segment, bytes: number, records: number): boolean {
    return segment.bytes + bytes <= this.options.maxFileSize &&
      (segment.records + records) * recordSize <= Math.max(this.options.maxFileSize, recordSize * 64)
  }

  private readonly write = Effect.fnUntraced({ self: this }, function*({ index, log, segment }: WritableSegment) {
    const { bytes, items } = this.queue.next((bytes, records) => this.fits(segment, bytes, records))
    yield* index.seek(BigInt(segment.records * recordSize), "start")
    yield* index.writeAll(encodeAll(items))
    if (bytes.length > 0) {
      yield* log.seek(BigInt(segment.bytes), "start")
      yield* log.writeAll(bytes)
    }
    this.queue.done()
    this.written += items.length
    this.commit(segment, items, bytes.length)
  })

  private commit(segment: Segment, items: ReadonlyArray<LogRecord>, length: number): void {
    let lines = 0
    for (const item of items) {
      extend(segment.extent!, item.run, item.time)
      if (item.kind === Kind.lines) lines += item.value
      this.live.note(item)
    }
    segment.records += items.length
    segment.bytes += length
    this.end = {
      segment: segment.number,
      record: segment.records,
      offset: segment.bytes,
      bytes: this.end.bytes + length,
      lines: this.end.lines + lines
    }
    this.wake()
  }

  private readonly resume: Effect.Effect<void, PlatformError> = Effect.suspend(() =>
    Effect.matchEffect(openToWrite(this.files, this.segments.at(-1)!, "r+"), {
      onSuccess: (active) =>
        Effect.sync(() => {
          this.active = active
        }),
      onFailure: (error) => {
        this.resumable = false
        return Effect.fail(error)
      }
    })
  )

  private readonly rotate: Effect.Effect<void, PlatformError> = Effect.gen({ self: this }, function*() {
    // Deleted first: on a full disk that is what makes the room.
    yield* this.deleteOldest
    const number = (this.segments.at(-1)?.number ?? 0) + 1
    const time = yield* Clock.currentTimeMillis
    const segment: Segment = { number, records: 0, bytes: 0, extent: emptyExtent() }
    const { lastRun, openLines, starts } = this.live
    const previous = this.active
    this.active = yield* openToWrite(this.files, segment, "w+", (index) =>
      index.writeAll(
        encodeAll(starts, { lastRun, time, bytes: this.end.bytes, lines: this.end.lines })
      ))
    for (const record of starts) extend(segment.extent!, record.run, record.time)
    segment.records = 1 + starts.length
    if (previous !== undefined) previous.segment.extent!.goesOn = openLines.size > 0
    this.segments.push(segment)
    this.lookedFor = this.queue.head
    this.end = { ...this.end, segment: number, record: segment.records, offset: 0 }
    this.wake()
    yield* closeSegment(previous)
  })

  private readonly deleteOldest: Effect.Effect<void, PlatformError> = Effect.gen({ self: this }, function*() {
    const { fs, indexPath, logPath } = this.files
    while (this.segments.length >= this.options.maxFiles) {
      const number = this.segments[0]!.number
      if (this.pins.has(number)) return
      yield* fs.remove(logPath(number), { force: true })
      yield* fs.remove(indexPath(number), { force: true })
      this.segments.shift()
      this.wake()
    }
  })
}
