/**
 * Checks of what people pass in, at one place: a wrong description throws `InvalidOption` where it is made.
 *
 * Floor 0.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { InvalidOption } from "../SupervisorError.ts"

/** A duration in milliseconds; negative, NaN and unreadable ones are refused. */
export const millis = (subject: string, option: string, value: Duration.Input | "infinity"): number => {
  if (value === "infinity") return Number.POSITIVE_INFINITY
  const parsed = Number.isNaN(value) ? Option.none() : Duration.fromInput(value)
  const out = Option.isSome(parsed) ? Duration.toMillis(parsed.value) : Number.NaN
  if (!(out >= 0)) {
    throw new InvalidOption({ subject, option, value, expected: `a duration of zero or more, such as "5 seconds"` })
  }
  return out
}

/** As `millis`, but zero and infinity make no sense either: the interval of a check, a deadline. */
export const positiveMillis = (subject: string, option: string, value: Duration.Input): number => {
  const out = millis(subject, option, value)
  if (out === 0 || out === Number.POSITIVE_INFINITY) {
    throw new InvalidOption({ subject, option, value, expected: `a finite duration above zero, such as "5 seconds"` })
  }
  return out
}

/** A count of at least one. */
export const count = (subject: string, option: string, value: number): number => {
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidOption({ subject, option, value, expected: "a whole number of at least 1" })
  }
  return value
}

/** A part of a whole: above 0 and at most 1. */
export const fraction = (subject: string, option: string, value: number): number => {
  if (!(value > 0 && value <= 1)) {
    throw new InvalidOption({ subject, option, value, expected: "a fraction above 0 and at most 1" })
  }
  return value
}

/** One of the words that an option takes. */
export const oneOf = <const A extends string>(
  subject: string,
  option: string,
  value: A,
  allowed: ReadonlyArray<A>
): A => {
  if (!allowed.includes(value)) {
    throw new InvalidOption({
      subject,
      option,
      value,
      expected: allowed.map((word) => JSON.stringify(word)).join(" or ")
    })
  }
  return value
}

/** Options that are an object. */
export const record = <A>(subject: string, option: string, value: A): A => {
  if (Predicate.isObject(value)) return value
  throw new InvalidOption({ subject, option, value, expected: "an object with options" })
}

/** Something to run. */
export const effect = <A>(subject: string, option: string, value: A): A => {
  if (Effect.isEffect(value)) return value
  throw new InvalidOption({ subject, option, value, expected: "an Effect" })
}

/** Something that says when. */
export const schedule = <A>(subject: string, option: string, value: A): A => {
  if (Schedule.isSchedule(value)) return value
  throw new InvalidOption({ subject, option, value, expected: "a Schedule" })
}

/** A name that can be a segment of a path. */
export const name = (subject: string, value: string): string => {
  // oxlint-disable-next-line no-control-regex -- control characters would break every line that names the child
  if (typeof value !== "string" || value.trim() === "" || /[/\u0000-\u001f\u007f]/.test(value)) {
    throw new InvalidOption({
      subject,
      option: "name",
      value: JSON.stringify(value),
      expected: `a non-empty string of one line without "/", which separates the segments of a path`
    })
  }
  return value
}
