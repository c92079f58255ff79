/** The children of the demo: an HTTP server, a client that polls it, and a worker that breaks now and then. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Config, Data, Effect, Layer, Random, Ref, Schedule } from "effect"
import { Control, RestartPolicy, Runnable } from "effect-supervisor"
import { FetchHttpClient, HttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { Site } from "./site.ts"

const hello = Effect.gen(function*() {
  const { greeting, requests } = yield* Site
  const number = yield* Ref.updateAndGet(requests, (n) => n + 1)
  return HttpServerResponse.text(`${yield* Ref.get(greeting)}, you are number ${number}\n`)
})

const listening = Layer.unwrap(Effect.map(
  Config.Int("PORT").pipe(Config.withDefault(0)),
  (port) => NodeHttpServer.layerServer(createServer, { host: "127.0.0.1", port, gracefulShutdownTimeout: "1 second" })
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

/** Asks the server once a second, and finishes the request in flight when it is stopped. */
export const poller = Runnable.make(
  "poller",
  Effect.gen(function*() {
    const url = yield* Ref.get((yield* Site).url)
    for (let polls = 1;; polls++) {
      const answer = yield* Effect.flatMap(HttpClient.get(url), (response) => response.text)
      if (polls % 5 === 1) yield* Effect.log(`the poller got: ${answer.trim()}`)
      const tick = yield* Control.tick(Effect.sleep("1 second"))
      if (tick._tag === "Shutdown") return yield* Effect.log("the poller has no request in flight and ends")
    }
  }).pipe(Effect.provide(FetchHttpClient.layer)),
  { restart: RestartPolicy.supervised }
)

class OutOfLuck extends Data.TaggedError("OutOfLuck")<{ readonly message: string }> {}

/** Breaks after one to four seconds; a run of more than three makes the back-off begin anew. */
export const flaky = Runnable.make(
  "flaky",
  Effect.gen(function*() {
    for (let jobs = yield* Random.nextIntBetween(2, 8); jobs > 0; jobs--) yield* Effect.sleep("500 millis")
    return yield* new OutOfLuck({ message: "out of luck" })
  }),
  { restart: RestartPolicy.onFailure(Schedule.exponential("500 millis"), { resetAfter: "3 seconds" }) }
)
