/** The full-screen view in a real terminal, on a real application of processes and fibers. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { constants } from "node:os"
import { temporarySocket } from "../../control/support.ts"
import { application, open, withoutTerminal } from "./terminal.ts"

const { SIGTERM, SIGUSR2 } = constants.signals

/** One application that all of these look at, none of which needs it as another has left it. */
class App extends Context.Service<App, { readonly socket: string }>()("test/top/App") {
  static readonly layer = Layer.effect(
    App,
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      yield* application(socket)
      return { socket }
    })
  )
}

const restored = { isAsBefore: true }

layer(App.layer, { excludeTestServices: true, timeout: "30 seconds" })("in a real terminal", (it) => {
  it.effect("the tree is seen, keys move in it, and q gives the terminal back", () =>
    Effect.gen(function*() {
      const { socket } = yield* App
      const top = yield* open(socket)
      const screen = yield* top.see(/worker-1 .*● running .*job +\d+/)
      assert.include(screen, "shop  pid ")
      assert.match(screen, /flaky +↻ backoff \d+s/)
      assert.isTrue(top.emulator.isAlternate)
      assert.isFalse(top.emulator.hasCursor)
      for (const line of top.emulator.lines) assert.strictEqual(Array.from(line).length, 80)
      yield* top.press("/worker-1\r")
      yield* top.see("log of web/worker-1")
      yield* top.see(/\d\d:\d\d:\d\d {2}request \d+ from/)
      yield* top.press("q")
      assert.deepStrictEqual(yield* top.end, { code: 0, ...restored })
      assert.deepStrictEqual([top.emulator.isAlternate, top.emulator.hasCursor, top.emulator.wraps], [
        false,
        true,
        true
      ])
    }).pipe(Effect.scoped))

  it.effect("a process is stopped when y is pressed, with its progress and its outcome; then it is started again", () =>
    Effect.gen(function*() {
      const { socket } = yield* App
      const top = yield* open(socket)
      yield* top.see("stubborn")
      yield* top.press("/stubborn\r")
      const log = yield* top.see("oops")
      assert.match(log, /red {5}日本語 👩👩👧 done/)
      yield* top.press("xn")
      yield* top.press("x")
      yield* top.see("Stop stubborn?  y yes  n no")
      yield* top.press("y")
      yield* top.see(/stop stubborn: stopping/)
      yield* top.see(/stop stubborn: ✓ done, it had to be killed, in 1\.\d s/)
      yield* top.see(/○ stopped.*SIGKILL/)
      yield* top.press("s")
      yield* top.see(/start stubborn: ✓ done in/)
      yield* top.see(/● running +job +\d+/)
      yield* top.press("q")
      yield* top.end
    }).pipe(Effect.scoped))

  it.effect("another size is drawn in at once, and one that is too small is said to be", () =>
    Effect.gen(function*() {
      const { socket } = yield* App
      const top = yield* open(socket, { env: { NO_COLOR: "1" } })
      yield* top.see("worker-1")
      yield* top.resize(120, 40)
      yield* top.until(() =>
        top.emulator.lines.length === 40 && top.emulator.lines.every((line) => line.length === 120)
      )
      yield* top.resize(30, 5)
      yield* top.see("30x5")
      yield* top.resize(40, 10)
      yield* top.until(() => top.emulator.lines.length === 10 && top.emulator.lines.every((line) => line.length === 40))
      assert.strictEqual(top.emulator.colours, 0)
      yield* top.press("q")
      yield* top.end
    }).pipe(Effect.scoped))

  it.effect("a signal or a crash gives the terminal back, and what a crash says is read", () =>
    Effect.gen(function*() {
      const { socket } = yield* App
      for (const signal of [SIGTERM, SIGUSR2]) {
        const top = yield* open(socket)
        yield* top.see("worker-1")
        assert.isAbove(top.emulator.colours, 0)
        yield* top.signal(signal)
        const { isAsBefore } = yield* top.end
        assert.isTrue(isAsBefore)
        assert.deepStrictEqual([top.emulator.isAlternate, top.emulator.hasCursor, top.emulator.wraps], [
          false,
          true,
          true
        ])
        if (signal === SIGUSR2) assert.include(top.emulator.plain, "a defect of its own")
      }
    }).pipe(Effect.scoped))

  it.effect("nothing is written while nothing changes", () =>
    Effect.gen(function*() {
      const { socket } = yield* App
      const top = yield* open(socket)
      yield* top.see(/worker-1 .*job/)
      const before = top.emulator.written
      // Time is what this is about: how much is written in some of it.
      yield* Effect.sleep("2 seconds")
      // The clock, times and figures of some lines, not screens of 24 lines twenty times a second.
      assert.isBelow(top.emulator.written - before, 8 * 24 * 80)
      yield* top.press("q")
      yield* top.end
    }).pipe(Effect.scoped))
})

describe("a connection that is lost", () => {
  it.live("when the application ends that is shown, and when it is back so is the tree", () =>
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      const first = yield* application(socket)
      const top = yield* open(socket)
      yield* top.see("worker-1")
      const pid = /pid \d+/.exec(top.emulator.screen)![0]
      yield* first.stop
      yield* top.see("connection lost, again in")
      yield* application(socket)
      yield* top.until((screen) =>
        !screen.includes("lost") && /worker-1 .*● running/.test(screen) && !screen.includes(pid)
      )
      yield* top.press("/worker-2\r")
      yield* top.see(/request \d+ from/)
      yield* top.press("\x03")
      assert.deepStrictEqual(yield* top.end, { code: 0, ...restored })
    }).pipe(Effect.scoped), 60_000)
})

describe("where it cannot be drawn", () => {
  it.live("it is refused with what to use instead", () =>
    Effect.gen(function*() {
      const piped = yield* withoutTerminal("/nowhere.sock")
      assert.strictEqual(piped.code, 1)
      assert.match(piped.output, /^top needs a terminal.*esv ps/)
      const dumb = yield* open("/nowhere.sock", { env: { TERM: "dumb" } })
      assert.strictEqual((yield* dumb.end).code, 1)
      assert.match(dumb.emulator.plain, /TERM is "dumb".*esv ps/)
    }).pipe(Effect.scoped))

  it.live("nobody answers: that is said before the screen is taken", () =>
    Effect.gen(function*() {
      const top = yield* open("/nowhere.sock")
      assert.deepStrictEqual(yield* top.end, { code: 1, ...restored })
      assert.match(top.emulator.plain, /No supervisor answers at \/nowhere\.sock/)
    }).pipe(Effect.scoped))
})
