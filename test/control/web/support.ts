/** What the tests of the dashboard's server share: a tree with one in it, and clients that a browser would not be. */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Redacted, type Scope } from "effect"
import { ProcessManager, Runnable, type Supervisor } from "effect-supervisor"
import { Dashboard } from "effect-supervisor/control"
import { mkdtempSync, writeFileSync } from "node:fs"
import * as Http from "node:http"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { removeFolder } from "../../fixtures/removeFolder.ts"

export const children: ReadonlyArray<Runnable.Runnable> = [
  Runnable.idle("store"),
  ProcessManager.make("web", [Runnable.idle("cache"), Runnable.idle("worker-1")]),
  Runnable.idle("mailer")
]

/** A page, as far as the server is concerned. */
export const page: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "es-page-"))
    writeFileSync(join(folder, "index.html"), "<!doctype html><title>page</title>")
    writeFileSync(join(folder, "page.js"), `console.log("${"x".repeat(2000)}")`)
    writeFileSync(join(folder, "secret.txt"), "not a part of the page")
    return folder
  }),
  (folder) => Effect.sync(() => removeFolder(folder))
)

/** A port that nobody has just now. */
export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = Net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as Net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

export interface At {
  readonly handle: Supervisor.Handle
  readonly port: number
  readonly token: string
  readonly link: Effect.Effect<string>
}

type Children<E, R> = { readonly children?: ReadonlyArray<Runnable.Runnable<E, R>> }

/** A running tree with a dashboard in it. */
export const serve = Effect.fnUntraced(function*<E = never, R = never>(options?: Dashboard.Options & Children<E, R>) {
  const listening = Deferred.makeUnsafe<Dashboard.Listening>()
  const onListening = (at: Dashboard.Listening) => Deferred.succeed(listening, at)
  const list: ReadonlyArray<Runnable.Any> = [
    Dashboard.runnable({ port: 0, onListening, ...options }),
    ...options?.children ?? children
  ]
  const app = ProcessManager.make("app", list, { autoCleanup: false, escalate: "never", keepAlive: true })
  const handle = yield* ProcessManager.start(
    app as ProcessManager.ProcessManager<never, Exclude<R, Supervisor>>
  )
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      yield* handle.shutdownNow
      assert.deepStrictEqual((yield* handle.status).abandoned, [], "the server did not end")
    })
  )
  const { link, port, token } = yield* Deferred.await(listening)
  const at: At = { handle, port, token: Redacted.value(token), link }
  return at
})

export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

export interface Ask {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly body?: string | Buffer
}

/** A request as it is said: with any headers, of which a browser would choose some itself. */
const open = ({ port }: At, { body, headers, method = "GET", path }: Ask) =>
  Effect.acquireRelease(
    Effect.callback<Http.IncomingMessage, Error>((resume) => {
      const request = Http.request(
        { host: "127.0.0.1", port, path, method, headers: { ...headers } as Http.OutgoingHttpHeaders, agent: false },
        (response) => {
          request.on("error", () => {})
          resume(Effect.succeed(response.on("error", () => {})))
        }
      )
      request.on("error", (error) => resume(Effect.fail(error)))
      request.end(body)
    }),
    (response) => Effect.sync(() => response.destroy())
  )

/** The whole of an answer. */
export const ask = (at: At, request: Ask): Effect.Effect<Answer> =>
  Effect.scoped(Effect.gen(function*() {
    const response = yield* open(at, request)
    const body = yield* Effect.callback<string>((resume) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("close", () => resume(Effect.succeed(Buffer.concat(chunks).toString())))
    })
    return { status: response.statusCode!, headers: response.headers, body }
  })).pipe(Effect.orDie)

/** Of somebody who has the token. */
export const known = (at: At, request: Ask): Effect.Effect<Answer> =>
  ask(at, { ...request, headers: { authorization: `Bearer ${at.token}`, ...request.headers } })

export const post = (at: At, operation: string, payload: unknown, headers?: Ask["headers"]): Effect.Effect<Answer> =>
  known(at, {
    method: "POST",
    path: `/api/${operation}`,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(payload)
  })

export const tagOf = ({ body }: Answer): string => (JSON.parse(body) as { readonly _tag: string })._tag

/** Lets a browser in: its cookie. */
export const enter = Effect.fnUntraced(function*(at: At) {
  const link = new URL(yield* at.link)
  const { headers, status } = yield* ask(at, { path: `${link.pathname}${link.search}` })
  assert.strictEqual(status, 303)
  return headers["set-cookie"]![0]!.split(";")[0]!
})

/** What is said in JSON, as far as the tests look at it. */
export interface Said {
  readonly _tag: string
  readonly name: string
  readonly path: string
  readonly message: string
  readonly detail: string | undefined
  readonly isNode: boolean
  readonly count: number
  readonly text: string
  readonly outcome: string
  readonly pid: number
  readonly incarnation: number
  readonly to: Said | undefined
  readonly readOnly: boolean
  readonly cpuMillis: number
  readonly memoryBytes: number
  readonly processes: number
  readonly error: Said
  readonly server: Said
  readonly state: Said
  readonly child: Said
  readonly job: Said | undefined
  readonly children: ReadonlyArray<Said>
  readonly ignored: ReadonlyArray<string>
  readonly stopped: ReadonlyArray<string>
  readonly kept: ReadonlyArray<string>
}

export const said = ({ body }: Answer): Said & ReadonlyArray<Said> => JSON.parse(body)

export interface Message {
  readonly event: string
  readonly data: Said & ReadonlyArray<Said> & Readonly<Record<string, Said>>
}

/** A stream of events, collected. */
export const listen = Effect.fnUntraced(function*(at: At, path: string) {
  const response = yield* Effect.orDie(open(at, { path, headers: { authorization: `Bearer ${at.token}` } }))
  let text = ""
  let at_ = 0
  const seen: Array<Message> = []
  let comments = 0
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk
    for (let end = text.indexOf("\n\n", at_); end >= 0; end = text.indexOf("\n\n", at_)) {
      const lines = text.slice(at_, end).split("\n")
      at_ = end + 2
      const event = lines.find((line) => line.startsWith("event: "))?.slice(7)
      if (event === undefined) comments++
      else seen.push({ event, data: JSON.parse(lines.find((line) => line.startsWith("data: "))!.slice(6)) })
    }
  })
  const until = (holds: (seen: ReadonlyArray<Message>) => boolean) =>
    Effect.callback<ReadonlyArray<Message>>((resume) => {
      const look = () => {
        if (!holds(seen)) return
        response.off("data", look)
        resume(Effect.succeed(seen))
      }
      response.on("data", look)
      look()
    })
  const ended = Effect.callback<void>((resume) => {
    if (response.closed) return resume(Effect.void)
    response.once("close", () => resume(Effect.void))
  })
  return { response, seen, until, ended, comments: () => comments, bytes: () => text.length }
})

/** A connection on which anything can be said; what comes is collected as text. */
export const raw = Effect.fnUntraced(function*({ port }: At) {
  const socket = yield* Effect.acquireRelease(
    Effect.callback<Net.Socket>((resume) => {
      const socket = Net.createConnection({ host: "127.0.0.1", port }, () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  let text = ""
  socket.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
  const closed = Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
  })
  return { socket, closed, text: () => text }
})

/** What is answered to these bytes, until the connection ends. */
export const say = (at: At, bytes: string): Effect.Effect<string> =>
  Effect.scoped(Effect.gen(function*() {
    const { closed, socket, text } = yield* raw(at)
    socket.write(bytes)
    yield* closed
    return text()
  }))

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

/** The tree answers in time, whatever goes on at its server. */
export const isWell = Effect.fnUntraced(function*({ handle }: At) {
  const outcome = yield* Effect.timeoutOption(handle.restart("mailer"), "2 seconds")
  assert.strictEqual(outcome._tag, "Some", "the tree does not answer")
  assert.strictEqual((yield* handle.child("dashboard")).restarts, 0, "the server had to be restarted")
})
