/**
 * Supervised Runnables across machines: where one machine is not enough, the tree spans several, on `effect/cluster`.
 *
 * The engine decides which node owns a name, by locks in a database. This module runs what is owned under the node's
 * supervisor, so that it is restarted where it is by its own policy; and it does what the engine leaves open: a child
 * that gives up is tried on another node, every incarnation has a fencing token, and there is one view of it all.
 *
 * @since 0.1.0
 */
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Sharding from "effect/cluster/Sharding"
import { ShardingConfig } from "effect/cluster/ShardingConfig"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type * as Stream from "effect/Stream"
import type * as Runnable from "../Runnable.ts"
import type { Supervisor } from "../Supervisor.ts"
import { type Options as NodeOptions, settings, sharding } from "./ClusterConfig.ts"
import type { BudgetSpent, NameTaken, StartError } from "./ClusterError.ts"
import * as ClusterStorage from "./ClusterStorage.ts"
import * as ClusterView from "./ClusterView.ts"
import * as describe from "./internal/describe.ts"
import { ask, join, joinWith, reach } from "./internal/join.ts"
import type { LedgerService } from "./internal/ledger.ts"
import type { NodeService } from "./internal/node.ts"
import * as Keyed from "./Keyed.ts"

/**
 * This process as a member of the cluster: what singletons, replicas and keyed children are registered with.
 *
 * @category services
 * @since 0.1.0
 */
export type Node = NodeService

/**
 * What `layer` provides. The `SqlClient` is that of the storage.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = Node | Sharding.Sharding | LedgerService | ClusterView.ClusterView | SqlClient

/**
 * Options of `singleton` and `replicas`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How often it may give up in the whole cluster; each time it is placed anew, on another node if there is one. Once
   * more within that time, and every node fails with `BudgetSpent`. Default: 3 times within a minute.
   */
  readonly budget?: { readonly giveUps: number; readonly within: Duration.Input } | undefined
  /** Whether the nodes fail when its budget is spent. If not, it stays down, and the view says so. Default: true. */
  readonly escalate?: boolean | undefined
  /** The group of shards it belongs to: only nodes with that group host it. Default: "default". */
  readonly group?: string | undefined
}

/**
 * This process joins the cluster.
 *
 * **Details**
 *
 * The node's supervisor gets two children: `cluster`, which holds what is hosted here, and `cluster-guard`, which
 * watches. The layer fails with `StorageUnavailable`, `StorageTooOld`, `SettingMismatch` or `ClockSkew` when the node
 * cannot join, and with `BudgetSpent` later on. Throws `InvalidOption` if an option makes no sense.
 *
 * **Gotchas**
 *
 * With the default `failover` of 4 seconds, a node whose event loop stands still for 4 seconds loses its work to
 * others, and so does every node while the storage does not answer for more than a second or so: what runs in the
 * cluster stops then, and comes back with the storage. Raise `failover` where that happens without need.
 *
 * **Example** (One node of three)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RestartPolicy, Runnable, Signals, Supervisor } from "effect-supervisor"
 * import { ClusterStorage, ClusterSupervisor } from "effect-supervisor/cluster"
 *
 * const mailer = Runnable.make("mailer", Effect.never, { restart: RestartPolicy.supervised })
 *
 * const app = Layer.mergeAll(
 *   ClusterSupervisor.singleton(mailer),
 *   Runnable.layer(Signals.runnable())
 * ).pipe(Layer.provide(ClusterSupervisor.layer({
 *   address: { host: "localhost", port: 34431 },
 *   storage: ClusterStorage.embedded("cluster.db")
 * })))
 * const fiber = Effect.runFork(Supervisor.launch(app))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(
  options: NodeOptions<E, R>
): Layer.Layer<Services, StartError | BudgetSpent, R | Supervisor> => {
  const settled = settings(options)
  return ClusterView.fromLedger.pipe(
    Layer.provideMerge(join(settled)),
    Layer.provideMerge(reach(options.storage))
  )
}

/**
 * A program that is no node and hosts nothing: it may ask for keyed children, and look.
 *
 * **Details**
 *
 * `shards`, `failover`, `allGroups` and `prefix` have to be those of the nodes; it fails with `SettingMismatch` else.
 *
 * @category layers
 * @since 0.1.0
 */
export const client = <E, R>(
  options: Omit<NodeOptions<E, R>, "address" | "listen">
): Layer.Layer<Sharding.Sharding | LedgerService | ClusterView.ClusterView, StartError, R> =>
  ClusterView.fromLedger.pipe(
    Layer.provideMerge(ask(settings({ ...options, address: { host: "client", port: 1 } }))),
    Layer.provide(reach(options.storage))
  )

/**
 * A cluster of this process alone, in memory: for tests, without network, files or servers.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Services, StartError | BudgetSpent, Supervisor> = Layer.suspend(() => {
  const settled = settings({ address: { host: "localhost", port: 34431 } })
  const memory = Sharding.layer.pipe(
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(MessageStorage.layerMemory),
    Layer.provideMerge(Layer.merge(RunnerStorage.layerMemory, RunnerHealth.layerNoop)),
    Layer.provide(Layer.succeed(ShardingConfig, sharding(settled, { isClient: false, secondsOnly: false })))
  )
  return ClusterView.fromLedger.pipe(
    // Its clock may be a test's, which has nothing to do with the storage's.
    Layer.provideMerge(joinWith({ ...settled, maxClockSkewMillis: Number.POSITIVE_INFINITY }, memory)),
    Layer.provideMerge(reach(ClusterStorage.embedded(":memory:")))
  )
})

/**
 * Exactly one incarnation in the cluster, under the Runnable's own name.
 *
 * **Details**
 *
 * It is restarted where it runs, by its own policy. When that gives up, its node lets it go and another may host it,
 * within `budget`. When its node is stopped, it drains with its own grace (`Control.shutdown`) before the next one
 * starts elsewhere; when its node dies, the next one starts after `failover`. One that completes is not started again
 * until all nodes have been stopped. Every node registers it, and every incarnation has a token: see `Fencing`.
 * Idle it costs about twice what a child of the core does.
 *
 * **Gotchas**
 *
 * A node that joins may take over a singleton, since names are placed by a hash: its work pauses for as long as it
 * takes to drain, to be claimed and to start. To keep it where it is, give it a `group` that only some nodes have.
 *
 * **Example** (A mailer)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RestartPolicy, Runnable } from "effect-supervisor"
 * import { ClusterSupervisor } from "effect-supervisor/cluster"
 *
 * const mailer = Runnable.make("mailer", Effect.never, { restart: RestartPolicy.supervised, grace: "10 seconds" })
 * const layer = ClusterSupervisor.singleton(mailer, { budget: { giveUps: 5, within: "10 minutes" } })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const singleton = <E, R>(
  runnable: Runnable.Runnable<E, R>,
  options?: Options
): Layer.Layer<never, NameTaken, Exclude<R, Supervisor> | Node> =>
  Layer.effectDiscard(describe.singleton(runnable, options)) as Layer.Layer<
    never,
    NameTaken,
    Exclude<R, Supervisor> | Node
  >

/**
 * Replicas from 0 to `count` - 1, spread over the nodes, each as a singleton of its own under the name that its
 * Runnable has.
 *
 * **Details**
 *
 * They are spread anew when nodes come and go. `count` may be a stream, such as that of a setting: then only the
 * difference is started and stopped. All nodes should come to the same count: a replica that only some nodes know of is
 * down while a node owns its place that does not.
 *
 * **Example** (Ten workers)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RestartPolicy, Runnable } from "effect-supervisor"
 * import { ClusterSupervisor } from "effect-supervisor/cluster"
 *
 * const worker = (index: number) => Effect.log(`partition ${index}`).pipe(Effect.andThen(Effect.never))
 * const workers = ClusterSupervisor.replicas("worker", 10, (index) =>
 *   Runnable.make("worker", worker(index), { restart: RestartPolicy.supervised }))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const replicas = <E, R>(
  name: string,
  count: number | Stream.Stream<number>,
  f: (index: number) => Runnable.Runnable<E, R>,
  options?: Options
): Layer.Layer<never, NameTaken, Exclude<R, Supervisor> | Node> =>
  Layer.effectDiscard(describe.replicas(name, count, f, options)) as Layer.Layer<
    never,
    NameTaken,
    Exclude<R, Supervisor> | Node
  >

/**
 * Children by key, made on demand anywhere in the cluster. See `Keyed`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const keyed: typeof Keyed.make = Keyed.make
