/** One child among many live ones crashes: how long until its next incarnation runs. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { Runnable } from "../../src/index.ts"
import { atMostTimes, collect, compare, figure, percentile, type Scenario, turn } from "./harness.ts"
import { idle, inScope, names, startFiberMap, startOurs, startRaw } from "./subjects.ts"

const nothing = () => {}

/** A child that crashes when it is told to, and tells how long it was away. */
const crasher = () => {
  let crash = nothing
  let back = nothing
  const effect = Effect.callback<never, string>((resume) => {
    crash = () => resume(Effect.fail("boom"))
    back()
  })
  const once = Effect.callback<number>((resume) => {
    const from = performance.now()
    back = () => {
      const time = (performance.now() - from) * 1_000
      back = nothing
      resume(Effect.succeed(time))
    }
    crash()
  })
  return { effect, once }
}

/** Each crash comes in a turn of the event loop of its own. */
const timed = (crashes: number, once: Effect.Effect<number>) =>
  Effect.gen(function*() {
    yield* turn
    yield* collect
    const times: Array<number> = []
    for (let i = 0; i < crashes; i++) {
      yield* turn
      times.push(yield* once)
    }
    return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
  })

export const restartLatency: Scenario = {
  name: "restart-latency",
  run: Effect.fnUntraced(function*(settings) {
    const { crashes, siblings } = settings
    const { effect, once } = crasher()
    const child = Runnable.make("crasher", effect, { restart: Schedule.forever })
    const children = [...idle(siblings), child]
    const keys = names(siblings)
    const compared = yield* compare(settings, {
      ours: inScope((scope) => Effect.andThen(startOurs(children, scope), timed(crashes, once))),
      raw: inScope((scope) =>
        Effect.gen(function*() {
          yield* startRaw(siblings, scope)
          yield* Effect.gen(function*() {
            while (Exit.isFailure(yield* Fiber.await(yield* Effect.forkIn(effect, scope))));
          }).pipe(Effect.forkIn(scope))
          return yield* timed(crashes, once)
        })
      ),
      FiberMap: inScope((scope) =>
        Effect.gen(function*() {
          const map = yield* Scope.provide(FiberMap.make<string>(), scope)
          yield* startFiberMap(keys, map)
          yield* Effect.gen(function*() {
            while (Exit.isFailure(yield* Fiber.await(yield* FiberMap.run(map, "crasher", effect))));
          }).pipe(Effect.forkIn(scope))
          return yield* timed(crashes, once)
        })
      )
    })
    return [
      figure("crash to running again, p50", siblings, "us", compared, "p50", [atMostTimes(2, "raw")]),
      figure("crash to running again, p99", siblings, "us", compared, "p99", [atMostTimes(3, "raw")])
    ]
  })
}
