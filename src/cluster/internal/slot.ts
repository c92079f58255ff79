/**
 * A shard of the engine as this node holds it, and the children that are placed in it.
 *
 * The engine gives work to nodes by the shard. It is told of one singleton for a shard, the slot, as soon as a child is
 * placed there: while it runs the slot, this node holds the shard and hosts all children that are placed in it; when it
 * stops the slot, the shard's lock is given back as soon as all of them are out and that is written down. So a child
 * costs what a child of the supervisor costs, and not what a singleton of the engine does.
 *
 * Floor 5.
 */
import type { ShardId } from "effect/cluster/ShardId"
import * as Effect from "effect/Effect"
import type { Entry } from "./entry.ts"

export class Slot {
  readonly shardId: ShardId
  /** Whether the engine runs it. */
  isHeld = false
  /** Those that are placed here, and those that are still being taken out. */
  readonly entries: Set<Entry> = new Set()

  constructor(shardId: ShardId) {
    this.shardId = shardId
  }

  /** What the engine runs while this node holds the shard. */
  get run(): Effect.Effect<never> {
    const hold = Effect.suspend(() => {
      this.isHeld = true
      return Effect.forEach([...this.entries], (entry) =>
        // Others get a turn in between, such as whoever reads what happens.
        Effect.andThen(Effect.yieldNow, Effect.sync(() => entry.review())), { discard: true })
    })
    const leave = Effect.suspend(() => {
      this.isHeld = false
      return Effect.forEach([...this.entries], (entry) => entry.leave, { concurrency: "unbounded", discard: true })
    })
    return Effect.ensuring(Effect.andThen(hold, Effect.never), leave)
  }
}
