import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Schedule } from "effect"
import { Control, ProcessManager, RestartPolicy, Runnable, Supervisor, SupervisorError } from "effect-supervisor"
import {
  causeOf,
  countFibers,
  elapse,
  makeTrace,
  outcomeOf,
  recordEvents,
  settle,
  spy,
  stateOf,
  statesOf
} from "./support.ts"

describe("A1 children start in list order, each after the one before is ready", () => {
  it.effect("a child is started when its fiber has run to its first suspension: all before it has happened", () =>
    Effect.gen(function*() {
      const { log, note } = makeTrace()
      const two = (name: string) =>
        Runnable.make(
          name,
          note(`${name}1`).pipe(
            Effect.andThen(note(`${name}2`)),
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(note(`${name}3`)),
            Effect.andThen(Effect.never)
          )
        )
      yield* ProcessManager.start(ProcessManager.make("app", [two("a"), two("b")]))
      assert.deepStrictEqual(log.slice(0, 4), ["a1", "a2", "b1", "b2"])
      yield* settle
      assert.deepStrictEqual(log.slice(4), ["a3", "b3"])
    }))

  it.effect.each(
    [
      { ends: "with success", effect: Effect.void },
      { ends: "with a failure that is followed by a restart", effect: Effect.fail("boom") },
      { ends: "with a defect that is followed by a restart", effect: Effect.die("bug") }
    ]
  )(
    "a child that ends in its first step $ends has started: the next one does not wait",
    ({ effect }) =>
      Effect.gen(function*() {
        const { child, log } = makeTrace()
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [
          child("a", effect, { restart: Schedule.spaced("1 hour") }),
          child("b")
        ])).pipe(Effect.forkScoped)
        yield* settle
        assert.deepStrictEqual(log, ["+a", "-a", "+b"])
        assert.strictEqual(stateOf(handle), "done")
      })
  )

  it.effect("with \"signal\" it is ready when it says so", () =>
    Effect.gen(function*() {
      const { child, note, take } = makeTrace()
      const gate = Deferred.makeUnsafe<void>()
      const signals = child(
        "a",
        Deferred.await(gate).pipe(
          Effect.andThen(note("ready")),
          Effect.andThen(Control.ready),
          Effect.andThen(Control.ready),
          Effect.andThen(Effect.never)
        ),
        { ready: "signal" }
      )
      const { runnable, supervisor } = spy()
      const start = yield* Effect.forkChild(
        Effect.flatMap(ProcessManager.start(ProcessManager.make("app", [runnable, signals, child("b")])), recordEvents)
      )
      const handle = yield* supervisor
      yield* settle
      assert.deepStrictEqual(take(), ["+a"])
      const before = yield* handle.status
      assert.deepStrictEqual([before.state, ...before.children.map(({ state }) => state._tag)], [
        "Starting",
        "Running",
        "Starting",
        "Pending"
      ])
      assert.isUndefined(before.children[1]?.readyAt)
      yield* elapse("1 second")
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(take(), ["ready", "+b"])
      const after = yield* handle.status
      assert.deepStrictEqual([after.state, ...after.children.map(({ state }) => state._tag)], [
        "Running",
        "Running",
        "Running",
        "Running"
      ])
      const { readyAt, startedAt } = after.children[1]!
      assert.deepStrictEqual([startedAt, readyAt], [0, 1000])
      yield* Fiber.interrupt(start)
    }).pipe(Effect.scoped))

  it.effect("a child that signals in its first step, or from a fiber it forked, is ready too", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      yield* ProcessManager.start(ProcessManager.make("app", [
        child("a", Effect.andThen(Control.ready, Effect.never), { ready: "signal" }),
        child("b", Effect.andThen(Effect.forkScoped(Effect.andThen(Effect.yieldNow, Control.ready)), Effect.never), {
          ready: "signal"
        }),
        child("c")
      ]))
      assert.deepStrictEqual(log, ["+a", "+b", "+c"])
    }))

  it.effect("a child that would signal but ends well is over: the next one starts", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      yield* ProcessManager.start(
        ProcessManager.make("app", [child("a", Effect.void, { ready: "signal" }), child("b")])
      )
      assert.deepStrictEqual(log, ["+a", "-a", "+b"])
    }))

  class Pool extends Context.Service<Pool, { readonly number: number }>()("test/Pool") {}

  it.effect("a layer is ready when it is built", () =>
    Effect.gen(function*() {
      const { child, log, note, span } = makeTrace({ timed: true })
      const pool = Layer.effect(Pool, Effect.as(Effect.andThen(Effect.sleep("1 second"), span("pool")), { number: 1 }))
      const start = yield* Effect.forkScoped(
        ProcessManager.start(ProcessManager.make("app", [Runnable.fromLayer("layer", pool), child("b")]))
      )
      yield* elapse("999 millis")
      assert.deepStrictEqual(log, [])
      yield* elapse("1 millis")
      const handle = yield* Fiber.join(start)
      yield* Effect.andThen(handle.shutdown, note("end"))
      assert.deepStrictEqual(log, ["+pool@1000", "+b@1000", "-b@1000", "-pool@1000", "end@1000"])
    }))

  it.effect("a layer is built afresh by every incarnation, in a scope and with a memo map of its own", () =>
    Effect.gen(function*() {
      const { log, span } = makeTrace()
      let builds = 0
      const pool = Layer.effect(
        Pool,
        Effect.suspend(() => Effect.as(span(`pool${++builds}`), { number: builds }))
      )
      // The same layer twice, so that sharing it across children or incarnations would show.
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [Runnable.fromLayer("a", pool), Runnable.fromLayer("b", pool)])
      )
      yield* handle.restart("a")
      assert.deepStrictEqual(log, ["+pool1", "+pool2", "-pool1", "+pool3"])
      yield* handle.shutdown
      assert.deepStrictEqual(log.slice(4), ["-pool2", "-pool3"])
    }))

  it.effect("a manager is ready when all its children are", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace({ timed: true })
      const slow = (name: string) =>
        child(name, Effect.sleep("1 second").pipe(Effect.andThen(Control.ready), Effect.andThen(Effect.never)), {
          ready: "signal"
        })
      const start = yield* Effect.forkScoped(ProcessManager.start(ProcessManager.make("app", [
        ProcessManager.make("one", [slow("a"), ProcessManager.make("two", [slow("b"), slow("c")])]),
        child("d")
      ])))
      yield* elapse("10 seconds")
      assert.deepStrictEqual(log, ["+a@0", "+b@1000", "+c@2000", "+d@3000"])
      assert.strictEqual(stateOf(start), "done")
    }))

  it.effect("waiting for readiness goes on through the restarts that the policy grants", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace({ timed: true })
      let runs = 0
      const flaky = child(
        "a",
        Effect.suspend(() => ++runs < 3 ? Effect.fail("boom") : Effect.andThen(Control.ready, Effect.never)),
        { ready: "signal", restart: Schedule.spaced("1 second") }
      )
      const start = yield* Effect.forkScoped(ProcessManager.start(ProcessManager.make("app", [flaky, child("b")])))
      yield* elapse("1500 millis")
      assert.strictEqual(stateOf(start), "running")
      yield* elapse("1 second")
      assert.strictEqual(stateOf(start), "done")
      assert.deepStrictEqual(log, ["+a@0", "-a@0", "+a@1000", "-a@1000", "+a@2000", "+b@2000"])
    }))

  describe("startTimeout bounds it", () => {
    it.effect.each(
      [
        { what: "while it runs", at: 3000, effect: Effect.never },
        {
          what: "restarts included, in a back-off",
          at: 3000,
          effect: Effect.delay(Effect.fail("boom"), "2 seconds")
        },
        {
          what: "restarts included, in a later incarnation",
          at: 3000,
          effect: Effect.delay(Effect.fail("boom"), "800 millis")
        },
        {
          what: "also one that cannot be interrupted: it is abandoned",
          at: 8000,
          effect: Effect.uninterruptible(Effect.never)
        }
      ]
    )("$what", ({ at, effect }) =>
      Effect.gen(function*() {
        const { child, log, note } = makeTrace({ timed: true })
        const manager = ProcessManager.make("app", [
          child("a"),
          child("slow", effect, {
            ready: "signal",
            startTimeout: "3 seconds",
            restart: Schedule.spaced("2 seconds")
          }),
          child("b")
        ])
        const fiber = yield* Effect.forkChild(Effect.ensuring(manager, note("end")))
        yield* elapse("1 minute")
        assert.strictEqual(stateOf(fiber), "failed: Die StartTimeout @slow")
        assert.deepStrictEqual(log.slice(-2), [`-a@${at}`, `end@${at}`])
        assert.isFalse(log.some((entry) => entry.startsWith("+b")))
      }))

    it.effect.each([
      { what: "while it is being stopped", drain: 5, order: ["a", "slow"], at: 13_000 },
      { what: "while it waits for its start", drain: 0, order: ["a", "b", "slow"], at: 13_000 }
    ])("also during the restart of a group, $what", ({ at, drain, order }) =>
      Effect.gen(function*() {
        const { child, log, note, polite } = makeTrace({ timed: true })
        const options = { ready: "signal", startTimeout: "10 seconds", grace: "1 minute" } as const
        const children: Record<string, Runnable.Runnable<string>> = {
          a: child("a", Effect.delay(Effect.fail("boom"), "8 seconds"), { restart: Schedule.recurs(5) }),
          b: polite("b", 5000, { grace: "1 minute" }),
          slow: drain === 0 ? child("slow", Effect.never, options) : polite("slow", drain * 1000, options)
        }
        const manager = ProcessManager.make("app", order.map((name) => children[name]!), { strategy: "one-for-all" })
        const fiber = yield* Effect.forkChild(Effect.ensuring(manager, note("end")))
        yield* elapse("8 seconds")
        yield* elapse("2 seconds")
        assert.strictEqual(stateOf(fiber), "running")
        yield* elapse("1 minute")
        assert.strictEqual(stateOf(fiber), "failed: Die StartTimeout @slow")
        assert.strictEqual(log.at(-1), `end@${at}`)
        assert.strictEqual(log.filter((entry) => entry.startsWith("+")).length, order.length, "nothing started again")
      }))

    it.effect("a child that is ready in time is not touched, and a restart later has its whole time again", () =>
      Effect.gen(function*() {
        const { child, log } = makeTrace({ timed: true })
        const slow = child(
          "a",
          Effect.sleep("2 seconds").pipe(
            Effect.andThen(Control.ready),
            Effect.andThen(Effect.delay(Effect.fail("boom"), "1 minute"))
          ),
          { ready: "signal", startTimeout: "3 seconds", restart: Schedule.spaced("1 second") }
        )
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle(), slow])).pipe(
          Effect.forkScoped
        )
        yield* elapse("2 minutes")
        assert.deepStrictEqual(log, ["+a@0", "-a@62000", "+a@63000"])
        assert.strictEqual((yield* (yield* Fiber.join(handle)).child("a")).state._tag, "Running")
      }))
  })

  it.effect("a child added at run time is waited for as well", () =>
    Effect.gen(function*() {
      const { child, note, take } = makeTrace({ timed: true })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle()]))
      const slow = child(
        "a",
        Effect.sleep("1 second").pipe(Effect.andThen(Control.ready), Effect.andThen(Effect.never)),
        {
          ready: "signal"
        }
      )
      yield* Effect.forkChild(Effect.andThen(handle.add(slow), note("added")))
      yield* elapse("2 seconds")
      assert.deepStrictEqual(take(), ["+a@0", "added@1000"])
      assert.deepStrictEqual((yield* handle.status).children.map(({ name }) => name), ["idle", "a"])
    }))

  it.effect("a child that adds others from its first step does not hold up the start", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const adds = child(
        "adds",
        Effect.flatMap(Supervisor, ({ add }) => Effect.andThen(add(child("added")), Effect.never))
      )
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [child("a"), adds, child("b")]))
      yield* settle
      assert.sameMembers(log, ["+a", "+adds", "+added", "+b"])
      // Added at the end of the order, so it is the first to stop.
      log.length = 0
      yield* handle.shutdown
      assert.deepStrictEqual(log, ["-added", "-b", "-adds", "-a"])
    }))
})

describe("A2 never a half-started tree", () => {
  const cases: ReadonlyArray<{
    readonly what: string
    readonly effect: Effect.Effect<unknown, unknown>
    readonly ready?: "signal"
    readonly restart?: RestartPolicy.RestartPolicy | Schedule.Schedule<unknown>
    readonly outcome: string
  }> = [
    { what: "fails", effect: Effect.fail("boom"), outcome: "Fail boom" },
    { what: "dies", effect: Effect.die("bug"), outcome: "Die bug" },
    { what: "is interrupted", effect: Effect.interrupt, outcome: "Interrupt" },
    {
      what: "fails before it is ready",
      effect: Effect.delay(Effect.fail("boom"), "1 second"),
      ready: "signal",
      outcome: "Fail boom"
    },
    {
      what: "uses its restarts up",
      effect: Effect.fail("boom"),
      ready: "signal",
      restart: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 })),
      outcome: "Fail boom"
    },
    {
      what: "has to run always and may not",
      effect: Effect.void,
      ready: "signal",
      restart: RestartPolicy.always(Schedule.recurs(1)),
      outcome: "Die RestartsExhausted"
    }
  ]

  for (const how of ["ProcessManager.start", "the manager as an Effect", "Supervisor.launch"] as const) {
    it.effect.each(cases)(
      `a child that $what: those before it are stopped in reverse, those after never start, ${how} fails with its cause`,
      ({ effect, outcome, ready, restart }) =>
        Effect.gen(function*() {
          const { child, log, note } = makeTrace()
          const manager = ProcessManager.make("app", [
            child("a"),
            ProcessManager.make("sub", [
              child("b"),
              child("c"),
              Runnable.make<unknown, never, never>("bad", effect, { ready, restart }),
              child("d")
            ]),
            child("e")
          ])
          const run: Effect.Effect<unknown, unknown> = {
            "ProcessManager.start": Effect.scoped(ProcessManager.start(manager)),
            "the manager as an Effect": manager,
            "Supervisor.launch": Supervisor.launch(Runnable.layer(manager))
          }[how]
          const { counter, counted } = countFibers()
          const fiber = yield* Effect.forkChild(Effect.ensuring(counted(Effect.asVoid(run)), note("end")))
          yield* elapse("1 minute")
          assert.strictEqual(stateOf(fiber), `failed: ${outcome} @${how === "Supervisor.launch" ? "app/" : ""}sub/bad`)
          assert.deepStrictEqual(log, ["+a", "+b", "+c", "-c", "-b", "-a", "end"])
          yield* settle
          assert.strictEqual(counter.alive, 0)
        })
    )
  }

  it.effect("a child that was ready and gives up while a later one is still starting fails the start too", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const start = yield* Effect.forkChild(Effect.scoped(ProcessManager.start(ProcessManager.make("app", [
        child("a", Effect.delay(Effect.fail("boom"), "1 second")),
        child("slow", Effect.never, { ready: "signal" }),
        child("b")
      ]))))
      yield* elapse("1 second")
      assert.strictEqual(stateOf(start), "failed: Fail boom @a")
      assert.deepStrictEqual(log, ["+a", "+slow", "-a", "-slow"])
    }))

  it.effect("the start does not fail before everything has been stopped", () =>
    Effect.gen(function*() {
      const { log, note, polite } = makeTrace({ timed: true })
      yield* Effect.forkChild(Effect.ensuring(
        Effect.scoped(ProcessManager.start(ProcessManager.make("app", [
          polite("a", 2000),
          Runnable.make("bad", Effect.fail("boom"))
        ]))),
        note("failed")
      ))
      yield* elapse("10 seconds")
      assert.deepStrictEqual(log, ["+a@0", "?a@0", "-a@2000", "failed@2000"])
    }))

  it.effect("a start whose caller is interrupted stops what it had started, without waiting for its scope", () =>
    Effect.gen(function*() {
      const { child, take } = makeTrace()
      const manager = ProcessManager.make("app", [
        child("a"),
        ProcessManager.make("sub", [child("b")]),
        child("c", Effect.never, { ready: "signal" }),
        child("d")
      ])
      const starting = yield* Effect.forkChild(ProcessManager.start(manager))
      yield* settle
      assert.deepStrictEqual(take(), ["+a", "+b", "+c"])
      yield* Fiber.interrupt(starting)
      assert.deepStrictEqual(take(), ["-c", "-b", "-a"])
    }))
})

/** The operation failed with SupervisorClosed. */
const closed = (outcome: Exit.Exit<unknown, unknown>) => {
  const error = causeOf(outcome).reasons[0]
  assert.isTrue(error?._tag === "Fail" && error.error instanceof SupervisorError.SupervisorClosed)
}

describe("A3 nothing starts once closing began", () => {
  it.effect("add fails with SupervisorClosed at once while it closes, and after", () =>
    Effect.gen(function*() {
      const { child, log, note, polite } = makeTrace({ timed: true })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [polite("a", 1000)]))
      yield* Effect.forkChild(handle.shutdown)
      yield* settle
      // The caller is neither blocked nor interrupted: it goes on with the error.
      closed(yield* Effect.exit(handle.add(child("late"))))
      yield* note("went on")
      yield* elapse("1 second")
      closed(yield* Effect.exit(handle.add(child("later"))))
      assert.deepStrictEqual(log, ["+a@0", "?a@0", "went on@0", "-a@1000"])
      assert.deepStrictEqual((yield* handle.status).children.map(({ name }) => name), ["a"])
    }))

  it.effect("also while it fails, and from a child that is being stopped", () =>
    Effect.gen(function*() {
      const { child, log, span } = makeTrace()
      let late: Exit.Exit<unknown, unknown> | undefined
      const add = Effect.flatMap(Supervisor, ({ add }) => Effect.exit(add(child("late")))).pipe(
        Effect.tap((exit) => Effect.sync(() => late = exit))
      )
      const manager = ProcessManager.make("app", [
        Runnable.make("a", Effect.andThen(span("a", add), Effect.never)),
        child("b", Effect.fail("boom"))
      ])
      assert.strictEqual(outcomeOf(yield* Effect.exit(manager)), "failed: Fail boom @b")
      closed(late!)
      assert.deepStrictEqual(log, ["+a", "+b", "-b", "-a"])
    }))

  it.effect.each(["start", "restart", "release", "reconcile"] as const)(
    "%s cannot start one either",
    (operation) =>
      Effect.gen(function*() {
        const { child, polite, take } = makeTrace()
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [polite("a", 1000), child("b")]))
        yield* operation === "release" ? handle.hold("b") : handle.stop("b")
        yield* Effect.forkChild(handle.shutdown)
        yield* settle
        take()
        closed(
          yield* Effect.exit<unknown, unknown, never>(
            operation === "reconcile" ? handle.reconcile([child("b"), child("c")]) : handle[operation]("b")
          )
        )
        yield* elapse("1 minute")
        assert.deepStrictEqual(take(), ["-a"])
      })
  )

  it.effect("a restart that is due while it closes does not happen", () =>
    Effect.gen(function*() {
      const { child, polite, take } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        child("crashes", Effect.delay(Effect.fail("boom"), "1 millis"), { restart: Schedule.spaced("1 second") }),
        polite("slow", 3000)
      ]))
      yield* elapse("500 millis")
      yield* Effect.forkChild(handle.shutdown)
      yield* elapse("1 minute")
      assert.deepStrictEqual(take(), ["+crashes", "+slow", "-crashes", "?slow", "-slow"])
    }))

  it.effect("a restart that was asked for and is under way as it closes ends at the stop", () =>
    Effect.gen(function*() {
      const { note, polite, take } = makeTrace()
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [polite("first", 1000), polite("slow", 3000)])
      )
      const restart = yield* Effect.forkChild(Effect.tap(handle.restart("first"), note))
      yield* settle
      yield* Effect.forkChild(Effect.andThen(handle.shutdown, note("end")))
      yield* elapse("1 minute")
      assert.deepStrictEqual(take(), ["+first", "+slow", "?first", "?slow", "-first", "noop", "-slow", "end"])
      assert.strictEqual(stateOf(restart), "done")
    }))

  it.effect("a child that fails while its manager closes is not restarted", () =>
    Effect.gen(function*() {
      const { child, polite, take } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        child("crashes", Effect.delay(Effect.fail("boom"), "1 second"), { restart: Schedule.forever }),
        polite("slow", 3000)
      ]))
      yield* Effect.forkChild(handle.shutdown)
      yield* elapse("1 minute")
      assert.deepStrictEqual(take(), ["+crashes", "+slow", "?slow", "-crashes", "-slow"])
      assert.strictEqual((yield* handle.status).state, "Stopped")
    }))

  it.effect("add and shutdown in one turn: what was added first is stopped, what came after is refused", () =>
    Effect.gen(function*() {
      for (const order of ["add first", "shutdown first"] as const) {
        const { child, log } = makeTrace()
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [child("a")]))
        const add = Effect.exit(handle.add(child("b")))
        const both = order === "add first" ? [add, handle.shutdown] : [handle.shutdown, add]
        const [first, second] = yield* Effect.all<ReadonlyArray<Effect.Effect<unknown>>, { concurrency: 2 }>(both, {
          concurrency: 2
        })
        if (order === "shutdown first") closed(second as Exit.Exit<unknown, unknown>)
        else assert.isTrue(Exit.isExit(first))
        yield* settle
        assert.deepStrictEqual(log, order === "add first" ? ["+a", "+b", "-b", "-a"] : ["+a", "-a"], order)
      }
    }))

  it.effect("many adds race a shutdown: whatever was taken has ended, whatever was not says so", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const { counter, counted } = countFibers()
      const handle = yield* counted(
        ProcessManager.start(ProcessManager.make("app", [Runnable.idle()], { keepAlive: true }))
      )
      const adds = yield* Effect.forEach(Array.from({ length: 200 }, (_, index) => index), (index) =>
        Effect.forkChild(
          Effect.exit(Effect.andThen(
            Effect.forEach(Array.from({ length: index % 7 }), () => Effect.yieldNow),
            handle.add(child(`c${index}`))
          ))
        ))
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      yield* handle.shutdown
      const exits = yield* Fiber.joinAll(adds)
      const refused = exits.filter(Exit.isFailure)
      refused.forEach(closed)
      assert.isAbove(refused.length, 0)
      const begun = log.filter((entry) => entry.startsWith("+")).length
      assert.strictEqual(begun, 200 - refused.length)
      assert.isAbove(begun, 0)
      assert.strictEqual(log.length, 2 * begun)
      yield* settle
      assert.strictEqual(counter.alive, 0)
    }))

  it.effect("a caller who is interrupted while it waits for an added child leaves the child as it is", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle()]))
      const add = yield* Effect.forkChild(handle.add(child("slow", Effect.never, { ready: "signal" })))
      yield* settle
      yield* Fiber.interrupt(add)
      yield* settle
      assert.deepStrictEqual(log, ["+slow"])
      assert.strictEqual((yield* handle.child("slow")).state._tag, "Starting")
    }))

  it.effect("the states of a child that was added and stopped are in order, each seen once", () =>
    Effect.gen(function*() {
      const { child } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle()]))
      const events = yield* recordEvents(handle)
      yield* handle.add(child("a"))
      yield* handle.shutdown
      yield* settle
      assert.deepStrictEqual(statesOf(events, "a"), ["Starting", "Running", "Stopping", "Stopped"])
    }))
})

const isDuplicate = (error: unknown, supervisor: string, name: string) => {
  assert.instanceOf(error, SupervisorError.DuplicateChild)
  const { message, child, supervisor: of } = error as SupervisorError.DuplicateChild
  assert.deepStrictEqual([of, child], [supervisor, name])
  assert.include(message, `"${supervisor}"`)
  assert.strictEqual(message.split(`"${name}"`).length > 2, true, message)
}
const thrown = (f: () => unknown): unknown => {
  try {
    f()
  } catch (error) {
    return error
  }
  return undefined
}

describe("A4 names are unique per supervisor", () => {
  it("a description with a name twice throws an error that names both", () => {
    const twice = [Runnable.idle("a"), Runnable.make("a", Effect.void)]
    isDuplicate(thrown(() => ProcessManager.make("app", twice)), "app", "a")
    isDuplicate(thrown(() => ProcessManager.make("app", [twice[0]!]).pipe(ProcessManager.add(twice[1]!))), "app", "a")
  })

  it.effect("adding a name that is taken fails and leaves the first one alone", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [child("a")]))
      isDuplicate(yield* Effect.flip(handle.add(child("a"))), "app", "a")
      isDuplicate(yield* Effect.flip(handle.reconcile([child("b"), child("b")])), "app", "b")
      assert.deepStrictEqual(log, ["+a"])
      assert.strictEqual((yield* handle.child("a")).incarnation, 1)
      yield* handle.stop("a")
      isDuplicate(yield* Effect.flip(handle.add(child("a"))), "app", "a")
    }))

  it.effect("two adds of one name at once: one of them wins", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle()]))
      const exits = yield* Effect.all([Effect.exit(handle.add(child("a"))), Effect.exit(handle.add(child("a")))], {
        concurrency: 2
      })
      assert.deepStrictEqual(exits.map(outcomeOf), ["done", "failed: Fail DuplicateChild"])
      assert.deepStrictEqual(log, ["+a"])
    }))

  it.effect("the path in the error is the whole one", () =>
    Effect.gen(function*() {
      const { runnable, supervisor } = spy()
      yield* ProcessManager.start(ProcessManager.make("app", [ProcessManager.make("sub", [runnable])]))
      const error = yield* Effect.flip((yield* supervisor).add(Runnable.idle("spy")))
      isDuplicate(error, "sub", "spy")
      assert.strictEqual((error as SupervisorError.DuplicateChild).path, "sub/spy")
    }))

  it.effect("the same name under different supervisors is fine", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        child("app"),
        ProcessManager.make("one", [child("a")]),
        ProcessManager.make("two", [child("a"), ProcessManager.make("two", [child("a")])])
      ]))
      assert.deepStrictEqual(log, ["+app", "+a", "+a", "+a"])
      assert.strictEqual((yield* handle.child("two/two/a")).path, "two/two/a")
    }))

  it.effect("a name is free again when its child has completed or was removed", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle(), child("a", Effect.void)]))
      yield* handle.add(child("a"))
      yield* handle.remove("a")
      yield* handle.add(child("a"))
      assert.deepStrictEqual(log, ["+a", "-a", "+a", "-a", "+a"])
    }))

  it.effect("while a removed child is still stopping its name is taken", () =>
    Effect.gen(function*() {
      const { child, polite } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle(), polite("a", 1000)]))
      yield* Effect.forkChild(handle.remove("a"))
      yield* settle
      isDuplicate(yield* Effect.flip(handle.add(child("a"))), "app", "a")
      yield* elapse("1 second")
      yield* handle.add(child("a"))
    }))

  it("a name that could not be a path segment is refused", () => {
    for (const name of ["", "a/b"]) {
      assert.instanceOf(thrown(() => Runnable.make(name, Effect.void)), SupervisorError.InvalidOption)
    }
  })
})
