/**
 * Brings what happens to the children of this node to the ledger, a few times a second at most: a child that restarts
 * fast costs the storage no more than one that restarts slowly.
 *
 * Floor 5.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { CauseInfo, State } from "../../State.ts"
import type { Handle } from "../../Supervisor.ts"
import type { SupervisorEvent } from "../../SupervisorEvent.ts"
import type { Hosted } from "./hosted.ts"
import type { Ledger, NewEvent } from "./ledger.ts"

/** Between two times of writing. */
const pause = "100 millis"
/** Older ones are dropped while the storage is away. */
const maxQueued = 1000

const causeOf = (state: State): CauseInfo | undefined =>
  state._tag === "Backoff" || state._tag === "GaveUp" ? state.cause : undefined

export class Reporter {
  readonly hosted: Map<string, Hosted> = new Map()
  /** Those that are being stopped. */
  readonly stopping: Set<Hosted> = new Set()
  private readonly dirty = new Set<string>()
  private happened: Array<NewEvent> = []
  private readonly latch = Latch.makeUnsafe(false)
  private readonly writing = Semaphore.makeUnsafe(1)
  private readonly ledger: Ledger
  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  private see(event: SupervisorEvent): void {
    const hosted = this.hosted.get(event.path)
    if (hosted !== undefined && event._tag === "ChildTransition") this.learn(hosted, event.to)
  }

  private learn(hosted: Hosted, to: State): void {
    hosted.state = to
    if (to._tag === "Stopping") this.stopping.add(hosted)
    else this.stopping.delete(hosted)
    if (to._tag === "Backoff") hosted.restarts++
    const cause = causeOf(to)
    this.note({
      child: hosted.name,
      tag: to._tag,
      token: hosted.token,
      detail: cause === undefined ? undefined : JSON.stringify(cause)
    })
    if (to._tag === "GaveUp" || to._tag === "Completed") hosted.home.ended(hosted, to)
  }

  note(event: NewEvent): void {
    this.happened.push(event)
    if (this.happened.length > maxQueued) this.happened = this.happened.slice(-maxQueued / 2)
    this.dirty.add(event.child)
    this.latch.openUnsafe()
  }

  /** Reads the events of the supervisor for ever. When more happens at once than it can keep, it looks. */
  follow(pool: Handle<never>): Effect.Effect<void> {
    const look = Effect.map(pool.status, ({ children }) => {
      for (const { name, state } of children) {
        const hosted = this.hosted.get(name)
        if (hosted !== undefined && hosted.state?._tag !== state._tag) this.learn(hosted, state)
      }
    })
    return Stream.runForEach(
      pool.events,
      (event) => event._tag === "EventsLost" ? look : Effect.sync(() => this.see(event))
    )
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
        const { restarts, state, token = 0 } = this.hosted.get(name) ?? {}
        return state === undefined || token === 0 ? [] : [{ name, restarts: restarts ?? 0, state, token }]
      })
      return this.ledger.record(happened).pipe(
        Effect.andThen(Effect.forEach(
          rows,
          ({ name, restarts, state, token }) => this.ledger.update(name, token, state._tag, restarts, causeOf(state)),
          { discard: true }
        )),
        Effect.timeout("2 seconds"),
        // Also when whoever flushes waits no longer.
        Effect.onError(() =>
          Effect.sync(() => {
            this.happened = [...happened, ...this.happened].slice(-maxQueued)
            for (const name of names) this.dirty.add(name)
            this.latch.openUnsafe()
          })
        ),
        Effect.catchCause((cause) => Effect.logDebug("The storage of the cluster did not take a report", cause))
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
