/**
 * Kinds of flags that several commands have.
 *
 * Floor 4.
 */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { parseDuration, parseSince } from "./words.ts"

/** A length of time, in milliseconds. */
export const duration = (name: string, description: string): Flag.Flag<Option.Option<number>> =>
  Flag.String(name).pipe(
    Flag.withDescription(description),
    Flag.withMetavar("time"),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(parseDuration(text)),
      (text) => `"${text}" is no time. Write 30s, 5m, 1h30m or a number of seconds.`
    ),
    Flag.optional
  )

/** A moment, as `parseSince` takes it. */
export const since = (name: string, description: string): Flag.Flag<Option.Option<string>> =>
  Flag.String(name).pipe(
    Flag.withDescription(description),
    Flag.withMetavar("time"),
    Flag.filter(
      (text) => parseSince(text, 0) !== undefined,
      (text) => `"${text}" is no time. Write 5m, 2h or a date such as 2026-01-31T08:00.`
    ),
    Flag.optional
  )

/** An expression of JavaScript. */
export const expression = (name: string, description: string): Flag.Flag<Option.Option<RegExp>> =>
  Flag.String(name).pipe(
    Flag.withDescription(description),
    Flag.withMetavar("regexp"),
    Flag.mapTryCatch(
      (text) => new RegExp(text, "u"),
      (error) => error instanceof Error ? error.message : String(error)
    ),
    Flag.optional
  )

/** A number that counts something. */
export const natural = (name: string, description: string): Flag.Flag<Option.Option<number>> =>
  Flag.Int(name).pipe(
    Flag.withDescription(description),
    Flag.withMetavar("number"),
    Flag.filter((value) => value >= 0, (value) => `${value} is less than nothing. Write 0 or more.`),
    Flag.optional
  )

/** There or not. */
export const present = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withoutNegation, Flag.withDefault(false))

/** Of all nodes instead of this one. */
export const cluster = (description: string): Flag.Flag<boolean> => present("cluster", description)
