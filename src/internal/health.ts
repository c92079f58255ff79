/**
 * Watching a child from beside: liveness checks and the watchdog. Readiness that fails never restarts a child; these do.
 *
 * A synchronous loop blocks the event loop and with it everything here: from inside the process it cannot be seen. Let
 * another process watch this one for that, as systemd does with `WatchdogSec`.
 *
 * Floor 2.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { HealthSettings } from "../Runnable.ts"

/**
 * Runs a check again and again, and tells what it finds. Never ends by itself.
 *
 * **Details**
 *
 * A check that does not end within its timeout has failed. It is interrupted and not waited for, since it may be stuck.
 */
export const liveness: (settings: HealthSettings, found: {
  readonly onHealthy: () => void
  readonly onFailure: (cause: Cause.Cause<unknown>, failures: number) => void
}) => Effect.Effect<never> = Effect.fnUntraced(function*(settings, found) {
  // What a check acquires is released when it has answered.
  const check = Effect.scoped(settings.check as Effect.Effect<unknown, unknown>)
  let failures = 0
  yield* Effect.sleep(settings.initialDelayMillis)
  while (true) {
    const answer = yield* within(check, settings.timeoutMillis)
    const exit = answer ?? Exit.fail(new Cause.TimeoutError(`No answer within ${settings.timeoutMillis} ms`))
    if (Exit.isSuccess(exit)) {
      failures = 0
      found.onHealthy()
    } else {
      found.onFailure(exit.cause, ++failures)
    }
    yield* Effect.sleep(settings.intervalMillis)
  }
})

/**
 * The exit of an effect, or `undefined` as soon as the time is over: unlike `Effect.timeout` it does not wait until
 * the effect has let itself be interrupted.
 */
export const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  millis: number
): Effect.Effect<Exit.Exit<A, E> | undefined, never, R> =>
  Effect.flatMap(Effect.forkDetach(effect, { startImmediately: true }), (fiber) =>
    Fiber.await(fiber).pipe(
      Effect.timeoutOption(millis),
      Effect.map(Option.getOrUndefined),
      Effect.ensuring(Effect.sync(() => fiber.interruptUnsafe()))
    ))

/**
 * A deadline that every beat pushes out. `onMissed` is called once.
 */
export const watchdog = (deadlineMillis: number, onMissed: () => void): {
  readonly run: Effect.Effect<void>
  readonly beat: () => void
} => {
  let last = 0
  let now = () => last
  return {
    beat: () => {
      last = now()
    },
    // One timer for many beats: when it is over, it looks how long the last beat is ago.
    run: Clock.clockWith((clock) => {
      now = () => clock.currentTimeMillisUnsafe()
      last = now()
      const loop: Effect.Effect<void> = Effect.suspend(() => {
        // If the clock was set back, nobody knows how much of the deadline is gone: it begins again.
        last = Math.min(last, now())
        const left = last + deadlineMillis - now()
        return left > 0 ? Effect.flatMap(Effect.sleep(left), () => loop) : Effect.sync(onMissed)
      })
      return loop
    })
  }
}
