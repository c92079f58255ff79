import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Result, Schedule, Stream } from "effect"
import { Control, ProcessManager, Runnable, Supervisor, SupervisorError } from "effect-supervisor"
import { elapse, makeTrace, outcomeOf, settle, spy, stateOf } from "./support.ts"

const render = (tick: Control.Tick<unknown>): string =>
  tick._tag === "Next"
    ? `next ${tick.value}`
    : tick._tag === "Custom"
    ? `custom ${tick.message}`
    : tick._tag.toLowerCase()

/** Starts the children in a manager that stays, and gives its handle. */
const started = <const Children extends ReadonlyArray<Runnable.Any>>(...children: Children) =>
  ProcessManager.start(ProcessManager.make("app", children, { keepAlive: true }))

const failureOf = (result: Result.Result<unknown, unknown>): unknown =>
  Result.isFailure(result) ? result.failure : undefined

/** Notes every message. */
const reader = (note: (entry: string) => Effect.Effect<void>, name = "") =>
  Stream.runForEach(Control.messages, (message) => note(`${name}${message}`))

/** A loop of ticks that notes each one and ends with a stop. */
const loop = (note: (entry: string) => Effect.Effect<void>, work: Effect.Effect<unknown> = Effect.never) =>
  Effect.gen(function*() {
    while (true) {
      const tick = yield* Control.tick(work)
      yield* note(render(tick))
      if (tick._tag === "Shutdown") return
    }
  })

/** A child with one handler for reloads. */
const reloader = (name: string, handler: Effect.Effect<unknown, unknown>, options?: Runnable.Options) =>
  Runnable.make(name, Effect.andThen(Control.onReload(handler), Effect.never), options)

describe("Control unsupervised: the same Effect runs in a plain test", () => {
  it.effect("ready and heartbeat do nothing", () => Effect.andThen(Control.ready, Control.heartbeat))

  it.effect("nobody asks for a stop or a reload, and no message comes", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const listener = Effect.all([
        Effect.andThen(Control.shutdown, note("shutdown")),
        Stream.runForEach(Control.reloads, () => note("reload")),
        Stream.runForEach(Control.messages, () => note("message")),
        Control.onReload(note("handler"))
      ], { concurrency: "unbounded" })
      const fiber = yield* Effect.forkChild(Effect.scoped(listener))
      yield* elapse("1 day")
      assert.strictEqual(stateOf(fiber), "running")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, [])
    }))

  it.effect("tick is its work: its value, its failure, its end", () =>
    Effect.gen(function*() {
      assert.strictEqual(render(yield* Control.tick(Effect.succeed(1))), "next 1")
      assert.strictEqual(yield* Effect.flip(Control.tick(Effect.fail("boom"))), "boom")
      assert.strictEqual(outcomeOf(yield* Effect.exit(Control.tick(Effect.die("bug")))), "failed: Die bug")
      const slow = yield* Effect.forkChild(Control.tick(Effect.delay(Effect.succeed(2), "1 second")))
      yield* elapse("1 second")
      assert.strictEqual(render(yield* Fiber.join(slow)), "next 2")
    }))

  it.effect("a Runnable alone is one incarnation: its scope is closed, its failure is its own, nothing restarts it", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const worker = child("a", Effect.andThen(Control.ready, Effect.fail("boom")), {
        restart: Schedule.forever,
        ready: "signal"
      })
      assert.strictEqual(yield* Effect.flip(worker), "boom")
      assert.deepStrictEqual(log, ["+a", "-a"])
    }))

  it.effect("two that run unsupervised do not hear each other, nor a supervised one beside them", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const listen = (name: string) => Stream.runForEach(Control.messages, (message) => note(`${name} ${message}`))
      yield* Effect.forkScoped(listen("alone"))
      yield* Effect.forkScoped(listen("alone too"))
      const handle = yield* started(Runnable.make("a", listen("a")))
      yield* handle.send("a", 1)
      yield* settle
      assert.deepStrictEqual(log, ["a 1"])
    }))
})

describe("Control.shutdown", () => {
  it.effect("any number may wait for it, and whoever asks afterwards hears it at once", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const hears = (name: string) => Effect.andThen(Control.shutdown, note(name))
      const child = Runnable.make(
        "a",
        Effect.all([hears("one"), hears("two"), hears("three")], { concurrency: 3 }).pipe(
          Effect.andThen(hears("late")),
          Effect.andThen(Effect.flatMap(Control.tick(Effect.never), (tick) => note(render(tick))))
        )
      )
      const handle = yield* started(child)
      yield* settle
      assert.deepStrictEqual(log, [])
      yield* handle.stop("a")
      assert.deepStrictEqual(log, ["one", "two", "three", "late", "shutdown"])
    }))

  it.effect("it is asked for a stop, a removal, a restart, a hold and a shutdown alike", () =>
    Effect.gen(function*() {
      for (const operation of ["stop", "remove", "restart", "hold", "shutdown"] as const) {
        const { log, polite } = makeTrace()
        const handle = yield* started(polite("a", 0))
        yield* operation === "shutdown" ? handle.shutdown : handle[operation]("a")
        assert.deepStrictEqual(log.slice(0, 3), ["+a", "?a", "-a"], operation)
      }
    }))

  it.effect("the next incarnation was not asked", () =>
    Effect.gen(function*() {
      const { log, polite } = makeTrace()
      const handle = yield* started(polite("a", 0))
      yield* handle.restart("a")
      yield* settle
      assert.deepStrictEqual(log, ["+a", "?a", "-a", "+a"])
      assert.strictEqual((yield* handle.child("a")).state._tag, "Running")
    }))

  it.effect("a manager's children are asked, not the manager's own Effect: in their order", () =>
    Effect.gen(function*() {
      const { polite, take } = makeTrace({ timed: true })
      const handle = yield* started(ProcessManager.make("sub", [polite("a", 1000), polite("b", 1000)]))
      take()
      yield* Effect.forkChild(handle.stop("sub"))
      yield* elapse("5 seconds")
      assert.deepStrictEqual(take(), ["?b@0", "-b@1000", "?a@1000", "-a@2000"])
    }))
})

describe("Control.messages", () => {
  it.effect("they come in order, also to who listens late", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const handle = yield* started(
        Runnable.make("a", Effect.andThen(Effect.sleep("1 second"), reader(note)))
      )
      for (const message of [1, 2, 3]) yield* handle.send("a", message)
      yield* elapse("999 millis")
      assert.deepStrictEqual(log, [])
      yield* elapse("1 millis")
      yield* handle.send("a", 4)
      yield* settle
      assert.deepStrictEqual(log, ["1", "2", "3", "4"])
    }))

  it.effect("a message may be anything", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const handle = yield* started(
        Runnable.make("a", Stream.runForEach(Control.messages, (message) => Effect.sync(() => seen.push(message))))
      )
      const messages = [undefined, null, 0, "", false, { deep: [1] }, new Error("x"), () => 1]
      for (const message of messages) yield* handle.send("a", message)
      yield* settle
      assert.deepStrictEqual(seen, messages)
    }))

  it.effect("each goes to one reader", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const handle = yield* started(
        Runnable.make("a", Effect.all([reader(note), reader(note)], { concurrency: 2 }))
      )
      for (const message of [1, 2, 3, 4]) yield* handle.send("a", message)
      yield* settle
      assert.sameMembers(log, ["1", "2", "3", "4"])
    }))

  it.effect("a reader that stops leaves the rest for the next one", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const first = Stream.runForEach(Stream.take(Control.messages, 1), (message) => note(`first ${message}`))
      const handle = yield* started(Runnable.make("a", Effect.andThen(first, reader(note, "second "))))
      for (const message of [1, 2, 3]) yield* handle.send("a", message)
      yield* settle
      assert.deepStrictEqual(log, ["first 1", "second 2", "second 3"])
    }))

  it.effect("a reader that is interrupted takes none with it", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const handle = yield* started(
        Runnable.make(
          "a",
          Effect.andThen(Effect.timeoutOption(reader(note, "first "), "1 second"), reader(note, "second "))
        )
      )
      yield* elapse("1 second")
      for (const message of [1, 2]) yield* handle.send("a", message)
      yield* settle
      assert.deepStrictEqual(log, ["second 1", "second 2"])
    }))

  it.effect("not more than 256 wait: the next one is refused, and taken when there is room again", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const gate = Deferred.makeUnsafe<void>()
      const handle = yield* started(Runnable.make("a", Effect.andThen(Deferred.await(gate), reader(note))))
      for (let message = 0; message < 256; message++) yield* handle.send("a", message)
      const error = failureOf(yield* Effect.result(handle.send("a", 256)))
      assert.instanceOf(error, SupervisorError.MessagesFull)
      const { capacity, path } = error as SupervisorError.MessagesFull
      assert.deepStrictEqual([capacity, path], [256, "a"])
      assert.deepStrictEqual(log, [])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      yield* handle.send("a", "after")
      yield* settle
      assert.deepStrictEqual(log, [...Array.from({ length: 256 }, (_, index) => `${index}`), "after"])
    }))

  it.effect("they end with the incarnation: the next one starts with an empty box", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      let runs = 0
      const child = Runnable.make("a", Effect.suspend(() => ++runs === 1 ? Effect.never : reader(note)))
      const handle = yield* started(child)
      for (let message = 0; message < 256; message++) yield* handle.send("a", `old ${message}`)
      yield* handle.restart("a")
      yield* handle.send("a", "new")
      yield* settle
      assert.deepStrictEqual(log, ["new"])
    }))

  it.effect("a child without an incarnation that could hear is named in the error, with its state", () =>
    Effect.gen(function*() {
      const { runnable, supervisor } = spy()
      const { child, polite } = makeTrace()
      const handle = yield* started(
        polite("stopping", 1000),
        child("stopped"),
        child("held"),
        child("backoff", Effect.delay(Effect.fail("boom"), "1 millis"), { restart: Schedule.spaced("1 hour") }),
        ProcessManager.make("sub", [runnable, child("deep")])
      )
      yield* handle.stop("stopped")
      yield* handle.hold("held")
      yield* Effect.forkChild(handle.stop("stopping"))
      yield* elapse("1 millis")
      for (
        const [name, state] of [["stopping", "Stopping"], ["stopped", "Stopped"], ["held", "Held"], [
          "backoff",
          "Backoff"
        ]] as const
      ) {
        const error = failureOf(yield* Effect.result(handle.send(name, 1)))
        assert.instanceOf(error, SupervisorError.ChildNotRunning)
        assert.strictEqual((error as SupervisorError.ChildNotRunning).state, state)
      }
      const deep = yield* supervisor
      yield* deep.stop("deep")
      assert.include(failureOf(yield* Effect.result(deep.send("deep", 1))), { path: "sub/deep" })
      assert.instanceOf(failureOf(yield* Effect.result(handle.send("none", 1))), SupervisorError.ChildNotFound)
      yield* elapse("1 second")
    }))
})

describe("Control.tick", () => {
  it.effect("is one turn: work, a reload, a message or a stop", () =>
    Effect.gen(function*() {
      const { note, take } = makeTrace()
      const work = yield* Queue.unbounded<number>()
      const handle = yield* started(Runnable.make("a", loop(note, Queue.take(work))))
      yield* Queue.offer(work, 1)
      yield* settle
      yield* handle.send("a", "hello")
      yield* handle.reload
      yield* Queue.offer(work, 2)
      yield* settle
      assert.deepStrictEqual(take(), ["next 1", "custom hello", "reload", "next 2"])
      yield* handle.stop("a")
      assert.deepStrictEqual(take(), ["shutdown"])
      assert.strictEqual((yield* handle.child("a")).state._tag, "Stopped")
    }))

  it.effect("a stop goes before a reload, and that before a message; what was said before the turn goes before work", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const gate = Deferred.makeUnsafe<void>()
      let works = 0
      const work = Effect.sync(() => ++works)
      const handle = yield* started(Runnable.make(
        "a",
        // The first tick makes it a listener; the gate holds it up while everything is said at once.
        Control.tick(work).pipe(
          Effect.andThen(Deferred.await(gate)),
          Effect.andThen(
            Effect.forEach(
              Array.from({ length: 6 }),
              () => Effect.flatMap(Control.tick(work), (tick) => note(render(tick)))
            )
          )
        )
      ))
      yield* handle.send("a", 1)
      yield* handle.send("a", 2)
      yield* Effect.forkChild(handle.reload)
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(log, ["reload", "custom 1", "custom 2", "next 2", "next 3", "next 4"])
      assert.strictEqual(works, 4)
    }))

  it.effect("after a stop was asked every further tick says so, whatever else was said", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const gate = Deferred.makeUnsafe<void>()
      let worked = false
      const handle = yield* started(Runnable.make(
        "a",
        Control.tick(Effect.void).pipe(
          Effect.andThen(Deferred.await(gate)),
          Effect.andThen(Effect.forEach([1, 2, 3], () =>
            Effect.flatMap(
              Control.tick(Effect.sync(() => worked = true)),
              (tick) => note(render(tick))
            )))
        )
      ))
      yield* handle.send("a", 1)
      yield* Effect.forkChild(handle.reload)
      yield* settle
      yield* Effect.forkChild(handle.stop("a"))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(log, ["shutdown", "shutdown", "shutdown"])
      assert.isFalse(worked)
      assert.strictEqual((yield* handle.child("a")).state._tag, "Stopped")
    }))

  it.effect("a losing effect is interrupted, and its finalizers have run before the turn is over", () =>
    Effect.gen(function*() {
      const { child, note, take } = makeTrace()
      const work = Effect.ensuring(Effect.never, Effect.andThen(Effect.yieldNow, note("cleaned")))
      const handle = yield* started(child("a", loop(note, work)))
      yield* handle.send("a", 1)
      yield* settle
      assert.deepStrictEqual(take(), ["+a", "cleaned", "custom 1"])
      yield* handle.reload
      yield* settle
      assert.deepStrictEqual(take(), ["cleaned", "reload"])
      yield* handle.stop("a")
      assert.deepStrictEqual(take(), ["cleaned", "shutdown", "-a"])
    }))

  it.effect("the work's failure is the turn's", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        Runnable.make("a", Control.tick(Effect.delay(Effect.fail("boom"), "1 second")))
      ]))
      yield* elapse("1 second")
      assert.strictEqual(outcomeOf(yield* Effect.exit(handle.await)), "failed: Fail boom @a")
    }))

  it.effect("what is said between two turns, before the first, or as the work ends is not lost", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const gate = Deferred.makeUnsafe<void>()
      const work = yield* Queue.unbounded<string>()
      const handle = yield* started(
        Runnable.make("a", Effect.andThen(Deferred.await(gate), loop(note, Queue.take(work))))
      )
      yield* handle.send("a", "early")
      yield* Deferred.succeed(gate, undefined)
      // In one turn each: the work ends and something is said, in both orders.
      yield* Effect.andThen(Queue.offer(work, "w1"), handle.send("a", "m1"))
      yield* Effect.andThen(handle.send("a", "m2"), Queue.offer(work, "w2"))
      yield* settle
      assert.sameMembers(log, ["custom early", "next w1", "custom m1", "custom m2", "next w2"])
    }))

  it.effect("a loop whose work never waits still hears everything", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const busy = Effect.gen(function*() {
        while (true) {
          const tick = yield* Control.tick(Effect.void)
          if (tick._tag === "Next") yield* Effect.yieldNow
          else yield* note(render(tick))
          if (tick._tag === "Shutdown") return
        }
      })
      const handle = yield* started(Runnable.make("a", busy))
      yield* handle.send("a", 1)
      yield* settle
      yield* handle.reload
      yield* handle.stop("a")
      assert.deepStrictEqual(log, ["custom 1", "reload", "shutdown"])
    }))

  it.effect("it counts as listening: the grace is there for the rest of the turn", () =>
    Effect.gen(function*() {
      const { child, log, note } = makeTrace({ timed: true })
      const handle = yield* started(child("a", Effect.andThen(loop(note), Effect.sleep("1 second"))))
      yield* Effect.forkChild(handle.stop("a"))
      yield* elapse("5 seconds")
      assert.deepStrictEqual(log, ["+a@0", "shutdown@0", "-a@1000"])
    }))

  it.effect("the loop of the next incarnation hears nothing of what the last one left", () =>
    Effect.gen(function*() {
      const { child, take, note } = makeTrace()
      const handle = yield* started(
        child("a", Effect.andThen(Control.tick(Effect.void), Effect.andThen(Effect.sleep("1 second"), loop(note))))
      )
      yield* handle.send("a", 1)
      yield* Effect.forkChild(handle.reload)
      yield* settle
      yield* Effect.forkChild(handle.restart("a"))
      yield* elapse("6 seconds")
      const seen = take()
      assert.deepStrictEqual(seen, ["+a", "shutdown", "-a", "+a"])
      yield* elapse("5 seconds")
      assert.deepStrictEqual(take(), [])
    }))
})

describe("C2 reload reaches the whole subtree and resolves when every handler has run", () => {
  it.effect("the report tells of every child that is up: handled, ignored, failed or timed out", () =>
    Effect.gen(function*() {
      const { child, log, note } = makeTrace({ timed: true })
      const handle = yield* started(
        reloader("ok", note("ok")),
        child("deaf"),
        Runnable.make("option", Effect.never, { onReload: note("option") }),
        Runnable.make("stream", Stream.runForEach(Control.reloads, () => note("stream"))),
        Runnable.make("ticks", Effect.andThen(Control.tick(Effect.never), Control.tick(Effect.never))),
        ProcessManager.make("sub", [
          reloader("fails", Effect.fail("boom")),
          reloader("dies", Effect.die("bug")),
          ProcessManager.make("deep", [
            reloader("slow", Effect.andThen(Effect.sleep("1 second"), note("slow"))),
            reloader("hangs", Effect.never, { reloadTimeout: "5 seconds" }),
            reloader("stuck", Effect.uninterruptible(Effect.never), { reloadTimeout: "2 seconds" }),
            child("deaf")
          ], { onReload: note("manager") })
        ]),
        child("stopped"),
        child("backoff", Effect.delay(Effect.fail("boom"), "1 millis"), { restart: Schedule.spaced("1 hour") })
      )
      yield* handle.stop("stopped")
      yield* elapse("1 second")
      const reload = yield* Effect.forkChild(Effect.tap(handle.reload, () => note("reported")))
      yield* elapse("1 minute")
      const { failed, handled, ignored, timedOut } = yield* Fiber.join(reload)
      assert.sameMembers([...handled], ["ok", "option", "stream", "ticks", "sub/deep", "sub/deep/slow"])
      assert.sameMembers([...ignored], ["deaf", "sub/deep/deaf"])
      assert.sameDeepMembers(failed.map(({ cause, path }) => [path, cause.kind, cause.message]), [
        ["sub/fails", "Fail", "boom"],
        ["sub/dies", "Die", "bug"]
      ])
      assert.sameMembers([...timedOut], ["sub/deep/hangs", "sub/deep/stuck"])
      // All at once: the slowest of them decides.
      assert.sameMembers(log.filter((entry) => !/[+-]/.test(entry)), [
        "ok@1000",
        "option@1000",
        "stream@1000",
        "manager@1000",
        "slow@2000",
        "reported@6000"
      ])
    }))

  it.effect("a child that fails to reload goes on as it was", () =>
    Effect.gen(function*() {
      const handle = yield* started(reloader("a", Effect.die("bug")))
      yield* handle.reload
      const { incarnation, state } = yield* handle.child("a")
      assert.deepStrictEqual([incarnation, state._tag], [1, "Running"])
    }))

  it.effect("all handlers of a child run; one that fails keeps no other from running, and the report waits for all", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace({ timed: true })
      const child = Runnable.make(
        "a",
        Control.onReload(Effect.fail("boom")).pipe(
          Effect.andThen(Control.onReload(Effect.andThen(Effect.sleep("1 second"), note("second")))),
          Effect.andThen(Control.onReload(note("third"))),
          Effect.andThen(Effect.never)
        ),
        { onReload: Effect.andThen(Effect.sleep("2 seconds"), note("option")) }
      )
      const handle = yield* started(child)
      const reload = yield* Effect.forkChild(handle.reload)
      yield* elapse("10 seconds")
      assert.deepStrictEqual(log, ["third@0", "second@1000", "option@2000"])
      assert.deepStrictEqual((yield* Fiber.join(reload)).failed.map(({ path }) => path), ["a"])
    }))

  it.effect("the same when it is the option's handler that fails", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const child = Runnable.make(
        "a",
        Effect.andThen(Control.onReload(Effect.andThen(Effect.sleep("1 second"), note("own"))), Effect.never),
        { onReload: Effect.fail("boom") }
      )
      const handle = yield* started(child)
      const reload = yield* Effect.forkChild(handle.reload)
      yield* elapse("10 seconds")
      assert.deepStrictEqual((yield* Fiber.join(reload)).failed.map(({ path }) => path), ["a"])
      assert.deepStrictEqual(log, ["own"])
    }))

  it.effect("a handler lasts as long as its scope", () =>
    Effect.gen(function*() {
      const { note, take } = makeTrace()
      const gate = Deferred.makeUnsafe<void>()
      const handle = yield* started(Runnable.make(
        "a",
        Effect.andThen(
          Effect.scoped(Effect.andThen(Control.onReload(note("reload")), Deferred.await(gate))),
          Effect.never
        )
      ))
      assert.deepStrictEqual((yield* handle.reload).handled, ["a"])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual((yield* handle.reload).ignored, ["a"])
      assert.deepStrictEqual(take(), ["reload"])
    }))

  it.effect("a handler runs with the services and the Control of its child", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const names = Effect.flatMap(Supervisor, ({ name }) => note(name))
      yield* Effect.flatMap(
        started(ProcessManager.make("sub", [
          Runnable.make("a", Effect.andThen(Control.onReload(names), Effect.never), { onReload: names })
        ])),
        (handle) => handle.reload
      )
      assert.deepStrictEqual(log, ["sub", "sub"])
    }))

  it.effect("every reader of reloads takes every one, at its own pace, and the report waits for the slowest", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace({ timed: true })
      const reader = (name: string, millis: number) =>
        Stream.runForEach(Control.reloads, () => Effect.andThen(note(name), Effect.sleep(millis)))
      const handle = yield* started(
        Runnable.make("a", Effect.all([reader("fast", 0), reader("slow", 1000)], { concurrency: 2 }))
      )
      const first = yield* Effect.forkChild(Effect.tap(handle.reload, () => note("first")))
      yield* settle
      const second = yield* Effect.forkChild(Effect.tap(handle.reload, () => note("second")))
      yield* elapse("10 seconds")
      assert.sameMembers(log, ["fast@0", "slow@0", "first@0", "fast@0", "slow@1000", "second@1000"])
      assert.deepStrictEqual((yield* Fiber.join(first)).handled, ["a"])
      assert.deepStrictEqual((yield* Fiber.join(second)).handled, ["a"])
    }))

  it.effect("a child that is gone before its handlers have run has not handled it, and holds nobody up", () =>
    Effect.gen(function*() {
      for (const how of ["handler", "option", "stream", "tick"] as const) {
        const child = {
          handler: reloader("a", Effect.never),
          option: Runnable.make("a", Effect.never, { onReload: Effect.never }),
          stream: Runnable.make("a", Stream.runForEach(Control.reloads, () => Effect.never)),
          tick: Runnable.make("a", Effect.andThen(Control.tick(Effect.void), Effect.never), { grace: 0 })
        }[how]
        const handle = yield* started(child, reloader("b", Effect.void))
        // A stream acknowledges what it takes: only the second one waits.
        if (how === "stream") yield* handle.reload
        const reload = yield* Effect.forkChild(handle.reload)
        yield* settle
        assert.strictEqual(stateOf(reload), "running", how)
        yield* handle.stop("a")
        yield* settle
        assert.strictEqual(stateOf(reload), "done", how)
        assert.deepStrictEqual((yield* Fiber.join(reload)).handled, ["b"], how)
      }
    }))

  it.effect("reloadChild tells that child's subtree alone", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const handle = yield* started(
        reloader("a", note("a")),
        ProcessManager.make("sub", [reloader("b", note("b")), reloader("c", note("c"))])
      )
      assert.deepStrictEqual((yield* handle.reloadChild("sub")).handled.toSorted(), ["sub/b", "sub/c"])
      assert.deepStrictEqual(log, ["b", "c"])
      assert.instanceOf(failureOf(yield* Effect.result(handle.reloadChild("x"))), SupervisorError.ChildNotFound)
    }))

  it.effect("paths in the report are as seen from whoever asked", () =>
    Effect.gen(function*() {
      const { runnable, supervisor } = spy()
      yield* started(ProcessManager.make("sub", [
        runnable,
        ProcessManager.make("deep", [reloader("a", Effect.void)])
      ]))
      const { handled, ignored } = yield* (yield* supervisor).reload
      assert.deepStrictEqual([handled, ignored], [["deep/a"], ["spy"]])
    }))

  it.effect("a child may ask its supervisor to reload, also when it has a handler itself", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const asks = Runnable.make(
        "asks",
        Effect.andThen(
          Control.onReload(note("own")),
          Effect.flatMap(
            Supervisor,
            ({ reload }) => Effect.flatMap(reload, ({ handled }) => note(handled.toSorted().join(" ")))
          )
        )
      )
      yield* started(reloader("a", note("a")), asks)
      yield* settle
      assert.sameMembers(log, ["own", "a", "a asks"])
    }))

  it.effect("it does not wait for a child that is still starting, nor is it blocked by one that is stopping", () =>
    Effect.gen(function*() {
      const { polite } = makeTrace()
      const { runnable, supervisor } = spy()
      const start = yield* Effect.forkScoped(started(
        runnable,
        polite("stopping", 1000),
        Runnable.make("starting", Effect.never, { ready: "signal", onReload: Effect.void }),
        Runnable.make("pending", Effect.never)
      ))
      const handle = yield* supervisor
      yield* settle
      yield* Effect.forkChild(handle.stop("stopping"))
      yield* settle
      const { handled, ignored } = yield* handle.reload
      assert.deepStrictEqual([handled, ignored], [["starting"], ["spy"]])
      yield* elapse("2 seconds")
      yield* Fiber.interrupt(start)
    }))

  it.effect("neither a reload nor a message cuts a back-off short", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace({ timed: true })
      const crashes = child(
        "a",
        Effect.andThen(Control.onReload(Effect.void), Effect.delay(Effect.fail("boom"), "1 second")),
        {
          restart: Schedule.spaced("10 seconds")
        }
      )
      const handle = yield* started(crashes)
      yield* elapse("5 seconds")
      assert.deepStrictEqual(yield* handle.reload, { handled: [], ignored: [], failed: [], timedOut: [] })
      assert.instanceOf(failureOf(yield* Effect.result(handle.send("a", 1))), SupervisorError.ChildNotRunning)
      yield* elapse("6500 millis")
      assert.deepStrictEqual(log, ["+a@0", "-a@1000", "+a@11000"])
      assert.deepStrictEqual((yield* handle.reload).handled, ["a"])
    }))

  it.effect("a supervisor that has ended has nobody to tell", () =>
    Effect.gen(function*() {
      const handle = yield* started(reloader("a", Effect.void))
      yield* handle.shutdown
      assert.deepStrictEqual(yield* handle.reload, { handled: [], ignored: [], failed: [], timedOut: [] })
    }))

  it.effect("what the option acquires is released when it has run, at every reload", () =>
    Effect.gen(function*() {
      const { note, span, take } = makeTrace()
      const child = Runnable.make("a", Effect.never, { onReload: Effect.andThen(span("file"), note("read")) })
      const handle = yield* started(child)
      for (let round = 0; round < 2; round++) {
        assert.deepStrictEqual((yield* handle.reload).handled, ["a"])
        assert.deepStrictEqual(take(), ["+file", "read", "-file"])
      }
    }))

  it.effect("a caller who is interrupted does not interrupt handlers halfway", () =>
    Effect.gen(function*() {
      const { note, take } = makeTrace()
      const slowly = (name: string) =>
        note(`${name} begins`).pipe(
          Effect.andThen(Effect.sleep("1 second")),
          Effect.andThen(note(`${name} is done`)),
          Effect.onInterrupt(() => note(`${name} was interrupted`))
        )
      const handle = yield* started(reloader("a", slowly("handler"), { onReload: slowly("option") }))
      for (const reload of [handle.reload, handle.reloadChild("a")]) {
        const caller = yield* Effect.forkChild(reload)
        yield* settle
        yield* Fiber.interrupt(caller)
        yield* elapse("1 second")
        assert.deepStrictEqual(take(), ["handler begins", "option begins", "handler is done", "option is done"])
      }
    }))
})

describe("Control.ready and Control.heartbeat", () => {
  it.effect("a message, a reload and a stop reach a child that is not ready yet", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const { runnable, supervisor } = spy()
      const loop: Effect.Effect<void> = Effect.flatMap(Control.tick(Effect.never), (tick) =>
        Effect.andThen(note(render(tick)), tick._tag === "Shutdown" ? Effect.void : loop))
      yield* Effect.forkScoped(started(runnable, Runnable.make("a", loop, { ready: "signal" })))
      const handle = yield* supervisor
      yield* settle
      assert.strictEqual((yield* handle.child("a")).state._tag, "Starting")
      yield* handle.send("a", 1)
      yield* handle.reload
      yield* handle.stop("a")
      assert.deepStrictEqual(log, ["custom 1", "reload", "shutdown"])
    }))

  it.effect("a late ready of a child that is being stopped changes nothing", () =>
    Effect.gen(function*() {
      const { runnable, supervisor } = spy()
      const late = Runnable.make(
        "a",
        Control.shutdown.pipe(Effect.andThen(Control.ready), Effect.andThen(Effect.sleep("1 second"))),
        {
          ready: "signal"
        }
      )
      yield* Effect.forkScoped(started(runnable, late))
      const handle = yield* supervisor
      yield* settle
      yield* Effect.forkChild(handle.stop("a"))
      yield* settle
      assert.strictEqual((yield* handle.child("a")).state._tag, "Stopping")
      yield* elapse("1 second")
      assert.strictEqual((yield* handle.child("a")).state._tag, "Stopped")
    }))

  it.effect("ready and heartbeat of an older incarnation that still runs change nothing", () =>
    Effect.gen(function*() {
      const gate = Deferred.makeUnsafe<void>()
      let runs = 0
      const child = Runnable.make(
        "a",
        Effect.suspend(() =>
          ++runs === 1
            ? Effect.uninterruptible(
              Effect.andThen(Deferred.await(gate), Effect.andThen(Control.ready, Control.heartbeat))
            )
            : Effect.never
        ),
        { ready: "signal", overlap: true, abandonAfter: "1 second" }
      )
      const { runnable, supervisor } = spy()
      yield* Effect.forkScoped(started(runnable, child))
      const handle = yield* supervisor
      yield* settle
      yield* Effect.forkChild(handle.restart("a"))
      yield* elapse("1 second")
      assert.strictEqual((yield* handle.child("a")).incarnation, 2)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      const { incarnation, state } = yield* handle.child("a")
      assert.deepStrictEqual([incarnation, state._tag], [2, "Starting"])
    }))

  it.effect("a heartbeat pushes the watchdog's deadline out; without one it is a failure", () =>
    Effect.gen(function*() {
      const beats = Effect.forEach([1, 2, 3], () => Effect.andThen(Effect.sleep("900 millis"), Control.heartbeat))
      const fiber = yield* Effect.forkChild(ProcessManager.make("app", [
        Runnable.make("a", Effect.andThen(beats, Effect.never), { watchdog: "1 second" })
      ]))
      yield* elapse("3699 millis")
      assert.strictEqual(stateOf(fiber), "running")
      yield* elapse("1 millis")
      assert.strictEqual(stateOf(fiber), "failed: Die Unresponsive @a")
    }))
})
