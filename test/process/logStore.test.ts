import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FileSystem, Layer, PlatformError, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as LogStore from "../../src/process/LogStore.ts"
import { captureLogs } from "../support.ts"

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-supervisor-logs-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A store in a new directory. */
const open = (options: Partial<LogStore.Options> = {}) =>
  Effect.flatMap(directory, (path) => LogStore.make({ directory: path, ...options }))

const chunks = (...texts: ReadonlyArray<string | Uint8Array>): Stream.Stream<Uint8Array> =>
  Stream.fromIterable(texts.map((text) => typeof text === "string" ? encode(text) : text)).pipe(Stream.rechunk(1))

const write = (store: LogStore.LogStore, run: number, ...texts: ReadonlyArray<string | Uint8Array>) =>
  store.capture(run, "stdout", chunks(...texts))

const textsOf = (entries: ReadonlyArray<LogStore.LogEntry>): Array<string> =>
  entries.map((entry) => entry._tag === "Line" ? entry.text + (entry.continued ? "…" : "") : entry._tag)

const texts = (stream: Stream.Stream<LogStore.LogEntry, LogStore.LogReadError>) =>
  Effect.map(Stream.runCollect(stream), textsOf)

/** Everything on disk as a person would see it. */
const onDisk = (path: string): string =>
  readdirSync(path).filter((name) => name.endsWith(".log")).toSorted()
    .map((name) => readFileSync(join(path, name), "utf8")).join("")

const filesOf = (path: string, suffix = ".log"): Array<string> =>
  readdirSync(path).filter((name) => name.endsWith(suffix)).toSorted()

/** Follows until told to end. */
const following = (store: LogStore.LogStore, options?: LogStore.FollowOptions) =>
  Effect.gen(function*() {
    const seen: Array<LogStore.LogEntry> = []
    const watchers: Array<{ readonly isDone: () => boolean; readonly done: () => void }> = []
    const fiber = yield* Effect.forkScoped(
      Stream.runForEach(store.follow(options), (entry) =>
        Effect.sync(() => {
          seen.push(entry)
          for (const watcher of watchers) if (watcher.isDone()) watcher.done()
        })),
      { startImmediately: true }
    )
    const until = (count: number) =>
      Effect.callback<void>((resume) => {
        const isDone = () => seen.length >= count
        if (isDone()) resume(Effect.void)
        else watchers.push({ isDone, done: () => resume(Effect.void) })
      })
    return { seen, until, fiber, texts: () => textsOf(seen) }
  })

const live = <A, E>(effect: Effect.Effect<A, E, Scope.Scope | NodeServices.NodeServices>) =>
  Effect.provide(Effect.scoped(effect), NodeServices.layer)

const test = it.live

describe("what is captured comes back", () => {
  test("the lines of a stream, whatever its chunks are", () =>
    live(Effect.gen(function*() {
      const store = yield* open()
      const run = yield* store.begin()
      yield* write(store, run, "on", "e\ntw", "", "o\n\nfo", "u", "r\r\n", "\r\n", "last")
      assert.deepStrictEqual(yield* texts(store.query()), ["one", "two", "", "four", "", "last"])
    })))

  test("a line says which run and stream wrote it, and when its end arrived", () =>
    live(Effect.gen(function*() {
      const store = yield* open()
      const before = Date.now()
      const run = yield* store.begin()
      yield* store.capture(run, "stderr", chunks("oops\n"))
      const [line] = yield* Stream.runCollect(store.query())
      assert.strictEqual(line!.run, 1)
      assert.strictEqual(line!.stream, "stderr")
      assert.isTrue(line!.time >= before && line!.time <= Date.now())
      assert.isFalse(line!.continued)
    })))

  test("lines of two streams do not mix within a line, neither in the file nor in what is read", () =>
    live(Effect.gen(function*() {
      const store = yield* open()
      const run = yield* store.begin()
      const out = Stream.fromIterable(["a", "b\nc", "d\n"]).pipe(Stream.map(encode), Stream.rechunk(1))
      const err = Stream.fromIterable(["1", "2\n3", "4\n"]).pipe(Stream.map(encode), Stream.rechunk(1))
      yield* Effect.all([store.capture(run, "stdout", out), store.capture(run, "stderr", err)], { concurrency: 2 })
      assert.deepStrictEqual(onDisk(store.directory).split("\n").toSorted(), ["", "12", "34", "ab", "cd"])
      assert.deepStrictEqual(yield* texts(store.query({ stream: "stderr" })), ["12", "34"])
      assert.deepStrictEqual(yield* texts(store.query({ stream: "stdout" })), ["ab", "cd"])
    })))

  test("a last line without line end is a line, and the next run begins a new one in the file too", () =>
    live(Effect.gen(function*() {
      const store = yield* open()
      yield* write(store, yield* store.begin(), "no end")
      yield* write(store, yield* store.begin(), "next\n")
      assert.deepStrictEqual(yield* texts(store.query()), ["no end", "next"])
      assert.strictEqual(onDisk(store.directory), "no end\nnext\n")
    })))

  test("characters that chunks cut in two are whole, and bytes that are no characters are kept on disk", () =>
    live(Effect.gen(function*() {
      const store = yield* open()
      const bytes = encode("né€😀\n")
      const single = Array.from(bytes, (byte) => Uint8Array.of(byte))
      yield* write(store, yield* store.begin(), ...single, Uint8Array.of(0x61, 0xff, 0xc3, 10, 0xe2, 0x82, 10))
      assert.deepStrictEqual(yield* texts(store.query()), ["né€😀", "a\uFFFD\uFFFD", "\uFFFD"])
      console.log(readdirSync(store.directory), yield* store.runs)
      const raw = readFileSync(join(store.directory, "00000001.log"))
      assert.deepStrictEqual(Array.from(raw.subarray(bytes.length)), [0x61, 0xff, 0xc3, 10, 0xe2, 0x82, 10])
    })))

  test("a line of megabytes is one line, also when it spans files", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ maxFileSize: 1024 * 1024, maxFiles: 20 })
      const part = "x".repeat(50_000)
      const run = yield* store.begin()
      yield* write(store, run, "first\n", ...Array.from({ length: 100 }, () => part), "\nlast\n")
      const found = yield* texts(store.query())
      assert.deepStrictEqual(found.map((text) => text.length), [5, 5_000_000, 4])
      assert.isAbove(filesOf(store.directory).length, 4)
      const newest = yield* texts(store.tail(2))
      assert.deepStrictEqual(newest.map((text) => text.length), [5_000_000, 4])
    })))

  test("a line beyond maxLineLength comes in pieces marked as continued, none of them cutting a character", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ maxLineLength: 1_001 })
      yield* write(store, yield* store.begin(), `${"é".repeat(1_200)}\nshort\n`)
      const lines = yield* Stream.runCollect(store.query())
      assert.deepStrictEqual(lines.map(({ continued }) => continued), [true, true, false, false])
      assert.isTrue(lines.every(({ text }) => text.length <= 501))
      assert.strictEqual(lines.slice(0, 3).map(({ text }) => text).join(""), "é".repeat(1_200))
    })))

  for (const count of [1_000, 20_000, 1_000_000]) {
    test(`none of ${count} lines of a real child is lost, though it exits as it writes the last one`, () =>
      live(Effect.gen(function*() {
        const store = yield* open({ maxFiles: 100, maxFileSize: 1024 * 1024 })
        const run = yield* store.begin()
        yield* store.capture(
          run,
          "stdout",
          NodeStream.fromReadable({
            evaluate: () => spawn("seq", [String(count)], { stdio: ["ignore", "pipe", "ignore"] }).stdout,
            onError: (error) => error as Error
          })
        )
        let next = 1
        yield* Stream.runForEach(store.query(), ({ text }) =>
          Effect.sync(() => {
            if (text === String(next)) next++
          }))
        assert.strictEqual(next, count + 1)
      })))
  }
})

describe("runs", () => {
  test("are numbered on, also after the store is opened anew, and say how they ended", () =>
    live(Effect.gen(function*() {
      const path = yield* directory
      yield* Effect.scoped(Effect.gen(function*() {
        const store = yield* LogStore.make({ directory: path })
        const first = yield* store.begin({ pid: 11 })
        yield* write(store, first, "a\nb\n")
        yield* store.end(first, { code: 3 })
        const second = yield* store.begin({ pid: 12 })
        yield* store.end(second, { signal: "SIGKILL" })
      }))
      const store = yield* LogStore.make({ directory: path })
      assert.strictEqual(yield* store.begin(), 3)
      const runs = yield* store.runs
      assert.deepStrictEqual(
        runs.map(({ bytes, ended, lines, pid, run }) => ({
          bytes,
          code: ended?.code,
          lines,
          pid,
          run,
          signal: ended?.signal
        })),
        [
          { run: 1, pid: 11, lines: 2, bytes: 4, code: 3, signal: undefined },
          { run: 2, pid: 12, lines: 0, bytes: 0, code: undefined, signal: "SIGKILL" },
          { run: 3, pid: undefined, lines: 0, bytes: 0, code: undefined, signal: undefined }
        ]
      )
    })))

  test("that nobody ended are presumed to have ended when the store is opened anew", () =>
    live(Effect.gen(function*() {
      const path = yield* directory
      yield* Effect.scoped(Effect.gen(function*() {
        const store = yield* LogStore.make({ directory: path })
        yield* write(store, yield* store.begin({ pid: 11 }), "a\n")
      }))
      const store = yield* LogStore.make({ directory: path })
      assert.strictEqual((yield* store.runs)[0]!.ended?.presumed, true)
    })))

  test("keep their pid and start for as long as they go on, whatever rotation deletes", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ maxFileSize: 100, maxFiles: 2 })
      const run = yield* store.begin({ pid: 7 })
      for (let i = 0; i < 50; i++) yield* write(store, run, `line ${i} of the output\n`)
      const [found] = yield* store.runs
      assert.strictEqual(found!.pid, 7)
      assert.isBelow(found!.lines, 10)
    })))
})

/** Runs of two streams, as chunks of bytes. */
const output = fc.array(
  fc.record({
    run: fc.integer({ min: 0, max: 2 }),
    stream: fc.constantFrom("stdout" as const, "stderr" as const),
    chunk: fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "b", "é", "\n", "\r", "€"), maxLength: 40 }).map(encode),
      fc.uint8Array({ maxLength: 30 }),
      fc.constant(encode("\n"))
    )
  }),
  { maxLength: 40 }
)

interface Written {
  readonly run: number
  readonly stream: "stdout" | "stderr"
  readonly chunk: Uint8Array
}

/** What each stream of each run wrote, and what lines that is. */
const streamsOf = (written: ReadonlyArray<Written>) =>
  [0, 1, 2].flatMap((run) =>
    (["stdout", "stderr"] as const).map((stream) => {
      const own = written.filter((other) => other.run === run && other.stream === stream)
      const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(own.map(({ chunk }) => chunk)))
      const lines = text.split("\n").map((line) => line.replace(/\r$/, ""))
      // After the last line end there is no line; without one, a lone carriage return is.
      if (text === "" || text.endsWith("\n")) lines.pop()
      return { run, stream, own, lines }
    })
  )

const writeAll = (store: LogStore.LogStore, written: ReadonlyArray<Written>) =>
  Effect.gen(function*() {
    const streams = streamsOf(written)
    for (const run of [0, 1, 2]) {
      const number = yield* store.begin()
      yield* Effect.forEach(
        streams.filter((stream) => stream.run === run),
        ({ own, stream }) => store.capture(number, stream, chunks(...own.map(({ chunk }) => chunk))),
        { concurrency: "unbounded" }
      )
      yield* store.end(number, { code: 0 })
    }
    return streams
  })

describe("for any output", () => {
  const check = (
    name: string,
    body: (
      store: LogStore.LogStore,
      streams: ReturnType<typeof streamsOf>
    ) => Effect.Effect<void, LogStore.LogReadError>
  ) =>
    test(name, () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            output,
            fc.integer({ min: 30, max: 400 }),
            fc.integer({ min: 4, max: 5_000 }),
            (written, maxFileSize, maxBuffered) =>
              Effect.runPromise(live(Effect.gen(function*() {
                const store = yield* open({ maxFileSize, maxFiles: 10_000, maxBuffered })
                yield* body(store, yield* writeAll(store, written))
              })))
          ),
          { numRuns: 60 }
        )
      ), 60_000)

  check(
    "the same lines come back per run and stream, wherever files are rotated",
    (store, streams) =>
      Effect.gen(function*() {
        for (const { lines, run, stream } of streams) {
          assert.deepStrictEqual(yield* texts(store.query({ run: run + 1, stream })), lines)
        }
      })
  )

  check(
    "reading backwards, following from the start and from the end show what a query shows",
    (store) =>
      Effect.gen(function*() {
        const all = yield* Stream.runCollect(store.query())
        assert.deepStrictEqual(yield* Stream.runCollect(store.query({ reverse: true })), all.toReversed())
        const now = { until: Effect.void }
        const whole = { ...now, wholeLines: true }
        assert.deepStrictEqual(yield* Stream.runCollect(store.follow({ from: "start", ...whole })), all)
        assert.deepStrictEqual(yield* Stream.runCollect(store.follow({ from: { last: 5 }, ...now })), all.slice(-5))
        assert.deepStrictEqual(yield* Stream.runCollect(store.tail(3)), all.slice(-3))
        assert.deepStrictEqual(yield* Stream.runCollect(store.follow(now)), [])
      })
  )

  check("a filtered query shows what filtering all lines shows", (store) =>
    Effect.gen(function*() {
      const all = yield* Stream.runCollect(store.query())
      const middle = all[Math.floor(all.length / 2)]?.time ?? 0
      const filters: ReadonlyArray<readonly [LogStore.QueryOptions, (line: LogStore.LogLine) => boolean]> = [
        [{ run: 2 }, ({ run }) => run === 2],
        [{ stream: "stderr" }, ({ stream }) => stream === "stderr"],
        [{ since: middle }, ({ time }) => time >= middle],
        [{ until: middle }, ({ time }) => time <= middle],
        [{ match: "aé" }, ({ text }) => text.includes("aé")],
        [{ match: /^a|b$/g }, ({ text }) => /^a|b$/.test(text)],
        [{ run: 1, stream: "stdout", match: "b" }, ({ run, stream, text }) =>
          run === 1 && stream === "stdout" && text.includes("b")]
      ]
      for (const [options, holds] of filters) {
        const wanted = all.filter(holds)
        assert.deepStrictEqual(yield* Stream.runCollect(store.query(options)), wanted)
        assert.deepStrictEqual(
          yield* Stream.runCollect(store.query({ ...options, offset: 2, limit: 3 })),
          wanted.slice(2, 5)
        )
        assert.deepStrictEqual(
          yield* Stream.runCollect(store.query({ ...options, offset: 1, limit: 3, reverse: true })),
          wanted.toReversed().slice(1, 4)
        )
      }
    }))
})
