/**
 * The children by which a tree is operated, such as the one for signals and the servers: who names all children by a
 * wildcard does not mean those, and would be cut off by stopping them.
 *
 * Floor 1.
 */
import type * as Runnable from "../Runnable.ts"

/** By their effects, which stay the same when options are set. */
const fittings = new WeakSet<object>()

/** Marks one. */
export const fitting = <Self extends Runnable.Any>(runnable: Self): Self => {
  fittings.add(runnable.effect)
  return runnable
}

export const isFitting = (runnable: Runnable.Any): boolean => fittings.has(runnable.effect)
