/**
 * The configuration of a supervisor: read from `supervisor.config.ts`, a `Procfile` or a process-compose file, looked at
 * as a whole, and made into a manager.
 *
 * **Details**
 *
 * A file is read by its name. Everything that is wrong with it is told at once, with file and line, and nothing that is
 * not understood is passed over. Beside the file, `.env` is read. Whatever comes from a file with variables, and every
 * variable that looks secret, is `Redacted`.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as ProcessManager from "../../ProcessManager.ts"
import type * as Runnable from "../../Runnable.ts"
import type { Handle, ReconcileReport, Supervisor } from "../../Supervisor.ts"
import {
  type DuplicateChild,
  InvalidOption,
  type MaxChildrenReached,
  type SupervisorClosed
} from "../../SupervisorError.ts"
import { ConfigInvalid, ConfigNotFound, type Problem } from "./ConfigError.ts"
import type { ConfigSpec, Services } from "./ConfigSpec.ts"
import { boardOf } from "./internal/board.ts"
import { complete } from "./internal/complete.ts"
import * as composeReader from "./internal/composeReader.ts"
import { type Environment, readBase, readText } from "./internal/environment.ts"
import { showUnmet } from "./internal/gate.ts"
import * as moduleReader from "./internal/moduleReader.ts"
import { fileNames as names, isCode } from "./internal/fileNames.ts"
import { reload } from "./internal/reload.ts"
import { Problems } from "./internal/problems.ts"
import * as procfileReader from "./internal/procfileReader.ts"
import * as starting from "./internal/starter.ts"
import { othersOf, toRunnable } from "./internal/toRunnable.ts"
import type { Format, SupervisorConfig } from "./SupervisorConfig.ts"

/**
 * A configuration in TypeScript, checked by the compiler.
 *
 * **Example** (A `supervisor.config.ts`)
 *
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { defineConfig } from "effect-supervisor/cli/config/Config"
 *
 * export default defineConfig({
 *   children: {
 *     migrate: { command: "node migrate.js", restart: "never" },
 *     web: {
 *       command: ["node", "server.js"],
 *       env: { PORT: 8080 },
 *       ready: { http: "http://127.0.0.1:8080/health" },
 *       dependsOn: { migrate: "succeeded" },
 *       replicas: 2
 *     },
 *     heartbeat: Effect.repeat(Effect.log("alive"), Schedule.spaced("1 minute"))
 *   }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const defineConfig = (config: ConfigSpec): ConfigSpec => config

/**
 * Where a configuration is looked for, and what it is read with. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoadOptions {
  /** The file, or a directory with one. Default: the working directory. */
  readonly file?: string | undefined
  /** The environment of the supervisor. Default: that of this process. */
  readonly environment?: Environment | undefined
  /** Whether `.env` beside the file is read. Default: true. */
  readonly dotEnv?: boolean | undefined
  /**
   * Gives each process of a Procfile its PORT, as foreman and overmind do: `base` (5000), and `step` (100) more for each
   * next. Default: it is not set.
   */
  readonly ports?: { readonly base?: number | undefined; readonly step?: number | undefined } | undefined
}

/**
 * The names under which a configuration is looked for, in this order.
 *
 * @category constants
 * @since 0.1.0
 */
export const fileNames: ReadonlyArray<string> = names

/**
 * How a file is read, by its name; `undefined` if no format has such names.
 *
 * @category conversions
 * @since 0.1.0
 */
export const formatOf = (file: string): Format | undefined => {
  if (isCode(file)) return "module"
  if (/\.ya?ml$/.test(file)) return "process-compose"
  return /(?:^|[\\/])Procfile[^\\/]*$|\.procfile$/i.test(file) ? "procfile" : undefined
}

type Files = FileSystem.FileSystem | Path.Path

/** The file that is meant. */
const find: (options: LoadOptions) => Effect.Effect<string, ConfigNotFound, Files> = Effect.fnUntraced(
  function*(options) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const given = path.resolve(options.file ?? ".")
    const info = yield* Effect.orElseSucceed(fs.stat(given), () => undefined)
    if (info === undefined) {
      return yield* new ConfigNotFound({ directory: path.dirname(given), tried: [path.basename(given)] })
    }
    if (info.type !== "Directory") return given
    for (const name of fileNames) {
      const file = path.join(given, name)
      if (yield* Effect.orElseSucceed(fs.exists(file), () => false)) return file
    }
    return yield* new ConfigNotFound({ directory: given, tried: fileNames })
  }
)

const nowhere = { path: "", line: undefined }

/** What is in a file; `undefined` if too little of it could be read. */
const read = Effect.fnUntraced(function*(file: string, options: LoadOptions, problems: Problems) {
  const path = yield* Path.Path
  const format = formatOf(file)
  if (format === undefined) {
    const advice = `Name it as one of ${fileNames.join(", ")}`
    problems.add("File", nowhere, "its name does not tell its format", advice)
    return undefined
  }
  const text = yield* readText(file)
  if (typeof text !== "string") {
    problems.add("File", nowhere, `it ${text.what}`, text.advice)
    return undefined
  }
  const { dotEnv = true, environment = process.env, ports } = options
  const about = { file, directory: path.dirname(file), environment, problems, dotEnv }
  switch (format) {
    case "module":
      return yield* moduleReader.read(text, about)
    case "process-compose":
      return yield* composeReader.read(text, about)
    case "procfile":
      return {
        draft: procfileReader.read(text, { ...about, ports }),
        base: yield* readBase(about, dotEnv ? undefined : false, nowhere)
      }
  }
})

/** What only the making of a child finds out. */
const tryOut = (config: SupervisorConfig, problems: Problems): void => {
  const others = othersOf(config.children)
  for (const child of config.children) {
    const made = Result.try({ try: () => toRunnable(child, others), catch: (error) => error })
    if (Result.isSuccess(made)) continue
    const { failure } = made
    if (!(failure instanceof InvalidOption)) throw failure
    const place = { path: child.group, line: child.line }
    problems.add("WrongValue", place, `${failure.option} is not what this takes`, `Write ${failure.expected}`)
  }
}

const inspect = Effect.fnUntraced(function*(options: LoadOptions) {
  const file = yield* find(options)
  const problems = new Problems(file)
  const found = yield* read(file, options, problems)
  const config = found === undefined ? undefined : yield* complete(found.draft, found.base)
  if (config !== undefined && problems.list.length === 0) tryOut(config, problems)
  return { file, config, problems: problems.list }
})

/**
 * The configuration, ready to run. A module is imported again when its text has changed; what it imports itself is not.
 *
 * @category loading
 * @since 0.1.0
 */
export const load: (
  options?: LoadOptions
) => Effect.Effect<SupervisorConfig, ConfigNotFound | ConfigInvalid, Files> = Effect.fnUntraced(
  function*(options = {}) {
    const { config, file, problems: [first, ...others] } = yield* inspect(options)
    if (first !== undefined) return yield* new ConfigInvalid({ file, problems: [first, ...others] })
    return config!
  }
)

/**
 * Everything that is wrong with a configuration; nothing is started.
 *
 * @category loading
 * @since 0.1.0
 */
export const check = (options: LoadOptions = {}): Effect.Effect<ReadonlyArray<Problem>, ConfigNotFound, Files> =>
  Effect.map(inspect(options), ({ problems }) => problems)

/**
 * A child of a configuration, as it runs.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Child = Runnable.Runnable<unknown, Services | Supervisor>

/**
 * The children as Runnables, each after those that it needs; without those that are disabled.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toRunnables = (config: SupervisorConfig): ReadonlyArray<Child> => {
  const others = othersOf(config.children)
  return config.children.filter(({ disabled }) => !disabled).map((child) => toRunnable(child, others))
}

/**
 * One child by its name, also a disabled one: for `Handle.add`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toChild = (config: SupervisorConfig, name: string): Child | undefined => {
  const child = config.children.find((child) => child.name === name)
  return child === undefined ? undefined : toRunnable(child, othersOf(config.children))
}

/**
 * The name of the child that starts all others and then leaves.
 *
 * @category constants
 * @since 0.1.0
 */
export const starterName: string = starting.starterName

/**
 * The manager that a configuration describes. Its children are started all at once, each as soon as its dependencies
 * let it, by a child that leaves when all are ready; they stop in reverse, dependents first.
 *
 * **Details**
 *
 * A child whose dependencies are not met yet is `Starting`; `waiting` tells for whom. One whose dependencies cannot be
 * met any more gives up with `DependencyFailed`. Children that are done stay among the others. `beside` are children
 * that no file knows, started before all others and stopped after them: who listens for signals, who serves the tree.
 *
 * **Gotchas**
 *
 * The manager ends when no child is left to run: those `beside` count too.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toManager = (
  config: SupervisorConfig,
  beside: ReadonlyArray<Child> = []
): ProcessManager.ProcessManager<unknown, Services> =>
  ProcessManager.make<ReadonlyArray<Child>>(config.name, [...beside, starting.starter(toRunnables(config))], {
    ...config.options,
    autoCleanup: false
  })

/**
 * Makes the children of a running supervisor what the configuration says, and touches only those that differ. `beside`
 * are those that `toManager` got.
 *
 * **Details**
 *
 * It is done when everything new has been launched: `waiting` and the status tell how that goes on. A child that was
 * stopped or held by hand stays so. A disabled child that somebody has started is stopped, as one that is not in the file
 * any more. Options of the manager stay as they were until it is started again.
 *
 * @category operations
 * @since 0.1.0
 */
export const reconcile = (
  handle: Handle<unknown>,
  config: SupervisorConfig,
  beside: ReadonlyArray<Child> = []
): Effect.Effect<ReconcileReport, DuplicateChild | MaxChildrenReached | SupervisorClosed, Services> =>
  reload(handle, beside, toRunnables(config))

/**
 * A child that waits, and for what: each in words, such as "db to be ready (it is starting)".
 *
 * @category models
 * @since 0.1.0
 */
export interface Waiting {
  readonly child: string
  readonly for: ReadonlyArray<{ readonly child: string; readonly condition: string; readonly text: string }>
}

/**
 * Which children of a running supervisor wait for others.
 *
 * @category operations
 * @since 0.1.0
 */
export const waiting = (handle: Handle<unknown>): Effect.Effect<ReadonlyArray<Waiting>> =>
  Effect.sync(() =>
    Array.from(boardOf(handle).waiting, ([child, unmet]) => ({
      child,
      for: unmet.map((one) => ({ child: one.child, condition: one.condition, text: showUnmet(one) }))
    }))
  )

/**
 * The child with `endsAllOnFailure` that has failed and so ended everything, if one has. The supervisor itself then ends
 * well.
 *
 * @category operations
 * @since 0.1.0
 */
export const culprit = (
  handle: Handle<unknown>
): Effect.Effect<{ readonly child: string; readonly cause: Cause.Cause<unknown> } | undefined> =>
  Effect.sync(() => boardOf(handle).culprit)
