/**
 * What an incarnation was told and has not heard yet: the request to stop, reloads and messages. Made when somebody
 * first listens or sends, so that a child that does neither does not pay for it.
 *
 * Floor 1.
 */
import * as Effect from "effect/Effect"

/** How many messages wait for a child that does not read them. */
export const messageCapacity = 256

interface Box<A> {
  readonly value: A
}

/** One reader of reloads: a stream or a `tick` loop. What it has not taken yet waits here, to be acknowledged then. */
export interface ReloadTap {
  readonly pending: Array<(taken: boolean) => void>
}

export class Inbox {
  /** A graceful stop was asked. Latched: asked before anyone listens is heard by the first who does. */
  asked = false
  /** Somebody has listened for the request to stop, so that it is worth asking and waiting. */
  listening = false
  private readonly messages: Array<unknown> = []
  private readonly handlers = new Set<Effect.Effect<unknown, unknown>>()
  private readonly taps = new Set<ReloadTap>()
  private readonly waiters = new Set<() => void>()
  private tickTap: ReloadTap | undefined = undefined

  ask(): void {
    this.asked = true
    this.wake()
  }

  /** `false` when the buffer is full. */
  offer(message: unknown): boolean {
    if (this.messages.length >= messageCapacity) return false
    this.messages.push(message)
    this.wake()
    return true
  }

  takeMessage(): Box<unknown> | undefined {
    return this.messages.length > 0 ? { value: this.messages.shift() } : undefined
  }

  takeAsked(): Box<void> | undefined {
    return this.asked ? { value: undefined } : undefined
  }

  /** The reload that waits longest for this reader. Taking it acknowledges it. */
  takeReload(tap: ReloadTap): Box<void> | undefined {
    const acknowledge = tap.pending.shift()
    if (acknowledge === undefined) return undefined
    acknowledge(true)
    return { value: undefined }
  }

  addTap(): ReloadTap {
    const tap: ReloadTap = { pending: [] }
    this.taps.add(tap)
    return tap
  }

  removeTap(tap: ReloadTap): void {
    this.taps.delete(tap)
    for (const acknowledge of tap.pending.splice(0)) acknowledge(false)
  }

  /** The reader that all ticks of one incarnation share, so that a reload between two ticks is not missed. */
  tap(): ReloadTap {
    return this.tickTap ??= this.addTap()
  }

  addHandler(handler: Effect.Effect<unknown, unknown>): void {
    this.handlers.add(handler)
  }

  removeHandler(handler: Effect.Effect<unknown, unknown>): void {
    this.handlers.delete(handler)
  }

  /** What a reload has to run or to wait for here: every handler, and every reader that has to take it. One that goes away is
   * interrupted. */
  reloads(): ReadonlyArray<Effect.Effect<unknown, unknown>> {
    const acknowledged = Array.from(this.taps, (tap) =>
      Effect.callback<void>((resume) => {
        const acknowledge = (taken: boolean) => resume(taken ? Effect.void : Effect.interrupt)
        tap.pending.push(acknowledge)
        this.wake()
        return Effect.sync(() => {
          const index = tap.pending.indexOf(acknowledge)
          if (index >= 0) tap.pending.splice(index, 1)
        })
      }))
    return [...this.handlers, ...acknowledged]
  }

  /** Waits until `take` has something: what is there now, or what comes. */
  take<A>(take: () => Box<A> | undefined): Effect.Effect<A> {
    return Effect.callback((resume) => {
      const attempt = () => {
        const taken = take()
        if (taken === undefined) return
        this.waiters.delete(attempt)
        resume(Effect.succeed(taken.value))
      }
      this.waiters.add(attempt)
      attempt()
      return Effect.sync(() => this.waiters.delete(attempt))
    })
  }

  private wake(): void {
    for (const attempt of Array.from(this.waiters)) attempt()
  }
}
