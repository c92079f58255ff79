/**
 * `esv run`, `esv up` and `esv start`: what brings a tree up.
 *
 * Floor 4.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Exit, type Failure } from "../CliError.ts"
import { detach } from "../internal/detach.ts"
import * as flags from "../internal/flags.ts"
import { Color, type Globals, Json, Name, Socket } from "../internal/globals.ts"
import { print, printJson } from "../internal/output.ts"
import * as records from "../internal/records.ts"
import { runnerOf } from "../internal/runner.ts"
import { answers } from "../internal/which.ts"
import { duration } from "../internal/words.ts"
import { resolve } from "node:path"
import { perform } from "./verbs.ts"

interface Background {
  readonly port: Option.Option<number>
  readonly file: string | undefined
  readonly dashboard: Option.Option<number>
  readonly timeout: Option.Option<number>
}

/** The supervisor of this configuration, if it runs. */
const already = (file: string | undefined, name: string | undefined) => {
  const path = resolve(file ?? ".")
  const same = records.list().filter((one) =>
    (one.file === path || one.directory === path) && (name === undefined || one.name === name)
  )
  return Effect.map(Effect.filter(same, ({ socket }) => answers(socket)), ([first]) => first)
}

const background = Effect.fnUntraced(function*({ dashboard, file, port, timeout }: Background) {
  const before = performance.now()
  const up = yield* already(file, Option.getOrUndefined(yield* Name))
  if (up !== undefined) {
    if (yield* Json) return yield* printJson({ ...up, already: true })
    return yield* print(
      `Supervisor "${up.name}" is up already (pid ${up.pid}); "esv reload" takes up what has changed in ${up.file}.\n`
    )
  }
  const started = yield* detach({
    file,
    dashboard: Option.getOrUndefined(dashboard),
    port: Option.getOrUndefined(port),
    name: Option.getOrUndefined(yield* Name),
    socket: Option.getOrUndefined(yield* Socket),
    timeout: Option.getOrUndefined(timeout)
  })
  if (yield* Json) return yield* printJson(started)
  const { children, log, name, pid, socket } = started
  yield* print([
    `Supervisor "${name}" is up (pid ${pid}): ${children} ready after ${duration(performance.now() - before)}.`,
    `  socket  ${socket}`,
    `  log     ${log}`,
    `esv ps, esv logs -f, esv shutdown\n`
  ].join("\n"))
})

const timeout = flags.duration("timeout", "In the background: how long to wait until all is ready; default: 60s")

const dashboard = Flag.Int("dashboard").pipe(
  Flag.withDescription("Serve the web page on this port of 127.0.0.1; 0: any that is free"),
  Flag.withMetavar("port"),
  Flag.filter((port) => port >= 0 && port <= 65_535, (port) => `${port} is no port. Write 0 to 65535.`),
  Flag.optional
)

const portFlag = Flag.Int("port").pipe(
  Flag.withDescription(
    "Give each process of a Procfile a PORT, as foreman does: this one to the first, 100 more to each next"
  ),
  Flag.withAlias("p"),
  Flag.withMetavar("base"),
  Flag.filter((port) => port > 0 && port <= 65_535, (port) => `${port} is no port. Write 1 to 65535.`),
  Flag.optional
)

const file = Argument.String("config").pipe(
  Argument.withDescription(
    "supervisor.config.ts, Procfile, process-compose.yaml, or a directory with one; default: the working directory"
  ),
  Argument.optional
)

interface RunInput {
  readonly detach: boolean
  readonly raw: boolean
  readonly status: boolean
  readonly timeout: Option.Option<number>
  readonly dashboard: Option.Option<number>
  readonly signalOk: boolean
  readonly port: Option.Option<number>
  readonly report: Option.Option<number>
  readonly file: Option.Option<string>
}

export const run: Command.Command<"run", RunInput, {}, Failure, Globals> = Command.make(
  "run",
  {
    detach: flags.present("detach", "In the background, as esv up").pipe(Flag.withAlias("d")),
    raw: flags.present("raw", "Show terminal escapes of children as they are"),
    status: Flag.Boolean("status").pipe(
      Flag.withDescription("The line at the bottom of the terminal, or none"),
      Flag.withDefault(true)
    ),
    timeout,
    dashboard,
    port: portFlag,
    signalOk: flags.present("signal-ok", "Exit with 0 instead of 128 + n after a signal that everything has obeyed"),
    report: Flag.Int("report").pipe(Flag.optional, Flag.withHidden),
    file
  },
  Effect.fnUntraced(function*(input: RunInput) {
    const given = Option.getOrUndefined(input.file)
    if (input.detach) return yield* background({ ...input, file: given })
    const { file, run } = yield* runnerOf(given)
    const name = Option.getOrUndefined(yield* Name)
    const socket = Option.getOrUndefined(yield* Socket)
    const color = Option.getOrUndefined(yield* Color)
    const json = yield* Json
    const logLevel = Option.getOrUndefined(yield* GlobalFlag.LogLevel)
    const report = Option.getOrUndefined(input.report)
    const { raw, signalOk: isSignalOk, status } = input
    const dashboard = Option.getOrUndefined(input.dashboard)
    const port = Option.getOrUndefined(input.port)
    const code = yield* Effect.promise(() =>
      run({ file, dashboard, port, isSignalOk, name, socket, color, json, raw, status, logLevel, report })
    )
    if (code !== 0) return yield* new Exit({ code })
  })
).pipe(
  Command.withDescription(
    "Run a configuration in the foreground: with the output of all children, until they end or Ctrl-C"
  )
)

interface UpInput {
  readonly port: Option.Option<number>
  readonly dashboard: Option.Option<number>
  readonly timeout: Option.Option<number>
  readonly file: Option.Option<string>
}

export const up: Command.Command<"up", UpInput, {}, Failure, Globals> = Command.make(
  "up",
  { timeout, dashboard, port: portFlag, file },
  (input: UpInput) => background({ ...input, file: Option.getOrUndefined(input.file) })
).pipe(Command.withDescription("Run a configuration in the background; done when all is ready"))

interface StartInput {
  readonly timeout: Option.Option<number>
  readonly targets: ReadonlyArray<string>
}

export const start: Command.Command<"start", StartInput, {}, Failure, Globals> = Command.make(
  "start",
  {
    timeout,
    targets: Argument.String("child").pipe(
      Argument.withDescription("Names, paths or globs; without: the supervisor, as esv up"),
      Argument.variadic()
    )
  },
  ({ targets, timeout }: StartInput) =>
    targets.length > 0
      ? perform("start", { targets })
      : background({ file: undefined, dashboard: Option.none(), port: Option.none(), timeout })
).pipe(Command.withDescription("Start children; without any: the supervisor in the background, as esv up"))
