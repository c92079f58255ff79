/**
 * Prints by how many bytes per child the heap grows when N idle children start, without and with what describes them:
 * a Runnable, or the key of a FiberMap. `node --expose-gc heapProbe.ts ours 1000`
 */
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Scope from "effect/Scope"
import { collect, quietly, turn } from "./harness.ts"
import { idle, inScope, names, startFiberMap, startOurs } from "./subjects.ts"

/** First describes the children, then starts them. */
type Subject = (n: number) => (scope: Scope.Scope) => Effect.Effect<unknown>

const subjects: Readonly<Record<string, Subject>> = {
  ours: (n) => {
    const children = idle(n)
    return (scope) => startOurs(children, scope)
  },
  raw: (n) => (scope) =>
    Effect.gen(function*() {
      for (let i = 0; i < n; i++) yield* Effect.forkIn(Effect.never, scope)
      yield* Effect.yieldNow
    }),
  FiberMap: (n) => {
    const keys = names(n)
    return (scope) => Effect.flatMap(Scope.provide(FiberMap.make<string>(), scope), (map) => startFiberMap(keys, map))
  }
}

/** Two turns of the event loop later nothing waits that still holds on to what is gone. */
const used = Effect.andThen(
  Effect.all([turn, collect, turn, collect]),
  Effect.sync(() => process.memoryUsage().heapUsed)
)

const probe = (describe: Subject, n: number) =>
  Effect.gen(function*() {
    const before = yield* used
    const start = describe(n)
    const described = yield* used
    yield* inScope((scope) =>
      Effect.gen(function*() {
        const kept = yield* start(scope)
        const running = yield* used
        console.log(JSON.stringify({ running: (running - described) / n, described: (running - before) / n }))
        return [start, kept]
      })
    )
  })

const [subject = "", n = ""] = process.argv.slice(2)
// What is made once, code and feedback of the engine included, is not a child's.
const warmUp = Effect.replicateEffect(Effect.asVoid(inScope(subjects[subject]!(100))), 20, { discard: true })
await Effect.runPromise(quietly(warmUp))
await Effect.runPromise(Effect.sleep(50))
await Effect.runPromise(quietly(probe(subjects[subject]!, Number(n))))
