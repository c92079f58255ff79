import { assert, describe, it } from "@effect/vitest"
import { Cause, type Duration, Effect, Exit, Fiber, Schedule } from "effect"
import { ProcessManager, RestartPolicy, Runnable, SupervisorError } from "effect-supervisor"
import { TestClock } from "effect/testing"

const boom = Exit.fail("boom")
const ok = Exit.void

/** The decisions alone: "complete", "giveUp", or the delay in milliseconds. */
const timeline = <E>(
  policy: RestartPolicy.RestartPolicy<E> | RestartPolicy.RestartSchedule<E>,
  exits: Iterable<Exit.Exit<unknown, E> | RestartPolicy.SimulatedExit<E>>
) =>
  Effect.map(RestartPolicy.simulate(policy, exits), (steps) =>
    steps.map(({ decision }) => {
      switch (decision._tag) {
        case "Complete":
          return "complete"
        case "GiveUp":
          return "giveUp"
        case "Restart":
          return decision.delayMillis
      }
    }))

const causeOf = (step: RestartPolicy.SimulatedStep<unknown> | undefined): Cause.Cause<unknown> => {
  assert.strictEqual(step?.decision._tag, "GiveUp")
  const cause = step?.decision._tag === "GiveUp" ? step.decision.cause : undefined
  assert.isDefined(cause)
  return cause!
}

const times = <A>(n: number, a: A): ReadonlyArray<A> => Array.from({ length: n }, () => a)

/** What becomes of a child with this policy whose first incarnation ends like this: its state and its incarnation. */
const supervisedOnce = (policy: RestartPolicy.RestartPolicy<string>, end: Exit.Exit<void, string>) =>
  Effect.gen(function*() {
    let incarnations = 0
    const child = Runnable.make("child", Effect.suspend(() => ++incarnations === 1 ? end : Effect.never), {
      restart: policy
    })
    const manager = ProcessManager.make("app", [child], { escalate: "never", keepAlive: true, autoCleanup: false })
    const starting = yield* Effect.forkScoped(ProcessManager.start(manager))
    yield* TestClock.adjust("1 second")
    const handle = yield* Fiber.join(starting)
    const { incarnation, state } = yield* handle.child("child")
    return `${state._tag} ${incarnation}`
  })

describe("Ending: policy by exit (OTP's permanent, transient, temporary)", () => {
  const schedule = Schedule.spaced("100 millis")
  const exits = {
    success: ok,
    failure: Exit.fail("boom"),
    defect: Exit.die("boom"),
    "foreign interrupt": Exit.interrupt(42)
  }
  const policies = {
    never: RestartPolicy.never,
    onFailure: RestartPolicy.onFailure(schedule),
    always: RestartPolicy.always(schedule)
  }
  const table = [
    ["never", "success", "complete", "Completed 1"],
    ["never", "failure", "giveUp", "GaveUp 1"],
    ["never", "defect", "giveUp", "GaveUp 1"],
    ["never", "foreign interrupt", "giveUp", "GaveUp 1"],
    ["onFailure", "success", "complete", "Completed 1"],
    ["onFailure", "failure", 100, "Running 2"],
    ["onFailure", "defect", 100, "Running 2"],
    ["onFailure", "foreign interrupt", 100, "Running 2"],
    ["always", "success", 100, "Running 2"],
    ["always", "failure", 100, "Running 2"],
    ["always", "defect", 100, "Running 2"],
    ["always", "foreign interrupt", 100, "Running 2"]
  ] as const

  for (const [policy, exit, decision, state] of table) {
    it.effect(`${policy} on ${exit}: ${typeof decision === "number" ? "restart" : decision}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* timeline(policies[policy], [exits[exit]]), [decision])
        assert.strictEqual(yield* supervisedOnce(policies[policy], exits[exit]), state)
      }))
  }

  it.effect("a schedule alone means onFailure", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* timeline(schedule, [boom, boom, ok]), [100, 100, "complete"])
      assert.strictEqual(RestartPolicy.fromInput(schedule)._tag, "OnFailure")
    }))

  it("the default of a Runnable is never", () => {
    assert.strictEqual(Runnable.make("a", Effect.void).settings.restart._tag, "Never")
  })

  it.effect("giving up keeps the cause that the last incarnation ended with", () =>
    Effect.gen(function*() {
      const steps = yield* RestartPolicy.simulate(Schedule.recurs(1), [Exit.fail("first"), Exit.fail("second")])
      assert.deepStrictEqual(causeOf(steps[1]), Cause.fail("second"))
    }))

  it.effect("always: an end that was good but may not be followed by another start is a failure", () =>
    Effect.gen(function*() {
      const child = Runnable.make("child", Effect.void, { restart: RestartPolicy.always(Schedule.recurs(2)) })
      const exit = yield* Effect.exit(ProcessManager.make("app", [child]))
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      const error = Cause.squash(exit.cause)
      assert.instanceOf(error, SupervisorError.RestartsExhausted)
      assert.deepInclude(error, { path: "child", restarts: 2 })
    }))
})

const notFatal = (exit: Exit.Exit<unknown, string>) =>
  Exit.isFailure(exit) && !Cause.hasDies(exit.cause) && Cause.squash(exit.cause) !== "fatal"

describe("Restarting: while", () => {
  it.effect("what it refuses is given up at once, with its own cause, and costs nothing of the schedule", () =>
    Effect.gen(function*() {
      let steps = 0
      const counted = Schedule.recurs(5).pipe(Schedule.tap(() => Effect.sync(() => steps++)))
      const policy = RestartPolicy.onFailure<string>(counted, { while: notFatal })
      assert.deepStrictEqual(yield* timeline(policy, [boom, Exit.fail("fatal")]), [0, "giveUp"])
      assert.strictEqual(steps, 1)
      const [step] = yield* RestartPolicy.simulate(policy, [Exit.die("bug")])
      assert.deepStrictEqual(causeOf(step), Cause.die("bug"))
    }))

  it.effect("it sees the exit, good ends included under always", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const policy = RestartPolicy.always<string>(Schedule.forever, {
        while: (exit) => {
          seen.push(Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause))
          return Exit.isFailure(exit) || exit.value !== "done"
        }
      })
      assert.deepStrictEqual(yield* timeline(policy, [boom, Exit.succeed("more"), Exit.succeed("done")]), [
        0,
        0,
        "complete"
      ])
      assert.deepStrictEqual(seen, ["boom", "more", "done"])
    }))

  it.effect("onFailure does not ask it about a good end", () =>
    Effect.gen(function*() {
      let asked = 0
      const policy = RestartPolicy.onFailure<string>(Schedule.forever, { while: () => ++asked > 0 })
      assert.deepStrictEqual(yield* timeline(policy, [ok]), ["complete"])
      assert.strictEqual(asked, 0)
    }))

  it.effect("one that throws makes the child give up: its end first, then what was thrown", () =>
    Effect.gen(function*() {
      const policy = RestartPolicy.onFailure<string>(Schedule.forever, {
        while: () => {
          throw new Error("bad predicate")
        }
      })
      const [step] = yield* RestartPolicy.simulate(policy, [boom])
      const { reasons } = causeOf(step)
      assert.deepStrictEqual(reasons.map((reason) => reason._tag), ["Fail", "Die"])
      assert.include(Cause.pretty(causeOf(step)), "bad predicate")
    }))
})

describe("Restarting: schedules", () => {
  it.effect("the schedule's input is the exit of the incarnation that ended", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const schedule = Schedule.identity<Exit.Exit<unknown, string>>().pipe(
        Schedule.tap(({ input }) => Effect.sync(() => seen.push(Exit.isFailure(input) ? "failure" : "success")))
      )
      yield* RestartPolicy.simulate(RestartPolicy.always<string>(schedule), [boom, ok, boom])
      assert.deepStrictEqual(seen, ["failure", "success", "failure"])
    }))

  it.effect("one that is done means give up", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* timeline(Schedule.recurs(2), times(5, boom)), [0, 0, "giveUp"])
      assert.deepStrictEqual(yield* timeline(RestartPolicy.always(Schedule.recurs(1)), [ok, ok]), [0, "giveUp"])
    }))

  const failing = Schedule.forever.pipe(Schedule.tap(() => Effect.fail("schedule failed")))
  const dying = Schedule.forever.pipe(Schedule.tap(() => Effect.die(new Error("schedule died"))))
  const throwing = Schedule.fromStep<Exit.Exit<unknown, string>, void, never, never, never, never>(
    Effect.succeed(() => {
      throw new Error("step threw")
    })
  )
  const unmakeable = Schedule.fromStep<Exit.Exit<unknown, string>, void, never, never, never, never>(
    Effect.sync((): never => {
      throw new Error("could not be made")
    })
  )
  for (
    const [what, schedule, message] of [
      ["fails", failing, "schedule failed"],
      ["dies", dying, "schedule died"],
      ["throws in its step", throwing, "step threw"],
      ["throws when it is made", unmakeable, "could not be made"]
    ] as ReadonlyArray<[string, RestartPolicy.RestartSchedule<string>, string]>
  ) {
    it.effect(`one that ${what} makes the child give up: its end first, then what went wrong`, () =>
      Effect.gen(function*() {
        const [step] = yield* RestartPolicy.simulate<string>(schedule, [boom])
        const cause = causeOf(step)
        assert.strictEqual(cause.reasons.length, 2)
        assert.deepInclude(cause.reasons[0], { _tag: "Fail", error: "boom" })
        assert.include(Cause.pretty(cause), message)

        const child = Runnable.make("child", Effect.fail("boom"), { restart: schedule })
        const exit = yield* Effect.exit(ProcessManager.make("app", [child, Runnable.idle()]))
        assert.isTrue(Exit.isFailure(exit))
        if (!Exit.isFailure(exit)) return
        assert.deepInclude(exit.cause.reasons[0], { _tag: "Fail", error: "boom" })
        assert.include(Cause.pretty(exit.cause), message)
        assert.strictEqual(SupervisorError.childPath(exit.cause), "child")
      }))
  }

  it.effect("one that takes its time to decide: the child waits, its siblings do not", () =>
    Effect.gen(function*() {
      let runs = 0
      const slow = Schedule.spaced("1 second").pipe(Schedule.tap(() => Effect.sleep("2 seconds")))
      const child = Runnable.make("slow", Effect.suspend(() => ++runs < 3 ? Effect.fail("boom") : Effect.never), {
        restart: slow
      })
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [Runnable.idle(), child], { keepAlive: true })
      )
        .pipe(Effect.forkScoped)
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(runs, 1)
      yield* TestClock.adjust("1001 millis")
      assert.strictEqual(runs, 2)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(runs, 3)
      const running = yield* Fiber.join(handle)
      const slowChild = yield* running.child("slow")
      assert.strictEqual(slowChild.state._tag, "Running")
      assert.strictEqual(slowChild.restarts, 2)
      assert.deepStrictEqual(slowChild.history.map(({ decision }) => decision), ["restart", "restart"])
    }))

  for (const operation of ["stop", "hold", "remove"] as const) {
    it.effect(`${operation} while the schedule decides: the child never comes back`, () =>
      Effect.gen(function*() {
        let runs = 0
        const slow = Schedule.forever.pipe(Schedule.tap(() => Effect.sleep("2 seconds")))
        const child = Runnable.make("slow", Effect.suspend(() => ++runs > 0 ? Effect.fail("boom") : Effect.never), {
          restart: slow
        })
        const manager = ProcessManager.make("app", [], { keepAlive: true })
        const handle = yield* ProcessManager.start(manager as ProcessManager.ProcessManager<string>)
        yield* Effect.forkScoped(handle.add(child))
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* handle.child("slow")).state._tag, "Backoff")
        assert.strictEqual(yield* handle[operation]("slow"), "done")
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(runs, 1)
      }))
  }

  it.effect("an end is remembered also when a stop came before the decision about it", () =>
    Effect.gen(function*() {
      const slow = Schedule.forever.pipe(Schedule.tap(() => Effect.sleep("2 seconds")))
      const child = Runnable.make("slow", Effect.fail("boom"), { restart: slow })
      const manager = ProcessManager.make("app", [], { keepAlive: true })
      const handle = yield* ProcessManager.start(manager as ProcessManager.ProcessManager<string>)
      yield* Effect.forkScoped(handle.add(child))
      yield* TestClock.adjust("1 second")
      yield* handle.stop("slow")
      const { history } = yield* handle.child("slow")
      assert.deepStrictEqual(history.map(({ exit, incarnation }) => [incarnation, exit._tag]), [[1, "Failure"]])
    }))

  it.effect("restart while the schedule decides starts at once, and the late decision changes nothing", () =>
    Effect.gen(function*() {
      let runs = 0
      const slow = Schedule.forever.pipe(Schedule.tap(() => Effect.sleep("2 seconds")))
      const child = Runnable.make("slow", Effect.suspend(() => ++runs === 1 ? Effect.fail("boom") : Effect.never), {
        restart: slow
      })
      const manager = ProcessManager.make("app", [], { keepAlive: true })
      const handle = yield* ProcessManager.start(manager as ProcessManager.ProcessManager<string>)
      yield* Effect.forkScoped(handle.add(child))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* handle.restart("slow"), "done")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(runs, 2)
      const { incarnation, state } = yield* handle.child("slow")
      assert.deepStrictEqual([state._tag, incarnation], ["Running", 2])
    }))
})

describe("Restarting: resetAfter", () => {
  const policy = RestartPolicy.onFailure(Schedule.exponential("1 second"), { resetAfter: "10 seconds" })

  it.effect("the schedule starts afresh after that much uptime, and not a millisecond earlier", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* timeline(policy, [boom, boom, { exit: boom, uptime: 9999 }, { exit: boom, uptime: 10_000 }, boom]),
        [1000, 2000, 4000, 1000, 2000]
      )
    }))

  it.effect("attempt counts from the fresh start", () =>
    Effect.gen(function*() {
      const steps = yield* RestartPolicy.simulate(policy, [boom, boom, { exit: boom, uptime: "1 hour" }, boom])
      assert.deepStrictEqual(
        steps.map(({ decision }) => decision._tag === "Restart" ? decision.attempt : decision._tag),
        [1, 2, 1, 2]
      )
    }))

  it.effect("a budget of restarts is given back with it", () =>
    Effect.gen(function*() {
      const budget = RestartPolicy.onFailure(Schedule.recurs(1), { resetAfter: "10 seconds" })
      const healthy = { exit: boom, uptime: "10 seconds" } as const
      assert.deepStrictEqual(yield* timeline(budget, [boom, healthy, healthy, healthy, boom]), [0, 0, 0, 0, "giveUp"])
    }))

  it.effect("without it no uptime is long enough", () =>
    Effect.gen(function*() {
      const forever = RestartPolicy.onFailure(Schedule.exponential("1 second"))
      assert.deepStrictEqual(yield* timeline(forever, times(3, { exit: boom, uptime: "1 day" } as const)), [
        1000,
        2000,
        4000
      ])
    }))

  it("one that is no duration is refused where it is written", () => {
    assert.throws(() => RestartPolicy.onFailure(Schedule.forever, { resetAfter: -1 }), SupervisorError.InvalidOption)
    assert.throws(() => RestartPolicy.always(Schedule.forever, { resetAfter: NaN }), SupervisorError.InvalidOption)
  })
})

describe("Restarting: intensity", () => {
  it.effect("it ends when more than that many fall inside any stretch", () =>
    Effect.gen(function*() {
      const intensity = RestartPolicy.intensity({ restarts: 3, within: "10 seconds" })
      assert.deepStrictEqual(yield* timeline(intensity, times(5, boom)), [0, 0, 0, "giveUp"])
    }))

  it.effect("the stretch slides: what is older does not count, and nothing accumulates", () =>
    Effect.gen(function*() {
      const intensity = RestartPolicy.intensity({ restarts: 2, within: "10 seconds" })
      const every = (uptime: Duration.Input) => timeline(intensity, times(1000, { exit: boom, uptime }))
      assert.strictEqual((yield* every("5 seconds")).length, 1000)
      assert.deepStrictEqual(yield* every("4999 millis"), [0, 0, "giveUp"])
      // Two bursts of two, 10 s from each one to its successor: never three inside 10 s.
      const bursts = [0, 1000, 9000, 1000, 9000, 1000].map((uptime) => ({ exit: boom, uptime }))
      assert.deepStrictEqual(yield* timeline(intensity, bursts), [0, 0, 0, 0, 0, 0])
      // The window is not a tumbling one: 3 around the edge of two stretches are too many.
      const edge = [9000, 1000, 1000].map((uptime) => ({ exit: boom, uptime }))
      assert.deepStrictEqual(yield* timeline(intensity, edge), [0, 0, "giveUp"])
    }))

  it.effect("Schedule.max bounds a back-off by it: the delays of the one, the end of the other", () =>
    Effect.gen(function*() {
      const bounded = Schedule.max([
        Schedule.exponential("1 second"),
        RestartPolicy.intensity({ restarts: 4, within: "60 seconds" })
      ])
      assert.deepStrictEqual(yield* timeline(bounded, times(9, boom)), [1000, 2000, 4000, 8000, "giveUp"])
      // 1 + 2 + 4 + 8 + 16 ... soon fewer than five fall inside 60 s, if the first five did not.
      const wide = Schedule.max([
        Schedule.exponential("20 seconds"),
        RestartPolicy.intensity({ restarts: 2, within: "60 seconds" })
      ])
      assert.strictEqual((yield* timeline(wide, times(20, boom))).length, 20)
    }))

  it.effect("children that share one policy value do not share its counts", () =>
    Effect.gen(function*() {
      const policy = RestartPolicy.onFailure(RestartPolicy.intensity({ restarts: 2, within: "1 minute" }))
      assert.deepStrictEqual(yield* timeline(policy, times(3, boom)), [0, 0, "giveUp"])
      assert.deepStrictEqual(yield* timeline(policy, times(3, boom)), [0, 0, "giveUp"])
    }))

  it("limits that make no sense are refused where they are written", () => {
    for (const restarts of [0, -1, 1.5, NaN, Infinity]) {
      assert.throws(() => RestartPolicy.intensity({ restarts, within: "1 second" }), SupervisorError.InvalidOption)
    }
    for (const within of [0, -1, NaN, Infinity]) {
      assert.throws(() => RestartPolicy.intensity({ restarts: 1, within }), SupervisorError.InvalidOption)
    }
  })
})

const delays = (steps: ReadonlyArray<RestartPolicy.SimulatedStep<unknown>>) =>
  steps.map(({ decision }) => decision._tag === "Restart" ? decision.delayMillis : Number.NaN)

describe("R1 every default slows down or ends", () => {
  it.effect("supervised: 100 ms, doubling up to 30 s, each jittered by a fifth", () =>
    Effect.gen(function*() {
      const seen = new Set<number>()
      for (let run = 0; run < 50; run++) {
        const steps = delays(yield* RestartPolicy.simulate(RestartPolicy.supervised, times(15, boom)))
        steps.forEach((delay, index) => {
          const nominal = Math.min(100 * 2 ** index, 30_000)
          assert.isAtLeast(delay, 0.8 * nominal)
          assert.isAtMost(delay, 1.2 * nominal)
        })
        seen.add(steps[0]!)
      }
      assert.isAbove(seen.size, 25, "the jitter has to differ from run to run")
    }))

  it.effect("supervised: the doubling does not overflow, however long it goes on", () =>
    Effect.gen(function*() {
      const steps = delays(yield* RestartPolicy.simulate(RestartPolicy.supervised, times(3000, boom)))
      assert.strictEqual(steps.length, 3000)
      for (const delay of steps.slice(10)) {
        assert.isAtLeast(delay, 24_000)
        assert.isAtMost(delay, 36_000)
      }
    }))

  it.effect("supervised: afresh after 10 s of healthy uptime", () =>
    Effect.gen(function*() {
      const exits = [...times(6, boom), { exit: boom, uptime: "10 seconds" } as const]
      const last = delays(yield* RestartPolicy.simulate(RestartPolicy.supervised, exits))[6]!
      assert.isAtMost(last, 120)
    }))

  it.effect("supervised: success completes", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* timeline(RestartPolicy.supervised, [ok]), ["complete"])
    }))

  it.effect("an exponential without a cap still never yields a delay that is not a number", () =>
    Effect.gen(function*() {
      const steps = delays(yield* RestartPolicy.simulate(Schedule.exponential("100 millis"), times(1200, boom)))
      assert.strictEqual(steps.length, 1200)
      for (const delay of steps) assert.isAtLeast(delay, 0)
      assert.isTrue(steps.every((delay, index) => index === 0 || delay >= steps[index - 1]!), "delays never shrink")
    }))
})

describe("Restarting: simulate", () => {
  it.effect("it tells when each end happens on imagined time, and takes none itself", () =>
    Effect.gen(function*() {
      const policy = RestartPolicy.onFailure(Schedule.exponential("1 second"), { resetAfter: "1 minute" })
      const steps = yield* RestartPolicy.simulate(policy, [
        Exit.fail("a"),
        Exit.fail("b"),
        { exit: Exit.fail("c"), uptime: "2 minutes" }
      ])
      assert.deepStrictEqual(steps.map(({ atMillis }) => atMillis), [0, 1000, 123_000])
      assert.deepStrictEqual(yield* timeline(policy, steps.map(({ exit }) => exit)), [1000, 2000, 4000])
    }))

  it.effect("it ends with the first decision that is not a restart", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* timeline(RestartPolicy.never, [boom, boom, boom]), ["giveUp"])
      assert.deepStrictEqual(yield* timeline(Schedule.recurs(9), [boom, ok, boom]), [0, "complete"])
      assert.deepStrictEqual(yield* timeline(Schedule.recurs(9), []), [])
    }))

  it.effect("it decides as the engine does", () =>
    Effect.gen(function*() {
      const policy = RestartPolicy.onFailure(
        Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 })),
        { resetAfter: "3 seconds" }
      )
      const uptimes = [0, 500, 2999, 3000, 100, 0, 0, 0]
      let run = 0
      const at: Array<number> = []
      const child = Runnable.make(
        "child",
        Effect.clockWith((clock) => {
          const uptime = uptimes[run++]!
          return Effect.sleep(uptime).pipe(
            Effect.andThen(Effect.sync(() => at.push(clock.currentTimeMillisUnsafe()))),
            Effect.andThen(Effect.fail("boom"))
          )
        }),
        { restart: policy }
      )
      const manager = yield* Effect.forkScoped(ProcessManager.make("app", [child]))
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.isFailure(yield* Fiber.await(manager)))
      const simulated = yield* RestartPolicy.simulate(policy, uptimes.map((uptime) => ({ exit: boom, uptime })))
      assert.deepStrictEqual(at, simulated.map(({ atMillis }) => atMillis))
    }))

  it("guards tell policies from schedules", () => {
    for (const policy of [RestartPolicy.never, RestartPolicy.supervised, RestartPolicy.always(Schedule.forever)]) {
      assert.isTrue(RestartPolicy.isRestartPolicy(policy))
    }
    assert.isFalse(RestartPolicy.isRestartPolicy(Schedule.forever))
  })
})
