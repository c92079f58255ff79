/**
 * One short text for what something is: the same for the same.
 */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"

/** The same data in the same order, secrets as they are. */
const canonical = (value: unknown): unknown => {
  if (Redacted.isRedacted(value)) return { redacted: Redacted.value(value) }
  if (value instanceof RegExp) return { pattern: String(value) }
  if (Duration.isDuration(value)) return { millis: String(Duration.toMillis(value)) }
  if (Array.isArray(value)) return value.map(canonical)
  if (!Predicate.isObject(value)) return typeof value === "number" && !Number.isFinite(value) ? String(value) : value
  return Object.fromEntries(
    Object.entries(value).filter(([, value]) => value !== undefined).toSorted(([a], [b]) => a < b ? -1 : 1).map((
      [key, value]
    ) => [key, canonical(value)])
  )
}

/** The text is as hard to turn back as SHA-256 is. */
export const hash = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(canonical(value))).digest("hex").slice(0, 32)
