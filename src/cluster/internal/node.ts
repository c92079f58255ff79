/**
 * What this process is in the cluster: a supervisor for what is hosted here, the names that are described here and
 * where each was placed, and a guard that watches what all nodes have to know.
 *
 * Floor 5.
 */
import type { ShardId } from "effect/cluster/ShardId"
import type { Sharding } from "effect/cluster/Sharding"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Handle } from "../../Supervisor.ts"
import { BudgetSpent, NameTaken } from "../ClusterError.ts"
import { host, only, type Spec } from "./host.ts"
import type { Change, Ledger } from "./ledger.ts"
import type { Holding } from "./locks.ts"
import type { Nodes } from "./nodes.ts"
import { Reporter } from "./reporter.ts"

/** One description and where it is placed now. */
interface Entry {
  readonly spec: Spec
  attempt: number
  scope: Scope.Closeable | undefined
  readonly lock: Semaphore.Semaphore
}

/** The engine is asked for the child under this name, whose hash says where it belongs. */
export const placement = (name: string, attempt: number): string => attempt === 0 ? name : `${name}~${attempt}`

export class ClusterNode {
  readonly name: string
  readonly ledger: Ledger
  readonly nodes: Nodes
  readonly pool: Handle<never>
  readonly sharding: Sharding["Service"]
  readonly reporter: Reporter
  private readonly holding: Holding
  private readonly entries = new Map<string, Entry>()
  /** Names that are not placed one by one, such as those of keyed children. */
  private readonly reserved = new Map<string, string>()
  /** Open when placements are to be looked at now. */
  readonly poked: Latch.Latch = Latch.makeUnsafe(true)

  constructor(options: {
    readonly ledger: Ledger
    readonly nodes: Nodes
    readonly pool: Handle<never>
    readonly sharding: Sharding["Service"]
    readonly holding: Holding
  }) {
    this.name = options.nodes.node
    this.ledger = options.ledger
    this.nodes = options.nodes
    this.pool = options.pool
    this.sharding = options.sharding
    this.holding = options.holding
    this.reporter = new Reporter(options.ledger)
  }

  readonly poke: Effect.Effect<void> = Effect.asVoid(this.poked.open)

  shardOf(spec: Spec, attempt: number): ShardId {
    return this.sharding.getShardId(placement(spec.name, attempt) as never, spec.group)
  }

  /** Whether the storage says that this node holds the lock. */
  confirm(shardId: ShardId): Effect.Effect<boolean> {
    return Effect.suspend(() =>
      this.sharding.hasShardId(shardId) ? this.holding.confirm(shardId) : Effect.succeed(false)
    )
  }

  /** Ends at once, without grace, what is being stopped while somebody else may have its lock. */
  readonly cut: Effect.Effect<void> = Effect.suspend(() => {
    const stopping = [...this.reporter.tracked.values()].filter(({ state }) => state?._tag === "Stopping")
    const shards = stopping.map(({ shardId }) => shardId)
    return Effect.map(this.holding.lost(shards), (lost) => {
      for (const { fiber, shardId } of stopping) if (lost.has(shardId.toString())) fiber?.interruptUnsafe()
    })
  })

  /** Takes a name on this node until the scope is closed. */
  reserve(name: string, kind: string): Effect.Effect<void, NameTaken, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.suspend(() => {
        const takenBy = this.reserved.get(name)
        if (takenBy !== undefined) return Effect.fail(new NameTaken({ name, kind, node: this.name, takenBy }))
        this.reserved.set(name, kind)
        return Effect.void
      }),
      () => Effect.sync(() => this.reserved.delete(name))
    ))
  }

  /** Describes a child on this node until the scope is closed: it may be hosted here from now on. */
  describe(spec: Spec): Effect.Effect<void, NameTaken, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const takenBy = this.reserved.get(spec.name)
      if (takenBy !== undefined) return yield* new NameTaken({ ...spec, node: this.name, takenBy })
      this.reserved.set(spec.name, spec.kind)
      const entry: Entry = { spec, attempt: -1, scope: undefined, lock: Semaphore.makeUnsafe(1) }
      this.entries.set(spec.name, entry)
      yield* Effect.addFinalizer(() => {
        this.entries.delete(spec.name)
        this.reserved.delete(spec.name)
        return entry.lock.withPermit(this.unplace(entry))
      })
      yield* this.place(entry, 0)
      this.poked.openUnsafe()
    })
  }

  private unplace(entry: Entry): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { scope } = entry
      entry.scope = undefined
      return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
    })
  }

  private place(entry: Entry, attempt: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (entry.attempt === attempt) return Effect.void
      entry.attempt = attempt
      const { spec } = entry
      const scope = Scope.makeUnsafe()
      const register = this.sharding.registerSingleton(
        placement(spec.name, attempt),
        host(this, spec, { name: spec.name, kind: spec.kind, attempt }, this.shardOf(spec, attempt)),
        { shardGroup: spec.group }
      )
      return Effect.andThen(
        this.unplace(entry),
        Effect.suspend(() => {
          entry.scope = scope
          // Nothing else: the engine keeps what is there, for each.
          return only(register, Context.make(Scope.Scope, scope))
        })
      )
    }).pipe(entry.lock.withPermit, Effect.uninterruptible)
  }

  /** Follows what other nodes have decided. Fails when a budget is spent. */
  apply(changes: ReadonlyArray<Change>): Effect.Effect<void, BudgetSpent> {
    return Effect.forEach(changes, (change) => {
      const entry = this.entries.get(change.name)
      if (entry === undefined) return Effect.void
      const { budget, escalate } = entry.spec
      const { cause, spentMillisAgo } = change
      if (cause !== undefined && spentMillisAgo !== undefined && spentMillisAgo < budget.withinMillis) {
        if (!escalate) return Effect.void
        return Effect.fail(
          new BudgetSpent({
            name: change.name,
            node: change.node,
            giveUps: budget.giveUps + 1,
            withinMillis: budget.withinMillis,
            reason: cause
          })
        )
      }
      if (change.attempt === entry.attempt) return Effect.void
      // Beside the others, since it may have to wait for a drain.
      return Effect.asVoid(Effect.forkDetach(this.place(entry, change.attempt)))
    }, { discard: true })
  }
}

const Service: Context.ServiceClass<NodeService, "effect-supervisor/cluster/Node", ClusterNode> = Context.Service<
  NodeService,
  ClusterNode
>()("effect-supervisor/cluster/Node")

export class NodeService extends Service {}
