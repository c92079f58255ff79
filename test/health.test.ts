import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Schedule, Stream } from "effect"
import { Control, ProcessManager, Runnable, type Supervisor, SupervisorError } from "effect-supervisor"
import type { SupervisorEvent } from "effect-supervisor"
import { TestClock } from "effect/testing"
import { pool, settle, shown } from "./support.ts"

const lastCause = (handle: Supervisor.Handle<string>, name: string) =>
  Effect.map(handle.child(name), ({ history }) => {
    const exit = history.at(-1)?.exit
    return exit?._tag === "Failure" ? exit.cause : undefined
  })

const now = TestClock.testClockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))

/** A child that shows what it heard from its supervisor. */
const silent = (options: Runnable.Options<string>) => {
  const controls: Array<Control.Control> = []
  const runnable = Runnable.make(
    "a",
    Effect.gen(function*() {
      controls.push(yield* Control.Current)
      return yield* Effect.never
    }),
    options
  )
  return [runnable, controls] as const
}

describe("H1 watchdog", () => {
  it.effect("no heartbeat within the deadline makes the incarnation a failure, which the policy handles", () =>
    Effect.gen(function*() {
      const [child] = silent({ watchdog: "10 seconds", restart: Schedule.spaced("1 second") })
      const handle = yield* pool([child])
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "Backoff 1")
      assert.deepInclude(yield* lastCause(handle, "a"), { kind: "Die", tag: "Unresponsive" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* shown(handle, "a"), "Running 2")
    }))

  it.effect("without a policy it fails the manager, with the path and the deadline", () =>
    Effect.gen(function*() {
      const [child] = silent({ watchdog: "10 seconds" })
      const handle = yield* pool([child], { escalate: "first" })
      yield* TestClock.adjust("10 seconds")
      const exit = yield* Effect.exit(handle.await)
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      const error = Cause.squash(exit.cause)
      assert.instanceOf(error, SupervisorError.Unresponsive)
      assert.deepInclude(error, { path: "a", watchdogMillis: 10_000 })
      assert.strictEqual(SupervisorError.childPath(exit.cause), "a")
    }))

  it.effect("every heartbeat pushes the deadline out", () =>
    Effect.gen(function*() {
      let beats = 0
      const child = Runnable.make(
        "a",
        Effect.forever(Effect.suspend(() => {
          // Five beats 9 s apart, then silence.
          if (++beats > 5) return Effect.never
          return Effect.andThen(Effect.sleep("9 seconds"), Control.heartbeat)
        })),
        { watchdog: "10 seconds" }
      )
      const handle = yield* pool([child])
      yield* TestClock.adjust("45 seconds")
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "GaveUp 1")
    }))

  it.effect("the deadline runs from ready: a slow start is not unresponsive", () =>
    Effect.gen(function*() {
      const [child, controls] = silent({ watchdog: "10 seconds", ready: "signal" })
      const handle = yield* pool([])
      yield* Effect.forkChild(handle.add(child))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* shown(handle, "a"), "Starting 1")
      controls[0]!.ready()
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "GaveUp 1")
    }))

  it.effect("it is ended at once, without a grace, and its finalizers run before the next incarnation starts", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const child = Runnable.make(
        "a",
        Effect.gen(function*() {
          yield* Effect.acquireRelease(Effect.sync(() => log.push("+a")), () => Effect.sync(() => log.push("-a")))
          yield* Control.shutdown
          log.push("asked")
          return yield* Effect.never
        }),
        { watchdog: "10 seconds", restart: Schedule.forever, grace: "1 hour" }
      )
      yield* pool([child])
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.deepStrictEqual(log, ["+a", "-a", "+a"])
    }))

  it.effect("each incarnation has its own deadline", () =>
    Effect.gen(function*() {
      const [child, controls] = silent({ watchdog: "10 seconds", restart: Schedule.forever })
      const handle = yield* pool([child])
      yield* TestClock.adjust("9 seconds")
      yield* handle.restart("a")
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* shown(handle, "a"), "Running 2")
      controls[1]!.heartbeat()
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* shown(handle, "a"), "Running 2")
    }))

  it.effect("a child that is being stopped is not unresponsive", () =>
    Effect.gen(function*() {
      const child = Runnable.make("a", Effect.andThen(Control.shutdown, Effect.sleep("1 minute")), {
        watchdog: "10 seconds",
        restart: Schedule.forever,
        grace: "1 hour"
      })
      const handle = yield* pool([child])
      yield* Effect.forkChild(handle.stop("a"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* shown(handle, "a"), "Stopped 1")
      assert.strictEqual((yield* handle.child("a")).restarts, 0)
    }))

  it.effect("a heartbeat outside of a supervisor, or without a watchdog, does nothing", () =>
    Effect.gen(function*() {
      yield* Control.heartbeat
      const handle = yield* pool([Runnable.make("a", Effect.andThen(Control.heartbeat, Effect.never))])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
    }))

  it("a deadline that is none is refused where it is written", () => {
    for (const watchdog of [0, -1, NaN, Infinity]) {
      assert.throws(() => Runnable.make("a", Effect.void, { watchdog }), SupervisorError.InvalidOption)
    }
  })
})

/** A child with a check that answers what `answers` says, the last of it for ever; `at` is when it was asked. */
const checked = (
  answers: ReadonlyArray<Effect.Effect<unknown, unknown>>,
  health: Omit<Runnable.HealthCheck, "check"> = {},
  options: Runnable.Options<string> = {}
) => {
  const at: Array<number> = []
  let asked = 0
  const check = Effect.clockWith((clock) => {
    at.push(clock.currentTimeMillisUnsafe())
    return answers[Math.min(asked++, answers.length - 1)]!
  })
  return [Runnable.make("a", Effect.never, { health: { check, ...health }, ...options }), at] as const
}

describe("H2 liveness", () => {
  const bad = Effect.fail("no database")
  const good = Effect.void

  it.effect("by default it begins at ready, comes every 10 s, and three failures in a row are too many", () =>
    Effect.gen(function*() {
      const [child, at] = checked([bad])
      const handle = yield* pool([child], { escalate: "first" })
      assert.deepStrictEqual(at, [0])
      yield* TestClock.adjust("19999 millis")
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(at, [0, 10_000, 20_000])
      const exit = yield* Effect.exit(handle.await)
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      const error = Cause.squash(exit.cause)
      assert.instanceOf(error, SupervisorError.Unhealthy)
      assert.deepInclude(error, { path: "a", failures: 3 })
      assert.include((error as SupervisorError.Unhealthy).message, "no database")
    }))

  it.effect("the policy handles it like any other failure, and the next incarnation is checked afresh", () =>
    Effect.gen(function*() {
      const [child, at] = checked([bad, bad, bad, bad, bad, good], {}, { restart: Schedule.spaced("1 second") })
      const handle = yield* pool([child])
      yield* TestClock.adjust("20 seconds")
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "Backoff 1")
      assert.deepInclude(yield* lastCause(handle, "a"), { kind: "Die", tag: "Unhealthy" })
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 minute")
      // Two failures of the new incarnation are not the fourth and fifth of the old one.
      assert.strictEqual(yield* shown(handle, "a"), "Running 2")
      assert.deepStrictEqual(at.slice(0, 6), [0, 10_000, 20_000, 21_000, 31_000, 41_000])
    }))

  it.effect("recovery resets the count", () =>
    Effect.gen(function*() {
      const [child] = checked([bad, bad, good, bad, bad, good, bad, bad, bad])
      const handle = yield* pool([child])
      yield* TestClock.adjust("79999 millis")
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "GaveUp 1")
    }))

  it.effect("initialDelay is from ready to the first check, interval from the end of one to the next", () =>
    Effect.gen(function*() {
      const [child, at] = checked([Effect.sleep("2 seconds")], {
        initialDelay: "5 seconds",
        interval: "3 seconds",
        timeout: "4 seconds"
      })
      yield* TestClock.adjust("1 minute")
      const started = yield* now
      yield* pool([child])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(at.map((time) => time - started), [5000, 10_000, 15_000, 20_000])
    }))

  it.effect("it waits for ready: a child that is not ready is not checked and not restarted, however long it takes", () =>
    Effect.gen(function*() {
      let make: Control.Control | undefined
      const at: Array<number> = []
      const child = Runnable.make(
        "a",
        Effect.gen(function*() {
          make = yield* Control.Current
          return yield* Effect.never
        }),
        {
          ready: "signal",
          restart: Schedule.forever,
          health: { check: Effect.andThen(Effect.map(now, (time) => at.push(time)), Effect.fail("down")) }
        }
      )
      const handle = yield* pool([])
      yield* Effect.forkChild(handle.add(child))
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(at, [])
      assert.strictEqual(yield* shown(handle, "a"), "Starting 1")
      make!.ready()
      yield* settle
      assert.deepStrictEqual(at, [86_400_000])
      yield* handle.stop("a")
    }))

  it.effect("one failure is enough if failures is 1", () =>
    Effect.gen(function*() {
      const [child] = checked([good, bad], { failures: 1, interval: "1 second" })
      const handle = yield* pool([child])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "GaveUp 1")
    }))

  it.effect("a check that dies has failed, and so has one that interrupts itself", () =>
    Effect.gen(function*() {
      const throws = Effect.suspend((): Effect.Effect<void> => {
        throw new Error("bug in the check")
      })
      const [child] = checked([Effect.die("bug"), Effect.interrupt, throws], { interval: "1 second" })
      const handle = yield* pool([child])
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "GaveUp 1")
      assert.include((yield* lastCause(handle, "a"))?.pretty, "bug in the check")
    }))

  it.effect("a check that hangs has failed after its timeout of 1 s", () =>
    Effect.gen(function*() {
      const [child, at] = checked([Effect.never])
      const handle = yield* pool([child])
      yield* TestClock.adjust("22999 millis")
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.deepStrictEqual(at, [0, 11_000, 22_000])
      assert.strictEqual(yield* shown(handle, "a"), "GaveUp 1")
      assert.include((yield* lastCause(handle, "a"))?.message, "1000 ms")
    }))

  it.effect("a check that hangs and cannot be interrupted has failed just so, and holds up nothing", () =>
    Effect.gen(function*() {
      const [child, at] = checked([Effect.uninterruptible(Effect.never)], {}, { restart: Schedule.forever })
      const handle = yield* pool([child])
      yield* TestClock.adjust("23 seconds")
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "Running 2")
      assert.deepStrictEqual(at, [0, 11_000, 22_000, 23_000])
      assert.strictEqual(yield* handle.stop("a"), "done")
    }))

  it.effect("a check that is late but in time is good", () =>
    Effect.gen(function*() {
      const [child] = checked([Effect.sleep("999 millis")], { failures: 1 })
      const handle = yield* pool([child])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
    }))

  it.effect("a check that is under way when the child ends is interrupted, and the next one belongs to the next", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const [child, at] = checked([
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)),
        good
      ], { timeout: "1 hour" })
      const handle = yield* pool([child])
      yield* TestClock.adjust("5 seconds")
      yield* handle.restart("a")
      yield* settle
      assert.strictEqual(interrupted, 1)
      assert.deepStrictEqual(at, [0, 5000])
      yield* handle.stop("a")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(at, [0, 5000])
    }))

  it.effect("it is shown: in the snapshot, and as an event for every check that failed", () =>
    Effect.gen(function*() {
      const events: Array<SupervisorEvent> = []
      const [child] = checked([good, bad, bad, good])
      const handle = yield* pool([child, Runnable.make("b", Effect.never)])
      yield* handle.events.pipe(
        Stream.runForEach((event) => Effect.sync(() => events.push(event))),
        Effect.forkScoped
      )
      const health = Effect.map(handle.child("a"), (snapshot) => snapshot.health)
      yield* settle
      assert.strictEqual(yield* health, "healthy")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* health, "unhealthy")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* health, "unhealthy")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* health, "healthy")
      assert.isUndefined((yield* handle.child("b")).health)
      yield* settle
      const unhealthy = events.flatMap((event) => event._tag === "ChildUnhealthy" ? [event] : [])
      assert.deepStrictEqual(
        unhealthy.map(({ at, failures, incarnation, path }) => [path, at, incarnation, failures]),
        [
          ["a", 10_000, 1, 1],
          ["a", 20_000, 1, 2]
        ]
      )
      assert.deepInclude(unhealthy[0]!.cause, { kind: "Fail", message: "no database" })
    }))

  it.effect("a check sees the services and the control of its child", () =>
    Effect.gen(function*() {
      const seen: Array<boolean> = []
      let own: Control.Control | undefined
      const child = Runnable.make(
        "a",
        Effect.gen(function*() {
          own = yield* Control.Current
          return yield* Effect.never
        }),
        { health: { check: Effect.map(Control.Current, (control) => seen.push(control === own)) } }
      )
      yield* pool([child])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(seen, [true, true])
    }))

  it.effect("a manager can be checked, too: its whole subtree restarts", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const leaf = Runnable.make(
        "leaf",
        Effect.andThen(
          Effect.acquireRelease(Effect.sync(() => log.push("+leaf")), () => Effect.sync(() => log.push("-leaf"))),
          Effect.never
        )
      )
      let checks = 0
      const sub = ProcessManager.make("sub", [leaf], {
        restart: Schedule.forever,
        health: { check: Effect.suspend(() => ++checks === 1 ? Effect.fail("down") : Effect.void), failures: 1 }
      })
      const handle = yield* pool([sub])
      yield* settle
      assert.deepStrictEqual(log, ["+leaf", "-leaf", "+leaf"])
      assert.strictEqual(yield* shown(handle, "sub"), "Running 2")
    }))

  it.effect("setter and option say the same", () =>
    Effect.gen(function*() {
      const health = { check: Effect.fail("down"), failures: 1 }
      const child = Runnable.make("a", Effect.never).pipe(Runnable.health(health))
      const handle = yield* pool([child])
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "GaveUp 1")
    }))

  it("settings that make no sense are refused where they are written", () => {
    const check = Effect.void
    for (
      const health of [
        { check, interval: 0 },
        { check, timeout: 0 },
        { check, timeout: Infinity },
        { check, failures: 0 },
        { check, failures: 1.5 },
        { check, initialDelay: -1 }
      ]
    ) {
      assert.throws(() => Runnable.make("a", Effect.void, { health }), SupervisorError.InvalidOption)
    }
  })

  it.effect("what a check acquires is released when it has answered, well or not or too late", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      let round = 0
      const check = Effect.andThen(
        Effect.acquireRelease(
          Effect.sync(() => log.push(`+${++round}`)),
          () => Effect.sync(() => log.push(`-${round}`))
        ),
        Effect.suspend(() => round === 1 ? Effect.void : round === 2 ? Effect.fail("ill") : Effect.never)
      )
      const handle = yield* pool([Runnable.make("a", Effect.never, { health: { check, failures: 3 } })])
      yield* settle
      assert.deepStrictEqual(log.splice(0), ["+1", "-1"])
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.deepStrictEqual(log.splice(0), ["+2", "-2"])
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.deepStrictEqual(log.splice(0), ["+3"])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual(log.splice(0), ["-3"])
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
    }))
})

describe("H2 readiness", () => {
  it.effect("a child that never says it is ready is not restarted for that", () =>
    Effect.gen(function*() {
      const child = Runnable.make("a", Effect.never, { ready: "signal", restart: Schedule.forever })
      const handle = yield* pool([])
      yield* Effect.forkChild(handle.add(child))
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* shown(handle, "a"), "Starting 1")
      yield* handle.stop("a")
    }))

  it.effect("with a startTimeout it gives up, which is not a restart", () =>
    Effect.gen(function*() {
      const child = Runnable.make("a", Effect.never, {
        ready: "signal",
        restart: Schedule.forever,
        startTimeout: "1 minute"
      })
      const handle = yield* pool([])
      yield* Effect.forkChild(handle.add(child))
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "GaveUp 1")
      assert.deepInclude(yield* lastCause(handle, "a"), { kind: "Die", tag: "StartTimeout" })
    }))

  it.effect("saying ready twice changes nothing", () =>
    Effect.gen(function*() {
      const child = Runnable.make(
        "a",
        Control.ready.pipe(Effect.andThen(Control.ready), Effect.andThen(Effect.never)),
        {
          ready: "signal"
        }
      )
      const handle = yield* pool([child])
      const { incarnation, readyAt, state } = yield* handle.child("a")
      assert.deepStrictEqual([state._tag, incarnation, readyAt], ["Running", 1, 0])
    }))
})

describe("H3 a synchronous loop", () => {
  it.live("it cannot be seen from inside: whoever beats right after one was never unresponsive", () =>
    Effect.gen(function*() {
      const blocked = yield* Deferred.make<void>()
      const child = Runnable.make(
        "a",
        Effect.gen(function*() {
          yield* Effect.sleep("5 millis")
          const end = performance.now() + 130
          while (performance.now() < end);
          yield* Control.heartbeat
          yield* Deferred.succeed(blocked, undefined)
          return yield* Effect.never
        }),
        { watchdog: "100 millis" }
      )
      const handle = yield* pool([child])
      yield* Deferred.await(blocked)
      // Now the timer of the watchdog, which is long due, has its turn.
      yield* settle
      assert.strictEqual(yield* shown(handle, "a"), "Running 1")
    }))
})
