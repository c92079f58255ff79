/**
 * The lines of children, from where they are to the reader.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as ControlClient from "../../control/ControlClient.ts"
import type { Failure } from "../CliError.ts"
import { merge } from "./merge.ts"
import type { LogLine } from "../../process/LogStore.ts"

/** A line, and whose it is. */
export interface OwnedLine extends LogLine {
  readonly path: string
}

/** Which lines are wanted. */
export interface Wanted {
  readonly since: number | undefined
  /** The last so many, of all together. */
  readonly tail: number | undefined
  /** Applied here, so that nobody's expression runs in the application. */
  readonly grep: RegExp | undefined
}

/** Asks for what is stored of one child. */
export type Query = (
  path: string,
  options: { readonly reverse?: boolean; readonly since?: number }
) => Stream.Stream<LogLine, Failure>

const matches = ({ grep }: Wanted) => ({ text }: LogLine): boolean => {
  if (grep === undefined) return true
  grep.lastIndex = 0
  return grep.test(text)
}

const own = (path: string) => (line: LogLine): OwnedLine => Object.assign({}, line, { path })

/** A child without a process has no lines. */
const ifAny = <E extends Failure>(
  stream: Stream.Stream<LogLine, E>,
  path: string
): Stream.Stream<OwnedLine, Failure> =>
  stream.pipe(
    Stream.map(own(path)),
    Stream.catch((error: E): Stream.Stream<OwnedLine, Failure> =>
      error._tag === "NotAJob" ? Stream.empty : Stream.fail(error)
    )
  )

const optional = <K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V }

/** The last so many lines of one child, the oldest first. */
const lastOf = (
  query: Query,
  path: string,
  wanted: Wanted,
  tail: number
): Effect.Effect<ReadonlyArray<OwnedLine>, Failure> =>
  ifAny(query(path, { reverse: true, ...optional("since", wanted.since) }), path).pipe(
    Stream.filter(matches(wanted)),
    Stream.take(tail),
    Stream.runCollect,
    Effect.map((lines) => lines.toReversed())
  )

const time = ({ time }: LogLine): number => time

/** So many logs are read at once: a connection carries 64 calls. */
const concurrency = 16

/** What is stored of some children, in the order of time. */
export const stored = (
  query: Query,
  paths: ReadonlyArray<string>,
  wanted: Wanted
): Stream.Stream<OwnedLine, Failure> => {
  const { since, tail } = wanted
  if (tail === undefined) {
    const each = paths.map((path) => Stream.filter(ifAny(query(path, optional("since", since)), path), matches(wanted)))
    return merge(each, time)
  }
  return Stream.unwrap(Effect.map(
    Effect.forEach(paths, (path) => lastOf(query, path, wanted, tail), { concurrency }),
    (all) => {
      // Sorting keeps the order of lines of the same time.
      const lines = all.flat().toSorted((a, b) => a.time - b.time)
      return Stream.fromIterable(tail === 0 ? [] : lines.slice(-tail))
    }
  ))
}

/** What comes of one child, from a moment on. Ends with the server. */
export const following = (
  client: ControlClient.Client,
  path: string,
  from: { readonly last: number } | { readonly since: number },
  wanted: Wanted
): Stream.Stream<OwnedLine, Failure> =>
  client.logs.follow(path, { wholeLines: true, ..."last" in from ? { from } : { from: "start", ...from } }).pipe(
    Stream.filter((entry) => entry._tag === "Line"),
    Stream.filter(matches(wanted)),
    Stream.map(own(path))
  )
