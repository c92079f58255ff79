/**
 * From one reader of messages to any number of listeners, none of which loses one that came while it listened.
 *
 * There is always a buffer: until somebody listens, it is the backlog, and the first who does takes it over. The buffer
 * of the last who leaves becomes the backlog again, so that one who listens twice in a row misses nothing in between.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Limits, MessagesBuffer } from "./messagesBuffer.ts"

export class MessagesHub<A> {
  private readonly limits: Limits
  private readonly lostMarker: (lost: number) => A
  private readonly buffers = new Set<MessagesBuffer<A>>()
  private backlog: MessagesBuffer<A> | undefined
  private ended = false
  private listeners = 0
  private readonly quiet = Latch.makeUnsafe(true)

  constructor(limits: Limits, lostMarker: (lost: number) => A) {
    this.limits = limits
    this.lostMarker = lostMarker
    this.backlog = this.addBuffer()
  }

  /** Gives it to all who listen, or to the backlog. Waits for the slowest of them. */
  offer(value: A, size: number): Effect.Effect<void> {
    return Effect.forEach(Array.from(this.buffers), (buffer) => buffer.offer(value, size), { discard: true })
  }

  /** Says that some were lost, to all who listen, however full their buffers are. */
  lose(lost: number): void {
    for (const buffer of this.buffers) buffer.force(this.lostMarker(lost))
  }

  /** No more will come. What has come can still be read. */
  end(): void {
    this.ended = true
    for (const buffer of this.buffers) buffer.end()
  }

  private readonly subscribe: Effect.Effect<MessagesBuffer<A>, never, Scope.Scope> = Effect.acquireRelease(
    Effect.sync(() => {
      const buffer = this.backlog ?? this.addBuffer()
      this.backlog = undefined
      this.listeners++
      this.quiet.closeUnsafe()
      return buffer
    }),
    (buffer) => Effect.sync(() => this.leave(buffer))
  )

  /** One at a time, so that a listener who takes only some leaves the others where the next finds them. */
  readonly stream: Stream.Stream<A> = Stream.unwrap(
    Effect.map(
      this.subscribe,
      ({ take }) => Stream.fromPull(Effect.succeed(Effect.map(take, (value) => [value] as const)))
    )
  )

  /** Ends when nobody listens: a listener is done with a message when it takes the next. */
  get heard(): Effect.Effect<void> {
    return this.quiet.await
  }

  private leave(buffer: MessagesBuffer<A>): void {
    if (--this.listeners === 0) this.quiet.openUnsafe()
    if (this.buffers.size === 1) {
      this.backlog = buffer
      return
    }
    this.buffers.delete(buffer)
    buffer.end()
  }

  private addBuffer(): MessagesBuffer<A> {
    const buffer = new MessagesBuffer<A>(this.limits, this.lostMarker)
    if (this.ended) buffer.end()
    this.buffers.add(buffer)
    return buffer
  }
}
