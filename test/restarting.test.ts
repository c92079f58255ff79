import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Logger, Schedule, Stream } from "effect"
import { Control, ProcessManager, RestartPolicy, Runnable, Supervisor, SupervisorError } from "effect-supervisor"
import { TestClock } from "effect/testing"
import { readFile } from "node:fs/promises"
import { makeWorld, pool, quiet, settle, tagOf } from "./support.ts"

/** One turn of the event loop. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits for something that comes about without time passing. */
const until = (holds: () => boolean) => Effect.repeat(turn, { until: () => holds() })

/** Shuts down on virtual time, for children that take some to end. */
const shutdownSlowly = (handle: Supervisor.Handle<string>) =>
  Effect.andThen(Effect.forkChild(handle.shutdown), TestClock.adjust("1 minute"))

const incarnationOf = (handle: Supervisor.Handle<string>, name: string) =>
  Effect.map(handle.child(name), ({ incarnation }) => incarnation)

/** The back-off of a child, or a failing assertion. */
const backoffOf = (handle: Supervisor.Handle<string>, name: string) =>
  Effect.map(handle.child(name), ({ state }) => {
    if (state._tag !== "Backoff") assert.fail(`${name} is ${state._tag}`)
    return state
  })

/** A child that fails at once, `failures` times, and then runs. */
const failing = (name: string, failures: number, options?: Runnable.Options<string>) => {
  const counter = { runs: 0 }
  const runnable = Runnable.make(
    name,
    Effect.suspend(() => ++counter.runs <= failures ? Effect.fail("boom") : Effect.never),
    options
  )
  return [runnable, counter] as const
}

describe("R1 no restart starves the event loop", () => {
  it.live("a storm without delay lets timers, I/O and the control operations of everyone run", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const [storm, counter] = failing("storm", Infinity, { restart: Schedule.forever })
      const handle = yield* pool([world.child("calm")])
      yield* handle.add(storm).pipe(Effect.forkScoped)
      yield* until(() => counter.runs > 10)

      let ticks = 0
      const timer = setInterval(() => ticks++, 5)
      const began = performance.now()
      for (let round = 0; round < 10; round++) {
        yield* Effect.sleep("15 millis")
        assert.include(yield* Effect.promise(() => readFile(new URL(import.meta.url), "utf8")), "R1 no restart")
        assert.strictEqual((yield* handle.status).children.length, 2)
        assert.strictEqual(yield* handle.restart("calm"), "done")
        yield* handle.add(world.child(`added-${round}`))
        assert.strictEqual(yield* handle.remove(`added-${round}`), "done")
      }
      const took = performance.now() - began
      clearInterval(timer)
      assert.isBelow(took, 2000)
      assert.isAtLeast(ticks, 10)
      assert.isAbove(counter.runs, 200, "it was a storm")
      assert.strictEqual(yield* handle.stop("storm"), "done")
      const { runs } = counter
      yield* Effect.sleep("10 millis")
      assert.strictEqual(counter.runs, runs)
    }).pipe(quiet))

  it.live("a storm of a whole group lets timers and status calls run, too", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const [storm, counter] = failing("storm", Infinity, { restart: Schedule.forever })
      const handle = yield* pool([world.child("calm")], { strategy: "one-for-all" })
      yield* handle.add(storm).pipe(Effect.forkScoped)
      yield* until(() => counter.runs > 10)
      let ticks = 0
      const timer = setInterval(() => ticks++, 5)
      yield* Effect.sleep("100 millis")
      clearInterval(timer)
      assert.isAtLeast(ticks, 5)
      assert.strictEqual((yield* handle.status).children.length, 2)
      assert.strictEqual(yield* handle.stop("storm"), "done")
      assert.strictEqual(yield* tagOf(handle, "storm"), "Stopped")
    }).pipe(quiet))

  it.live("a storm of a manager's only child lets the manager be interrupted", () =>
    Effect.gen(function*() {
      const [storm, counter] = failing("storm", Infinity, { restart: Schedule.forever })
      const fiber = yield* Effect.forkChild(ProcessManager.make("app", [storm]))
      yield* until(() => counter.runs > 100)
      yield* Fiber.interrupt(fiber)
      const { runs } = counter
      yield* Effect.sleep("10 millis")
      assert.strictEqual(counter.runs, runs)
    }).pipe(quiet))

  const stormWatch = Effect.fnUntraced(function*(handle: Supervisor.Handle<string>) {
    const storms: Array<string> = []
    yield* handle.events.pipe(
      Stream.runForEach((event) =>
        Effect.sync(() => {
          if (event._tag === "RestartStorm") storms.push(event.path)
        })
      ),
      Effect.forkScoped
    )
    yield* settle
    return storms
  })

  it.effect("a storm shows itself once: one event and one line, and few other lines", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => {
        lines.push(String(Array.isArray(message) ? message[0] : message))
      })
      const [storm, counter] = failing("storm", 3000, { restart: Schedule.forever })
      const run = Effect.gen(function*() {
        const handle = yield* pool([Runnable.idle()])
        const storms = yield* stormWatch(handle)
        yield* handle.add(storm)
        yield* until(() => counter.runs === 3001)
        yield* settle
        return storms
      })
      assert.deepStrictEqual(yield* Effect.provide(run, Logger.layer([logger])), ["storm"])
      assert.strictEqual(lines.filter((line) => line.includes("restart storm")).length, 1)
      assert.isBelow(lines.length, 30)
    }))

  it.effect("a storm that comes again after a calm shows itself again", () =>
    Effect.gen(function*() {
      let runs = 0
      const again = yield* Deferred.make<void>()
      const storm = Runnable.make(
        "storm",
        Effect.suspend(() => {
          runs++
          if (runs === 151) return Effect.andThen(Deferred.await(again), Effect.fail("boom"))
          return runs <= 300 ? Effect.fail("boom") : Effect.never
        }),
        { restart: Schedule.forever }
      )
      const handle = yield* pool([Runnable.idle()])
      const storms = yield* stormWatch(handle)
      yield* handle.add(storm)
      yield* until(() => runs === 151)
      yield* settle
      assert.strictEqual(storms.length, 1)
      yield* TestClock.adjust("10 minutes")
      yield* Deferred.succeed(again, undefined)
      yield* until(() => runs === 301)
      yield* settle
      assert.strictEqual(storms.length, 2)
    }))

  it.effect("restarts at a moderate pace are no storm", () =>
    Effect.gen(function*() {
      const [busy, counter] = failing("busy", Infinity, { restart: Schedule.spaced("100 millis") })
      const handle = yield* pool([Runnable.idle()])
      const storms = yield* stormWatch(handle)
      yield* handle.add(busy).pipe(Effect.forkScoped)
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(counter.runs, 500)
      assert.deepStrictEqual(storms, [])
      yield* handle.stop("busy")
    }))

  it.live("100 000 restarts in a row are quick, and no history grows", () =>
    Effect.gen(function*() {
      const [storm, counter] = failing("storm", 100_000, { restart: Schedule.forever })
      const handle = yield* pool([storm])
      yield* until(() => counter.runs === 100_001)
      const child = yield* handle.child("storm")
      assert.strictEqual(child.incarnation, 100_001)
      assert.strictEqual(child.restarts, 100_000)
      assert.deepStrictEqual(
        child.history.map(({ incarnation }) => incarnation),
        [99_993, 99_994, 99_995, 99_996, 99_997, 99_998, 99_999, 100_000]
      )
      assert.strictEqual((yield* handle.status).restarts, 100_000)
    }).pipe(quiet), 15_000)

  it.effect("a day of restarts on virtual time is quick, and no history grows", () =>
    Effect.gen(function*() {
      const [busy, counter] = failing("busy", Infinity, { restart: Schedule.spaced("10 seconds") })
      const handle = yield* pool([Runnable.idle()])
      yield* handle.add(busy).pipe(Effect.forkScoped)
      yield* TestClock.adjust("1 day")
      assert.strictEqual(counter.runs, 8641)
      assert.strictEqual((yield* handle.child("busy")).history.length, 8)
    }), 15_000)
})

describe("R2 a backoff is the child's own", () => {
  const exponential = Schedule.exponential("1 second")

  it.effect("a backoff delays that child alone", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([
        world.child("a", { restart: Schedule.spaced("10 seconds") }),
        world.child("b", { restart: Schedule.spaced("1 second") }),
        world.child("c")
      ])
      yield* world.crash("a")
      yield* world.crash("b")
      assert.strictEqual(world.logged(), "+a +b +c -a -b")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(world.logged(), "+b")
      yield* world.crash("b")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(world.logged(), "-b +b")
      assert.strictEqual(yield* tagOf(handle, "a"), "Backoff")
      yield* TestClock.adjust("8 seconds")
      assert.strictEqual(world.logged(), "+a")
    }))

  it.effect("failures during a backoff do not lengthen it", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      yield* pool([
        world.child("a", { restart: Schedule.spaced("1 second") }),
        world.child("b", { restart: Schedule.forever })
      ])
      yield* world.crash("a")
      for (let index = 0; index < 9; index++) {
        yield* TestClock.adjust("100 millis")
        yield* world.crash("b")
      }
      world.logged()
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(world.logged(), "+a")
    }))

  it.effect("children that share one policy value have a driver each", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const restart = RestartPolicy.onFailure(exponential)
      const handle = yield* pool([world.child("a", { restart }), world.child("b", { restart })])
      yield* world.crash("a")
      yield* TestClock.adjust("1 second")
      yield* world.crash("a")
      yield* world.crash("b")
      assert.deepInclude(yield* backoffOf(handle, "a"), { attempt: 2, until: 3000 })
      assert.deepInclude(yield* backoffOf(handle, "b"), { attempt: 1, until: 2000 })
    }))

  it.effect("it is shown: until when, which attempt, and why", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      yield* TestClock.adjust("1 minute")
      const handle = yield* pool([world.child("a", { restart: exponential })])
      yield* world.crash("a", "no database")
      const state = yield* backoffOf(handle, "a")
      assert.deepInclude(state, { until: 61_000, attempt: 1 })
      assert.deepInclude(state.cause, { kind: "Fail", message: "no database" })
      assert.deepInclude((yield* handle.child("a")).history[0], { incarnation: 1, decision: "restart" })
    }))

  it.effect("stop ends it, and the child never comes back", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: exponential })])
      yield* world.crash("a")
      assert.strictEqual(yield* handle.stop("a"), "done")
      assert.strictEqual(yield* tagOf(handle, "a"), "Stopped")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(world.logged(), "+a -a")
      assert.strictEqual(yield* tagOf(handle, "a"), "Stopped")
    }))

  it.effect("stop and start again during it: the old timer does not start a second one", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: exponential })])
      yield* world.crash("a")
      yield* handle.stop("a")
      yield* handle.start("a")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(world.logged(), "+a -a +a")
      assert.strictEqual(yield* incarnationOf(handle, "a"), 2)
    }))

  for (const operation of ["start", "restart"] as const) {
    it.effect(`${operation} ends it at once, and the stale timer does not touch the new incarnation`, () =>
      Effect.gen(function*() {
        const world = makeWorld()
        const handle = yield* pool([world.child("a", { restart: exponential })])
        yield* world.crash("a")
        assert.strictEqual(yield* handle[operation]("a"), "done")
        assert.strictEqual(yield* tagOf(handle, "a"), "Running")
        yield* TestClock.adjust("1 day")
        assert.strictEqual(world.logged(), "+a -a +a")
        assert.strictEqual(yield* incarnationOf(handle, "a"), 2)
      }))

    it.effect(`${operation} during it goes on with the schedule: it grants nothing and forgets nothing`, () =>
      Effect.gen(function*() {
        const world = makeWorld()
        const handle = yield* pool([world.child("a", { restart: exponential })])
        yield* world.crash("a")
        yield* handle[operation]("a")
        yield* world.crash("a")
        assert.strictEqual((yield* backoffOf(handle, "a")).attempt, 2)
      }))
  }

  it.effect("hold ends it; release starts the child and its schedule afresh", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: exponential })])
      yield* world.crash("a")
      assert.strictEqual(yield* handle.hold("a"), "done")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(world.logged(), "+a -a")
      assert.strictEqual(yield* tagOf(handle, "a"), "Held")
      assert.strictEqual(yield* handle.release("a"), "done")
      yield* world.crash("a")
      assert.strictEqual((yield* backoffOf(handle, "a")).attempt, 1)
    }))

  it.effect("remove ends it and frees the name; the old timer does not touch who has the name now", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: exponential })])
      yield* world.crash("a")
      assert.strictEqual(yield* handle.remove("a"), "done")
      yield* handle.add(world.child("a", { restart: exponential }))
      yield* TestClock.adjust("1 day")
      assert.strictEqual(world.logged(), "+a -a +a")
      assert.strictEqual(yield* incarnationOf(handle, "a"), 1)
    }))

  it.effect("shutdown ends it at once", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: exponential }), world.child("b")])
      yield* world.crash("a")
      yield* handle.shutdown
      assert.strictEqual(world.logged(), "+a +b -a -b")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(world.logged(), "")
    }))

  it.effect("a manager that fails ends the backoffs of its other children", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const manager = ProcessManager.make("app", [world.child("a", { restart: exponential }), world.child("b")])
      const fiber = yield* Effect.forkChild(manager)
      yield* settle
      yield* world.crash("a")
      yield* world.crash("b", "the end")
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "the end")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(world.logged(), "+a +b -a -b")
    }))
})

describe("R3 the driver survives restarts", () => {
  const exponential = Schedule.exponential("1 second")
  const reset = RestartPolicy.onFailure(exponential, { resetAfter: "10 seconds" })

  it.effect("the delays go on through the incarnations", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: exponential })])
      for (const [index, delay] of [1000, 2000, 4000, 8000].entries()) {
        const now = (yield* TestClock.testClockWith((clock) => Effect.succeed(clock))).currentTimeMillisUnsafe()
        yield* world.crash("a")
        assert.deepInclude(yield* backoffOf(handle, "a"), { attempt: index + 1, until: now + delay })
        yield* TestClock.adjust(delay)
      }
    }))

  it.effect("also through restarts that the strategy caused", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [world.child("a", { restart: exponential }), world.child("b", { restart: exponential })],
        { strategy: "one-for-all" }
      )
      yield* world.crash("a")
      yield* TestClock.adjust("1 second")
      yield* world.crash("b")
      assert.strictEqual((yield* backoffOf(handle, "b")).attempt, 1)
      yield* TestClock.adjust("1 second")
      yield* world.crash("a")
      assert.deepInclude(yield* backoffOf(handle, "a"), { attempt: 2, until: 4000 })
    }))

  it.effect("also through restarts by hand", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: exponential })])
      yield* world.crash("a")
      yield* TestClock.adjust("1 second")
      yield* handle.restart("a")
      yield* world.crash("a")
      assert.strictEqual((yield* backoffOf(handle, "a")).attempt, 2)
    }))

  it.effect("a start by hand of a child at rest begins afresh", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: Schedule.recurs(1) })])
      yield* world.crash("a")
      yield* world.crash("a")
      assert.strictEqual(yield* tagOf(handle, "a"), "GaveUp")
      assert.strictEqual(yield* handle.start("a"), "done")
      yield* world.crash("a")
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
      yield* world.crash("a")
      assert.strictEqual(yield* tagOf(handle, "a"), "GaveUp")
    }))

  it.effect("it starts afresh after resetAfter of uptime and not before", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: reset })])
      yield* world.crash("a")
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("9999 millis")
      yield* world.crash("a")
      assert.strictEqual((yield* backoffOf(handle, "a")).attempt, 2)
      yield* TestClock.adjust("2 seconds")
      yield* TestClock.adjust("10 seconds")
      yield* world.crash("a")
      assert.strictEqual((yield* backoffOf(handle, "a")).attempt, 1)
    }))

  it.effect("time in a backoff is no uptime", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([
        world.child("a", { restart: RestartPolicy.onFailure(Schedule.spaced("1 hour"), { resetAfter: "10 seconds" }) })
      ])
      yield* world.crash("a")
      yield* TestClock.adjust("1 hour")
      yield* world.crash("a")
      assert.strictEqual((yield* backoffOf(handle, "a")).attempt, 2)
    }))

  it.effect("healthy uptime counts from ready, not from the start", () =>
    Effect.gen(function*() {
      let runs = 0
      const slow = Runnable.make(
        "slow",
        Effect.suspend(() => {
          const up = ++runs === 2 ? "9 seconds" : "10 seconds"
          return Effect.sleep("1 hour").pipe(
            Effect.andThen(Control.ready),
            Effect.andThen(Effect.sleep(up)),
            Effect.andThen(Effect.fail("boom"))
          )
        }),
        { ready: "signal", restart: reset }
      )
      const handle = yield* pool([])
      yield* Effect.forkScoped(handle.add(slow))
      yield* TestClock.adjust("1 hour")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* backoffOf(handle, "slow")).attempt, 1)
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 hour")
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* backoffOf(handle, "slow")).attempt, 2)
    }))

  it.effect("a child that was never ready was never healthy", () =>
    Effect.gen(function*() {
      const slow = Runnable.make("slow", Effect.andThen(Effect.sleep("1 hour"), Effect.fail("boom")), {
        ready: "signal",
        restart: reset
      })
      const handle = yield* pool([])
      yield* Effect.forkScoped(handle.add(slow))
      yield* TestClock.adjust("1 hour")
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* backoffOf(handle, "slow")).attempt, 2)
    }))

  it.effect("healthy uptime that ended with a sibling's group restart has counted", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([
        world.child("a", { restart: reset }),
        world.child("b", { restart: Schedule.forever })
      ], {
        strategy: "one-for-all"
      })
      yield* world.crash("a")
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 hour")
      yield* world.crash("b")
      yield* world.crash("a")
      assert.strictEqual((yield* backoffOf(handle, "a")).attempt, 1)
    }))
})

describe("R5 a manager-wide intensity", () => {
  it.effect("all children spend from one budget; exceeding it fails the manager with the last cause", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const restart = Schedule.forever
      const manager = ProcessManager.make("app", [world.child("a", { restart }), world.child("b", { restart })], {
        intensity: { restarts: 2, within: "10 seconds" }
      })
      const fiber = yield* Effect.forkChild(manager)
      yield* settle
      yield* world.crash("a")
      yield* world.crash("b")
      assert.strictEqual(world.logged(), "+a +b -a +a -b +b")
      yield* world.crash("a", "last")
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      assert.strictEqual(Cause.squash(exit.cause), "last")
      assert.strictEqual(SupervisorError.childPath(exit.cause), "a")
      assert.strictEqual(world.logged(), "-a -b")
    }))

  it.effect("what is older than the stretch does not count", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: Schedule.forever })], {
        intensity: { restarts: 2, within: "10 seconds" }
      })
      for (let index = 0; index < 50; index++) {
        yield* world.crash("a")
        yield* TestClock.adjust("5 seconds")
      }
      assert.strictEqual(yield* incarnationOf(handle, "a"), 51)
    }))

  it.effect("only restarts that a failure caused count: a good end under always does not, nor does a restart by hand", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: RestartPolicy.always(Schedule.forever) })], {
        intensity: { restarts: 1, within: "10 seconds" }
      })
      for (let index = 0; index < 10; index++) {
        yield* world.end("a", Effect.void)
        yield* handle.restart("a")
      }
      yield* world.crash("a")
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
      assert.strictEqual((yield* handle.status).state, "Running")
    }))

  it.effect("a group restart counts once", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const restart = Schedule.forever
      const names = ["a", "b", "c", "d"]
      const handle = yield* pool(names.map((name) => world.child(name, { restart })), {
        strategy: "one-for-all",
        intensity: { restarts: 2, within: "10 seconds" }
      })
      yield* world.crash("a")
      yield* world.crash("c")
      const status = yield* handle.status
      assert.strictEqual(status.state, "Running")
      assert.strictEqual(status.restarts, 2)
      yield* world.crash("b")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(handle.await)))
    }))

  it.effect("a child that its own policy gives up takes nothing from it", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [world.child("a"), world.child("b", { restart: Schedule.recurs(1) })],
        { intensity: { restarts: 1, within: "10 seconds" } }
      )
      yield* world.crash("a")
      yield* world.crash("b")
      assert.strictEqual(yield* tagOf(handle, "a"), "GaveUp")
      assert.strictEqual(yield* tagOf(handle, "b"), "Running")
    }))

  it.effect("it may be any schedule: its end fails the manager", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: Schedule.forever })], { intensity: Schedule.recurs(2) })
      yield* world.crash("a")
      yield* world.crash("a")
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
      yield* world.crash("a", "last")
      const exit = yield* Effect.exit(handle.await)
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "last")
    }))

  it.effect("it may be any schedule: the longer delay of the two is taken", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool(
        [
          world.child("a", { restart: Schedule.spaced("1 second") }),
          world.child("b", { restart: Schedule.spaced("9 seconds") })
        ],
        { intensity: Schedule.spaced("5 seconds") }
      )
      yield* world.crash("a")
      yield* world.crash("b")
      assert.strictEqual((yield* backoffOf(handle, "a")).until, 5000)
      assert.strictEqual((yield* backoffOf(handle, "b")).until, 9000)
    }))

  it.effect("it may be any schedule: one that takes its time to decide delays the restart and no more", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: Schedule.forever }), world.child("b")], {
        intensity: Schedule.recurs(3).pipe(Schedule.tap(() => Effect.sleep("2 seconds")))
      })
      yield* world.crash("a")
      assert.strictEqual((yield* handle.status).state, "Running")
      assert.strictEqual(world.logged(), "+a +b -a")
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.strictEqual(world.logged(), "+a")
    }))

  it.effect("one that fails fails the manager: the child's cause first, then what went wrong", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: Schedule.forever })], {
        intensity: Schedule.forever.pipe(Schedule.tap(() => Effect.die(new Error("bad intensity"))))
      })
      yield* world.crash("a")
      const exit = yield* Effect.exit(handle.await)
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      assert.deepInclude(exit.cause.reasons[0], { _tag: "Fail", error: "boom" })
      assert.include(Cause.pretty(exit.cause), "bad intensity")
    }))

  it.effect("a restart that it refuses is no restart: neither counted nor recorded as one", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: Schedule.forever })], {
        intensity: { restarts: 2, within: "10 seconds" }
      })
      for (let index = 0; index < 3; index++) yield* world.crash("a")
      yield* Effect.exit(handle.await)
      const status = yield* handle.status
      assert.deepStrictEqual(status.children[0]!.history.map(({ decision }) => decision), [
        "restart",
        "restart",
        "giveUp"
      ])
      assert.strictEqual(status.children[0]!.restarts, 2)
      assert.strictEqual(status.restarts, 2)
    }))

  it.effect("the parent's policy decides what then becomes of the manager", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const sub = ProcessManager.make("sub", [world.child("a", { restart: Schedule.forever }), world.child("b")], {
        intensity: { restarts: 1, within: "10 seconds" },
        restart: Schedule.spaced("1 minute")
      })
      const handle = yield* pool([sub])
      yield* world.crash("a")
      yield* world.crash("a")
      assert.strictEqual(world.logged(), "+a +b -a +a -a -b")
      assert.strictEqual((yield* backoffOf(handle, "sub")).until, 60_000)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(world.logged(), "+a +b")
      // Its new incarnation has a budget of its own.
      yield* world.crash("a")
      assert.strictEqual(world.logged(), "-a +a")
    }))
})

/** A child whose finalizers take their time. */
const slowToClose = (log: Array<string>, options?: Runnable.Options<string>) => {
  let run = 0
  return Runnable.make(
    "a",
    Effect.gen(function*() {
      const number = ++run
      yield* Effect.acquireRelease(
        Effect.sync(() => log.push(`+${number}`)),
        () => Effect.andThen(Effect.sleep("3 seconds"), Effect.sync(() => log.push(`-${number}`)))
      )
      return yield* number === 1 ? Effect.andThen(Effect.sleep("1 second"), Effect.fail("boom")) : Effect.never
    }),
    options
  )
}

/** Its first incarnation cannot be interrupted, until it is let go; then it ends like this. */
const stubborn = (options: Runnable.Options<string>, end: Effect.Effect<void, string> = Effect.fail("stale")) =>
  Effect.gen(function*() {
    const release = yield* Deferred.make<void>()
    const log: Array<string> = []
    const controls: Array<Control.Control> = []
    let run = 0
    const runnable = Runnable.make(
      "a",
      Effect.gen(function*() {
        const number = ++run
        controls.push(yield* Control.Current)
        yield* Effect.acquireRelease(
          Effect.sync(() => log.push(`+${number}`)),
          () => Effect.sync(() => log.push(`-${number}`))
        )
        if (number > 1) return yield* Effect.never
        yield* Effect.uninterruptible(Effect.andThen(Deferred.await(release), end))
      }),
      { restart: RestartPolicy.always(Schedule.forever), ...options }
    )
    return { controls, log, release: Effect.andThen(Deferred.succeed(release, undefined), settle), runnable }
  })

describe("R6 incarnations are numbered", () => {
  it.effect("they count from one through every kind of start", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: Schedule.forever })])
      assert.strictEqual(yield* incarnationOf(handle, "a"), 1)
      yield* world.crash("a")
      assert.strictEqual(yield* incarnationOf(handle, "a"), 2)
      yield* handle.restart("a")
      assert.strictEqual(yield* incarnationOf(handle, "a"), 3)
      yield* handle.stop("a")
      yield* handle.start("a")
      assert.strictEqual(yield* incarnationOf(handle, "a"), 4)
      assert.deepStrictEqual(
        (yield* handle.child("a")).history.map(({ decision, incarnation }) => [incarnation, decision]),
        [[1, "restart"], [2, "asked"], [3, "asked"]]
      )
    }))

  it.effect("the finalizers of the old one have ended before the new one starts, after a failure", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* pool([slowToClose(log, { restart: Schedule.forever })])
      yield* TestClock.adjust("3999 millis")
      assert.deepStrictEqual(log, ["+1"])
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.deepStrictEqual(log, ["+1", "-1", "+2"])
      yield* shutdownSlowly(handle)
    }))

  it.effect("and after a restart by hand", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* pool([slowToClose(log)])
      const restart = yield* Effect.forkChild(handle.restart("a"))
      yield* TestClock.adjust("2999 millis")
      assert.deepStrictEqual(log, ["+1"])
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(restart), "done")
      assert.deepStrictEqual(log, ["+1", "-1", "+2"])
      yield* shutdownSlowly(handle)
    }))

  it.effect("a start that comes while the old one still closes waits for it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* pool([slowToClose(log)])
      yield* Effect.forkChild(handle.stop("a"))
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(handle.start("a"))
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(log, ["+1"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(log, ["+1", "-1", "+2"])
      yield* shutdownSlowly(handle)
    }))

  it.effect("a finalizer that fails is part of what the policy sees", () =>
    Effect.gen(function*() {
      let seen: Exit.Exit<unknown, string> = Exit.void
      const child = Runnable.make(
        "a",
        Effect.andThen(Effect.addFinalizer(() => Effect.die("finalizer")), Effect.fail("boom")),
        {
          restart: RestartPolicy.onFailure<string>(Schedule.forever, {
            while: (exit) => {
              seen = exit
              return false
            }
          })
        }
      )
      yield* pool([child])
      assert.deepStrictEqual(Exit.isFailure(seen) && seen.cause.reasons.map((reason) => reason._tag), ["Fail", "Die"])
    }))

  it.effect("without overlap a child that would not end is abandoned and not started again", () =>
    Effect.gen(function*() {
      const { log, release, runnable } = yield* stubborn({})
      const handle = yield* pool([runnable])
      const restart = yield* Effect.forkChild(handle.restart("a"))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* tagOf(handle, "a"), "Abandoned")
      assert.strictEqual(yield* Fiber.join(restart), "noop")
      assert.strictEqual(yield* handle.start("a"), "noop")
      assert.deepStrictEqual((yield* handle.status).abandoned, ["a"])
      assert.deepStrictEqual(log, ["+1"])
      // Once it has ended after all, it can be started like any other that was stopped.
      yield* release
      assert.strictEqual(yield* tagOf(handle, "a"), "Stopped")
      assert.deepStrictEqual(log, ["+1", "-1"])
      assert.strictEqual(yield* handle.start("a"), "done")
      assert.deepStrictEqual(log, ["+1", "-1", "+2"])
    }))

  it.effect("with overlap the new one starts beside it, and the stale exit changes nothing", () =>
    Effect.gen(function*() {
      const { log, release, runnable } = yield* stubborn({ overlap: true })
      const handle = yield* pool([runnable])
      const restart = yield* Effect.forkChild(handle.restart("a"))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(restart), "done")
      assert.deepStrictEqual(log, ["+1", "+2"])
      const before = yield* handle.child("a")
      assert.deepStrictEqual([before.state._tag, before.incarnation], ["Running", 2])
      yield* release
      assert.deepStrictEqual(log, ["+1", "+2", "-1"])
      assert.deepStrictEqual(yield* handle.child("a"), before)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* handle.child("a"), before)
      assert.strictEqual((yield* handle.status).restarts, 0)
    }))

  it.effect("with overlap a stale 'ready' does not make the new one ready", () =>
    Effect.gen(function*() {
      const { controls, release, runnable } = yield* stubborn({ overlap: true, ready: "signal" })
      const handle = yield* pool([])
      yield* Effect.forkChild(handle.add(runnable))
      yield* settle
      controls[0]!.ready()
      yield* Effect.forkChild(handle.restart("a"))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* incarnationOf(handle, "a"), 2)
      assert.strictEqual(yield* tagOf(handle, "a"), "Starting")
      controls[0]!.ready()
      assert.strictEqual(yield* tagOf(handle, "a"), "Starting")
      controls[1]!.ready()
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
      yield* release
    }))

  it.effect("with overlap a stale heartbeat does not feed the new one's watchdog", () =>
    Effect.gen(function*() {
      const { controls, release, runnable } = yield* stubborn({ overlap: true, watchdog: "10 seconds" })
      const handle = yield* pool([runnable])
      yield* Effect.forkChild(handle.restart("a"))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* incarnationOf(handle, "a"), 2)
      yield* TestClock.adjust("9 seconds")
      controls[0]!.heartbeat()
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* incarnationOf(handle, "a"), 3)
      yield* release
    }))

  it.effect("a message that the old one did not read does not reach the new one", () =>
    Effect.gen(function*() {
      const got: Array<unknown> = []
      const world = makeWorld()
      let run = 0
      const child = Runnable.make(
        "a",
        Effect.suspend(() =>
          ++run === 1
            ? Effect.never
            : Control.messages.pipe(Stream.runForEach((message) => Effect.sync(() => got.push(message))))
        )
      )
      const handle = yield* pool([world.child("b"), child])
      yield* handle.send("a", "old")
      yield* handle.restart("a")
      yield* handle.send("a", "new")
      yield* settle
      assert.deepStrictEqual(got, ["new"])
    }))

  it.effect("a request to stop that the old one did not hear does not stop the new one", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      let run = 0
      const child = Runnable.make(
        "a",
        Effect.suspend(() => {
          const number = ++run
          return Effect.andThen(Control.shutdown, Effect.sync(() => log.push(`asked ${number}`)))
        })
      )
      const handle = yield* pool([child])
      yield* handle.restart("a")
      yield* settle
      assert.deepStrictEqual(log, ["asked 1"])
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
    }))

  it.effect("a start timeout is over once the child is ready, also for later incarnations", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a", { restart: Schedule.forever, startTimeout: "10 seconds" })])
      yield* world.crash("a")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
      assert.strictEqual(yield* incarnationOf(handle, "a"), 2)
    }))
})

describe("R7 own stop is never a failure", () => {
  const always = RestartPolicy.always(Schedule.forever)

  for (const operation of ["stop", "hold", "remove"] as const) {
    it.effect(`${operation} of a child that has to run always neither restarts it nor fails the manager`, () =>
      Effect.gen(function*() {
        const world = makeWorld()
        const handle = yield* pool([world.child("a", { restart: always }), world.child("b")], { escalate: "first" })
        assert.strictEqual(yield* handle[operation]("a"), "done")
        yield* TestClock.adjust("1 day")
        assert.strictEqual(world.logged(), "+a +b -a")
        const status = yield* handle.status
        assert.strictEqual(status.state, "Running")
        assert.strictEqual(status.restarts, 0)
      }))
  }

  const ends: Record<string, Effect.Effect<void, string>> = {
    "ends well": Effect.void,
    "fails": Effect.fail("late"),
    "dies": Effect.die("late"),
    "interrupts itself": Effect.interrupt
  }
  for (const [how, end] of Object.entries(ends)) {
    it.effect(`a child that ${how} when it is asked to stop is stopped, and its policy is not asked`, () =>
      Effect.gen(function*() {
        let asked = 0
        const restart = RestartPolicy.always<string>(Schedule.forever, { while: () => ++asked > 0 })
        const child = Runnable.make("a", Effect.andThen(Control.shutdown, end), { restart })
        const handle = yield* pool([child, Runnable.idle()], { escalate: "first", intensity: Schedule.recurs(0) })
        assert.strictEqual(yield* handle.stop("a"), "done")
        yield* TestClock.adjust("1 day")
        const { history, incarnation, restarts, state } = yield* handle.child("a")
        assert.deepStrictEqual([state._tag, incarnation, restarts], ["Stopped", 1, 0])
        assert.deepStrictEqual(history.map(({ decision }) => decision), ["asked"])
        assert.strictEqual(asked, 0)
        assert.strictEqual((yield* handle.status).state, "Running")
        assert.strictEqual((yield* handle.status).completed, 0)
      }))
  }

  it.effect("a finalizer that fails during its own stop does not make the stop a failure", () =>
    Effect.gen(function*() {
      const child = Runnable.make(
        "a",
        Effect.andThen(Effect.addFinalizer(() => Effect.die("finalizer")), Effect.never),
        { restart: Schedule.forever }
      )
      const handle = yield* pool([child, Runnable.idle()], { escalate: "first" })
      assert.strictEqual(yield* handle.stop("a"), "done")
      assert.strictEqual(yield* tagOf(handle, "a"), "Stopped")
      assert.strictEqual((yield* handle.status).state, "Running")
    }))

  it.effect("a foreign interrupt is a failure: onFailure restarts it", () =>
    Effect.gen(function*() {
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      const child = Runnable.make(
        "a",
        Effect.andThen(Effect.withFiber((fiber) => Effect.sync(() => fibers.push(fiber))), Effect.never),
        { restart: Schedule.spaced("1 second") }
      )
      const handle = yield* pool([child])
      yield* Fiber.interrupt(fibers[0]!)
      yield* settle
      assert.deepInclude((yield* backoffOf(handle, "a")).cause, { kind: "Interrupt" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(fibers.length, 2)
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
    }))

  it.effect("a foreign interrupt is a failure: without a policy it fails the manager", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const fiber = yield* Effect.forkChild(ProcessManager.make("app", [world.child("a"), world.child("b")]))
      yield* settle
      yield* world.end("b", Effect.interrupt)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.strictEqual(world.logged(), "+a +b -b -a")
    }))

  it.effect("a child that fails when its manager shuts down does not make the shutdown a failure", () =>
    Effect.gen(function*() {
      const child = Runnable.make("a", Effect.andThen(Control.shutdown, Effect.fail("late")))
      const handle = yield* pool([child], { escalate: "first" })
      yield* handle.shutdown
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
      assert.strictEqual((yield* handle.status).state, "Stopped")
    }))
})

describe("R8 a manager that restarts begins with what is described", () => {
  it.effect("children added at run time are gone, removed and stopped ones are back", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const opened: Array<Supervisor.Handle<never>> = []
      const probe = Runnable.make(
        "probe",
        Effect.gen(function*() {
          opened.push(yield* Supervisor)
          return yield* Effect.never
        })
      )
      const sub = ProcessManager.make(
        "sub",
        ["a", "b", "c", "d"].map((name) => world.child(name)),
        { restart: Schedule.spaced("1 second") }
      )
      const handle = yield* pool([ProcessManager.add(probe)(sub)])
      yield* until(() => opened.length === 1)
      const [first] = opened
      yield* first!.add(Runnable.make("extra", Effect.never))
      yield* first!.remove("b")
      yield* first!.stop("c")
      const names = Effect.map(handle.child("sub"), ({ supervisor }) =>
        supervisor?.children.map(({ name, state }) => `${name} ${state._tag}`).join(", "))
      assert.strictEqual(yield* names, "a Running, c Stopped, d Running, probe Running, extra Running")
      yield* world.crash("a")
      yield* TestClock.adjust("1 second")
      yield* until(() =>
        opened.length === 2
      )
      yield* settle
      assert.strictEqual(yield* names, "a Running, b Running, c Running, d Running, probe Running")
      assert.strictEqual(yield* incarnationOf(handle, "sub/a"), 1)
      // The old supervisor is closed for good.
      const add = yield* Effect.exit(first!.add(Runnable.make("late", Effect.never)))
      assert.isTrue(Exit.isFailure(add) && Cause.squash(add.cause) instanceof SupervisorError.SupervisorClosed)
    }))
})

describe("Races", () => {
  it.effect("exit against stop: whichever comes first, the child is at rest and the outcome says what was done", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a"), world.child("b")])
      // The end first.
      const [, afterEnd] = yield* Effect.all([world.end("a", Effect.void), handle.stop("a")], {
        concurrency: "unbounded"
      })
      assert.strictEqual(afterEnd, "noop")
      assert.strictEqual(yield* tagOf(handle, "a"), "Completed")
      // The stop first.
      const [beforeEnd] = yield* Effect.all([handle.stop("b"), world.end("b", Effect.fail("late"))], {
        concurrency: "unbounded"
      })
      assert.strictEqual(beforeEnd, "done")
      assert.strictEqual(yield* tagOf(handle, "b"), "Stopped")
    }))

  it.effect("failure against stop: under a zero-delay policy the stop wins, however the two interleave", () =>
    Effect.gen(function*() {
      for (const stopFirst of [true, false]) {
        for (let turns = 0; turns < 4; turns++) {
          const world = makeWorld()
          const handle = yield* pool([world.child("a", { restart: Schedule.forever })])
          const wait = Effect.repeat(Effect.yieldNow, { times: turns })
          const stop = Effect.andThen(stopFirst ? Effect.void : wait, handle.stop("a"))
          const crash = Effect.andThen(stopFirst ? wait : Effect.void, world.crash("a"))
          yield* Effect.all(stopFirst ? [stop, crash] : [crash, stop], { concurrency: "unbounded" })
          yield* settle
          assert.strictEqual(yield* tagOf(handle, "a"), "Stopped")
          assert.deepStrictEqual(world.log.filter((line) => line === "+a").length, world.log.length / 2)
          yield* handle.shutdown
        }
      }
    }))

  it.effect("restart against give-up: the child is up again, in one incarnation", () =>
    Effect.gen(function*() {
      for (const crashFirst of [true, false]) {
        const world = makeWorld()
        const handle = yield* pool([world.child("a", { restart: Schedule.recurs(0) })])
        const crash = world.crash("a")
        const restart = handle.restart("a")
        yield* Effect.all(crashFirst ? [crash, restart] : [restart, crash], { concurrency: "unbounded" })
        yield* settle
        yield* TestClock.adjust("1 hour")
        // A crash after the restart hits the new incarnation and is given up; before it, it was the old one's.
        assert.include(crashFirst ? ["Running"] : ["Running", "GaveUp"], yield* tagOf(handle, "a"))
        const starts = world.log.filter((line) => line === "+a").length
        assert.strictEqual(starts, 2)
        assert.isAtLeast(world.log.filter((line) => line === "-a").length, 1)
        yield* handle.shutdown
      }
    }))

  it.effect("restart against give-up of the manager: the restart is refused or ends with it, and nothing is left", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a"), world.child("b")], { escalate: "first" })
      const [, exit] = yield* Effect.all([world.crash("a"), Effect.exit(handle.restart("b"))], {
        concurrency: "unbounded"
      })
      const closed = Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof SupervisorError.SupervisorClosed
      assert.isTrue(closed || Exit.isSuccess(exit))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(handle.await)))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(
        world.log.filter((line) => line[0] === "+").length,
        world.log.filter((line) => line[0] === "-").length
      )
    }))

  it.effect("several restarts at once leave one incarnation, and there were never two", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a")])
      const outcomes = yield* Effect.all([handle.restart("a"), handle.restart("a"), handle.restart("a")], {
        concurrency: "unbounded"
      })
      assert.include(outcomes, "done")
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
      let live = 0
      for (const line of world.log) {
        live += line === "+a" ? 1 : -1
        assert.isAtMost(live, 1)
      }
    }))

  it.effect.each(
    [
      { first: "hold", second: "release" },
      { first: "hold", second: "remove" },
      { first: "remove", second: "restart" }
    ] as const
  )(
    "a $first that a later $second overrode before it was done is told so",
    ({ first, second }) =>
      Effect.gen(function*() {
        const draining = Runnable.make("a", Effect.andThen(Control.shutdown, Effect.sleep("2 seconds")))
        const handle = yield* pool([draining])
        const asked = yield* Effect.forkChild(handle[first]("a"))
        yield* TestClock.adjust("1 second")
        const later = yield* Effect.forkChild(handle[second]("a"))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(later), "done")
        assert.strictEqual(yield* Fiber.join(asked), "noop")
      })
  )

  it.effect("a hold that is under way is a hold: neither start nor restart nor stop undoes it", () =>
    Effect.gen(function*() {
      const draining = Runnable.make("a", Effect.andThen(Control.shutdown, Effect.sleep("2 seconds")))
      const handle = yield* pool([draining])
      const asked = yield* Effect.forkChild(handle.hold("a"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* handle.start("a"), "noop")
      assert.strictEqual(yield* handle.restart("a"), "noop")
      const stop = yield* Effect.forkChild(handle.stop("a"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(stop), "noop")
      assert.strictEqual(yield* Fiber.join(asked), "done")
      assert.strictEqual(yield* tagOf(handle, "a"), "Held")
    }))

  it.effect("nothing restarts once the manager is closing", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const drain = Runnable.make("drain", Effect.andThen(Control.shutdown, Effect.sleep("2 seconds")))
      const handle = yield* pool([world.child("a", { restart: RestartPolicy.always(Schedule.forever) }), drain])
      const shutdown = yield* Effect.forkChild(handle.shutdown)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(world.logged(), "+a")
      yield* world.crash("a")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(shutdown)
      yield* TestClock.adjust("1 day")
      assert.strictEqual(world.logged(), "-a")
    }))

  it.effect("a caller who is interrupted leaves nothing half done", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const child = Runnable.make(
        "a",
        Effect.gen(function*() {
          yield* Effect.acquireRelease(Effect.sync(() => log.push("+a")), () => Effect.sync(() => log.push("-a")))
          yield* Control.shutdown
          yield* Effect.sleep("2 seconds")
        })
      )
      const handle = yield* pool([child])
      const caller = yield* Effect.forkChild(handle.restart("a"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(caller)
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual(log, ["+a", "-a", "+a"])
      yield* shutdownSlowly(handle)
    }))
})

describe("Administration (OTP's supervisor suite)", () => {
  it.effect("start, stop, start again, remove: what is done and what is nothing to do", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a")])
      assert.strictEqual(yield* handle.start("a"), "noop")
      assert.strictEqual(yield* handle.stop("a"), "done")
      assert.strictEqual(yield* handle.stop("a"), "noop")
      assert.strictEqual(yield* handle.start("a"), "done")
      assert.strictEqual(yield* handle.restart("a"), "done")
      assert.strictEqual(yield* handle.remove("a"), "done")
      assert.strictEqual(world.logged(), "+a -a +a -a +a -a")
    }))

  it.effect("a name that nobody has is an error that says so, for every operation", () =>
    Effect.gen(function*() {
      const handle = yield* pool([])
      for (const operation of ["start", "stop", "restart", "hold", "release", "remove"] as const) {
        const error = yield* Effect.flip(handle[operation]("ghost"))
        assert.instanceOf(error, SupervisorError.ChildNotFound)
        assert.deepInclude(error, { child: "ghost", supervisor: "app" })
      }
    }))

  it.effect("a name that is taken is an error, whatever state its child is in, until it is removed", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([
        world.child("running"),
        world.child("stopped"),
        world.child("completed"),
        world.child("gaveUp"),
        world.child("backoff", { restart: Schedule.spaced("1 minute") }),
        world.child("held")
      ])
      yield* handle.stop("stopped")
      yield* world.end("completed", Effect.void)
      yield* world.crash("gaveUp")
      yield* world.crash("backoff")
      yield* handle.hold("held")
      for (const { name } of (yield* handle.status).children) {
        const error = yield* Effect.flip(handle.add(world.child(name)))
        assert.instanceOf(error, SupervisorError.DuplicateChild)
        assert.strictEqual(yield* handle.remove(name), "done")
        yield* handle.add(world.child(name))
        assert.strictEqual(yield* tagOf(handle, name), "Running")
      }
    }))

  it.effect("a temporary child that ended can be started again by hand while it is in the map", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a")])
      yield* world.crash("a")
      assert.strictEqual(yield* tagOf(handle, "a"), "GaveUp")
      assert.strictEqual(yield* handle.restart("a"), "done")
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
    }))

  it.effect("the order of the map is the order of adding, whatever was restarted since", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a"), world.child("b"), world.child("c")])
      yield* handle.restart("a")
      yield* handle.stop("b")
      yield* handle.start("b")
      yield* handle.add(world.child("d"))
      assert.deepStrictEqual((yield* handle.status).children.map(({ name }) => name), ["a", "b", "c", "d"])
      world.logged()
      yield* handle.shutdown
      assert.strictEqual(world.logged(), "-d -c -b -a")
    }))

  it.effect("every operation on a closed supervisor says that it is closed", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const handle = yield* pool([world.child("a")])
      yield* handle.shutdown
      for (const operation of ["start", "stop", "restart", "hold", "release", "remove"] as const) {
        assert.instanceOf(yield* Effect.flip(handle[operation]("a")), SupervisorError.SupervisorClosed)
      }
      assert.instanceOf(yield* Effect.flip(handle.add(world.child("b"))), SupervisorError.SupervisorClosed)
      assert.strictEqual(world.logged(), "+a -a")
    }))
})
