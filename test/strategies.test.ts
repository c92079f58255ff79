import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Schedule } from "effect"
import {
  Control,
  ProcessManager,
  RestartPolicy,
  Runnable,
  Strategy,
  type Supervisor,
  SupervisorError
} from "effect-supervisor"
import { TestClock } from "effect/testing"
import { elapse, makeWorld, pool, settle, start, stateOf, tagOf } from "./support.ts"

const statesOf = (handle: Supervisor.Handle<string>) =>
  Effect.map(handle.status, ({ children }) => children.map(({ name, state }) => `${name} ${state._tag}`).join(", "))

describe("R4 Strategy.affected, as a table", () => {
  const children = ["a", "b", "c", "d"]
  const table = [
    ["one-for-one", "a", "a"],
    ["one-for-one", "c", "c"],
    ["one-for-one", "d", "d"],
    ["one-for-all", "a", "a b c d"],
    ["one-for-all", "c", "a b c d"],
    ["one-for-all", "d", "a b c d"],
    ["rest-for-one", "a", "a b c d"],
    ["rest-for-one", "c", "c d"],
    ["rest-for-one", "d", "d"]
  ] as const
  for (const [strategy, failed, affected] of table) {
    it(`${strategy}: when ${failed} fails, ${affected} are concerned`, () => {
      assert.strictEqual(Strategy.affected(strategy, children, failed).join(" "), affected)
    })
  }

  it("of an only child it is that child, under every strategy", () => {
    for (const strategy of Strategy.strategies) assert.deepStrictEqual(Strategy.affected(strategy, ["a"], "a"), ["a"])
  })

  it("it keeps the start order and changes nothing", () => {
    const frozen = Object.freeze([...children])
    for (const strategy of Strategy.strategies) {
      for (const failed of frozen) {
        const affected = Strategy.affected(strategy, frozen, failed)
        assert.include(affected, failed)
        assert.deepStrictEqual(affected, frozen.filter((name) => affected.includes(name)))
      }
    }
  })

  it("a strategy that does not exist is refused where it is written", () => {
    assert.throws(
      () => ProcessManager.make("app", [], { strategy: "one-for-some" as Strategy.Strategy }),
      SupervisorError.InvalidOption
    )
  })
})

describe("R4 strategies", () => {
  const restart = Schedule.forever
  const abcd = (world: ReturnType<typeof makeWorld>) =>
    ["a", "b", "c", "d"].map((name) => world.child(name, { restart }))

  const table = [
    ["one-for-one", "b", "-b +b"],
    ["one-for-all", "a", "-a -d -c -b +a +b +c +d"],
    ["one-for-all", "b", "-b -d -c -a +a +b +c +d"],
    ["one-for-all", "d", "-d -c -b -a +a +b +c +d"],
    ["rest-for-one", "a", "-a -d -c -b +a +b +c +d"],
    ["rest-for-one", "b", "-b -d -c +b +c +d"],
    ["rest-for-one", "d", "-d +d"]
  ] as const
  for (const [strategy, failed, expected] of table) {
    it.effect(`${strategy}: ${failed} fails: the affected stop in reverse and start in order`, () =>
      Effect.gen(function*() {
        const world = makeWorld()
        yield* pool(abcd(world), { strategy })
        world.logged()
        yield* world.crash(failed)
        assert.strictEqual(world.logged(), expected)
      }))
  }

  it.effect("a good end under always takes the group along, too", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      yield* pool([world.child("a"), world.child("b", { restart: RestartPolicy.always(restart) })], {
        strategy: "one-for-all"
      })
      world.logged()
      yield* world.finish("b")
      assert.strictEqual(world.logged(), "-b -a +a +b")
    }))

  it.effect("a child that completes, or that gives up, takes nobody along", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      yield* pool([world.child("a", { restart }), world.child("b", { restart }), world.child("c")], {
        strategy: "one-for-all"
      })
      world.logged()
      yield* world.finish("b")
      yield* world.crash("c")
      assert.strictEqual(world.logged(), "-b -c")
    }))

  it.effect("siblings come back whatever their own policy is: it was not their end", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      yield* pool([world.child("a"), world.child("b", { restart })], { strategy: "one-for-all" })
      world.logged()
      yield* world.crash("b")
      assert.strictEqual(world.logged(), "-b -a +a +b")
    }))

  it.effect("only siblings that were up come back: not who was stopped, held, had completed or given up", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const names = ["stopped", "held", "completed", "gaveUp"]
      const handle = yield* pool([...names.map((name) => world.child(name)), world.child("a", { restart })], {
        strategy: "one-for-all"
      })
      yield* handle.stop("stopped")
      yield* handle.hold("held")
      yield* world.finish("completed")
      yield* world.crash("gaveUp")
      world.logged()
      yield* world.crash("a")
      assert.strictEqual(world.logged(), "-a +a")
      assert.strictEqual(
        yield* statesOf(handle),
        "stopped Stopped, held Held, completed Completed, gaveUp GaveUp, a Running"
      )
    }))

  for (
    const [operation, state] of [["stop", "Stopped"], ["hold", "Held"], ["remove", undefined]] as const
  ) {
    it.effect(`a sibling that is on its way down by ${operation} does not come back`, () =>
      Effect.gen(function*() {
        const world = makeWorld()
        const handle = yield* pool([world.draining("slow", 2), world.child("a", { restart })], {
          strategy: "one-for-all"
        })
        const asked = yield* Effect.forkChild(handle[operation]("slow"))
        yield* TestClock.adjust("1 second")
        yield* world.crash("a")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* Fiber.join(asked), "done")
        const found = yield* Effect.option(tagOf(handle, "slow"))
        assert.strictEqual(found._tag === "Some" ? found.value : undefined, state)
        assert.strictEqual(world.log.filter((line) => line === "+slow").length, 1)
        assert.strictEqual(yield* tagOf(handle, "a"), "Running")
      }))
  }

  it.effect("a sibling that is stopped by hand while its group is down stays stopped", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [world.child("a"), world.child("b", { restart: Schedule.spaced("5 seconds") }), world.child("c")],
        { strategy: "one-for-all" }
      )
      world.logged()
      yield* world.crash("b")
      assert.strictEqual(yield* statesOf(handle), "a Pending, b Backoff, c Pending")
      assert.strictEqual(yield* handle.stop("a"), "done")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(world.logged(), "-b -c -a +b +c")
      assert.strictEqual(yield* statesOf(handle), "a Stopped, b Running, c Running")
    }))

  it.effect("the child that failed is stopped by hand in the group's backoff: the others come back without it", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [world.child("a"), world.child("b", { restart: Schedule.spaced("5 seconds") }), world.child("c")],
        { strategy: "one-for-all" }
      )
      yield* world.crash("b")
      world.logged()
      assert.strictEqual(yield* handle.stop("b"), "done")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(world.logged(), "+a +c")
      assert.strictEqual(yield* statesOf(handle), "a Running, b Stopped, c Running")
    }))

  it.effect("start by hand ends the backoff of the whole group", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [world.child("a"), world.child("b", { restart: Schedule.spaced("5 seconds") }), world.child("c")],
        { strategy: "one-for-all" }
      )
      yield* world.crash("b")
      world.logged()
      assert.strictEqual(yield* handle.start("b"), "done")
      assert.strictEqual(world.logged(), "+a +b +c")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(world.logged(), "")
    }))

  it.effect("the backoff runs while the others stop, and nobody starts before all have", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      yield* pool(
        [world.draining("a", 3), world.child("b", { restart: Schedule.spaced("5 seconds") }), world.draining("c", 1)],
        { strategy: "one-for-all" }
      )
      world.logged()
      yield* world.crash("b")
      assert.strictEqual(world.logged(), "-b ?c")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(world.logged(), "-c ?a")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(world.logged(), "-a")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(world.logged(), "+a +b +c")
    }))

  it.effect("each starts after the one before is ready", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const ready: Array<Control.Control> = []
      const slow = Runnable.make(
        "slow",
        Effect.gen(function*() {
          ready.push(yield* Control.Current)
          return yield* Effect.never
        }),
        { ready: "signal" }
      )
      const handle = yield* pool([world.child("a", { restart })], { strategy: "one-for-all" })
      yield* Effect.forkChild(handle.add(slow))
      yield* settle
      ready[0]!.ready()
      yield* handle.add(world.child("z"))
      world.logged()
      yield* world.crash("a")
      assert.strictEqual(world.logged(), "-a -z +a")
      ready[1]!.ready()
      yield* settle
      assert.strictEqual(world.logged(), "+z")
    }))

  it.effect("two that fail in one moment are one or two restarts, and everybody is up once", () =>
    Effect.gen(function*() {
      for (const strategy of ["one-for-all", "rest-for-one"] as const) {
        for (const pair of [["a", "c"], ["c", "a"], ["b", "d"], ["d", "c"]] as const) {
          const world = makeWorld()
          const handle = yield* pool(abcd(world), { strategy })
          yield* world.crashAll(...pair)
          yield* settle
          assert.strictEqual(yield* statesOf(handle), "a Running, b Running, c Running, d Running")
          for (const name of ["a", "b", "c", "d"]) {
            const own = world.log.filter((line) => line.endsWith(name))
            own.forEach((line, index) => assert.strictEqual(line[0], index % 2 === 0 ? "+" : "-"))
          }
          yield* handle.shutdown
        }
      }
    }))

  it.effect("a sibling that fails while the group is being stopped does not make it a second restart", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const failsWhenAsked = Runnable.make("b", Effect.andThen(Control.shutdown, Effect.fail("late")), { restart })
      const handle = yield* pool([world.child("a", { restart }), failsWhenAsked], {
        strategy: "one-for-all",
        intensity: { restarts: 1, within: "1 hour" }
      })
      yield* world.crash("a")
      assert.strictEqual(yield* statesOf(handle), "a Running, b Running")
      assert.strictEqual((yield* handle.status).restarts, 1)
    }))

  it.effect("rest-for-one: a sibling that fails while it waits for its stop does not end the restart of those before it", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [world.child("a", { restart }), world.child("b", { restart }), world.draining("c", 2)],
        { strategy: "rest-for-one" }
      )
      world.logged()
      yield* world.crash("a")
      yield* world.crash("b")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* statesOf(handle), "a Running, b Running, c Running")
      assert.strictEqual(world.logged(), "-a ?c -b -c +a +b +c")
    }))

  it.effect("rest-for-one: a later child that is started by hand and fails does not end the backoff of an earlier one", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [world.child("a", { restart: Schedule.spaced("5 seconds") }), world.child("b", { restart }), world.child("c")],
        { strategy: "rest-for-one" }
      )
      yield* handle.stop("b")
      yield* world.crash("a")
      assert.strictEqual(yield* handle.start("b"), "done")
      yield* world.crash("b")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* statesOf(handle), "a Running, b Running, c Running")
    }))

  it.effect("rest-for-one: a child that is added and fails does not end the backoff of an earlier one", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: Schedule.spaced("5 seconds") })], {
        strategy: "rest-for-one"
      })
      yield* world.crash("a")
      yield* handle.add(world.child("b", { restart }))
      yield* world.crash("b")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* statesOf(handle), "a Running, b Running")
    }))

  it.effect("rest-for-one: an earlier child that fails during the backoff of a later one takes it along", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [
          world.child("a", { restart: Schedule.spaced("1 second") }),
          world.child("b", { restart: Schedule.spaced("10 seconds") }),
          world.child("c")
        ],
        { strategy: "rest-for-one" }
      )
      yield* world.crash("b")
      yield* TestClock.adjust("1 second")
      yield* world.crash("a")
      world.logged()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(world.logged(), "+a +b +c")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(world.logged(), "")
      assert.strictEqual(yield* statesOf(handle), "a Running, b Running, c Running")
    }))

  it.effect("the snapshot counts restarts: of each child those that it went through, of the manager each group once", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(abcd(world), { strategy: "rest-for-one" })
      yield* world.crash("c")
      yield* world.crash("b")
      const status = yield* handle.status
      assert.deepStrictEqual(status.children.map(({ name, restarts }) => `${name} ${restarts}`), [
        "a 0",
        "b 1",
        "c 2",
        "d 2"
      ])
      assert.strictEqual(status.restarts, 2)
    }))

  it.effect("shutdown during a group restart starts nobody any more", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a"), world.child("b", { restart: Schedule.spaced("5 seconds") })], {
        strategy: "one-for-all"
      })
      yield* world.crash("b")
      yield* handle.shutdown
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(world.logged(), "+a +b -b -a")
    }))

  it.effect("a child that is added during a group restart starts at once and once", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a"), world.child("b", { restart: Schedule.spaced("5 seconds") })], {
        strategy: "one-for-all"
      })
      yield* world.crash("b")
      yield* handle.add(world.child("c"))
      assert.strictEqual(world.logged(), "+a +b -b -a +c")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(world.logged(), "+a +b")
    }))

  it.effect("nested managers are children like any other: one stops with its whole subtree", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const sub = ProcessManager.make("sub", [world.child("x"), world.child("y")])
      yield* pool([sub, world.child("a", { restart })], { strategy: "one-for-all" })
      world.logged()
      yield* world.crash("a")
      assert.strictEqual(world.logged(), "-a -y -x +x +y +a")
    }))
})

describe("E2 escalate", () => {
  it.effect("first (the default): the first child that gives up cancels its siblings and fails the manager", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a"), world.child("b"), world.child("c")])
      yield* world.crash("b", "the first")
      const exit = yield* Effect.exit(handle.await)
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      assert.strictEqual(Cause.squash(exit.cause), "the first")
      assert.strictEqual(SupervisorError.childPath(exit.cause), "b")
      assert.strictEqual(world.logged(), "+a +b +c -b -c -a")
      assert.strictEqual((yield* handle.status).state, "Failed")
    }))

  it.effect("never: who gives up is shown and the others go on; the manager ends well when none is left", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a"), world.child("b")], { escalate: "never" })
      yield* world.crash("a", "no use")
      const { state } = yield* handle.child("a")
      assert.strictEqual(state._tag, "GaveUp")
      assert.deepInclude(state._tag === "GaveUp" ? state.cause : undefined, { kind: "Fail", message: "no use" })
      assert.strictEqual(yield* tagOf(handle, "b"), "Running")
      yield* world.crash("b")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
    }))

  const fractions = [
    // more than 40 % of 5: the third
    [0.4, 5, 3],
    [0.5, 4, 3],
    [0.49, 4, 2],
    [0.1, 10, 2],
    // all of them, also where more than all is impossible
    [1, 3, 3],
    [0.9, 1, 1]
  ] as const
  for (const [deadFraction, children, dead] of fractions) {
    it.effect(`deadFraction ${deadFraction} of ${children}: the manager goes with number ${dead}, and with its cause`, () =>
      Effect.gen(function*() {
        const world = makeWorld()
        const names = Array.from({ length: children }, (_, index) => `c${index}`)
        const handle = yield* start(names.map((name) => world.child(name)), { escalate: { deadFraction } })
        for (const name of names.slice(0, dead - 1)) yield* world.crash(name)
        assert.strictEqual((yield* handle.status).state, "Running")
        yield* world.crash(names[dead - 1]!, "too many")
        const exit = yield* Effect.exit(handle.await)
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "too many")
        assert.strictEqual(Exit.isFailure(exit) && SupervisorError.childPath(exit.cause), names[dead - 1])
      }))
  }

  for (const autoCleanup of [true, false]) {
    it.effect(`deadFraction counts children that completed as children (autoCleanup: ${autoCleanup})`, () =>
      Effect.gen(function*() {
        const world = makeWorld()
        const handle = yield* start(["a", "b", "c", "d"].map((name) => world.child(name)), {
          autoCleanup,
          escalate: { deadFraction: 0.4 }
        })
        yield* world.finish("a")
        yield* world.finish("b")
        yield* world.crash("c")
        assert.strictEqual((yield* handle.status).state, "Running")
        yield* world.crash("d", "second")
        const exit = yield* Effect.exit(handle.await)
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "second")
      }))
  }

  it.effect("deadFraction does not count who was started again, or removed", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start(["a", "b", "c", "d"].map((name) => world.child(name)), {
        escalate: { deadFraction: 0.49 }
      })
      yield* world.crash("a")
      yield* handle.start("a")
      yield* world.crash("b")
      assert.strictEqual((yield* handle.status).state, "Running")
      yield* handle.remove("b")
      yield* world.crash("c")
      assert.strictEqual((yield* handle.status).state, "Running")
    }))

  it("a fraction that is none is refused where it is written", () => {
    for (const deadFraction of [0, -0.1, 1.1, NaN]) {
      assert.throws(() => ProcessManager.make("app", [], { escalate: { deadFraction } }), SupervisorError.InvalidOption)
    }
    assert.throws(
      () => ProcessManager.make("app", [], { escalate: "sometimes" as "first" }),
      SupervisorError.InvalidOption
    )
  })
})

describe("E3 autoShutdown", () => {
  const significant = true

  it.effect("never (the default): the end of a significant child is like any other", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a", { significant }), world.child("b")])
      yield* world.finish("a")
      assert.strictEqual(yield* statesOf(handle), "b Running")
    }))

  it.effect("any-significant: the first good end of a significant child ends the manager well", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start(
        [world.child("a"), world.child("b", { significant }), world.child("c", { significant })],
        { autoShutdown: "any-significant" }
      )
      yield* world.finish("b")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
      assert.strictEqual(world.logged(), "+a +b +c -b -c -a")
    }))

  it.effect("any-significant: the end of another child does not", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a"), world.child("b", { significant })], {
        autoShutdown: "any-significant"
      })
      yield* world.finish("a")
      assert.strictEqual(yield* statesOf(handle), "b Running")
    }))

  for (const autoCleanup of [true, false]) {
    it.effect(`all-significant: the last of them ends the manager (autoCleanup: ${autoCleanup})`, () =>
      Effect.gen(function*() {
        const world = makeWorld()
        const handle = yield* start(
          [world.child("a"), world.child("b", { significant }), world.child("c", { significant })],
          { autoCleanup, autoShutdown: "all-significant" }
        )
        yield* world.finish("c")
        assert.strictEqual((yield* handle.status).state, "Running")
        yield* world.finish("b")
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
        assert.strictEqual(world.logged(), "+a +b +c -c -b -a")
      }))
  }

  it.effect("a significant child that is restarted has not ended", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const restart = Schedule.spaced("1 second")
      const handle = yield* start([world.child("a", { significant, restart }), world.child("b")], {
        autoShutdown: "any-significant"
      })
      yield* world.crash("a")
      assert.strictEqual(yield* statesOf(handle), "a Backoff, b Running")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* statesOf(handle), "a Running, b Running")
      yield* world.finish("a")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
    }))

  for (const operation of ["stop", "hold", "remove", "restart"] as const) {
    it.effect(`any-significant: ${operation} by hand is not the end of a significant child`, () =>
      Effect.gen(function*() {
        const world = makeWorld()
        const handle = yield* start([world.child("a", { significant }), world.child("b")], {
          autoShutdown: "any-significant"
        })
        yield* handle[operation]("a")
        assert.strictEqual((yield* handle.status).state, "Running")
        assert.strictEqual(yield* tagOf(handle, "b"), "Running")
      }))
  }

  it.effect("any-significant: a sibling's group restart is not the end of a significant child", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start(
        [world.child("a", { significant }), world.child("b", { restart: Schedule.forever })],
        {
          autoShutdown: "any-significant",
          strategy: "one-for-all"
        }
      )
      yield* world.crash("b")
      assert.strictEqual(yield* statesOf(handle), "a Running, b Running")
    }))

  it.effect("all-significant: the last one that is up ends the manager, also if another was stopped by hand", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start(
        [world.child("a"), world.child("b", { significant }), world.child("c", { significant })],
        { autoShutdown: "all-significant" }
      )
      yield* handle.stop("b")
      assert.strictEqual((yield* handle.status).state, "Running")
      yield* world.finish("c")
      assert.isTrue((yield* handle.status).state === "Stopped")
    }))

  it.effect("a significant child that gives up under escalate never ends the manager (OTP's temporary)", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a", { significant }), world.child("b")], {
        autoShutdown: "any-significant",
        escalate: "never"
      })
      yield* world.crash("a")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
    }))

  it.effect("a significant child added at run time counts", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a")], { autoShutdown: "all-significant" })
      yield* handle.add(world.child("b", { significant }))
      yield* world.finish("b")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
    }))

  it.effect("keepAlive does not stand against it", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a", { significant })], {
        autoShutdown: "any-significant",
        keepAlive: true
      })
      yield* world.finish("a")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
    }))

  it("a significant child that is always restarted is refused where it is written", () => {
    const restart = RestartPolicy.always(Schedule.forever)
    assert.throws(() => Runnable.make("a", Effect.void, { restart, significant }), SupervisorError.InvalidOption)
    assert.throws(
      () => Runnable.make("a", Effect.void, { restart }).pipe(Runnable.significant(true)),
      SupervisorError.InvalidOption
    )
    assert.throws(
      () => Runnable.make("a", Effect.void, { significant }).pipe(Runnable.restart(restart)),
      SupervisorError.InvalidOption
    )
  })
})

describe("E3 autoCleanup, keepAlive, maxChildren", () => {
  it.effect("autoCleanup (the default): who completed leaves the map, its count stays and its name is free", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a"), world.child("b")])
      yield* world.finish("a")
      const status = yield* handle.status
      assert.deepStrictEqual(status.children.map(({ name }) => name), ["b"])
      assert.strictEqual(status.completed, 1)
      assert.instanceOf(yield* Effect.flip(handle.start("a")), SupervisorError.ChildNotFound)
      yield* handle.add(world.child("a"))
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
    }))

  it.effect("autoCleanup: who gave up stays, and shows why", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a"), world.child("b")], { escalate: "never" })
      yield* world.crash("a")
      assert.strictEqual(yield* statesOf(handle), "a GaveUp, b Running")
    }))

  it.effect("autoCleanup false: who completed stays and can be started again", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a"), world.child("b")], { autoCleanup: false })
      yield* world.finish("a")
      assert.strictEqual(yield* statesOf(handle), "a Completed, b Running")
      assert.strictEqual((yield* handle.status).completed, 1)
      assert.strictEqual(yield* handle.start("a"), "done")
      yield* world.finish("b")
      assert.strictEqual((yield* handle.status).state, "Running")
      yield* world.finish("a")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
    }))

  it.effect("keepAlive false (the default): a manager ends when no child is left", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([world.child("a"), world.child("b")])
      yield* world.finish("a")
      assert.strictEqual((yield* handle.status).state, "Running")
      yield* world.finish("b")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
      assert.strictEqual((yield* handle.status).completed, 2)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(ProcessManager.make("empty", []))))
    }))

  it.effect("keepAlive true: an empty pool waits for children and outlives them", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* start([], { keepAlive: true })
      for (let round = 0; round < 3; round++) {
        yield* handle.add(world.child("a"))
        yield* world.finish("a")
        assert.strictEqual((yield* handle.status).state, "Running")
      }
      assert.strictEqual((yield* handle.status).completed, 3)
      yield* handle.shutdown
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
    }))

  it.effect("a pool forgets who came and went: nothing grows with adds and removes", () =>
    Effect.gen(function*() {
      const handle = yield* start([], { keepAlive: true, maxChildren: 2 })
      for (let round = 0; round < 5000; round++) {
        yield* handle.add(Runnable.make(`job-${round}`, round % 2 === 0 ? Effect.void : Effect.never))
        if (round % 2 === 1) yield* handle.remove(`job-${round}`)
      }
      const status = yield* handle.status
      assert.deepStrictEqual([status.children.length, status.completed], [0, 2500])
    }))

  it.effect("maxChildren: one more is an error that says how many there may be, and starts nothing", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a")], { maxChildren: 2 })
      yield* handle.add(world.child("b"))
      const error = yield* Effect.flip(handle.add(world.child("c")))
      assert.instanceOf(error, SupervisorError.MaxChildrenReached)
      assert.deepInclude(error, { child: "c", supervisor: "app", maxChildren: 2 })
      assert.strictEqual(world.logged(), "+a +b")
    }))

  it.effect("maxChildren: whoever is restarting, stopped or has given up still has a place; removing frees it", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [world.child("backoff", { restart: Schedule.spaced("1 minute") }), world.child("stopped"), world.child("dead")],
        { maxChildren: 3 }
      )
      yield* world.crash("backoff")
      yield* handle.stop("stopped")
      yield* world.crash("dead")
      assert.instanceOf(yield* Effect.flip(handle.add(world.child("x"))), SupervisorError.MaxChildrenReached)
      for (const name of ["backoff", "stopped", "dead"]) {
        yield* handle.remove(name)
        yield* handle.add(world.child(`for-${name}`))
      }
      assert.strictEqual((yield* handle.status).children.length, 3)
    }))

  it.effect("maxChildren: with autoCleanup who completed frees a place, without it does not", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const cleaned = yield* pool([world.child("a")], { autoCleanup: true, maxChildren: 1 })
      yield* world.finish("a")
      yield* cleaned.add(world.child("b"))
      const kept = yield* pool([world.child("c")], { autoCleanup: false, maxChildren: 1 })
      yield* world.finish("c")
      assert.instanceOf(yield* Effect.flip(kept.add(world.child("d"))), SupervisorError.MaxChildrenReached)
    }))

  it.effect("maxChildren: a duplicate is told before a full map is", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a")], { maxChildren: 1 })
      assert.instanceOf(yield* Effect.flip(handle.add(world.child("a"))), SupervisorError.DuplicateChild)
    }))

  it.effect("maxChildren: adds that come at once do not slip past it", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([], { maxChildren: 3 })
      const adds = Array.from({ length: 10 }, (_, index) => Effect.exit(handle.add(world.child(`c${index}`))))
      const exits = yield* Effect.all(adds, { concurrency: "unbounded" })
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 3)
      assert.strictEqual((yield* handle.status).children.length, 3)
    }))

  it.effect("maxChildren: a description that is larger is refused, there or when it starts", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const describe = Effect.try(() =>
        ProcessManager.make("app", [world.child("a"), world.child("b")], { maxChildren: 1, keepAlive: true })
      )
      const exit = yield* Effect.exit(Effect.flatMap(describe, ProcessManager.start))
      assert.isTrue(Exit.isFailure(exit))
      assert.notInclude(world.log, "+b")
    }))

  it("limits that make no sense are refused where they are written", () => {
    for (const maxChildren of [0, -1, 1.5, NaN]) {
      assert.throws(() => ProcessManager.make("app", [], { maxChildren }), SupervisorError.InvalidOption)
    }
    assert.doesNotThrow(() => ProcessManager.make("app", [], { maxChildren: Infinity }))
  })
})

/** Gives no heartbeat, and cannot be interrupted. */
const stuck = (name: string): Runnable.Runnable<string> =>
  Runnable.make(name, Effect.uninterruptible(Effect.never), {
    watchdog: "10 seconds",
    abandonAfter: "2 seconds",
    restart: Schedule.forever
  })

/** Completes at once, and cleans up for longer than that may take. */
const lingering = (options: Runnable.Options<string>) =>
  Runnable.make("a", Effect.addFinalizer(() => Effect.sleep("10 seconds")), {
    abandonAfter: "2 seconds",
    ...options
  })

const mortal = (name: string, children: ReadonlyArray<Runnable.Runnable<string>>) =>
  Effect.forkChild(ProcessManager.make(name, children, { escalate: { deadFraction: 0.4 } }))

describe("E2 a child that would not end", () => {
  it.effect("and failed its watchdog: without overlap the manager is told, with the child's own cause", () =>
    Effect.gen(function*() {
      const release = yield* Deferred.make<void>()
      const stuck = Runnable.make("stuck", Effect.uninterruptible(Deferred.await(release)), {
        abandonAfter: "2 seconds",
        restart: Schedule.forever,
        watchdog: "10 seconds"
      })
      const handle = yield* start([stuck, Runnable.idle()])
      yield* TestClock.adjust("12 seconds")
      const exit = yield* Effect.exit(handle.await)
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.instanceOf(Cause.squash(exit.cause), SupervisorError.Unresponsive)
      yield* Deferred.succeed(release, undefined)
    }))

  it.effect("under never its manager ends when it was the last one and was abandoned because it had failed", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(
        ProcessManager.make("app", [Runnable.make("b", Effect.void), stuck("a")], { escalate: "never" })
      )
      yield* elapse("10 seconds")
      yield* elapse("1999 millis")
      assert.strictEqual(stateOf(fiber), "running")
      yield* elapse("1 millis")
      assert.strictEqual(stateOf(fiber), "done")
    }))

  it.effect("one that was given up while it cleaned up has given up, also when it ends after all", () =>
    Effect.gen(function*() {
      const late = Runnable.make(
        "a",
        Effect.andThen(Effect.addFinalizer(() => Effect.sleep("10 seconds")), Effect.fail("boom")),
        { abandonAfter: "2 seconds" }
      )
      const handle = yield* start(
        [late, Runnable.make("b", Effect.sleep("20 seconds"))],
        { escalate: "never" }
      )
      yield* elapse("2 seconds")
      assert.strictEqual(yield* tagOf(handle, "a"), "Abandoned")
      yield* elapse("8 seconds")
      assert.strictEqual(yield* tagOf(handle, "a"), "GaveUp")
      const end = yield* Effect.forkChild(handle.await)
      yield* elapse("10 seconds")
      assert.strictEqual(stateOf(end), "done")
    }))

  it.effect("one that completed has completed: a significant one ends its manager, another leaves when it ends after all", () =>
    Effect.gen(function*() {
      const significant = yield* Effect.forkChild(
        ProcessManager.make("app", [lingering({ significant: true }), Runnable.idle()], {
          autoShutdown: "any-significant"
        })
      )
      const handle = yield* start([lingering({}), Runnable.idle()])
      yield* elapse("1999 millis")
      assert.strictEqual(stateOf(significant), "running")
      yield* elapse("1 millis")
      assert.strictEqual(yield* tagOf(handle, "a"), "Abandoned")
      yield* elapse("8 seconds")
      const { children, completed } = yield* handle.status
      assert.deepStrictEqual([children.map(({ name }) => name), completed], [["idle"], 1])
      assert.strictEqual(stateOf(significant), "done")
    }))

  it.effect("deadFraction counts it", () =>
    Effect.gen(function*() {
      const one = yield* mortal("half", [stuck("a"), Runnable.idle()])
      const failing = Runnable.make("b", Effect.delay(Effect.fail("boom"), "20 seconds"))
      const two = yield* mortal("two thirds", [stuck("a"), failing, Runnable.idle(), Runnable.idle("more")])
      yield* elapse("10 seconds")
      yield* elapse("2 seconds")
      assert.deepStrictEqual([stateOf(one), stateOf(two)], ["failed: Die Unresponsive @a", "running"])
      yield* elapse("8 seconds")
      assert.strictEqual(stateOf(two), "failed: Fail boom @b")
    }))
})
