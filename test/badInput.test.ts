import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Schedule } from "effect"
import { ProcessManager, RestartPolicy, Runnable, Signals, Supervisor, SupervisorError } from "effect-supervisor"
import { TestClock } from "effect/testing"
import { settle } from "./support.ts"

/** The error that a wrong description throws, which names the subject and the option. */
const refused = (make: () => unknown, subject: string, option: string): SupervisorError.InvalidOption => {
  try {
    make()
  } catch (error) {
    assert.instanceOf(error, SupervisorError.InvalidOption)
    assert.strictEqual(error._tag, "InvalidOption")
    assert.strictEqual(error.option, option)
    for (const part of [subject, option, error.expected]) assert.include(error.message, part)
    assert.include(error.subject, subject)
    return error
  }
  return assert.fail(`${subject} was not refused for its ${option}`)
}

describe("names", () => {
  for (const name of ["", " ", "\t\n", "/", "a/b", "/a", "a/"]) {
    it(`${JSON.stringify(name)} is no name of a child`, () => {
      const error = refused(() => Runnable.make(name, Effect.void), "Runnable", "name")
      assert.include(error.message, JSON.stringify(name))
    })

    it(`${JSON.stringify(name)} is no name of a manager, a layer, an idle child or a supervisor either`, () => {
      refused(() => ProcessManager.make(name, []), "", "name")
      refused(() => Runnable.fromLayer(name, Layer.empty), "", "name")
      refused(() => Runnable.idle(name), "", "name")
      refused(() => Signals.runnable({ name }), "", "name")
    })

    it.effect(`${JSON.stringify(name)} is no name of a launched supervisor: a defect that says so`, () =>
      Effect.gen(function*() {
        for (const run of [Supervisor.launch(Layer.empty, { name }), Layer.build(Supervisor.layer({ name }))]) {
          const exit = yield* Effect.exit(Effect.asVoid(run))
          assert(Exit.isFailure(exit))
          const error = Cause.squash(exit.cause)
          assert.instanceOf(error, SupervisorError.InvalidOption)
          assert.strictEqual(error.option, "name")
        }
      }))
  }

  it("what is not a string is no name", () => {
    for (const name of [undefined, null, 1, {}, []]) {
      refused(() => Runnable.make(name as unknown as string, Effect.void), "Runnable", "name")
    }
  })

  it("any other text is: spaces, dots, emoji, the names of what every object has", () => {
    for (const name of ["a b", "a.b", "🚀", "constructor", "__proto__", "toString", "..", "a\\b"]) {
      assert.strictEqual(Runnable.make(name, Effect.void).name, name)
    }
  })

  it.effect("children with the names of what every object has are children like others", () =>
    Effect.gen(function*() {
      const names = ["constructor", "__proto__", "toString", "hasOwnProperty"]
      const manager = ProcessManager.make("app", names.map((name) => Runnable.idle(name)))
      const handle = yield* ProcessManager.start(manager)
      assert.deepStrictEqual((yield* handle.status).children.map((child) => child.name), names)
      for (const name of names) assert.strictEqual(yield* handle.stop(name), "done")
    }))

  it("two children of one name are refused where the manager is made, naming both", () => {
    let error: unknown
    try {
      error = ProcessManager.make("app", [Runnable.idle("a"), Runnable.idle("b"), Runnable.idle("a")])
    } catch (thrown) {
      error = thrown
    }
    assert.instanceOf(error, SupervisorError.DuplicateChild)
    assert.deepStrictEqual([error.child, error.supervisor], ["a", "app"])
    assert.include(error.message, `"app"`)
    assert.throws(
      () => ProcessManager.make("app", [Runnable.idle("a")]).pipe(ProcessManager.add(Runnable.idle("a"))),
      SupervisorError.DuplicateChild
    )
  })

  it("the same name under two managers is fine", () => {
    const manager = ProcessManager.make("app", [
      ProcessManager.make("one", [Runnable.idle("a")]),
      ProcessManager.make("two", [Runnable.idle("a")]),
      Runnable.idle("a")
    ])
    assert.strictEqual(manager.children.length, 3)
  })
})

const withHealth = (more: object) => () =>
  Runnable.make("worker", Effect.void, { health: { check: Effect.void, ...more } })

describe("durations", () => {
  type Durations = "grace" | "abandonAfter" | "startTimeout" | "watchdog" | "reloadTimeout"
  const options: ReadonlyArray<Durations> = ["grace", "abandonAfter", "startTimeout", "watchdog", "reloadTimeout"]
  const positive: ReadonlyArray<Durations> = ["startTimeout", "watchdog", "reloadTimeout"]
  const { abandonAfter, grace, reloadTimeout, startTimeout, watchdog } = Runnable
  const setters = { abandonAfter, grace, reloadTimeout, startTimeout, watchdog }
  const garbage: ReadonlyArray<unknown> = [
    -1,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    "soon",
    "5",
    "-5 seconds",
    "5 fortnights",
    "",
    { seconds: -1 },
    null,
    true
  ]

  for (const option of options) {
    it(`${option} is a duration of zero or more`, () => {
      for (const value of garbage) {
        refused(
          () => Runnable.make("worker", Effect.void, { [option]: value as number }),
          `Runnable "worker"`,
          option
        )
        refused(() => ProcessManager.make("app", [], { [option]: value as number }), `"app"`, option)
        refused(() => Runnable.idle("worker").pipe(setters[option](value as number)), `Runnable "worker"`, option)
      }
    })
  }

  for (const option of positive) {
    it(`${option} makes no sense as zero or infinity`, () => {
      for (const value of [0, "0 seconds", Number.POSITIVE_INFINITY] as const) {
        refused(() => Runnable.make("worker", Effect.void, { [option]: value }), `Runnable "worker"`, option)
      }
    })
  }

  it("a grace of zero, of infinity, in words and as a number are fine", () => {
    const graces = [0, 1.5, "infinity", "2 minutes", Number.POSITIVE_INFINITY, { seconds: 3 }] as const
    assert.deepStrictEqual(
      graces.map((grace) => Runnable.make("worker", Effect.void, { grace }).settings.graceMillis),
      [0, 1.5, Number.POSITIVE_INFINITY, 120_000, Number.POSITIVE_INFINITY, 3000]
    )
  })

  it("the durations and the count of a health check", () => {
    for (const value of garbage) {
      if (value === null) continue
      refused(withHealth({ initialDelay: value }), `Runnable "worker"`, "health.initialDelay")
      refused(withHealth({ interval: value }), `Runnable "worker"`, "health.interval")
      refused(withHealth({ timeout: value }), `Runnable "worker"`, "health.timeout")
    }
    refused(withHealth({ interval: 0 }), `Runnable "worker"`, "health.interval")
    refused(withHealth({ timeout: 0 }), `Runnable "worker"`, "health.timeout")
    for (const failures of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "3"]) {
      refused(withHealth({ failures }), `Runnable "worker"`, "health.failures")
    }
  })

  it("resetAfter of a policy", () => {
    for (const value of garbage) {
      if (value === null) continue
      const resetAfter = value as number
      refused(() => RestartPolicy.onFailure(Schedule.forever, { resetAfter }), "RestartPolicy.onFailure", "resetAfter")
      refused(() => RestartPolicy.always(Schedule.forever, { resetAfter }), "RestartPolicy.always", "resetAfter")
    }
  })

  it.effect("the grace of a supervisor for layers", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Supervisor.launch(Layer.empty, { grace: -1 }))
      assert(Exit.isFailure(exit))
      const error = Cause.squash(exit.cause)
      assert.instanceOf(error, SupervisorError.InvalidOption)
      assert.strictEqual(error.option, "grace")
    }))
})

describe("numbers", () => {
  it("an intensity allows at least one restart, within a finite time", () => {
    for (const restarts of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      refused(() => RestartPolicy.intensity({ restarts, within: "1 minute" }), "RestartPolicy.intensity", "restarts")
      assert.throws(
        () => ProcessManager.make("app", [], { intensity: { restarts, within: "1 minute" } }),
        SupervisorError.InvalidOption
      )
    }
    for (const within of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "soon" as "1 second"]) {
      refused(() => RestartPolicy.intensity({ restarts: 1, within }), "RestartPolicy.intensity", "within")
    }
  })

  it("a dead fraction is above 0 and at most 1", () => {
    for (const deadFraction of [0, -0.1, 1.1, Number.NaN, Number.POSITIVE_INFINITY, "half" as unknown as number]) {
      refused(() => ProcessManager.make("app", [], { escalate: { deadFraction } }), `"app"`, "escalate.deadFraction")
    }
    assert.deepStrictEqual(ProcessManager.make("app", [], { escalate: { deadFraction: 1 } }).options.escalate, {
      deadFraction: 1
    })
  })

  it("maxChildren is a whole number of at least 1", () => {
    for (const maxChildren of [0, -1, 1.5, Number.NaN, "many" as unknown as number]) {
      refused(() => ProcessManager.make("app", [], { maxChildren }), `"app"`, "maxChildren")
    }
  })
})

describe("words", () => {
  it("a word that an option does not know is refused, and the error lists those that it does", () => {
    const word = "sometimes" as never
    const cases: ReadonlyArray<readonly [() => unknown, string, string]> = [
      [() => ProcessManager.make("app", [], { strategy: word }), "strategy", "rest-for-one"],
      [() => ProcessManager.make("app", [], { escalate: word }), "escalate", "never"],
      [() => ProcessManager.make("app", [], { autoShutdown: word }), "autoShutdown", "any-significant"],
      [() => ProcessManager.make("app", [], { shutdownOrder: word }), "shutdownOrder", "parallel"],
      [() => Runnable.make("app", Effect.void, { ready: word }), "ready", "signal"],
      [() => Runnable.idle("app").pipe(Runnable.ready(word)), "ready", "started"]
    ]
    for (const [make, option, known] of cases) {
      const error = refused(make, `"app"`, option)
      assert.include(error.message, known)
      assert.include(error.message, "sometimes")
    }
  })

  it("what is neither a policy nor a schedule is no restart", () => {
    for (const restart of ["always", 5, {}, { _tag: "Sometimes" }, true]) {
      refused(
        () => Runnable.make("worker", Effect.void, { restart: restart as never }),
        `Runnable "worker"`,
        "restart"
      )
    }
  })

  it("an action that signals do not know is refused", () => {
    refused(() => Signals.runnable({ actions: { SIGTERM: "restart" as never } }), "", "actions.SIGTERM")
  })

  it("a child that is always restarted never ends, so it cannot be significant, in whichever order it is said", () => {
    const always = RestartPolicy.always(Schedule.forever)
    refused(
      () => Runnable.make("worker", Effect.void, { restart: always, significant: true }),
      `Runnable "worker"`,
      "significant"
    )
    refused(
      () => Runnable.idle("worker").pipe(Runnable.restart(always), Runnable.significant(true)),
      `Runnable "worker"`,
      "significant"
    )
    refused(
      () => Runnable.idle("worker").pipe(Runnable.significant(true), Runnable.restart(always)),
      `Runnable "worker"`,
      "significant"
    )
    refused(
      () => ProcessManager.make("app", [], { restart: always, significant: true }),
      `"app"`,
      "significant"
    )
  })

  it("a setter that is refused leaves the Runnable as it was", () => {
    const worker = Runnable.make("worker", Effect.void, { grace: "1 second" })
    assert.throws(() => worker.pipe(Runnable.grace(-1)), SupervisorError.InvalidOption)
    assert.strictEqual(worker.settings.graceMillis, 1000)
  })
})

describe("operations that cannot be done change nothing", () => {
  it.effect("an unknown child", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle("a")]))
      const before = yield* handle.status
      for (const name of ["b", "", "/", "a/b", "app", "__proto__", "constructor"]) {
        const errors = [
          yield* Effect.flip(handle.start(name)),
          yield* Effect.flip(handle.stop(name)),
          yield* Effect.flip(handle.restart(name)),
          yield* Effect.flip(handle.hold(name)),
          yield* Effect.flip(handle.release(name)),
          yield* Effect.flip(handle.remove(name)),
          yield* Effect.flip(handle.reloadChild(name)),
          yield* Effect.flip(handle.send(name, "hello")),
          yield* Effect.flip(handle.child(name))
        ]
        for (const error of errors) {
          assert(error._tag === "ChildNotFound")
          assert.deepStrictEqual([error.child, error.supervisor], [name, "app"])
        }
      }
      assert.deepStrictEqual(yield* handle.status, before)
    }))

  it.effect("after the supervisor has closed: operations are refused, looking is not", () =>
    Effect.gen(function*() {
      let started = 0
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [Runnable.make("a", Effect.andThen(Effect.sync(() => started++), Effect.never))])
      )
      yield* handle.shutdown
      const before = yield* handle.status
      const errors = [
        yield* Effect.flip(handle.start("a")),
        yield* Effect.flip(handle.restart("a")),
        yield* Effect.flip(handle.remove("a")),
        yield* Effect.flip(handle.send("a", "hello")),
        yield* Effect.flip(handle.add(Runnable.make("b", Effect.sync(() => started++)))),
        yield* Effect.flip(handle.reconcile([Runnable.idle("c")])),
        yield* Effect.flip(handle.start("nobody"))
      ]
      for (const error of errors) {
        assert.strictEqual(error._tag, "SupervisorClosed")
        assert.include(error.message, `"app"`)
      }
      yield* settle
      assert.strictEqual(started, 1)
      assert.deepStrictEqual(yield* handle.status, before)
      assert.deepStrictEqual(yield* handle.reload, { handled: [], ignored: [], failed: [], timedOut: [] })
      assert.strictEqual((yield* handle.child("a")).state._tag, "Stopped")
      yield* handle.shutdown
      yield* handle.shutdownNow
      yield* handle.await
    }))

  it.effect("while it is closing too, and nobody is kept waiting", () =>
    Effect.gen(function*() {
      const manager = ProcessManager.make("app", [
        Runnable.make("stubborn", Effect.uninterruptible(Effect.sleep("3 seconds")), { abandonAfter: "5 seconds" })
      ])
      const handle = yield* ProcessManager.start(manager)
      yield* Effect.forkChild(handle.shutdown)
      yield* settle
      assert.strictEqual((yield* handle.status).state, "Stopping")
      assert.strictEqual((yield* Effect.flip(handle.add(Runnable.idle("b"))))._tag, "SupervisorClosed")
      assert.strictEqual((yield* Effect.flip(handle.stop("stubborn")))._tag, "SupervisorClosed")
      yield* TestClock.adjust("3 seconds")
      yield* handle.await
    }))

  it.effect("messages to a child that reads none: the buffer is full, and says so", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle("deaf")]))
      for (let index = 0; index < 256; index++) yield* handle.send("deaf", index)
      const error = yield* Effect.flip(handle.send("deaf", 256))
      assert(error._tag === "MessagesFull")
      assert.deepStrictEqual([error.child, error.path, error.capacity], ["deaf", "deaf", 256])
    }))
})

describe("what a child throws may be anything", () => {
  const hostile: Record<string, () => unknown> = {
    "undefined": () => undefined,
    "null": () => null,
    "a symbol": () => Symbol("odd"),
    "a big integer": () => 10n,
    "an object without a prototype": () => Object.create(null),
    "an object whose toString throws": () => ({
      toString: () => {
        throw new Error("no")
      }
    }),
    "an object whose _tag throws": () => ({
      get _tag() {
        throw new Error("no")
      }
    }),
    "an object that holds itself": () => {
      const self: Record<string, unknown> = {}
      self["self"] = self
      return self
    }
  }

  for (const [what, make] of Object.entries(hostile)) {
    it.effect(`failing with ${what} is a failure like any other`, () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const sibling = Runnable.make(
          "sibling",
          Effect.andThen(
            Effect.acquireRelease(Effect.sync(() => log.push("+")), () => Effect.sync(() => log.push("-"))),
            Effect.never
          )
        )
        const value = make()
        let lives = 0
        const child = Runnable.make(
          "child",
          Effect.suspend(() => ++lives === 1 ? Effect.fail(value) : Effect.die(value)),
          { restart: Schedule.spaced("1 second") }
        )
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [sibling], { keepAlive: true }))
        yield* Effect.forkChild((handle as unknown as Supervisor.Handle<unknown>).add(
          child.pipe(Runnable.restart(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 }))))
        ))
        yield* settle
        const { state } = yield* handle.child("child")
        assert(state._tag === "Backoff")
        assert.strictEqual(state.cause?.kind, "Fail")
        assert.isString(state.cause?.message)
        JSON.stringify(yield* handle.status)
        yield* TestClock.adjust("1 second")
        yield* settle
        const exit = yield* Effect.exit(handle.await)
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(log, ["+", "-"])
      }))
  }

  it.effect("a child whose Effect is made by a function that throws dies, and its policy decides", () =>
    Effect.gen(function*() {
      let lives = 0
      const child = Runnable.make(
        "child",
        Effect.suspend((): Effect.Effect<void> => {
          if (++lives === 1) throw new Error("boom")
          return Effect.never
        }),
        { restart: Schedule.recurs(1) }
      )
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [child]))
      yield* settle
      assert.strictEqual((yield* handle.child("child")).incarnation, 2)
    }))
})
