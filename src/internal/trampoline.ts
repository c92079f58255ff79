/**
 * Keeps deep trees off the JavaScript stack, and restart loops off the event loop's back. What is called here must not
 * throw: user code runs in fibers, which do not.
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

/** How many restarts fit into one turn of the event loop. */
const burst = 32

/**
 * What has to happen without delay: at once, as long as there were not too many in this turn of the event loop. Those
 * over wait for the next one, so that timers, I/O and everyone else come in between.
 */
export class Turns {
  private readonly dispatcher: SchedulerDispatcher
  private waiting: Array<Turn> = []
  private next = 0
  private left = burst
  private scheduled = false

  constructor(dispatcher: SchedulerDispatcher) {
    this.dispatcher = dispatcher
  }

  add(turn: Turn): void {
    if (!this.scheduled) this.schedule()
    if (this.left === 0) {
      this.waiting.push(turn)
      return
    }
    this.left--
    turn.wake()
  }

  private schedule(): void {
    this.scheduled = true
    this.dispatcher.scheduleTask(this.begin, 0)
  }

  /** A new turn. */
  private begin = (): void => {
    this.scheduled = false
    this.left = burst
    if (this.next === this.waiting.length) return
    this.schedule()
    while (this.left > 0 && this.next < this.waiting.length) {
      this.left--
      this.waiting[this.next++]!.wake()
    }
    // What was woken is dropped before it outweighs what waits: a loop that never pauses must not grow.
    if (this.next * 2 < this.waiting.length) return
    this.waiting = this.waiting.slice(this.next)
    this.next = 0
  }
}
