/**
 * What `defineConfig` takes, for those who write it in JavaScript, and for everybody's slips.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { isRestartPolicy, type RestartPolicy } from "../../../RestartPolicy.ts"
import {
  type Code,
  type CodeSpec,
  type CommandLine,
  type CommandSpec,
  conditions,
  type ConfigSpec
} from "../ConfigSpec.ts"
import * as field from "./fields.ts"

const optional = Schema.optionalKey

export const isCode = (u: unknown): u is Code => Effect.isEffect(u) || Layer.isLayer(u)

const commandLine = field.is<CommandLine>(
  `a command line, a list of words, or { shell: "..." }`,
  (u) =>
    Array.isArray(u)
      ? u.length > 0 && typeof u[0] === "string" &&
        u.every((word) => typeof word === "string" || Redacted.isRedacted(word))
      : typeof (Predicate.hasProperty(u, "shell") ? u.shell : u) === "string"
)

const probeFields = {
  log: optional(field.pattern),
  stream: optional(field.oneOf("stdout", "stderr")),
  tcp: optional(
    field.is<number | { readonly port: number; readonly host?: string }>(
      "a port from 1 to 65535, or { port, host }",
      (u) => field.isPort(Predicate.hasProperty(u, "port") ? u.port : u)
    )
  ),
  http: optional(field.url),
  statuses: optional(Schema.Array(field.count)),
  exec: optional(commandLine),
  cwd: optional(field.nonEmpty),
  memory: optional(
    field.is<number>("a number of bytes, such as 512 * 2 ** 20", (u) => Number.isFinite(u) && Number(u) > 0)
  ),
  notify: optional(field.is<true>("true", (u) => u === true))
}

/** What a probe has to have exactly one of. */
export const probeKinds: ReadonlyArray<string> = ["log", "tcp", "http", "exec", "memory", "notify"]

const readiness = Schema.Struct({
  ...probeFields,
  timeout: optional(field.duration),
  interval: optional(field.duration),
  tryTimeout: optional(field.duration)
})

const liveness = Schema.Struct({
  ...probeFields,
  initialDelay: optional(field.duration),
  interval: optional(field.duration),
  timeout: optional(field.duration),
  failures: optional(field.count)
})

const restartSpec = Schema.Struct({
  policy: field.oneOf("on-failure", "always"),
  delay: optional(field.duration),
  factor: optional(field.factor),
  maxDelay: optional(field.duration),
  jitter: optional(field.boolean),
  maxRestarts: optional(field.count),
  resetAfter: optional(Schema.Union([Schema.Literal(false), field.duration]))
})

const restartWord = field.oneOf("never", "on-failure", "always")

const childFields = {
  dependsOn: optional(
    Schema.Union([Schema.Array(field.nonEmpty), Schema.Record(Schema.String, field.oneOf(...conditions))])
  ),
  namespace: optional(field.texts),
  description: optional(field.text),
  disabled: optional(field.boolean),
  significant: optional(field.boolean),
  endsAllOnFailure: optional(field.boolean)
}

/** A `CommandSpec` whose probes may have more or less than one way to find out. */
export interface LooseCommand extends Omit<CommandSpec, "ready" | "liveness"> {
  readonly ready?: Readonly<Record<string, unknown>>
  readonly liveness?: Readonly<Record<string, unknown>>
}

export const command: Schema.Schema<LooseCommand> = Schema.Struct({
  ...childFields,
  command: commandLine,
  cwd: optional(field.nonEmpty),
  env: optional(Schema.Record(Schema.String, field.word)),
  envFile: optional(field.texts),
  dotEnv: optional(field.boolean),
  clearEnv: optional(field.boolean),
  ready: optional(readiness),
  liveness: optional(liveness),
  restart: optional(Schema.Union([restartSpec, restartWord])),
  stop: optional(
    Schema.Struct({
      signal: optional(field.signal),
      grace: optional(field.grace),
      command: optional(commandLine)
    })
  ),
  reloadSignal: optional(field.signal),
  successCodes: optional(Schema.Array(field.textOrNumber)),
  replicas: optional(field.replicas),
  logFile: optional(field.nonEmpty)
})

export const code: Schema.Schema<CodeSpec> = Schema.Struct({
  ...childFields,
  run: field.is<Code>("an Effect, a Layer or a Runnable", isCode),
  restart: optional(
    Schema.Union([
      field.is<RestartPolicy>("a RestartPolicy", (u) => Predicate.isObject(u) && isRestartPolicy(u)),
      restartSpec,
      restartWord
    ])
  ),
  version: optional(field.textOrNumber)
})

const anything = field.is<unknown>("anything", () => true)

/** A `ConfigSpec`, but for the children and the options of the manager, which have their own checks. */
export interface LooseConfig extends Pick<ConfigSpec, "name" | "env" | "envFile" | "logDirectory"> {
  readonly dashboard?: ConfigSpec["dashboard"]
  readonly telemetry?: ConfigSpec["telemetry"]
  readonly children: Readonly<Record<string, unknown>>
  readonly strategy?: unknown
  readonly intensity?: unknown
  readonly escalate?: unknown
  readonly autoShutdown?: unknown
  readonly shutdownOrder?: unknown
}

export const config: Schema.Schema<LooseConfig> = Schema.Struct({
  name: optional(field.nonEmpty),
  children: Schema.Record(Schema.String, anything),
  env: optional(Schema.Record(Schema.String, field.word)),
  envFile: optional(field.textsOrFalse),
  logDirectory: optional(field.nonEmpty),
  dashboard: optional(
    Schema.Union([
      Schema.Struct({
        port: optional(field.portOrAny),
        readOnly: optional(field.boolean),
        token: optional(field.secret),
        allowedHosts: optional(Schema.Array(field.nonEmpty))
      }),
      field.boolean
    ])
  ),
  telemetry: optional(Schema.Struct({ prometheus: optional(field.boolean), otlp: optional(field.url) })),
  strategy: optional(anything),
  intensity: optional(anything),
  escalate: optional(anything),
  autoShutdown: optional(anything),
  shutdownOrder: optional(anything)
})
