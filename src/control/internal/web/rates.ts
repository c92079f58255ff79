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

export const make = (perSecond: number, message: string): Effect.Effect<Rate> =>
  Effect.map(Clock.Clock, (clock) => {
    let tokens = perSecond
    let at = clock.currentTimeMillisUnsafe()
    return Effect.suspend(() => {
      const now = clock.currentTimeMillisUnsafe()
      tokens = Math.min(perSecond, tokens + (now - at) / 1000 * perSecond)
      at = now
      if (tokens < 1) return Effect.fail(tooMany(message))
      tokens--
      return Effect.void
    })
  })
