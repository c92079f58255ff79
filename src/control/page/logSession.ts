/** One log that is read: its stream, what is kept of it, and how it is looked at. */
import { type Signal, signal } from "@preact/signals"
import { plainText } from "./ansi.ts"
import { beforeFrame } from "./app.ts"
import * as feed from "./feed.ts"
import { LogBuffer } from "./logBuffer.ts"
import type { LogEntry } from "./wire.ts"
import { clock, plural, preciseClock } from "./words.ts"

export type StreamChoice = "all" | "stdout" | "stderr"

export class LogSession {
  readonly buffer = new LogBuffer()
  readonly tick: Signal<number> = signal(0)
  /** Why there is nothing to read, if that is so. */
  readonly problem: Signal<string | undefined> = signal(undefined)
  private waiting: Array<ReadonlyArray<LogEntry>> = []
  private isScheduled = false
  private connection: feed.Feed | undefined
  private isClosed = false
  private readonly path: string
  private readonly stream: StreamChoice
  private readonly match: string

  constructor(path: string, stream: StreamChoice, match: string) {
    this.path = path
    this.stream = stream
    this.match = match
    document.addEventListener("visibilitychange", this.onVisibility)
    this.connect()
  }

  private connect(): void {
    this.connection?.close()
    const query = new URLSearchParams({ path: this.path, tail: "500" })
    if (this.stream !== "all") query.set("stream", this.stream)
    if (this.match !== "") query.set("match", this.match)
    let isFresh = true
    this.connection = feed.open({
      url: `/api/logs?${query.toString()}`,
      onStatus: (status) => {
        // What comes after a break begins with the tail again.
        if (status._tag === "Live") isFresh = true
      },
      on: {
        lines: (entries: ReadonlyArray<LogEntry>) => {
          if (isFresh) this.begin()
          isFresh = false
          this.hear(entries)
        },
        failed: ({ message }: { readonly message: string }) => {
          this.problem.value = message
          this.connection?.close()
        }
      }
    })
  }

  private begin(): void {
    this.waiting = []
    this.buffer.clear()
    this.problem.value = undefined
  }

  private hear(entries: ReadonlyArray<LogEntry>): void {
    this.waiting.push(entries)
    if (this.isScheduled) return
    this.isScheduled = true
    beforeFrame(() => {
      this.isScheduled = false
      if (this.isClosed) return
      const { waiting } = this
      this.waiting = []
      for (const entries of waiting) this.buffer.add(entries)
      this.tick.value++
    })
  }

  /** Goes on at the end. What was left out meanwhile is read again. */
  follow(): void {
    if (this.buffer.resume()) this.connect()
    this.tick.value++
  }

  pause(): void {
    this.buffer.pause()
    this.tick.value++
  }

  private readonly onVisibility = (): void => {
    if (document.hidden) this.connection?.rest()
    else this.connect()
  }

  close(): void {
    this.isClosed = true
    document.removeEventListener("visibilitychange", this.onVisibility)
    this.connection?.close()
  }
}

/** What is said between the lines of two runs. */
export const markerOf = (entry: Exclude<LogEntry, { readonly _tag: "Line" }>): string => {
  switch (entry._tag) {
    case "RunStarted":
      return `run ${entry.run}${entry.pid === undefined ? "" : `, pid ${entry.pid}`}, started at ${clock(entry.time)}`
    case "RunEnded":
      return `run ${entry.run} ${howEnded(entry)} at ${clock(entry.time)}`
    case "Lost":
      return `${plural(entry.lines, "line")} (${plural(entry.bytes, "byte")}) went with old files before they were read`
  }
}

const howEnded = ({ code, presumed, signal }: Extract<LogEntry, { readonly _tag: "RunEnded" }>): string => {
  if (signal !== undefined) return `was ended by ${signal}`
  if (code !== undefined) return `exited with code ${code}`
  return presumed ? "is over, nobody saw how," : "ended"
}

/** As it is copied. */
export const textOf = (entries: Iterable<LogEntry>): string => {
  const lines: Array<string> = []
  for (const entry of entries) {
    lines.push(
      entry._tag === "Line" ? `${preciseClock(entry.time)} ${plainText(entry.text)}` : `-- ${markerOf(entry)}`
    )
  }
  return lines.join("\n")
}
