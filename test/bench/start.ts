/** Starting N idle children and waiting until all have started, per child. */
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Scope from "effect/Scope"
import { atMost, atMostTimes, compare, type Figure, figure, micros, type Scenario, type Subject } from "./harness.ts"
import { idle, inScope, names, startFiberMap, startOurs } from "./subjects.ts"

/** So much more a child may cost among 100 000 than among 1000 and still be called flat. */
const flat = 1.5

const timed = (n: number, start: (scope: Scope.Scope) => Effect.Effect<unknown>): Subject<"start"> =>
  inScope((scope) => Effect.map(micros(start(scope)), (time) => ({ start: time / n })))

export const start: Scenario = {
  name: "start",
  run: Effect.fnUntraced(function*(settings) {
    const figures: Array<Figure> = []
    for (const n of settings.sizes) {
      const children = idle(n)
      const keys = names(n)
      const compared = yield* compare(settings, {
        ours: timed(n, (scope) => startOurs(children, scope)),
        raw: timed(n, (scope) =>
          Effect.gen(function*() {
            for (let i = 0; i < n; i++) yield* Effect.forkIn(Effect.never, scope)
            yield* Effect.yieldNow
          })),
        FiberMap: timed(
          n,
          (scope) => Effect.flatMap(Scope.provide(FiberMap.make<string>(), scope), (map) => startFiberMap(keys, map))
        )
      }, n)
      figures.push(figure("start, per child", n, "us", compared, "start", [atMostTimes(1, "raw")]))
    }
    return [...figures, ...growth("start", figures, flat)]
  })
}

/** How much more a child costs at the largest size than at the smallest. */
export const growth = (label: string, figures: ReadonlyArray<Figure>, limit: number = flat): ReadonlyArray<Figure> => {
  const [first, last] = [figures[0]!, figures.at(-1)!]
  if (first === last) return []
  return [{
    label: `${label}, cost at ${last.n} / at ${first.n}`,
    n: last.n,
    unit: "x",
    ours: last.ours / first.ours,
    against: Object.fromEntries(
      Object.keys(last.against).map((name) => [name, last.against[name]! / first.against[name]!])
    ),
    bounds: [atMost(limit, `${limit} (flat)`)]
  }]
}
