/**
 * One view of the cluster: which nodes there are, what runs where and how, and what happened. The same from every node,
 * and from a program that is none.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { orUndefined } from "../control/internal/wire.ts"
import type { CauseInfo } from "../State.ts"
import { defaults } from "./ClusterConfig.ts"
import { type StartError, type StorageUnavailable, unavailable } from "./ClusterError.ts"
import { reach } from "./internal/join.ts"
import { Ledger, LedgerService } from "./internal/ledger.ts"
import { living } from "./internal/nodes.ts"
import { allChildren, type ChildRow, type EventRow, eventsAfter, lastEvent } from "./internal/reading.ts"
import { migrate } from "./internal/tables.ts"

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

const cause: Schema.Codec<CauseInfo, unknown> = Schema.Struct({
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
export const SnapshotSchema: Schema.Codec<ClusterSnapshot, unknown> = Schema.Struct({
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
})

/**
 * The schema of an event, for what sends it on.
 *
 * @category schemas
 * @since 0.1.0
 */
export const EventSchema: Schema.Codec<ClusterEvent, unknown> = Schema.Struct({
  _tag: Schema.String,
  id: Schema.Finite,
  at: Schema.Finite,
  node: Schema.String,
  child: Schema.String,
  token: Schema.Finite,
  detail: orUndefined(Schema.String)
})

/**
 * What can be seen of a cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface View {
  /** All of it, now. */
  readonly snapshot: Effect.Effect<ClusterSnapshot, StorageUnavailable>
  /** What happens from now on, on any node, in the order in which the storage has it. */
  readonly events: Stream.Stream<ClusterEvent, StorageUnavailable>
  /** As `events`, but from after the event with this id: what is left of it, and then what comes. 0 for all. */
  readonly eventsAfter: (id: number) => Stream.Stream<ClusterEvent, StorageUnavailable>
}

const ClusterViewBase: Context.ServiceClass<ClusterView, "effect-supervisor/cluster/ClusterView", View> = Context
  .Service<ClusterView, View>()("effect-supervisor/cluster/ClusterView")

/**
 * The view as a service. Every node has it; `layer` gives it to a program that is none.
 *
 * **Example** (What runs where)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ClusterStorage, ClusterView } from "effect-supervisor/cluster"
 *
 * const show = Effect.gen(function*() {
 *   const view = yield* ClusterView.ClusterView
 *   const { children } = yield* view.snapshot
 *   yield* Effect.log(children.map(({ name, node, state }) => `${name} on ${node}: ${state}`))
 * }).pipe(Effect.provide(ClusterView.layer({ storage: ClusterStorage.embedded("cluster.db") })))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class ClusterView extends ClusterViewBase {}

const childOf = ({ wanted, ...row }: ChildRow): ClusterChild => ({ ...row, wanted: wanted !== 0 })
const eventOf = ({ tag, ...row }: EventRow): ClusterEvent => ({ _tag: tag, ...row })

/** How often the storage is asked, and how far back: of two writers, the one with the lower id may be done later. */
const pollInterval = "250 millis"
const overlap = 50

const follow = (ledger: Ledger, from: number): Stream.Stream<ClusterEvent, StorageUnavailable> => {
  let last = from
  let known = new Set<number>()
  const poll = Effect.map(
    Effect.mapError(eventsAfter(ledger.tables, Math.max(from, last - overlap)), unavailable("tell what happened")),
    (rows) => {
      const fresh = rows.filter(({ id }) => !known.has(id))
      known = new Set(rows.map(({ id }) => id))
      last = Math.max(last, rows.at(-1)?.id ?? 0)
      return fresh.map(eventOf)
    }
  )
  return Stream.fromIterableEffect(poll).pipe(
    Stream.concat(Stream.fromIterableEffect(Effect.andThen(Effect.sleep(pollInterval), poll)).pipe(Stream.forever))
  )
}

const viewOf = (ledger: Ledger): View => ({
  snapshot: Effect.mapError(
    Effect.all({
      nodes: living(ledger.tables, ledger.failoverMillis),
      children: Effect.map(allChildren(ledger.tables), (rows) => rows.map(childOf))
    }),
    unavailable("show the cluster")
  ),
  events: Stream.unwrap(
    Effect.map(
      Effect.mapError(lastEvent(ledger.tables), unavailable("tell what happened")),
      (last) => follow(ledger, last)
    )
  ),
  eventsAfter: (id) => Stream.suspend(() => follow(ledger, id))
})

/** @internal */
export const fromLedger: Layer.Layer<ClusterView, never, LedgerService> = Layer.effect(
  ClusterView,
  Effect.map(LedgerService, viewOf)
)

/**
 * The view for a program that is no node of the cluster, such as a command line.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(options: {
  /** That of the nodes. */
  readonly storage: Layer.Layer<SqlClient, E, R>
  /** That of the nodes. Default: "cluster". */
  readonly prefix?: string | undefined
}): Layer.Layer<ClusterView, StartError, R> =>
  Layer.effect(
    ClusterView,
    Effect.gen(function*() {
      const { failoverMillis, prefix } = defaults
      const ledger = new Ledger(yield* SqlClient, { prefix: options.prefix ?? prefix, failoverMillis }, "")
      // So that it can look before the first node is there. Who may not make tables finds them there.
      yield* Effect.ignore(migrate(ledger.tables))
      return viewOf(ledger)
    })
  ).pipe(Layer.provide(reach(options.storage)))
