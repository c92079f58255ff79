/**
 * What may be hosted on this node: singletons, and replicas as many of them.
 *
 * Floor 5.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as validate from "../../internal/validate.ts"
import type * as Runnable from "../../Runnable.ts"
import type { NameTaken } from "../ClusterError.ts"
import type { Options } from "../ClusterSupervisor.ts"
import type { Spec } from "./host.ts"
import { LedgerService } from "./ledger.ts"
import { type ClusterNode, NodeService } from "./node.ts"

const specOf = (
  kind: string,
  runnable: Runnable.Any,
  context: Context.Context<never>,
  options: Options | undefined
): Spec => {
  const subject = `${kind} "${runnable.name}"`
  return {
    name: runnable.name,
    kind,
    runnable: runnable as Runnable.Runnable<unknown, unknown>,
    context,
    budget: {
      giveUps: options?.budget === undefined ? 3 : validate.count(subject, "budget.giveUps", options.budget.giveUps),
      withinMillis: validate.positiveMillis(subject, "budget.within", options?.budget?.within ?? "1 minute")
    },
    escalate: options?.escalate ?? true,
    group: options?.group ?? "default"
  }
}

/** What is here, and what a write needs to be fenced. */
export const lent = (node: ClusterNode): Effect.Effect<Context.Context<never>> =>
  Effect.map(Effect.context<never>(), (context) => Context.add(context, LedgerService, node.ledger))

export const singleton = (
  runnable: Runnable.Any,
  options: Options | undefined
): Effect.Effect<void, NameTaken, NodeService | Scope.Scope> =>
  Effect.gen(function*() {
    const node = yield* NodeService
    const context = yield* lent(node)
    yield* node.describe(specOf("singleton", runnable, context, options))
  })

export const replicas = (
  name: string,
  count: number | Stream.Stream<number>,
  f: (index: number) => Runnable.Any,
  options: Options | undefined
): Effect.Effect<void, NameTaken, NodeService | Scope.Scope> =>
  Effect.gen(function*() {
    const node = yield* NodeService
    const context = yield* lent(node)
    const scope = yield* Effect.scope
    yield* node.reserve(validate.name("Replicas", name), "set of replicas")
    const running: Array<Scope.Closeable> = []
    const resize = Effect.fnUntraced(function*(wanted: number) {
      const gone = running.splice(Math.max(0, wanted))
      yield* Effect.forEach(gone, (one) => Scope.close(one, Exit.void), { concurrency: "unbounded", discard: true })
      for (let index = running.length; index < wanted; index++) {
        const own = yield* Scope.fork(scope)
        const spec = { ...specOf("replica", f(index), context, options), name: `${name}-${index}` }
        yield* Scope.provide(node.describe(spec), own)
        running.push(own)
      }
    })
    if (typeof count === "number") return yield* resize(count)
    yield* Effect.forkScoped(Stream.runForEach(count, resize))
  })
