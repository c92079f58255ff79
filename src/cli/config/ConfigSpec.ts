/**
 * What a person writes: the types of `supervisor.config.ts`, and what the other formats are read into.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { FileSystem } from "effect/FileSystem"
import type * as Layer from "effect/Layer"
import type { Path } from "effect/Path"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type { Redacted } from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { ManagerOptions } from "../../ManagerOptions.ts"
import type { RestartPolicy } from "../../RestartPolicy.ts"
import type { Runnable } from "../../Runnable.ts"
import type { Supervisor } from "../../Supervisor.ts"
import type { Word } from "../../process/Command.ts"
import type { Jobs } from "../../process/Jobs.ts"
import type { Signal } from "../../process/Signal.ts"
import type { Spawner } from "../../process/Spawner.ts"

/**
 * What a child that is written as an Effect, Layer or Runnable may need: whoever runs the configuration has it.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Services = Jobs | Spawner | ChildProcessSpawner | FileSystem | Path

/**
 * What to run: words without a shell, as a line or as a list, or a script for a shell.
 *
 * **Details**
 *
 * A line is split as a POSIX shell splits it, and refused if it needs more of a shell than that, such as `|` or `$HOME`:
 * then write `{ shell: line }`.
 *
 * @category models
 * @since 0.1.0
 */
export type CommandLine = string | readonly [program: string, ...args: ReadonlyArray<Word>] | { readonly shell: string }

/**
 * How to find out whether a process serves; see the module `Probe`. A log pattern that is a string is a regular
 * expression; a number is a TCP port on 127.0.0.1; memory is the most, in bytes, that its group may use.
 *
 * @category models
 * @since 0.1.0
 */
export type ProbeSpec =
  | { readonly log: RegExp | string; readonly stream?: "stdout" | "stderr" | undefined }
  | { readonly tcp: number | { readonly port: number; readonly host?: string | undefined } }
  | { readonly http: string; readonly statuses?: ReadonlyArray<number> | undefined }
  | { readonly exec: CommandLine; readonly cwd?: string | undefined }
  | { readonly memory: number }
  | { readonly notify: true }

/**
 * When a process is ready. The defaults are those of `Probe.readinessDefaults`.
 *
 * @category models
 * @since 0.1.0
 */
export type ReadinessSpec = ProbeSpec & {
  /** How long it may take until it is ready; then it is stopped and has failed. Default: "60 seconds". */
  readonly timeout?: Duration.Input | undefined
  /** From the end of one try to the next. Default: "100 millis". */
  readonly interval?: Duration.Input | undefined
  /** How long one try may take. Default: "1 second". */
  readonly tryTimeout?: Duration.Input | undefined
}

/**
 * Whether a process is alive. The defaults are Kubernetes'.
 *
 * @category models
 * @since 0.1.0
 */
export type LivenessSpec = ProbeSpec & {
  /** From ready to the first try. Default: "0 seconds". */
  readonly initialDelay?: Duration.Input | undefined
  /** From the end of one try to the next. Default: "10 seconds". */
  readonly interval?: Duration.Input | undefined
  /** How long one try may take. Default: "1 second". */
  readonly timeout?: Duration.Input | undefined
  /** How many failures in a row end the process. Default: 3. */
  readonly failures?: number | undefined
}

/**
 * When a child runs again. All but the policy is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface RestartSpec {
  readonly policy: "on-failure" | "always"
  /** How long to wait before the first restart. Default: "100 millis". */
  readonly delay?: Duration.Input | undefined
  /** Each wait is so many times the one before; 1 keeps it. Default: 2. */
  readonly factor?: number | undefined
  /** The longest wait. Default: "30 seconds". */
  readonly maxDelay?: Duration.Input | undefined
  /** Whether waits vary by a fifth either way, so that many children do not come back at once. Default: true. */
  readonly jitter?: boolean | undefined
  /** How many restarts there may be until it gives up. Default: unlimited. */
  readonly maxRestarts?: number | undefined
  /** After so much healthy uptime the waits and `maxRestarts` begin afresh; `false`: never. Default: "10 seconds". */
  readonly resetAfter?: Duration.Input | false | undefined
}

/**
 * How a process is stopped.
 *
 * @category models
 * @since 0.1.0
 */
export interface StopSpec {
  /** The signal that asks its group to end. Default: "SIGTERM"; with `command`: none. */
  readonly signal?: Signal | undefined
  /** How long it may take until its group is sent SIGKILL. Default: "5 seconds"; with `command`: "10 seconds". */
  readonly grace?: Duration.Input | "infinity" | undefined
  /**
   * Run instead of sending a signal when it is asked to stop, with the surroundings of the process. A process that is
   * ended because it failed (a probe, say) is not asked.
   */
  readonly command?: CommandLine | undefined
}

/**
 * What has to be so before a child starts: the other one was started once, is ready, has ended for good (however that
 * was), or has ended well.
 *
 * @category models
 * @since 0.1.0
 */
export type Condition = "started" | "ready" | "completed" | "succeeded"

/**
 * The names of the conditions.
 *
 * @category constants
 * @since 0.1.0
 */
export const conditions: readonly ["started", "ready", "completed", "succeeded"] = [
  "started",
  "ready",
  "completed",
  "succeeded"
]

/**
 * What can be said about every child. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildSpec {
  /**
   * Which other children it needs before each of its starts: a list of those that have to be ready, or by name what has
   * to be so. A name with replicas stands for all of them. Default: none.
   */
  readonly dependsOn?: ReadonlyArray<string> | Readonly<Record<string, Condition>> | undefined
  /** Groups by which it can be started, stopped and so on, together with others. Default: none. */
  readonly namespace?: string | ReadonlyArray<string> | undefined
  /** For people. Default: none. */
  readonly description?: string | undefined
  /** It is known and not started. Default: false. */
  readonly disabled?: boolean | undefined
  /** Its end for good can end everything: see `autoShutdown`. Default: false. */
  readonly significant?: boolean | undefined
  /** Everything is stopped when it gives up, also where `escalate` lets that pass. Default: false. */
  readonly endsAllOnFailure?: boolean | undefined
}

/**
 * A command as a child. All but the command is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface CommandSpec extends ChildSpec {
  readonly command: CommandLine
  /** The working directory, relative to that of the configuration. Default: that. */
  readonly cwd?: string | undefined
  /** Variables, over those of `envFile`. What looks secret is hidden. Default: none. */
  readonly env?: Readonly<Record<string, Word | number | boolean>> | undefined
  /** Files with variables, the later ones over the earlier ones. Default: none. */
  readonly envFile?: string | ReadonlyArray<string> | undefined
  /** Whether it gets the variables of the files for all, such as `.env`. Default: true. */
  readonly dotEnv?: boolean | undefined
  /** Begin with an empty environment instead of that of the supervisor. Default: false. */
  readonly clearEnv?: boolean | undefined
  /** Default: when its process has been started. */
  readonly ready?: ReadinessSpec | undefined
  /** Default: while its process runs. */
  readonly liveness?: LivenessSpec | undefined
  /**
   * When it runs again. "on-failure" and "always" wait 100 ms, then twice as long each time up to 30 s, and begin afresh
   * after 10 healthy seconds. Default: "on-failure"; Procfile and process-compose: "never".
   */
  readonly restart?: "never" | "on-failure" | "always" | RestartSpec | undefined
  /** Default: SIGTERM, five seconds, SIGKILL. */
  readonly stop?: StopSpec | undefined
  /** The signal that a reload sends. Default: none. */
  readonly reloadSignal?: Signal | undefined
  /** Which exit codes, and which signals by name, are a good end. Default: [0]. */
  readonly successCodes?: ReadonlyArray<number | string> | undefined
  /** How many of it there are: "web" becomes "web-1" to "web-3". Default: one, named "web". */
  readonly replicas?: number | undefined
  /** Its lines are also appended to this file, relative to the configuration. Default: none. */
  readonly logFile?: string | undefined
}

/**
 * Work in code. It must not need more than `Services`, its supervisor and a scope.
 *
 * @category models
 * @since 0.1.0
 */
export type Code =
  | Runnable<unknown, Services | Supervisor>
  | Effect.Effect<unknown, unknown, Services | Supervisor | Scope.Scope>
  | Layer.Layer<never, unknown, Services | Supervisor>
  | Layer.Layer<unknown, unknown, Services | Supervisor>

/**
 * Work in code as a child, with what can be said about it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodeSpec extends ChildSpec {
  readonly run: Code
  /** When it runs again. Default: that of a Runnable, else "never". */
  readonly restart?: "never" | "on-failure" | "always" | RestartSpec | RestartPolicy | undefined
  /**
   * What a reload of the configuration compares: the same version means the same work. Default: that of a Runnable, else
   * the text of the configuration file, so that every edit of the file restarts it.
   */
  readonly version?: string | number | undefined
}

/**
 * A whole configuration.
 *
 * **Details**
 *
 * Beside the children these are options of a manager, with its defaults. `autoCleanup` and `keepAlive` are not among
 * them: children that are done stay to be seen, and the supervisor ends with its last child.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConfigSpec extends Omit<ManagerOptions, "autoCleanup" | "keepAlive" | "maxChildren"> {
  /** Default: the name of the configuration's directory. */
  readonly name?: string | undefined
  /** By name, in the order in which they start as far as their dependencies leave it open. */
  readonly children: Readonly<Record<string, CommandSpec | CodeSpec | Code | string>>
  /** Variables for every command. Default: none. */
  readonly env?: CommandSpec["env"]
  /**
   * Files with variables for every command instead of `.env`; `false`: none. The environment of the supervisor is over
   * them. Default: ".env" beside the configuration, if it is there.
   */
  readonly envFile?: string | ReadonlyArray<string> | false | undefined
  /**
   * Where the jobs' directories are kept, with their logs, relative to the configuration. Default: one below
   * `$XDG_STATE_HOME/effect-supervisor`.
   */
  readonly logDirectory?: string | undefined
  /** The web page. Default: off. */
  readonly dashboard?: boolean | DashboardSpec | undefined
  /** What is told to others about the tree. Default: nothing. */
  readonly telemetry?: TelemetrySpec | undefined
}

/**
 * The web page: served on 127.0.0.1.
 *
 * @category models
 * @since 0.1.0
 */
export interface DashboardSpec {
  /** Default: 4790. 0 is one that is free. */
  readonly port?: number | undefined
  /** It shows, and takes no commands. Default: false. */
  readonly readOnly?: boolean | undefined
  /**
   * What programs show, such as Prometheus; of 32 characters at least. Default: what the variable
   * `EFFECT_SUPERVISOR_TOKEN` says, or a new one in each process.
   */
  readonly token?: Redacted | undefined
  /** By which names it may be called beside 127.0.0.1 and localhost: those of a proxy. Default: none. */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
}

/**
 * What is told to others about the tree.
 *
 * @category models
 * @since 0.1.0
 */
export interface TelemetrySpec {
  /**
   * Serve `/metrics` for Prometheus, to whoever has the token of the dashboard. It is served by the dashboard; where there
   * is none, by one that is read-only. Default: true where there is a dashboard.
   */
  readonly prometheus?: boolean | undefined
  /** Send traces, metrics and logs to this OTLP address. Default: none. */
  readonly otlp?: string | undefined
}
