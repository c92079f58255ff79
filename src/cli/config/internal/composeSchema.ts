/**
 * The part of process-compose's file format that is supported, and what is said about the rest.
 *
 * @see https://f1bonacc1.github.io/process-compose/configuration/
 */
import * as Schema from "effect/Schema"
import * as field from "./fields.ts"

const optional = Schema.optionalKey

const environment = Schema.Union([
  Schema.Array(field.text),
  Schema.Record(Schema.String, field.scalar)
])

const thresholds = {
  initial_delay_seconds: optional(field.whole),
  period_seconds: optional(field.count),
  timeout_seconds: optional(field.count),
  success_threshold: optional(field.count),
  failure_threshold: optional(field.count)
}

interface Thresholds {
  readonly initial_delay_seconds?: number
  readonly period_seconds?: number
  readonly timeout_seconds?: number
  readonly success_threshold?: number
  readonly failure_threshold?: number
}

/** How to find out whether a process serves. */
export interface Probe extends Thresholds {
  readonly exec?: { readonly command: string; readonly working_dir?: string }
  readonly http_get?: {
    readonly host?: string
    readonly scheme?: string
    readonly path?: string
    readonly port?: string | number
    readonly num_port?: string | number
    readonly status_code?: number
  }
}

const probe: Schema.Schema<Probe> = Schema.Struct({
  exec: optional(Schema.Struct({ command: field.nonEmpty, working_dir: optional(field.nonEmpty) })),
  http_get: optional(
    Schema.Struct({
      host: optional(field.nonEmpty),
      scheme: optional(field.nonEmpty),
      path: optional(field.text),
      port: optional(field.textOrNumber),
      num_port: optional(field.textOrNumber),
      status_code: optional(field.count)
    })
  ),
  ...thresholds
})

/** process-compose's words for a condition, and ours. */
export const conditions: {
  readonly process_started: "started"
  readonly process_healthy: "ready"
  readonly process_log_ready: "ready"
  readonly process_completed: "completed"
  readonly process_completed_successfully: "succeeded"
} = {
  process_started: "started",
  process_healthy: "ready",
  process_log_ready: "ready",
  process_completed: "completed",
  process_completed_successfully: "succeeded"
}

const condition = field.oneOf(
  "process_started",
  "process_healthy",
  "process_completed",
  "process_completed_successfully",
  "process_log_ready"
)

const dependency = Schema.Union([Schema.Null, Schema.Struct({ condition: optional(condition) })])

type Environment = ReadonlyArray<string> | Readonly<Record<string, string | number | boolean>>

/** One process. */
export interface Process {
  readonly command: string
  readonly description?: string
  readonly disabled?: boolean
  readonly environment?: Environment
  readonly env_file?: string | ReadonlyArray<string>
  readonly is_dotenv_disabled?: boolean
  readonly working_dir?: string
  readonly depends_on?: Readonly<Record<string, null | { readonly condition?: keyof typeof conditions }>>
  readonly readiness_probe?: Probe
  readonly liveness_probe?: Probe
  readonly ready_log_line?: string
  readonly availability?: {
    readonly restart?: "no" | "on_failure" | "always" | "exit_on_failure"
    readonly backoff_seconds?: number
    readonly max_restarts?: number
  }
  readonly shutdown?: { readonly command?: string; readonly timeout_seconds?: number; readonly signal?: number }
  readonly namespace?: string | ReadonlyArray<string>
  readonly replicas?: number
  readonly log_location?: string
}

export const process: Schema.Schema<Process> = Schema.Struct({
  command: field.nonEmpty,
  description: optional(field.text),
  disabled: optional(field.boolean),
  environment: optional(environment),
  env_file: optional(field.texts),
  is_dotenv_disabled: optional(field.boolean),
  working_dir: optional(field.nonEmpty),
  depends_on: optional(Schema.Record(Schema.String, dependency)),
  readiness_probe: optional(probe),
  liveness_probe: optional(probe),
  ready_log_line: optional(field.nonEmpty),
  availability: optional(
    Schema.Struct({
      restart: optional(field.oneOf("no", "on_failure", "always", "exit_on_failure")),
      backoff_seconds: optional(field.count),
      max_restarts: optional(field.whole)
    })
  ),
  shutdown: optional(
    Schema.Struct({
      command: optional(field.nonEmpty),
      timeout_seconds: optional(field.count),
      signal: optional(field.count)
    })
  ),
  namespace: optional(field.texts),
  replicas: optional(field.replicas),
  log_location: optional(field.nonEmpty)
})

/** A whole file. */
export interface Project {
  readonly version?: string | number
  readonly is_strict?: boolean
  readonly disable_env_expansion?: boolean
  readonly environment?: Environment
  readonly env_file?: string | ReadonlyArray<string>
  readonly log_location?: string
  /** Each with a check of its own, so that one that is wrong does not hide what is wrong with others. */
  readonly processes: Readonly<Record<string, unknown>>
}

export const project: Schema.Schema<Project> = Schema.Struct({
  version: optional(field.textOrNumber),
  is_strict: optional(field.boolean),
  disable_env_expansion: optional(field.boolean),
  environment: optional(environment),
  env_file: optional(field.texts),
  log_location: optional(field.nonEmpty),
  processes: Schema.Record(Schema.String, field.is<unknown>("a process", () => true))
})
/** What process-compose knows and this does not, and what to do about it. */
export const unsupported: Readonly<Record<string, string>> = {
  args: `Write the arguments into "command"`,
  entrypoint: `Write the program and its arguments into "command"`,
  disable_ansi_colors: "Remove it: set NO_COLOR in the environment of the process instead",
  elevated_shell_argument: "Remove it: run the supervisor as the user that the process needs",
  env_cmds: `Run the commands before, and write what they say into a file for "env_file"`,
  exit_on_end: `Remove it: use "restart: exit_on_failure", or end the supervisor from the process`,
  exit_on_skipped: "Remove it: a process that cannot be started is shown with its reason",
  extends: "Write both into one file",
  headers: `Use an "exec" probe with curl`,
  is_daemon: "Let the program run in the foreground: what goes to the background cannot be supervised",
  is_elevated: "Remove it: run the supervisor as the user that the process needs",
  is_foreground: "Remove it: processes do not get the terminal",
  is_interactive: "Remove it: processes do not get the terminal",
  is_tty: "Remove it: processes do not get a terminal",
  is_tui_disabled: "Remove it: there is no such view unless it is asked for",
  launch_timeout_seconds: "Remove it: it belongs to daemons",
  log_configuration: "Remove it: logs rotate by themselves",
  log_format: "Remove it: the commands that show logs have options for it",
  log_length: "Remove it: logs are kept in files",
  log_level: "Remove it: the command that runs this has an option for it",
  ordered_shutdown: "Remove it: what depends on others is always stopped before them",
  parent_only: "Remove it: a signal always reaches the whole process group, so that nothing is left behind",
  schedule: `Use a supervisor.config.ts with a child whose restart policy is "always"`,
  shell: "Remove it: commands that need a shell get /bin/sh",
  vars: `Use "environment" and $NAME`,
  watch: "Remove it: run the command by a program that watches"
}
