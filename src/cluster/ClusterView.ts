/**
 * One view of the cluster: which nodes there are, what runs where and how, and what happened. The same from every node,
 * and from a program that is none.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import type { ClusterChild, ClusterEvent, ClusterSnapshot } from "../control/ClusterSchema.ts"
import { announce } from "../control/internal/clusters.ts"
import { defaults } from "./ClusterConfig.ts"
import { type StartError, type StorageUnavailable, unavailable } from "./ClusterError.ts"
import { reach } from "./internal/join.ts"
import { Ledger, LedgerService } from "./internal/ledger.ts"
import { living } from "./internal/nodes.ts"
import { allChildren, type ChildRow, type EventRow, eventsAfter, lastEvent } from "./internal/reading.ts"
import { migrate } from "./internal/tables.ts"

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
  // What serves this process can show it from now on.
  Effect.tap(Effect.map(LedgerService, viewOf), announce)
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
