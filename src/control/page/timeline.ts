/** What has happened, in words, the latest last; as many as are worth keeping. */
import { plainText } from "./ansi.ts"
import { type Change, type Child, isSnapshot } from "../internal/picture.ts"
import { brief, decisionOf, duration, endOf, isFailure, plural, type Tone, toneOf, wordOf } from "./words.ts"

export interface Moment {
  readonly id: number
  readonly at: number
  readonly path: string
  readonly tone: Tone
  readonly text: string
}

export const capacity = 1000

let count = 0

/** Adds what there is to say about these changes. */
export const tell = (moments: ReadonlyArray<Moment>, changes: ReadonlyArray<Change>): ReadonlyArray<Moment> => {
  const more: Array<Moment> = []
  for (const change of changes.slice(-capacity)) {
    if (isSnapshot(change)) continue
    const said = say(change)
    if (said !== undefined) {
      more.push({ id: ++count, at: change.at, path: change.path, tone: said[0], text: plainText(said[1]) })
    }
  }
  return more.length === 0 ? moments : [...moments, ...more].slice(-capacity)
}

/** What the children remember of the time before somebody looked. */
export const recall = (children: Iterable<Child>): ReadonlyArray<Moment> => {
  const found: Array<Moment> = []
  for (const { history, path } of children) {
    for (const record of history) {
      const tone = !isFailure(record) ? "rest" : record.decision === "giveUp" ? "bad" : "warn"
      found.push({ id: ++count, at: record.endedAt, path, tone, text: `${endOf(record)}; ${decisionOf(record)}` })
    }
  }
  return found.toSorted((a, b) => a.at - b.at).slice(-capacity)
}

const say = (change: Exclude<Change, { readonly children: unknown }>): readonly [Tone, string] | undefined => {
  switch (change._tag) {
    case "ChildAdded":
      return ["rest", "was added"]
    case "ChildRemoved":
      return ["rest", "was removed"]
    case "ChildTransition":
      return transition(change)
    case "ChildUnhealthy":
      return ["warn", `failed its health check ${plural(change.failures, "time")}: ${change.cause.message}`]
    case "RestartStorm":
      return ["bad", `restart storm: ${plural(change.restarts, "restart")} in ${duration(change.withinMillis)}`]
    case "SupervisorTransition":
      return [toneOf(change.to), `supervisor is ${wordOf(change.to)}${change.cause ? `: ${change.cause.message}` : ""}`]
    case "EventsLost":
      return [
        "warn",
        `${plural(change.count, "event")} came too fast and ${change.count === 1 ? "is" : "are"} not shown`
      ]
  }
}

type Transition = Extract<Change, { readonly _tag: "ChildTransition" }>

const transition = ({ at, exit, from, to }: Transition): readonly [Tone, string] | undefined => {
  const why = exit?._tag === "Failure" && exit.cause.kind !== "Interrupt" ? `: ${brief(exit.cause.message)}` : ""
  const tone = toneOf(to._tag)
  switch (to._tag) {
    case "Starting":
      return [tone, from === "Backoff" ? "is tried again" : "is starting"]
    case "Backoff":
      return [tone, `ended${why}; next try in ${((to.until - at) / 1000).toFixed(1)} s`]
    case "GaveUp":
      return [tone, `gave up: ${brief(to.cause.message)}`]
    case "Pending":
      return exit === undefined ? undefined : [tone, `is pending${why}`]
    case "Running":
    case "Stopping":
    case "Stopped":
    case "Held":
    case "Completed":
    case "Abandoned":
      return [tone, `is ${wordOf(to._tag)}${why}`]
  }
}
