/**
 * One description on this node: where its child is placed, and whether that is here.
 *
 * Its child is here while the slot that it is placed in is held. It is placed elsewhere when it has given up, on whichever
 * node, and it is taken out of its old place before it starts in the new one.
 *
 * Floor 5.
 */
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
import type { Slot } from "./slot.ts"

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
    this.review()
  }

  /** Brings its child up, if that is to be here and is not. */
  review(): void {
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
          const settled = presence._tag === "Over" ? Fiber.interrupt(presence.settling) : Effect.void
          const leaving = hosted.node.fork(Effect.yieldNow.pipe(
            Effect.andThen(settled),
            Effect.andThen(takeOut(this)),
            Effect.andThen(letGo(hosted)),
            Effect.ensuring(Effect.sync(() => {
              this.presence = away
              this.enter()
            }))
          ))
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
    const { node } = this.terms
    for (let next = attempt + 1; next < attempt + 64; next++) {
      if (!node.sharding.hasShardId(node.shardOf(this, next))) return next
    }
    return attempt + 1
  }
}
