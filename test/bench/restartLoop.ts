/** A child that fails at once, restarted without delay many times in a row. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { ProcessManager, Runnable } from "../../src/index.ts"
import { atLeast, atLeastTimes, compare, figure, micros, type Scenario, type Subject } from "./harness.ts"
import { inScope } from "./subjects.ts"

/** Fails so many times, then ends well. */
const failing = (times: number) => {
  let left = times
  return Effect.suspend(() => {
    if (left-- > 0) return Effect.fail("boom")
    left = times
    return Effect.void
  })
}

const timed = (restarts: number, loop: Effect.Effect<unknown, unknown>): Subject<"rate"> =>
  Effect.map(micros(loop), (time) => ({ rate: restarts / time * 1e6 }))

export const restartLoop: Scenario = {
  name: "restart-loop",
  run: Effect.fnUntraced(function*({ restarts, ...settings }) {
    const effect = failing(restarts)
    const manager = ProcessManager.make("bench", [Runnable.make("child", effect, { restart: Schedule.forever })])
    const compared = yield* compare({ ...settings, restarts }, {
      ours: timed(restarts, manager),
      "Effect.retry": timed(restarts, Effect.retry(effect, Schedule.forever)),
      "fork again": inScope((scope) =>
        timed(
          restarts,
          Effect.gen(function*() {
            while (Exit.isFailure(yield* Fiber.await(yield* Effect.forkIn(effect, scope))));
          })
        )
      )
    })
    return [figure("restarts by Schedule.forever", restarts, "/s", compared, "rate", [
      atLeast(250_000, "250k/s"),
      atLeastTimes(1, "Effect.retry")
    ])]
  })
}
