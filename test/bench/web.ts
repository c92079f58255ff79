/**
 * What the dashboard's server costs and does, with clients in a process of their own: `node test/bench/web.ts`, in about
 * half a minute. `LINES_PER_SECOND` says how loud the log is that is followed (1000).
 *
 * Prints the first snapshot of 1000 children, the round trip of a change, how many messages a second a watcher of a busy
 * tree gets, what 200 followers of one log get and lose, what the tree feels of them, and what a server costs while
 * nobody is connected.
 */
import { Deferred, Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import * as Http from "node:http"
import * as Net from "node:net"
import { createInterface } from "node:readline"
import { Dashboard } from "../../src/control/index.ts"
import { ProcessManager, Runnable } from "../../src/index.ts"
import { Command, Job, NodeJobs } from "../../src/process/index.ts"

const followers = 200
const children = 1000
const followSeconds = 6
const idleSeconds = 5
const perSecond = Number(process.env["LINES_PER_SECOND"] ?? 1000)

const quantile = (sorted: ReadonlyArray<number>, q: number) => sorted[Math.floor((sorted.length - 1) * q)]!
const summary = (values: ReadonlyArray<number>) => {
  const sorted = values.toSorted((a, b) => a - b)
  return `p50 ${quantile(sorted, 0.5).toFixed(2)} ms, p99 ${quantile(sorted, 0.99).toFixed(2)} ms (n=${sorted.length})`
}

// ------------------------------------------------------------------------------------------------- the other process

interface Message {
  readonly event: string
  readonly data: ReadonlyArray<{ readonly _tag: string; readonly text: string; readonly lines: number }>
}

type OnMessage = (message: Message, bytes: number) => void

const client = (port: number, token: string) => {
  const agent = new Http.Agent({ keepAlive: true })
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  const open = (method: string, path: string, body?: string, options?: Http.RequestOptions) =>
    new Promise<Http.IncomingMessage>((resolve, reject) => {
      const request = Http.request({ host: "127.0.0.1", port, path, method, headers, agent, ...options }, resolve)
      request.on("error", reject)
      request.end(body)
    })
  const ask = async (method: string, path: string, body?: string, more?: Http.OutgoingHttpHeaders) => {
    const response = await open(method, path, body, { headers: { ...headers, ...more } })
    let bytes = 0
    for await (const chunk of response) bytes += (chunk as Buffer).length
    return { status: response.statusCode, bytes }
  }
  const stream = async (path: string, onMessage: OnMessage) => {
    const response = await open("GET", path, undefined, { agent: false })
    let rest = ""
    response.setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\n\n")
      rest = parts.pop()!
      for (const part of parts) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? []
        if (event !== undefined) onMessage({ event, data: JSON.parse(data!) }, part.length)
      }
    })
    return response
  }
  return { ask, stream, port }
}

type Client = ReturnType<typeof client>

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

const times = async (count: number, warm: number, run: () => Promise<unknown>) => {
  const found: Array<number> = []
  for (let i = 0; i < count; i++) {
    const began = performance.now()
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
    await run()
    if (i >= warm) found.push(performance.now() - began)
  }
  return found
}

const firstSnapshot = async ({ stream }: Client) => {
  let size = 0
  const found = await times(60, 10, () =>
    new Promise<void>((resolve) => {
      const response = stream("/api/watch", ({ event }, bytes) => {
        if (event !== "change") return
        size = bytes
        void response.then((response) => response.destroy())
        resolve()
      })
    }))
  console.log(
    `first snapshot of ${children} children (${Math.round(size / 1024)} kB), read and parsed: ${summary(found)}`
  )
}

const roundTrip = async ({ ask }: Client) => {
  const body = JSON.stringify({ target: "mailer" })
  const restart = await times(3000, 500, () => ask("POST", "/api/restart", body))
  console.log(`round trip of POST restart: ${summary(restart)}`)
  const server = await times(3000, 500, () => ask("GET", "/api/server"))
  console.log(`round trip of GET server: ${summary(server)}`)
}

const assets = async ({ ask }: Client) => {
  const packed = { "accept-encoding": "gzip" }
  const sizes = new Map<string, number>()
  const all = async () => {
    for (const path of ["/", "/assets/page.js", "/assets/page.css"]) {
      // oxlint-disable-next-line no-await-in-loop -- as a browser on one connection
      const { bytes, status } = await ask("GET", path, undefined, packed)
      if (status === 200) sizes.set(path, bytes)
    }
  }
  const [first] = await times(1, 0, all)
  const found = await times(100, 10, all)
  const total = Array.from(sizes.values()).reduce((a, b) => a + b, 0)
  console.log(`the page: ${(total / 1024).toFixed(1)} kB packed; first ${first!.toFixed(1)} ms, then ${summary(found)}`)
}

const updates = async ({ stream }: Client) => {
  let messages = 0
  let changes = 0
  await stream("/api/watch", ({ data, event }) => {
    if (event !== "change") return
    messages++
    changes += data.length
  })
  await sleep(500)
  messages = changes = 0
  await sleep(3000)
  console.log(
    `a watcher of a busy tree: ${(messages / 3).toFixed(1)} messages and ${Math.round(changes / 3)} changes a second`
  )
}

const follow = async ({ stream }: Client) => {
  const counts = Array.from({ length: followers }, () => ({ lines: 0, lost: 0, last: 0, missing: 0, messages: 0 }))
  const onMessage = (count: (typeof counts)[number]): OnMessage => ({ data, event }) => {
    if (event !== "lines") return
    count.messages++
    for (const entry of data) {
      if (entry._tag === "Lost") {
        count.lost += entry.lines
        count.last = 0
      }
      if (entry._tag !== "Line") continue
      const number = Number(entry.text.split(" ")[1])
      if (count.last !== 0) count.missing += number - count.last - 1
      count.last = number
      count.lines++
    }
  }
  await Promise.all(counts.map((count) => stream("/api/logs?path=writer&tail=0", onMessage(count))))
  await sleep(followSeconds * 1000)
  const lines = counts.map(({ lines }) => lines).toSorted((a, b) => a - b)
  const sum = (key: "lines" | "lost" | "missing" | "messages") => counts.reduce((total, count) => total + count[key], 0)
  console.log(
    `${followers} followers: lines each ${lines[0]} to ${lines.at(-1)}, together ${
      sum("lines")
    } in ${followSeconds} s by ${sum("messages")} messages; told to be lost ${sum("lost")}, missing without a word ${
      sum("missing")
    }`
  )
}

/** Without the token, as many requests as go through twenty connections, each made anew when it was closed. */
const flood = async ({ port }: Client) => {
  const text = `GET /api/status HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`.repeat(100)
  let answers = 0
  const one = () => {
    const socket = Net.createConnection({ host: "127.0.0.1", port })
    socket.on("data", (data) => {
      answers += data.toString("latin1").split("HTTP/1.1 ").length - 1
      socket.write(text)
    })
    socket.on("error", () => {}).on("close", () => setImmediate(one))
    socket.write(text)
  }
  for (let i = 0; i < 20; i++) one()
  await sleep(3000)
  console.log(`a stranger floods: ${Math.round(answers / 3)} requests a second refused`)
}

const scenarios: Readonly<Record<string, (client: Client) => Promise<void>>> = {
  firstSnapshot,
  roundTrip,
  assets,
  updates,
  follow,
  flood
}

// ------------------------------------------------------------------------------------------------------- the server

/** Another process of this program, whose lines are printed here. */
const beside = (...args: ReadonlyArray<string>) =>
  Effect.callback<void>((resume) => {
    const child = spawn(process.execPath, [import.meta.filename, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 60_000
    })
    createInterface(child.stdout).on("line", (line) => console.log(`  ${line}`))
    child.once("exit", () => resume(Effect.void))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

interface Steered {
  readonly restart: (name: string) => Effect.Effect<unknown, unknown>
}

/** What the tree feels: a restart of a child, and how late a timer is after it, again and again. */
const feel = Effect.fnUntraced(function*(handle: Steered, during: Effect.Effect<void>) {
  const restarts: Array<number> = []
  const late: Array<number> = []
  const timer = Effect.callback<void>((resume) => {
    setTimeout(() => resume(Effect.void), 5)
  })
  const fiber = yield* Effect.forkChild(Effect.forever(Effect.gen(function*() {
    const began = performance.now()
    yield* handle.restart("mailer")
    restarts.push(performance.now() - began)
    const before = performance.now()
    yield* timer
    late.push(Math.max(0, performance.now() - before - 5))
  })))
  yield* during
  fiber.interruptUnsafe()
  return `restart of a child ${summary(restarts)}; a timer is late by ${summary(late)}`
})

const started = Effect.fnUntraced(function*(list: ReadonlyArray<Runnable.Runnable<unknown, never>>) {
  const listening = Deferred.makeUnsafe<Dashboard.Listening>()
  const dashboard = Dashboard.runnable({
    port: 0,
    maxPerSecond: 1_000_000,
    onListening: (at) => Deferred.succeed(listening, at)
  })
  const app = ProcessManager.make("app", [dashboard, Runnable.idle("mailer"), ...list])
  const handle = yield* ProcessManager.start(app)
  const { port, token } = yield* Deferred.await(listening)
  const run = (what: string) => beside(what, String(port), Redacted.value(token))
  return { handle, run }
})

const big = Effect.scoped(Effect.gen(function*() {
  const many = Array.from({ length: children }, (_, index) => Runnable.idle(`child-${index}`))
  const { handle, run } = yield* started(many)
  console.log(`a tree of ${children} children:`)
  for (const what of ["firstSnapshot", "roundTrip", "assets"]) yield* run(what)
  const busy = yield* Effect.forkChild(Effect.forever(Effect.andThen(handle.restart("child-1"), Effect.sleep(1))))
  yield* run("updates")
  busy.interruptUnsafe()
}))

const loud = Effect.scoped(Effect.gen(function*() {
  const script = `let n = 0; setInterval(() => { let s = ""; for (let i = 0; i < ${perSecond / 20}; i++) ` +
    `s += "line " + ++n + " of some length, as lines of a log are\\n"; process.stdout.write(s) }, 50)`
  const { handle, run } = yield* started([
    Job.runnable("writer", Command.make(process.execPath, ["-e", script])) as never
  ])
  console.log(`a log of ${perSecond} lines a second, nobody connected:`)
  console.log(`  ${yield* feel(handle, Effect.sleep("2 seconds"))}`)
  console.log(`with ${followers} followers:`)
  console.log(`  ${yield* feel(handle, run("follow"))}`)
  console.log("while a stranger floods:")
  console.log(`  ${yield* feel(handle, run("flood"))}`)
})).pipe(Effect.provide(NodeJobs.layer()))

/** In a process of its own: what it uses while nothing happens. */
const idle = (withServer: boolean) =>
  Effect.scoped(Effect.gen(function*() {
    if (withServer) yield* started([])
    else yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle("mailer")]))
    yield* Effect.sleep("1 second")
    const before = process.cpuUsage()
    yield* Effect.sleep(`${idleSeconds} seconds`)
    const { system, user } = process.cpuUsage(before)
    const percent = (user + system) / idleSeconds / 10_000
    console.log(`${withServer ? "with" : "without"} a dashboard: ${percent.toFixed(3)} % of a cpu`)
  }))

const main = Effect.gen(function*() {
  yield* big
  yield* loud
  console.log("nobody connected, nothing happening:")
  yield* Effect.all([beside("idle-without"), beside("idle-with")])
})

const [what, port, token] = process.argv.slice(2)
if (what === undefined) await Effect.runPromise(main)
else if (what.startsWith("idle")) await Effect.runPromise(idle(what === "idle-with"))
else await scenarios[what]!(client(Number(port), token!))
process.exit(0)
