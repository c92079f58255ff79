/**
 * The Schemas of single values, each saying in plain words what it takes.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { constants } from "node:os"
import type { Word } from "../../../process/Command.ts"
import type { Signal } from "../../../process/Signal.ts"

const is = <A>(expected: string, test: (u: unknown) => boolean): Schema.declare<A> =>
  Schema.declare((u: unknown): u is A => test(u), { expected, message: expected })

const isDuration = (u: unknown): boolean =>
  !Number.isNaN(u) &&
  Option.isSome(Option.filter(Duration.fromInput(u as Duration.Input), (d) => Duration.toMillis(d) >= 0))

export const duration: Schema.declare<Duration.Input> = is(
  `a duration, such as "5 seconds" or milliseconds`,
  (u) => (typeof u === "string" || typeof u === "number" || Duration.isDuration(u)) && isDuration(u)
)
export const grace: Schema.declare<Duration.Input | "infinity"> = is(
  `a duration, such as "5 seconds", or "infinity"`,
  (u) =>
    u === "infinity" || ((typeof u === "string" || typeof u === "number" || Duration.isDuration(u)) && isDuration(u))
)
export const text: Schema.declare<string> = is("a text", Predicate.isString)
export const nonEmpty: Schema.declare<string> = is(
  "a text that is not empty",
  (u) => typeof u === "string" && u.trim() !== ""
)
export const boolean: Schema.declare<boolean> = is("true or false", Predicate.isBoolean)
export const count: Schema.declare<number> = is(
  "a whole number of at least 1",
  (u) => typeof u === "number" && Number.isInteger(u) && u >= 1
)
export const whole: Schema.declare<number> = is(
  "a whole number of at least 0",
  (u) => typeof u === "number" && Number.isInteger(u) && u >= 0
)
/** So many that each is still a process that somebody could mean. */
export const replicas: Schema.declare<number> = is(
  "a whole number from 1 to 1000",
  (u) => typeof u === "number" && Number.isInteger(u) && u >= 1 && u <= 1000
)
export const factor: Schema.declare<number> = is("a number of at least 1", (u) => typeof u === "number" && u >= 1)
export const port: Schema.declare<number> = is("a port from 1 to 65535", (u) => isPort(u))
export const portOrAny: Schema.declare<number> = is("a port from 0 to 65535", (u) => u === 0 || isPort(u))
export const secret: Schema.declare<Redacted.Redacted> = is(
  "a Redacted text of 32 characters at least",
  (u) => Redacted.isRedacted(u) && String(Redacted.value(u)).length >= 32
)
export const signal: Schema.declare<Signal> = is(
  `the name of a signal, such as "SIGTERM"`,
  (u) => typeof u === "string" && Object.hasOwn(constants.signals, u)
)
export const word: Schema.declare<Word | number | boolean> = is(
  "a text, a number, true, false, or a Redacted text",
  (u) => Predicate.isString(u) || isNumber(u) || Predicate.isBoolean(u) || Redacted.isRedacted(u)
)
export const scalar: Schema.declare<string | number | boolean> = is(
  "a text, a number, true or false",
  (u) => Predicate.isString(u) || isNumber(u) || Predicate.isBoolean(u)
)
export const textOrNumber: Schema.declare<string | number> = is(
  "a text or a number",
  (u) => Predicate.isString(u) || isNumber(u)
)
export const texts: Schema.declare<string | ReadonlyArray<string>> = is(
  "a text or a list of texts",
  (u) => Predicate.isString(u) || isTexts(u)
)
export const textsOrFalse: Schema.declare<string | ReadonlyArray<string> | false> = is(
  "a text, a list of texts, or false",
  (u) => u === false || Predicate.isString(u) || isTexts(u)
)
export const pattern: Schema.declare<RegExp | string> = is(
  "a regular expression",
  (u) => u instanceof RegExp || (typeof u === "string" && isPattern(u))
)
export const url: Schema.declare<string> = is(
  "a URL with http or https",
  (u) => typeof u === "string" && URL.canParse(u) && /^https?:/.test(u)
)

export const isPort = (u: unknown): u is number => typeof u === "number" && Number.isInteger(u) && u >= 1 && u <= 65_535

const isNumber = (u: unknown): u is number => typeof u === "number" && Number.isFinite(u)

const isTexts = (u: unknown): boolean => Array.isArray(u) && u.every(Predicate.isString)

/** Whether a text can be read as a regular expression. */
export const isPattern = (source: string): boolean => Option.isSome(Option.liftThrowable(() => new RegExp(source))())

/** One of these words. */
export const oneOf = <const A extends ReadonlyArray<string>>(...words: A): Schema.declare<A[number]> =>
  is(words.map((word) => `"${word}"`).join(", ").replace(/, ([^,]*)$/, " or $1"), (u) => words.includes(u as string))

export { is }
