/**
 * How a child is, in words and by a sign: the colour is never all that says it.
 *
 * Floor 4.
 */
import type { Child } from "../../../control/internal/picture.ts"
import { plural } from "../../../control/internal/words.ts"
import type { ExitRecord } from "../../../Snapshot.ts"
import type { State } from "../../../State.ts"
import { brief, words } from "../../internal/words.ts"
import type { Facts } from "../Model.ts"
import type { Style } from "./style.ts"
import * as text from "./text.ts"

interface Look {
  readonly sign: string
  readonly word: string
  readonly style: Style
}

const look = (tag: State["_tag"], sign: string, style: Style): Look => ({ sign, word: words[tag], style })

export const looks: Readonly<Record<State["_tag"], Look>> = {
  Pending: look("Pending", "·", "faint"),
  Starting: look("Starting", "◐", "busy"),
  Running: look("Running", "●", "good"),
  Backoff: look("Backoff", "↻", "warn"),
  Stopping: look("Stopping", "◑", "busy"),
  Stopped: look("Stopped", "○", "faint"),
  Held: look("Held", "■", "warn"),
  Completed: look("Completed", "✓", "good"),
  GaveUp: look("GaveUp", "✗", "bad"),
  Abandoned: look("Abandoned", "!", "bad")
}

/** How long until then: never "0s" for what has not come yet. */
export const until = (then: number, now: number): string =>
  text.duration(Math.max(0, Math.ceil((then - now) / 1000) * 1000))

/** In at most 14 columns. */
export const stateOf = ({ health, state }: Child, now: number): Look => {
  const look = looks[state._tag]
  switch (state._tag) {
    case "Running":
      return health === "unhealthy" ? { sign: "!", word: "unhealthy", style: "warn" } : look
    case "Backoff":
      return { ...look, word: `backoff ${until(state.until, now)}` }
    case "Stopping":
      return state.until === undefined ? look : { ...look, word: `stopping ${until(state.until, now)}` }
    default:
      return look
  }
}

const said = (message: string): string => text.printable(brief(message))

/** Why an incarnation ended, as short as it can be said. */
const shortExit = ({ decision, exit }: ExitRecord): string => {
  if (exit._tag === "Success") return decision === "asked" ? "asked" : "ok"
  const { kind, message, tag } = exit.cause
  if (kind === "Interrupt") return decision === "asked" ? "asked" : "interrupted"
  return tag === undefined ? said(message) : text.printable(tag)
}

/** Why it ended, in one line. */
export const longExit = ({ decision, exit }: ExitRecord): string => {
  if (exit._tag === "Success") return decision === "asked" ? "ended when it was asked to" : "ended well"
  const { kind, message, tag } = exit.cause
  switch (kind) {
    case "Interrupt":
      return decision === "asked" ? "was interrupted when it had to stop" : "was interrupted by somebody else"
    case "Die":
      return `died of a defect: ${said(message)}`
    case "Fail":
      // How a process has ended says all of it.
      return tag === "ProcessFailed"
        ? said(message)
        : `failed${tag === undefined ? "" : ` with ${text.printable(tag)}`}: ${said(message)}`
  }
}

export const decisions: Readonly<Record<ExitRecord["decision"], string>> = {
  restart: "restart",
  complete: "done",
  giveUp: "gave up",
  asked: "asked"
}

const isBad = ({ decision, exit }: ExitRecord): boolean => exit._tag === "Failure" && decision !== "asked"

export interface LastExit {
  readonly text: string
  readonly at: number
  readonly style: Style
}

/** How it ended the last time: of a process by its code or signal. */
export const lastExit = ({ history }: Child, facts: Facts | undefined): LastExit | undefined => {
  const record = history.at(-1)
  const run = facts?.lastRun
  if (run !== undefined && (record === undefined || run.endedAt >= record.startedAt)) {
    const { status } = run
    const text = status._tag === "Exited"
      ? status.code === 0 ? "ok" : `exit ${status.code}`
      : status._tag === "Signaled"
      ? status.signal
      : "not found"
    return { text, at: run.endedAt, style: record !== undefined && isBad(record) ? "bad" : "faint" }
  }
  return record && { text: shortExit(record), at: record.endedAt, style: isBad(record) ? "bad" : "faint" }
}

/** What it does, and why, in one line. */
export const why = (child: Child, facts: Facts | undefined, now: number): string => {
  const { health, state } = child
  const record = child.history.at(-1)
  const since = child.startedAt === undefined ? "" : ` for ${text.duration(now - child.startedAt)}`
  const because = record === undefined ? "" : `: it ${longExit(record)}`
  const waits = facts?.waitsFor ?? []
  if (waits.length > 0 && (state._tag === "Pending" || state._tag === "Starting")) {
    return `waits for ${waits.join("; ")}`
  }
  switch (state._tag) {
    case "Pending":
      return "waits for those before it to be ready"
    case "Starting":
      return `has been starting${since} and is not ready yet`
    case "Running":
      return health === "unhealthy"
        ? `runs${since}, but its health check fails`
        : `runs${since}${child.restarts === 0 ? "" : `, after ${plural(child.restarts, "restart")}`}`
    case "Backoff": {
      const cause = state.cause === undefined ? because : `: ${said(state.cause.message)}`
      return `starts again in ${until(state.until, now)}, attempt ${state.attempt}${cause}`
    }
    case "Stopping":
      return `is stopping${state.until === undefined ? "" : `, at most ${until(state.until, now)} more`}`
    case "Stopped":
      return "was stopped; s starts it"
    case "Held":
      return "is held for maintenance; H releases it"
    case "Completed":
      return "has done its work"
    case "GaveUp":
      return `gave up: ${said(state.cause.message)}`
    case "Abandoned":
      return "was stopped but would not end, and still runs"
  }
}
