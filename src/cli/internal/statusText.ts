/**
 * The line at the bottom of `run`: how everything is, at a glance.
 *
 * Floor 4.
 */
import type { ChildSnapshot, Snapshot } from "../../Snapshot.ts"
import type { Style } from "./style.ts"
import { cut } from "./width.ts"
import * as words from "./words.ts"

const order = [
  "running",
  "starting",
  "pending",
  "backoff",
  "unhealthy",
  "stopping",
  "gave up",
  "abandoned",
  "held",
  "stopped",
  "completed"
]

/** How many children are in each state, in words: "3 running, 1 backoff". */
export const tally = (children: ReadonlyArray<ChildSnapshot>): string => {
  const counts = new Map<string, number>()
  for (const child of children) {
    // A supervisor is as its children are, which are counted themselves.
    if (child.supervisor !== undefined) continue
    const word = words.state(child)
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return order.flatMap((word) => counts.has(word) ? [`${counts.get(word)} ${word}`] : []).join(", ")
}

const kill = ({ state }: ChildSnapshot, now: number): string =>
  state._tag === "Stopping" && state.until !== undefined ?
    `, killed in ${Math.max(0, Math.round((state.until - now) / 1000))}s`
    : ""

/** What is being waited for while all is stopped: "waiting for web (pid 12, killed in 4s)". */
export const waitingFor = (
  children: ReadonlyArray<ChildSnapshot>,
  pids: ReadonlyMap<string, number>,
  now: number
): string => {
  const stopping = children.filter(({ state, supervisor }) => state._tag === "Stopping" && supervisor === undefined)
  if (stopping.length === 0) return ""
  const names = stopping.slice(0, 3).map((child) => {
    const pid = pids.get(child.path)
    return pid === undefined ? child.path : `${child.path} (pid ${pid}${kill(child, now)})`
  })
  return `waiting for ${names.join(", ")}${stopping.length > 3 ? ` and ${stopping.length - 3} more` : ""}`
}

/** The whole line, of at most this width. */
export const statusText = (
  snapshot: Snapshot,
  pids: ReadonlyMap<string, number>,
  now: number,
  width: number,
  style: Style
): string => {
  const children = words.flatten(snapshot)
  const isStopping = snapshot.state === "Stopping"
  const waiting = isStopping ? waitingFor(children, pids, now) : ""
  const parts = [
    snapshot.name,
    isStopping ? "stopping" : undefined,
    waiting === "" ? tally(children) : waiting,
    isStopping ? "Ctrl-C again: kill now" : "Ctrl-C: stop"
  ].filter((part) => part !== undefined && part !== "")
  return style.dim(cut(parts.join(" · "), width))
}
