/**
 * Whoever waits for something to become true, and is let go by whoever makes it so.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"

interface Waiter {
  readonly isDone: () => boolean
  readonly resume: () => void
}

export class Waiters {
  private waiting: Array<Waiter> = []

  /** Waits until it is true. It is looked at now and at every `wake`. */
  until(isDone: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (isDone()) return resume(Effect.void)
      const waiter: Waiter = { isDone, resume: () => resume(Effect.void) }
      this.waiting.push(waiter)
      return Effect.sync(() => {
        this.waiting = this.waiting.filter((other) => other !== waiter)
      })
    })
  }

  wake(): void {
    // Who is let go may wait again at once.
    const waiting = this.waiting
    this.waiting = []
    for (const waiter of waiting) {
      if (waiter.isDone()) waiter.resume()
      else this.waiting.push(waiter)
    }
  }
}
