import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Option,
  PlatformError,
  Queue,
  Result,
  Schema,
  type Scope,
  Sink,
  Stream
} from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { readdirSync, readFileSync } from "node:fs"
import * as framing from "../../src/process/internal/framing.ts"
import * as codec from "../../src/process/internal/messagesCodec.ts"
import { badText } from "../../src/process/internal/messagesText.ts"
import * as Messages from "../../src/process/Messages.ts"
import type { SendTimeout } from "../../src/process/MessagesError.ts"
import { channel, type FromChild } from "../fixtures/process/messages-channel.ts"

const formats = ["json", "msgpack"] as const
const megabyte = 1024 * 1024

/** The same bytes in pieces that end at these places. */
const cut = (bytes: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return at.slice(1).map((to, i) => bytes.slice(at[i], to))
}

const places = fc.array(fc.nat(), { maxLength: 30 })

const deframe = (deframer: framing.Deframer, pieces: ReadonlyArray<Uint8Array>): ReadonlyArray<framing.Frame> => [
  ...pieces.flatMap((piece) => deframer.push(piece)),
  ...deframer.end()
]

const bodies = (frames: ReadonlyArray<framing.Frame>) =>
  frames.map((frame) => frame._tag === "Body" ? Array.from(frame.bytes) : frame._tag)

const frame = {
  json: (body: Uint8Array) => Buffer.concat([body, Buffer.from("\n")]),
  msgpack: framing.withLength
}
const deframer = { json: framing.lines, msgpack: framing.lengths }
const body = {
  json: fc.uint8Array({ minLength: 1, maxLength: 40, min: 33 }),
  msgpack: fc.uint8Array({ maxLength: 40 })
}

describe.each(formats)("Framing of %s", (format) => {
  it("any messages in any pieces come out as they went in", () => {
    fc.assert(fc.property(fc.array(body[format]), places, (messages, places) => {
      const pieces = cut(Buffer.concat(messages.map(frame[format])), places)
      assert.deepStrictEqual(bodies(deframe(deframer[format](1000), pieces)), messages.map((body) => Array.from(body)))
    }))
  })

  it("one that is too large fails alone, wherever the pieces end", () => {
    const large = new Uint8Array(301).fill(65)
    const good = new Uint8Array(100).fill(66)
    const bytes = Buffer.concat([good, large, good, large, large, good].map(frame[format]))
    fc.assert(fc.property(places, (places) => {
      const seen = bodies(deframe(deframer[format](100), cut(bytes, places)))
      const body = Array.from(good)
      assert.deepStrictEqual(seen, [body, "TooLarge", body, "TooLarge", "TooLarge", body])
    }))
  })

  it("one that is too large is given up at once, and its bytes are not kept", () => {
    const it = deframer[format](megabyte)
    const piece = new Uint8Array(megabyte).fill(65)
    const start = format === "json" ? new Uint8Array(0) : Uint8Array.of(0x19, 0, 0, 0)
    const first = [...it.push(start), ...it.push(piece), ...it.push(piece)]
    assert.deepStrictEqual(bodies(first), ["TooLarge"])
    const before = process.memoryUsage().arrayBuffers
    for (let i = 2; i < 400; i++) assert.deepStrictEqual(it.push(piece.slice()), [])
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 250 * megabyte)
    if (format === "json") it.push(Buffer.from("\n"))
    assert.deepStrictEqual(bodies(it.push(frame[format](Uint8Array.of(66)))), [[66]])
    assert.deepStrictEqual(it.end(), [])
  })

  it("one that is cut off by the end is told, at whatever place", () => {
    const whole = frame[format](new Uint8Array(20).fill(65))
    for (let size = 1; size < whole.length; size++) {
      assert.deepStrictEqual(bodies(deframe(deframer[format](100), [whole.subarray(0, size)])), ["Truncated"])
    }
    assert.deepStrictEqual(deframe(deframer[format](100), []), [])
  })

  it("a message of 10 MB in pieces of 64 KiB takes time in proportion to its size", () => {
    const large = new Uint8Array(10 * megabyte).fill(65)
    const bytes = frame[format](large)
    const pieces = Array.from(
      { length: Math.ceil(bytes.length / 65536) },
      (_, i) => bytes.subarray(i * 65536, (i + 1) * 65536)
    )
    const [first] = deframe(deframer[format](16 * megabyte), pieces)
    assert.isTrue(first?._tag === "Body" && Buffer.compare(first.bytes, large) === 0)
  })
})

describe("Framing of lines", () => {
  it("carriage returns before the line feed, and blank lines, are nothing", () => {
    const frames = deframe(framing.lines(2), [Buffer.from("\r\n\n12\r\n  \n34\n\r")])
    assert.deepStrictEqual(frames.map((frame) => frame._tag === "Body" ? String(frame.bytes) : frame._tag), [
      "12",
      "34"
    ])
  })
})

const everything = Schema.Struct({
  text: Schema.String,
  date: Schema.Date,
  big: Schema.BigInt,
  bytes: Messages.Bytes,
  base64: Schema.Uint8Array,
  option: Schema.Option(Schema.Finite),
  // @effect-diagnostics-next-line schemaNumber:off
  number: Schema.Number,
  undefined: Schema.UndefinedOr(Schema.Boolean),
  key: Schema.optionalKey(Schema.String),
  map: Schema.ReadonlyMap(Schema.String, Schema.Finite)
})

describe.each(formats)("A value in %s", (format) => {
  it.effect("of every kind that a schema can describe comes back as it went out", () =>
    Effect.gen(function*() {
      const wire = yield* codec.wire(format)
      const encode = codec.encoder(wire, everything, 10 * megabyte)
      const decode = codec.decoder(wire, everything)
      const value: typeof everything.Type = {
        text: "a\nb\u2028c\u0000 😀 ü",
        date: new Date(1234567890123),
        big: 2n ** 100n,
        bytes: Uint8Array.of(0, 255, 10),
        base64: Uint8Array.of(1, 2),
        option: Option.some(1.5),
        number: Number.NEGATIVE_INFINITY,
        undefined: undefined,
        map: new Map([["a", 1]])
      }
      const { frame, size } = yield* encode(value)
      const [body] = wire.deframer(size).push(frame)
      assert.strictEqual(body!._tag, "Body")
      const back = yield* decode(body!._tag === "Body" ? body!.bytes : frame)
      assert.deepStrictEqual({ ...back, bytes: Uint8Array.from(back.bytes) }, value)
    }))

  it.effect("any JSON comes back as it went out", () =>
    Effect.gen(function*() {
      const wire = yield* codec.wire(format)
      // -0 has no JSON form, and the reader of MessagePack refuses the one key that could change an object's prototype.
      const json = fc.jsonValue().map((value) => JSON.stringify(value)).filter((text) => !text.includes("__proto__"))
        .map((text) => JSON.parse(text) as unknown)
      fc.assert(fc.property(json, (value) => {
        const [body] = wire.deframer(100_000).push(wire.encode(value).frame)
        assert.deepStrictEqual(body!._tag === "Body" && Result.getOrThrow(wire.decode(body!.bytes)), value)
      }))
    }))

  it.effect("any bytes are a message or a described failure, never an exception", () =>
    Effect.gen(function*() {
      const decode = codec.decoder(yield* codec.wire(format), everything)
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const exit = Effect.runSyncExit(decode(bytes))
        assert.isTrue(Exit.isFailure(exit) && !Cause.hasDies(exit.cause))
      }))
    }))

  it.effect("what the schema's own code throws is the failure of that message", () =>
    Effect.gen(function*() {
      const throwing = Schema.String.check(Schema.makeFilter(() => {
        throw new Error("a bug in a filter")
      }))
      const wire = yield* codec.wire(format)
      const [body] = wire.deframer(100).push(wire.encode("x").frame)
      const failure = yield* Effect.flip(
        codec.decoder(wire, throwing)(body!._tag === "Body" ? body!.bytes : new Uint8Array())
      )
      assert.deepStrictEqual(failure, { reason: "SchemaMismatch", detail: "a bug in a filter" })
    }))
})

describe("Text in MessagePack", () => {
  it.effect("every body that the library writes is sound, and one with a broken character is not", () =>
    Effect.gen(function*() {
      const wire = yield* codec.wire("msgpack")
      fc.assert(
        fc.property(fc.jsonValue({ maxDepth: 5 }), fc.string({ minLength: 1, maxLength: 300 }), (value, text) => {
          const body = wire.encode([value, Uint8Array.of(0xff), -1e9, 1.5, text]).frame.subarray(4)
          assert.strictEqual(badText(body), -1)
          const broken = Uint8Array.from(body)
          broken[broken.length - 1] = 0xff
          assert.isAtLeast(badText(broken), 0)
        })
      )
      assert.throws(() => wire.encode("half a pair: \ud800"), /surrogate/)
    }))
})

/** A connection whose other side is this test. */
const wired = Effect.fnUntraced(function*<In, Out>(
  channel: Messages.Channel<In, Out>,
  end: Stream.Stream<never, PlatformError.PlatformError> = Stream.empty
) {
  const bytes = yield* Queue.bounded<Uint8Array, Cause.Done>(1)
  const written: Array<string> = []
  const reading = yield* Deferred.make<void>()
  const connection = yield* Messages.open(channel, {
    bytes: Stream.concat(Stream.fromQueue(bytes), end),
    sink: Sink.forEach((piece: Uint8Array) =>
      Effect.andThen(Deferred.await(reading), Effect.sync(() => written.push(Buffer.from(piece).toString())))
    ),
    command: "the test"
  })
  const say = (...numbers: ReadonlyArray<number | string>) =>
    Effect.forEach(numbers, (n) => Queue.offer(bytes, Buffer.from(`${n}\n`)), { discard: true })
  return {
    ...connection,
    say,
    written,
    endOfProcess: Queue.end(bytes),
    startReading: Deferred.succeed(reading, undefined)
  }
})

const numbers = (options?: Messages.ChannelOptions) =>
  Messages.channel({ ...options, incoming: Schema.Finite, outgoing: Schema.String })

const settle = Effect.forEach(Array(100), () => Effect.yieldNow, { discard: true })

const show = <A>(result: Result.Result<A, Messages.Problem>): A | string =>
  Result.match(result, {
    onSuccess: (value): A | string => value,
    onFailure: (problem) => {
      switch (problem._tag) {
        case "MalformedMessage":
          return problem.reason
        case "MessagesLost":
          return `lost ${problem.lost}`
        case "ConnectionBroken":
          return problem.message
      }
    }
  })

describe("Listening", () => {
  it.effect("what came before anyone listened is there for the first who does, and the end after it", () =>
    Effect.gen(function*() {
      const { endOfProcess, messages, say } = yield* wired(numbers())
      yield* say(1, 2, 3)
      yield* endOfProcess
      yield* settle
      assert.deepStrictEqual(yield* Stream.runCollect(messages), [1, 2, 3])
      assert.deepStrictEqual(yield* Stream.runCollect(messages), [])
    }))

  it.effect("many may listen; a later one gets what comes from then on", () =>
    Effect.gen(function*() {
      const { endOfProcess, messages, say } = yield* wired(numbers())
      yield* say(1)
      const first = yield* Effect.forkChild(Stream.runCollect(messages))
      yield* settle
      yield* say(2)
      yield* settle
      const second = yield* Effect.forkChild(Stream.runCollect(messages))
      yield* settle
      yield* say(3)
      yield* endOfProcess
      assert.deepStrictEqual(yield* Fiber.join(first), [1, 2, 3])
      assert.deepStrictEqual(yield* Fiber.join(second), [3])
    }))

  it.effect("one who listens twice in a row misses nothing in between", () =>
    Effect.gen(function*() {
      const { endOfProcess, messages, say } = yield* wired(numbers())
      yield* say(1, 2, 3)
      yield* settle
      assert.deepStrictEqual(yield* Stream.runHead(messages), Option.some(1))
      yield* say(4)
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(messages, 2)), [2, 3])
      yield* endOfProcess
      assert.deepStrictEqual(yield* Stream.runCollect(messages), [4])
    }))

  it.effect("a full buffer stops the reading, and the pipe is left to fill", () =>
    Effect.gen(function*() {
      const { endOfProcess, messages, say } = yield* wired(numbers({ buffer: 3 }))
      const saying = yield* Effect.forkChild(say(...Array(20).keys()))
      yield* settle
      assert.isUndefined(saying.pollUnsafe())
      const heard = yield* Effect.forkChild(Stream.runCollect(messages))
      yield* Fiber.join(saying)
      yield* endOfProcess
      assert.deepStrictEqual(yield* Fiber.join(heard), Array.from(Array(20).keys()))
    }))

  it.effect("the buffer is bounded by bytes as well", () =>
    Effect.gen(function*() {
      const channel = Messages.channel({ incoming: Schema.String, outgoing: Schema.String, maxMessageBytes: 50 })
      const { endOfProcess, messages, say } = yield* wired(channel)
      const word = JSON.stringify("x".repeat(20))
      const saying = yield* Effect.forkChild(say(...Array<string>(20).fill(word)))
      yield* settle
      assert.isUndefined(saying.pollUnsafe())
      const heard = yield* Effect.forkChild(Stream.runCollect(messages))
      yield* Fiber.join(saying)
      yield* endOfProcess
      assert.lengthOf(yield* Fiber.join(heard), 20)
    }))

  it.effect("drop-oldest drops the oldest and says how many, where they were", () =>
    Effect.gen(function*() {
      const { endOfProcess, results, say } = yield* wired(numbers({ buffer: 3, overflow: "drop-oldest" }))
      yield* say(1, 2, 3, 4, 5)
      yield* settle
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.map(Stream.take(results, 2), show)), ["lost 2", 3])
      yield* say(6, 7, 8)
      yield* endOfProcess
      yield* settle
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.map(results, show)), ["lost 2", 6, 7, 8])
    }))

  it.effect("a malformed message is an item of its own between the others", () =>
    Effect.gen(function*() {
      const { endOfProcess, results, say } = yield* wired(numbers({ maxMessageBytes: 20 }))
      yield* say(1, "{", 2, `"two"`, 3, "1".repeat(21), 4)
      yield* endOfProcess
      const seen = yield* Stream.runCollect(results)
      assert.deepStrictEqual(seen.map(show), [1, "InvalidJson", 2, "SchemaMismatch", 3, "TooLarge", 4])
      const problem = Result.getOrThrow(Result.flip(seen[3]!))
      assert.strictEqual(
        problem.message,
        `the test sent a malformed message (SchemaMismatch): Expected number. It begins with "\\"two\\"". Both programs have to use the same channel.`
      )
    }))

  it.effect("handleProblems leaves the good ones, and gives the others away", () =>
    Effect.gen(function*() {
      const { endOfProcess, results, say } = yield* wired(numbers())
      const problems: Array<string> = []
      yield* say(1, "?", 2)
      yield* endOfProcess
      const good = Messages.handleProblems(results, (problem) => Effect.sync(() => problems.push(problem._tag)))
      assert.deepStrictEqual(yield* Stream.runCollect(good), [1, 2])
      assert.deepStrictEqual(problems, ["MalformedMessage"])
    }))

  it.effect("a line that breaks instead of ending is told, after what came before", () =>
    Effect.gen(function*() {
      const broken = PlatformError.systemError({
        _tag: "BadResource",
        module: "test",
        method: "read",
        description: "EPIPE"
      })
      const { endOfProcess, results, say } = yield* wired(numbers(), Stream.fail(broken))
      yield* say("1\n2\n3")
      yield* endOfProcess
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.map(Stream.drop(results, 2), show)), [
        3,
        "The line to the test broke (BadResource: test.read: EPIPE), so what it sent last may be missing. Let it read what is sent to it before it ends."
      ])
    }))

  it.effect("a scope that closes while messages wait for room says that some were lost", () =>
    Effect.gen(function*() {
      const results = yield* Effect.scoped(Effect.gen(function*() {
        const { results, say } = yield* wired(numbers({ buffer: 2 }))
        yield* say("1\n2\n3\n4\n5")
        yield* settle
        return results
      }))
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.map(results, show)), [1, 2, "lost 3"])
    }))
})

describe("Sending", () => {
  it.effect("waits for room when the process does not read, and fails in time when that is asked", () =>
    Effect.gen(function*() {
      const { send, startReading, written } = yield* wired(numbers({ buffer: 2, sendTimeout: "1 second" }))
      const sending = yield* Effect.forkChild(Effect.forEach(["a", "b", "c", "d", "e", "f"], send))
      yield* settle
      assert.isUndefined(sending.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(Fiber.join(sending))
      assert.strictEqual(error._tag, "SendTimeout")
      assert.strictEqual((error as SendTimeout).timeoutMillis, 1000)
      yield* startReading
      yield* settle
      assert.match(written.join(""), /^"a"\n"b"\n"c"\n/)
    }))

  it.effect("an interrupted send was not sent, and those after it are", () =>
    Effect.gen(function*() {
      const { send, startReading, written } = yield* wired(numbers({ buffer: 1 }))
      yield* send("a")
      yield* settle
      yield* send("b")
      const interrupted = yield* Effect.forkChild(send("c"))
      yield* settle
      const last = yield* Effect.forkChild(send("d"))
      yield* settle
      yield* Fiber.interrupt(interrupted)
      yield* startReading
      yield* Fiber.join(last)
      yield* settle
      assert.strictEqual(written.join(""), `"a"\n"b"\n"d"\n`)
    }))

  it.effect("what was accepted is written before the scope has closed", () =>
    Effect.gen(function*() {
      const written = yield* Effect.scoped(Effect.gen(function*() {
        const { send, startReading, written } = yield* wired(numbers())
        yield* startReading
        yield* Effect.forEach(["a", "b", "c"], send)
        return written
      }))
      assert.strictEqual(written.join(""), `"a"\n"b"\n"c"\n`)
    }))

  it.live("a process that does not read holds the end of the scope up for no longer than flushTimeout", () =>
    Effect.gen(function*() {
      const started = performance.now()
      yield* Effect.scoped(Effect.gen(function*() {
        const { send } = yield* wired(numbers({ flushTimeout: "50 millis" }))
        yield* send("a")
      }))
      assert.isAtLeast(performance.now() - started, 45)
      assert.isBelow(performance.now() - started, 1000)
    }))

  it.effect("after the end, and after the scope, it is a typed error that names the command", () =>
    Effect.gen(function*() {
      const send = yield* Effect.scoped(Effect.gen(function*() {
        const { closed, endOfProcess, send, startReading } = yield* wired(numbers())
        yield* startReading
        yield* endOfProcess
        yield* closed
        const error = yield* Effect.flip(send("a"))
        assert.strictEqual(error._tag, "ConnectionClosed")
        assert.strictEqual(
          error.message,
          "A message to the test was not sent: it has ended or closed its side of the channel. Send again when it runs again."
        )
        const other = yield* wired(numbers())
        return other.send
      }))
      assert.match((yield* Effect.flip(send("a"))).message, /closed on this side/)
    }))

  it.effect("one that waits for room when the process ends fails as well", () =>
    Effect.gen(function*() {
      const { endOfProcess, send, startReading } = yield* wired(numbers({ buffer: 1 }))
      const sending = yield* Effect.forkChild(Effect.flip(Effect.forEach(["a", "b", "c", "d"], send)))
      yield* settle
      yield* endOfProcess
      assert.strictEqual((yield* Fiber.join(sending))._tag, "ConnectionClosed")
      yield* startReading
    }))

  it.effect("what the schema or the size forbids is a typed error, and nothing is sent", () =>
    Effect.gen(function*() {
      const short = Schema.String.check(Schema.isMaxLength(10))
      const channel = Messages.channel({ incoming: short, outgoing: short, maxMessageBytes: 8 })
      const { send, startReading, written } = yield* wired(channel)
      yield* startReading
      const errors = yield* Effect.forEach(["x".repeat(11), "1234567"], (text) => Effect.flip(send(text)))
      assert.deepStrictEqual(errors.map(({ _tag }) => _tag), ["MessageNotEncodable", "MessageNotEncodable"])
      assert.match(errors[1]!.message, /it has 9 bytes, and the channel's maxMessageBytes is 8/)
      yield* send("123456")
      yield* settle
      assert.strictEqual(written.join(""), `"123456"\n`)
    }))
})

describe("A channel", () => {
  it("with an option that makes no sense is refused where it is made", () => {
    assert.throws(() => numbers({ buffer: 0 }), /Messages.channel: buffer is 0/)
    assert.throws(() => numbers({ maxMessageBytes: 1.5 }), /maxMessageBytes is 1.5/)
    assert.throws(() => numbers({ format: "xml" as "json" }), /format is xml, but has to be "json" or "msgpack"/)
    assert.throws(() => numbers({ sendTimeout: -1 }), /sendTimeout is -1/)
  })
})

const root = new URL("../../", import.meta.url).pathname
const fixture = (name: string): string => `${root}test/fixtures/process/${name}`

const started: Array<number> = []

/** Which of the groups of processes started here still has a member. A zombie is dead: not every init reaps it. */
const survivors = (): ReadonlyArray<string> =>
  readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
    const stat = Result.try(() => readFileSync(`/proc/${pid}/stat`, "utf8"))
    if (Result.isFailure(stat)) return []
    const [state, , group] = stat.success.slice(stat.success.lastIndexOf(")") + 2).split(" ")
    return started.includes(Number(group)) && state !== "Z" ? [stat.success] : []
  })

/** A real process. */
const start = Effect.fnUntraced(function*(format: Messages.Format, command: string, args: ReadonlyArray<string>) {
  const handle = yield* ChildProcess.make(command, args, {
    additionalFds: { fd3: { type: "duplex" } },
    env: { EFFECT_SUPERVISOR_MESSAGES_FD: "3", EFFECT_SUPERVISOR_MESSAGES_FORMAT: format },
    extendEnv: true,
    stderr: "inherit",
    forceKillAfter: "500 millis"
  })
  started.push(handle.pid)
  return handle
})

/** A real process with a channel. */
const spawn = Effect.fnUntraced(function*<In, Out>(
  channel: Messages.Channel<In, Out>,
  command: string,
  ...args: ReadonlyArray<string>
) {
  const handle = yield* start(channel.format, command, args)
  return { handle, ...(yield* attach(channel, handle, command)) }
})

const attach = <In, Out>(
  channel: Messages.Channel<In, Out>,
  handle: ChildProcessSpawner.ChildProcessHandle,
  command: string
) => Messages.open(channel, { bytes: handle.getOutputFd(3), sink: handle.getInputFd(3), command })

const printed = (handle: ChildProcessSpawner.ChildProcessHandle) => Stream.mkString(Stream.decodeText(handle.stdout))

/** With real processes, none of which is left when it ends. */
const processes = (name: string, body: Effect.Effect<unknown, unknown, Scope.Scope | NodeServices.NodeServices>) =>
  it.live(name, () =>
    Effect.scoped(body).pipe(
      Effect.andThen(Effect.sync(() => assert.deepStrictEqual(survivors(), []))),
      Effect.provide(NodeServices.layer)
    ), 30_000)

const node = process.execPath

describe.each(formats)("A Node child in %s", (format) => {
  const child = (options?: Messages.ChannelOptions) =>
    spawn(channel(format, options), node, fixture("messages-child.ts"), format)

  processes(
    "answers what it is told, ends when it is told, and its last words arrive",
    Effect.gen(function*() {
      const { handle, messages, send } = yield* child()
      const message: typeof FromChild.Type = {
        n: 1,
        text: "ü\n",
        at: new Date(0),
        big: 12345678901234567890n,
        bytes: Uint8Array.of(1, 2, 255)
      }
      yield* send({ ...message, verb: "echo" })
      const [answer] = yield* Stream.runCollect(Stream.take(messages, 1))
      assert.deepStrictEqual({ ...answer!, bytes: Uint8Array.from(answer!.bytes!) }, message)
      yield* send({ verb: "exit", n: 0 })
      assert.deepStrictEqual(yield* Stream.runCollect(messages), [{ n: -1, text: "bye" }])
      assert.strictEqual(yield* handle.exitCode, 0)
      assert.strictEqual((yield* Effect.flip(send({ verb: "exit", n: 0 })))._tag, "ConnectionClosed")
      assert.strictEqual(yield* printed(handle), "streams ended\n")
    })
  )

  processes(
    "exchanges messages of 10 MB, both ways",
    Effect.gen(function*() {
      const { messages, send } = yield* child()
      const text = "0123456789".repeat(megabyte)
      yield* send({ verb: "echo", n: 7, text })
      const [answer] = yield* Stream.runCollect(Stream.take(messages, 1))
      assert.isTrue(answer!.text === text)
    })
  )

  processes(
    "sends many that arrive in order, none lost",
    Effect.gen(function*() {
      const { messages, send } = yield* child()
      yield* send({ verb: "flood", n: 20_000 })
      const seen = yield* Stream.runFold(Stream.take(messages, 20_000), () => 0, (next, { n }) => {
        assert.strictEqual(n, next)
        return next + 1
      })
      assert.strictEqual(seen, 20_000)
    })
  )

  processes(
    "ends by itself when its supervisor goes away",
    Effect.gen(function*() {
      const handle = yield* start(format, node, [fixture("messages-child.ts"), format])
      yield* Effect.scoped(Effect.gen(function*() {
        const { messages, send } = yield* attach(channel(format), handle, "child")
        yield* send({ verb: "echo", n: 1 })
        yield* Stream.runHead(messages)
      }))
      assert.strictEqual(yield* handle.exitCode, 0)
      assert.match(yield* printed(handle), /ConnectionClosed: A message to the supervisor was not sent/)
    })
  )
})

const runAlone = (env: Record<string, string>) =>
  Effect.gen(function*() {
    const handle = yield* ChildProcess.make(node, [fixture("messages-child.ts"), "json"], {
      env,
      extendEnv: true,
      forceKillAfter: "500 millis"
    })
    started.push(handle.pid)
    return yield* printed(handle)
  })

describe("A Node child that nobody supervises", () => {
  processes(
    "is told so, and when it speaks another format",
    Effect.gen(function*() {
      const fd = "EFFECT_SUPERVISOR_MESSAGES_FD"
      assert.match(yield* runAlone({}), /^NotSupervised: .*EFFECT_SUPERVISOR_MESSAGES_FD is not set/)
      assert.match(yield* runAlone({ [fd]: "three" }), /^NotSupervised: .*"three", which is no descriptor/)
      assert.match(yield* runAlone({ [fd]: "77" }), /^NotSupervised: .*descriptor 77 cannot be used/)
      assert.match(
        yield* runAlone({ [fd]: "3", EFFECT_SUPERVISOR_MESSAGES_FORMAT: "msgpack" }),
        /^FormatMismatch: The supervisor speaks msgpack, but this program's channel is json/
      )
    })
  )
})

describe("A Node child without Effect", () => {
  processes(
    "needs the few lines of the docs",
    Effect.gen(function*() {
      const code = readFileSync(fixture("messages-plain.mjs"), "utf8").split("\n").slice(1).join("\n")
      const docs = readFileSync(`${root}src/process/Messages.ts`, "utf8").replaceAll(/^ \* ?/gm, "")
      assert.include(docs, code)
      const echo = Messages.channel({
        incoming: Schema.Struct({ echo: Schema.Finite }),
        outgoing: Schema.Finite
      })
      const { messages, send } = yield* spawn(echo, node, fixture("messages-plain.mjs"))
      yield* send(1)
      yield* send(2)
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(messages, 2)), [{ echo: 1 }, { echo: 2 }])
    })
  )
})

const upper = (format: Messages.Format) =>
  Messages.channel({
    incoming: Schema.Struct({ id: Schema.Int, upper: Schema.String }),
    outgoing: Schema.Struct({ id: Schema.Int, text: Schema.String }),
    format
  })

const speaks = (format: Messages.Format, command: string, script: string, texts: ReadonlyArray<string>) =>
  processes(
    "is told and answers, and ends when its supervisor goes away",
    Effect.gen(function*() {
      const handle = yield* start(format, command, [`${root}examples/process/${script}`])
      yield* Effect.scoped(Effect.gen(function*() {
        const { messages, send } = yield* attach(upper(format), handle, command)
        yield* Effect.forEach(texts, (text, id) => send({ id, text }))
        const answers = yield* Stream.runCollect(Stream.take(messages, texts.length))
        assert.isTrue(answers.every(({ id, upper }) => upper === texts[id]!.toUpperCase()))
        assert.deepStrictEqual(answers.map(({ id }) => id), Array.from(texts.keys()))
      }))
      assert.strictEqual(yield* handle.exitCode, 0)
      assert.strictEqual(yield* printed(handle), "")
    })
  )

describe.each(formats)("A Python child in %s", (format) => {
  speaks(format, "python3", "child.py", ["hello", "grün\n\"quoted\"", "", "x".repeat(300), "x".repeat(megabyte)])
})

describe("A shell child", () => {
  speaks("json", "sh", "child.sh", ["hello", "two words", ""])
})

describe("A process that misbehaves", () => {
  processes(
    "sends bad messages between good ones: each is a failure of its own, also the one it ends in",
    Effect.gen(function*() {
      const { handle, results } = yield* spawn(
        channel("json", { maxMessageBytes: 1000 }),
        "sh",
        fixture("messages-bad.sh")
      )
      const seen = yield* Stream.runCollect(results)
      assert.deepStrictEqual(
        seen.map((result) => Result.isSuccess(result) ? result.success.n : show(result)),
        [1, "InvalidJson", 2, "SchemaMismatch", "InvalidUtf8", "TooLarge", 5, "Truncated"]
      )
      assert.strictEqual(yield* handle.exitCode, 0)
      assert.deepStrictEqual(yield* Stream.runCollect(results), [])
    })
  )

  processes(
    "floods its channel: it waits while nobody reads, memory is bounded, and nothing is lost",
    Effect.gen(function*() {
      const total = 5000
      const { handle, messages } = yield* spawn(
        channel("json"),
        "python3",
        fixture("messages-slow.py"),
        String(total)
      )
      const far = yield* Effect.forkChild(
        Stream.runFold(Stream.splitLines(Stream.decodeText(handle.stdout)), () => 0, (_, line) => Number(line))
      )
      // 64 messages of 10 kB wait here, and as much again and what the pipe holds: it gets nowhere near the end.
      const [first] = yield* Stream.runCollect(Stream.take(messages, 1))
      assert.strictEqual(first!.n, 0)
      const before = process.memoryUsage().rss
      yield* Effect.sleep("300 millis")
      assert.isBelow(process.memoryUsage().rss - before, 30 * megabyte)
      assert.isTrue(yield* handle.isRunning)
      const next = yield* Stream.runFold(messages, () => 1, (next, { n }) => {
        assert.strictEqual(n, next)
        return next + 1
      })
      assert.strictEqual(next, total)
      assert.strictEqual(yield* Fiber.join(far), total - 10)
    })
  )

  processes(
    "floods a channel that drops: it is not held up, and what is lost is counted",
    Effect.gen(function*() {
      const total = 3000
      const { closed, handle, results } = yield* spawn(
        channel("json", { overflow: "drop-oldest", buffer: 10 }),
        "python3",
        fixture("messages-slow.py"),
        String(total)
      )
      yield* Effect.forkChild(Stream.runDrain(handle.stdout))
      yield* closed
      const seen = (yield* Stream.runCollect(results)).map((result) =>
        Result.isSuccess(result) ? result.success.n : show(result)
      )
      assert.deepStrictEqual(seen, [`lost ${total - 10}`, ...Array.from(Array(10), (_, i) => total - 10 + i)])
    })
  )

  processes(
    "does not read: who sends to it waits, and who sends to another does not",
    Effect.gen(function*() {
      const deaf = yield* spawn(channel("json"), "sleep", "60")
      const other = yield* spawn(channel("json"), node, fixture("messages-child.ts"), "json")
      const text = "x".repeat(megabyte)
      const sending = yield* Effect.forkChild(
        Effect.flip(Effect.forEach(Array(100), () => deaf.send({ verb: "echo", n: 1, text })))
      )
      yield* other.send({ verb: "echo", n: 5 })
      assert.deepStrictEqual(yield* Stream.runHead(other.messages), Option.some({ n: 5 }))
      assert.isUndefined(sending.pollUnsafe())
      yield* deaf.handle.kill({ killSignal: "SIGKILL" })
      const error = yield* Fiber.join(sending)
      assert.strictEqual(error._tag, "ConnectionClosed")
      assert.match(error.message, /^A message to sleep was not sent: it has ended/)
    })
  )

  processes(
    "is killed: its streams end, and sending is a typed error that names it",
    Effect.gen(function*() {
      const { closed, handle, messages, send } = yield* spawn(channel("json"), "sleep", "60")
      const listening = yield* Effect.forkChild(Stream.runCollect(messages))
      yield* handle.kill({ killSignal: "SIGKILL" })
      assert.deepStrictEqual(yield* Fiber.join(listening), [])
      yield* closed
      assert.match((yield* Effect.flip(send({ verb: "exit", n: 0 }))).message, /^A message to sleep was not sent/)
    })
  )
})
