import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Redacted, Stream } from "effect"
import { Control, ProcessManager, Runnable, Supervisor } from "effect-supervisor"
import { ControlClient, ControlServer, Dashboard } from "effect-supervisor/control"
import { Command, Job, NodeJobs } from "effect-supervisor/process"
import { createHash } from "node:crypto"
import * as Net from "node:net"
import { announce } from "../../../src/control/internal/clusters.ts"
import { temporarySocket } from "../support.ts"
import { type Answer, ask, enter, freePort, known, listen, page, post, said, serve, tagOf } from "./support.ts"

const operations = [
  "start",
  "stop",
  "restart",
  "hold",
  "release",
  "remove",
  "signal",
  "reload",
  "reloadChild",
  "add",
  "reconcile",
  "shutdown",
  "shutdownNow"
]

/** How a question failed. */
const failureOf = (answer: Answer) => [answer.status, tagOf(answer), said(answer).detail]

/** What became of each child. */
const outcomes = (answer: Answer) => said(answer).map(({ _tag, outcome, path }) => `${path} ${_tag} ${outcome}`)

describe("getting in", () => {
  it.live("without a session there is only how to get one", () =>
    Effect.gen(function*() {
      const at = yield* serve({ assets: yield* page })
      for (const path of ["/", "/assets/page.js", "/metrics", "/api/status", "/api/watch", "/api/logs?path=web"]) {
        const { body, headers, status } = yield* ask(at, { path })
        assert.strictEqual(status, 401, path)
        assert.strictEqual(headers["www-authenticate"], "Bearer")
        assert.include(body, "link", path)
        assert.notInclude(body, "mailer")
      }
      for (const operation of operations) {
        const headers = { "content-type": "application/json" }
        const answer = yield* ask(at, { method: "POST", path: `/api/${operation}`, headers, body: "{}" })
        assert.strictEqual(answer.status, 401, operation)
      }
      assert.strictEqual((yield* ask(at, { path: "/" })).headers["content-type"], "text/plain; charset=utf-8")
    }))

  it.live("a link is taken once, for a cookie that scripts and other sites do not get", () =>
    Effect.gen(function*() {
      const at = yield* serve({ assets: yield* page })
      const link = new URL(yield* at.link)
      const path = `${link.pathname}${link.search}`
      const first = yield* ask(at, { path })
      assert.strictEqual(first.status, 303)
      assert.strictEqual(first.headers.location, "/")
      assert.strictEqual(first.headers["referrer-policy"], "no-referrer")
      assert.strictEqual(first.headers["cache-control"], "no-store")
      const [cookie, ...more] = first.headers["set-cookie"]![0]!.split("; ")
      assert.deepStrictEqual(more.toSorted(), ["HttpOnly", "Path=/", "SameSite=Strict"])
      const { body, status } = yield* ask(at, { path: "/", headers: { cookie: cookie! } })
      assert.strictEqual(status, 200)
      assert.include(body, "<title>page</title>")
      // Somebody who finds the link in a log or a history.
      const second = yield* ask(at, { path })
      assert.strictEqual(second.status, 401)
      assert.include(second.body, "has been used")
      assert.isUndefined(second.headers["set-cookie"])
      // Who is in already is not sent away for it.
      assert.strictEqual((yield* ask(at, { path, headers: { cookie: cookie! } })).status, 303)
      // The secret of a link is no token, and the token no link.
      const authorization = `Bearer ${link.searchParams.get("token")}`
      assert.strictEqual((yield* ask(at, { path: "/api/status", headers: { authorization } })).status, 401)
      assert.strictEqual((yield* ask(at, { path: `/?token=${at.token}` })).status, 401)
    }))

  it.live("asking whether a link is there does not use it up", () =>
    Effect.gen(function*() {
      const at = yield* serve({ assets: yield* page })
      const link = new URL(yield* at.link)
      const path = `${link.pathname}${link.search}`
      assert.strictEqual((yield* ask(at, { path, method: "HEAD" })).status, 401)
      assert.strictEqual((yield* ask(at, { path, headers: { host: "evil.example" } })).status, 403)
      assert.strictEqual((yield* ask(at, { path, headers: { "sec-fetch-site": "cross-site" } })).status, 403)
      assert.strictEqual((yield* ask(at, { path })).status, 303)
    }))

  it.live("every session is one of its own, and a made-up one is none", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const one = yield* enter(at)
      const other = yield* enter(at)
      assert.notStrictEqual(one, other)
      for (const cookie of [one, other]) {
        assert.strictEqual((yield* ask(at, { path: "/api/status", headers: { cookie } })).status, 200)
      }
      const [name, value] = one.split("=") as [string, string]
      assert.strictEqual(Buffer.from(value, "base64url").length, 32)
      const digest = createHash("sha256").update(value).digest("hex")
      for (const wrong of ["", `${value}x`, value.slice(1), digest, "__proto__", "x".repeat(8000)]) {
        const cookie = `${name}=${wrong}`
        assert.strictEqual((yield* ask(at, { path: "/api/status", headers: { cookie } })).status, 401, wrong)
      }
    }))

  it.live("behind a proxy that speaks TLS the cookie is for TLS only", () =>
    Effect.gen(function*() {
      const at = yield* serve({ allowedHosts: ["ops.example.com"] })
      const link = new URL(yield* at.link)
      const headers = { host: "ops.example.com", "x-forwarded-proto": "https" }
      const answer = yield* ask(at, { path: `${link.pathname}${link.search}`, headers })
      assert.include(answer.headers["set-cookie"]![0]!, "; Secure")
    }))

  it.live("a session outlives a restart of the server, also one that was asked for here, which is answered", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const at = yield* serve({ port })
      const cookie = yield* enter(at)
      const headers = { cookie, "content-type": "application/json" }
      const body = JSON.stringify({ target: "dashboard" })
      const answer = yield* ask(at, { method: "POST", path: "/api/restart", headers, body })
      assert.deepStrictEqual(outcomes(answer), ["dashboard Done done"])
      yield* Effect.eventually(
        Effect.flatMap(
          at.handle.child("dashboard"),
          ({ incarnation, state }) =>
            incarnation === 2 && state._tag === "Running" ? Effect.void : Effect.delay(Effect.fail("not yet"), 5)
        )
      )
      assert.strictEqual((yield* ask(at, { path: "/api/status", headers: { cookie } })).status, 200)
      assert.strictEqual((yield* known(at, { path: "/api/status" })).status, 200)
    }))

  it.live("programs show the token, and nothing like it will do", () =>
    Effect.gen(function*() {
      const token = "0123456789abcdef0123456789abcdef"
      const at = yield* serve({ token: Redacted.make(token) })
      assert.strictEqual(at.token, token)
      const statusOf = (authorization: string) =>
        Effect.map(ask(at, { path: "/api/status", headers: { authorization } }), ({ status }) => status)
      assert.strictEqual(yield* statusOf(`Bearer ${token}`), 200)
      for (const wrong of ["", "Bearer", "Bearer ", token, `Basic ${token}`, `Bearer ${token}x`, `Bearer ${token} x`]) {
        assert.strictEqual(yield* statusOf(wrong), 401, wrong)
      }
    }))

  it.live("a token that can be guessed is refused where it is said, and not shown", () =>
    Effect.sync(() => {
      try {
        const dashboard = Dashboard.runnable({ token: Redacted.make("password") })
        assert.fail(`it was taken by ${dashboard.name}`)
      } catch (error) {
        assert.include(String(error), "32 characters")
        assert.notInclude(String(error), "password")
      }
    }))

  it.live("any child of the tree can ask for a new link", () =>
    Effect.gen(function*() {
      const found: Array<string | undefined> = []
      const asking = Runnable.make("asking", Effect.map(Dashboard.link, (link) => found.push(link)))
      const at = yield* serve({ children: [ProcessManager.make("web", [asking])] })
      const link = new URL(found[0]!)
      assert.strictEqual(link.port, String(at.port))
      assert.strictEqual((yield* ask(at, { path: `${link.pathname}${link.search}` })).status, 303)
    }))
})

describe("the page", () => {
  it.live("is served with its files, packed if that is understood, and not again if it is the same", () =>
    Effect.gen(function*() {
      const at = yield* serve({ assets: yield* page })
      const plain = yield* known(at, { path: "/assets/page.js" })
      assert.strictEqual(plain.headers["content-type"], "text/javascript; charset=utf-8")
      assert.include(plain.body, "console.log")
      const packed = yield* known(at, { path: "/assets/page.js", headers: { "accept-encoding": "gzip, br" } })
      assert.strictEqual(packed.headers["content-encoding"], "gzip")
      assert.isBelow(Number(packed.headers["content-length"]), 200)
      const { etag } = plain.headers
      const again = yield* known(at, { path: "/assets/page.js", headers: { "if-none-match": etag! } })
      assert.strictEqual(again.status, 304)
      assert.strictEqual(again.body, "")
    }))

  it.live("is all there is of the disk, by whatever path one asks", () =>
    Effect.gen(function*() {
      const at = yield* serve({ assets: yield* page })
      const paths = [
        "/assets/",
        "/assets/..",
        "/assets/../secret.txt",
        "/assets/..%2fsecret.txt",
        "/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/assets/....//....//etc/passwd",
        "/assets//etc/passwd",
        "/assets/secret.txt",
        "/assets/page.js%00.html",
        "/assets/page.js/..",
        "/assets/__proto__",
        "/assets/%",
        "/assets/%c0%ae%c0%ae/page.js",
        `/assets/${"a".repeat(8000)}`,
        "/secret.txt",
        "/../../etc/passwd",
        "/index.html"
      ]
      for (const path of paths) {
        const { body, status } = yield* known(at, { path })
        assert.include([400, 404], status, path)
        assert.notInclude(body, "root:", path)
        assert.notInclude(body, "not a part", path)
      }
    }))

  it.live("is told how to be had if it was not built", () =>
    Effect.gen(function*() {
      const at = yield* serve({ assets: "/nowhere" })
      const { body, status } = yield* known(at, { path: "/" })
      assert.strictEqual(status, 503)
      assert.include(body, "npm run build")
    }))
})

describe("operations", () => {
  it.live("are those of the handle, and answer what became of each child", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const stateOf = (path: string) => Effect.map(at.handle.child(path), ({ state }) => state._tag)
      assert.deepStrictEqual(outcomes(yield* post(at, "stop", { target: "mailer" })), ["mailer Done done"])
      assert.strictEqual(yield* stateOf("mailer"), "Stopped")
      yield* post(at, "start", { target: "mailer" })
      assert.strictEqual(yield* stateOf("mailer"), "Running")
      assert.deepStrictEqual(outcomes(yield* post(at, "restart", { target: "web/*" })), [
        "web/cache Done done",
        "web/worker-1 Done done"
      ])
      yield* post(at, "hold", { target: "store" })
      assert.strictEqual(yield* stateOf("store"), "Held")
      yield* post(at, "release", { target: "store" })
      assert.strictEqual(yield* stateOf("store"), "Running")
      const { ignored } = said(yield* post(at, "reload", {}))
      assert.include(ignored, "store")
      assert.include(said(yield* post(at, "reloadChild", { target: "web" })).ignored, "web/cache")
      yield* post(at, "remove", { target: "store" })
      assert.strictEqual((yield* Effect.flip(at.handle.child("store")))._tag, "ChildNotFound")
    }))

  it.live("add and reconcile take what the application declares", () =>
    Effect.gen(function*() {
      const declare = Effect.succeed([Runnable.idle("store"), Runnable.idle("extra")])
      const at = yield* serve({ declare })
      const added = yield* post(at, "add", { name: "extra" })
      assert.deepStrictEqual([added.status, added.body], [200, "null"])
      const report = said(yield* post(at, "reconcile", {}))
      assert.deepStrictEqual(report.stopped, ["mailer", "web"])
      assert.include(report.kept, "dashboard")
      const unknown = yield* post(at, "add", { name: "miner" })
      assert.deepStrictEqual([unknown.status, tagOf(unknown)], [404, "NotDeclared"])
      const twice = yield* post(at, "add", { name: "extra" })
      assert.deepStrictEqual([twice.status, tagOf(twice)], [409, "DuplicateChild"])
    }))

  it.live("reconcile ends no server, whichever of them is asked, unless it was removed", () =>
    Effect.gen(function*() {
      const declare = Effect.succeed([Runnable.idle("store")])
      const socket = yield* temporarySocket
      const at = yield* serve({
        declare,
        children: [ControlServer.runnable({ socket, declare }), Runnable.idle("mailer")]
      })
      const namesOf = Effect.map(at.handle.status, ({ children }) => children.map(({ name }) => name).join(" "))
      yield* post(at, "reconcile", {})
      assert.strictEqual(yield* namesOf, "dashboard control store")
      const client = yield* ControlClient.make({ socket })
      yield* at.handle.stop("dashboard")
      yield* client.reconcile
      assert.strictEqual(yield* namesOf, "dashboard control store")
      yield* client.remove("dashboard")
      yield* client.reconcile
      assert.strictEqual(yield* namesOf, "control store")
    }))

  it.live("what cannot be done is told with its tag, a message and a status", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const missing = yield* post(at, "stop", { target: "nobody" })
      assert.deepStrictEqual([missing.status, tagOf(missing)], [404, "ChildNotFound"])
      assert.include(said(missing).message, "nobody")
      const noJob = said(yield* post(at, "signal", { target: "mailer", signal: "SIGHUP" }))
      assert.deepStrictEqual([noJob[0]!._tag, noJob[0]!.error._tag], ["Failed", "NotAJob"])
      const nothing = yield* known(at, { path: "/api/info?path=nobody" })
      assert.deepStrictEqual([nothing.status, tagOf(nothing)], [404, "ChildNotFound"])
    }))

  it.live("a read-only server shows everything and changes nothing", () =>
    Effect.gen(function*() {
      const at = yield* serve({ readOnly: true })
      const before = yield* at.handle.status
      for (const operation of operations) {
        const answer = yield* post(at, operation, { target: "*", name: "x", signal: "SIGHUP" })
        assert.deepStrictEqual([answer.status, tagOf(answer)], [403, "ReadOnlyServer"], operation)
      }
      assert.deepStrictEqual(yield* at.handle.status, before)
      assert.isTrue(said(yield* known(at, { path: "/api/server" })).readOnly)
      const { until } = yield* listen(at, "/api/watch")
      const [hello] = yield* until((seen) => seen.length > 0)
      assert.isTrue(hello!.data.readOnly)
    }))

  it.live("shutdown is answered, and then the tree ends with the server and all who listen", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const { ended, until } = yield* listen(at, "/api/watch")
      yield* until((seen) => seen.some(({ event }) => event === "change"))
      const began = performance.now()
      assert.strictEqual((yield* post(at, "shutdown", {})).status, 200)
      yield* ended
      yield* at.handle.await
      assert.isBelow(performance.now() - began, 1000)
    }))
})

describe("questions", () => {
  it.live("who serves, the tree, and one child of it", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const server = said(yield* known(at, { path: "/api/server" }))
      assert.deepStrictEqual([server.name, server.pid, server.readOnly], ["app", process.pid, false])
      const status = said(yield* known(at, { path: "/api/status" }))
      assert.deepStrictEqual(status, JSON.parse(JSON.stringify(yield* at.handle.status)))
      const info = said(yield* known(at, { path: "/api/info?path=web/cache" }))
      assert.deepStrictEqual([info.path, info.child.state._tag, info.job], ["web/cache", "Running", undefined])
    }))

  it.live("the cluster, and who listens is told when the tree has joined one", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      assert.deepStrictEqual(failureOf(yield* known(at, { path: "/api/cluster" })), [
        503,
        "ClusterUnavailable",
        undefined
      ])
      const { until } = yield* listen(at, "/api/watch")
      const [hello] = yield* until((seen) => seen.length > 0)
      assert.isFalse(hello!.data.isNode)
      const away = new Error("connect ECONNREFUSED")
      yield* announce({ snapshot: Effect.fail(away), events: Stream.empty })
      const seen = yield* until((seen) => seen.some(({ event }) => event === "cluster"))
      assert.isTrue(seen.find(({ event }) => event === "cluster")!.data.isNode)
      const answer = failureOf(yield* known(at, { path: "/api/cluster" }))
      assert.deepStrictEqual(answer, [503, "ClusterUnavailable", away.message])
    }))

  it.live("neither the environment of a job nor what is redacted is in any answer", () =>
    Effect.gen(function*() {
      const env = { PUBLIC: "from-the-environment", SECRET: Redacted.make("very-secret-value") }
      const args = ["-c", "sleep 60", Redacted.make("secret-argument")]
      const job = Job.runnable("job", Command.make("sh", args, { env }))
      const at = yield* serve({ children: [job, Runnable.idle("mailer")] })
      const { seen, until } = yield* listen(at, "/api/watch")
      yield* until((seen) => seen.some(({ event }) => event === "usage"))
      const paths = ["/api/server", "/api/status", "/api/info?path=job", "/metrics", "/api/lines?path=job"]
      const bodies = yield* Effect.forEach(paths, (path) => Effect.map(known(at, { path }), ({ body }) => body))
      const restarted = yield* post(at, "restart", { target: "job" })
      const all = [...bodies, restarted.body, JSON.stringify(seen)].join("\n")
      assert.include(all, "<redacted>")
      for (const secret of ["from-the-environment", "very-secret-value", "secret-argument", at.token]) {
        assert.notInclude(all, secret)
      }
      for (const value of [process.env["PATH"]!, process.env["HOME"]!]) {
        assert.notInclude(all.replaceAll(/"directory":"[^"]*"/g, ""), `${value}"`)
      }
    }).pipe(Effect.provide(NodeJobs.layer())))
})

describe("for load balancers", () => {
  it.live("livez and readyz say yes or no to anybody, and nothing else", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const both = () =>
        Effect.map(
          Effect.all([ask(at, { path: "/livez" }), ask(at, { path: "/readyz" })]),
          (answers) => answers.map(({ body, status }) => `${status} ${body.trim()}`)
        )
      assert.deepStrictEqual(yield* both(), ["200 ok", "200 ok"])
      const started = Deferred.makeUnsafe<void>()
      const slow = Runnable.make("slow", Effect.andThen(Deferred.succeed(started, undefined), Effect.never), {
        ready: "signal"
      })
      yield* Effect.forkScoped(at.handle.add(slow))
      yield* Deferred.await(started)
      assert.deepStrictEqual(yield* both(), ["200 ok", "503 no"])
      yield* at.handle.remove("slow")
      assert.deepStrictEqual(yield* both(), ["200 ok", "200 ok"])
      // A name that is not its own is not answered here either.
      assert.strictEqual((yield* ask(at, { path: "/livez", headers: { host: "evil.example" } })).status, 403)
    }))

  it.live("while the tree stops it lives, and is not ready", () =>
    Effect.gen(function*() {
      const asked = Deferred.makeUnsafe<void>()
      const stubborn = Runnable.make(
        "stubborn",
        Control.shutdown.pipe(Effect.andThen(Deferred.succeed(asked, undefined)), Effect.andThen(Effect.never)),
        { grace: "1 minute" }
      )
      const at = yield* serve({ children: [stubborn] })
      yield* Effect.forkScoped(at.handle.shutdown, { startImmediately: true })
      yield* Deferred.await(asked)
      assert.strictEqual((yield* ask(at, { path: "/livez" })).status, 200)
      assert.strictEqual((yield* ask(at, { path: "/readyz" })).status, 503)
    }))

  it.live("they and the metrics can be left out", () =>
    Effect.gen(function*() {
      const at = yield* serve({ health: false, metrics: false })
      for (const path of ["/livez", "/readyz", "/metrics"]) {
        assert.strictEqual((yield* known(at, { path })).status, 404, path)
      }
    }))
})

describe("metrics", () => {
  it.live("are those of the tree, in the text format of Prometheus, for those who have the token", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      assert.strictEqual((yield* ask(at, { path: "/metrics" })).status, 401)
      const { body, headers, status } = yield* known(at, { path: "/metrics" })
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
      assert.match(body, /^# TYPE effect_supervisor_starts_total counter$/m)
      assert.match(body, /^effect_supervisor_children\{state="Running"\} \d+$/m)
      assert.isTrue(body.endsWith("\n"))
    }))
})

describe("the port", () => {
  it.live("is on 127.0.0.1 and no other address", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const refused = (host: string) =>
        Effect.callback<boolean>((resume) => {
          const socket = Net.createConnection({ host, port: at.port })
          socket.once("connect", () => resume(Effect.succeed(false)))
          socket.once("error", () => resume(Effect.succeed(true)))
          return Effect.sync(() => socket.destroy())
        })
      assert.isFalse(yield* refused("127.0.0.1"))
      assert.isTrue(yield* refused("127.0.0.2"))
      assert.isTrue(yield* refused("::1"))
    }))

  it.live("that somebody else has is an error that says what to do", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const app = ProcessManager.make("second", [Dashboard.runnable({ port: at.port })])
      const error = yield* Effect.flip(Effect.scoped(ProcessManager.start(app)))
      assert.isTrue(error._tag === "PortUnavailable" && error.port === at.port)
      assert.include(error.message, "option port")
      const wrong = yield* Effect.exit(Effect.sync(() => Dashboard.runnable({ port: 70_000 })))
      assert.isTrue(Exit.isFailure(wrong))
    }))

  it.live("a manager of layers has a dashboard by one line", () =>
    Effect.gen(function*() {
      const origins: Array<string> = []
      const onListening = ({ origin }: Dashboard.Listening) => Effect.sync(() => origins.push(origin))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Effect.forkScoped(Supervisor.launch(Dashboard.layer({ port: 0, onListening })))
        while (origins.length === 0) yield* Effect.sleep(5)
      }))
      assert.match(origins[0]!, /^http:\/\/127\.0\.0\.1:\d+$/)
    }))
})
