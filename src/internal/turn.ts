import * as Effect from "effect/Effect"

/** A turn of the event loop: what is under way in it goes on, and no time that a test could stop has to pass. */
export const turn: Effect.Effect<void> = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** So many of them, without a step of a fiber in each. */
export const turns = (count: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    let left = count
    const next = (): void => {
      if (left-- === 0) return resume(Effect.void)
      setImmediate(next)
    }
    next()
  })
