/**
 * What may be hosted on this node: singletons, and replicas as many of them.
 *
 * Floor 5.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as validate from "../../internal/validate.ts"
import type * as Runnable from "../../Runnable.ts"
import type { NameTaken } from "../ClusterError.ts"
import type { Options } from "../ClusterSupervisor.ts"
import type { Terms } from "./hosted.ts"
import { type ClusterNode, NodeService } from "./node.ts"

const termsOf = (
  node: ClusterNode,
  kind: string,
  name: string,
  context: Context.Context<never>,
  options: Options | undefined
): Terms => {
  const subject = `${kind} "${name}"`
  return {
    node,
    kind,
    context,
    budget: {
      giveUps: options?.budget === undefined ? 3 : validate.count(subject, "budget.giveUps", options.budget.giveUps),
      withinMillis: validate.positiveMillis(subject, "budget.within", options?.budget?.within ?? "1 minute")
    },
    escalate: options?.escalate ?? true,
    group: options?.group ?? "default"
  }
}

export const singleton = (
  runnable: Runnable.Any,
  options: Options | undefined
): Effect.Effect<void, NameTaken, NodeService | Scope.Scope> =>
  Effect.gen(function*() {
    const node = yield* NodeService
    const { name } = runnable
    const terms = termsOf(node, "singleton", name, yield* node.lend, options)
    const scope = yield* Effect.scope
    // The scope's own function, which keeps nothing of what is in the context here.
    yield* Effect.uninterruptible(Effect.andThen(
      node.describe({ name, runnable, terms }),
      Scope.addFinalizer(scope, node.undescribe(name))
    ))
  })

export const replicas = (
  name: string,
  count: number | Stream.Stream<number>,
  f: (index: number) => Runnable.Any,
  options: Options | undefined
): Effect.Effect<void, NameTaken, NodeService | Scope.Scope> =>
  Effect.gen(function*() {
    const node = yield* NodeService
    const terms = termsOf(node, "replica", name, yield* node.lend, options)
    yield* node.reserve(validate.name("Replicas", name), "set of replicas")
    const nameOf = (index: number) => `${name}-${index}`
    let running = 0
    const shrink = (wanted: number) =>
      Effect.suspend(() => {
        const gone = Array.from({ length: Math.max(0, running - wanted) }, () => nameOf(--running))
        return Effect.forEach(gone, (one) => node.undescribe(one), { concurrency: "unbounded", discard: true })
        // They are counted out already.
      }).pipe(Effect.uninterruptible)
    const grow = (wanted: number) =>
      Effect.whileLoop({
        while: () => running < wanted,
        body: () => {
          const describe = node.describe({ name: nameOf(running), runnable: f(running), terms })
          return Effect.uninterruptible(Effect.andThen(describe, Effect.sync(() => running++)))
        },
        step: () => {}
      })
    const resize = (wanted: number) => Effect.andThen(shrink(Math.max(0, wanted)), grow(wanted))
    yield* Effect.addFinalizer(() => shrink(0))
    if (typeof count === "number") return yield* resize(count)
    yield* Effect.forkScoped(Stream.runForEach(count, resize))
  })
