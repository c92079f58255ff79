/**
 * A bounded buffer between two fibers: bounded by count and by bytes, so that many small messages and few huge ones
 * both cost a known amount of memory.
 *
 * Effect's `Queue` counts messages only, and its sliding strategy does not say how many it dropped.
 *
 * Floor 3.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as MutableList from "effect/MutableList"

export interface Limits {
  readonly capacity: number
  readonly maxBytes: number
  readonly overflow: "suspend" | "drop-oldest"
}

interface Entry<A> {
  readonly value: A
  readonly size: number
}

interface Waiting<A> extends Entry<A> {
  readonly settle: (accepted: boolean) => void
}

export class MessagesBuffer<A> {
  private readonly entries = MutableList.make<Entry<A>>()
  private readonly offers = MutableList.make<Waiting<A>>()
  private readonly limits: Limits
  private readonly lostMarker: (lost: number) => A
  private bytes = 0
  private lost = 0
  private ended = false
  private wake: (() => void) | undefined = undefined

  constructor(limits: Limits, lostMarker: (lost: number) => A) {
    this.limits = limits
    this.lostMarker = lostMarker
  }

  /** Waits for room, or makes it. `false`: the buffer has ended and did not take the value. */
  offer(value: A, size: number): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      if (this.ended) return Effect.succeed(false)
      if (this.limits.overflow === "drop-oldest") this.makeRoom(size)
      if (this.offers.length === 0 && this.hasRoom(size)) {
        this.add({ value, size })
        return Effect.succeed(true)
      }
      return this.waitForRoom({ value, size })
    })
  }

  /** Beyond the bound, for the one thing that has to be told last. */
  force(value: A): void {
    if (!this.ended) this.add({ value, size: 0 })
  }

  /** What was there the longest. When the buffer has ended: the rest, and then `Done`. For one reader at a time. */
  readonly take: Effect.Effect<A, Cause.Done> = Effect.suspend(() => {
    if (this.lost > 0) {
      const { lost } = this
      this.lost = 0
      return Effect.succeed(this.lostMarker(lost))
    }
    const entry = this.shift()
    if (entry !== undefined) return Effect.succeed(entry.value)
    return this.ended ? Cause.done() : Effect.flatMap(this.something, () => this.take)
  })

  /** As `take`, but all that is there up to that many bytes, and at least one. */
  takeUpTo(maxBytes: number): Effect.Effect<[A, ...Array<A>], Cause.Done> {
    return Effect.map(this.take, (first) => {
      const all: [A, ...Array<A>] = [first]
      let room = maxBytes
      while (this.entries.length > 0 && room > 0) {
        const entry = this.shift()!
        all.push(entry.value)
        room -= entry.size
      }
      return all
    })
  }

  /** Takes nothing any more. What is in it can still be taken. */
  end(): void {
    this.ended = true
    for (const offer of MutableList.takeAll(this.offers)) offer.settle(false)
    this.wake?.()
  }

  private hasRoom(size: number): boolean {
    const { length } = this.entries
    return length === 0 || (length < this.limits.capacity && this.bytes + size <= this.limits.maxBytes)
  }

  private makeRoom(size: number): void {
    while (!this.hasRoom(size)) {
      this.bytes -= this.pop()!.size
      this.lost++
    }
  }

  private waitForRoom(entry: Entry<A>): Effect.Effect<boolean> {
    return Effect.callback((resume) => {
      const waiting: Waiting<A> = { ...entry, settle: (accepted) => resume(Effect.succeed(accepted)) }
      MutableList.append(this.offers, waiting)
      return Effect.sync(() => {
        MutableList.remove(this.offers, waiting)
        this.admit()
      })
    })
  }

  private add(entry: Entry<A>): void {
    MutableList.append(this.entries, entry)
    this.bytes += entry.size
    this.wake?.()
  }

  private pop(): Entry<A> | undefined {
    const entry = MutableList.take(this.entries)
    return entry === MutableList.Empty ? undefined : entry
  }

  private shift(): Entry<A> | undefined {
    const entry = this.pop()
    if (entry === undefined) return undefined
    this.bytes -= entry.size
    this.admit()
    return entry
  }

  /** Lets those in who have waited for room, the first first. */
  private admit(): void {
    while (this.offers.length > 0) {
      const next = MutableList.toArrayN(this.offers, 1)[0]!
      if (!this.hasRoom(next.size)) return
      MutableList.take(this.offers)
      this.add(next)
      next.settle(true)
    }
  }

  private readonly something: Effect.Effect<void> = Effect.callback((resume) => {
    this.wake = () => {
      this.wake = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => {
      this.wake = undefined
    })
  })
}
