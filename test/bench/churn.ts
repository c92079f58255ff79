/** Among many live children: one is added, started and stopped again, many times in a row. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as Scope from "effect/Scope"
import type { Supervisor } from "../../src/index.ts"
import { atLeast, collect, compare, figure, micros, type Scenario, type Subject } from "./harness.ts"
import { idle, inScope, names, startFiberMap, startOurs, startRaw } from "./subjects.ts"

const timed = (churn: number, loop: Effect.Effect<unknown, unknown>): Subject<"rate"> =>
  Effect.andThen(collect, Effect.map(micros(loop), (time) => ({ rate: churn / time * 1e6 })))

export const churn: Scenario = {
  name: "churn",
  run: Effect.fnUntraced(function*(settings) {
    const { churn, siblings } = settings
    const all = idle(siblings + churn)
    const [children, added] = [all.slice(0, siblings), all.slice(siblings)]
    const keys = names(siblings + churn)
    const ours = (end: (handle: Supervisor.Handle, name: string) => Effect.Effect<unknown, unknown>) =>
      inScope((scope) =>
        Effect.flatMap(startOurs(children, scope), (handle) =>
          timed(
            churn,
            Effect.gen(function*() {
              for (const child of added) {
                yield* handle.add(child)
                yield* end(handle, child.name)
              }
            })
          ))
      )
    const raw = inScope((scope) =>
      Effect.andThen(
        startRaw(siblings, scope),
        timed(
          churn,
          Effect.gen(function*() {
            for (let i = 0; i < churn; i++) yield* Fiber.interrupt(yield* Effect.forkIn(Effect.never, scope))
          })
        )
      )
    )
    const fiberMap = inScope((scope) =>
      Effect.gen(function*() {
        const map = yield* Scope.provide(FiberMap.make<string>(), scope)
        yield* startFiberMap(keys.slice(0, siblings), map)
        return yield* timed(
          churn,
          Effect.gen(function*() {
            for (const key of keys.slice(siblings)) {
              yield* FiberMap.run(map, key, Effect.never)
              yield* FiberMap.remove(map, key)
            }
          })
        )
      })
    )
    const stop = ours((handle, name) => handle.stop(name))
    const remove = ours((handle, name) => handle.remove(name))
    const { remove: removed, ...compared } = yield* compare(settings, { ours: stop, remove, raw, FiberMap: fiberMap })
    const bounds = [atLeast(250_000, "250k/s")]
    return [
      figure("add + stop", siblings, "/s", compared, "rate", bounds),
      figure("add + remove", siblings, "/s", { ...compared, ours: removed }, "rate", bounds)
    ]
  })
}
