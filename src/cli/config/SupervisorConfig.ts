/**
 * The one form that all formats come to: plain data, and Runnables where a child is code.
 *
 * @since 0.1.0
 */
import type { ManagerOptions } from "../../ManagerOptions.ts"
import type { Word } from "../../process/Command.ts"
import type { Runnable } from "../../Runnable.ts"
import type {
  CommandLine,
  Condition,
  DashboardSpec,
  LivenessSpec,
  ReadinessSpec,
  RestartSpec,
  Services,
  StopSpec,
  TelemetrySpec
} from "./ConfigSpec.ts"
import type { Supervisor } from "../../Supervisor.ts"

/**
 * How a file is written.
 *
 * @category models
 * @since 0.1.0
 */
export type Format = "module" | "procfile" | "process-compose"

/**
 * Another child that has to be so far before a child starts. Replicas are named one by one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dependency {
  readonly child: string
  readonly condition: Condition
}

/**
 * A command with everything filled in that the configuration says. Paths are absolute.
 *
 * @category models
 * @since 0.1.0
 */
export interface CommandWork {
  readonly _tag: "Command"
  readonly command: Exclude<CommandLine, string>
  readonly cwd: string
  /** Over the environment of the supervisor. */
  readonly env: Readonly<Record<string, Word>>
  readonly clearEnv: boolean
  readonly ready: ReadinessSpec | undefined
  readonly liveness: LivenessSpec | undefined
  readonly restart: "never" | RestartSpec
  readonly stop: StopSpec
  readonly reloadSignal: StopSpec["signal"]
  readonly successCodes: ReadonlyArray<number | string> | undefined
  readonly logFile: string | undefined
}

/**
 * A child that is code.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodeWork {
  readonly _tag: "Code"
  readonly runnable: Runnable<unknown, Services | Supervisor>
}

/**
 * One child; replicas are children of their own.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildConfig {
  readonly name: string
  /** Its name in the file: "web" for the replica "web-2". */
  readonly group: string
  /** Where it is in the file, if the format tells. */
  readonly line: number | undefined
  readonly namespaces: ReadonlyArray<string>
  readonly description: string | undefined
  readonly disabled: boolean
  readonly significant: boolean
  readonly endsAllOnFailure: boolean
  readonly dependsOn: ReadonlyArray<Dependency>
  readonly work: CommandWork | CodeWork
  /** A hash of what it is, secrets included: the same for the same work. */
  readonly version: string
}

/**
 * A configuration that is ready to run.
 *
 * @category models
 * @since 0.1.0
 */
export interface SupervisorConfig {
  readonly file: string
  readonly format: Format
  readonly name: string
  /** In the order in which they start: each after those that it needs. */
  readonly children: ReadonlyArray<ChildConfig>
  readonly options: Omit<ManagerOptions, "autoCleanup" | "keepAlive" | "maxChildren">
  readonly logDirectory: string | undefined
  /** `undefined`: off. */
  readonly dashboard: DashboardSpec | undefined
  readonly telemetry: TelemetrySpec | undefined
}
