import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Latch, Layer, Schedule, Scope } from "effect"
import { Control, ProcessManager, RestartPolicy, Runnable, Signals, Supervisor } from "effect-supervisor"
import { TestClock } from "effect/testing"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import {
  captureLogs,
  causeOf,
  countFibers,
  elapse,
  makeTrace,
  outcomeOf,
  pool,
  quiet,
  reasonsOf,
  recordEvents,
  settle,
  spy,
  stateOf,
  statesOf,
  tagOf,
  type Trace
} from "./support.ts"

/** Runs a scenario of the fixture in a Node process of its own, which has to end by itself. */
const runAlone = (scenario: string) =>
  Effect.callback<{ readonly code: number | null; readonly lines: ReadonlyArray<string> }>((resume) => {
    const fixture = fileURLToPath(new URL("fixtures/lifetime.ts", import.meta.url))
    const child = execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", fixture, scenario],
      { timeout: 15_000, killSignal: "SIGKILL" },
      (_error, stdout) => {
        const lines = stdout.split("\n").filter((line) => line !== "" && !/WARN|ERROR|^ /.test(line))
        resume(Effect.succeed({ code: child.exitCode, lines }))
      }
    )
  })

describe.concurrent("E1 a running manager keeps the Node process alive, and lets it go when it ends", () => {
  it.live.each(
    [
      ["effect's own runFork does not (or this rule is not needed any more)", "bare", []],
      ["a child that only waits", "interrupted", ["+", "alive", "-", "Failure"]],
      ["the same in a manager below", "nested", ["+", "alive", "-", "Failure"]],
      ["a handle from outside, until its scope is closed", "scoped", ["+", "alive", "-", "Success"]],
      ["a back-off, a watchdog, a health check, signals and a start timeout leave nothing behind", "busy", [
        "alive",
        "Failure"
      ]],
      ["an abandoned child does not hold it", "abandoning", ["alive", "Failure"]],
      ["a manager whose children complete", "completed", ["ends", "Success"]],
      ["a manager that fails", "failed", ["+", "-", "Failure"]],
      ["an empty manager", "empty", ["Success"]]
    ] as const
  )("%s", ([, scenario, lines]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* runAlone(scenario), { code: 0, lines: [...lines] })
    }))
})

/** Everything that can go wrong while a manager is being stopped, and how it shows. */
const failsWhileStopping = (make: Trace) => [
  Runnable.make("polite", Effect.andThen(Control.shutdown, Effect.fail("late"))),
  Runnable.make("finalizer", Effect.andThen(make.span("finalizer", Effect.die("fin")), Effect.never)),
  Runnable.make("both", Effect.andThen(make.span("both", Effect.die("last")), Effect.fail("boom")))
]

describe("E2 the first child to fail cancels its siblings and fails the manager with its own cause", () => {
  const boom = Effect.fail("boom")
  it.effect.each(
    [
      { kind: "a typed failure", effect: boom, outcome: "failed: Fail boom @b" },
      { kind: "a defect", effect: Effect.die("bug"), outcome: "failed: Die bug @b" },
      { kind: "a foreign interrupt", effect: Effect.interrupt, outcome: "failed: Interrupt @b" }
    ]
  )(
    "$kind, at once or later; all finalizers have run before the manager fails",
    ({ effect, outcome }) =>
      Effect.gen(function*() {
        for (const when of ["at once", "later"]) {
          const { child, log, note } = makeTrace()
          const manager = ProcessManager.make("app", [
            child("a"),
            child("b", when === "later" ? Effect.delay(effect, "1 second") : effect),
            child("c")
          ])
          const fiber = yield* Effect.forkChild(Effect.exit(manager).pipe(Effect.tap(() => note("end"))))
          yield* elapse("1 second")
          assert.strictEqual(outcomeOf(yield* Fiber.join(fiber)), outcome)
          const siblings = when === "later" ? ["+a", "+b", "+c", "-b", "-c", "-a"] : ["+a", "+b", "-b", "-a"]
          assert.deepStrictEqual(log, [...siblings, "end"], when)
        }
      })
  )

  it.effect("a child whose fiber somebody else interrupts has failed", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const fiberOf = Deferred.makeUnsafe<Fiber.Fiber<unknown, unknown>>()
      const victim = child(
        "victim",
        Effect.withFiber((fiber) => Effect.andThen(Deferred.succeed(fiberOf, fiber), Effect.never))
      )
      const fiber = yield* Effect.forkChild(Effect.exit(ProcessManager.make("app", [child("a"), victim])))
      yield* Fiber.interrupt(yield* Deferred.await(fiberOf))
      assert.strictEqual(outcomeOf(yield* Fiber.join(fiber)), "failed: Interrupt @victim")
      assert.deepStrictEqual(log, ["+a", "+victim", "-victim", "-a"])
    }))

  it.effect("the manager waits for slow finalizers of the failed child and of every sibling", () =>
    Effect.gen(function*() {
      const { log, note, span } = makeTrace({ timed: true })
      const slow = (name: string, then: Effect.Effect<never, string>) =>
        Runnable.make(name, Effect.andThen(span(name, Effect.sleep("1 second")), then))
      const manager = ProcessManager.make("app", [
        slow("a", Effect.never),
        slow("b", Effect.never),
        slow("c", Effect.fail("boom"))
      ])
      const fiber = yield* Effect.forkChild(Effect.ensuring(Effect.exit(manager), note("end")))
      yield* elapse("10 seconds")
      assert.strictEqual(outcomeOf(yield* Fiber.join(fiber)), "failed: Fail boom @c")
      assert.deepStrictEqual(log, ["+a@0", "+b@0", "+c@0", "-c@1000", "-b@2000", "-a@3000", "end@3000"])
    }))

  it.effect("the cause carries the path of the child, from wherever in the tree it came", () =>
    Effect.gen(function*() {
      const leaf = Runnable.make("leaf", Effect.fail("boom"))
      const manager = ProcessManager.make("app", [
        Runnable.idle(),
        ProcessManager.make("one", [ProcessManager.make("two", [Runnable.idle(), leaf])])
      ])
      assert.strictEqual(outcomeOf(yield* Effect.exit(manager)), "failed: Fail boom @one/two/leaf")
    }))

  it.effect("what else failed during the stop is combined into the cause, after the first", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(ProcessManager.make("app", failsWhileStopping(makeTrace())))
      assert.deepStrictEqual(reasonsOf(causeOf(exit)), [
        "Fail boom @both",
        "Die last @both",
        "Die fin @finalizer",
        "Fail late @polite"
      ])
    }))

  it.effect("also from a manager below, and from its siblings above", () =>
    Effect.gen(function*() {
      const trace = makeTrace()
      const above = Runnable.make("above", Effect.andThen(trace.span("above", Effect.die("top")), Effect.never))
      const manager = ProcessManager.make("app", [above, ProcessManager.make("sub", failsWhileStopping(trace))])
      assert.deepStrictEqual(reasonsOf(causeOf(yield* Effect.exit(manager))), [
        "Fail boom @sub/both",
        "Die last @sub/both",
        "Die fin @sub/finalizer",
        "Fail late @sub/polite",
        "Die top @above"
      ])
    }))

  it.effect("a manager below that is stopped because of a sibling brings its failures along", () =>
    Effect.gen(function*() {
      const trace = makeTrace()
      const inner = Runnable.make("inner", Effect.andThen(trace.span("inner", Effect.die("fin")), Effect.never))
      const manager = ProcessManager.make("app", [
        ProcessManager.make("sub", [inner]),
        Runnable.make("b", Effect.fail("boom"))
      ])
      assert.deepStrictEqual(reasonsOf(causeOf(yield* Effect.exit(manager))), ["Fail boom @b", "Die fin @sub/inner"])
    }))

  it.effect("when a stop was asked, what failed during it is no failure of the manager, but is logged and remembered", () =>
    Effect.gen(function*() {
      const { layer, lines } = captureLogs()
      const { span } = makeTrace()
      const child = Runnable.make("a", Effect.andThen(span("a", Effect.die("fin")), Effect.never))
      yield* Effect.gen(function*() {
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [child]))
        yield* handle.shutdown
        assert.strictEqual(outcomeOf(yield* Effect.exit(handle.await)), "done")
        const { history } = yield* handle.child("a")
        assert.deepStrictEqual(
          history.map(({ decision, exit }) => [decision, exit._tag === "Failure" && exit.cause.message]),
          [
            ["asked", "fin"]
          ]
        )
      }).pipe(Effect.provide(layer))
      assert.isTrue(lines.some((line) => line.startsWith("Warn") && line.includes("a failed while")), lines.join("\n"))
    }))

  it.effect("every waiter learns the same result, however early or late it asks", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [Runnable.make("a", Effect.delay(Effect.fail("boom"), "1 second"))])
      )
      const early = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Effect.exit(handle.await)))
      const gone = yield* Effect.forkChild(handle.await)
      yield* settle
      yield* Fiber.interrupt(gone)
      yield* elapse("1 second")
      const exits = [...yield* Fiber.joinAll(early), yield* Effect.exit(handle.await), yield* Effect.exit(handle.await)]
      assert.deepStrictEqual(exits.map(outcomeOf), Array.from({ length: 5 }, () => "failed: Fail boom @a"))
    }))

  it.effect("a child that is being ended because it was unresponsive is in the cause too, not first", () =>
    Effect.gen(function*() {
      const { child } = makeTrace()
      const manager = ProcessManager.make("app", [
        Runnable.make("a", Effect.andThen(Effect.addFinalizer(() => Effect.sleep("2 seconds")), Effect.never), {
          watchdog: "10 seconds"
        }),
        child("b", Effect.delay(Effect.fail("boom"), "11 seconds"))
      ])
      const fiber = yield* Effect.forkChild(manager)
      yield* elapse("10 seconds")
      assert.strictEqual(stateOf(fiber), "running")
      yield* elapse("1 second")
      yield* elapse("1 second")
      assert.strictEqual(stateOf(fiber), "failed: Fail boom @b, Die Unresponsive @a")
    }))

  it.live("whatever fails during the stop is in the cause, in time that grows with its number and no faster", () =>
    Effect.gen(function*() {
      // The time of this process alone: others use this machine too.
      const millis = Effect.fnUntraced(function*(count: number) {
        const children = Array.from(
          { length: count },
          (_, index) =>
            Runnable.make(
              `${index}`,
              Effect.andThen(Effect.addFinalizer(() => Effect.die(`bug ${index}`)), Effect.never)
            )
        )
        const begun = process.cpuUsage()
        const exit = yield* Effect.exit(
          ProcessManager.make("app", [...children, Runnable.make("b", Effect.fail("boom"))])
        )
        const { system, user } = process.cpuUsage(begun)
        const bugs = Array.from({ length: count }, (_, index) => `Die bug ${index} @${index}`)
        assert.deepStrictEqual(reasonsOf(causeOf(exit)), ["Fail boom @b", ...bugs.toReversed()])
        return (user + system) / 1000
      })
      yield* millis(500)
      const rounds = yield* Effect.forEach([1, 2, 3], () =>
        Effect.gen(function*() {
          let few = 0
          for (let times = 0; times < 8; times++) few += yield* millis(500)
          return [few / 8, yield* millis(4000)] as const
        }))
      assert.isBelow(Math.min(...rounds.map(([, many]) => many)), 2000)
      assert.isBelow(Math.min(...rounds.map(([few, many]) => many / few)), 20)
    }).pipe(quiet))
})

describe("E3 a manager succeeds when no child is left to run", () => {
  it.effect("an empty one at once, also in the middle of a tree", () =>
    Effect.gen(function*() {
      assert.strictEqual(outcomeOf(yield* Effect.exit(ProcessManager.make("app", []))), "done")
      const { child, log } = makeTrace()
      const manager = ProcessManager.make("app", [ProcessManager.make("sub", []), child("a", Effect.void)])
      assert.strictEqual(outcomeOf(yield* Effect.exit(manager)), "done")
      assert.deepStrictEqual(log, ["+a", "-a"])
    }))

  it.effect("a first child that ends at once does not end it before the others have started", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const manager = ProcessManager.make("app", [
        child("a", Effect.void),
        child("b", Effect.andThen(Control.ready, Effect.delay(Effect.void, "1 second")), { ready: "signal" }),
        child("c", Effect.void)
      ])
      const fiber = yield* Effect.forkChild(manager)
      yield* settle
      assert.strictEqual(stateOf(fiber), "running")
      yield* elapse("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["+a", "-a", "+b", "+c", "-c", "-b"])
    }))

  it.effect("a child that waits for its restart is still to run", () =>
    Effect.gen(function*() {
      let runs = 0
      const child = Runnable.make("a", Effect.suspend(() => ++runs === 1 ? Effect.fail("boom") : Effect.void), {
        restart: Schedule.spaced("1 minute")
      })
      const fiber = yield* Effect.forkChild(ProcessManager.make("app", [child]))
      yield* elapse("59 seconds")
      assert.strictEqual(stateOf(fiber), "running")
      yield* elapse("1 second")
      assert.strictEqual(stateOf(fiber), "done")
      assert.strictEqual(runs, 2)
    }))

  it.effect.each(
    [
      { what: "an idle child keeps it open", children: [Runnable.idle()], keepAlive: false, after: "running" },
      { what: "keepAlive keeps it open without any", children: [], keepAlive: true, after: "running" },
      {
        what: "keepAlive keeps it open when all are gone",
        children: [Runnable.make("a", Effect.void)],
        keepAlive: true,
        after: "running"
      },
      { what: "otherwise it ends", children: [Runnable.make("a", Effect.void)], keepAlive: false, after: "done" }
    ]
  )("$what", ({ after, children, keepAlive }) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(ProcessManager.make("app", children, { keepAlive }))
      yield* elapse("1 day")
      assert.strictEqual(stateOf(fiber), after)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("removing the last child ends it", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle("a"), Runnable.idle("b")]))
      yield* handle.remove("a")
      yield* settle
      assert.strictEqual((yield* handle.status).state, "Running")
      yield* handle.remove("b")
      assert.strictEqual(outcomeOf(yield* Effect.exit(handle.await)), "done")
    }))

  it.effect("a description is not used up: it runs again after its end, and twice side by side", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const manager = ProcessManager.make("app", [child("a", Effect.delay(Effect.void, "1 second"))])
      const runs = Effect.gen(function*() {
        yield* manager
        yield* Effect.all([manager, manager], { concurrency: 2 })
      })
      const fiber = yield* Effect.forkChild(runs)
      yield* elapse("2 seconds")
      assert.strictEqual(stateOf(fiber), "done")
      assert.deepStrictEqual(log, ["+a", "-a", "+a", "+a", "-a", "-a"])
    }))

  it.effect("every one of many children that end at once is seen to end", () =>
    Effect.gen(function*() {
      const children = Array.from({ length: 5000 }, (_, index) => Runnable.make(`c${index}`, Effect.void))
      const handle = yield* ProcessManager.start(ProcessManager.make("app", children))
      yield* handle.await
      assert.strictEqual((yield* handle.status).completed, 5000)
    }))
})

/** A tree in which every child takes its own time, and what its stop has to look like. */
const tree = (
  trace: Trace,
  onStart: Effect.Effect<unknown, never, Supervisor> = Effect.void
) =>
  ProcessManager.make("app", [
    trace.polite("a", 1000),
    ProcessManager.make("sub", [
      trace.polite("s1", 2000),
      trace.child("s2"),
      ProcessManager.make("deep", [trace.polite("d1", 500), trace.polite("d2", 250)])
    ]),
    trace.polite("c", 60_000, { grace: "3 seconds" }),
    trace.child("d", Effect.andThen(onStart, Effect.never))
  ])

/** How many signal listeners there are. */
const listenersOf = () => process.listenerCount("SIGINT") + process.listenerCount("SIGHUP")

describe("E4 interrupting the manager is the same path as shutdown", () => {
  const started = ["+a@0", "+s1@0", "+s2@0", "+d1@0", "+d2@0", "+c@0", "+d@0"]
  const inReverse = [
    "-d@0",
    "?c@0",
    "-c@3000",
    "?d2@3000",
    "-d2@3250",
    "?d1@3250",
    "-d1@3750",
    "-s2@3750",
    "?s1@3750",
    "-s1@5750",
    "?a@5750",
    "-a@6750"
  ]

  it.effect("an interrupt, a shutdown, the end of the scope and a shutdown from within stop in reverse order, one at a time, each with its grace", () =>
    Effect.gen(function*() {
      const ways: Record<string, (trace: Trace) => Effect.Effect<unknown>> = {
        "interrupt": (trace) =>
          Effect.flatMap(Effect.forkChild(tree(trace)), (fiber) => Effect.andThen(settle, Fiber.interrupt(fiber))),
        "shutdown": (trace) =>
          Effect.scoped(Effect.flatMap(ProcessManager.start(tree(trace)), (handle) => handle.shutdown)),
        "scope": (trace) => Effect.scoped(ProcessManager.start(tree(trace))),
        "within": (trace) => tree(trace, Effect.flatMap(Supervisor, ({ shutdown }) => shutdown)),
        "layer": (trace) => Effect.scoped(Layer.build(Layer.provide(Runnable.layer(tree(trace)), Supervisor.layer()))),
        "launch": (trace) =>
          Effect.flatMap(
            Effect.forkChild(Supervisor.launch(Runnable.layer(tree(trace)))),
            (fiber) => Effect.andThen(settle, Fiber.interrupt(fiber))
          )
      }
      for (const [way, run] of Object.entries(ways)) {
        const trace = makeTrace({ timed: true })
        yield* TestClock.setTime(0)
        const fiber = yield* Effect.forkChild(Effect.exit(run(trace)).pipe(Effect.tap(() => trace.note("end"))))
        yield* settle
        yield* elapse("10 seconds")
        assert.deepStrictEqual(trace.log, [...started, ...inReverse, "end@6750"], way)
        assert.strictEqual(stateOf(fiber), "done")
      }
    }))

  it.effect("shutdownOrder parallel asks all at once", () =>
    Effect.gen(function*() {
      const { child, log, note, polite, stuck } = makeTrace({ timed: true })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        polite("a", 1000),
        polite("b", 3000),
        child("c"),
        polite("d", 60_000, { grace: "2 seconds" }),
        stuck("e", { abandonAfter: "2500 millis" })
      ], { shutdownOrder: "parallel" }))
      yield* Effect.forkChild(Effect.andThen(handle.shutdown, note("end")))
      yield* elapse("10 seconds")
      assert.deepStrictEqual(log.slice(5).toSorted(), [
        "-a@1000",
        "-b@3000",
        "-c@0",
        "-d@2000",
        "?a@0",
        "?b@0",
        "?d@0",
        "end@3000"
      ])
    }))

  it.effect("parallel holds for one manager, not for those below it", () =>
    Effect.gen(function*() {
      const { log, polite } = makeTrace({ timed: true })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        ProcessManager.make("one", [polite("a", 1000), polite("b", 1000)]),
        ProcessManager.make("two", [polite("c", 1000), polite("d", 1000)])
      ], { shutdownOrder: "parallel" }))
      yield* Effect.forkChild(handle.shutdown)
      yield* elapse("10 seconds")
      assert.deepStrictEqual(log.filter((entry) => entry.startsWith("-")).toSorted(), [
        "-a@2000",
        "-b@1000",
        "-c@2000",
        "-d@1000"
      ])
    }))

  it.effect("an interrupt while children are being started stops those that were", () =>
    Effect.gen(function*() {
      for (const run of ["run", "start"] as const) {
        const { child, polite, take } = makeTrace({ timed: true })
        yield* TestClock.setTime(0)
        const manager = ProcessManager.make("app", [
          polite("a", 1000),
          ProcessManager.make("sub", [child("b"), child("slow", Effect.never, { ready: "signal" }), child("c")]),
          child("d")
        ])
        const fiber = yield* Effect.forkChild(run === "run" ? manager : Effect.scoped(ProcessManager.start(manager)))
        yield* settle
        assert.deepStrictEqual(take(), ["+a@0", "+b@0", "+slow@0"], run)
        const stopped = yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* elapse("1 second")
        assert.deepStrictEqual(take(), ["-slow@0", "-b@0", "?a@0", "-a@1000"], run)
        assert.strictEqual(stateOf(stopped), "done")
      }
    }))

  it.effect("after it no fiber, listener or finalizer of the tree is left", () =>
    Effect.gen(function*() {
      const { child, log, polite, span, take } = makeTrace()
      const listeners = listenersOf()
      const busy = ProcessManager.make("app", [
        Signals.runnable(),
        child("waits"),
        polite("polite", 10),
        child("backing-off", Effect.delay(Effect.fail("boom"), "1 millis"), { restart: Schedule.spaced("1 hour") }),
        child("watched", Effect.never, {
          watchdog: "1 hour",
          health: { check: Effect.never, timeout: "1 hour" },
          restart: RestartPolicy.supervised
        }),
        child("listens", Effect.all([Control.tick(Effect.never), Control.tick(Effect.never)], { concurrency: 2 })),
        child("forks", Effect.andThen(Effect.forkScoped(Effect.andThen(span("forked"), Effect.never)), Effect.never)),
        ProcessManager.make("sub", [
          child("deep"),
          child("slow", Effect.never, { ready: "signal", startTimeout: "1 hour" }),
          child("never")
        ])
      ])
      const { counter, counted } = countFibers()
      const fiber = yield* Effect.forkChild(counted(busy))
      yield* elapse("1 second")
      assert.isAbove(counter.alive, 8)
      assert.isAbove(listenersOf(), listeners)
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* elapse("1 second")
      assert.strictEqual(stateOf(fiber), "failed: Interrupt")
      yield* settle
      assert.strictEqual(counter.alive, 0)
      assert.strictEqual(listenersOf(), listeners)
      const ends = log.filter((entry) => entry.startsWith("-")).map((entry) => entry.slice(1))
      assert.deepStrictEqual(
        ends.toSorted(),
        log.filter((entry) => entry.startsWith("+")).map((entry) => entry.slice(1)).toSorted()
      )
      take()
      yield* elapse("1 day")
      assert.deepStrictEqual(log, [])
    }))
})

/** A tree with a stuck child two levels down, and the supervisor of that child. */
const deepTree = (trace: Trace) => {
  const { runnable, supervisor } = spy()
  const manager = ProcessManager.make("app", [
    trace.child("first"),
    ProcessManager.make("one", [ProcessManager.make("two", [runnable, trace.stuck("stuck")])]),
    trace.child("last")
  ])
  return { manager, supervisor }
}

/** Ends by itself, but its finalizer does not. */
const hanging = (end: Effect.Effect<unknown, string>) =>
  Runnable.make("a", Effect.andThen(Effect.addFinalizer(() => Effect.never), end), { abandonAfter: "2 seconds" })

describe("E5 the stop of one child", () => {
  /** When `stop` answered, and how it left the child. Its grace is 2 s and it is let go 3 s after its interrupt. */
  const cases: ReadonlyArray<{
    readonly what: string
    readonly make: (trace: Trace) => Runnable.Runnable<unknown>
    readonly at: number
    readonly state: string
  }> = [
    { what: "does not listen: interrupted at once", make: ({ child }) => child("x"), at: 0, state: "Stopped" },
    {
      what: "does not listen and cleans up: waited for",
      make: ({ span }) => Runnable.make("x", Effect.andThen(span("x", Effect.sleep("1 second")), Effect.never)),
      at: 1000,
      state: "Stopped"
    },
    { what: "listens: gets the time it needs", make: ({ polite }) => polite("x", 1500), at: 1500, state: "Stopped" },
    {
      what: "listens and dawdles: interrupted after its grace",
      make: ({ polite }) => polite("x", 9000),
      at: 2000,
      state: "Stopped"
    },
    {
      what: "listened once and is busy since: gets its grace",
      make: ({ child }) =>
        child("x", Effect.andThen(Effect.timeoutOption(Control.shutdown, "1 milli"), Effect.sleep("1500 millis"))),
      at: 1501,
      state: "Stopped"
    },
    {
      what: "only looks for it when it is too late for that: interrupted at once",
      make: ({ child }) => child("x", Effect.ensuring(Effect.never, Effect.asVoid(Effect.exit(Control.shutdown)))),
      at: 0,
      state: "Stopped"
    },
    { what: "cannot be interrupted: abandoned", make: ({ stuck }) => stuck("x"), at: 3000, state: "Abandoned" },
    {
      what: "listens and then cannot be interrupted: abandoned after both times",
      make: ({ child }) => child("x", Effect.andThen(Control.shutdown, Effect.uninterruptible(Effect.never))),
      at: 5000,
      state: "Abandoned"
    },
    {
      what: "has a finalizer that does not end: abandoned",
      make: ({ span }) => Runnable.make("x", Effect.andThen(span("x", Effect.never), Effect.never)),
      at: 3000,
      state: "Abandoned"
    },
    {
      what: "fails when it is asked: no failure",
      make: ({ child }) => child("x", Effect.andThen(Control.shutdown, Effect.fail("boom"))),
      at: 0,
      state: "Stopped"
    },
    {
      what: "has an endless grace: waited for",
      make: ({ polite }) => polite("x", 86_400_000, { grace: "Infinity" }),
      at: 86_400_000,
      state: "Stopped"
    },
    {
      what: "has no grace: interrupted at once",
      make: ({ polite }) => polite("x", 100, { grace: 0 }),
      at: 0,
      state: "Stopped"
    }
  ]

  it.effect.each(cases)("$what", ({ at, make, state }) =>
    Effect.gen(function*() {
      const trace = makeTrace({ timed: true })
      const made = make(trace)
      const child = made.settings.graceMillis === Runnable.defaults.graceMillis
        ? made.pipe(Runnable.grace("2 seconds"))
        : made
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [Runnable.idle(), child.pipe(Runnable.abandonAfter("3 seconds"))])
      )
      yield* elapse("5 millis")
      yield* TestClock.setTime(0)
      const stop = yield* Effect.forkChild(handle.stop("x").pipe(Effect.tap((outcome) => trace.note(outcome))))
      yield* elapse("2 days")
      yield* Fiber.join(stop)
      assert.strictEqual(trace.log.find((entry) => entry.startsWith("done")), `done@${at}`)
      assert.strictEqual((yield* handle.child("x")).state._tag, state)
      assert.strictEqual((yield* handle.status).state, "Running")
    }))

  it.effect("an abandoned child is reported through the whole tree: event, snapshot, log", () =>
    Effect.gen(function*() {
      const trace = makeTrace()
      const { layer, lines } = captureLogs()
      const { manager, supervisor } = deepTree(trace)
      const handle = yield* ProcessManager.start(manager).pipe(Effect.provide(layer))
      const events = yield* recordEvents(handle)
      assert.deepStrictEqual((yield* handle.status).abandoned, [])
      yield* Effect.forkChild((yield* supervisor).stop("stuck"))
      yield* elapse("5 seconds")
      assert.deepStrictEqual((yield* handle.status).abandoned, ["one/two/stuck"])
      assert.strictEqual((yield* handle.child("one/two/stuck")).state._tag, "Abandoned")
      assert.deepStrictEqual(statesOf(events, "one/two/stuck"), ["Stopping", "Abandoned"])
      assert.isTrue(lines.some((line) => line.startsWith("Error") && line.includes("one/two/stuck")), lines.join("\n"))

      // Everything else goes on, and when it has let itself be ended after all, that shows too.
      assert.deepStrictEqual(trace.take(), ["+first", "+stuck", "+last"])
      yield* trace.letGo
      yield* settle
      assert.deepStrictEqual(trace.take(), ["-stuck"])
      assert.deepStrictEqual((yield* handle.status).abandoned, [])
      assert.strictEqual((yield* handle.child("one/two/stuck")).state._tag, "Stopped")
    }))

  it.effect("it stays reported when the supervisors above it have been stopped, for as long as it runs", () =>
    Effect.gen(function*() {
      const trace = makeTrace()
      const { manager } = deepTree(trace)
      const handle = yield* ProcessManager.start(manager)
      yield* Effect.forkChild(handle.stop("one"))
      yield* elapse("10 seconds")
      assert.strictEqual((yield* handle.child("one")).state._tag, "Stopped")
      assert.deepStrictEqual((yield* handle.status).abandoned, ["one/two/stuck"], "after the stop of its manager")
      yield* Effect.forkChild(handle.shutdown)
      yield* elapse("10 seconds")
      assert.deepStrictEqual((yield* handle.status).abandoned, ["one/two/stuck"], "after the shutdown of the tree")
      yield* trace.letGo
      yield* settle
      assert.deepStrictEqual((yield* handle.status).abandoned, [], "after its end")
    }))

  it.effect("the end of the whole tree tells about it in the events", () =>
    Effect.gen(function*() {
      const { manager } = deepTree(makeTrace())
      const handle = yield* ProcessManager.start(manager)
      const events = yield* recordEvents(handle)
      yield* Effect.forkChild(handle.shutdown)
      yield* elapse("10 seconds")
      assert.deepStrictEqual(statesOf(events, "one/two/stuck"), ["Stopping", "Abandoned"])
      assert.deepStrictEqual(statesOf(events, "one/two"), ["Stopping", "Stopped"])
      assert.deepStrictEqual(statesOf(events, "one"), ["Stopping", "Stopped"])
    }))

  it.effect("it blocks neither its siblings' stop nor the close of the scope longer than abandonAfter", () =>
    Effect.gen(function*() {
      const { child, log, note, stuck } = makeTrace({ timed: true })
      const scope = yield* Scope.make()
      const manager = ProcessManager.make("app", [
        child("a"),
        stuck("x", { abandonAfter: "2 seconds" }),
        stuck("y", { abandonAfter: "1 second" }),
        child("b")
      ])
      const handle = yield* Scope.provide(ProcessManager.start(manager), scope)
      yield* Effect.forkChild(Effect.andThen(Scope.close(scope, Exit.void), note("closed")))
      yield* elapse("1 hour")
      assert.deepStrictEqual(log.slice(4), ["-b@0", "-a@3000", "closed@3000"])
      assert.strictEqual((yield* handle.status).state, "Stopped")
      assert.sameMembers([...(yield* handle.status).abandoned], ["x", "y"])
    }))

  it.effect("it does not keep its manager from failing", () =>
    Effect.gen(function*() {
      const { child, stuck } = makeTrace()
      const manager = ProcessManager.make("app", [stuck("x"), child("b", Effect.fail("boom"))])
      const fiber = yield* Effect.forkChild(manager)
      yield* elapse("4999 millis")
      assert.strictEqual(stateOf(fiber), "running")
      yield* elapse("1 millis")
      assert.strictEqual(stateOf(fiber), "failed: Fail boom @b")
    }))

  it.effect("what an abandoned child does later changes nothing", () =>
    Effect.gen(function*() {
      const gate = Deferred.makeUnsafe<void>()
      const late = Runnable.make(
        "x",
        Effect.andThen(Effect.uninterruptible(Deferred.await(gate)), Effect.fail("late")),
        {
          restart: Schedule.forever
        }
      )
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle(), late]))
      yield* Effect.forkChild(handle.stop("x"))
      yield* elapse("5 seconds")
      yield* Deferred.succeed(gate, undefined)
      yield* elapse("5 seconds")
      const { incarnation, restarts, state } = yield* handle.child("x")
      assert.deepStrictEqual({ incarnation, restarts, state: state._tag }, {
        incarnation: 1,
        restarts: 0,
        state: "Stopped"
      })
      assert.strictEqual((yield* handle.status).state, "Running")
    }))

  it.effect("the time at which a child will be interrupted shows while it is being stopped", () =>
    Effect.gen(function*() {
      const { polite } = makeTrace()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        polite("a", 9000, { grace: "3 seconds" }),
        polite("b", 9000, { grace: "Infinity" })
      ]))
      yield* TestClock.setTime(1000)
      yield* Effect.forkChild(handle.stop("a"))
      yield* Effect.forkChild(handle.stop("b"))
      yield* settle
      assert.deepStrictEqual((yield* handle.child("a")).state, { _tag: "Stopping", until: 4000 })
      assert.deepStrictEqual((yield* handle.child("b")).state, { _tag: "Stopping", until: undefined })
      yield* elapse("10 seconds")
    }))

  it.effect("a stop goes on when its caller is interrupted", () =>
    Effect.gen(function*() {
      const { log, polite } = makeTrace({ timed: true })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle(), polite("x", 1000)]))
      const caller = yield* Effect.forkChild(handle.stop("x"))
      yield* settle
      yield* Fiber.interrupt(caller)
      yield* elapse("1 second")
      assert.deepStrictEqual(log, ["+x@0", "?x@0", "-x@1000"])
      assert.strictEqual((yield* handle.child("x")).state._tag, "Stopped")
    }))

  describe("when a child ends just as it is stopped", () => {
    it.effect.each(
      [
        { first: "end", state: "Completed", fails: false },
        { first: "stop", state: "Stopped", fails: false },
        { first: "end", state: "GaveUp", fails: true },
        { first: "stop", state: "Stopped", fails: true }
      ]
    )("the $first came first: $state", ({ fails, first, state }) =>
      Effect.gen(function*() {
        const gate = Deferred.makeUnsafe<void, string>()
        const handle = yield* ProcessManager.start(ProcessManager.make(
          "app",
          [Runnable.idle(), Runnable.make("x", Deferred.await(gate))],
          { autoCleanup: false, escalate: "never" }
        ))
        // Both in one turn, without giving way in between.
        const end = fails ? Deferred.fail(gate, "boom") : Deferred.succeed(gate, undefined)
        if (first === "end") yield* Effect.andThen(end, settle)
        const stop = yield* Effect.forkChild(handle.stop("x"), { startImmediately: true })
        if (first === "stop") yield* end
        assert.strictEqual(yield* Fiber.join(stop), first === "end" ? "noop" : "done")
        yield* settle
        const child = yield* handle.child("x")
        assert.strictEqual(child.state._tag, state)
        assert.strictEqual(child.history.length, 1)
        assert.strictEqual((yield* handle.status).state, "Running")
      }))

    it.effect("in the same turn: it ends once, one way or the other", () =>
      Effect.gen(function*() {
        for (const order of ["end, stop", "stop, end", "end, shutdown", "shutdown, end"]) {
          const { child, log } = makeTrace()
          const gate = Deferred.makeUnsafe<void, string>()
          const handle = yield* ProcessManager.start(ProcessManager.make("app", [
            child("idle"),
            child("x", Deferred.await(gate), { restart: Schedule.spaced("1 second") })
          ]))
          const events = yield* recordEvents(handle)
          const end = Deferred.fail(gate, "boom")
          const operation = order.includes("stop") ? handle.stop("x") : handle.shutdown
          yield* order.startsWith("end")
            ? Effect.andThen(end, operation)
            : Effect.all([operation, end], { concurrency: 2 })
          yield* settle
          assert.deepStrictEqual(log.filter((entry) => entry.endsWith("x")), ["+x", "-x"], order)
          assert.strictEqual((yield* handle.child("x")).state._tag, "Stopped", order)
          const before = order.startsWith("end") ? "Backoff" : "Stopping"
          assert.deepStrictEqual(statesOf(events, "x"), [before, "Stopped"], order)
        }
      }))
  })

  it.effect("a finalizer that is added to a child's scope after the child has ended runs at once", () =>
    Effect.gen(function*() {
      const { note, take } = makeTrace()
      const scopes = new Map<string, Scope.Scope>()
      const child = <E>(name: string, effect: Effect.Effect<unknown, E, Scope.Scope>) =>
        Runnable.make(
          name,
          Effect.flatMap(Effect.scope, (scope) => {
            scopes.set(name, scope)
            return effect
          })
        )
      const handle = yield* pool([
        child("ended", Effect.void),
        child("failed", Effect.fail("boom")),
        child("stopped", Effect.never),
        child("had one", Effect.andThen(Effect.addFinalizer(() => Effect.void), Effect.never))
      ])
      yield* handle.stop("stopped")
      yield* handle.stop("had one")
      yield* settle
      for (const [name, scope] of scopes) {
        yield* Scope.addFinalizer(scope, note(name))
        assert.deepStrictEqual(take(), [name])
      }
      assert.strictEqual(scopes.size, 4)
    }))

  describe("finalizers that hang", () => {
    it.effect("a finalizer of a supervisor holds up its end for 5 seconds, no longer", () => {
      const { layer, lines } = captureLogs()
      return Effect.gen(function*() {
        const { child, take } = makeTrace()
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [child("a")]))
        yield* handle.addFinalizer(Effect.never)
        const shutdown = yield* Effect.forkChild(handle.shutdown)
        yield* elapse("4999 millis")
        assert.deepStrictEqual([stateOf(shutdown), take()], ["running", ["+a", "-a"]])
        yield* elapse("1 millis")
        assert.strictEqual(stateOf(shutdown), "done")
        yield* handle.await
        assert.isTrue(lines.some((line) => line.startsWith("Warn") && line.includes("a finalizer of supervisor app")))
      }).pipe(Effect.provide(layer))
    })

    it.effect("a child that failed is abandoned after abandonAfter, and the manager fails with its cause", () =>
      Effect.gen(function*() {
        const { child, take } = makeTrace()
        const fiber = yield* Effect.forkChild(ProcessManager.make("app", [child("b"), hanging(Effect.fail("boom"))]))
        yield* elapse("1999 millis")
        assert.deepStrictEqual([stateOf(fiber), take()], ["running", ["+b"]])
        yield* elapse("1 millis")
        assert.deepStrictEqual([stateOf(fiber), take()], ["failed: Fail boom @a", ["-b"]])
      }))

    it.effect("a child that completed is abandoned and reported: event, snapshot, log", () => {
      const { layer, lines } = captureLogs()
      return Effect.gen(function*() {
        const handle = yield* pool([hanging(Effect.delay(Effect.void, "1 second"))])
        const events = yield* recordEvents(handle)
        yield* elapse("1 second")
        yield* elapse("1999 millis")
        assert.notStrictEqual(yield* tagOf(handle, "a"), "Abandoned")
        yield* elapse("1 millis")
        assert.strictEqual(yield* tagOf(handle, "a"), "Abandoned")
        assert.deepStrictEqual((yield* handle.status).abandoned, ["a"])
        assert.strictEqual(statesOf(events, "a").at(-1), "Abandoned")
        assert.isTrue(lines.some((line) => line.startsWith("Error: a would not end")), lines.join("\n"))
      }).pipe(Effect.provide(layer))
    })

    it.effect("the last child that completed does not keep its manager for ever", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(ProcessManager.make("app", [hanging(Effect.void)]))
        yield* elapse("1999 millis")
        assert.strictEqual(stateOf(fiber), "running")
        yield* elapse("1 millis")
        assert.strictEqual(stateOf(fiber), "done")
      }))

    it.effect("nor one whose finalizers end after all, but later than abandonAfter", () =>
      Effect.gen(function*() {
        const late = Runnable.make("a", Effect.addFinalizer(() => Effect.sleep("10 seconds")))
        const fiber = yield* Effect.forkChild(ProcessManager.make("app", [late]))
        yield* elapse("1 minute")
        assert.strictEqual(stateOf(fiber), "done")
      }))
  })
})

/** Its finalizer waits until the other one is stopped. */
const stops = (name: string, other: string) =>
  Runnable.make(
    name,
    Effect.andThen(
      Effect.acquireRelease(
        Effect.void,
        () => Effect.flatMap(Supervisor, ({ stop }) => Effect.ignore(stop(other)))
      ),
      Effect.never
    ),
    { abandonAfter: "1 second" }
  )

describe("E6 asking for the end at any moment, from anywhere", () => {
  it.effect("a shutdown during the start is remembered: what has not started never does", () =>
    Effect.gen(function*() {
      const { child, log, polite } = makeTrace()
      const manager = ProcessManager.make("app", [
        polite("a", 0),
        ProcessManager.make("sub", [child("b"), child("asks", Effect.flatMap(Supervisor, ({ shutdown }) => shutdown))]),
        child("c", Effect.flatMap(Supervisor, ({ shutdown }) => Effect.andThen(shutdown, Effect.never))),
        child("d")
      ])
      assert.strictEqual(outcomeOf(yield* Effect.exit(manager)), "done")
      assert.deepStrictEqual(log, ["+a", "+b", "+asks", "-asks", "-b", "+c", "-c", "?a", "-a"])
    }))

  it.effect("a shutdown while a child is not ready yet ends the wait, and the start of the handle", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const { runnable, supervisor } = spy()
      const start = yield* Effect.forkChild(Effect.flatMap(
        ProcessManager.start(ProcessManager.make("app", [
          runnable,
          child("slow", Effect.never, { ready: "signal" }),
          child("b")
        ])),
        (handle) => handle.status
      ))
      yield* settle
      yield* (yield* supervisor).shutdown
      const status = yield* Fiber.join(start)
      assert.strictEqual(status.state, "Stopped")
      assert.deepStrictEqual(status.children.map(({ incarnation, name, state }) => [name, incarnation, state._tag]), [
        ["spy", 1, "Stopped"],
        ["slow", 1, "Stopped"],
        ["b", 0, "Stopped"]
      ])
      assert.deepStrictEqual(log, ["+slow", "-slow"])
    }))

  it.effect("a manager that is interrupted before its first step starts nothing", () =>
    Effect.gen(function*() {
      const { child, log } = makeTrace()
      const fiber = yield* Effect.forkChild(ProcessManager.make("app", [child("a")]))
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(stateOf(fiber), "failed: Interrupt")
      assert.deepStrictEqual(log, [])
    }))

  it.effect("a shutdown that comes while a deep tree is half up leaves nothing of it", () =>
    Effect.gen(function*() {
      for (const turns of [0, 1, 2, 3, 5]) {
        const { child, log } = makeTrace()
        let manager = ProcessManager.make("m0", [child("leaf")])
        for (let depth = 1; depth <= 100; depth++) {
          manager = ProcessManager.make(`m${depth}`, [child(`c${depth}`), manager, child(`d${depth}`)])
        }
        const { counter, counted } = countFibers()
        const fiber = yield* Effect.forkChild(counted(manager), { startImmediately: true })
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        yield* settle
        assert.strictEqual(counter.alive, 0)
        const begun = log.filter((entry) => entry.startsWith("+")).map((entry) => entry.slice(1))
        const ended = log.filter((entry) => entry.startsWith("-")).map((entry) => entry.slice(1))
        assert.deepStrictEqual(ended, [...begun].reverse())
      }
    }))

  it.effect("two shutdowns are one: children are asked once, both callers wait for the end, a third finds it done", () =>
    Effect.gen(function*() {
      const { log, note, polite } = makeTrace({ timed: true })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [polite("a", 1000), polite("b", 1000)]))
      const first = yield* Effect.forkChild(handle.shutdown)
      yield* Effect.forkChild(Effect.andThen(handle.shutdown, note("one")))
      yield* elapse("500 millis")
      yield* Effect.forkChild(Effect.andThen(handle.shutdown, note("two")))
      yield* settle
      // It is not in the hands of whoever asked.
      yield* Fiber.interrupt(first)
      yield* elapse("1 hour")
      yield* handle.shutdown
      assert.deepStrictEqual(log.slice(2), ["?b@0", "-b@1000", "?a@1000", "-a@2000", "one@2000", "two@2000"])
    }))

  it.effect("shutdownNow ends the waiting of a shutdown that is under way, down to the last leaf", () =>
    Effect.gen(function*() {
      const { log, note, polite } = makeTrace({ timed: true })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        polite("a", 60_000, { grace: "Infinity" }),
        ProcessManager.make("sub", [
          polite("b", 60_000, { grace: "Infinity" }),
          ProcessManager.make("deep", [polite("c", 60_000, { grace: "Infinity" })])
        ])
      ]))
      yield* Effect.forkChild(Effect.andThen(handle.shutdown, note("one")))
      yield* elapse("1 second")
      yield* Effect.andThen(handle.shutdownNow, note("two"))
      yield* settle
      const asked = log.filter((entry) => !entry.startsWith("?"))
      assert.deepStrictEqual(asked.slice(3).toSorted(), ["-a@1000", "-b@1000", "-c@1000", "one@1000", "two@1000"])
      assert.deepStrictEqual(asked.filter((entry) => entry.startsWith("-")), ["-c@1000", "-b@1000", "-a@1000"])
    }))

  it.effect("shutdownNow waits for no grace, but a child that cleans up still has its abandonAfter", () =>
    Effect.gen(function*() {
      for (const first of ["shutdown", "stop", "nothing"] as const) {
        const { log, note, span } = makeTrace({ timed: true })
        yield* TestClock.setTime(0)
        const cleans = (name: string, body: Effect.Effect<unknown> = Effect.never) =>
          Runnable.make(name, Effect.andThen(span(name, Effect.sleep("2 seconds")), body))
        const listens = (name: string) => cleans(name, Effect.andThen(Control.shutdown, Effect.never))
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [
          ProcessManager.make("sub", [listens("in")]),
          cleans("out")
        ], { shutdownOrder: "parallel" }))
        if (first === "shutdown") yield* Effect.forkChild(handle.shutdown)
        if (first === "stop") yield* Effect.forkChild(handle.stop("out"))
        yield* elapse("1 second")
        yield* Effect.forkChild(Effect.andThen(handle.shutdownNow, note("end")))
        yield* elapse("1 minute")
        const out = first === "nothing" ? 3000 : 2000
        assert.sameMembers(log, ["+in@0", "+out@0", "-in@3000", `-out@${out}`, "end@3000"], first)
        assert.deepStrictEqual((yield* handle.status).abandoned, [])
      }
    }))

  it.effect("a shutdown does not prolong the grace of a stop that is under way", () =>
    Effect.gen(function*() {
      const { log, polite } = makeTrace({ timed: true })
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [polite("a", 60_000, { grace: "3 seconds" })])
      )
      yield* Effect.forkChild(handle.stop("a"))
      yield* elapse("2 seconds")
      yield* Effect.forkChild(handle.shutdown)
      yield* elapse("1 hour")
      assert.deepStrictEqual(log, ["+a@0", "?a@0", "-a@3000"])
      assert.strictEqual((yield* handle.status).state, "Stopped")
    }))

  const operations = ["stop", "restart", "remove", "hold", "shutdown", "shutdownNow", "reconcile"] as const
  const sources = ["its body", "a fiber it forked", "its finalizer", "a child of its own"] as const
  const requests = operations.flatMap((operation) => sources.map((source) => ({ operation, source })))

  it.effect.each(requests)(
    "a child may ask for $operation of itself from $source",
    ({ operation, source }) =>
      Effect.gen(function*() {
        const { log, note, span } = makeTrace()
        const perform = (supervisor: Supervisor.Handle<never>): Effect.Effect<unknown, unknown> =>
          operation === "shutdown" || operation === "shutdownNow"
            ? supervisor[operation]
            : operation === "reconcile"
            ? supervisor.reconcile([Runnable.idle("first")])
            : supervisor[operation]("self")
        let asked = false
        const ask = Effect.flatMap(Supervisor, (supervisor) =>
          Effect.suspend(() => {
            if (asked) return Effect.void
            asked = true
            return Effect.andThen(note("asks"), Effect.ignore(perform(supervisor)))
          }))
        const latch = yield* Latch.make()
        const body = {
          "its body": Effect.andThen(ask, Effect.never),
          "a fiber it forked": Effect.andThen(Effect.forkScoped(ask), Effect.never),
          "its finalizer": Effect.andThen(
            Effect.acquireRelease(Effect.void, () => ask),
            Effect.suspend(() => asked ? Effect.never : latch.await)
          ),
          "a child of its own": Effect.flatMap(Supervisor, (above) =>
            ProcessManager.make("self", [
              Runnable.make("grandchild", Effect.andThen(Effect.provideService(ask, Supervisor, above), Effect.never))
            ]))
        }[source]
        const handle = yield* ProcessManager.start(
          ProcessManager.make("app", [
            Runnable.idle("first"),
            Runnable.make("self", Effect.andThen(span("self"), body))
          ])
        )
        yield* latch.open
        yield* settle
        // No time has passed, so nobody was let go who waits for himself.
        const seen = log.splice(0)
        const { children, state } = yield* handle.status
        yield* elapse("1 minute")
        assert.deepStrictEqual(seen.slice(0, 3).toSorted(), ["+self", "-self", "asks"])
        assert.deepStrictEqual(seen.slice(3), operation === "restart" ? ["+self"] : [])
        assert.strictEqual(state, operation.startsWith("shutdown") ? "Stopped" : "Running")
        const self = children.find(({ name }) => name === "self")
        if (operation === "remove" || operation === "reconcile") return assert.isUndefined(self)
        const expected = {
          stop: "Stopped",
          hold: "Held",
          restart: "Running",
          shutdown: "Stopped",
          shutdownNow: "Stopped"
        }
        assert.strictEqual(self?.state._tag, expected[operation])
        assert.strictEqual(self?.incarnation, operation === "restart" ? 2 : 1)
      })
  )

  it.effect.each(
    [
      { operation: "stop", source: "its body" },
      { operation: "stop", source: "its finalizer" },
      { operation: "shutdown", source: "its body" },
      { operation: "shutdown", source: "its finalizer" }
    ] as const
  )(
    "a child may ask its grandparent for $operation of the branch it sits on, from $source",
    ({ operation, source }) =>
      Effect.gen(function*() {
        const { child, log } = makeTrace()
        const { runnable, supervisor } = spy()
        const ask = Effect.flatMap(supervisor, (root) => operation === "stop" ? root.stop("one") : root.shutdown)
        const asks = source === "its body"
          ? Effect.andThen(ask, Effect.never)
          : Effect.andThen(Effect.acquireRelease(Effect.void, () => Effect.ignore(ask)), Effect.yieldNow)
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [
          runnable,
          ProcessManager.make("one", [ProcessManager.make("two", [Runnable.idle(), child("asks", asks)])]),
          child("last")
        ]))
        yield* settle
        const seen = log.filter((entry) => !entry.endsWith("last"))
        const { state } = yield* handle.status
        const one = yield* handle.child("one")
        yield* elapse("1 minute")
        assert.deepStrictEqual(seen, ["+asks", "-asks"])
        assert.strictEqual(one.state._tag, "Stopped")
        assert.strictEqual(state, operation === "stop" ? "Running" : "Stopped")
      })
  )

  it.effect("children whose finalizers wait for each other's stop are let go, not waited for", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [Runnable.idle(), stops("a", "b"), stops("b", "a")])
      )
      const stop = yield* Effect.forkChild(handle.stop("a"))
      yield* elapse("2 seconds")
      assert.strictEqual(stateOf(stop), "done")
      yield* handle.shutdown
      assert.strictEqual((yield* handle.status).state, "Stopped")
    }))
})

/** Does not listen, so that its grace is only looked at. */
const withGrace = (name: string, grace: "Infinity" | number) => Runnable.make(name, Effect.never, { grace })

describe("E7 a child's budget never outlives its parent's", () => {
  it.effect("the clamp shows in the snapshot, at every level", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        withGrace("short", 1000),
        withGrace("long", 60_000),
        ProcessManager.make("free", [withGrace("in", 5000)]),
        ProcessManager.make("tight", [
          withGrace("equal", 2000),
          withGrace("more", 5000),
          withGrace("endless", "Infinity"),
          ProcessManager.make("sub", [withGrace("deep", 3000), withGrace("fits", 500)], { grace: "3 seconds" })
        ], { grace: "2 seconds" })
      ], { grace: "10 seconds" }))
      const clamps: Record<string, unknown> = {}
      for (
        const path of [
          "short",
          "long",
          "free",
          "free/in",
          "tight",
          "tight/equal",
          "tight/more",
          "tight/endless",
          "tight/sub",
          "tight/sub/deep",
          "tight/sub/fits"
        ]
      ) {
        const { clampedFrom, grace } = yield* handle.child(path)
        clamps[path] = [grace, clampedFrom]
      }
      assert.deepStrictEqual(clamps, {
        "short": [1000, undefined],
        "long": [10_000, 60_000],
        "free": [10_000, "infinity"],
        "free/in": [5000, undefined],
        "tight": [2000, undefined],
        "tight/equal": [2000, undefined],
        "tight/more": [2000, 5000],
        "tight/endless": [2000, "infinity"],
        "tight/sub": [2000, 3000],
        "tight/sub/deep": [2000, 3000],
        "tight/sub/fits": [500, undefined]
      })
    }))

  it.effect("an endless grace without a parent that ends is not clamped", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        ProcessManager.make("sub", [Runnable.idle().pipe(Runnable.grace("Infinity"))])
      ]))
      for (const path of ["sub", "sub/idle"]) {
        const { clampedFrom, grace } = yield* handle.child(path)
        assert.deepStrictEqual([grace, clampedFrom], ["infinity", undefined])
      }
    }))

  it.effect("children share what their parent has: who comes later gets what is left", () =>
    Effect.gen(function*() {
      const { log, note, polite } = makeTrace({ timed: true })
      const long = (name: string) => polite(name, 60_000, { grace: "3 seconds" })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        long("outside"),
        ProcessManager.make("sub", [long("a"), long("b"), ProcessManager.make("deep", [long("c")])], {
          grace: "5 seconds"
        })
      ]))
      yield* Effect.forkChild(Effect.andThen(handle.shutdown, note("end")))
      yield* elapse("4 seconds")
      // b began at 3 s and would like to go on until 6 s.
      assert.deepStrictEqual((yield* handle.child("sub/b")).state, { _tag: "Stopping", until: 5000 })
      yield* elapse("1 hour")
      assert.deepStrictEqual(log.slice(4), [
        "?c@0",
        "-c@3000",
        "?b@3000",
        "-b@5000",
        "?a@5000",
        "-a@5000",
        "?outside@5000",
        "-outside@8000",
        "end@8000"
      ])
    }))

  it.effect("the budget of a root is its grace", () =>
    Effect.gen(function*() {
      const { log, polite } = makeTrace({ timed: true })
      const fiber = yield* Effect.forkChild(
        ProcessManager.make("app", [polite("a", 60_000), polite("b", 60_000)], { grace: "6 seconds" })
      )
      yield* settle
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* elapse("1 hour")
      assert.deepStrictEqual(log.slice(2), ["?b@0", "-b@5000", "?a@5000", "-a@6000"])
    }))

  it.effect("a child that cleans up when its manager's grace is over has what is left until that is let go", () =>
    Effect.gen(function*() {
      const { log, note, span } = makeTrace({ timed: true })
      const leaf = Runnable.make(
        "leaf",
        Effect.andThen(span("leaf", Effect.sleep("1 second")), Effect.andThen(Control.shutdown, Effect.never))
      )
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        Runnable.idle(),
        ProcessManager.make("one", [ProcessManager.make("two", [leaf])], { grace: "3 seconds" })
      ]))
      yield* Effect.forkChild(Effect.andThen(handle.stop("one"), note("stopped")))
      yield* elapse("1 minute")
      assert.deepStrictEqual(log, ["+leaf@0", "-leaf@4000", "stopped@4000"])
      assert.deepStrictEqual((yield* handle.status).abandoned, [])
    }))

  it.effect("what cannot be ended is given up in time for its manager not to be given up with it", () =>
    Effect.gen(function*() {
      const { child, log, note, stuck } = makeTrace({ timed: true })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        Runnable.idle(),
        ProcessManager.make("one", [
          ProcessManager.make("two", [child("a"), stuck("x", { abandonAfter: "1 hour" })])
        ], { grace: "1 second", abandonAfter: "1 second" })
      ]))
      const events = yield* recordEvents(handle)
      yield* Effect.forkChild(Effect.andThen(handle.stop("one"), note("stopped")))
      yield* elapse("1 hour")
      assert.deepStrictEqual(statesOf(events, "one/two/x"), ["Stopping", "Abandoned"])
      assert.deepStrictEqual(statesOf(events, "one/two"), ["Stopping", "Stopped"])
      assert.deepStrictEqual(statesOf(events, "one"), ["Stopping", "Stopped"])
      const stopped = log.find((entry) => entry.startsWith("stopped"))
      const at = Number(stopped?.split("@")[1])
      assert.isAtMost(at, 2000)
      assert.isAbove(at, 1500, "and not before it had most of its time")
      assert.include(log.map((entry) => entry.split("@")[0]), "-a")
    }))
})

describe("the cause of a manager's end", () => {
  it.effect("is the child's own: nothing is wrapped, so it can be handled where it is known", () =>
    Effect.gen(function*() {
      class Missing extends Error {
        readonly _tag = "Missing"
      }
      const missing = new Missing("x")
      const cause = causeOf(
        yield* Effect.exit(
          ProcessManager.make("app", [ProcessManager.make("sub", [Runnable.make("a", Effect.fail(missing))])])
        )
      )
      assert.strictEqual(Cause.squash(cause), missing)
    }))
})
