/**
 * Putting causes together without looking at what is in them.
 *
 * Floor 0.
 */
import * as Cause from "effect/Cause"

/**
 * A cause with more reasons behind its own. Unlike `Cause.combine` it compares nothing: errors are the user's code, whose
 * getters may throw, and comparing each with all before it makes many of them quadratic.
 */
export const together = <E, E2>(
  cause: Cause.Cause<E>,
  ...more: ReadonlyArray<Cause.Cause<E2>>
): Cause.Cause<E | E2> => {
  const reasons = more.flatMap((other) => other.reasons)
  return reasons.length === 0 ? cause : Cause.fromReasons<E | E2>([...cause.reasons, ...reasons])
}
