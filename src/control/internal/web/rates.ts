/**
 * How often something may be asked for: so many at once, and as many again each second.
 *
 * Floor 4.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type Refusal, tooMany } from "./refusal.ts"

/** Ends if it is not too often, and counts. */
export type Rate = Effect.Effect<void, Refusal>

/** Whether it is not too often; counts. */
const bucket = (perSecond: number): Effect.Effect<() => boolean> =>
  Effect.map(Clock.Clock, (clock) => {
    let tokens = perSecond
    let at = clock.currentTimeMillisUnsafe()
    return () => {
      const now = clock.currentTimeMillisUnsafe()
      tokens = Math.min(perSecond, tokens + (now - at) / 1000 * perSecond)
      at = now
      if (tokens < 1) return false
      tokens--
      return true
    }
  })

export const make = (perSecond: number, message: string): Effect.Effect<Rate> =>
  Effect.map(bucket(perSecond), (take) => Effect.suspend(() => take() ? Effect.void : Effect.fail(tooMany(message))))

/** Refuses nobody: who asks too often gets what was found last, which under a flood is no older than its share of a second. */
export const sparing = <A>(perSecond: number, find: Effect.Effect<A>): Effect.Effect<Effect.Effect<A>> =>
  Effect.map(bucket(perSecond), (take) => {
    let last: { readonly found: A } | undefined
    const anew = Effect.tap(find, (found) => Effect.sync(() => last = { found }))
    return Effect.suspend(() => take() || last === undefined ? anew : Effect.succeed(last.found))
  })
