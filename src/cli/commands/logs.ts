/**
 * `esv logs`: what children have said, and say.
 *
 * Floor 4.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Failure } from "../CliError.ts"
import { matching, wildcards } from "../../control/internal/targets.ts"
import { select } from "../internal/children.ts"
import { connect } from "../internal/connection.ts"
import * as flags from "../internal/flags.ts"
import { follow } from "../internal/following.ts"
import { type Globals, Json, style } from "../internal/globals.ts"
import { type OwnedLine, stored } from "../internal/logLines.ts"
import { print } from "../internal/output.ts"
import { Prefixer } from "../internal/prefix.ts"
import type { Style } from "../internal/style.ts"
import { clock, isOwn, parseSince } from "../internal/words.ts"
import { neutralise } from "../internal/escapes.ts"

interface Input {
  readonly follow: boolean
  readonly since: Option.Option<string>
  readonly tail: Option.Option<number>
  readonly grep: Option.Option<RegExp>
  readonly raw: boolean
  readonly time: boolean
  readonly targets: ReadonlyArray<string>
}

/** So many lines are shown where nothing says how many: of all together, and first of each when following. */
const defaultTail = 100
const defaultLast = 10

const formatter = (
  input: Input,
  paths: ReadonlyArray<string>,
  json: boolean,
  look: Style,
  now: number
): (line: OwnedLine) => string => {
  if (json) {
    return ({ continued, path, run, stream, text, time }) =>
      JSON.stringify({ path, time, run, stream, text, ...continued ? { continued } : {} })
  }
  const stamp = ({ time }: OwnedLine) => input.time ? `${look.dim(clock(time, now))} ` : ""
  const isOne = input.targets.length === 1 && paths.length === 1
  if (isOne) return (line) => stamp(line) + (input.raw ? line.text : neutralise(line.text))
  const prefixer = new Prefixer({ style: look, raw: input.raw }, paths)
  return (line) => stamp(line) + prefixer.line(line)
}

/** Whether a child that turns up later is meant. */
const later = (targets: ReadonlyArray<string>) => (path: string): boolean =>
  !isOwn(path) && (targets.length === 0 || targets.some((target) => {
    if (target === path || path.startsWith(`${target}/`)) return true
    if (!wildcards.test(target)) return false
    const child = { path, name: path } as never
    return matching({ children: [child] } as never, target).length > 0
  }))

const handler = Effect.fnUntraced(function*(input: Input) {
  const client = yield* connect
  const snapshot = yield* client.status
  const children = yield* Effect.catch(
    select(snapshot, input.targets),
    // One that is not there yet may be followed by a glob.
    (error) =>
      input.follow && input.targets.every((target) => wildcards.test(target)) ? Effect.succeed([]) : Effect.fail(error)
  )
  const paths = children.flatMap(({ path, supervisor }) => supervisor === undefined ? [path] : [])
  const now = yield* Clock.currentTimeMillis
  const since = Option.getOrUndefined(Option.map(input.since, (text) => parseSince(text, now)!))
  const grep = Option.getOrUndefined(input.grep)
  const tail = Option.getOrElse(input.tail, () => since === undefined && grep === undefined ? defaultTail : undefined)
  const show = formatter(input, paths, yield* Json, yield* style, now)
  const wanted = { since, tail, grep }
  const last = Option.getOrElse(input.tail, () => defaultLast)
  const lines = input.follow
    ? follow({ client, paths, isMeant: later(input.targets), wanted, last })
    : stored(client, paths, wanted)
  yield* Stream.runForEachArray(lines, (some) => print(`${some.map(show).join("\n")}\n`))
}, Effect.scoped)

export const logs: Command.Command<"logs", Input, {}, Failure, Globals> = Command.make(
  "logs",
  {
    follow: flags.present("follow", "Go on with what comes, until Ctrl-C or the end").pipe(Flag.withAlias("f")),
    since: flags.since("since", "Not before: so long ago (5m, 2h), or a date (2026-01-31T08:00)"),
    tail: flags.natural("tail", `The last so many lines; default: ${defaultTail}, or all with --since or --grep`),
    grep: flags.expression("grep", "Only lines that match"),
    raw: flags.present("raw", "Show terminal escapes as they are"),
    time: flags.present("time", "Show the time of each line"),
    targets: Argument.String("child").pipe(
      Argument.withDescription("Names, paths or globs; several are merged, each line with its name. Default: all"),
      Argument.variadic()
    )
  },
  handler
).pipe(Command.withDescription("Show the output of children"))
