import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Queue, Stream } from "effect"
import { Control, Runnable } from "effect-supervisor"
import { Command, Job, Jobs, NodeJobs } from "effect-supervisor/process"
import { TestClock } from "effect/testing"
import * as sse from "../../../src/control/internal/web/sse.ts"
import { settle } from "../../support.ts"
import { isWell, known, listen, type Message, post, raw, type Said, said, serve } from "./support.ts"

const changesOf = (seen: ReadonlyArray<Message>): ReadonlyArray<Said> =>
  seen.flatMap(({ data, event }) => event === "change" ? data : [])

/** The state that a change tells of a child, itself or as part of a snapshot. */
const stateIn = (change: Said, path: string): string | undefined =>
  change._tag === undefined
    ? change.children.find((child) => child.path === path)?.state._tag
    : change.path === path
    ? change.to?._tag
    : undefined

const isTransition = (to: string, path: string) => (seen: ReadonlyArray<Message>) =>
  changesOf(seen).some((change) => change._tag === "ChildTransition" && stateIn(change, path) === to)

/** As the reader knows it. */
const isIn = (state: string, path: string) => (seen: ReadonlyArray<Message>) =>
  changesOf(seen).map((change) => stateIn(change, path)).findLast((state) => state !== undefined) === state

/** What the lines say. */
const textsOf = (seen: ReadonlyArray<Message>) =>
  seen.flatMap(({ data }) => data.filter(({ _tag }) => _tag === "Line").map(({ text }) => text))

describe("watch", () => {
  it.live("says who serves, then the snapshot, then every event in order", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const { response, seen, until } = yield* listen(at, "/api/watch")
      assert.strictEqual(response.headers["content-type"], "text/event-stream")
      yield* until((seen) => changesOf(seen).length > 0)
      const [hello, first] = seen
      assert.strictEqual(hello!.event, "hello")
      assert.strictEqual(hello!.data.server.name, "app")
      assert.isFalse(hello!.data.readOnly)
      const [snapshot] = changesOf([first!])
      assert.isUndefined(snapshot!._tag)
      assert.deepStrictEqual(snapshot!.children.map(({ name }) => name), ["dashboard", "store", "web", "mailer"])
      yield* at.handle.restart("web/cache")
      yield* until(isTransition("Running", "web/cache"))
      const states = changesOf(seen).slice(1).map(({ to }) => to?._tag)
      assert.deepStrictEqual(
        states,
        ["Stopping", "Stopped", "Starting", "Running"].filter((tag) => states.includes(tag))
      )
    }))

  it.live("a burst comes in batches, sixty messages a second at most, and nothing of it is missing", () =>
    Effect.gen(function*() {
      const at = yield* serve({ maxEvents: 100_000 })
      const { seen, until } = yield* listen(at, "/api/watch")
      yield* until((seen) => changesOf(seen).length > 0)
      const began = performance.now()
      for (let i = 0; i < 1000; i++) {
        yield* at.handle.restart("mailer")
        if (i % 20 === 0) yield* Effect.sleep(1)
      }
      yield* at.handle.stop("mailer")
      yield* until(isTransition("Stopped", "mailer"))
      const incarnations = changesOf(seen).filter((change) =>
        change._tag === "ChildTransition" && stateIn(change, "mailer") === "Running"
      )
      assert.strictEqual(incarnations.length, 1000)
      const messages = seen.filter(({ event }) => event === "change").length
      assert.isAtMost(messages, 3 + (performance.now() - began) / 1000 * 60)
    }))

  it.live("who falls behind is told how much it lost, and has a fresh snapshot", () =>
    Effect.gen(function*() {
      const at = yield* serve({ maxEvents: 10 })
      const { seen, until } = yield* listen(at, "/api/watch")
      yield* until((seen) => changesOf(seen).length > 0)
      for (let i = 0; i < 100; i++) yield* at.handle.restart("mailer")
      const { incarnation } = yield* at.handle.child("mailer")
      yield* until((seen) => changesOf(seen).some(({ _tag }) => _tag === "EventsLost"))
      const changes = changesOf(seen)
      const index = changes.findLastIndex(({ _tag }) => _tag === "EventsLost")
      assert.isAbove(changes[index]!.count, 10)
      const mailer = changes[index + 1]!.children.find(({ name }) => name === "mailer")!
      assert.isAtMost(mailer.incarnation, incarnation)
      // From there on nothing is missing.
      yield* at.handle.stop("mailer")
      yield* until(isIn("Stopped", "mailer"))
      yield* isWell(at)
    }))

  it.live("a reader who goes away leaves nothing behind, and others read on", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const stays = yield* listen(at, "/api/watch")
      yield* stays.until((seen) => changesOf(seen).length > 0)
      for (let i = 0; i < 50; i++) {
        yield* Effect.scoped(Effect.flatMap(listen(at, "/api/watch"), ({ until }) => until((seen) => seen.length > 0)))
      }
      yield* at.handle.stop("mailer")
      yield* stays.until(isTransition("Stopped", "mailer"))
      yield* isWell(at)
    }))

  it.live("a reader that does not read costs a bounded backlog, and the tree goes on", () =>
    Effect.gen(function*() {
      const at = yield* serve({ maxEvents: 100 })
      const { socket, text } = yield* raw(at)
      socket.write(`GET /api/watch HTTP/1.1\r\nHost: 127.0.0.1:${at.port}\r\nAuthorization: Bearer ${at.token}\r\n\r\n`)
      yield* Effect.eventually(
        Effect.suspend(() => text().includes("event: change") ? Effect.void : Effect.delay(Effect.fail(0), 5))
      )
      socket.pause()
      for (let i = 0; i < 20_000; i++) yield* at.handle.restart("mailer")
      yield* isWell(at)
    }))
})

describe("usage", () => {
  it.live("of this process and of every job, while somebody looks", () =>
    Effect.gen(function*() {
      const job = Job.runnable("job", Command.make("sleep", ["60"]))
      const at = yield* serve({ children: [job, Runnable.idle("mailer")] })
      const { until } = yield* listen(at, "/api/watch")
      const seen = yield* until((seen) =>
        seen.some(({ data, event }) => event === "usage" && data["job"] !== undefined)
      )
      const { data } = seen.find(({ event }) => event === "usage")!
      assert.strictEqual(data["job"]!.processes, 1)
      assert.isAbove(data["job"]!.memoryBytes, 0)
      assert.isAbove(data[""]!.cpuMillis, 0)
      assert.isAbove(data[""]!.memoryBytes, 10_000_000)
    }).pipe(Effect.provide(NodeJobs.layer())))
})

describe("logs", () => {
  const lines = 2000
  /** Writes its lines when it is told to, and stays. */
  const script = `
    trap 'go=1' HUP
    printf 'ready\\n\\033[31mred\\033[0m </script><b>\\n'
    while [ -z "$go" ]; do sleep 0.02; done
    for i in $(seq ${lines}); do echo "line $i"; done
    echo oops >&2
    while true; do sleep 0.05; done`
  const writer = Job.runnable("writer", Command.script("bash", script))
  const children = [writer, Runnable.idle("mailer")]
  /** It has said so. */
  const isReady = Effect.gen(function*() {
    const { logs } = yield* Effect.flatMap(Jobs, (jobs) => jobs.get("writer"))
    yield* Stream.runHead(logs!.follow({ from: "start", match: "red" }))
  })

  it.live("come from where they are asked for and then as they are written, none twice and none lost", () =>
    Effect.gen(function*() {
      const at = yield* serve({ children })
      yield* isReady
      const { seen, until } = yield* listen(at, "/api/logs?path=writer&tail=100&stream=stdout")
      yield* until((seen) => textsOf(seen).length === 2)
      yield* post(at, "signal", { target: "writer", signal: "SIGHUP" })
      yield* until((seen) => textsOf(seen).at(-1) === `line ${lines}`)
      const expected = Array.from({ length: lines }, (_, index) => `line ${index + 1}`)
      assert.deepStrictEqual(textsOf(seen).slice(2), expected)
      assert.isTrue(seen.every(({ event }) => event === "lines"))
      const tail = yield* listen(at, "/api/logs?path=writer&tail=3&stream=stdout")
      yield* tail.until((seen) => textsOf(seen).length === 3)
      assert.deepStrictEqual(textsOf(tail.seen), expected.slice(-3))
      const found = said(yield* known(at, { path: "/api/lines?path=writer&match=line%20199&limit=5&reverse=true" }))
      assert.deepStrictEqual(found.map(({ text }) => text), [
        "line 1999",
        "line 1998",
        "line 1997",
        "line 1996",
        "line 1995"
      ])
    }).pipe(Effect.provide(NodeJobs.layer())))

  it.live("carry what children write as text in JSON: no markup and no escape of theirs is one of the protocol", () =>
    Effect.gen(function*() {
      const at = yield* serve({ children })
      yield* isReady
      const { body, headers } = yield* known(at, { path: "/api/lines?path=writer&match=red" })
      assert.strictEqual(headers["content-type"], "application/json")
      assert.notInclude(body, "\x1b")
      assert.strictEqual(JSON.parse(body)[0].text, "\x1b[31mred\x1b[0m </script><b>")
    }).pipe(Effect.provide(NodeJobs.layer())))

  it.live("that are not there are told so in the stream, which ends", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      for (const path of ["mailer", "nobody"]) {
        const { ended, seen } = yield* listen(at, `/api/logs?path=${path}`)
        yield* ended
        assert.deepStrictEqual(seen.map(({ data, event }) => `${event} ${data._tag}`), ["failed NotAJob"])
      }
      assert.strictEqual((yield* known(at, { path: "/api/lines?path=mailer" })).status, 404)
    }))

  it.live("are asked for by parameters that make sense", () =>
    Effect.gen(function*() {
      const at = yield* serve()
      const wrong = [
        "",
        "?tail=10",
        "?path=mailer&tail=-1",
        "?path=mailer&tail=1.5",
        "?path=mailer&tail=99999999",
        "?path=mailer&tail=x",
        "?path=mailer&stream=stdin",
        "?path=a&path=b",
        `?path=${"x".repeat(2000)}`
      ]
      for (const query of wrong) {
        assert.strictEqual((yield* known(at, { path: `/api/logs${query}` })).status, 400, query)
      }
      yield* isWell(at)
    }))
})

describe("the stream itself", () => {
  it.effect("no batch comes sooner than its pace, and the first of them at once", () =>
    Effect.gen(function*() {
      const queue = yield* Queue.unbounded<number>()
      const times: Array<string> = []
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(sse.paced(Stream.fromQueue(queue), (batch) => batch.join(" ")), (text) =>
          Effect.map(Clock.currentTimeMillis, (now) => times.push(`${now}: ${text}`)))
      )
      yield* TestClock.adjust(100)
      yield* Queue.offer(queue, 1)
      yield* TestClock.adjust(1)
      for (const value of [2, 3, 4]) {
        yield* Queue.offer(queue, value)
      }
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(times, ["100: 1", `${100 + sse.pace}: 2 3 4`])
      yield* Fiber.interrupt(fiber)
    }))

  it.live("a message that takes long to make is followed by a longer pause", () =>
    Effect.gen(function*() {
      const times: Array<number> = []
      const slowly = () => {
        const began = performance.now()
        while (performance.now() - began < 10);
        times.push(performance.now())
        return "x"
      }
      yield* Stream.runDrain(sse.paced(Stream.rechunk(Stream.make(1, 2, 3), 1), slowly, sse.rest))
      assert.isAtLeast(times[1]! - times[0]!, 90)
      assert.isAtLeast(times[2]! - times[1]!, 90)
      assert.strictEqual(sse.rest(10_000), 250)
    }))

  it.effect("shows that it is there every ten seconds, and ends with what it is about", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const main = Stream.concat(Stream.succeed("a"), Stream.drain(Stream.fromEffect(Deferred.await(gate))))
      const { body } = sse.response(main)
      assert.strictEqual(body._tag, "Stream")
      const parts: Array<string> = []
      const stream = (body as unknown as { readonly stream: Stream.Stream<Uint8Array> }).stream
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(Stream.decodeText(stream), (part) => Effect.sync(() => parts.push(part)))
      )
      yield* settle
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(parts, ["a"])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual(parts, ["a", ":\n\n"])
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.deepStrictEqual(parts, ["a", ":\n\n", ":\n\n"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
    }))

  it.live("a message is one, whatever is in it", () =>
    Effect.sync(() => {
      const text = sse.message("lines", ["a\nb\r\nevent: x\n\ndata: y\u2028"])
      assert.strictEqual(text.split("\n\n").length, 2)
      assert.strictEqual(text.split("\n").length, 4)
    }))
})

describe("the tree", () => {
  it.live("is well while twenty readers watch it and one of them reads nothing", () =>
    Effect.gen(function*() {
      const busy = Runnable.make("busy", Effect.forever(Effect.andThen(Control.heartbeat, Effect.sleep(1))))
      const at = yield* serve({ children: [busy, Runnable.idle("mailer")] })
      const readers = yield* Effect.forEach(Array.from({ length: 20 }), () => listen(at, "/api/watch"))
      readers[0]!.response.pause()
      for (let i = 0; i < 200; i++) yield* at.handle.restart("mailer")
      yield* at.handle.stop("mailer")
      for (const { until } of readers.slice(1)) yield* until(isIn("Stopped", "mailer"))
    }))
})
