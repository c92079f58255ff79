/**
 * The shards of the engine as this node holds them, and the children that are placed in them.
 *
 * The engine gives work to nodes by the shard. It is told of one singleton for a shard, the slot, as soon as a child is
 * placed there: while it runs the slot, this node holds the shard and hosts all children that are placed in it; when it
 * stops the slot, the shard's lock is given back as soon as all of them are out and that is written down. So a child
 * costs what a child of the supervisor costs, and not what a singleton of the engine does.
 *
 * Floor 5.
 */
import type { ShardId } from "effect/cluster/ShardId"
import type { Sharding } from "effect/cluster/Sharding"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Runnable from "../../Runnable.ts"
import {
  bringUp,
  type Ended,
  type Home,
  Hosted,
  letGo,
  type Spec,
  takeOut,
  type Terms,
  untilItAnswers
} from "./hosted.ts"

/** Where a child is placed has the hash of this. */
const placement = (name: string, attempt: number): string => attempt === 0 ? name : `${name}~${attempt}`

export const shardOf = (
  sharding: Sharding["Service"],
  { name, terms }: Spec,
  attempt: number
): ShardId => sharding.getShardId(placement(name, attempt) as never, terms.group)

/** Names that the engine places in the shards of one group, found by trying. */
export class SlotNames {
  private readonly shardOf: (name: string) => ShardId
  private readonly found = new Map<ShardId, string>()
  private tried = 0

  constructor(shardOf: (name: string) => ShardId) {
    this.shardOf = shardOf
  }

  get(shardId: ShardId): string {
    for (;;) {
      const known = this.found.get(shardId)
      if (known !== undefined) return known
      const name = `effect-supervisor/slot/${this.tried++}`
      const at = this.shardOf(name)
      if (!this.found.has(at)) this.found.set(at, name)
    }
  }
}

export class Slot {
  readonly shardId: ShardId
  /** Whether the engine runs it. */
  isHeld = false
  /** Those that are placed here, and those that are still being taken out. */
  readonly entries: Set<Entry> = new Set()

  constructor(shardId: ShardId) {
    this.shardId = shardId
  }

  /** What the engine runs while this node holds the shard. */
  get run(): Effect.Effect<never> {
    const hold = Effect.suspend(() => {
      this.isHeld = true
      // Others get a turn in between, such as whoever reads what happens.
      return Effect.forEach([...this.entries], (entry) => Effect.andThen(Effect.yieldNow, entry.review), {
        discard: true
      })
    })
    const leave = Effect.suspend(() => {
      this.isHeld = false
      return Effect.forEach([...this.entries], (entry) => entry.leave, { concurrency: "unbounded", discard: true })
    })
    return Effect.ensuring(Effect.andThen(hold, Effect.never), leave)
  }
}

/** Where the child of an entry is. */
type Presence =
  | { readonly _tag: "Away" }
  /** Here. */
  | Hosted
  /** It has ended here for good: the fiber does what follows from it. */
  | { readonly _tag: "Over"; readonly hosted: Hosted; readonly settling: Fiber.Fiber<void> }
  /** The fiber stops it, with its grace, and writes that down. */
  | { readonly _tag: "Leaving"; readonly leaving: Fiber.Fiber<void> }

const away: Presence = { _tag: "Away" }

/** One description on this node. Its child is here while the slot that it is placed in is held. */
export class Entry implements Home {
  readonly name: string
  readonly runnable: Runnable.Any
  readonly terms: Terms
  /** Which placement is wanted; `undefined`: none. */
  private wanted: number | undefined = undefined
  /** The slot that it is in: that of the placement before, as long as its child is being taken out there. */
  private slot: Slot | undefined = undefined
  private presence: Presence = away

  constructor({ name, runnable, terms }: Spec) {
    this.name = name
    this.runnable = runnable
    this.terms = terms
  }

  get attempt(): number | undefined {
    return this.wanted
  }

  /** Places it, or takes it away; returns when its child of before is out. */
  place(attempt: number | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.wanted === attempt) return Effect.void
      this.wanted = attempt
      if (this.presence._tag !== "Away") return this.leave
      this.enter()
      return Effect.void
    })
  }

  /** Changes to the slot where it is to be. */
  private enter(): void {
    const slot = this.wanted === undefined ? undefined : this.terms.node.slotOf(this, this.wanted)
    if (slot !== this.slot) {
      this.slot?.entries.delete(this)
      slot?.entries.add(this)
      this.slot = slot
    }
    this.start()
  }

  /** Brings its child up, if that is to be here and is not. */
  get review(): Effect.Effect<void> {
    return Effect.sync(() => this.start())
  }

  private start(): void {
    const { slot, terms, wanted } = this
    if (slot?.isHeld !== true || wanted === undefined || this.presence._tag !== "Away") return
    const hosted = new Hosted(this, slot.shardId, wanted)
    this.presence = hosted
    terms.node.fork(this.bringUp(hosted))
  }

  private bringUp(hosted: Hosted): Effect.Effect<void> {
    return Effect.suspend(() => this.presence === hosted ? bringUp(hosted) : Effect.void).pipe(
      // One of the same name, of a description that is gone, is still being stopped.
      Effect.retry({ while: (error) => error._tag === "DuplicateChild", schedule: Schedule.spaced("50 millis") }),
      // The node is being stopped.
      Effect.catchTag("SupervisorClosed", () => Effect.void),
      Effect.catchCause((cause) => Effect.logWarning(`"${hosted.name}" could not be hosted`, cause))
    )
  }

  /** Stops its child, if that is here; returns when it is out and that is written down. */
  get leave(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { presence } = this
      switch (presence._tag) {
        case "Away":
          return Effect.void
        case "Here":
        case "Over": {
          const hosted = presence._tag === "Over" ? presence.hosted : presence
          const leaving = hosted.node.fork(Effect.gen({ self: this }, function*() {
            yield* Effect.yieldNow
            if (presence._tag === "Over") yield* Fiber.interrupt(presence.settling)
            yield* takeOut(this)
            yield* letGo(hosted)
            this.presence = away
            this.enter()
          }))
          this.presence = { _tag: "Leaving", leaving }
          return Effect.asVoid(Fiber.await(leaving))
        }
        case "Leaving":
          return Effect.asVoid(Fiber.await(presence.leaving))
      }
    })
  }

  ended(hosted: Hosted, how: Ended): void {
    if (this.presence !== hosted) return
    const settling = hosted.node.fork(Effect.andThen(Effect.yieldNow, this.settle(hosted, how)))
    this.presence = { _tag: "Over", hosted, settling }
  }

  /** What follows from its end: it is written down, and the nodes see where it is to be next. */
  private settle(hosted: Hosted, how: Ended): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const { name, node, restarts, token } = hosted
      const { budget } = this.terms
      yield* takeOut(this)
      switch (how._tag) {
        case "Completed":
          yield* untilItAnswers(node.ledger.update(name, token, "Completed", restarts, undefined))
          return
        case "GaveUp": {
          const next = this.nextAttempt(hosted.attempt)
          yield* untilItAnswers(node.ledger.gaveUp(hosted, { token, next, cause: how.cause, budget }))
          break
        }
        case "Refused":
      }
      yield* node.poke
    })
  }

  /** Another place for a child that gave up here: one that is not on this node, if there is another. */
  private nextAttempt(attempt: number): number {
    const { sharding } = this.terms.node
    for (let next = attempt + 1; next < attempt + 64; next++) {
      if (!sharding.hasShardId(shardOf(sharding, this, next))) return next
    }
    return attempt + 1
  }
}
