/**
 * One spawn in a turn of the event loop: Node stops it for as long as a fork takes, some milliseconds, and many in a row
 * would keep everything else waiting, also the news that those before have started.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"

let isTaken = false
const waiting: Array<() => void> = []

const next = (): void => {
  const resume = waiting.shift()
  isTaken = resume !== undefined
  if (resume === undefined) return
  setImmediate(next)
  resume()
}

/** Goes on at once if nobody has spawned in this turn, and else in a turn to come: first come, first served. */
export const spawnTurn: Effect.Effect<void> = Effect.suspend(() => {
  if (isTaken) return Effect.callback<void>((resume) => void waiting.push(() => resume(Effect.void)))
  isTaken = true
  setImmediate(next)
  return Effect.void
})
