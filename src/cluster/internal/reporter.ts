/**
 * Brings what happens to the children of this node to the ledger, a few times a second at most: a child that restarts
 * fast costs the storage no more than one that restarts slowly.
 *
 * Floor 5.
 */
import type { ShardId } from "effect/cluster/ShardId"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { CauseInfo, State } from "../../State.ts"
import type { Handle } from "../../Supervisor.ts"
import type { SupervisorEvent } from "../../SupervisorEvent.ts"
import type { Ledger, NewEvent } from "./ledger.ts"

/** How a child has ended for good, here. */
export type Ended =
  | { readonly _tag: "GaveUp"; readonly cause: CauseInfo }
  | { readonly _tag: "Completed" }
  /** It is not to run here: its claim was refused. */
  | { readonly _tag: "Refused" }

/** One child that is hosted here. */
export interface Tracked {
  readonly shardId: ShardId
  token: number
  /** Runs the incarnation. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  restarts: number
  state: State | undefined
  readonly ended: Deferred.Deferred<Ended>
}

/** Between two times of writing. */
const pause = "100 millis"
/** Older ones are dropped while the storage is away. */
const maxQueued = 1000

const causeOf = (state: State): CauseInfo | undefined =>
  state._tag === "Backoff" || state._tag === "GaveUp" ? state.cause : undefined

export class Reporter {
  readonly tracked: Map<string, Tracked> = new Map()
  private readonly dirty = new Set<string>()
  private happened: Array<NewEvent> = []
  private readonly latch = Latch.makeUnsafe(false)
  private readonly writing = Semaphore.makeUnsafe(1)
  private readonly ledger: Ledger
  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  track(name: string, shardId: ShardId): Tracked {
    const tracked: Tracked = {
      shardId,
      fiber: undefined,
      token: 0,
      restarts: 0,
      state: undefined,
      ended: Deferred.makeUnsafe()
    }
    this.tracked.set(name, tracked)
    return tracked
  }

  private see(event: SupervisorEvent): void {
    const tracked = this.tracked.get(event.path)
    if (tracked === undefined || event._tag !== "ChildTransition") return
    const { to } = event
    tracked.state = to
    if (to._tag === "Backoff") tracked.restarts++
    const cause = causeOf(to)
    this.note({
      child: event.path,
      tag: to._tag,
      token: tracked.token,
      detail: cause === undefined ? undefined : JSON.stringify(cause)
    })
    if (to._tag === "GaveUp") Deferred.doneUnsafe(tracked.ended, Effect.succeed({ _tag: "GaveUp", cause: to.cause }))
    if (to._tag === "Completed") Deferred.doneUnsafe(tracked.ended, Effect.succeed({ _tag: "Completed" }))
  }

  note(event: NewEvent): void {
    this.happened.push(event)
    if (this.happened.length > maxQueued) this.happened = this.happened.slice(-maxQueued / 2)
    this.dirty.add(event.child)
    this.latch.openUnsafe()
  }

  /** Reads the events of the supervisor for ever. */
  follow(pool: Handle<never>): Effect.Effect<void> {
    return Stream.runForEach(pool.events, (event) => Effect.sync(() => this.see(event)))
  }

  /** Writes what has happened now, in order. */
  get flush(): Effect.Effect<void> {
    return this.writing.withPermit(Effect.suspend(() => {
      const happened = this.happened
      const names = [...this.dirty]
      if (names.length === 0) return Effect.void
      this.happened = []
      this.dirty.clear()
      const rows = names.flatMap((name) => {
        const tracked = this.tracked.get(name)
        return tracked?.state === undefined || tracked.token === 0 ? [] : [{ name, ...tracked, state: tracked.state }]
      })
      return this.ledger.record(happened).pipe(
        Effect.andThen(Effect.forEach(
          rows,
          ({ name, restarts, state, token }) => this.ledger.update(name, token, state._tag, restarts, causeOf(state)),
          { discard: true }
        )),
        Effect.timeout("2 seconds"),
        Effect.catchCause((cause) => {
          this.happened = [...happened, ...this.happened].slice(-maxQueued)
          for (const name of names) this.dirty.add(name)
          return Effect.logDebug("The storage of the cluster did not take a report", cause)
        })
      )
    }))
  }

  /** Writes what has happened, for ever. */
  get write(): Effect.Effect<never> {
    return this.latch.await.pipe(
      Effect.andThen(Effect.sync(() => this.latch.closeUnsafe())),
      Effect.andThen(this.flush),
      Effect.andThen(Effect.sleep(pause)),
      // What was not written is tried again.
      Effect.andThen(Effect.sync(() => this.dirty.size > 0 && this.latch.openUnsafe())),
      Effect.forever
    )
  }
}
