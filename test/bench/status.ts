/** A full snapshot of many live children. What it is compared with says less: a name, and whether the fiber lives. */
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Scope from "effect/Scope"
import { atMost, collect, compare, figure, median, micros, type Scenario } from "./harness.ts"
import { idle, inScope, names, startFiberMap, startOurs, startRaw } from "./subjects.ts"

interface Pollable {
  readonly pollUnsafe: () => unknown
}

const list = (entries: Iterable<readonly [string, Pollable]>) =>
  Array.from(
    entries,
    ([name, fiber]) => ({ name, path: name, state: fiber.pollUnsafe() === undefined ? "Running" : "Ended" })
  )

/** Asked for several times, as a dashboard would. */
const times = 20

const timed = (status: Effect.Effect<unknown>) =>
  Effect.andThen(
    collect,
    Effect.map(
      Effect.all(Array.from({ length: times }, () => micros(status))),
      (all) => ({ status: median(all) / 1_000 })
    )
  )

export const status: Scenario = {
  name: "status",
  run: Effect.fnUntraced(function*(settings) {
    const { siblings } = settings
    const children = idle(siblings)
    const keys = names(siblings)
    const compared = yield* compare(settings, {
      ours: inScope((scope) => Effect.flatMap(startOurs(children, scope), (handle) => timed(handle.status))),
      raw: inScope((scope) =>
        Effect.flatMap(startRaw(siblings, scope), (fibers) => {
          const byName = new Map(fibers.map((fiber, i) => [keys[i]!, fiber]))
          return timed(Effect.sync(() => list(byName)))
        })
      ),
      FiberMap: inScope((scope) =>
        Effect.gen(function*() {
          const map = yield* Scope.provide(FiberMap.make<string>(), scope)
          yield* startFiberMap(keys, map)
          return yield* timed(Effect.sync(() => list(map)))
        })
      )
    })
    return [figure("status of all, full snapshot", siblings, "ms", compared, "status", [atMost(1, "1 ms")])]
  })
}
