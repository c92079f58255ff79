import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, FileSystem, Layer, PlatformError, Queue, Scope, Stream } from "effect"
import * as fc from "fast-check"
import { spawn, spawnSync } from "node:child_process"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as LogStore from "../../src/process/LogStore.ts"
import { captureLogs } from "../support.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-supervisor-logs-"))),
  (path) => Effect.sync(() => removeFolder(path))
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
    const watchers: Array<{ readonly count: number; readonly done: () => void }> = []
    const fiber = yield* Effect.forkScoped(
      Stream.runForEach(store.follow(options), (entry) =>
        Effect.sync(() => {
          seen.push(entry)
          for (const watcher of watchers) if (seen.length >= watcher.count) watcher.done()
        })),
      { startImmediately: true }
    )
    const until = (count: number) =>
      Effect.callback<void>((resume) => {
        if (seen.length >= count) resume(Effect.void)
        else watchers.push({ count, done: () => resume(Effect.void) })
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

/** A clock by which everything that arrives does so at another time. */
const ticking = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Clock.Clock, (clock) => {
    let time = 1_000
    const currentTimeMillisUnsafe = () => time++
    const counting: Clock.Clock = {
      ...clock,
      currentTimeMillisUnsafe,
      currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      sleep: (duration) => clock.sleep(duration)
    }
    return Effect.provideService(effect, Clock.Clock, counting)
  })

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
              yield* body(store, yield* ticking(writeAll(store, written)))
            })))
        ),
        { numRuns: 100 }
      )
    ), 60_000)

describe("for any output", () => {
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

const full = (path: string) =>
  PlatformError.systemError({
    _tag: "Unknown",
    module: "FileSystem",
    method: "writeAll",
    pathOrDescriptor: path,
    cause: new Error("ENOSPC: no space left on device, write")
  })

/** A disk on which files cannot be written to while it is full, and that counts what is read. */
const makeDisk = () => {
  const disk = { isFull: false, only: "", torn: 0, read: 0 }
  const watched = (path: string, file: FileSystem.File): FileSystem.File => ({
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    stat: file.stat,
    sync: file.sync,
    seek: (offset, from) => file.seek(offset, from),
    read: (buffer, options) =>
      Effect.tap(file.read(buffer, options), (size) =>
        Effect.sync(() => {
          disk.read += size
        })),
    readAlloc: (size, options) => file.readAlloc(size, options),
    truncate: (length) => file.truncate(length),
    write: (buffer) => file.write(buffer),
    writeAll: (buffer) =>
      Effect.suspend(() =>
        disk.isFull && path.endsWith(disk.only)
          // As much as there was room for is written.
          ? Effect.andThen(
            file.writeAll(buffer.subarray(0, Math.floor(buffer.length * disk.torn))),
            Effect.fail(full(path))
          )
          : file.writeAll(buffer)
      )
  })
  const layer = Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs): FileSystem.FileSystem => ({
      ...fs,
      open: (path, options) => Effect.map(fs.open(path, options), (file) => watched(path, file))
    }))
  ).pipe(Layer.provideMerge(NodeServices.layer))
  return { disk, layer }
}

const onDiskOf = <A, E>(
  layer: ReturnType<typeof makeDisk>["layer"],
  effect: Effect.Effect<A, E, Scope.Scope | NodeServices.NodeServices>
) => Effect.provide(Effect.scoped(effect), layer)

const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join("")

const probe = mkdtempSync(join(tmpdir(), "effect-supervisor-mount-"))
const mount = (path: string) => spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", path]).status === 0
const unmount = (path: string) => spawnSync("umount", [path]).status === 0
const canMount = mount(probe) && unmount(probe)
removeFolder(probe)

const onTmpfs = canMount ? it.live : it.live.skip

describe("a disk that does not take what is written", () => {
  test("holds the pipe, is reported once, and in the end has all that was written, torn writes included", () => {
    const { disk, layer } = makeDisk()
    return onDiskOf(
      layer,
      Effect.gen(function*() {
        const reported = yield* Queue.unbounded<LogStore.LogWriteError>()
        let reports = 0
        const store = yield* open({
          name: "web/worker",
          maxBuffered: 10_000,
          report: (error) =>
            Effect.sync(() => {
              reports++
              Queue.offerUnsafe(reported, error)
            })
        })
        const run = yield* store.begin()
        yield* write(store, run, numbered(0, 10))
        disk.isFull = true
        disk.torn = 0.5
        let pulled = 0
        const bytes = Stream.range(0, 99).pipe(
          Stream.rechunk(1),
          Stream.map((i) => {
            pulled++
            return encode(numbered(10 + i * 100, 110 + i * 100))
          })
        )
        const capture = yield* Effect.forkScoped(store.capture(run, "stdout", bytes))
        const error = yield* Queue.take(reported)
        assert.strictEqual(error.reason, "retrying")
        assert.match(error.message, /^Logs of web\/worker cannot be written to .*00000001\.log \(ENOSPC: no space left/)
        assert.match(error.message, /Nothing is lost/)
        assert.strictEqual((yield* store.problem)?._tag, "LogWriteError")
        // What has been tried twice has waited as long as it waits at first.
        yield* Effect.sleep(250)
        assert.isBelow(pulled, 20)
        assert.strictEqual(reports, 1)
        assert.strictEqual((yield* texts(store.query())).length, 10)
        disk.isFull = false
        yield* Fiber.join(capture)
        assert.strictEqual(yield* store.problem, undefined)
        assert.strictEqual((yield* texts(store.query())).join("\n") + "\n", numbered(0, 10_010))
        assert.strictEqual(onDisk(store.directory), numbered(0, 10_010))
      })
    )
  })

  test("fails the capture with a typed error if that is asked for, and what comes later is stored again", () => {
    const { disk, layer } = makeDisk()
    return onDiskOf(
      layer,
      Effect.gen(function*() {
        const store = yield* open({ onWriteError: "fail", report: () => Effect.void })
        const run = yield* store.begin()
        yield* write(store, run, "before\n")
        disk.only = ".log"
        disk.isFull = true
        disk.torn = 0.5
        const error = yield* Effect.flip(write(store, run, "lost, and so is this\n"))
        assert.strictEqual(error._tag, "LogWriteError")
        assert.strictEqual(error.reason, "failed")
        assert.strictEqual(error.unwritten, 21)
        disk.isFull = false
        yield* write(store, run, "after\n")
        assert.deepStrictEqual(yield* texts(store.query()), ["before", "after"])
        assert.strictEqual(onDisk(store.directory), "before\nafter\n")
      })
    )
  })

  test("does not keep the store from being closed: one last try, and a report of what is lost", () => {
    const { disk, layer } = makeDisk()
    return onDiskOf(
      layer,
      Effect.gen(function*() {
        const reports: Array<string> = []
        const scope = yield* Scope.make()
        const report = (error: LogStore.LogWriteError) => Effect.sync(() => reports.push(error.reason))
        const store = yield* Scope.provide(open({ report: (error) => Effect.asVoid(report(error)) }), scope)
        const run = yield* store.begin()
        yield* write(store, run, "before\n")
        disk.isFull = true
        const capture = yield* Effect.forkScoped(write(store, run, "more\n"), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* Effect.flip(Fiber.join(capture)))._tag, "LogWriteError")
        assert.strictEqual(reports.at(-1), "failed")
        assert.strictEqual((yield* Effect.flip(write(store, run, "late\n")))._tag, "LogWriteError")
      })
    )
  })

  test("an interrupted capture has stored what it had read", () =>
    live(Effect.gen(function*() {
      const store = yield* open()
      const follower = yield* following(store)
      const bytes = Stream.concat(chunks("one\ntw"), Stream.never)
      const capture = yield* Effect.forkScoped(store.capture(yield* store.begin(), "stdout", bytes))
      yield* follower.until(1)
      yield* Fiber.interrupt(capture)
      assert.deepStrictEqual(yield* texts(store.query()), ["one", "two".slice(0, 2)])
    })))

  onTmpfs("is waited for when it is really full, until there is room", () =>
    live(Effect.gen(function*() {
      const path = yield* directory
      yield* Effect.acquireRelease(Effect.sync(() => mount(path)), () => Effect.sync(() => unmount(path)))
      writeFileSync(join(path, "ballast"), new Uint8Array(150_000))
      const reported = yield* Deferred.make<LogStore.LogWriteError>()
      const store = yield* LogStore.make({
        directory: join(path, "logs"),
        report: (error) => Effect.asVoid(Deferred.succeed(reported, error))
      })
      const text = numbered(0, 15_000)
      const capture = yield* Effect.forkScoped(write(store, yield* store.begin(), text))
      assert.match((yield* Deferred.await(reported)).message, /ENOSPC/)
      rmSync(join(path, "ballast"))
      yield* Fiber.join(capture)
      assert.strictEqual(onDisk(store.directory), text)
    })))
})

describe("a store that was not closed", () => {
  test(
    "is opened whatever was cut off of its files, and every line that is in the log comes back",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.integer({ min: 0, max: 600 }),
            fc.integer({ min: 0, max: 900 }),
            fc.boolean(),
            (cutIndex, cutLog, corrupt) =>
              Effect.runPromise(live(Effect.gen(function*() {
                const path = yield* directory
                yield* Effect.scoped(Effect.gen(function*() {
                  const store = yield* LogStore.make({ directory: path })
                  const run = yield* store.begin({ pid: 1 })
                  for (let i = 0; i < 12; i++) yield* write(store, run, numbered(i * 7, i * 7 + 7), "x")
                }))
                const [index, log] = [join(path, "00000001.idx"), join(path, "00000001.log")]
                truncateSync(index, Math.max(0, statSync(index).size - cutIndex))
                truncateSync(log, Math.max(0, statSync(log).size - cutLog))
                if (corrupt && statSync(index).size > 100) {
                  const bytes = readFileSync(index)
                  bytes[70]! ^= 0xff
                  writeFileSync(index, bytes)
                }
                const left = readFileSync(log, "utf8").split("\n")
                if (left.at(-1) === "") left.pop()
                const store = yield* LogStore.make({ directory: path })
                assert.deepStrictEqual(yield* texts(store.query()), left)
                assert.deepStrictEqual(yield* texts(store.query({ reverse: true })), left.toReversed())
                const run = yield* store.begin()
                yield* write(store, run, "new\n")
                assert.deepStrictEqual(yield* texts(store.query()), [...left, "new"])
                assert.deepStrictEqual(yield* texts(store.query({ run })), ["new"])
              })))
          ),
          { numRuns: 100 }
        )
      ),
    60_000
  )

  test(
    "because its process was killed while it wrote has every line up to some line, and can be written on",
    () =>
      live(Effect.gen(function*() {
        const path = yield* directory
        const fixture = new URL("../fixtures/process/logs-writer.ts", import.meta.url).pathname
        for (let round = 1; round <= 3; round++) {
          const child = yield* Effect.acquireRelease(
            Effect.sync(() => spawn(process.execPath, [fixture, path], { stdio: ["ignore", "pipe", "inherit"] })),
            (child) => Effect.sync(() => child.kill("SIGKILL"))
          )
          yield* Effect.callback<void>((resume) => {
            let size = 0
            child.stdout.on("data", (bytes: Uint8Array) => {
              size += bytes.length
              if (size > 2_000 * round) child.kill("SIGKILL")
            })
            child.on("close", () => resume(Effect.void))
          })
        }
        const store = yield* LogStore.make({ directory: path, maxFiles: 1_000 })
        const runs = yield* store.runs
        assert.deepStrictEqual(runs.map(({ run }) => run), [1, 2, 3])
        assert.isTrue(runs.every(({ ended }) => ended?.presumed))
        for (const { run } of runs) {
          const lines = yield* texts(store.query({ run }))
          assert.isAbove(lines.length, 100)
          // A line that was being written may be there in part.
          const whole = lines.slice(0, -1)
          assert.deepStrictEqual(whole, whole.map((_, i) => `line ${i}`))
        }
      })),
    30_000
  )
})

describe("rotation", () => {
  test("keeps to the size and the count of files, and never renames one", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ maxFileSize: 1_000, maxFiles: 3 })
      const run = yield* store.begin()
      yield* write(store, run, ...Array.from({ length: 200 }, (_, i) => numbered(i * 10, i * 10 + 10)))
      const names = filesOf(store.directory)
      assert.strictEqual(names.length, 3)
      assert.strictEqual(filesOf(store.directory, ".idx").length, 3)
      for (const name of names) assert.isAtMost(statSync(join(store.directory, name)).size, 1_000)
      const lines = yield* texts(store.query())
      assert.strictEqual(lines.at(-1), "line 1999")
      assert.strictEqual(lines.join("\n") + "\n", onDisk(store.directory))
    })))

  test("does not take away what a query has still to read", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ maxFileSize: 1_000, maxFiles: 3 })
      const run = yield* store.begin()
      const more = (from: number, count: number) =>
        write(store, run, ...Array.from({ length: count }, (_, i) => numbered(from + i * 10, from + i * 10 + 10)))
      yield* more(0, 30)
      const all = yield* texts(store.query())
      const seen: Array<string> = []
      yield* Stream.runForEach(store.query(), ({ text }) => {
        seen.push(text)
        return seen.length === 1 ? more(300, 100) : Effect.void
      })
      assert.deepStrictEqual(seen, all)
      yield* more(1_300, 10)
      assert.strictEqual(filesOf(store.directory).length, 3)
    })))

  test("tells a follower that it has overtaken how much was lost", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ maxFileSize: 1_000, maxFiles: 3 })
      const run = yield* store.begin()
      yield* write(store, run, "first\n")
      const [blocked, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const done = yield* Deferred.make<void>()
      const entries: Array<LogStore.LogEntry> = []
      const reader = yield* Effect.forkScoped(
        Stream.runForEach(store.follow({ from: "start", until: Deferred.await(done) }), (entry) =>
          Effect.suspend(() => {
            entries.push(entry)
            return entries.length === 1
              ? Effect.andThen(Deferred.succeed(blocked, undefined), Deferred.await(release))
              : Effect.void
          }))
      )
      yield* Deferred.await(blocked)
      yield* write(store, run, ...Array.from({ length: 200 }, (_, i) => numbered(i * 10, i * 10 + 10)))
      yield* Deferred.succeed(release, undefined)
      yield* Deferred.succeed(done, undefined)
      yield* Fiber.join(reader)
      const lines = entries.filter((entry) => entry._tag === "Line")
      const lost = entries.filter((entry) => entry._tag === "Lost")
      assert.strictEqual(lost.length, 1)
      assert.strictEqual(lines.length + lost[0]!.lines, 2_001)
      const bytes = lines.reduce((sum, { text }) => sum + text.length + 1, 0)
      assert.strictEqual(bytes + lost[0]!.bytes, "first\n".length + numbered(0, 2_000).length)
      assert.isAbove(lost[0]!.segments, 5)
      assert.strictEqual(lines.at(-1)!.text, "line 1999")
    })))
})

describe("times", () => {
  test("a line is as old as its end, wherever its beginning is stored", () =>
    live(ticking(Effect.gen(function*() {
      const store = yield* open({ maxFileSize: 20, maxFiles: 100 })
      const run = yield* store.begin()
      yield* write(
        store,
        run,
        "first line\n",
        "a line of ",
        "many pieces ",
        "in many ",
        "files\n",
        "last ",
        "line, long enough\n"
      )
      const lines = yield* Stream.runCollect(store.query())
      const expected = ["first line", "a line of many pieces in many files", "last line, long enough"]
      assert.deepStrictEqual(textsOf(lines), expected)
      for (const [at, { time }] of lines.entries()) {
        assert.deepStrictEqual(yield* texts(store.query({ since: time })), expected.slice(at))
        assert.deepStrictEqual(yield* texts(store.query({ until: time })), expected.slice(0, at + 1))
        assert.deepStrictEqual(yield* texts(store.query({ since: time, reverse: true })), expected.slice(at).reverse())
        assert.deepStrictEqual(yield* texts(store.query({ since: time, until: time })), [expected[at]!])
      }
    }))))
})

describe("following", () => {
  test("shows what comes, as it comes, and ends with the store", () =>
    live(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(open({ maxFileSize: 30, maxFiles: 100 }), scope)
      const run = yield* store.begin({ pid: 5 })
      yield* write(store, run, "old\n")
      const follower = yield* following(store, { markers: true })
      yield* write(store, run, "one\n", "two\n")
      yield* follower.until(2)
      yield* store.end(run, { code: 0 })
      yield* follower.until(3)
      yield* write(store, yield* store.begin(), numbered(0, 20))
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(follower.fiber)
      const expected = ["one", "two", "RunEnded", "RunStarted", ...numbered(0, 20).trimEnd().split("\n")]
      assert.deepStrictEqual(follower.texts(), expected)
    })))

  test("begins with the last lines, without losing or repeating one in between", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ maxFileSize: 200, maxFiles: 1_000 })
      const run = yield* store.begin()
      const done = yield* Deferred.make<void>()
      const writer = yield* Effect.forkScoped(
        Effect.andThen(
          write(store, run, ...Array.from({ length: 300 }, (_, i) => `${i}\n`)),
          Deferred.succeed(done, undefined)
        )
      )
      const first = yield* following(store)
      yield* first.until(20)
      const seen = yield* texts(store.follow({ from: { last: 5 }, until: Deferred.await(done) }))
      yield* Fiber.join(writer)
      assert.strictEqual(seen.at(-1), "299")
      const from = Number(seen[0])
      assert.deepStrictEqual(seen, seen.map((_, i) => String(from + i)))
    })))

  test("begins at a time, and goes on with what comes", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ maxFileSize: 100, maxFiles: 1_000 })
      const run = yield* store.begin()
      yield* write(store, run, ...Array.from({ length: 40 }, (_, i) => `old ${i}\n`))
      yield* Effect.sleep(5)
      const since = yield* Clock.currentTimeMillis
      yield* write(store, run, "a\n", "b\n")
      const follower = yield* following(store, { from: "start", since })
      yield* write(store, run, "c\n")
      yield* follower.until(3)
      assert.deepStrictEqual(follower.texts(), ["a", "b", "c"])
    })))

  test("shows a prompt though its line does not end, and then only the rest of it", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ partialAfter: 20 })
      const answer = yield* Deferred.make<void>()
      const bytes = chunks("hello\nname? ").pipe(
        Stream.concat(Stream.fromEffectDrain(Deferred.await(answer))),
        Stream.concat(chunks("Bob\r\nbye\n"))
      )
      const whole = yield* following(store, { wholeLines: true })
      const matched = yield* following(store, { match: /^name\?/ })
      const late = yield* following(store, { match: /Bob/ })
      const follower = yield* following(store)
      const capture = yield* Effect.forkScoped(store.capture(yield* store.begin(), "stdout", bytes))
      yield* follower.until(2)
      yield* matched.until(1)
      assert.deepStrictEqual(follower.texts(), ["hello", "name? …"])
      assert.deepStrictEqual(yield* texts(store.query()), ["hello", "name? …"])
      assert.deepStrictEqual(yield* texts(store.tail(1)), ["name? …"])
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(capture)
      yield* follower.until(4)
      yield* matched.until(2)
      yield* whole.until(3)
      yield* late.until(1)
      assert.deepStrictEqual(follower.texts(), ["hello", "name? …", "Bob", "bye"])
      assert.deepStrictEqual(matched.texts(), ["name? …", "Bob"])
      assert.deepStrictEqual(late.texts(), ["name? Bob"])
      assert.deepStrictEqual(whole.texts(), ["hello", "name? Bob", "bye"])
      assert.deepStrictEqual(yield* texts(store.query()), ["hello", "name? Bob", "bye"])
      assert.deepStrictEqual(yield* texts(store.tail(2)), ["name? Bob", "bye"])
    })))

  test("shows each of several prompts, whatever came between them", () =>
    live(Effect.gen(function*() {
      const store = yield* open({ partialAfter: 5 })
      const answers = yield* Queue.unbounded<string>()
      const bytes = Stream.concat(chunks("name? "), Stream.flatMap(Stream.fromQueue(answers), (text) => chunks(text)))
      const follower = yield* following(store)
      yield* Effect.forkScoped(store.capture(yield* store.begin(), "stdout", bytes))
      yield* follower.until(1)
      yield* Queue.offer(answers, "Bob\nage? ")
      yield* follower.until(3)
      yield* Queue.offer(answers, "7\nsure? ")
      yield* follower.until(5)
      assert.deepStrictEqual(follower.texts(), ["name? …", "Bob", "age? …", "7", "sure? …"])
    })))

  test("many at once, each its own stream of one store, costs the writer nothing and shows each all", () =>
    live(Effect.gen(function*() {
      const store = yield* open()
      const done = yield* Deferred.make<void>()
      const follow = (match: string) => texts(store.follow({ match, until: Deferred.await(done) }))
      const readers = yield* Effect.forEach(
        ["1", "2", "3"],
        (match) => Effect.forkScoped(follow(match), { startImmediately: true })
      )
      const run = yield* store.begin()
      yield* write(store, run, ...Array.from({ length: 100 }, (_, i) => `${i}\n`))
      yield* Deferred.succeed(done, undefined)
      for (const [at, reader] of readers.entries()) {
        const numbers = Array.from({ length: 100 }, (_, i) => String(i))
        assert.deepStrictEqual(yield* Fiber.join(reader), numbers.filter((text) => text.includes(String(at + 1))))
      }
    })))
})

describe("reading costs what is asked for", () => {
  test("the last lines of a large store are read from its end, and a run without the others", () => {
    const { disk, layer } = makeDisk()
    return onDiskOf(
      layer,
      Effect.gen(function*() {
        const store = yield* open({ maxFileSize: 1024 * 1024, maxFiles: 100 })
        const first = yield* store.begin()
        yield* write(store, first, ...Array.from({ length: 80 }, (_, i) => numbered(i * 10_000, i * 10_000 + 10_000)))
        yield* write(store, yield* store.begin(), "second\n")
        const third = yield* store.begin()
        yield* write(store, third, ...Array.from({ length: 5 }, (_, i) => numbered(i * 10_000, i * 10_000 + 10_000)))
        const costOf = Effect.fnUntraced(function*(stream: Stream.Stream<unknown, LogStore.LogReadError>) {
          disk.read = 0
          yield* Stream.runDrain(stream)
          return disk.read
        })
        assert.isBelow(yield* costOf(store.tail(10)), 800_000)
        assert.isBelow(yield* costOf(store.query({ run: 2 })), 10_000)
        assert.isBelow(yield* costOf(store.query({ offset: 400_000, limit: 1 })), 800_000)
        assert.strictEqual(yield* costOf(store.query({ since: Date.now() + 1 })), 0)
        // A reader that takes one line has made it read one step, not the store.
        assert.isBelow(yield* costOf(Stream.take(store.query(), 1)), 800_000)
        assert.deepStrictEqual(yield* texts(store.query({ run: 2 })), ["second"])
        assert.deepStrictEqual(yield* texts(store.query({ offset: 400_000, limit: 1 })), ["line 400000"])
      })
    )
  })
})

describe("forwarding to the Logger", () => {
  test("logs every line with its level and annotations, and ends when asked, after what was stored", () =>
    live(Effect.gen(function*() {
      const { layer, lines } = captureLogs()
      const store = yield* open()
      const run = yield* store.begin()
      yield* write(store, run, "out\n")
      yield* store.capture(run, "stderr", chunks("err\nend"))
      yield* LogStore.forward(store, { from: "start", levels: { stderr: "Warn" }, until: Effect.void }).pipe(
        Effect.provide(layer)
      )
      assert.deepStrictEqual(lines, ["Info: out", "Warn: err", "Warn: end"])
    })))
})

describe("bad input", () => {
  test("a directory that cannot be made is a typed error, and so is one that is a file", () =>
    live(Effect.gen(function*() {
      const path = yield* directory
      writeFileSync(join(path, "file"), "")
      assert.strictEqual((yield* Effect.flip(LogStore.make({ directory: join(path, "file") })))._tag, "PlatformError")
      mkdirSync(join(path, "deep"))
      const store = yield* LogStore.make({ directory: join(path, "deep", "er") })
      assert.deepStrictEqual(yield* texts(store.query()), [])
    })))

  test("a size or count that makes no sense is refused by name", () =>
    live(Effect.gen(function*() {
      const exit = yield* Effect.exit(open({ maxFiles: 0 }))
      assert.match(String(Exit.isFailure(exit) && exit.cause.reasons[0]), /maxFiles/)
    })))
})
