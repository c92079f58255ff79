/**
 * The clusters that this process is a node of, so that what serves its tree can show them: the floors above tell, and the
 * servers ask.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { Source } from "../ClusterSchema.ts"

const sources = new Set<Source>()

/** Until the scope is closed. */
export const announce = (source: Source): Effect.Effect<void, never, Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => sources.add(source)),
    () => Effect.sync(() => sources.delete(source))
  ))

/** The one that was told of last; a process is mostly a node of one cluster. */
export const current: Effect.Effect<Source | undefined> = Effect.sync(() => Array.from(sources).at(-1))

/** Whether there is any. */
export const isNode: Effect.Effect<boolean> = Effect.sync(() => sources.size > 0)
