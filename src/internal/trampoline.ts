/**
 * Keeps deep trees off the JavaScript stack: starting a child, interrupting it and telling its end run at once, until
 * they are nested so deeply that the next one goes through the scheduler instead. A chain of ten thousand managers then
 * needs no more stack than a chain of ten.
 *
 * Floor 2.
 */
import type { SchedulerDispatcher } from "effect/Scheduler"

const maxDepth = 24

let depth = 0

/** Runs `f` now, or soon if the stack is already deep. */
export const bounce = (dispatcher: SchedulerDispatcher, f: () => void): void => {
  if (depth >= maxDepth) return dispatcher.scheduleTask(f, 0)
  depth++
  try {
    f()
  } finally {
    depth--
  }
}
