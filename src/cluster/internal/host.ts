/**
 * One child on this node, from the moment when the engine gives it to this node to the moment when it is taken away: a
 * child of the node's supervisor, each of whose incarnations takes a token before it does anything.
 *
 * Floor 5.
 */
import type { ShardId } from "effect/cluster/ShardId"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Runnable from "../../Runnable.ts"
import * as Fencing from "../Fencing.ts"
import type { Budget, Placed } from "./ledger.ts"
import type { ClusterNode } from "./node.ts"
import type { Ended, Tracked } from "./reporter.ts"

/** What is to run in the cluster, as it was described on this node. */
export interface Spec {
  readonly name: string
  readonly kind: string
  readonly runnable: Runnable.Runnable<unknown, unknown>
  /** What its work needs, from where it was described. Shared by all that were described there. */
  readonly context: Context.Context<never>
  readonly budget: Budget
  readonly escalate: boolean
  readonly group: string
}

/** With these services and no others, which thereby are one object for all that share them. */
export const only = <A, E, R>(effect: Effect.Effect<A, E, R>, context: Context.Context<R>): Effect.Effect<A, E> =>
  Effect.updateContext(effect, (): Context.Context<R> => context) as Effect.Effect<A, E>

/** Until the storage answers. It is stopped by whoever takes the child away. */
const untilItAnswers = Schedule.spaced("250 millis")

/** The same Runnable under its name in the cluster, with a token for each incarnation. */
export const tokened = (
  node: ClusterNode,
  spec: Spec,
  placed: Placed,
  shardId: ShardId,
  tracked: Tracked
): Runnable.Runnable<never> => {
  const refuse = Effect.andThen(
    Deferred.succeed(tracked.ended, { _tag: "Refused" } as Ended),
    Effect.never
  )
  const claim: Effect.Effect<number> = Effect.gen(function*() {
    // A node that was frozen may believe that it still holds the lock: ask whoever keeps it.
    while (!(yield* node.confirm(shardId))) yield* Effect.sleep("250 millis")
    const answer = yield* node.ledger.claim(placed, spec.budget).pipe(
      Effect.tapError((error) => Effect.logDebug("The cluster's storage did not give a token", error)),
      Effect.retry(untilItAnswers),
      Effect.orDie
    )
    if (answer._tag !== "Claimed") return yield* refuse
    return answer.token
  })
  const work = Effect.gen(function*() {
    tracked.fiber = yield* Effect.withFiber((fiber) => Effect.succeed(fiber))
    const value = yield* claim
    tracked.token = value
    const token = { name: placed.name, value, node: node.name }
    return yield* Effect.provideService(spec.runnable.effect, Fencing.Current, token)
  })
  return Runnable.makeProto(Runnable.Proto, spec.name, work, spec.runnable.settings, undefined)
}

/** Another place for a child that gave up here: one that is not on this node, if there is another. */
const nextAttempt = (node: ClusterNode, spec: Spec, attempt: number): number => {
  for (let next = attempt + 1; next < attempt + 64; next++) {
    if (!node.sharding.hasShardId(node.shardOf(spec, next))) return next
  }
  return attempt + 1
}

const settle = Effect.fnUntraced(function*(node: ClusterNode, spec: Spec, placed: Placed, tracked: Tracked) {
  const ended = yield* Deferred.await(tracked.ended)
  yield* Effect.ignore(node.pool.remove(spec.name))
  switch (ended._tag) {
    case "Completed":
      yield* Effect.retry(
        node.ledger.update(spec.name, tracked.token, "Completed", tracked.restarts, undefined),
        untilItAnswers
      )
      break
    case "GaveUp":
      yield* Effect.retry(
        node.ledger.gaveUp(placed, {
          token: tracked.token,
          next: nextAttempt(node, spec, placed.attempt),
          cause: ended.cause,
          budget: spec.budget
        }),
        untilItAnswers
      )
      yield* node.poke
      break
    case "Refused":
      yield* node.poke
  }
  return yield* Effect.never
})

/** Writes down that the child has stopped here, after all that was before; then the engine may give its lock back. */
export const letGo: (
  node: ClusterNode,
  spec: Spec,
  tracked: Tracked
) => Effect.Effect<void> = Effect.fnUntraced(function*(node, spec, tracked) {
  const { ledger, reporter } = node
  // Its last event is on the way to the reporter.
  yield* Effect.sleep("2 millis")
  yield* Effect.ignore(Effect.timeout(reporter.flush, "1 second"))
  if (reporter.tracked.get(spec.name) === tracked) reporter.tracked.delete(spec.name)
  if (tracked.token === 0) return
  yield* Effect.ignore(Effect.timeout(ledger.released(spec.name, tracked.token), "1 second"))
})

/** Runs the child here until it is interrupted; then stops it with its grace before it lets go. */
export const host = (node: ClusterNode, spec: Spec, placed: Placed, shardId: ShardId): Effect.Effect<void> =>
  Effect.suspend(() => {
    const tracked = node.reporter.track(spec.name, shardId)
    const leave = Effect.gen(function*() {
      yield* Effect.ignore(node.pool.remove(spec.name))
      yield* letGo(node, spec, tracked)
    })
    return node.pool.add(tokened(node, spec, placed, shardId, tracked)).pipe(
      // The one before it, of another placement, is still being stopped.
      Effect.retry({ while: (error) => error._tag === "DuplicateChild", schedule: Schedule.spaced("50 millis") }),
      Effect.andThen(settle(node, spec, placed, tracked)),
      // The node is being stopped.
      Effect.catchTag("SupervisorClosed", () => Effect.never),
      Effect.catchCause((cause) => Effect.logWarning(`"${spec.name}" could not be hosted`, cause)),
      Effect.ensuring(leave),
      // The supervisor lends its children the services that are there where they are added.
      (hosted) => only(hosted, spec.context)
    )
  })
