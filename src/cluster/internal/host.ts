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
import type { SqlError } from "effect/sql/SqlError"
import * as Runnable from "../../Runnable.ts"
import type { State } from "../../State.ts"
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

/** One child as it is hosted here. */
export interface Hosted {
  readonly node: ClusterNode
  readonly spec: Spec
  readonly placed: Placed
  readonly tracked: Tracked
}

/** With these services and no others, which thereby are one object for all that share them. */
export const only = <A, E, R>(effect: Effect.Effect<A, E, R>, context: Context.Context<R>): Effect.Effect<A, E> =>
  Effect.updateContext(effect, (): Context.Context<R> => context) as Effect.Effect<A, E>

/** Until the storage answers. It is stopped by whoever takes the child away. */
const untilItAnswers = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A> =>
  effect.pipe(
    Effect.sandbox,
    Effect.tapError((cause) => Effect.logDebug("The storage of the cluster does not answer", cause)),
    Effect.retry(Schedule.spaced("250 millis")),
    Effect.orDie
  )

/** The next token, or no end: then it is not to run here. */
const claim: (hosted: Hosted) => Effect.Effect<number> = Effect.fnUntraced(function*(hosted) {
  const { node, placed, spec, tracked } = hosted
  // A node that was frozen may believe that it still holds the lock: ask whoever keeps it.
  while (!(yield* node.confirm(tracked.shardId))) yield* Effect.sleep("250 millis")
  const answer = yield* untilItAnswers(node.ledger.claim(placed, spec.budget))
  if (answer._tag === "Claimed") return tracked.token = answer.token
  yield* Deferred.succeed(tracked.ended, { _tag: "Refused" } as Ended)
  return yield* Effect.never
})

/** The same Runnable under its name in the cluster, with a token for each incarnation. */
export const tokened = (hosted: Hosted): Runnable.Runnable<never> => {
  const { node, placed, spec, tracked } = hosted
  const run = (value: number) =>
    Effect.provideService(spec.runnable.effect, Fencing.Current, { name: placed.name, value, node: node.name })
  const work = Effect.withFiber((fiber) => {
    tracked.fiber = fiber
    return Effect.flatMap(claim(hosted), run)
  })
  return Runnable.makeProto(Runnable.Proto, spec.name, work, spec.runnable.settings, undefined)
}

/** Another place for a child that gave up here: one that is not on this node, if there is another. */
const nextAttempt = ({ node, placed: { attempt }, spec }: Hosted): number => {
  for (let next = attempt + 1; next < attempt + 64; next++) {
    if (!node.sharding.hasShardId(node.shardOf(spec, next))) return next
  }
  return attempt + 1
}

const active = new Set<string>(["Pending", "Starting", "Running", "Backoff", "Stopping"] satisfies Array<State["_tag"]>)

/** Waits while the supervisor stops it by itself, since the node is being stopped. */
const untilStopped = (node: ClusterNode, name: string): Effect.Effect<void> =>
  Effect.flatMap(node.pool.child(name), ({ state }) => active.has(state._tag) ? Effect.fail("not yet") : Effect.void)
    .pipe(
      Effect.catchTag("ChildNotFound", () => Effect.void),
      Effect.retry(Schedule.spaced("20 millis")),
      Effect.orDie
    )

/** Stops the child, with its grace, and takes it out of the supervisor. */
export const takeOut = (node: ClusterNode, name: string): Effect.Effect<void> =>
  node.pool.remove(name).pipe(
    Effect.catchTags({
      ChildNotFound: () => Effect.void,
      SupervisorClosed: () => untilStopped(node, name)
    }),
    Effect.asVoid
  )

/** It has ended here for good. */
const settle: (hosted: Hosted, ended: Ended) => Effect.Effect<never> = Effect.fnUntraced(function*(hosted, ended) {
  const { node, placed, spec: { budget, name }, tracked } = hosted
  const { restarts, token } = tracked
  yield* takeOut(node, name)
  if (ended._tag === "Completed") {
    yield* untilItAnswers(node.ledger.update(name, token, "Completed", restarts, undefined))
    return yield* Effect.never
  }
  if (ended._tag === "GaveUp") {
    const next = nextAttempt(hosted)
    yield* untilItAnswers(node.ledger.gaveUp(placed, { token, next, cause: ended.cause, budget }))
  }
  yield* node.poke
  return yield* Effect.never
})

/** Writes down that the child has stopped here, after all that was before; then the engine may give its lock back. */
export const letGo: (
  hosted: Pick<Hosted, "node" | "spec" | "tracked">
) => Effect.Effect<void> = Effect.fnUntraced(function*({ node: { ledger, reporter }, spec, tracked }) {
  // Its last event is on the way to the reporter.
  yield* Effect.sleep("2 millis")
  yield* Effect.ignore(Effect.timeout(reporter.flush, "1 second"))
  if (reporter.tracked.get(spec.name) === tracked) reporter.tracked.delete(spec.name)
  if (tracked.token === 0) return
  yield* Effect.ignore(Effect.timeout(ledger.released(spec.name, tracked.token), "1 second"))
})

const bringUp = (hosted: Hosted): Effect.Effect<void> =>
  hosted.node.pool.add(tokened(hosted)).pipe(
    // The one before it, of another placement, is still being stopped.
    Effect.retry({ while: (error) => error._tag === "DuplicateChild", schedule: Schedule.spaced("50 millis") }),
    // The node is being stopped.
    Effect.catchTag("SupervisorClosed", () => Effect.never),
    Effect.catchCause((cause) => Effect.logWarning(`"${hosted.spec.name}" could not be hosted`, cause))
  )

/** Runs the child here until it is interrupted; then stops it with its grace before it lets go. */
export const host = (node: ClusterNode, spec: Spec, placed: Placed, shardId: ShardId): Effect.Effect<void> =>
  Effect.suspend(() => {
    const tracked = node.reporter.track(spec.name, shardId)
    const hosted: Hosted = { node, spec, placed, tracked }
    const leave = Effect.suspend(() => Effect.andThen(takeOut(node, spec.name), letGo(hosted)))
    const wait = Effect.suspend(() => Effect.flatMap(Deferred.await(tracked.ended), (ended) => settle(hosted, ended)))
    // The supervisor lends its children the services that are there where they are added.
    return only(Effect.ensuring(Effect.andThen(bringUp(hosted), wait), leave), spec.context)
  })
