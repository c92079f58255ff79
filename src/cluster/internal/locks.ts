/**
 * The engine's locks, handed over faster and watched longer.
 *
 * A node that leaves gives all locks back before it says that it leaves, and one that takes over tries again for a
 * moment, where the engine would wait a second. And while a child drains, its lock has to be held: the engine notices a
 * lost lock, but then it only asks the child to stop, and the child would take its whole grace beside its successor.
 *
 * Floor 5.
 */
import type { RunnerAddress } from "effect/cluster/RunnerAddress"
import type { RunnerStorage } from "effect/cluster/RunnerStorage"
import type { ShardId } from "effect/cluster/ShardId"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** Between two tries, while another node still drains or gives back. */
const pause = "80 millis"

/**
 * Runs it where an interruption does not reach it. The engine gives up waiting by one, and its storage would take that
 * for a broken connection, with which all locks go. It has a deadline of its own.
 */
const aside = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Effect.forkDetach(effect, { startImmediately: true }), Fiber.join)

/** `withinMillis` is how long the engine waits for an answer. */
export const swift = (locks: RunnerStorage["Service"], withinMillis: number): RunnerStorage["Service"] => {
  let hasLeft = false
  return {
    ...locks,
    register: (runner, healthy) => {
      hasLeft = false
      return locks.register(runner, healthy)
    },
    // The engine does this first of all when it is shut down, and nothing runs on it any more then.
    unregister: (address) => {
      hasLeft = true
      return Effect.andThen(Effect.ignore(locks.releaseAll(address)), locks.unregister(address))
    },
    release: (address, shardId) => hasLeft ? Effect.void : locks.release(address, shardId),
    acquire: Effect.fnUntraced(function*(address, shardIds) {
      const wanted = [...shardIds]
      const until = (yield* Clock.currentTimeMillis) + withinMillis * 0.4
      const acquired = new Map<string, ShardId>()
      for (;;) {
        const missing = wanted.filter((id) => !acquired.has(id.toString()))
        for (const id of yield* aside(locks.acquire(address, missing))) acquired.set(id.toString(), id)
        if (acquired.size === wanted.length || (yield* Clock.currentTimeMillis) >= until) return [...acquired.values()]
        yield* Effect.sleep(pause)
      }
    })
  }
}

/** What is known of the locks of this node. */
export class Holding {
  private readonly locks: RunnerStorage["Service"]
  private readonly address: RunnerAddress
  /** After so long without an answer of the storage, somebody else may hold what was held here. */
  private readonly trustMillis: number
  private confirmedAt = 0

  constructor(locks: RunnerStorage["Service"], address: RunnerAddress, failoverMillis: number) {
    this.locks = locks
    this.address = address
    this.trustMillis = failoverMillis * 0.75
  }

  /** Which of these this node holds, as the storage says; `undefined` if it does not answer. */
  private ask(shardIds: ReadonlyArray<ShardId>): Effect.Effect<ReadonlySet<string> | undefined> {
    return Effect.gen({ self: this }, function*() {
      const now = yield* Clock.currentTimeMillis
      const held = yield* aside(this.locks.refresh(this.address, shardIds))
      this.confirmedAt = now
      return new Set(held.map((id) => id.toString()))
    }).pipe(
      // Not only a failure: the engine's storage dies of a connection that it cannot make again.
      Effect.exit,
      Effect.map((exit) => exit._tag === "Success" ? exit.value : undefined)
    )
  }

  /** Whether this node certainly holds it. */
  confirm(shardId: ShardId): Effect.Effect<boolean> {
    return Effect.map(this.ask([shardId]), (held) => held?.has(shardId.toString()) === true)
  }

  /** Those that somebody else may hold by now. */
  lost(shardIds: ReadonlyArray<ShardId>): Effect.Effect<ReadonlySet<string>> {
    return Effect.gen({ self: this }, function*() {
      if (shardIds.length === 0) return new Set<string>()
      const names = shardIds.map((id) => id.toString())
      const held = yield* this.ask(shardIds)
      if (held !== undefined) return new Set(names.filter((name) => !held.has(name)))
      const now = yield* Clock.currentTimeMillis
      return new Set(now - this.confirmedAt < this.trustMillis ? [] : names)
    })
  }
}
