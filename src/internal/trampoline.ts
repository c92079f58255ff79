/**
 * Keeps deep trees off the JavaScript stack, and restart loops off the event loop's back.
 *
 * Floor 2.
 */
import type { SchedulerDispatcher } from "effect/Scheduler"

const maxDepth = 24

let depth = 0

/**
 * Calls `f` with `a` now, or soon if the stack is already deep. Starting a child, interrupting it and telling its end nest as deep
 * as the tree: this way a chain of ten thousand managers needs no more stack than a chain of ten.
 */
export const bounce = <A>(dispatcher: SchedulerDispatcher, f: (a: A) => void, a: A): void => {
  if (depth >= maxDepth) return dispatcher.scheduleTask(() => f(a), 0)
  depth++
  f(a)
  depth--
}

/** What waits for its turn. */
export interface Turn {
  wake(): void
}

/** How many restarts share one turn of the event loop. */
const burst = 32

/**
 * What has to happen without delay, but not at once: it waits for its turn of the event loop, which a few share. What
 * comes while they run is run with them, up to the size of a burst; then timers, I/O and everyone else are next.
 */
export class Turns {
  private readonly dispatcher: SchedulerDispatcher
  private waiting: Array<Turn> = []
  private next = 0
  private scheduled = false

  constructor(dispatcher: SchedulerDispatcher) {
    this.dispatcher = dispatcher
  }

  add(turn: Turn): void {
    this.waiting.push(turn)
    if (!this.scheduled) this.schedule()
  }

  private schedule(): void {
    this.scheduled = true
    this.dispatcher.scheduleTask(this.run, 0)
  }

  private run = (): void => {
    for (let count = 0; count < burst && this.next < this.waiting.length; count++) this.waiting[this.next++]!.wake()
    if (this.next < this.waiting.length) return this.schedule()
    this.scheduled = false
    this.waiting = []
    this.next = 0
  }
}
