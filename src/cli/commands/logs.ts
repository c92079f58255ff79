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
import * as Result from "effect/Result"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import { dirname } from "node:path"
import type * as ControlClient from "../../control/ControlClient.ts"
import { Failed, type Failure } from "../CliError.ts"
import { matching, wildcards } from "../../control/internal/targets.ts"
import { select } from "../internal/children.ts"
import { connect } from "../internal/connection.ts"
import * as flags from "../internal/flags.ts"
import { follow } from "../internal/following.ts"
import { type Globals, Json, Name, Socket, style } from "../internal/globals.ts"
import { type OwnedLine, stored, type Wanted } from "../internal/logLines.ts"
import { note, print } from "../internal/output.ts"
import { Prefixer } from "../internal/prefix.ts"
import { runnerOf } from "../internal/runner.ts"
import { jobs } from "../internal/stateDirectory.ts"
import type { Style } from "../internal/style.ts"
import { clock, isOwn, parseSince } from "../internal/words.ts"
import { configurationAbove } from "../internal/which.ts"
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

/** Whether a child is meant that is known only by its path. */
const isMeant = (targets: ReadonlyArray<string>) => (path: string): boolean =>
  !isOwn(path) && (targets.length === 0 || targets.some((target) => {
    if (target === path || path.startsWith(`${target}/`)) return true
    if (!wildcards.test(target)) return false
    const child = { path, name: path } as never
    return matching({ children: [child] } as never, target).length > 0
  }))

/** Which lines are wanted, and how they are shown. */
const planOf = Effect.fnUntraced(function*(input: Input, paths: ReadonlyArray<string>) {
  const now = yield* Clock.currentTimeMillis
  const since = Option.getOrUndefined(Option.map(input.since, (text) => parseSince(text, now)!))
  const grep = Option.getOrUndefined(input.grep)
  const tail = Option.getOrElse(input.tail, () => since === undefined && grep === undefined ? defaultTail : undefined)
  const wanted: Wanted = { since, tail, grep }
  return { wanted, show: formatter(input, paths, yield* Json, yield* style, now) }
})

const printAll = (lines: Stream.Stream<OwnedLine, Failure, Scope>, show: (line: OwnedLine) => string) =>
  Stream.runForEachArray(lines, (some) => print(`${some.map(show).join("\n")}\n`))

/** Of a supervisor that runs. */
const showRunning = Effect.fnUntraced(function*(client: ControlClient.Client, input: Input) {
  const snapshot = yield* client.status
  const children = yield* Effect.catch(
    select(snapshot, input.targets),
    // One that is not there yet may be followed by a glob.
    (error) =>
      input.follow && input.targets.every((target) => wildcards.test(target)) ? Effect.succeed([]) : Effect.fail(error)
  )
  const paths = children.flatMap(({ path, supervisor }) => supervisor === undefined ? [path] : [])
  const { show, wanted } = yield* planOf(input, paths)
  const last = Option.getOrElse(input.tail, () => defaultLast)
  const lines = input.follow
    ? follow({ client, paths, isMeant: isMeant(input.targets), wanted, last })
    : stored(client.logs.query, paths, wanted)
  yield* printAll(lines, show)
})

/** Of one that does not run, what it has left; where it has left nothing, or is to be followed, that it does not run. */
const showLeft = Effect.fnUntraced(function*(
  missing: Effect.Error<typeof connect>,
  input: Input
) {
  const configuration = configurationAbove(process.cwd())
  const isElsewhere = Option.isSome(yield* Socket) || missing._tag === "ProtocolMismatch"
  if (input.follow || isElsewhere || configuration === undefined) return yield* missing
  const { check } = yield* runnerOf(configuration)
  const { children, logDirectory, name } = yield* Effect.promise(() => check(configuration))
  const supervisor = Option.getOrElse(yield* Name, () => name)
  if (supervisor === undefined) return yield* missing
  const { find } = yield* Effect.promise(() => import("../internal/leftLogs.ts"))
  const left = yield* find(logDirectory ?? jobs(dirname(configuration), supervisor), children)
  const paths = left.paths.filter(isMeant(input.targets))
  if (left.paths.length === 0) return yield* missing
  yield* note(`The supervisor "${supervisor}" of ${configuration} is not running: this is what it has left.`)
  if (paths.length === 0) {
    return yield* new Failed({
      message: `Nothing is left of ${input.targets.join(", ")}. There is something of ${left.paths.join(", ")}.`
    })
  }
  const { show, wanted } = yield* planOf(input, paths)
  yield* printAll(stored(left.query, paths, wanted), show)
})

const handler = Effect.fnUntraced(function*(input: Input) {
  const client = yield* Effect.result(connect)
  yield* Result.isSuccess(client) ? showRunning(client.success, input) : showLeft(client.failure, input)
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
).pipe(Command.withDescription("Show the output of children, also when the supervisor does not run any more"))
