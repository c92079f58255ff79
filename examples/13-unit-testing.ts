/**
 * Unit-testing a Runnable: it is an Effect, so a plain test runs it, without a supervisor and without waiting.
 *
 * Observe: three passing tests in well under a second, though the poller sleeps for minutes: time is the TestClock's.
 * Run alone it is one incarnation, and nobody asks it to stop; under a manager the same value is restarted. A stop that
 * takes time is forked, or nobody would move the clock meanwhile: fork, adjust, join.
 * With `@effect/vitest`, `it.effect` provides the TestClock and the Scope.
 */
import { Effect, Exit, Fiber, References, Schedule, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Control, ProcessManager, Runnable } from "effect-supervisor"
import assert from "node:assert/strict"
import { test } from "node:test"

const makePoller = (poll: Effect.Effect<void, string>) =>
  Runnable.make(
    "poller",
    Control.tick(Effect.andThen(Effect.sleep("1 minute"), poll)).pipe(
      Effect.repeat({ until: (tick) => tick._tag === "Shutdown" }),
      Effect.andThen(Effect.sleep("3 seconds"))
    ),
    { restart: Schedule.exponential("1 second") }
  )

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  Effect.runPromise(
    Effect.scoped(effect).pipe(
      Effect.provide(TestClock.layer()),
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  )

test("polls once a minute", () =>
  run(Effect.gen(function*() {
    let polls = 0
    yield* Effect.forkScoped(makePoller(Effect.sync(() => void polls++)))
    yield* TestClock.adjust("3 minutes")
    assert.equal(polls, 3)
  })))

test("fails with what the poll fails with", () =>
  run(Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(makePoller(Effect.fail("no answer")))
    yield* TestClock.adjust("1 minute")
    assert.deepEqual(yield* Fiber.await(fiber), Exit.fail("no answer"))
  })))

test("polls on after a failure, when it is supervised, and takes three seconds to stop", () =>
  run(Effect.gen(function*() {
    let polls = 0
    const flaky = Effect.suspend(() => ++polls === 1 ? Effect.fail("no answer") : Effect.void)
    const handle = yield* ProcessManager.start(ProcessManager.make("app", [makePoller(flaky)]))
    yield* TestClock.adjust("3 minutes")
    assert.equal(polls, 2)

    const stopping = yield* Effect.forkChild(handle.shutdown)
    yield* TestClock.adjust("3 seconds")
    yield* Fiber.join(stopping)
  })))
