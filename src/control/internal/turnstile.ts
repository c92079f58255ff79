/**
 * Lets those who send much through one at a time, with a turn of the event loop in between: two hundred readers of
 * one log are two hundred pieces of work at every line, and the tree must not have to wait for all of them.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"

/** Ends when it is one's turn. */
export type Turnstile = Effect.Effect<void>

export const make: Effect.Effect<Turnstile> = Effect.sync(() => {
  const waiting: Array<() => void> = []
  let first = 0
  let isTurning = false
  const turn = (): void => {
    waiting[first++]!()
    if (first < waiting.length) {
      setImmediate(turn)
      return
    }
    waiting.length = 0
    first = 0
    isTurning = false
  }
  return Effect.callback<void>((resume) => {
    waiting.push(() => resume(Effect.void))
    if (isTurning) return
    isTurning = true
    setImmediate(turn)
  })
})
