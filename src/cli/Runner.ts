/**
 * Runs a configuration, for the command line. It stands apart from the other commands: those come with all they need,
 * while this is loaded with the `effect` that the children of the configuration are made of.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import type { LogLevel } from "effect/LogLevel"
import { closeSync, writeSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { byName } from "../control/internal/socketPath.ts"
import * as Telemetry from "../control/Telemetry.ts"
import * as NodeJobs from "../process/NodeJobs.ts"
import { exitCodes } from "./CliError.ts"
import * as Config from "./config/Config.ts"
import * as ConfigError from "./config/ConfigError.ts"
import type { SupervisorConfig } from "./config/SupervisorConfig.ts"
import { Prefixer } from "./internal/prefix.ts"
import * as records from "./internal/records.ts"
import type { News } from "./internal/detach.ts"
import * as runLogger from "./internal/runLogger.ts"
import { Output } from "./internal/runOutput.ts"
import { Screen } from "./internal/runScreen.ts"
import { type DashboardOptions, Session } from "./internal/runSession.ts"
import * as stateDirectory from "./internal/stateDirectory.ts"
import { choose } from "./internal/style.ts"
import { treeText } from "./internal/treeText.ts"
import { plural } from "../control/internal/words.ts"
import { duration } from "./internal/words.ts"

/**
 * What `run` was asked for. All but `file` has its default on the command line.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions {
  /** The configuration, or a directory with one. Default: the working directory. */
  readonly file: string | undefined
  /** In the place of the name that the configuration has. */
  readonly name: string | undefined
  readonly socket: string | undefined
  readonly color: boolean | undefined
  readonly json: boolean
  readonly raw: boolean
  /** The PORT of the first process of a Procfile. */
  readonly port: number | undefined
  /** After a signal that everything has obeyed, the code is 0 instead of 128 + n. */
  readonly isSignalOk: boolean
  /** The port of the dashboard, over what the configuration says; `undefined`: as that says. */
  readonly dashboard: number | undefined
  /** Whether there is a line at the bottom, if there is a terminal. */
  readonly status: boolean
  readonly logLevel: LogLevel | undefined
  /** In the background: a descriptor on which readiness is told; then the output of children is not shown. */
  readonly report: number | undefined
}

/**
 * Everything that was found out about a configuration.
 *
 * @category models
 * @since 0.1.0
 */
export interface CheckReport {
  readonly file: string
  readonly name: string | undefined
  readonly children: ReadonlyArray<string>
  readonly problems: ReadonlyArray<ConfigError.Problem & { readonly text: string }>
  /** Where it says that the output of children is to be kept. */
  readonly logDirectory?: string | undefined
}

/** In the background, all is ready when it has been so for this long: nobody watches what fails a moment later. */
const settleMillis = 300

/** So wide may a line of the tree be, so that it fits beside its prefix. */
const treeWidth = 70

const files = Layer.merge(NodeFileSystem.layer, NodePath.layer)

/**
 * What is wrong with a configuration; nothing is started.
 *
 * @category running
 * @since 0.1.0
 */
export const check = (file: string | undefined): Promise<CheckReport> =>
  Effect.runPromise(
    Config.load({ file }).pipe(
      Effect.map((config): CheckReport => ({
        file: config.file,
        name: config.name,
        children: config.children.map(({ name }) => name),
        problems: [],
        logDirectory: config.logDirectory
      })),
      Effect.catchTags({
        ConfigInvalid: ({ file, problems }) =>
          Effect.succeed<CheckReport>({
            file,
            name: undefined,
            children: [],
            problems: problems.map((problem) => ({ ...problem, text: ConfigError.show(problem) }))
          }),
        ConfigNotFound: ({ directory, message }) =>
          Effect.succeed<CheckReport>({
            file: directory,
            name: undefined,
            children: [],
            problems: [{
              kind: "File",
              file: directory,
              line: undefined,
              path: "",
              message: "there is no configuration",
              advice: "Name the file",
              text: message
            }]
          })
      }),
      Effect.provide(files)
    )
  )

/**
 * Runs a configuration until it ends; answers with the exit code.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (options: RunOptions): Promise<number> =>
  Effect.runPromise(
    Effect.matchEffect(loader(options), {
      onFailure: ({ message }) =>
        Effect.sync(() => {
          process.stderr.write(`${message}\n`)
          return exitCodes.failed
        }),
      onSuccess: (config) => runConfig(config, options)
    }).pipe(Effect.provide(files))
  )

const loader = ({ file, name, port }: RunOptions) =>
  Effect.map(
    Config.load({ file, ports: port === undefined ? undefined : { base: port } }),
    (config): SupervisorConfig => name === undefined ? config : { ...config, name }
  )

const runConfig = Effect.fnUntraced(function*(config: SupervisorConfig, options: RunOptions) {
  const { json, raw, report } = options
  const style = choose({ flag: options.color, isTTY: process.stdout.isTTY === true, environment: process.env })
  const directory = dirname(config.file)
  const socket = resolve(options.socket ?? byName(config.name))
  const startedAt = yield* Clock.currentTimeMillis
  const prefixer = new Prefixer({ style, raw }, config.children.map(({ name }) => name))
  const screen: Screen = new Screen(
    process.stdout as ConstructorParameters<typeof Screen>[0],
    options.status && !json,
    () => session.lostReader()
  )
  const say = (text: string): void =>
    screen.write(
      text.split("\n").map((line) => json ? JSON.stringify({ path: null, text: line }) : prefixer.own("esv", line))
    )
  const running: records.Running = { name: config.name, pid: process.pid, socket, file: config.file, directory }
  // Told once: after that the descriptor is somebody else's.
  let untold = report
  const tellOnce = (news: News): void => {
    const descriptor = untold
    untold = undefined
    if (descriptor !== undefined) tell(descriptor, news)
  }
  const session: Session = new Session({
    load: loader(options),
    config,
    dashboard: dashboardOf(config, options),
    socket,
    screen,
    style,
    say,
    output: report === undefined
      ? (until) => new Output({ screen, prefixer, json, since: startedAt, until })
      : undefined,
    // Without its note it is not found by its directory, which is no reason to end.
    onListening: Effect.try(() => records.write(running)).pipe(
      Effect.catch(({ cause }) =>
        Effect.sync(() => say(`no note of this run could be left, so say its socket by --socket: ${String(cause)}`))
      )
    ),
    settleMillis: report === undefined ? 0 : settleMillis,
    isSignalOk: options.isSignalOk,
    onReady: (snapshot, children) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        say(`all ready after ${duration(now - startedAt)}`)
        // A list without levels is known from the configuration.
        if (snapshot.children.some(({ supervisor }) => supervisor !== undefined)) {
          for (const line of treeText(snapshot, new Map(), now, treeWidth, style)) say(line)
        }
        tellOnce({ name: config.name, pid: process.pid, socket, children })
      }),
    onStuck: (path, message) => tellOnce({ pid: process.pid, path, message })
  })
  say(`${config.name}: ${plural(config.children.length, "child", "children")} from ${config.file}`)
  const logger = runLogger.make({ name: "esv", prefixer, style, json, write: (lines) => screen.write(lines) })
  const code = yield* session.run.pipe(
    Effect.ensuring(Effect.sync(() => records.remove(running))),
    Effect.provide(Layer.merge(
      NodeJobs.layer({ directory: config.logDirectory ?? stateDirectory.jobs(directory, config.name) }),
      telemetry(config).pipe(Layer.provideMerge(Logger.layer([logger])))
    )),
    options.logLevel === undefined
      ? (effect) => effect
      : Effect.provideService(References.MinimumLogLevel, options.logLevel)
  )
  yield* screen.flush
  return code
})

/** Taken out of the environment: with it, every child could steer all the others. */
const takeToken = (): string | undefined => {
  const token = process.env["EFFECT_SUPERVISOR_TOKEN"]
  delete process.env["EFFECT_SUPERVISOR_TOKEN"]
  return token
}

const telemetry = ({ name, telemetry }: SupervisorConfig): Layer.Layer<never> =>
  Telemetry.layer({ endpoint: telemetry?.otlp, serviceName: process.env["OTEL_SERVICE_NAME"] ?? name })

/** What the configuration and the command line say of the dashboard, and with it of metrics. */
const dashboardOf = (
  { dashboard, telemetry }: SupervisorConfig,
  { dashboard: port }: RunOptions
): DashboardOptions | undefined => {
  const token = takeToken()
  const metrics = telemetry?.prometheus
  const wanted = dashboard ?? (port !== undefined ? {} : metrics === true ? { readOnly: true } : undefined)
  return wanted && {
    ...wanted,
    token: wanted.token ?? (token === undefined ? undefined : Redacted.make(token)),
    port: port ?? wanted.port,
    metrics
  }
}

/** Whoever has started this may have gone. */
const tell = (descriptor: number, news: News): void => {
  try {
    writeSync(descriptor, `${JSON.stringify(news)}\n`)
    closeSync(descriptor)
  } catch {
    // Then nobody waits for it.
  }
}
