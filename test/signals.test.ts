import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Control, ProcessManager, Runnable, Signals } from "effect-supervisor"
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const fixture = fileURLToPath(new URL("fixtures/signals.ts", import.meta.url))

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A process that runs the fixture. Whatever becomes of the test, it is gone in the end. */
class App {
  readonly lines: Array<string> = []
  readonly ended: Promise<Ended>
  private readonly child: ChildProcess
  private readonly waiters = new Set<() => void>()
  private buffer = ""

  constructor(children: ReadonlyArray<string>, options?: unknown) {
    this.child = spawn(process.execPath, [fixture, ...children], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: "", SIGNALS: JSON.stringify(options ?? {}) }
    })
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.buffer + text).split("\n")
      this.buffer = lines.pop()!
      this.lines.push(...lines)
      for (const waiter of this.waiters) waiter()
    })
    this.ended = new Promise((resolve) => this.child.on("close", (code, signal) => resolve({ code, signal })))
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Waits until the process has said something. */
  async says(line: string): Promise<void> {
    const said = new Promise<void>((resolve) => {
      const look = () => {
        if (!this.lines.includes(line)) return
        this.waiters.delete(look)
        resolve()
      }
      this.waiters.add(look)
      look()
    })
    await Promise.race([said, this.ended])
    if (!this.lines.includes(line)) throw new Error(`ended without "${line}": ${this.lines.join(", ")}`)
  }
}

const withApp = async (
  children: ReadonlyArray<string>,
  options: Signals.Options | undefined,
  use: (app: App) => Promise<void>
): Promise<void> => {
  const app = new App(children, options)
  try {
    await app.says("started")
    await use(app)
  } finally {
    app.kill("SIGKILL")
    await app.ended
  }
}

describe.concurrent("Signals in a process of their own", () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) {
    it(`${signal} stops the children in reverse, the manager succeeds and the process ends with 0`, () =>
      withApp(["signals", "a", "b"], undefined, async (app) => {
        app.kill(signal)
        assert.deepStrictEqual(await app.ended, { code: 0, signal: null })
        assert.deepStrictEqual(app.lines, ["+a", "+b", "started", "-b", "-a", "Success"])
      }))
  }

  for (const order of [["signals", "a", "stuck"], ["a", "stuck", "signals"], ["a", "signals", "stuck"]]) {
    it(`a second signal stops waiting for graces, with the order ${order.join(", ")}`, () =>
      withApp(order, undefined, async (app) => {
        app.kill("SIGTERM")
        await app.says("stuck is asked")
        app.kill("SIGTERM")
        assert.deepStrictEqual(await app.ended, { code: 0, signal: null })
        assert.deepStrictEqual(app.lines.slice(-4), ["stuck is asked", "-stuck", "-a", "Success"])
      }))
  }

  it("a second signal may be another one", () =>
    withApp(["signals", "stuck"], undefined, async (app) => {
      app.kill("SIGINT")
      await app.says("stuck is asked")
      app.kill("SIGTERM")
      assert.deepStrictEqual(await app.ended, { code: 0, signal: null })
    }))

  it("a second signal reaches graces further down in the tree", () =>
    withApp(["signals", "group"], undefined, async (app) => {
      app.kill("SIGTERM")
      await app.says("inner is asked")
      app.kill("SIGTERM")
      assert.deepStrictEqual(await app.ended, { code: 0, signal: null })
      assert.deepStrictEqual(app.lines.slice(-2), ["-inner", "Success"])
    }))

  it("in a nested manager it stops that one alone", () =>
    withApp(["a", "group"], undefined, async (app) => {
      app.kill("SIGTERM")
      await app.says("inner is asked")
      app.kill("SIGTERM")
      await app.says("-inner")
      assert.notInclude(app.lines, "-a")
    }))

  it("SIGHUP reloads and stops nothing, however often", () =>
    withApp(["signals", "a", "b"], undefined, async (app) => {
      app.kill("SIGHUP")
      await app.says("reload b")
      assert.include(app.lines, "reload a")
      app.kill("SIGTERM")
      assert.deepStrictEqual(await app.ended, { code: 0, signal: null })
      assert.deepStrictEqual(app.lines, ["+a", "+b", "started", "reload a", "reload b", "-b", "-a", "Success"])
    }))

  it("a reload before does not make the first request to stop the second one", () =>
    withApp(["signals", "stuck"], undefined, async (app) => {
      app.kill("SIGHUP")
      await app.says("reload stuck")
      app.kill("SIGTERM")
      await app.says("stuck is asked")
      await new Promise((resolve) => setTimeout(resolve, 100))
      assert.notInclude(app.lines, "-stuck")
    }))

  it("which signal does what is an option", () =>
    withApp(
      ["signals", "a"],
      { actions: { SIGTERM: "ignore", SIGUSR2: "reload", SIGHUP: "shutdown" } },
      async (app) => {
        app.kill("SIGTERM")
        app.kill("SIGUSR2")
        await app.says("reload a")
        assert.notInclude(app.lines, "-a")
        app.kill("SIGHUP")
        assert.deepStrictEqual(await app.ended, { code: 0, signal: null })
      }
    ))

  it("without it a signal ends the process at once, as ever", () =>
    withApp(["a"], undefined, async (app) => {
      app.kill("SIGTERM")
      assert.deepStrictEqual(await app.ended, { code: null, signal: "SIGTERM" })
      assert.notInclude(app.lines, "-a")
    }))
})

const signals: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR2"]
const listeners = () => signals.map((signal) => process.listenerCount(signal))

/** The runner of these tests has listeners of its own: only those that came since are told. */
const tell = (before: ReadonlyMap<NodeJS.Signals, ReadonlyArray<Function>>, signal: NodeJS.Signals) =>
  Effect.sync(() => {
    for (const listener of process.listeners(signal)) {
      if (!before.get(signal)!.includes(listener)) (listener as () => void)()
    }
  })

const present = () => new Map(signals.map((signal) => [signal, process.listeners(signal) as Array<Function>]))

describe("Signals in this process", () => {
  it.effect("it listens while it runs, and its listeners are gone when it is stopped", () =>
    Effect.gen(function*() {
      const before = listeners()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Signals.runnable(), Runnable.idle()]))
      assert.deepStrictEqual(listeners(), before.map((count, index) => index < 4 ? count + 1 : count))
      yield* handle.stop("signals")
      assert.deepStrictEqual(listeners(), before)
      yield* handle.start("signals")
      yield* handle.restart("signals")
      assert.deepStrictEqual(listeners(), before.map((count, index) => index < 4 ? count + 1 : count))
    }))

  const ways: Record<string, () => Effect.Effect<unknown, unknown>> = {
    "ended well": () =>
      ProcessManager.make("app", [
        Signals.runnable(),
        Runnable.make("last", Effect.yieldNow, { significant: true })
      ], { autoShutdown: "any-significant" }),
    "failed": () => ProcessManager.make("app", [Signals.runnable(), Runnable.make("failing", Effect.fail("boom"))]),
    "been shut down": () =>
      Effect.scoped(Effect.flatMap(
        ProcessManager.start(ProcessManager.make("app", [Signals.runnable(), Runnable.idle()])),
        (handle) => handle.shutdown
      )),
    "been interrupted": () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(ProcessManager.make("app", [Runnable.idle(), Signals.runnable()]))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      })
  }
  for (const [way, run] of Object.entries(ways)) {
    it.effect(`its listeners are gone when its manager has ${way}`, () =>
      Effect.gen(function*() {
        const before = listeners()
        yield* Effect.exit(run())
        assert.deepStrictEqual(listeners(), before)
      }))
  }

  it.effect("they stay until the whole manager has ended, so that a second signal finds them", () =>
    Effect.gen(function*() {
      const before = present()
      const counts = listeners()
      const drain = Effect.andThen(Control.shutdown, Effect.never)
      const manager = ProcessManager.make("app", [
        Runnable.make("stuck", drain, { grace: "1 hour" }),
        Signals.runnable()
      ])
      const handle = yield* ProcessManager.start(manager)
      yield* tell(before, "SIGTERM")
      yield* Effect.yieldNow
      assert.strictEqual((yield* handle.child("stuck")).state._tag, "Stopping")
      assert.strictEqual((yield* handle.child("signals")).state._tag, "Stopped")
      assert.strictEqual(process.listenerCount("SIGTERM"), counts[1]! + 1)
      yield* tell(before, "SIGINT")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
      yield* Effect.yieldNow
      assert.deepStrictEqual(listeners(), counts)
    }))

  it.effect("a signal after a shutdown that somebody else asked for is the first one", () =>
    Effect.gen(function*() {
      const before = present()
      const drained = yield* Deferred.make<void>()
      const manager = ProcessManager.make("app", [
        Signals.runnable(),
        Runnable.make("draining", Effect.andThen(Control.shutdown, Deferred.await(drained)), { grace: "1 hour" })
      ])
      const handle = yield* ProcessManager.start(manager)
      yield* Effect.forkChild(handle.shutdown)
      yield* Effect.yieldNow
      yield* tell(before, "SIGTERM")
      yield* Effect.yieldNow
      assert.strictEqual((yield* handle.child("draining")).state._tag, "Stopping")
      yield* Deferred.succeed(drained, undefined)
      yield* handle.await
    }))

  it.effect("its name and its signals are options; what is not named keeps its default", () =>
    Effect.gen(function*() {
      const before = listeners()
      const runnable = Signals.runnable({ name: "os", actions: { SIGUSR2: "reload", SIGQUIT: undefined } })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [runnable]))
      assert.strictEqual((yield* handle.child("os")).state._tag, "Running")
      const more = listeners().map((count, index) => count - before[index]!)
      assert.deepStrictEqual([more[0], more[1], more[3], more[4]], [1, 1, 1, 1])
      yield* handle.stop("os")
      assert.deepStrictEqual(listeners(), before)
    }))
})
