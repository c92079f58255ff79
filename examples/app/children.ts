/** The children of the demo: an HTTP server, a client that polls it, and a worker that breaks now and then. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Data, Duration, Effect, Layer, Random, Ref, Schedule } from "effect"
import { Control, RestartPolicy, Runnable } from "effect-supervisor"
import { FetchHttpClient, HttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { Site } from "./site.ts"

const hello = Effect.gen(function*() {
  const { greeting, requests } = yield* Site
  const number = yield* Ref.updateAndGet(requests, (n) => n + 1)
  return HttpServerResponse.text(`${yield* Ref.get(greeting)}, you are number ${number}\n`)
})

class CannotListen extends Data.TaggedError("CannotListen")<{ readonly message: string }> {}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error)

const listening = Layer.unwrap(Effect.map(
  Site,
  ({ port }) =>
    NodeHttpServer.layerServer(createServer, { host: "127.0.0.1", port, gracefulShutdownTimeout: "1 second" }).pipe(
      Layer.catchTag("ServeError", ({ cause }) => {
        const code = codeOf(cause)
        const message = code === "EADDRINUSE" ? `PORT ${port} is in use` : `cannot listen on PORT ${port}: ${code}`
        return Layer.effect(HttpServer.HttpServer, Effect.fail(new CannotListen({ message })))
      })
    )
))

/** Tells where the server listens, once it does. */
const announced = Layer.effectDiscard(Effect.gen(function*() {
  const site = yield* Site
  const server = yield* HttpServer.HttpServer
  yield* Ref.set(site.url, HttpServer.formatAddress(server.address))
  yield* Effect.log(`the server listens on ${yield* Ref.get(site.url)}`)
}))

const rereadSettings = Effect.gen(function*() {
  const site = yield* Site
  yield* Effect.log(`the server has read its settings again: greeting is "${yield* site.readSettings}"`)
})

/** Ready when it listens; SIGHUP makes it read its settings again. */
export const server = Runnable.fromLayer(
  "server",
  HttpRouter.serve(HttpRouter.add("GET", "/", hello), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.merge(announced),
    Layer.provide(listening)
  ),
  { restart: RestartPolicy.supervised, onReload: rereadSettings }
)

/** Asks the server once a second; when it is asked to stop, it takes its time for that. */
export const poller = Runnable.make(
  "poller",
  Effect.gen(function*() {
    const url = yield* Ref.get((yield* Site).url)
    for (let polls = 1;; polls++) {
      const answer = yield* Effect.flatMap(HttpClient.get(url), (response) => response.text)
      if (polls % 5 === 1) yield* Effect.log(`the poller got: ${answer.trim()}`)
      const tick = yield* Control.tick(Effect.sleep("1 second"))
      if (tick._tag === "Shutdown") break
    }
    yield* Effect.log("the poller was asked to stop and tidies up")
    yield* Effect.sleep("200 millis")
  }).pipe(Effect.provide(FetchHttpClient.layer)),
  { restart: RestartPolicy.supervised }
)

class OutOfLuck extends Data.TaggedError("OutOfLuck")<{ readonly message: string }> {}

/** Half a second, doubling up to eight. */
const growing = Schedule.exponential("500 millis").pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(8))))
)

/** Breaks after one or two seconds, so that its delay grows; every sixth run or so lasts long enough to reset it. */
export const flaky = Runnable.make(
  "flaky",
  Effect.gen(function*() {
    const isLucky = (yield* Random.nextIntBetween(0, 6)) === 0
    const jobs = isLucky ? 12 : yield* Random.nextIntBetween(2, 5)
    for (let job = 0; job < jobs; job++) yield* Effect.sleep("500 millis")
    return yield* new OutOfLuck({ message: "out of luck" })
  }),
  { restart: RestartPolicy.onFailure(growing, { resetAfter: "5 seconds" }) }
)
