/**
 * What happens in a tree, an event a line.
 *
 * Floor 4.
 */
import { plural } from "../../control/internal/words.ts"
import type { SupervisorEvent } from "../../SupervisorEvent.ts"
import { neutralise } from "./escapes.ts"
import type { Style } from "./style.ts"
import * as words from "./words.ts"

const how = (exit: { readonly _tag: string; readonly cause?: { readonly message: string } } | undefined): string => {
  if (exit === undefined) return ""
  return exit.cause === undefined ? "it ended well" : neutralise(words.brief(exit.cause.message))
}

const because = (text: string): string => text === "" ? "" : `: ${text}`

/** What happened, without time and path; `undefined` for what is not worth a line. */
export const sentence = (event: SupervisorEvent): { readonly word: string; readonly text: string } => {
  switch (event._tag) {
    case "ChildAdded":
      return { word: "added", text: "" }
    case "ChildRemoved":
      return { word: "removed", text: "" }
    case "ChildTransition": {
      const { at, exit, to } = event
      const word = words.state({ state: to, health: undefined })
      switch (to._tag) {
        case "Backoff":
          return { word, text: `restart ${to.attempt} in ${words.duration(to.until - at)}${because(how(exit))}` }
        case "GaveUp":
          return { word, text: neutralise(words.brief(to.cause.message)) }
        case "Starting":
          return { word, text: event.incarnation > 1 ? `run ${event.incarnation}` : "" }
        default:
          return { word, text: "" }
      }
    }
    case "ChildUnhealthy":
      return {
        word: "unhealthy",
        text: `${plural(event.failures, "failed check")}: ${neutralise(words.firstLine(event.cause.message))}`
      }
    case "RestartStorm":
      return { word: "storm", text: `${event.restarts} restarts within ${words.duration(event.withinMillis)}` }
    case "SupervisorTransition":
      return { word: event.to.toLowerCase(), text: neutralise(words.firstLine(event.cause?.message ?? "")) }
    case "EventsLost":
      return { word: "lost", text: `${plural(event.count, "event")} came faster than they were read` }
  }
}

const isPowerOfTwo = (n: number): boolean => Number.isInteger(Math.log2(n))

/** What who watches a run wants to know beside what is logged: who came back, and who has ended. */
export const newsOf = (event: SupervisorEvent): string | undefined => {
  if (event._tag !== "ChildTransition" || event.incarnation === 0 || words.isOwn(event.path)) return undefined
  switch (event.to._tag) {
    case "Running":
      // As the restarts themselves are logged: a storm fills no disk.
      return event.incarnation === 1 || !isPowerOfTwo(event.incarnation - 1)
        ? undefined
        : `${event.path} is running again (run ${event.incarnation})`
    case "Completed":
      return `${event.path} has ended well`
    case "Stopped":
      return `${event.path} is stopped`
    case "Held":
      return `${event.path} is held`
    case "Pending":
    case "Starting":
    case "Backoff":
    case "Stopping":
    case "GaveUp":
    case "Abandoned":
      return undefined
  }
}

/** One event in a line: when, who, what. */
export const eventText = (event: SupervisorEvent, root: string, now: number, style: Style): string => {
  const { text, word } = sentence(event)
  const who = event.path === "" ? root : event.path
  const rest = text === "" ? "" : `  ${text}`
  return `${style.dim(words.clock(event.at, now))}  ${who}  ${words.colourOf(word, style)(word)}${rest}`
}
