/**
 * The engine's locks, handed over faster: a node that leaves gives all of them back before it says that it leaves, and
 * one that takes over tries again for a moment, where the engine would wait a second.
 *
 * Floor 5.
 */
import type { RunnerStorage } from "effect/cluster/RunnerStorage"
import type { ShardId } from "effect/cluster/ShardId"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Between two tries, while another node still drains or gives back. */
const pause = "80 millis"

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
      const until = (yield* Clock.currentTimeMillis) + withinMillis * 0.7
      const acquired = new Map<string, ShardId>()
      for (;;) {
        const missing = wanted.filter((id) => !acquired.has(id.toString()))
        for (const id of yield* locks.acquire(address, missing)) acquired.set(id.toString(), id)
        if (acquired.size === wanted.length || (yield* Clock.currentTimeMillis) >= until) return [...acquired.values()]
        yield* Effect.sleep(pause)
      }
    })
  }
}
