/**
 * What the records that were written so far leave open: runs that go on, and lines of which only a piece is there.
 *
 * Floor 3.
 */
import { Flag, isOutput, keyOf, Kind, type LogRecord } from "./logRecord.ts"

export class LogLive {
  /** Lines of which only a piece is stored so far, by run and stream. */
  readonly openLines: Set<number> = new Set()
  /** The last run there was. */
  lastRun: number
  private readonly runs = new Map<number, LogRecord>()

  constructor(lastRun: number) {
    this.lastRun = lastRun
  }

  /** How many runs go on. */
  get count(): number {
    return this.runs.size
  }

  /** Their starts, for the head of another file. */
  get starts(): ReadonlyArray<LogRecord> {
    return Array.from(this.runs.values(), (record) => ({ ...record, flags: record.flags | Flag.repeated }))
  }

  note(record: LogRecord): void {
    if (record.run > this.lastRun) this.lastRun = record.run
    if (record.kind === Kind.runStart) this.runs.set(record.run, record)
    else if (record.kind === Kind.runEnd) this.noteEnd(record)
    else if (record.kind === Kind.piece) this.openLines.add(keyOf(record))
    else if (isOutput(record)) this.openLines.delete(keyOf(record))
  }

  private noteEnd(record: LogRecord): void {
    this.runs.delete(record.run)
    if ((record.flags & Flag.presumed) === 0) return
    for (const key of this.openLines) if (Math.floor(key / 4) === record.run) this.openLines.delete(key)
  }
}
