import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { ProcessManager, Runnable, type Supervisor } from "effect-supervisor"
import { type ControlError, Dashboard } from "effect-supervisor/control"
import { Command, Job, NodeJobs } from "effect-supervisor/process"
import { TestClock } from "effect/testing"
import * as rates from "../../../src/control/internal/web/rates.ts"
import {
  type Answer,
  type Ask,
  ask,
  type At,
  enter,
  isWell,
  known,
  listen,
  page,
  post,
  raw,
  say,
  serve,
  statusOf,
  tagOf
} from "./support.ts"

/** Ends if one more stream is had, a little later if it is not. */
const streams = (at: At) =>
  Effect.scoped(
    Effect.flatMap(
      listen(at, "/api/watch"),
      ({ response }) => response.statusCode === 200 ? Effect.void : Effect.delay(Effect.fail("not yet"), "50 millis")
    )
  )

/** Everything there is to ask for. */
const everything: ReadonlyArray<Ask> = [
  ...["/", "/assets/page.js", "/livez", "/readyz", "/metrics", "/nowhere"].map((path) => ({ path })),
  ...["server", "status", "info?path=store", "lines?path=store", "watch", "logs?path=store"].map((name) => ({
    path: `/api/${name}`
  })),
  ...["stop", "shutdown"].map((name) => ({
    method: "POST",
    path: `/api/${name}`,
    headers: { "content-type": "application/json" },
    body: `{"target":"store"}`
  }))
]

describe("every route", () => {
  const foreign: ReadonlyArray<readonly [what: string, headers: Readonly<Record<string, string>>]> = [
    ["called by a name that is not its own", { host: "evil.example" }],
    ["asked by a page of another origin", { origin: "https://evil.example" }],
    ["asked by a page of another site", { "sec-fetch-site": "cross-site" }],
    ["asked by a page on another port", { "sec-fetch-site": "same-site" }]
  ]
  for (const [what, headers] of foreign) {
    it.live(`is refused when it is ${what}, with a session or the token`, () =>
      Effect.gen(function*() {
        const at = yield* serve({ assets: yield* page })
        const cookie = yield* enter(at)
        for (const request of everything) {
          const all = { ...request.headers, ...headers, cookie, authorization: `Bearer ${at.token}` }
          const { body, status } = yield* ask(at, { ...request, headers: all })
          assert.strictEqual(status, 403, request.path)
          assert.notInclude(body, "mailer")
        }
        assert.strictEqual((yield* at.handle.child("store")).state._tag, "Running")
        yield* isWell(at)
      }))
  }

  it.live("says to browsers what not to do with its answers, and lets no other origin read them", () =>
    Effect.gen(function*() {
      const at = yield* serve({ assets: yield* page, readOnly: true })
      const requests = everything.filter(({ path }) => !/watch|logs/.test(path))
      for (const request of [...requests, { path: "/?token=x" }, { path: "/api/status", method: "OPTIONS" }]) {
        for (const send of [ask, known]) {
          const { headers } = yield* send(at, request)
          const said = JSON.stringify(headers)
          assert.strictEqual(headers["x-content-type-options"], "nosniff", request.path)
          assert.strictEqual(headers["referrer-policy"], "no-referrer")
          assert.strictEqual(headers["x-frame-options"], "DENY")
          assert.strictEqual(headers["cross-origin-resource-policy"], "same-origin")
          const policy = headers["content-security-policy"]!
          for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
            assert.include(policy, part)
          }
          assert.notInclude(policy, "unsafe")
          assert.notMatch(said, /access-control/i)
          assert.match(headers["cache-control"]!, /^no-(store|cache)$/)
        }
      }
    }))

  it.live("takes the one method that it is for", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const methods = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
      for (const method of methods) {
        const { headers, status } = yield* known(at, { method, path: "/api/status" })
        assert.deepStrictEqual([status, headers["allow"]], [405, "GET"], method)
      }
      for (const operation of ["stop", "shutdown", "shutdownNow", "add", "reconcile"]) {
        for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
          const { headers, status } = yield* known(at, { method, path: `/api/${operation}?target=mailer` })
          assert.deepStrictEqual([status, headers["allow"]], [405, "POST"], `${method} ${operation}`)
        }
      }
      assert.strictEqual((yield* known(at, { method: "TRACE", path: "/" })).status, 404)
      assert.strictEqual((yield* known(at, { method: "POST", path: "/api/toString" })).status, 404)
      yield* isWell(at)
    }))
})

describe("what changes something", () => {
  it.live("is a POST of JSON, and nothing that a form can send", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const cookie = yield* enter(at)
      const types = [
        undefined,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "application/jsonp"
      ]
      for (const type of types) {
        const headers = type === undefined ? { cookie } : { cookie, "content-type": type }
        const answer = yield* ask(at, { method: "POST", path: "/api/stop", headers, body: `{"target":"mailer"}` })
        assert.deepStrictEqual([answer.status, tagOf(answer)], [415, "UnsupportedMediaType"], String(type))
      }
      assert.strictEqual((yield* at.handle.child("mailer")).state._tag, "Running")
    }))

  it.live("is JSON however its type is written, with parameters or without", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      for (const type of ["application/json; charset=utf-8", "Application/JSON", "application/json ;charset=UTF-8"]) {
        const headers = { "content-type": type }
        const answer = yield* known(at, { method: "POST", path: "/api/restart", headers, body: `{"target":"mailer"}` })
        assert.strictEqual(answer.status, 200, type)
      }
    }))

  it.live("is what the call takes: anything else is refused and does nothing", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const before = yield* at.handle.status
      const bodies = [
        "",
        "{",
        "null",
        "[]",
        `"mailer"`,
        "{}",
        `{"target":1}`,
        `{"target":null}`,
        `{"target":["mailer"]}`,
        `{"__proto__":{"target":"mailer"}}`,
        `{"constructor":{"prototype":{"target":"mailer"}}}`,
        `{"target":"${"x".repeat(2000)}"}`,
        "[".repeat(60_000),
        `{"target":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
        "\0\0\0\0",
        "\ud800"
      ]
      for (const body of bodies) {
        const headers = { "content-type": "application/json" }
        const { status } = yield* known(at, { method: "POST", path: "/api/stop", headers, body })
        assert.strictEqual(status, 400, body.slice(0, 50))
      }
      const invalid = Buffer.from([0x7b, 0xff, 0xfe, 0x7d])
      const headers = { "content-type": "application/json" }
      assert.strictEqual((yield* known(at, { method: "POST", path: "/api/stop", headers, body: invalid })).status, 400)
      assert.deepStrictEqual(yield* at.handle.status, before)
      yield* isWell(at)
    }))

  it.live("has a body of bounded size, whether it says how long it is or not", () =>
    Effect.gen(function*() {
      const at = yield* serve({ maxRequestBytes: 1000 })
      const body = JSON.stringify({ target: "mailer", more: "x".repeat(2000) })
      const long = yield* post(at, "stop", JSON.parse(body))
      assert.deepStrictEqual([long.status, tagOf(long)], [413, "TooLarge"])
      const chunked = yield* known(at, {
        method: "POST",
        path: "/api/stop",
        headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
        body
      })
      assert.deepStrictEqual([chunked.status, tagOf(chunked)], [413, "TooLarge"])
      const head = `POST /api/stop HTTP/1.1\r\nHost: 127.0.0.1:${at.port}\r\nAuthorization: Bearer ${at.token}\r\n`
      const huge = yield* say(
        at,
        `${head}Content-Type: application/json\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\n{`
      )
      assert.strictEqual(statusOf(huge), 413)
      assert.strictEqual((yield* at.handle.child("mailer")).state._tag, "Running")
      yield* isWell(at)
    }))
})

const requests = (port: number): Readonly<Record<string, string>> => ({
  "nothing like it": "hello\r\n\r\n",
  "zeros": "\0".repeat(1000),
  "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
  "a request without a name": "GET /livez HTTP/1.1\r\n\r\n",
  "two names": `GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
  "a target that is an address":
    `GET http://127.0.0.1:${port}/livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
  "two lengths": `POST /livez HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
  "a length and chunks":
    `POST /livez HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "headers without end": `GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
  "many headers": `GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${"X: y\r\n".repeat(5000)}\r\n`,
  "a long target": `GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
  "a header in a header": `GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${port}\nX-Evil: 1\r\n\r\n`,
  "a tunnel": `CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
  "a change of protocol":
    `GET /api/watch HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
})

describe("what is no HTTP", () => {
  for (const what of Object.keys(requests(0))) {
    it.live(`is refused, and nobody else is concerned: ${what}`, () =>
      Effect.gen(function*() {
        const at = yield* serve({ requestTimeout: "500 millis" })
        const answer = yield* Effect.timeout(say(at, requests(at.port)[what]!), "3 seconds")
        if (answer !== "") assert.include([400, 403, 405, 408, 431], statusOf(answer), answer)
        assert.notInclude(answer, "\r\n\r\nok")
        yield* isWell(at)
        assert.strictEqual((yield* ask(at, { path: "/livez" })).status, 200)
      }))
  }
})

describe("who is slow", () => {
  const held: Readonly<Record<string, (port: number) => string>> = {
    "says nothing": () => "",
    "does not end its headers": (port) => `GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX: `,
    "does not end its body": (port) =>
      `POST /api/stop HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`
  }
  for (const [what, start] of Object.entries(held)) {
    it.live(`and ${what} is cut off`, () =>
      Effect.gen(function*() {
        const at = yield* serve({ requestTimeout: "300 millis" })
        const { closed, socket } = yield* raw(at)
        const drip = setInterval(() => what !== "says nothing" && socket.write("x"), 50)
        yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(drip)))
        const text = start(at.port)
        if (text !== "") socket.write(text)
        yield* isWell(at)
        yield* Effect.timeout(closed, "3 seconds")
      }))
  }

  it.live("and does not read what it asked for is cut off, and keeps nobody waiting", () =>
    Effect.gen(function*() {
      const line = "0123456789".repeat(50)
      const at = yield* serve({
        stallTimeout: "500 millis",
        maxStreams: 1,
        children: [Runnable.idle("mailer"), Job.runnable("loud", Command.make("yes", [line]))]
      })
      const { socket, text } = yield* raw(at)
      socket.once("data", () => socket.pause())
      socket.write(
        `GET /api/logs?path=loud HTTP/1.1\r\nHost: 127.0.0.1:${at.port}\r\nAuthorization: Bearer ${at.token}\r\n\r\n`
      )
      yield* Effect.eventually(
        Effect.suspend(() => statusOf(text()) === 200 ? Effect.void : Effect.delay(Effect.fail("not yet"), "5 millis"))
      )
      yield* isWell(at)
      // Its place is free again, with it still there.
      yield* Effect.eventually(streams(at))
      assert.isFalse(socket.closed)
      yield* isWell(at)
    }).pipe(Effect.provide(NodeJobs.layer())))
})

const atOnce = (count: number, request: Effect.Effect<Answer>) =>
  Effect.all(Array.from({ length: count }, () => request), { concurrency: "unbounded" })

describe("bounds", () => {
  it.live("there are so many connections at once: one more is closed", () =>
    Effect.gen(function*() {
      const at = yield* serve({ maxConnections: 3, requestTimeout: "1 minute" })
      yield* raw(at)
      yield* raw(at)
      const third = yield* raw(at)
      const fourth = yield* raw(at)
      yield* Effect.timeout(fourth.closed, "2 seconds")
      yield* isWell(at)
      third.socket.destroy()
      yield* third.closed
      yield* Effect.eventually(Effect.catchDefect(known(at, { path: "/livez" }), Effect.fail))
    }))

  it.live("there are so many streams at once, and their places are given back", () =>
    Effect.gen(function*() {
      const at = yield* serve({ maxStreams: 2 })
      const first = yield* listen(at, "/api/watch")
      const second = yield* listen(at, "/api/logs?path=mailer")
      yield* first.until((seen) => seen.length > 1)
      yield* second.ended
      yield* listen(at, "/api/watch")
      const third = yield* known(at, { path: "/api/watch" })
      assert.deepStrictEqual([third.status, tagOf(third)], [429, "TooManyRequests"])
      assert.strictEqual((yield* known(at, { path: "/api/status" })).status, 200)
      first.response.destroy()
      yield* Effect.eventually(streams(at))
    }))

  for (const who of ["a stranger", "somebody who has the token"]) {
    it.live(`one connection of ${who} has so many requests, however fast it says them: then it is closed`, () =>
      Effect.gen(function*() {
        const at = yield* serve({ maxPerSecond: 1_000_000 })
        const { closed, socket, text } = yield* raw(at)
        const head = `GET /api/server HTTP/1.1\r\nHost: 127.0.0.1:${at.port}\r\n`
        const token = who === "a stranger" ? "" : `Authorization: Bearer ${at.token}\r\n`
        socket.write(`${head}${token}\r\n`.repeat(5000))
        yield* isWell(at)
        yield* Effect.timeout(closed, "5 seconds")
        assert.isAtMost(text().split("HTTP/1.1 ").length - 1, 101)
        yield* isWell(at)
      }))
  }

  it.live("requests are answered at a rate, and others are told to come later", () =>
    Effect.gen(function*() {
      const at = yield* serve({ maxPerSecond: 20 })
      const answers = yield* atOnce(60, known(at, { path: "/api/server" }))
      const refused = answers.filter(({ status }) => status === 429)
      assert.isAtLeast(refused.length, 1)
      assert.strictEqual(answers.filter(({ status }) => status === 200).length, 60 - refused.length)
      assert.strictEqual(refused[0]!.headers["retry-after"], "1")
      // Health is not concerned, nor is the tree.
      assert.strictEqual((yield* ask(at, { path: "/livez" })).status, 200)
      yield* isWell(at)
    }))

  it.live("who guesses tokens is slowed down, and does not shut out those who have one", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const guesses = [
        { path: "/api/status", headers: { authorization: "Bearer guess" } },
        { path: "/api/status", headers: { cookie: `effect-supervisor-${at.port}=guess` } },
        { path: "/?token=guess" }
      ]
      for (const guess of guesses) {
        const answers = yield* atOnce(100, ask(at, guess))
        assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([401, 429]))
      }
      assert.strictEqual((yield* known(at, { path: "/api/status" })).status, 200)
      yield* enter(at)
      assert.strictEqual((yield* ask(at, { path: "/readyz" })).status, 200)
    }))

  it.live("who asks for health without end costs no more than some looks, and who checks is answered as ever", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const answers = yield* atOnce(200, ask(at, { path: "/livez" }))
      assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
      assert.strictEqual((yield* ask(at, { path: "/readyz" })).status, 200)
    }))

  it.effect("a look is taken anew so many times a second, and shared by those who ask more often", () =>
    Effect.gen(function*() {
      let looks = 0
      const look = yield* rates.sparing(2, Effect.sync(() => ++looks))
      assert.deepStrictEqual(yield* Effect.all([look, look, look, look]), [1, 2, 2, 2])
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* Effect.all([look, look]), [3, 3])
    }))
})

/** What would keep the process alive. */
const left = () => process.getActiveResourcesInfo().filter((name) => /Timeout|TCP/.test(name)).length

const timersOf = (list: ReadonlyArray<Runnable.Runnable<ControlError.PortUnavailable, Supervisor>>) =>
  Effect.scoped(Effect.andThen(
    ProcessManager.start(ProcessManager.make("app", list)),
    Effect.sync(() => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length)
  ))

describe("the end", () => {
  it.live("comes within a second with streams open, requests half said, and readers who do not read", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const streams = yield* Effect.forEach(Array.from({ length: 20 }), () => listen(at, "/api/watch"))
      for (const { until } of streams) yield* until((seen) => seen.length > 1)
      const half = yield* raw(at)
      half.socket.write(`GET /livez HTTP/1.1\r\nHost: 127`)
      const idle = yield* raw(at)
      const deaf = yield* raw(at)
      deaf.socket.write(
        `GET /api/watch HTTP/1.1\r\nHost: 127.0.0.1:${at.port}\r\nAuthorization: Bearer ${at.token}\r\n\r\n`
      )
      deaf.socket.pause()
      const began = performance.now()
      yield* at.handle.stop("dashboard")
      assert.isBelow(performance.now() - began, 1000)
      for (const { ended } of streams) yield* ended
      yield* half.closed
      yield* idle.closed
      const { state } = yield* at.handle.child("dashboard")
      assert.strictEqual(state._tag, "Stopped")
      // The port is free again, at once.
      yield* at.handle.start("dashboard")
    }))

  it.live("an operation that takes long is not waited for, and goes on", () =>
    Effect.gen(function*() {
      const asked = Deferred.makeUnsafe<void>()
      const slow = Runnable.make(
        "slow",
        Effect.never.pipe(
          Effect.onInterrupt(() => Effect.andThen(Deferred.succeed(asked, undefined), Effect.sleep("400 millis")))
        )
      )
      const at = yield* serve({ children: [slow] })
      const stopping = yield* Effect.forkChild(Effect.exit(Effect.scoped(post(at, "stop", { target: "slow" }))))
      yield* Deferred.await(asked)
      yield* at.handle.stop("dashboard")
      yield* Effect.eventually(
        Effect.flatMap(at.handle.child("slow"), ({ state }) =>
          state._tag === "Stopped" ? Effect.void : Effect.fail(state._tag))
      )
      yield* Fiber.join(stopping)
    }))

  it.live("leaves no timer and no handle behind", () =>
    Effect.gen(function*() {
      const before = left()
      yield* Effect.scoped(Effect.gen(function*() {
        const at = yield* serve()
        const { until } = yield* listen(at, "/api/watch")
        yield* until((seen) => seen.some(({ event }) => event === "usage"))
      }))
      yield* Effect.eventually(Effect.suspend(() => left() <= before ? Effect.void : Effect.fail(left())))
    }))

  it.live("nothing ticks while nobody is connected", () =>
    Effect.gen(function*() {
      const without = yield* timersOf([Runnable.idle("worker")])
      const withServer = yield* timersOf([
        Dashboard.runnable({ port: 0, onListening: () => Effect.void }),
        Runnable.idle("worker")
      ])
      assert.strictEqual(withServer, without)
    }))
})
