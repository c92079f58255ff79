/**
 * Times, sizes and states in words, and times that people type.
 *
 * Floor 4.
 */
import { clock as timeOfDay, inUnits, twoDigits, withoutCommand } from "../../control/internal/words.ts"
import { walk } from "../../control/internal/walk.ts"
import type { ChildSnapshot, Snapshot } from "../../Snapshot.ts"
import type { State } from "../../State.ts"
import type { Style } from "./style.ts"

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** A length of time in at most two units: "80ms", "2.4s", "1m 5s", "3h 2m", "4d 1h". */
export const duration = (millis: number): string => {
  const ms = Math.max(0, Math.round(millis))
  if (ms < second) return `${ms}ms`
  if (ms < 10 * second) return `${(ms / second).toFixed(1).replace(/\.0$/, "")}s`
  const [[count, unit], small] = inUnits(ms)
  return `${count}${unit}${small === undefined || small[0] === 0 ? "" : ` ${small.join("")}`}`
}

/** How long ago something was. */
export const ago = (at: number, now: number): string => now - at < second ? "just now" : `${duration(now - at)} ago`

/** A time of day as people read it where they are: "14:03:22", with the date if it was not within a day. */
export const clock = (at: number, now: number): string => {
  if (Math.abs(now - at) < day) return timeOfDay(at)
  const date = new Date(at)
  return `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())} ${timeOfDay(at)}`
}

const units: Readonly<Record<string, number>> = { ms: 1, s: second, m: minute, h: hour, d: day, w: 7 * day }

/** What a person types for a length of time, in milliseconds: "5m", "1h30m", "250ms", or seconds without a unit. */
export const parseDuration = (text: string): number | undefined => {
  const compact = text.trim().toLowerCase().replaceAll(/\s+/g, "")
  if (/^\d+(\.\d+)?$/.test(compact)) return Number(compact) * second
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(compact)) return undefined
  let total = 0
  for (const [, value, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    total += Number(value) * units[unit!]!
  }
  return total
}

/** A moment that a person types, in milliseconds since the epoch: so long ago, or a date as ISO 8601 has it. */
export const parseSince = (text: string, now: number): number | undefined => {
  const back = parseDuration(text)
  if (back !== undefined) return now - back
  // Not everything that Date takes: "5" is a month to it.
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/i.test(text.trim())) {
    return undefined
  }
  const at = Date.parse(text.trim().replace(" ", "T"))
  return Number.isNaN(at) ? undefined : at
}

/** Every state in a word, or two. */
export const words: Readonly<Record<State["_tag"], string>> = {
  Pending: "pending",
  Starting: "starting",
  Running: "running",
  Backoff: "backoff",
  Stopping: "stopping",
  Stopped: "stopped",
  Held: "held",
  Completed: "completed",
  GaveUp: "gave up",
  Abandoned: "abandoned"
}

/** The state of a child in a word. */
export const state = ({ health, state }: Pick<ChildSnapshot, "health" | "state">): string =>
  state._tag === "Running" && health === "unhealthy" ? "unhealthy" : words[state._tag]

/** The colour that goes with a word of `state`. */
export const colourOf = (word: string, style: Style): (text: string) => string => {
  switch (word) {
    case "running":
    case "completed":
      return style.green
    case "pending":
    case "starting":
    case "stopping":
    case "backoff":
    case "unhealthy":
      return style.yellow
    case "gave up":
    case "abandoned":
      return style.red
    default:
      return style.dim
  }
}

/** The first line of something that may have more. */
export const firstLine = (text: string): string => {
  const end = text.indexOf("\n")
  return end < 0 ? text : text.slice(0, end)
}

/** What a failure says in a few words: of a command, which is well known, only how it ended. */
export const brief = (message: string): string => firstLine(withoutCommand(message)).replace(/\.$/, "")

/** Children that the command line adds for itself: they are not the user's. */
export const isOwn = (name: string): boolean => name.startsWith("(") && name.endsWith(")")

/** All children of a tree, those above before those below, without the command line's own. */
export const flatten = (root: Snapshot): ReadonlyArray<ChildSnapshot> =>
  Array.from(walk(root, isOfUser)).filter(isOfUser)

const isOfUser = ({ name }: ChildSnapshot): boolean => !isOwn(name)
