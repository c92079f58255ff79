/**
 * The child of one key on the node that owns the key: there as long as the engine keeps the key's entity here.
 *
 * Whether it is to run is in the ledger, so that whoever owns the key next knows. That somebody has to own it again
 * after all nodes were gone is remembered by the engine: a kept message of the entity to itself.
 *
 * Floor 5.
 */
import * as Entity from "effect/cluster/Entity"
import type { ShardId } from "effect/cluster/ShardId"
import type { Sharding } from "effect/cluster/Sharding"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { SqlError } from "effect/sql/SqlError"
import { letGo, only, type Spec, takeOut, tokened } from "./host.ts"
import type { ClusterNode } from "./node.ts"
import type { Tracked } from "./reporter.ts"

/** What the ledger says of a key. A passive one is started by the next `ensure`, `restart` or `send`. */
const wish = { stopped: 0, running: 1, passive: 2 } as const

export interface Status {
  readonly state: string
  readonly node: string
  readonly token: number
  readonly restarts: number
}

export interface KeyedOptions {
  readonly passivateAfterMillis: number
}

type Own = Context.Context<Sharding | Entity.CurrentAddress>

export class KeyedChild {
  private readonly node: ClusterNode
  private readonly spec: Spec
  private readonly shardId: ShardId
  private readonly own: Own
  private readonly options: KeyedOptions
  private readonly lock = Semaphore.makeUnsafe(1)
  private tracked: Tracked | undefined = undefined
  private usedAt = 0

  constructor(node: ClusterNode, spec: Spec, shardId: ShardId, own: Own, options: KeyedOptions) {
    this.node = node
    this.spec = spec
    this.shardId = shardId
    this.own = own
    this.options = options
  }

  /** Brings it up if it is to run; stops it with its grace when the entity leaves. */
  get open(): Effect.Effect<void, SqlError, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      this.usedAt = yield* Clock.currentTimeMillis
      const row = yield* this.node.ledger.child(this.spec.name)
      yield* Effect.addFinalizer(() => this.down("asked"))
      if (row?.wanted === wish.running) yield* this.up
      if (this.options.passivateAfterMillis < Number.POSITIVE_INFINITY) yield* Effect.forkScoped(this.watch)
    })
  }

  private keep(alive: boolean): Effect.Effect<void> {
    return Effect.provideContext(Entity.keepAlive(alive), this.own)
  }

  /** Whether it is there, in whatever state that is not its last. */
  private get isUp(): boolean {
    return this.tracked !== undefined && !Deferred.isDoneUnsafe(this.tracked.ended)
  }

  private get up(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      if (this.isUp) return
      yield* takeOut(this.node, this.spec.name)
      const { node, spec } = this
      const tracked = node.reporter.track(spec.name, this.shardId)
      this.tracked = tracked
      const placed = { name: spec.name, kind: spec.kind, attempt: 0 }
      const child = tokened({ node, spec, placed, tracked })
      yield* only(Effect.ignore(node.pool.add(child)), spec.context)
      yield* Effect.forkDetach(Effect.andThen(Deferred.await(tracked.ended), this.lock.withPermit(this.over(tracked))))
    })
  }

  /** It ended by itself: it is not started again until somebody asks for it. */
  private over(tracked: Tracked): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      if (this.tracked !== tracked) return
      const ended = yield* Deferred.await(tracked.ended)
      const cause = ended._tag === "GaveUp" ? ended.cause : undefined
      yield* this.down("over")
      yield* Effect.ignore(Effect.andThen(
        this.node.ledger.want(this.spec.name, this.spec.kind, wish.stopped),
        this.node.ledger.update(this.spec.name, tracked.token, ended._tag, tracked.restarts, cause)
      ))
      yield* this.keep(false)
    })
  }

  private down(why: "asked" | "over"): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const { node, spec, tracked } = this
      if (tracked === undefined) return
      this.tracked = undefined
      // Nobody has to wait for its end any more.
      Deferred.doneUnsafe(tracked.ended, Effect.succeed({ _tag: "Refused" }))
      yield* takeOut(node, spec.name)
      if (why === "asked") return yield* letGo({ node, spec, tracked })
      if (node.reporter.tracked.get(spec.name) === tracked) node.reporter.tracked.delete(spec.name)
    })
  }

  private want(wanted: number): Effect.Effect<void, SqlError> {
    return Effect.asVoid(this.node.ledger.want(this.spec.name, this.spec.kind, wanted))
  }

  private get touch(): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      this.usedAt = now
    })
  }

  readonly status: Effect.Effect<Status, SqlError> = Effect.suspend(() =>
    Effect.map(this.node.ledger.child(this.spec.name), (row) => ({
      // What runs here is known here sooner.
      state: this.tracked?.state?._tag ?? row?.state ?? "Stopped",
      node: this.tracked === undefined ? row?.node ?? "" : this.node.name,
      token: this.tracked?.token || (row?.token ?? 0),
      restarts: this.tracked?.restarts ?? row?.restarts ?? 0
    }))
  )

  readonly ensure: Effect.Effect<Status, SqlError> = Effect.suspend(() =>
    this.lock.withPermit(Effect.gen({ self: this }, function*() {
      yield* this.touch
      if (!this.isUp) {
        yield* this.want(wish.running)
        yield* this.keep(true)
        yield* this.up
      }
      return yield* this.status
    }))
  )

  readonly stop: Effect.Effect<Status, SqlError> = Effect.suspend(() =>
    this.lock.withPermit(Effect.gen({ self: this }, function*() {
      yield* this.want(wish.stopped)
      yield* this.down("asked")
      yield* this.keep(false)
      return yield* this.status
    }))
  )

  readonly restart: Effect.Effect<Status, SqlError> = Effect.suspend(() => {
    if (!this.isUp) return this.ensure
    return this.lock.withPermit(Effect.andThen(
      Effect.andThen(this.touch, Effect.ignore(this.node.pool.restart(this.spec.name))),
      this.status
    ))
  })

  send(message: unknown): Effect.Effect<Status, SqlError | { readonly message: string }> {
    return Effect.gen({ self: this }, function*() {
      yield* this.touch
      if (!this.isUp) {
        const row = yield* this.node.ledger.child(this.spec.name)
        if (row === undefined || row.wanted === wish.stopped) {
          return yield* Effect.fail({ message: `it is not running: ensure it first` })
        }
        yield* this.ensure
      }
      yield* this.node.pool.send(this.spec.name, message)
      return yield* this.status
    })
  }

  private get passivate(): Effect.Effect<void> {
    return this.lock.withPermit(Effect.gen({ self: this }, function*() {
      if (!this.isUp) return
      yield* this.want(wish.passive)
      yield* this.down("asked")
      yield* this.keep(false)
    })).pipe(Effect.ignore)
  }

  private get watch(): Effect.Effect<never> {
    const { passivateAfterMillis } = this.options
    return Effect.gen({ self: this }, function*() {
      const now = yield* Clock.currentTimeMillis
      const left = this.usedAt + passivateAfterMillis - now
      if (left > 0) return yield* Effect.sleep(left)
      yield* this.passivate
      yield* Effect.sleep(passivateAfterMillis)
    }).pipe(Effect.forever)
  }
}
