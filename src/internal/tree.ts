/**
 * What all supervisors of one tree share: its turns of the event loop, who reads its events, and what could not be
 * stopped. With no reader, an event costs one comparison.
 *
 * Floor 2.
 */
import * as Arr from "effect/Array"
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
  /** The number of the event that is to be told next. */
  expected: number
  /** It has been told the snapshot. */
  isCurrent: boolean
}

/** How a reader wants to be told. */
export interface Subscription<A> {
  /** Taken when the stream is first pulled, and after every loss. Default: none, events only. */
  readonly snapshot?: (() => A) | undefined
  /** How many events wait for it before the oldest are dropped. Default: `eventCapacity`. */
  readonly capacity?: number | undefined
  /** When the stream ends, if not with the supervisor. Default: never. */
  readonly until?: Effect.Effect<void> | undefined
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
    for (const reader of Array.from(this.readers)) if (reader.prefix.startsWith(prefix)) this.leave(reader)
  }

  /**
   * The events below `prefix`, with paths relative to it, from the moment on at which the stream is run. With `snapshot`
   * that is first, and again after every loss: what it has in it already is not told. Nobody waits for a slow reader, for
   * whom at most `capacity` events are kept; it is told how many were lost. Ends with the supervisor, or with `until`,
   * when what came before has been read.
   */
  subscribe<A>(prefix: string, options: Subscription<A>): Stream.Stream<A | SupervisorEvent> {
    return Stream.unwrap(Effect.gen({ self: this }, function*() {
      const { capacity, snapshot, until } = options
      const reader = yield* this.open(prefix, capacity ?? eventCapacity)
      if (until !== undefined) {
        const leave = Effect.andThen(until, Effect.sync(() => this.leave(reader)))
        yield* Effect.forkScoped(leave, { startImmediately: true })
      }
      return Stream.fromPull(Effect.succeed(pull(reader, snapshot)))
    }))
  }

  private open(prefix: string, capacity: number): Effect.Effect<Reader, never, Scope> {
    return Effect.acquireRelease(
      Effect.map(Queue.sliding<Numbered, Cause.Done>(capacity), (queue) => {
        const reader: Reader = { prefix, queue, offered: 0, expected: 0, isCurrent: false }
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

  /** What was published is still read. */
  private leave(reader: Reader): void {
    this.readers.delete(reader)
    Queue.endUnsafe(reader.queue)
  }
}

type Pull<A> = Effect.Effect<Arr.NonEmptyReadonlyArray<A | SupervisorEvent>, Cause.Done>

/** What there is for a reader, when there is something. */
const pull = <A>(reader: Reader, snapshot: (() => A) | undefined): Pull<A> =>
  Effect.suspend((): Pull<A> => {
    if (snapshot !== undefined && !reader.isCurrent) return Effect.succeed([renew(reader, snapshot)])
    return Effect.flatMap(Queue.takeAll(reader.queue), (batch) => {
      const told = tell(reader, batch, snapshot)
      return Arr.isReadonlyArrayNonEmpty(told) ? Effect.succeed(told) : pull(reader, snapshot)
    })
  })

/** All that was published until now is in the snapshot. */
const renew = <A>(reader: Reader, snapshot: () => A): A => {
  reader.isCurrent = true
  reader.expected = reader.offered
  return snapshot()
}

const tell = <A>(
  reader: Reader,
  batch: Arr.NonEmptyReadonlyArray<Numbered>,
  snapshot: (() => A) | undefined
): ReadonlyArray<A | SupervisorEvent> => {
  const [{ event, number }] = batch
  const { expected, offered, prefix } = reader
  const lost = (count: number): SupervisorEvent => ({ _tag: "EventsLost", at: event.at, path: "", count })
  // The oldest are lost, so that there is a gap before the first or nowhere.
  if (number > expected && snapshot !== undefined) return [lost(offered - expected), renew(reader, snapshot)]
  reader.expected = Math.max(expected, batch[batch.length - 1]!.number + 1)
  const fresh = batch.flatMap((one) => one.number < expected ? [] : [relativeTo(prefix, one.event)])
  return number > expected ? [lost(number - expected), ...fresh] : fresh
}
