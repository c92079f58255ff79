/**
 * The output of all children in the foreground: each line as it comes, with the name of its child.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Job } from "../../process/Job.ts"
import { Jobs } from "../../process/Jobs.ts"
import type { LogEntry } from "../../process/LogStore.ts"
import type { Prefixer } from "./prefix.ts"
import type { Screen } from "./runScreen.ts"
import { plural } from "../../control/internal/words.ts"

/** Where output goes, and how it looks. */
export interface OutputOptions {
  readonly screen: Screen
  readonly prefixer: Prefixer
  readonly json: boolean
  /** What jobs had stored before is not shown again. */
  readonly since: number
  /** When this ends, what is stored then is still shown, and no more. */
  readonly until: Effect.Effect<void>
}

const ended = ({ code, signal }: { readonly code?: number; readonly signal?: string }): string =>
  signal === undefined ? `exited with code ${code ?? "unknown"}` : `was ended by ${signal}`

const plainLine = (path: string, entry: LogEntry, prefixer: Prefixer): string => {
  switch (entry._tag) {
    case "Line":
      return prefixer.line({ path, stream: entry.stream, text: entry.text })
    case "RunStarted":
      return prefixer.own(path, entry.pid === undefined ? "started" : `started (pid ${entry.pid})`)
    case "RunEnded":
      return prefixer.own(path, ended(entry))
    case "Lost":
      return prefixer.own(
        path,
        `${plural(entry.lines, "line")} went by too fast to be shown; "esv logs" has what is kept`
      )
  }
}

const jsonLine = (path: string, entry: LogEntry): string => {
  const { _tag, ...rest } = entry
  return JSON.stringify(_tag === "Line" ? { path, ...rest } : { path, event: _tag, ...rest })
}

const show = (job: Job, options: OutputOptions): Effect.Effect<void> => {
  const { json, prefixer, screen, since, until } = options
  if (job.logs === undefined) return Effect.void
  const line = (entry: LogEntry) => json ? jsonLine(job.id, entry) : plainLine(job.id, entry, prefixer)
  return job.logs.follow({ from: "start", since, wholeLines: true, markers: true, until }).pipe(
    Stream.runForEachArray((entries) => screen.print(entries.map(line))),
    Effect.ignore({ log: "Warn" })
  )
}

/** Finds jobs as they are made, and shows what they say. */
export class Output {
  private readonly options: OutputOptions
  private readonly readers = new Map<Job, Fiber.Fiber<void>>()

  constructor(options: OutputOptions) {
    this.options = options
  }

  /** Begins with those that are new. */
  readonly look: Effect.Effect<void, never, Jobs> = Effect.gen({ self: this }, function*() {
    const jobs = yield* Jobs
    const there = yield* jobs.list
    for (const job of there) {
      if (this.readers.has(job)) continue
      this.readers.set(job, yield* Effect.forkDetach(show(job, this.options), { startImmediately: true }))
    }
    if (this.readers.size === there.length) return
    const known = new Set(there)
    for (const job of this.readers.keys()) if (!known.has(job)) this.readers.delete(job)
  })

  /** When all that was stored has been shown. */
  get drained(): Effect.Effect<void> {
    return Effect.suspend(() => Effect.asVoid(Fiber.awaitAll([...this.readers.values()])))
  }
}
