import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Layer, Schedule } from "effect"
import { ProcessManager, Runnable } from "effect-supervisor"
import { Telemetry } from "effect-supervisor/control"
import * as Http from "node:http"
import type * as Net from "node:net"
import { ask, enter, known, post, serve } from "./support.ts"

// ------------------------------------------------------------------------------------ a collector that keeps it all

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<"stringValue" | "intValue", string | number | undefined>>
}

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<Attribute>
  readonly links: ReadonlyArray<{ readonly spanId: string }>
  readonly status: { readonly code: number }
}

interface Metric {
  readonly name: string
}

interface LogRecord {
  readonly severityText: string
  readonly body: { readonly stringValue: string }
}

interface Scoped {
  readonly spans: ReadonlyArray<Span>
  readonly metrics: ReadonlyArray<Metric>
  readonly logRecords: ReadonlyArray<LogRecord>
}

interface Resource {
  readonly resource: { readonly attributes: ReadonlyArray<Attribute> }
  readonly scopeSpans: ReadonlyArray<Scoped>
  readonly scopeMetrics: ReadonlyArray<Scoped>
  readonly scopeLogs: ReadonlyArray<Scoped>
}

interface Payload {
  readonly resourceSpans: ReadonlyArray<Resource>
  readonly resourceMetrics: ReadonlyArray<Resource>
  readonly resourceLogs: ReadonlyArray<Resource>
}

interface Received {
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Buffer
}

const collector = Effect.gen(function*() {
  const received: Array<Received> = []
  const server = yield* Effect.acquireRelease(
    Effect.callback<Http.Server>((resume) => {
      const server = Http.createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          received.push({ path: request.url!, headers: request.headers, body: Buffer.concat(chunks) })
          response.setHeader("content-type", "application/json").end("{}")
        })
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  const payloads = (path: string): ReadonlyArray<Payload> =>
    received.filter((one) => one.path === path).map(({ body }) => JSON.parse(body.toString()))
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}`,
    spans: () =>
      payloads("/v1/traces").flatMap((payload) =>
        payload.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
      ),
    metrics: () =>
      payloads("/v1/metrics").flatMap((payload) =>
        payload.resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      ),
    logs: () =>
      payloads("/v1/logs").flatMap((payload) =>
        payload.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
      ),
    resources: () =>
      payloads("/v1/traces").flatMap((payload) => payload.resourceSpans.map(({ resource }) => resource.attributes))
  }
})

const valueOf = (attributes: ReadonlyArray<Attribute>, key: string) => {
  const value = attributes.find((attribute) => attribute.key === key)?.value
  return value?.stringValue ?? (value?.intValue === undefined ? undefined : Number(value.intValue))
}

const environment = (variables: Readonly<Record<string, string>>) =>
  ConfigProvider.layer(ConfigProvider.fromEnvRecord(variables))

/** Fails twice and then runs until it is stopped. */
const flaky = Effect.gen(function*() {
  let runs = 0
  const up = yield* Deferred.make<void>()
  const effect = Effect.suspend(() =>
    ++runs < 3 ? Effect.fail(`run ${runs} broke`) : Effect.andThen(Deferred.succeed(up, undefined), Effect.never)
  )
  return { up, child: Runnable.make("flaky", effect, { restart: Schedule.spaced(5) }) }
})

/** A tree that has been, under this telemetry. */
const run = (telemetry: Layer.Layer<never>) =>
  Effect.gen(function*() {
    const { child, up } = yield* flaky
    yield* Effect.scoped(Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [ProcessManager.make("web", [child])]))
      yield* Deferred.await(up)
      yield* handle.shutdown
    })).pipe(Effect.provide(telemetry))
  })

describe("Telemetry", () => {
  it.live("sends a span for each incarnation, with its attributes, linked to the one before", () =>
    Effect.gen(function*() {
      const { resources, spans, url } = yield* collector
      const telemetry = Telemetry.layer({
        endpoint: url,
        serviceName: "shop",
        serviceVersion: "1.2.3",
        attributes: { "deployment.environment": "test" }
      })
      yield* run(Layer.provide(telemetry, environment({ OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" })))
      const all = spans().filter(({ name }) => name === "supervised web/flaky")
      assert.strictEqual(all.length, 3)
      for (const [index, { attributes, endTimeUnixNano, links, startTimeUnixNano }] of all.entries()) {
        assert.strictEqual(valueOf(attributes, "supervisor.child"), "web/flaky")
        assert.strictEqual(valueOf(attributes, "supervisor.incarnation"), index + 1)
        assert.deepStrictEqual(links.map(({ spanId }) => spanId), index === 0 ? [] : [all[index - 1]!.spanId])
        assert.isTrue(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano))
      }
      assert.deepStrictEqual(all.map(({ attributes }) => valueOf(attributes, "supervisor.decision")), [
        "restart",
        "restart",
        "asked"
      ])
      assert.deepStrictEqual(all.map(({ attributes }) => valueOf(attributes, "supervisor.exit")), [
        "Fail",
        "Fail",
        "Interrupt"
      ])
      // 2 is an error, of which there were two.
      assert.deepStrictEqual(all.slice(0, 2).map(({ status }) => status.code), [2, 2])
      assert.isTrue(spans().some(({ name }) => name === "supervised web"))
      const [attributes] = resources()
      assert.strictEqual(valueOf(attributes!, "service.name"), "shop")
      assert.strictEqual(valueOf(attributes!, "service.version"), "1.2.3")
      assert.strictEqual(valueOf(attributes!, "deployment.environment"), "test")
    }))

  it.live("sends the metrics and the log of the tree", () =>
    Effect.gen(function*() {
      const { logs, metrics, url } = yield* collector
      const telemetry = Telemetry.layer({ endpoint: url, serviceName: "shop" })
      yield* run(Layer.provide(telemetry, environment({ OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" })))
      const names = new Set(metrics().map(({ name }) => name))
      for (
        const name of [
          "effect_supervisor_children",
          "effect_supervisor_starts_total",
          "effect_supervisor_restarts_total"
        ]
      ) {
        assert.isTrue(names.has(name), name)
      }
      const warning = logs().find(({ severityText }) => /^warn/i.test(severityText))
      assert.include(JSON.stringify(warning), "web/flaky failed (run 1 broke); restart 1 in 5 ms")
    }))

  it.live("is as the environment says: endpoint, name, headers, and what is left out", () =>
    Effect.gen(function*() {
      const { received, resources, url } = yield* collector
      yield* run(Layer.provide(
        Telemetry.layer(),
        environment({
          OTEL_EXPORTER_OTLP_ENDPOINT: url,
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_EXPORTER_OTLP_HEADERS: "x-key=abc",
          OTEL_SERVICE_NAME: "named-outside",
          OTEL_METRICS_EXPORTER: "none"
        })
      ))
      assert.deepStrictEqual([...new Set(received.map(({ path }) => path))].toSorted(), ["/v1/logs", "/v1/traces"])
      assert.isTrue(received.every(({ headers }) => headers["x-key"] === "abc"))
      assert.strictEqual(valueOf(resources()[0]!, "service.name"), "named-outside")
    }))

  it.live("without a protocol it sends protobuf, and without a name one that says so", () =>
    Effect.gen(function*() {
      const { received, url } = yield* collector
      yield* run(Layer.provide(Telemetry.layer(), environment({ OTEL_EXPORTER_OTLP_ENDPOINT: url })))
      assert.isTrue(received.length > 0)
      assert.isTrue(received.every(({ headers }) => headers["content-type"] === "application/x-protobuf"))
      assert.isTrue(received.every(({ body }) => body.includes("unknown_service:node")))
    }))

  it.live("without an endpoint, or when it is disabled, nothing is sent and nothing goes on", () =>
    Effect.gen(function*() {
      const { received, url } = yield* collector
      yield* run(Layer.provide(Telemetry.layer(), environment({})))
      const disabled = environment({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: "true" })
      yield* run(Layer.provide(Telemetry.layer(), disabled))
      assert.deepStrictEqual(received, [])
    }))

  it.live("a collector that is away, and variables that make no sense, hold nothing up", () =>
    Effect.gen(function*() {
      const began = performance.now()
      const away = Telemetry.layer({ endpoint: "http://127.0.0.1:1", shutdownTimeout: "200 millis" })
      yield* run(Layer.provide(away, environment({})))
      yield* run(Layer.provide(Telemetry.layer(), environment({ OTEL_EXPORTER_OTLP_ENDPOINT: "not a url" })))
      assert.isBelow(performance.now() - began, 3000)
    }))

  it.live("says nothing of what a dashboard is asked: neither links nor tokens leave by it", () =>
    Effect.gen(function*() {
      const { received, spans, url } = yield* collector
      const telemetry = Telemetry.layer({ endpoint: url, serviceName: "shop" })
      const link = yield* Effect.scoped(Effect.gen(function*() {
        const at = yield* serve()
        yield* enter(at)
        yield* known(at, { path: "/api/status" })
        yield* post(at, "restart", { target: "mailer" })
        const link = new URL(yield* at.link)
        yield* ask(at, { path: `${link.pathname}${link.search}` })
        return { secret: link.searchParams.get("token")!, token: at.token }
      })).pipe(Effect.provide(Layer.provide(telemetry, environment({ OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }))))
      const names = spans().map(({ name }) => name)
      assert.include(names, "supervised mailer")
      assert.deepStrictEqual(names.filter((name) => !name.startsWith("supervised ")), [])
      for (const { body } of received) {
        assert.isFalse(body.includes(link.secret))
        assert.isFalse(body.includes(link.token))
      }
    }))
})
