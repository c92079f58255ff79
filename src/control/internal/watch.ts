/**
 * A snapshot and then every event since, for a reader who may be slow: who falls behind is told how much it lost and
 * begins anew with a snapshot that has all of it.
 *
 * Floor 4.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Snapshot } from "../../Snapshot.ts"
import type { Handle } from "../../Supervisor.ts"
import type { SupervisorEvent } from "../../SupervisorEvent.ts"

type Change = SupervisorEvent | Snapshot

/** Between the tree, which does not wait, and a reader, for whom it collects. */
class Backlog {
  private events: Array<SupervisorEvent> = []
  /** What is there is in the next snapshot already, so that nothing needs to be kept. */
  private isStale = true
  private lost = 0
  private hasEnded = false
  private waiter: (() => void) | undefined = undefined
  private readonly capacity: number
  constructor(capacity: number) {
    this.capacity = capacity
  }

  push(event: SupervisorEvent): void {
    if (event._tag === "EventsLost") this.lose(event.count)
    else if (this.isStale) this.lost += this.lost === 0 ? 0 : 1
    else if (this.events.push(event) > this.capacity) this.lose(this.events.length)
    this.wake()
  }

  end(): void {
    this.hasEnded = true
    this.wake()
  }

  private lose(count: number): void {
    this.lost += count
    this.isStale = true
    this.events = []
  }

  private wake(): void {
    const { waiter } = this
    this.waiter = undefined
    waiter?.()
  }

  private readonly wait: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.waiter = () => resume(Effect.void)
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })

  /** What there is, when there is something. */
  take(handle: Handle<never>): Effect.Effect<Arr.NonEmptyReadonlyArray<Change>, Cause.Done> {
    return Effect.suspend((): Effect.Effect<Arr.NonEmptyReadonlyArray<Change>, Cause.Done> => {
      if (this.isStale) return Effect.flatMap(Clock.currentTimeMillis, (at) => this.renew(handle, at))
      const { events } = this
      if (Arr.isArrayNonEmpty(events)) {
        this.events = []
        return Effect.succeed(events)
      }
      return this.hasEnded ? Cause.done() : Effect.andThen(this.wait, this.take(handle))
    })
  }

  private renew(handle: Handle<never>, at: number): Effect.Effect<Arr.NonEmptyReadonlyArray<Change>> {
    return Effect.map(handle.status, (snapshot): Arr.NonEmptyReadonlyArray<Change> => {
      const { lost } = this
      this.lost = 0
      this.isStale = false
      return lost === 0 ? [snapshot] : [{ _tag: "EventsLost", at, path: "", count: lost }, snapshot]
    })
  }
}

/** Every reader has its own backlog; none holds up the tree, nor another. Ends in order when `leaving` does. */
export const watch = (handle: Handle<never>, capacity: number, leaving: Effect.Effect<void>): Stream.Stream<Change> =>
  Stream.unwrap(Effect.gen(function*() {
    const backlog = new Backlog(capacity)
    const collect = Stream.runForEachArray(handle.events, (events) =>
      Effect.sync(() => {
        for (const event of events) backlog.push(event)
      }))
    yield* Effect.forkScoped(
      Effect.ensuring(Effect.raceFirst(collect, leaving), Effect.sync(() => backlog.end())),
      { startImmediately: true }
    )
    return Stream.fromPull(Effect.succeed(backlog.take(handle)))
  }))
