/**
 * A node comes up: the storage answers and is fit, the settings are those of the others, the engine runs, and the
 * node's own supervisor has a child for all that is hosted here and one that watches.
 *
 * Floor 5.
 */
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import type { MessageStorage } from "effect/cluster/MessageStorage"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import { RunnerStorage } from "effect/cluster/RunnerStorage"
import type { Runners } from "effect/cluster/Runners"
import { Sharding } from "effect/cluster/Sharding"
import { ShardingConfig } from "effect/cluster/ShardingConfig"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import * as ProcessManager from "../../ProcessManager.ts"
import * as Runnable from "../../Runnable.ts"
import { type Handle, Supervisor } from "../../Supervisor.ts"
import { type Settings, sharding } from "../ClusterConfig.ts"
import { type BudgetSpent, type StartError, unavailable } from "../ClusterError.ts"
import { Ledger, LedgerService } from "./ledger.ts"
import { Holding, swift } from "./locks.ts"
import { ClusterNode, NodeService } from "./node.ts"
import { checkSkew, Nodes } from "./nodes.ts"
import { prune } from "./reading.ts"

const NodesBase: Context.ServiceClass<NodesService, "effect-supervisor/cluster/Nodes", Nodes> = Context.Service<
  NodesService,
  Nodes
>()("effect-supervisor/cluster/Nodes")

class NodesService extends NodesBase {}

export const nameOf = ({ address }: Settings): string => `${address.host}:${address.port}`

/** The storage, or an error that says which option leads to it. */
export const reach = <E, R>(storage: Layer.Layer<SqlClient, E, R>): Layer.Layer<SqlClient, StartError, R> =>
  Layer.catch(storage, (error) => Layer.effectContext(Effect.fail(unavailable("be reached")(error))))

/** The ledger, and this node in the list of nodes as long as the layer lives. */
const entered = (settings: Settings): Layer.Layer<LedgerService | NodesService, StartError, SqlClient> =>
  Layer.effectContext(Effect.gen(function*() {
    const ledger = new Ledger(yield* SqlClient, settings, nameOf(settings))
    const nodes = new Nodes(ledger.node, ledger.tables, settings)
    yield* Effect.acquireRelease(
      nodes.enter(settings.maxClockSkewMillis),
      () => Effect.ignore(Effect.timeout(nodes.leave, "1 second")),
      { interruptible: true }
    )
    return Context.make(LedgerService, ledger).pipe(Context.add(NodesService, nodes))
  }))

const config = (settings: Settings, isClient: boolean): Layer.Layer<ShardingConfig, never, SqlClient> =>
  Layer.effect(
    ShardingConfig,
    Effect.map(SqlClient, (sql) =>
      sharding(settings, {
        isClient,
        secondsOnly: sql.onDialectOrElse({ sqlite: () => true, orElse: () => false })
      }))
  )

type Engine = Sharding | RunnerStorage | MessageStorage | Runners | ShardingConfig

/** The engine, on the same storage. */
const engine = (settings: Settings, clientOnly: boolean): Layer.Layer<Engine, StartError, SqlClient> => {
  const { health } = settings
  const storages = Layer.mergeAll(
    SqlMessageStorage.layerWith({ prefix: settings.prefix }).pipe(Layer.provide(NodeCrypto.layerDigest)),
    Layer.effect(
      RunnerStorage,
      Effect.map(RunnerStorage, (locks) => swift(locks, settings.failoverMillis / 3))
    ).pipe(Layer.provide(SqlRunnerStorage.layerWith({ prefix: settings.prefix })))
  )
  const build = (resolved: ShardingConfig["Service"]) =>
    NodeClusterSocket.layer({
      storage: "byo",
      clientOnly,
      shardingConfig: resolved,
      runnerHealth: health === "ping" ? "ping" : "k8s",
      runnerHealthK8s: health === "ping" ? undefined : health.kubernetes
    })
  return Layer.unwrap(Effect.map(ShardingConfig, build)).pipe(
    Layer.provideMerge(storages),
    Layer.provideMerge(config(settings, clientOnly)),
    Layer.catch((error) => Layer.effectContext(Effect.fail(unavailable("start the engine")(error))))
  )
}

/** A manager for what is hosted here, under the supervisor of the node. */
const openPool: Effect.Effect<Handle<never>, never, Scope.Scope | Supervisor> = Effect.gen(function*() {
  const opened = Deferred.makeUnsafe<Handle<never>>()
  const door = Runnable.make("door", Effect.flatMap(Supervisor, (handle) => Deferred.succeed(opened, handle)))
  const pool = ProcessManager.make("cluster", [door], {
    keepAlive: true,
    escalate: "never",
    // Who has completed is taken out when that has been seen.
    autoCleanup: false,
    shutdownOrder: "parallel"
  })
  yield* Layer.build(Runnable.layer(pool))
  const handle = yield* Deferred.await(opened)
  yield* Effect.ignore(handle.remove("door"))
  return handle
})

const quietly = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<unknown> =>
  effect.pipe(
    Effect.timeout("2 seconds"),
    Effect.catchCause((cause) => Effect.logDebug("The storage of the cluster does not answer", cause))
  )

/** Follows placements, and fails when the cluster has decided that it is no use. */
const guard = (node: ClusterNode, settings: Settings): Runnable.Runnable<BudgetSpent> => {
  const tidy = Effect.forever(Effect.andThen(Effect.sleep("1 minute"), quietly(prune(node.ledger.tables))))
  const watchClock = Effect.forever(Effect.andThen(
    Effect.sleep("1 minute"),
    quietly(Effect.flatMap(node.nodes.skew, (skew) => {
      const error = checkSkew(node.name, skew, settings.maxClockSkewMillis)
      return error === undefined ? Effect.void : Effect.logWarning(error.message)
    }))
  ))
  const follow = node.ledger.changes.pipe(
    Effect.timeout("2 seconds"),
    Effect.catchCause((cause) => Effect.as(Effect.logDebug("Placements could not be read", cause), [])),
    Effect.flatMap((changes) => node.apply(changes)),
    Effect.andThen(Effect.timeoutOption(node.poked.await, settings.failoverMillis / 8)),
    Effect.andThen(Effect.sync(() => node.poked.closeUnsafe())),
    Effect.forever
  )
  return Runnable.make(
    "cluster-guard",
    Effect.all([tidy, watchClock, follow], { concurrency: "unbounded", discard: true })
  )
}

/** What has to go on while the children are being stopped, so that it is no child itself. */
const upkeep = (node: ClusterNode, settings: Settings): Effect.Effect<void, never, Scope.Scope> => {
  const beat = Effect.forever(Effect.andThen(quietly(node.nodes.beat), Effect.sleep(settings.failoverMillis / 4)))
  const cut = Effect.forever(Effect.andThen(Effect.sleep(settings.failoverMillis / 8), node.cut))
  return Effect.addFinalizer(() => node.reporter.flush).pipe(
    Effect.andThen(Effect.forkScoped(node.reporter.follow(node.pool), { startImmediately: true })),
    Effect.andThen(
      Effect.forkScoped(Effect.all([beat, cut, node.reporter.write], { concurrency: "unbounded", discard: true }))
    )
  )
}

/** The node, with the engine that is given. */
export const hosting = (
  settings: Settings
): Layer.Layer<NodeService, BudgetSpent, Sharding | RunnerStorage | LedgerService | NodesService | Supervisor> =>
  Layer.effect(
    NodeService,
    Effect.gen(function*() {
      const pool = yield* openPool
      const address = RunnerAddress.make(settings.address.host, settings.address.port)
      const node = new ClusterNode({
        ledger: yield* LedgerService,
        nodes: yield* NodesService,
        pool,
        sharding: yield* Sharding,
        holding: new Holding(yield* RunnerStorage, address, settings.failoverMillis),
        context: yield* Effect.context<never>(),
        scope: yield* Effect.scope
      })
      yield* upkeep(node, settings)
      yield* Layer.build(Runnable.layer(guard(node, settings)))
      return node
    })
  )

/** All of a node, on a storage. */
export const join = (
  settings: Settings
): Layer.Layer<NodeService | Sharding | LedgerService, StartError | BudgetSpent, SqlClient | Supervisor> =>
  hosting(settings).pipe(
    Layer.provideMerge(engine(settings, false)),
    Layer.provideMerge(entered(settings))
  )

/** A node alone, with locks and messages in memory. */
export const joinWith = <E>(
  settings: Settings,
  memory: Layer.Layer<Sharding | RunnerStorage, E>
): Layer.Layer<NodeService | Sharding | LedgerService, StartError | BudgetSpent | E, SqlClient | Supervisor> =>
  hosting(settings).pipe(
    Layer.provideMerge(memory),
    Layer.provideMerge(entered(settings))
  )

/** Only the way to ask, with the settings of the nodes that live. */
export const ask = (settings: Settings): Layer.Layer<Engine | LedgerService, StartError, SqlClient> =>
  engine(settings, true).pipe(
    Layer.provideMerge(Layer.effect(
      LedgerService,
      Effect.gen(function*() {
        const ledger = new Ledger(yield* SqlClient, settings, "")
        yield* new Nodes("client", ledger.tables, settings).check
        return ledger
      })
    ))
  )
