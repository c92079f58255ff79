/**
 * What all supervisors of one tree share: its turns of the event loop, who reads its events, and what could not be
 * stopped. With no reader, an event costs one comparison.
 *
 * Floor 2.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SupervisorEvent } from "../SupervisorEvent.ts"

/** How many events wait for a slow reader before the oldest are dropped. */
export const eventCapacity = 1024

interface Numbered {
  readonly number: number
  readonly event: SupervisorEvent
}

interface Reader {
  /** Only events below this path are wanted. */
  readonly prefix: string
  readonly queue: Queue.Queue<Numbered, Cause.Done>
  /** How many events this reader was given, also those that were dropped since. */
  offered: number
}

/** What is said about a supervisor itself stands under its own path, what is said about its children below it. */
const concerns = (prefix: string, path: string): boolean =>
  prefix === "" || path.startsWith(prefix) || path.length === prefix.length - 1 && prefix.startsWith(path)

const relativeTo = (prefix: string, event: SupervisorEvent): SupervisorEvent => {
  if (prefix === "") return event
  const path = event.path.slice(prefix.length)
  return event._tag === "ChildAdded" ? { ...event, path, child: { ...event.child, path } } : { ...event, path }
}

export class Tree {
  /** Runs what has to wait for the next turn of the event loop. */
  readonly dispatcher: SchedulerDispatcher
  /** The incarnations that would not end and still run, with their paths: known even when their supervisors are gone. */
  readonly abandoned: Map<object, string> = new Map()
  private readonly readers = new Set<Reader>()

  constructor(dispatcher: SchedulerDispatcher) {
    this.dispatcher = dispatcher
  }

  get observed(): boolean {
    return this.readers.size > 0
  }

  /** Publishes to every reader that wants it. Never waits: a full reader loses its oldest event. */
  publish(event: SupervisorEvent): void {
    for (const reader of this.readers) {
      if (!concerns(reader.prefix, event.path)) continue
      Queue.offerUnsafe(reader.queue, { number: reader.offered++, event })
    }
  }

  /** The supervisor at `prefix` has ended: what was published is still read, then the stream ends. */
  end(prefix: string): void {
    for (const reader of Array.from(this.readers)) {
      if (!reader.prefix.startsWith(prefix)) continue
      this.readers.delete(reader)
      Queue.endUnsafe(reader.queue)
    }
  }

  /**
   * The events below `prefix`, with paths relative to it, from the moment on at which the stream is run. `first` is
   * evaluated at that same moment.
   */
  subscribe<A>(prefix: string, first: () => ReadonlyArray<A>): Stream.Stream<A | SupervisorEvent> {
    return Stream.unwrap(Effect.map(this.open(prefix), (reader) => {
      let expected = 0
      const events = Stream.flatMap(Stream.fromQueue(reader.queue), ({ event, number }) => {
        const lost = number - expected
        expected = number + 1
        const relative = relativeTo(prefix, event)
        return lost === 0
          ? Stream.succeed<SupervisorEvent>(relative)
          : Stream.make<[SupervisorEvent, SupervisorEvent]>(
            { _tag: "EventsLost", at: event.at, path: "", count: lost },
            relative
          )
      })
      const head = first()
      return head.length === 0 ? events : Stream.concat(Stream.fromIterable(head), events)
    }))
  }

  private open(prefix: string): Effect.Effect<Reader, never, Scope> {
    return Effect.acquireRelease(
      Effect.map(Queue.sliding<Numbered, Cause.Done>(eventCapacity), (queue) => {
        const reader: Reader = { prefix, queue, offered: 0 }
        this.readers.add(reader)
        return reader
      }),
      (reader) =>
        Effect.sync(() => {
          this.readers.delete(reader)
          Queue.shutdownUnsafe(reader.queue)
        })
    )
  }
}
