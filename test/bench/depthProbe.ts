/** Prints what a level of a nested chain costs to start and to stop, in us: `node depthProbe.ts ours 1000` */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { ProcessManager, Runnable } from "../../src/index.ts"
import { median, micros, quietly, turn } from "./harness.ts"
import { inScope, startOurs } from "./subjects.ts"

/** First describes a chain, then starts it and waits until its deepest level runs. */
type Subject = (depth: number) => (scope: Scope.Scope) => Effect.Effect<unknown>

const ours: Subject = (depth) => {
  let tree: Runnable.Runnable = Runnable.make("leaf", Effect.never)
  for (let i = 1; i < depth; i++) tree = ProcessManager.make("m", [tree])
  return (scope) => startOurs([tree], scope)
}

const level = (left: number, parent: Scope.Scope, deepest: Deferred.Deferred<void>): Effect.Effect<never> =>
  Effect.gen(function*() {
    if (left === 0) yield* Deferred.succeed(deepest, undefined)
    else {
      const scope = yield* Scope.fork(parent)
      yield* Effect.forkIn(level(left - 1, scope, deepest), scope)
    }
    return yield* Effect.never
  })

const raw: Subject = (depth) => (scope) =>
  Effect.gen(function*() {
    const deepest = yield* Deferred.make<void>()
    yield* Effect.forkIn(level(depth, scope, deepest), scope)
    yield* Deferred.await(deepest)
  })

const subjects: Readonly<Record<string, Subject>> = { ours, raw }

const measure = (start: (scope: Scope.Scope) => Effect.Effect<unknown>) =>
  inScope((scope) =>
    Effect.gen(function*() {
      const started = yield* micros(start(scope))
      yield* turn
      const stopped = yield* micros(Scope.close(scope, Exit.void))
      yield* turn
      return { started, stopped }
    })
  )

const [subject = "", argument = ""] = process.argv.slice(2)
const depth = Number(argument)
const start = subjects[subject]!(depth)
// The first ones warm up.
const repeats = Math.max(1, Math.ceil(5_000 / depth))
const samples = await Effect.runPromise(
  quietly(Effect.all(Array.from({ length: 2 * Math.min(10, repeats) }, () => measure(start))))
)
const counted = samples.slice(samples.length / 2)
console.log(JSON.stringify({
  start: median(counted.map((sample) => sample.started)) / depth,
  stop: median(counted.map((sample) => sample.stopped)) / depth
}))
