/**
 * When to spawn. Node stops the event loop for as long as a fork takes, one or two milliseconds: many in a row would keep
 * everything else waiting, also the news that those before have started.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"

/** For so long spawns may follow each other in one turn of the event loop. Each turn between them takes its time, too. */
const budgetMillis = 10

/** When the first spawn of this turn began. */
let begunAt: number | undefined
const waiting: Array<() => void> = []

/** The machine's time, which is what a fork takes. */
const now = (): number => performance.now()

const begin = (): number => {
  setImmediate(next)
  begunAt = now()
  return begunAt
}

const next = (): void => {
  begunAt = undefined
  if (waiting.length === 0) return
  const from = begin()
  do waiting.shift()!()
  while (waiting.length > 0 && now() - from < budgetMillis)
}

/** Goes on at once, or in a turn to come if there were enough spawns in this one: first come, first served. */
export const spawnTurn: Effect.Effect<void> = Effect.suspend(() => {
  if (waiting.length === 0 && now() - (begunAt ?? begin()) < budgetMillis) return Effect.void
  return Effect.callback<void>((resume) => void waiting.push(() => resume(Effect.void)))
})
