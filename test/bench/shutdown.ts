/** Stopping N idle children in reverse order, from the request until all are gone, per child. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberMap from "effect/FiberMap"
import * as Scope from "effect/Scope"
import { atMostTimes, collect, compare, type Figure, figure, micros, type Scenario } from "./harness.ts"
import { growth } from "./start.ts"
import { idle, inScope, names, startFiberMap, startOurs, startRaw } from "./subjects.ts"

const timed = (n: number, stop: Effect.Effect<unknown>) =>
  Effect.andThen(collect, Effect.map(micros(stop), (time) => ({ stop: time / n })))

export const shutdown: Scenario = {
  name: "shutdown",
  run: Effect.fnUntraced(function*(settings) {
    const figures: Array<Figure> = []
    for (const n of settings.sizes) {
      const children = idle(n)
      const keys = names(n)
      const compared = yield* compare(settings, {
        ours: inScope((scope) => Effect.flatMap(startOurs(children, scope), (handle) => timed(n, handle.shutdown))),
        raw: inScope((scope) => Effect.flatMap(startRaw(n, scope), () => timed(n, Scope.close(scope, Exit.void)))),
        FiberMap: inScope((scope) =>
          Effect.gen(function*() {
            const map = yield* Scope.provide(FiberMap.make<string>(), scope)
            yield* startFiberMap(keys, map)
            return yield* timed(n, Scope.close(scope, Exit.void))
          })
        )
      }, n)
      figures.push(figure("stop all in reverse, per child", n, "us", compared, "stop", [atMostTimes(1, "raw")]))
    }
    return [...figures, ...growth("stop all", figures)]
  })
}
