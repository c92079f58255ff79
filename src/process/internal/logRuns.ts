/**
 * Which runs there were, from the indexes alone.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import type { LogRun } from "../LogStore.ts"
import type { LogReadError } from "./logErrors.ts"
import type { OpenSegment } from "./logFiles.ts"
import { endOf } from "./logLines.ts"
import { decode, Flag, Kind, type LogRecord, recordSize, viewOf } from "./logRecord.ts"
import type { Source } from "./logStreams.ts"

interface Mutable {
  run: number
  pid?: number
  started?: number
  ended?: NonNullable<LogRun["ended"]>
  lines: number
  bytes: number
}

const blockRecords = 2_048

const note = (runs: Map<number, Mutable>, record: LogRecord): void => {
  if (record.kind === Kind.header || record.run === 0) return
  let run = runs.get(record.run)
  if (run === undefined) {
    run = { run: record.run, lines: 0, bytes: 0 }
    runs.set(record.run, run)
  }
  if (record.kind === Kind.runStart) {
    run.started = record.time
    if ((record.flags & Flag.hasValue) !== 0) run.pid = record.value
  } else if (record.kind === Kind.runEnd) run.ended = { time: record.time, ...endOf(record) }
  else {
    run.bytes += record.length
    if (record.kind === Kind.lines) run.lines += record.value
  }
}

const readAll = Effect.fnUntraced(function*(open: OpenSegment, records: number, runs: Map<number, Mutable>) {
  for (let at = 0; at < records; at += blockRecords) {
    const view = viewOf(yield* open.index(at, Math.min(blockRecords, records - at)))
    for (let i = 0; (i + 1) * recordSize <= view.byteLength; i++) {
      const record = decode(view, i * recordSize)
      if (record === undefined) return
      note(runs, record)
    }
  }
})

/** The runs of which anything is stored, in order. */
export const listRuns: (source: Source) => Effect.Effect<ReadonlyArray<LogRun>, LogReadError> = Effect.fnUntraced(
  function*({ files, writer }: Source) {
    yield* writer.settled
    const runs = new Map<number, Mutable>()
    const segments = writer.segments.map((segment) => ({ segment, records: segment.records }))
    for (const { records, segment } of segments) {
      yield* Effect.scoped(Effect.gen(function*() {
        const open = yield* files.openToRead(segment)
        if (open !== undefined) yield* readAll(open, records, runs)
      }))
    }
    return Array.from(runs.values()).toSorted((a, b) => a.run - b.run)
  }
)
