/**
 * Unit-testing a Runnable: it is an Effect, so a plain test runs it, without a supervisor and without waiting.
 *
 * Observe: three passing tests in well under a second, though the poller sleeps for minutes: time is the TestClock's.
 * Run alone it is one incarnation, and nobody asks it to stop; under a manager the same value is restarted.
 * With `@effect/vitest`, `it.effect` provides the TestClock and the Scope.
 */
import { Effect, Exit, Fiber, References, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { Control, ProcessManager, Runnable } from "effect-supervisor"
import assert from "node:assert/strict"
import { test } from "node:test"

const makePoller = (poll: Effect.Effect<void, string>) =>
  Runnable.make(
    "poller",
    Effect.gen(function*() {
      while (true) {
        const tick = yield* Control.tick(Effect.andThen(Effect.sleep("1 minute"), poll))
        if (tick._tag === "Shutdown") return
      }
    }),
    { restart: Schedule.exponential("1 second") }
  )

const run = <A, E>(effect: Effect.Effect<A, E, never>) =>
  Effect.runPromise(
    effect.pipe(Effect.provide(TestClock.layer()), Effect.provideService(References.MinimumLogLevel, "None"))
  )

test("polls once a minute", () =>
  run(Effect.gen(function*() {
    let polls = 0
    const fiber = yield* Effect.forkChild(makePoller(Effect.sync(() => void polls++)))
    yield* TestClock.adjust("3 minutes")
    assert.equal(polls, 3)
    yield* Fiber.interrupt(fiber)
  })))

test("fails with what the poll fails with", () =>
  run(Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(makePoller(Effect.fail("no answer")))
    yield* TestClock.adjust("1 minute")
    assert.deepEqual(yield* Fiber.await(fiber), Exit.fail("no answer"))
  })))

test("polls on after a failure, when it is supervised", () =>
  run(Effect.scoped(Effect.gen(function*() {
    let polls = 0
    const flaky = Effect.suspend(() => ++polls === 1 ? Effect.fail("no answer") : Effect.void)
    const handle = yield* ProcessManager.start(ProcessManager.make("app", [makePoller(flaky)]))
    yield* TestClock.adjust("3 minutes")
    assert.equal(polls, 2)
    yield* handle.shutdown
  }))))
