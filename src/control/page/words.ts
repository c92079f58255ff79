/** How things are said: times, sizes, states and ends, in the fewest words that are still clear. */
import { plainText } from "./ansi.ts"
import { clock, inUnits, twoDigits, withoutCommand } from "../internal/words.ts"
import type { Child, Group } from "../internal/picture.ts"
import type { ExitRecord, State } from "./wire.ts"

export { bytes, clock, plural } from "../internal/words.ts"

/** What a state means to whoever looks: nothing to do, something moves, look here, it is broken, it is at rest. */
export type Tone = "good" | "busy" | "warn" | "bad" | "rest"

export const tones: ReadonlyArray<Tone> = ["good", "busy", "warn", "bad", "rest"]

/** A word for all states of one tone. */
export const toneWords: Readonly<Record<Tone, string>> = {
  good: "running",
  busy: "moving",
  warn: "backing off",
  bad: "down",
  rest: "at rest"
}

const states: Readonly<Record<State["_tag"] | Group["state"], readonly [word: string, tone: Tone]>> = {
  Pending: ["pending", "rest"],
  Starting: ["starting", "busy"],
  Running: ["running", "good"],
  Backoff: ["backing off", "warn"],
  Stopping: ["stopping", "busy"],
  Stopped: ["stopped", "rest"],
  Held: ["held", "rest"],
  Completed: ["completed", "rest"],
  GaveUp: ["gave up", "bad"],
  Abandoned: ["abandoned", "bad"],
  Failed: ["failed", "bad"]
}

export type StateTag = keyof typeof states

export const isState = (tag: string): tag is StateTag => Object.hasOwn(states, tag)
export const saidOf = (tag: StateTag): readonly [word: string, tone: Tone] => states[tag]
export const wordOf = (tag: StateTag): string => states[tag][0]
export const toneOf = (tag: StateTag): Tone => states[tag][1]

/** The state whose mark stands for all of one tone. */
export const markOf: Readonly<Record<Tone, StateTag>> = {
  good: "Running",
  busy: "Starting",
  warn: "Backoff",
  bad: "GaveUp",
  rest: "Stopped"
}

/** `4 s`, `3 m 12 s`, `2 h 05 m`, `3 d 04 h`. */
export const duration = (millis: number): string => {
  const [big, small] = inUnits(millis)
  return small === undefined ? big.join(" ") : `${big.join(" ")} ${twoDigits(small[0])} ${small[1]}`
}

/** In one unit. */
export const ago = (millis: number): string => millis < 1000 ? "now" : `${inUnits(millis)[0].join(" ")} ago`

/** What is left of a wait, in whole seconds: `4 s`; `now` when it is over. */
export const left = (millis: number): string => millis <= 0 ? "now" : duration(Math.ceil(millis / 1000) * 1000)

/** So far away that it is for ever. */
const endOfTime = 8.64e15

export const percent = (share: number): string => share < 9.95 ? `${share.toFixed(1)} %` : `${Math.round(share)} %`

export const preciseClock = (millis: number): string =>
  `${clock(millis)}.${String(new Date(millis).getMilliseconds()).padStart(3, "0")}`

/** What there is to say about a process that is being stopped. */
export interface Pid {
  readonly pid: number | undefined
  readonly killAfterMillis: number | undefined
}

/** When its wait is over, if it ever is: a restart is due, or nobody asks any more but makes it end. */
export const untilOf = ({ since, state }: Child, job: Pid | undefined): number | undefined => {
  if (state._tag === "Backoff") return state.until >= endOfTime ? undefined : state.until
  if (state._tag !== "Stopping") return undefined
  const until = state.until ?? endOfTime
  const killAt = job?.killAfterMillis === undefined || since === undefined ? endOfTime : since + job.killAfterMillis
  const first = Math.min(until, killAt)
  return first >= endOfTime ? undefined : first
}

/** What a child waits for: the next try, or its end, and what happens if that does not come. */
export const waitsFor = (child: Child, job: Pid | undefined, now: number): string | undefined => {
  const { state } = child
  const until = untilOf(child, job)
  const rest = until === undefined ? undefined : until - now
  switch (state._tag) {
    case "Backoff":
      return rest === undefined ? "waits to be started" : `next try ${rest <= 0 ? "now" : `in ${left(rest)}`}`
    case "Stopping":
      return stopping(rest, job, until === state.until)
    case "Pending":
    case "Starting":
    case "Running":
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
    case "Abandoned":
      return undefined
  }
}

const stopping = (rest: number | undefined, job: Pid | undefined, isInterrupt: boolean): string => {
  const whom = job?.pid === undefined ? "waiting for its end" : `waiting for pid ${job.pid}`
  if (rest === undefined) return whom
  // When a process is sent SIGKILL, its supervisor does not know: only when it gives it up.
  if (isInterrupt && job !== undefined) return rest > 0 ? `${whom}, ${left(rest)} at most` : whom
  if (isInterrupt) return rest > 0 ? `${whom}, interrupted in ${left(rest)}` : `${whom}, interrupted`
  return rest > 0 ? `${whom}, SIGKILL in ${left(rest)}` : `${whom}, SIGKILL was sent`
}

/** What failed, without the command that it failed in, which can be long and is known, and with the last of its words. */
export const brief = (message: string): string =>
  withoutCommand(plainText(message)).replace(/^(.{0,40}?)\. It said: (?:.* \| )?/s, "$1: ")

/** How an incarnation ended, in one line. */
export const endOf = ({ decision, exit }: ExitRecord): string => {
  if (exit._tag === "Success") return decision === "asked" ? "stopped when asked" : "ended well"
  const { kind, message } = exit.cause
  if (kind === "Interrupt") return decision === "asked" ? "stopped when asked" : "was interrupted"
  return brief(message)
}

export const isFailure = ({ decision, exit }: ExitRecord): boolean =>
  exit._tag === "Failure" && !(exit.cause.kind === "Interrupt" && decision === "asked")

const decisions: Readonly<Record<ExitRecord["decision"], string>> = {
  restart: "restarted",
  complete: "completed",
  giveUp: "given up",
  asked: "asked to"
}

export const decisionOf = ({ decision }: ExitRecord): string => decisions[decision]

/** Within which time restarts are counted as recent. */
const recentMillis = 60_000

/** How often a child was restarted lately, as far as it remembers. */
export const recentRestarts = ({ history }: Child, now: number): number => {
  let count = 0
  for (const { decision, endedAt } of history) if (decision === "restart" && now - endedAt < recentMillis) count++
  return count
}
