/**
 * What can be seen of a cluster from outside: its nodes, what runs where and how, and what happens. With schemas, since it
 * goes to command lines and pages. `ClusterView` of `effect-supervisor/cluster` is where it comes from.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as Effect from "effect/Effect"
import type { CauseInfo } from "../State.ts"
import { orUndefined, plain, type Wire } from "./internal/wire.ts"

/**
 * A node that lives, or lived a moment ago. Times are milliseconds since the epoch, by the clock of the storage.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeView {
  readonly node: string
  readonly startedAt: number
  readonly seenMillisAgo: number
}

/**
 * One name of the cluster.
 *
 * **Details**
 *
 * `state` is that of the child as its node told it last, or one of the cluster's own: `Released` when its node has let
 * it go, `GaveUp` until another node has taken it, `Spent` when its budget is. `token` is that of the latest
 * incarnation, `restarts` counts those by its policy on that node, `cause` is why it is down. `wanted` is false for a
 * keyed child that was stopped or is passive.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterChild {
  readonly name: string
  readonly kind: string
  readonly node: string
  readonly state: string
  readonly token: number
  readonly restarts: number
  readonly claimedAt: number
  readonly updatedAt: number
  readonly wanted: boolean
  readonly cause: CauseInfo | undefined
}

/**
 * All of the cluster, at one moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterSnapshot {
  readonly nodes: ReadonlyArray<NodeView>
  readonly children: ReadonlyArray<ClusterChild>
}

/**
 * Something that happened to a child on a node. `_tag` is the state that it went to there, or `Claimed` when an
 * incarnation took its token, `Released` when the node had stopped it and let go, `BudgetSpent`.
 *
 * **Details**
 *
 * A handover in order is `Stopping` and `Stopped` on the old node, `Released` there, then `Claimed` on the new one.
 * `Claimed` and `Released` are written when they happen, the others within a tenth of a second. `id` grows with time,
 * `detail` is the cause as JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterEvent {
  readonly _tag: string
  readonly id: number
  readonly at: number
  readonly node: string
  readonly child: string
  readonly token: number
  readonly detail: string | undefined
}

const cause = Schema.Struct({
  kind: Schema.Literals(["Fail", "Die", "Interrupt"]),
  tag: orUndefined(Schema.String),
  message: Schema.String,
  pretty: Schema.String
})

/**
 * The schema of a snapshot, for what sends it on.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Snapshot: Wire<ClusterSnapshot> = plain<ClusterSnapshot>()(Schema.Struct({
  nodes: Schema.Array(Schema.Struct({
    node: Schema.String,
    startedAt: Schema.Finite,
    seenMillisAgo: Schema.Finite
  })),
  children: Schema.Array(Schema.Struct({
    name: Schema.String,
    kind: Schema.String,
    node: Schema.String,
    state: Schema.String,
    token: Schema.Finite,
    restarts: Schema.Finite,
    claimedAt: Schema.Finite,
    updatedAt: Schema.Finite,
    wanted: Schema.Boolean,
    cause: orUndefined(cause)
  }))
}))

/**
 * The schema of an event, for what sends it on.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Event: Wire<ClusterEvent> = plain<ClusterEvent>()(Schema.Struct({
  _tag: Schema.String,
  id: Schema.Finite,
  at: Schema.Finite,
  node: Schema.String,
  child: Schema.String,
  token: Schema.Finite,
  detail: orUndefined(Schema.String)
}))

/**
 * Where a server gets it from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  /** All of it, now. */
  readonly snapshot: Effect.Effect<ClusterSnapshot, { readonly message: string }>
  /** What happens from now on, on any node. */
  readonly events: Stream.Stream<ClusterEvent, { readonly message: string }>
}
