/** One of N children fails: from the failure until all the others are gone and the whole has failed, per child. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as Scope from "effect/Scope"
import { Runnable } from "../../src/index.ts"
import { atMostTimes, collect, compare, type Figure, figure, micros, type Scenario } from "./harness.ts"
import { idle, inScope, names, startFiberMap, startOurs, startRaw } from "./subjects.ts"

const nothing = () => {}

/** A child that fails when it is told to. */
const bomb = () => {
  let explode = nothing
  const effect = Effect.callback<never, string>((resume) => {
    explode = () => resume(Effect.fail("boom"))
  })
  return { effect, explode: Effect.sync(() => explode()) }
}

const timed = <E>(n: number, explode: Effect.Effect<void>, over: Effect.Effect<unknown, E>) =>
  Effect.andThen(collect, Effect.map(micros(Effect.andThen(explode, Effect.exit(over))), (time) => ({ all: time / n })))

export const firstFailure: Scenario = {
  name: "first-failure",
  run: Effect.fnUntraced(function*(settings) {
    const figures: Array<Figure> = []
    for (const n of settings.sizes) {
      const { effect, explode } = bomb()
      const before = Math.floor(n / 2)
      const after = n - before - 1
      const children = [...idle(before), Runnable.make("bomb", effect), ...idle(n).slice(before + 1)]
      const keys = names(n)
      const compared = yield* compare(settings, {
        ours: inScope((scope) =>
          Effect.flatMap(startOurs(children, scope), (handle) => timed(n, explode, handle.await))
        ),
        raw: inScope((scope) =>
          Effect.gen(function*() {
            yield* startRaw(before, scope)
            const failing = yield* Effect.forkIn(effect, scope)
            yield* startRaw(after, scope)
            return yield* timed(n, explode, Effect.flatMap(Fiber.await(failing), (exit) => Scope.close(scope, exit)))
          })
        ),
        FiberMap: inScope((scope) =>
          Effect.gen(function*() {
            const map = yield* Scope.provide(FiberMap.make<string, never, string>(), scope)
            yield* startFiberMap(keys.slice(0, before), map)
            yield* FiberMap.run(map, "bomb", effect)
            yield* startFiberMap(keys.slice(before + 1), map)
            return yield* timed(n, explode, Effect.flatMap(Effect.exit(FiberMap.join(map)), () => FiberMap.clear(map)))
          })
        )
      }, n)
      figures.push(figure("first failure to all gone, per child", n, "us", compared, "all", [atMostTimes(1.2, "raw")]))
    }
    return figures
  })
}
