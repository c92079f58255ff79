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
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { SqlError } from "effect/sql/SqlError"
import type * as Runnable from "../../Runnable.ts"
import { bringUp, type Ended, type Home, Hosted, letGo, type Spec, takeOut, type Terms } from "./hosted.ts"
import type { ClusterNode } from "./node.ts"

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

export class KeyedChild implements Home {
  readonly name: string
  readonly runnable: Runnable.Any
  readonly terms: Terms
  private readonly shardId: ShardId
  private readonly own: Own
  private readonly options: KeyedOptions
  private readonly lock = Semaphore.makeUnsafe(1)
  /** Its stay here, also when it has ended by itself and nobody has seen to that yet. */
  private hosted: Hosted | undefined = undefined
  /** Whether it is there, in whatever state that is not its last. */
  private isUp = false
  private usedAt = 0

  constructor({ name, runnable, terms }: Spec, shardId: ShardId, own: Own, options: KeyedOptions) {
    this.name = name
    this.runnable = runnable
    this.terms = terms
    this.shardId = shardId
    this.own = own
    this.options = options
  }

  /** Brings it up if it is to run; stops it with its grace when the entity leaves. */
  get open(): Effect.Effect<void, SqlError, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      this.usedAt = yield* Clock.currentTimeMillis
      const row = yield* this.node.ledger.child(this.name)
      yield* Effect.addFinalizer(() => this.down("asked"))
      if (row?.wanted === wish.running) yield* this.up
      if (this.options.passivateAfterMillis < Number.POSITIVE_INFINITY) yield* Effect.forkScoped(this.watch)
    })
  }

  private get node(): ClusterNode {
    return this.terms.node
  }

  private keep(alive: boolean): Effect.Effect<void> {
    return Effect.provideContext(Entity.keepAlive(alive), this.own)
  }

  private get up(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      if (this.isUp) return
      yield* takeOut(this)
      const hosted = new Hosted(this, this.shardId, 0)
      this.hosted = hosted
      this.isUp = true
      yield* Effect.ignore(bringUp(hosted))
    })
  }

  ended(hosted: Hosted, how: Ended): void {
    if (this.hosted !== hosted || !this.isUp) return
    this.isUp = false
    this.node.fork(Effect.andThen(Effect.yieldNow, this.lock.withPermit(this.over(hosted, how))))
  }

  /** It ended by itself: it is not started again until somebody asks for it. */
  private over(hosted: Hosted, how: Ended): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      if (this.hosted !== hosted) return
      const cause = how._tag === "GaveUp" ? how.cause : undefined
      yield* this.down("over")
      yield* Effect.ignore(Effect.andThen(
        this.want(wish.stopped),
        this.node.ledger.update(hosted.name, hosted.token, how._tag, hosted.restarts, cause)
      ))
      yield* this.keep(false)
    })
  }

  private down(why: "asked" | "over"): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const { hosted } = this
      if (hosted === undefined) return
      this.hosted = undefined
      this.isUp = false
      yield* takeOut(this)
      if (why === "asked") yield* letGo(hosted)
      else hosted.forget()
    })
  }

  private want(wanted: number): Effect.Effect<void, SqlError> {
    return Effect.asVoid(this.node.ledger.want(this.name, this.terms.kind, wanted))
  }

  private get touch(): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      this.usedAt = now
    })
  }

  readonly status: Effect.Effect<Status, SqlError> = Effect.suspend(() =>
    Effect.map(this.node.ledger.child(this.name), (row) => ({
      // What runs here is known here sooner.
      state: this.hosted?.state?._tag ?? row?.state ?? "Stopped",
      node: this.hosted === undefined ? row?.node ?? "" : this.node.name,
      token: this.hosted?.token || (row?.token ?? 0),
      restarts: this.hosted?.restarts ?? row?.restarts ?? 0
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
      Effect.andThen(this.touch, Effect.ignore(this.node.pool.restart(this.name))),
      this.status
    ))
  })

  send(message: unknown): Effect.Effect<Status, SqlError | { readonly message: string }> {
    return Effect.gen({ self: this }, function*() {
      yield* this.touch
      if (!this.isUp) {
        const row = yield* this.node.ledger.child(this.name)
        if (row === undefined || row.wanted === wish.stopped) {
          return yield* Effect.fail({ message: `it is not running: ensure it first` })
        }
        yield* this.ensure
      }
      yield* this.node.pool.send(this.name, message)
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
