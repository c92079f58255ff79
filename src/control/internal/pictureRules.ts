/**
 * What one transition makes of a child, and of the supervisor that it is under.
 *
 * Pure, and without anything of Effect's at run time, since a browser loads it too.
 *
 * Floor 4.
 */
import type { ChildSnapshot, ExitRecord, Snapshot } from "../../Snapshot.ts"
import type { State } from "../../State.ts"
import type { Strategy } from "../../Strategy.ts"
import type { ChildTransition } from "../../SupervisorEvent.ts"

/** A child without its subtree. What is below it is in the picture under its own path. */
export interface Child extends Omit<ChildSnapshot, "supervisor"> {
  /** When its state was changed last, if that was seen. */
  readonly since: number | undefined
}

/** A supervisor without its children. */
export type Group = Omit<Snapshot, "children">

/** How many ended incarnations a child remembers. */
const historySize = 8

export const childAfter = (child: Child, event: ChildTransition, isChecked: boolean): Child => {
  const { at, incarnation, to } = event
  const ended = recordOf(child, event)
  const isStart = to._tag === "Starting"
  return {
    ...child,
    state: to,
    incarnation,
    since: at,
    restarts: child.restarts + (countsAsRestart(event) ? 1 : 0),
    startedAt: isStart ? at : hasRun(to) ? child.startedAt : undefined,
    readyAt: to._tag === "Running" ? at : hasRun(to) && !isStart ? child.readyAt : undefined,
    health: !hasRun(to) || !isChecked ? undefined : isStart ? "healthy" : child.health ?? "healthy",
    history: ended === undefined ? child.history : [...child.history, ended].slice(-historySize)
  }
}

/** The same group if nothing is changed. */
export const groupAfter = (group: Group, child: Child, event: ChildTransition): Group => {
  const isRestart = countsAsRestart(event) && event.from !== "Stopping" ||
    recordOf(child, event)?.decision === "restart"
  const isCompleted = event.to._tag === "Completed"
  if (!isRestart && !isCompleted) return group
  return {
    ...group,
    completed: group.completed + (isCompleted ? 1 : 0),
    restarts: group.restarts + (isRestart ? 1 : 0)
  }
}

const hasRun = ({ _tag }: State): boolean =>
  _tag === "Starting" || _tag === "Running" || _tag === "Stopping" || _tag === "Abandoned"

/** What the event leaves open, somebody has to ask for. */
export const isGuessed = ({ exit, from, to }: ChildTransition, strategy: Strategy | undefined): boolean =>
  // It may have been taken along by a sibling's failure before somebody wanted it down.
  strategy !== "one-for-one" && from === "Stopping" ||
  to._tag === "Pending" && (from === "Stopping" || from === "Backoff") ||
  to._tag === "Starting" && from === "Stopping" && !exit

/** A policy has granted one, or a sibling's failure has taken it along. */
const countsAsRestart = ({ exit, from, to }: ChildTransition): boolean =>
  to._tag === "Backoff" ? from !== "Backoff" : to._tag === "Pending" && Boolean(exit)

const recordOf = (child: Child, event: ChildTransition): ExitRecord | undefined =>
  event.exit && child.startedAt !== undefined && child.startedAt !== null
    ? {
      incarnation: child.incarnation,
      startedAt: child.startedAt,
      endedAt: event.at,
      exit: event.exit,
      decision: decisionOf(event)
    }
    : undefined

const decisionOf = ({ from, to }: ChildTransition): ExitRecord["decision"] => {
  if (from === "Abandoned") return "asked"
  switch (to._tag) {
    case "Backoff":
      return "restart"
    case "Completed":
      return "complete"
    case "GaveUp":
      return "giveUp"
    case "Pending":
      return from === "Stopping" ? "asked" : "restart"
    case "Starting":
    case "Running":
    case "Stopping":
    case "Stopped":
    case "Held":
    case "Abandoned":
      return "asked"
  }
}

/** Who would not end, of a supervisor that the child is somewhere below. */
export const abandonedAfter = (
  abandoned: ReadonlyArray<string>,
  { path, to }: ChildTransition
): ReadonlyArray<string> => {
  const others = abandoned.filter((other) => other !== path)
  return to._tag === "Abandoned" ? [...others, path].toSorted() : others
}
