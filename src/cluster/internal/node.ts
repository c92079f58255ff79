/**
 * What this process is in the cluster: a supervisor for what is hosted here, the names that are described here, and the
 * slots in which they are placed.
 *
 * Floor 5.
 */
import type { ShardId } from "effect/cluster/ShardId"
import type { Sharding } from "effect/cluster/Sharding"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import type { Handle } from "../../Supervisor.ts"
import { BudgetSpent, NameTaken } from "../ClusterError.ts"
import { Entry } from "./entry.ts"
import type { Spec } from "./hosted.ts"
import { type Change, type Ledger, LedgerService } from "./ledger.ts"
import type { Holding } from "./locks.ts"
import type { Nodes } from "./nodes.ts"
import { Reporter } from "./reporter.ts"
import { Slot } from "./slot.ts"

/** What is placed where the hash of its name says. When it has given up, it goes by another name. */
const placement = (name: string, attempt: number): string => attempt === 0 ? name : `${name}~${attempt}`

/** Whether they have the same services. */
const isSame = (a: Context.Context<never>, b: Context.Context<never>): boolean => {
  if (a.mapUnsafe.size !== b.mapUnsafe.size) return false
  for (const [key, service] of a.mapUnsafe) if (b.mapUnsafe.get(key) !== service) return false
  return true
}

export class ClusterNode {
  readonly name: string
  readonly ledger: Ledger
  readonly nodes: Nodes
  readonly pool: Handle<never>
  readonly sharding: Sharding["Service"]
  readonly reporter: Reporter
  /** The services of what the node does by itself. */
  readonly context: Context.Context<never>
  /** Runs an effect beside all others, from now on. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  private readonly scope: Scope.Scope
  private readonly holding: Holding
  /** What is described here; of names that are not placed one by one, such as those of sets, what they name. */
  private readonly names = new Map<string, Entry | string>()
  /** Names that are described no more, while their children are taken out: what is described next waits for that. */
  private readonly leaving = new Map<string, Fiber.Fiber<void>>()
  private readonly slots = new Map<ShardId, Slot>()
  private lent: Context.Context<never> | undefined = undefined
  /** Open when placements are to be looked at now. */
  readonly poked: Latch.Latch = Latch.makeUnsafe(true)

  constructor(options: {
    readonly ledger: Ledger
    readonly nodes: Nodes
    readonly pool: Handle<never>
    readonly sharding: Sharding["Service"]
    readonly holding: Holding
    readonly context: Context.Context<never>
    readonly scope: Scope.Scope
  }) {
    this.name = options.nodes.node
    this.ledger = options.ledger
    this.nodes = options.nodes
    this.pool = options.pool
    this.sharding = options.sharding
    this.holding = options.holding
    this.context = options.context
    this.fork = Effect.runForkWith(options.context)
    this.scope = options.scope
    this.reporter = new Reporter(options.ledger)
  }

  readonly poke: Effect.Effect<void> = Effect.asVoid(this.poked.open)

  /** Whether the storage says that this node holds the lock. */
  confirm(shardId: ShardId): Effect.Effect<boolean> {
    return Effect.suspend(() =>
      this.sharding.hasShardId(shardId) ? this.holding.confirm(shardId) : Effect.succeed(false)
    )
  }

  /** Ends at once, without grace, what is being stopped while somebody else may have its lock. */
  readonly cut: Effect.Effect<void> = Effect.suspend(() => {
    const stopping = [...this.reporter.stopping]
    const shards = stopping.map(({ shardId }) => shardId)
    return Effect.map(this.holding.lost(shards), (lost) => {
      for (const { fiber, shardId } of stopping) if (lost.has(shardId.toString())) fiber?.interruptUnsafe()
    })
  })

  /**
   * The services that are there, for what is described there, and what a write needs to be fenced. The same object as
   * the last time if they are the same: whoever is hosted with it shares it.
   */
  readonly lend: Effect.Effect<Context.Context<never>> = Effect.map(Effect.context<never>(), (context) => {
    const found = Context.add(Context.omit(Scope.Scope)(context), LedgerService, this.ledger)
    return this.lent = this.lent !== undefined && isSame(this.lent, found) ? this.lent : found
  })

  /** Takes a name on this node until it is given back. */
  private take(name: string, kind: string, what: Entry | string): Effect.Effect<void, NameTaken> {
    return Effect.suspend(() => {
      const taken = this.names.get(name)
      if (taken !== undefined) {
        const takenBy = typeof taken === "string" ? taken : taken.terms.kind
        return Effect.fail(new NameTaken({ name, kind, node: this.name, takenBy }))
      }
      this.names.set(name, what)
      return Effect.void
    })
  }

  /** Takes a name that nothing is placed by, until the scope is closed. */
  reserve(name: string, kind: string): Effect.Effect<void, NameTaken, Scope.Scope> {
    return Effect.acquireRelease(this.take(name, kind, kind), () => Effect.sync(() => this.names.delete(name)))
  }

  /** Describes a child on this node, until `undescribe`: it may be hosted here from now on. */
  describe(spec: Spec): Effect.Effect<void, NameTaken> {
    return Effect.suspend((): Effect.Effect<void, NameTaken> => {
      const leaving = this.leaving.get(spec.name)
      if (leaving !== undefined) return Effect.andThen(Fiber.await(leaving), this.describe(spec))
      const entry = new Entry(spec)
      return this.take(spec.name, spec.terms.kind, entry).pipe(
        Effect.andThen(entry.place(0)),
        // It may have been placed anew already.
        Effect.andThen(this.poke)
      )
    })
  }

  /** Takes the description back; returns when its child is out. */
  undescribe(name: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const entry = this.names.get(name)
      if (!(entry instanceof Entry)) return Effect.void
      this.names.delete(name)
      const leaving = this.fork(Effect.yieldNow.pipe(
        Effect.andThen(entry.place(undefined)),
        Effect.ensuring(Effect.sync(() => this.leaving.delete(name)))
      ))
      this.leaving.set(name, leaving)
      return Effect.asVoid(Fiber.await(leaving))
    })
  }

  shardOf({ name, terms }: Spec, attempt: number): ShardId {
    return this.sharding.getShardId(placement(name, attempt) as never, terms.group)
  }

  /** The slot in which a child is placed. The engine is told of it when it is needed first. */
  slotOf(spec: Spec, attempt: number): Slot {
    const shardId = this.shardOf(spec, attempt)
    const known = this.slots.get(shardId)
    if (known !== undefined) return known
    const slot = new Slot(shardId)
    this.slots.set(shardId, slot)
    // Under the name of the first that is placed there: that the engine finds it there too.
    const register = this.sharding.registerSingleton(placement(spec.name, attempt), slot.run, {
      shardGroup: spec.terms.group
    })
    // With no other services: the engine keeps those that are there.
    this.fork(Effect.updateContext(register, () => Context.make(Scope.Scope, this.scope)))
    return slot
  }

  /** Follows what other nodes have decided. Fails when a budget is spent. */
  apply(changes: ReadonlyArray<Change>): Effect.Effect<void, BudgetSpent> {
    return Effect.forEach(changes, (change) => {
      const entry = this.names.get(change.name)
      if (!(entry instanceof Entry)) return Effect.void
      const { budget, escalate } = entry.terms
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
      // Beside the others, since it may have to wait for a drain.
      if (change.attempt !== entry.attempt) this.fork(entry.place(change.attempt))
      return Effect.void
    }, { discard: true })
  }
}

const Service: Context.ServiceClass<NodeService, "effect-supervisor/cluster/Node", ClusterNode> = Context.Service<
  NodeService,
  ClusterNode
>()("effect-supervisor/cluster/Node")

export class NodeService extends Service {}
