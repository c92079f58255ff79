/**
 * Sends what a tree shows of itself to a collector of OpenTelemetry (OTLP over HTTP): a span for each incarnation of each
 * child, linked to the one before it; the metrics; the log.
 *
 * Prometheus asks for its metrics itself: see `Dashboard`.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as validate from "../internal/validate.ts"

/**
 * Options of `layer`. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Where the collector is, such as "http://127.0.0.1:4318". Default: what `OTEL_EXPORTER_OTLP_ENDPOINT` says, or nothing
   * is sent.
   */
  readonly endpoint?: string | undefined
  /** Default: what `OTEL_SERVICE_NAME` says, or "unknown_service:node". */
  readonly serviceName?: string | undefined
  readonly serviceVersion?: string | undefined
  /** Of the resource, beside those of `OTEL_RESOURCE_ATTRIBUTES`. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined
  /** Sent along, such as a key of the collector's. Default: those of `OTEL_EXPORTER_OTLP_HEADERS`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** How often all of it is sent. Default: 1 second for logs, 5 for spans, 10 for metrics. */
  readonly interval?: Duration.Input | undefined
  /** How long sending the last of it may take at the end. Default: 3 seconds. */
  readonly shutdownTimeout?: Duration.Input | undefined
}

const signals = ["TRACES", "METRICS", "LOGS"] as const

type Variables = Record<string, string>

/** What the specification says for variables that are not set, and `effect` leaves out. */
const unlessSet: Variables = {
  OTEL_SERVICE_NAME: "unknown_service:node",
  ...Object.fromEntries(signals.map((signal) => [`OTEL_${signal}_EXPORTER`, "otlp"]))
}

/** The options by the names of the variables, whose place they take. */
const variablesOf = ({ endpoint, interval, shutdownTimeout }: Options): Variables => {
  const variables: Variables = {}
  const subject = "Telemetry"
  for (const signal of signals) {
    if (endpoint !== undefined) {
      variables[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] = `${endpoint.replace(/\/$/, "")}/v1/${signal.toLowerCase()}`
    }
    if (shutdownTimeout !== undefined) {
      const millis = validate.positiveMillis(subject, "shutdownTimeout", shutdownTimeout)
      variables[`OTEL_EXPORTER_OTLP_${signal}_TIMEOUT`] = String(Math.ceil(millis))
    }
  }
  if (interval !== undefined) {
    const millis = String(Math.ceil(validate.positiveMillis(subject, "interval", interval)))
    variables["OTEL_BSP_SCHEDULE_DELAY"] = millis
    variables["OTEL_BLRP_SCHEDULE_DELAY"] = millis
    variables["OTEL_METRIC_EXPORT_INTERVAL"] = millis
  }
  return variables
}

const provider = (options: Options): Layer.Layer<never> =>
  ConfigProvider.layer(
    Effect.map(ConfigProvider.ConfigProvider, (environment) =>
      ConfigProvider.fromEnvRecord(variablesOf(options)).pipe(
        ConfigProvider.orElse(environment),
        ConfigProvider.orElse(ConfigProvider.fromEnvRecord(unlessSet))
      ))
  )

const protocol = Config.String("OTEL_EXPORTER_OTLP_PROTOCOL").pipe(Config.withDefault("http/protobuf"))

const serialization = Layer.unwrap(Effect.gen(function*() {
  const name = yield* protocol
  if (name === "http/json") return OtlpSerialization.layerJson
  if (name !== "http/protobuf") {
    yield* Effect.logWarning(
      `OTEL_EXPORTER_OTLP_PROTOCOL says ${name}; sending http/protobuf, which every collector takes`
    )
  }
  return OtlpSerialization.layerProtobuf
}))

/**
 * Sends spans, metrics and logs of everything that runs under it to a collector.
 *
 * **When to use**
 *
 * Provide it once, around the manager at the root. It may always be there: without an endpoint, from the options or the
 * environment, it does nothing.
 *
 * **Details**
 *
 * A span `supervised <path>` is as long as the incarnation, has `supervisor.child`, `supervisor.incarnation`,
 * `supervisor.exit` and `supervisor.decision`, and a link to the incarnation before it. Metrics are those that
 * `/metrics` of the dashboard shows.
 *
 * What is not in the options is as the standard environment variables say: `OTEL_EXPORTER_OTLP_ENDPOINT`, `_HEADERS`,
 * `_PROTOCOL` ("http/protobuf" or "http/json"), `_COMPRESSION`, `_TIMEOUT`, those for one signal such as
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_TRACES_EXPORTER` ("none" leaves it out), `OTEL_SERVICE_NAME`,
 * `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SDK_DISABLED`.
 *
 * A collector that is away never holds anything up: what it does not take is thrown away, and it is asked again a minute
 * later. Variables that make no sense are told in the log, and nothing is sent.
 *
 * **Gotchas**
 *
 * A span is sent when it ends: an incarnation that runs is not seen before that.
 *
 * **Example** (By the environment)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable } from "effect-supervisor"
 * import { Telemetry } from "effect-supervisor/control"
 *
 * const app = ProcessManager.make("app", [Runnable.make("worker", Effect.never)])
 * const main = Effect.provide(app, Telemetry.layer({ serviceName: "app" }))
 * ```
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never> => {
  const { attributes, headers, serviceName, serviceVersion } = options
  return Otlp.layerFromConfig({
    resource: { serviceName, serviceVersion, attributes: { ...attributes } },
    headers
  }).pipe(
    Layer.provide(serialization),
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(provider(options)),
    Layer.catchCause((cause) => Layer.effectDiscard(Effect.logWarning("Telemetry is not sent", cause)))
  )
}
