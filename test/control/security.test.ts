import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Redacted, Stream } from "effect"
import { Control, ProcessManager, Runnable, type Supervisor } from "effect-supervisor"
import { ControlClient, ControlServer } from "effect-supervisor/control"
import { Command, Job, NodeJobs } from "effect-supervisor/process"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import { connected, raw, request, serve, temporary, temporarySocket } from "./support.ts"

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

const timersOf = (list: ReadonlyArray<Runnable.Runnable<ControlServer.ServerError, Supervisor>>) =>
  Effect.scoped(Effect.andThen(ProcessManager.start(ProcessManager.make("app", list)), Effect.sync(timers)))

const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8)

/** Why an application with a server on this socket does not start. */
const refused = (options: ControlServer.Options) =>
  Effect.scoped(ProcessManager.start(ProcessManager.make("app", [ControlServer.runnable(options)]))).pipe(
    Effect.flip
  )

/** Leaves a socket behind as a process does that was killed. */
const leaveStale = (socket: string) =>
  Effect.promise(async () => {
    const script = `require("net").createServer().listen(${JSON.stringify(socket)}, () => process.stdout.write("up"))`
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] })
    await once(child.stdout, "data")
    child.kill("SIGKILL")
    await once(child, "exit")
    assert.isTrue(existsSync(socket))
  })

/** The tree answers within so many milliseconds, whatever goes on. */
const isWell = Effect.fnUntraced(function*(client: ControlClient.Client) {
  const answers = yield* Effect.timeoutOption(client.restart("mailer"), "2 seconds")
  assert.strictEqual(answers._tag, "Some", "the tree does not answer")
})

describe("the socket", () => {
  it.live("is in a directory of mode 0700 and has mode 0600, whatever the umask", () =>
    Effect.gen(function*() {
      const socket = join(yield* temporary, "made", "by", "it", "control.sock")
      const before = process.umask(0)
      yield* serve({ socket }).pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
      assert.strictEqual(modeOf(socket), "600")
      for (let path = join(socket, ".."); !path.endsWith("made"); path = join(path, "..")) {
        assert.strictEqual(modeOf(path), "700", path)
      }
    }))

  it.live("is refused in a directory that others can enter, that is a link, or a file", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const open = join(directory, "open")
      mkdirSync(open)
      chmodSync(open, 0o755)
      const error = yield* refused({ socket: join(open, "control.sock") })
      assert.strictEqual(error._tag, "UnsafeDirectory")
      assert.include(error.message, "0755")
      assert.include(error.message, "chmod 700")
      const link = join(directory, "link")
      symlinkSync(yield* temporary, link)
      assert.strictEqual((yield* refused({ socket: join(link, "control.sock") }))._tag, "UnsafeDirectory")
      writeFileSync(join(directory, "file"), "")
      assert.strictEqual((yield* refused({ socket: join(directory, "file", "control.sock") }))._tag, "UnsafeDirectory")
    }))

  it.live("has a path that the system can take, or an error that says what to do", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const socket = join(directory, "x".repeat(108 - directory.length - 1))
      const error = yield* refused({ socket })
      assert.isTrue(error._tag === "SocketPathTooLong" && error.bytes === 108 && error.limit === 107)
      assert.include(error.message, "option socket")
      yield* serve({ socket: socket.slice(0, -1) })
      assert.isTrue(existsSync(socket.slice(0, -1)))
    }))

  it.live("is gone when the server is", () =>
    Effect.gen(function*() {
      const { handle, socket } = yield* serve()
      assert.isTrue(existsSync(socket))
      yield* handle.shutdown
      assert.isFalse(existsSync(socket))
    }))

  it.live("is taken over if nobody answers at it any more", () =>
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      yield* leaveStale(socket)
      const { client } = yield* connected({ socket })
      assert.strictEqual(client.server.pid, process.pid)
      assert.strictEqual(modeOf(socket), "600")
    }))

  it.live("is taken over by one of many who find it stale at once", () =>
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      yield* leaveStale(socket)
      const app = (name: string) => ProcessManager.make(name, [ControlServer.runnable({ socket })])
      const exits = yield* Effect.forEach(
        Array.from({ length: 8 }, (_, index) => `app-${index}`),
        (name) => Effect.exit(Effect.map(ProcessManager.start(app(name)), () => name)),
        { concurrency: "unbounded" }
      )
      const winners = exits.filter(Exit.isSuccess).map(({ value }) => value)
      assert.strictEqual(winners.length, 1)
      const client = yield* ControlClient.make({ socket })
      assert.deepStrictEqual([client.server.name], winners)
    }))

  it.live("is not taken from a supervisor that answers: a second one is refused and told who it is", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* connected()
      const error = yield* refused({ socket })
      assert.isTrue(error._tag === "SocketInUse" && error.pid === process.pid && error.name === "app")
      assert.include(error.message, `pid ${process.pid}`)
      yield* isWell(client)
    }))

  it.live("is not taken from another program that answers, nor is a file replaced", () =>
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const server = Net.createServer((connection) => {
            connection.on("error", () => {})
            connection.end("HTTP/1.1 400\r\n\r\n")
          }).listen(socket, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const error = yield* refused({ socket })
      assert.isTrue(error._tag === "SocketInUse" && error.pid === undefined)
      const mismatch = yield* Effect.flip(ControlClient.make({ socket }))
      assert.isTrue(mismatch._tag === "ProtocolMismatch" && mismatch.server === undefined)
      const file = join(yield* temporary, "notes.txt")
      writeFileSync(file, "mine")
      assert.strictEqual((yield* refused({ socket: file }))._tag, "ListenFailed")
      assert.isTrue(lstatSync(file).isFile())
    }))
})

describe("a client", () => {
  it.live("is told that there is no supervisor, and what to do", () =>
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      const notThere = yield* Effect.flip(ControlClient.make({ socket }))
      assert.isTrue(notThere._tag === "NoSupervisor" && notThere.reason === "NotThere")
      assert.include(notThere.message, socket)
      yield* leaveStale(socket)
      const gone = yield* Effect.flip(ControlClient.make({ socket }))
      assert.isTrue(gone._tag === "NoSupervisor" && gone.reason === "NotAnswering")
    }))

  it.live("is told that the server speaks another version of the protocol", () =>
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      const info = { name: "app", pid: 1, version: "9.0.0", protocol: 9, startedAt: 0, readOnly: false }
      yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const server = Net.createServer((connection) => {
            connection.on("error", () => {})
            connection.on("data", (data) => {
              const { id } = JSON.parse(String(data).split("\n")[0]!)
              connection.write(
                `${JSON.stringify({ _tag: "Exit", requestId: id, exit: { _tag: "Success", value: info } })}\n`
              )
            })
          }).listen(socket, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const error = yield* Effect.flip(ControlClient.make({ socket }))
      assert.isTrue(error._tag === "ProtocolMismatch" && error.server === 9 && error.client === 1)
    }))

  it.live("is told when the server has gone, in whatever it is doing", () =>
    Effect.gen(function*() {
      const asked = Deferred.makeUnsafe<void>()
      const slow = Runnable.make(
        "slow",
        Control.shutdown.pipe(Effect.andThen(Deferred.succeed(asked, undefined)), Effect.andThen(Effect.never)),
        { grace: "1 minute" }
      )
      const { client, handle } = yield* connected({ children: [slow] })
      const stopping = yield* Effect.forkChild(Effect.flip(client.stop("slow")))
      yield* Deferred.await(asked)
      yield* handle.stop("control")
      assert.strictEqual((yield* Fiber.join(stopping))._tag, "ConnectionLost")
      assert.strictEqual((yield* Effect.flip(client.status))._tag, "ConnectionLost")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(client.watch)))._tag, "ConnectionLost")
    }))
})

describe("a read-only server", () => {
  it.live("shows everything and refuses every call that changes something", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected({ readOnly: true, declared: [Runnable.idle("extra")] })
      const before = yield* handle.status
      const changes: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>> = [
        client.start("*"),
        client.stop("*"),
        client.restart("*"),
        client.hold("*"),
        client.release("*"),
        client.remove("*"),
        client.signal("*", "SIGHUP"),
        client.reload,
        client.reloadChild("*"),
        client.add("extra"),
        client.reconcile,
        client.shutdown,
        client.shutdownNow
      ]
      for (const change of changes) {
        const error = yield* Effect.flip(change)
        assert.strictEqual(error._tag, "ReadOnlyServer")
        assert.include(error.message, "read-only")
      }
      assert.deepStrictEqual(yield* handle.status, before)
      assert.isTrue(client.server.readOnly)
      yield* client.status
      yield* client.child("web/cache")
      yield* client.info("web/cache")
      yield* Stream.runHead(client.watch)
    }))
})

describe("what goes out", () => {
  it.live("has neither the environment of a job nor what is redacted", () =>
    Effect.gen(function*() {
      const env = { PUBLIC: "from-the-environment", SECRET: Redacted.make("very-secret-value") }
      const args = ["-c", "sleep 60", Redacted.make("secret-argument")]
      const socket = yield* temporarySocket
      const job = Job.runnable("job", Command.make("sh", args, { env }))
      yield* ProcessManager.start(ProcessManager.make("app", [ControlServer.runnable({ socket }), job]))
      const { send, until } = yield* raw(socket)
      yield* send(request(0, "watch"))
      yield* until((lines) => lines.length > 0)
      const calls = [
        ["status"],
        ["info", { path: "job" }],
        ["restart", { target: "job" }],
        ["info", { path: "job" }]
      ] as const
      yield* Effect.forEach(calls, ([tag, payload], index) =>
        Effect.andThen(
          send(request(index + 1, tag, payload ?? {})),
          until((lines) => lines.some(({ _tag, requestId }) => _tag === "Exit" && requestId === index + 1))
        ), { discard: true })
      const lines = yield* until((lines) => lines.some((line) => JSON.stringify(line).includes("Running")))
      const all = JSON.stringify(lines)
      assert.include(all, "<redacted>")
      for (const secret of ["from-the-environment", "very-secret-value", "secret-argument", process.env["PATH"]!]) {
        assert.notInclude(all, secret)
      }
    }).pipe(Effect.scoped, Effect.provide(NodeJobs.layer())))
})

describe("what comes in", () => {
  it.live("a request that is too long ends its connection and no other", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* connected({ maxRequestBytes: 10_000 })
      const { closed, connection } = yield* raw(socket)
      connection.write(JSON.stringify(request(1, "stop", { target: "x".repeat(20_000) })))
      yield* closed
      yield* isWell(client)
    }))

  it.live("a request without an end is not collected beyond the limit of 1 MiB", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* connected()
      const { closed, connection } = yield* raw(socket)
      const piece = Buffer.alloc(64 * 1024, "x")
      const pump = () => {
        while (!connection.destroyed && connection.write(piece));
      }
      connection.on("drain", pump)
      pump()
      yield* closed
      assert.isAtMost(connection.bytesWritten, 8 * 1024 * 1024)
      yield* isWell(client)
    }))

  const deep = "[".repeat(200_000)
  const nonsense: Record<string, string> = {
    "no JSON": "hello\n",
    "an HTTP request": "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bytes": `${String.fromCharCode(0, 255, 1, 254)}\n`,
    "null": "null\n",
    "a number": "7\n",
    "a list": "[]\n",
    "an empty object": "{}\n",
    "an unknown message": `{"_tag":"Explode"}\n`,
    "an inherited property as a message": `{"_tag":"constructor"}\n`,
    "a request without an id": `{"_tag":"Request","tag":"status","payload":{},"headers":[]}\n`,
    "a request with an object as id": `{"_tag":"Request","id":{},"tag":"status","payload":{},"headers":[]}\n`,
    "a request whose headers are no list": `{"_tag":"Request","id":1,"tag":"status","payload":{},"headers":{}}\n`,
    "a request that wants no answer":
      `{"_tag":"Request","id":1,"tag":"watch","payload":{},"headers":[],"isNotification":true}\n`,
    "a request that is to be discarded":
      `{"_tag":"Request","id":1,"tag":"status","payload":{},"headers":[],"discard":true}\n`,
    "something very deep": `${deep}${"]".repeat(200_000)}\n`,
    "a flood of nonsense": "{}\n".repeat(100_000)
  }
  for (const [what, text] of Object.entries(nonsense)) {
    it.live(`${what} is answered by a defect, is the last thing that is heard, and disturbs nobody`, () =>
      Effect.gen(function*() {
        const { client, socket } = yield* connected()
        const { closed, connection, lines, until } = yield* raw(socket)
        connection.write(text)
        const answer = yield* Effect.timeoutOption(
          Effect.raceFirst(until((lines) => lines.length > 0), Effect.as(closed, [])),
          "2 seconds"
        )
        assert.strictEqual(answer._tag, "Some", "no answer")
        connection.write(`${JSON.stringify(request(1, "status"))}\n`)
        yield* closed
        assert.isAtMost(lines().length, 1)
        assert.isTrue(lines().every(({ _tag }) => _tag === "Defect"))
        yield* isWell(client)
      }))
  }

  const wrong: Record<string, unknown> = {
    "of an unknown name": request(1, "eval", { code: "process.exit(1)" }),
    "of an inherited name": request(1, "constructor"),
    "of a path into objects": request(1, "status.constructor"),
    "without its payload": request(1, "stop"),
    "with another type in it": request(1, "stop", { target: 7 }),
    "with a very long target": request(1, "stop", { target: "x".repeat(2000) }),
    "with a very deep payload": request(1, "stop", { target: "DEEP" })
  }
  for (const [what, message] of Object.entries(wrong)) {
    it.live(`a request ${what} fails alone: the connection goes on`, () =>
      Effect.gen(function*() {
        const { client, socket } = yield* connected()
        const { connection, send, until } = yield* raw(socket)
        connection.write(`${JSON.stringify(message).replace(`"DEEP"`, `${deep}${"]".repeat(200_000)}`)}\n`)
        yield* send(request(2, "server"))
        const lines = yield* until((lines) => lines.length === 2)
        assert.deepStrictEqual(lines.map(({ exit, requestId }) => [requestId, exit._tag]), [[1, "Failure"], [
          2,
          "Success"
        ]])
        yield* isWell(client)
      }))
  }

  it.live("a glob that is made to be slow is not", () =>
    Effect.gen(function*() {
      const { client } = yield* connected({ children: [Runnable.idle("a".repeat(200)), Runnable.idle("mailer")] })
      const [took] = yield* Effect.timed(Effect.flip(client.stop(`${"*a".repeat(400)}b`)))
      assert.isBelow(Duration.toMillis(took), 1000)
      yield* isWell(client)
    }))

  it.live("a message that comes slowly, byte by byte, is waited for and holds nobody up", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* connected()
      const { connection, until } = yield* raw(socket)
      const text = `${JSON.stringify(request(1, "server"))}\n`
      for (const character of text) {
        connection.write(character)
        yield* Effect.sleep(1)
      }
      const [answer] = yield* until((lines) => lines.length === 1)
      assert.strictEqual(answer!.exit._tag, "Success")
      yield* isWell(client)
    }))

  it.live("one connection has so many requests under way at most, streams included; others are not concerned", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* connected({ maxConcurrent: 3 })
      const { send, until } = yield* raw(socket)
      for (let id = 1; id <= 4; id++) yield* send(request(id, "watch"))
      const lines = yield* until((lines) => lines.some(({ _tag }) => _tag === "Exit"))
      const refusal = lines.find(({ _tag }) => _tag === "Exit")!
      assert.strictEqual(refusal.requestId, 4)
      assert.deepStrictEqual(refusal.exit.cause, [{ _tag: "Fail", error: { _tag: "TooManyRequests", limit: 3 } }])
      yield* isWell(client)
      // The error is a typed one for a client.
      const streams = yield* Effect.forEach([1, 2, 3], () => {
        const first = Deferred.makeUnsafe<void>()
        return Effect.as(
          Effect.forkScoped(Stream.runForEach(client.watch, () => Deferred.succeed(first, undefined))),
          Deferred.await(first)
        )
      })
      yield* Effect.all(streams)
      assert.strictEqual((yield* Effect.flip(client.status))._tag, "TooManyRequests")
    }))

  it.live("one connection is read at its rate: a flood waits in its own pipe", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* connected({ maxPerSecond: 50 })
      const { lines, send } = yield* raw(socket)
      for (let id = 1; id <= 5000; id++) yield* send(request(id, "server"))
      yield* Effect.sleep("500 millis")
      assert.isAtMost(lines().length, 50 + 50)
      assert.isAtLeast(lines().length, 50)
      yield* isWell(client)
    }))

  it.live("there are so many connections at most: one more is closed at once", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* connected({ maxConnections: 3 })
      yield* raw(socket)
      const third = yield* raw(socket)
      const fourth = yield* raw(socket)
      yield* fourth.closed
      yield* third.send(request(1, "server"))
      yield* third.until((lines) => lines.length === 1)
      yield* isWell(client)
      third.connection.destroy()
      yield* third.closed
      yield* Effect.eventually(Effect.scoped(ControlClient.make({ socket })))
    }))
})

describe("a slow reader", () => {
  it.live("of the events costs a bounded backlog, is told what it lost, and gets a fresh snapshot", () =>
    Effect.gen(function*() {
      const { client, handle, socket } = yield* connected({ maxEvents: 10 })
      const { send, until } = yield* raw(socket)
      yield* send(request(1, "watch"))
      // It has the snapshot, and does not say so.
      yield* until((lines) => lines.length === 1)
      for (let i = 0; i < 20; i++) yield* handle.restart("mailer")
      const { incarnation } = yield* handle.child("mailer")
      yield* isWell(client)
      yield* send({ _tag: "Ack", requestId: 1 })
      const [, second] = yield* until((lines) => lines.length === 2)
      const [lost, snapshot] = second!.values
      assert.strictEqual(lost!._tag, "EventsLost")
      assert.isAbove(lost!.count, 40)
      assert.strictEqual(second!.values.length, 2)
      const mailer = snapshot!.children.find(({ name }) => name === "mailer")
      assert.isAtLeast(mailer!.incarnation, incarnation)
      // From here on nothing is missing.
      yield* send({ _tag: "Ack", requestId: 1 })
      yield* handle.stop("mailer")
      const [, , third] = yield* until((lines) => lines.length === 3)
      assert.isTrue(third!.values.every(({ _tag }) => _tag === "ChildTransition"))
    }))

  it.live("that asks and never reads gets no more than so many answers, however often it asks", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 300 }, (_, index) => Runnable.idle(`child-${index}`))
      const { client, handle, socket } = yield* connected({
        children: [...many, Runnable.idle("mailer")],
        maxPerSecond: 100_000
      })
      const connection = Net.createConnection({ path: socket })
      connection.on("error", () => {})
      yield* Effect.addFinalizer(() => Effect.sync(() => connection.destroy()))
      const before = process.memoryUsage().external + process.memoryUsage().heapUsed
      const ask = (from: number) =>
        connection.write(
          Array.from({ length: 1000 }, (_, id) => `${JSON.stringify(request(from + id, "status"))}\n`).join("")
        )
      for (let round = 0; round < 20; round++) {
        ask(round * 1000)
        yield* Effect.sleep(5)
      }
      yield* isWell(client)
      const grown = process.memoryUsage().external + process.memoryUsage().heapUsed - before
      // 20 000 answers of 100 kB would be 2 GB.
      assert.isBelow(grown, 200 * 1024 * 1024)
      assert.strictEqual((yield* handle.child("mailer")).state._tag, "Running")
    }))

  it.live("does not keep the server from ending, nor do open streams: it takes less than a second", () =>
    Effect.gen(function*() {
      const big = Array.from({ length: 500 }, (_, index) => Runnable.idle(`child-${index}`))
      const { client, handle, socket } = yield* connected({ children: big })
      const streams = yield* Effect.forkScoped(Stream.runDrain(client.watch))
      const connection = Net.createConnection({ path: socket })
      connection.on("error", () => {})
      yield* Effect.addFinalizer(() => Effect.sync(() => connection.destroy()))
      for (let id = 0; id < 60; id++) connection.write(`${JSON.stringify(request(id, "status"))}\n`)
      connection.write(`${JSON.stringify(request(99, "watch"))}\n`)
      yield* client.status
      yield* Effect.sleep(50)
      const began = performance.now()
      yield* handle.stop("control")
      const took = performance.now() - began
      assert.isBelow(took, 1000)
      yield* Fiber.await(streams)
      assert.isFalse(existsSync(socket))
      assert.strictEqual((yield* handle.child("control")).state._tag, "Stopped")
    }))
})

describe("a program that is killed while it floods", () => {
  it.live("leaves nothing behind that keeps the server from ending", () =>
    Effect.gen(function*() {
      // What it has sent is still being read, at its rate, when it is gone.
      const { client, handle, socket } = yield* connected({ maxPerSecond: 200 })
      const flood = `
        const connection = require("net").createConnection(${JSON.stringify(socket)})
        const request = (id) => JSON.stringify({ _tag: "Request", id, tag: "server", payload: {}, headers: [] }) + "\\n"
        const text = Array.from({ length: 1000 }, (_, id) => request(id)).join("")
        const pump = () => { while (connection.write(text)); }
        connection.on("drain", pump).once("data", () => process.stdout.write("up"))
        connection.on("data", () => {})
        pump()`
      yield* Effect.promise(async () => {
        const child = spawn(process.execPath, ["-e", flood], { stdio: ["ignore", "pipe", "inherit"] })
        await once(child.stdout, "data")
        await new Promise((resolve) => setTimeout(resolve, 100))
        child.kill("SIGKILL")
        await once(child, "exit")
      })
      yield* isWell(client)
      yield* Effect.sleep("100 millis")
      const [took] = yield* Effect.timed(handle.stop("control"))
      assert.isBelow(Duration.toMillis(took), 1000)
      assert.strictEqual((yield* handle.child("control")).state._tag, "Stopped")
    }))
})

describe("while nobody is connected", () => {
  it.live("the server has no timer", () =>
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      const without = yield* timersOf([Runnable.idle("a")])
      assert.strictEqual(yield* timersOf([ControlServer.runnable({ socket }), Runnable.idle("a")]), without)
    }))
})
