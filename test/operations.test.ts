import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Equal, Exit, Fiber, Layer, Result, Schedule, type Scope, Stream } from "effect"
import {
  Control,
  ProcessManager,
  RestartPolicy,
  Runnable,
  State,
  Supervisor,
  type SupervisorError
} from "effect-supervisor"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { openPool, settle } from "./support.ts"

type Handle = Supervisor.Handle<string>

const stateOf = (handle: Handle, path: string) =>
  handle.child(path).pipe(
    Effect.map((child): State.State["_tag"] | "absent" => child.state._tag),
    Effect.catchTag("ChildNotFound", () => Effect.succeed("absent" as const))
  )

const names = (handle: Handle) => Effect.map(handle.status, ({ children }) => children.map((child) => child.name))

/** Writes down its starts and ends. */
const logged = (log: Array<string>, name: string, options?: Runnable.Options<string>): Runnable.Runnable<string> =>
  Runnable.make(
    name,
    Effect.acquireRelease(Effect.sync(() => log.push(`+${name}`)), () => Effect.sync(() => log.push(`-${name}`))).pipe(
      Effect.andThen(Effect.never)
    ),
    options
  )

// -- The table

const operations = ["start", "stop", "restart", "hold", "release", "remove", "reloadChild", "send"] as const
type Operation = (typeof operations)[number]

/** What the operation answers: a reload that reached the child, and a message that was taken, are "done". */
type Answer = "done" | "noop" | "ChildNotFound" | "ChildNotRunning" | "SupervisorClosed"
type Before = State.State["_tag"] | "absent" | "closed"
type After = State.State["_tag"] | "absent"

const absent: readonly [Answer, After] = ["ChildNotFound", "absent"]
const closed: readonly [Answer, After] = ["SupervisorClosed", "Stopped"]

/**
 * What every operation does in every state: what it answers, and the state afterwards. "absent" before is a name that
 * the supervisor does not have, "closed" a supervisor that has stopped.
 */
const table: { readonly [S in Before]: { readonly [O in Operation]: readonly [Answer, After] } } = {
  Pending: {
    start: ["noop", "Pending"],
    stop: ["done", "Stopped"],
    restart: ["noop", "Pending"],
    hold: ["done", "Held"],
    release: ["noop", "Pending"],
    remove: ["done", "absent"],
    reloadChild: ["noop", "Pending"],
    send: ["ChildNotRunning", "Pending"]
  },
  Starting: {
    start: ["noop", "Starting"],
    stop: ["done", "Stopped"],
    restart: ["done", "Running"],
    hold: ["done", "Held"],
    release: ["noop", "Starting"],
    remove: ["done", "absent"],
    reloadChild: ["done", "Starting"],
    send: ["done", "Starting"]
  },
  Running: {
    start: ["noop", "Running"],
    stop: ["done", "Stopped"],
    restart: ["done", "Running"],
    hold: ["done", "Held"],
    release: ["noop", "Running"],
    remove: ["done", "absent"],
    reloadChild: ["done", "Running"],
    send: ["done", "Running"]
  },
  Backoff: {
    start: ["done", "Running"],
    stop: ["done", "Stopped"],
    restart: ["done", "Running"],
    hold: ["done", "Held"],
    release: ["noop", "Backoff"],
    remove: ["done", "absent"],
    reloadChild: ["noop", "Backoff"],
    send: ["ChildNotRunning", "Backoff"]
  },
  Stopping: {
    start: ["done", "Running"],
    stop: ["noop", "Stopped"],
    restart: ["done", "Running"],
    hold: ["done", "Held"],
    release: ["noop", "Stopping"],
    remove: ["done", "absent"],
    reloadChild: ["noop", "Stopping"],
    send: ["ChildNotRunning", "Stopping"]
  },
  Stopped: {
    start: ["done", "Running"],
    stop: ["noop", "Stopped"],
    restart: ["done", "Running"],
    hold: ["done", "Held"],
    release: ["noop", "Stopped"],
    remove: ["done", "absent"],
    reloadChild: ["noop", "Stopped"],
    send: ["ChildNotRunning", "Stopped"]
  },
  Held: {
    start: ["noop", "Held"],
    stop: ["noop", "Held"],
    restart: ["noop", "Held"],
    hold: ["noop", "Held"],
    release: ["done", "Running"],
    remove: ["done", "absent"],
    reloadChild: ["noop", "Held"],
    send: ["ChildNotRunning", "Held"]
  },
  Completed: {
    start: ["done", "Running"],
    stop: ["noop", "Completed"],
    restart: ["done", "Running"],
    hold: ["done", "Held"],
    release: ["noop", "Completed"],
    remove: ["done", "absent"],
    reloadChild: ["noop", "Completed"],
    send: ["ChildNotRunning", "Completed"]
  },
  GaveUp: {
    start: ["done", "Running"],
    stop: ["noop", "GaveUp"],
    restart: ["done", "Running"],
    hold: ["done", "Held"],
    release: ["noop", "GaveUp"],
    remove: ["done", "absent"],
    reloadChild: ["noop", "GaveUp"],
    send: ["ChildNotRunning", "GaveUp"]
  },
  Abandoned: {
    start: ["noop", "Abandoned"],
    stop: ["noop", "Abandoned"],
    restart: ["noop", "Abandoned"],
    hold: ["noop", "Abandoned"],
    release: ["noop", "Abandoned"],
    remove: ["done", "absent"],
    reloadChild: ["noop", "Abandoned"],
    send: ["ChildNotRunning", "Abandoned"]
  },
  absent: {
    start: absent,
    stop: absent,
    restart: absent,
    hold: absent,
    release: absent,
    remove: absent,
    reloadChild: absent,
    send: absent
  },
  closed: {
    start: closed,
    stop: closed,
    restart: closed,
    hold: closed,
    release: closed,
    remove: closed,
    reloadChild: closed,
    send: closed
  }
}

/** A supervisor whose child "x" is in a certain state, and what ends the wait that this state is about. */
interface World {
  readonly handle: Handle
  readonly finish: Effect.Effect<unknown>
}

/** Lives its first life as told; the lives after it are ready at once and go on for ever. */
const subject = (first: Effect.Effect<unknown, string>, options?: Runnable.Options<string>) => {
  let lives = 0
  const next = Effect.andThen(Control.ready, Effect.never)
  return Runnable.make("x", Effect.suspend(() => ++lives === 1 ? first : next), { onReload: Effect.void, ...options })
}

const open = openPool([], { autoCleanup: false, escalate: "never" })

/** A gate that the end of the test opens, so that nothing is left waiting at it. */
const gate = Effect.acquireRelease(Deferred.make<void>(), (deferred) => Deferred.succeed(deferred, undefined))

const withChild = (
  first: Effect.Effect<unknown, string>,
  options: Runnable.Options<string> | undefined,
  then: (handle: Handle) => Effect.Effect<unknown, unknown> = () => Effect.void
): Effect.Effect<World, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const handle = yield* open
    yield* Effect.forkScoped(Effect.exit(handle.add(subject(first, options))))
    yield* settle
    yield* then(handle)
    yield* settle
    return { handle, finish: Effect.void }
  })

const ways: { readonly [S in Before]: Effect.Effect<World, unknown, Scope.Scope> } = {
  Pending: Effect.gen(function*() {
    const inside = yield* Deferred.make<Handle>()
    const first = Runnable.make(
      "first",
      Effect.gen(function*() {
        yield* Deferred.succeed(inside, (yield* Supervisor) as unknown as Handle)
        return yield* Effect.never
      }),
      { ready: "signal" }
    )
    yield* Effect.forkScoped(ProcessManager.make("app", [first, subject(Effect.never)]))
    return { handle: yield* Deferred.await(inside), finish: Effect.void }
  }),
  Starting: withChild(Effect.never, { ready: "signal" }),
  Running: withChild(Effect.never, undefined),
  Backoff: withChild(Effect.fail("boom"), { restart: Schedule.spaced("1 hour") }),
  Stopping: Effect.gen(function*() {
    const drained = yield* gate
    const first = Effect.andThen(Control.shutdown, Deferred.await(drained))
    const world = yield* withChild(first, { grace: "1 hour" }, (handle) => Effect.forkDetach(handle.stop("x")))
    return { ...world, finish: Deferred.succeed(drained, undefined) }
  }),
  Stopped: withChild(Effect.never, undefined, (handle) => handle.stop("x")),
  Held: withChild(Effect.never, undefined, (handle) => handle.hold("x")),
  Completed: withChild(Effect.void, undefined),
  GaveUp: withChild(Effect.fail("boom"), undefined),
  Abandoned: Effect.gen(function*() {
    const stubborn = yield* gate
    return yield* withChild(
      Effect.uninterruptible(Deferred.await(stubborn)),
      { abandonAfter: "1 second" },
      (handle) => Effect.forkDetach(handle.stop("x")).pipe(Effect.andThen(TestClock.adjust("1 second")))
    )
  }),
  absent: Effect.map(open, (handle) => ({ handle, finish: Effect.void })),
  closed: withChild(Effect.never, undefined, (handle) => handle.shutdown)
}

/** Brings a child into a state; the end of the test ends what the state waits for. */
const reach = (state: Before) => Effect.tap(ways[state], ({ finish }) => Effect.addFinalizer(() => finish))

const perform = (handle: Handle, operation: Operation): Effect.Effect<Answer, { readonly _tag: string }> => {
  switch (operation) {
    case "reloadChild":
      return Effect.map(handle.reloadChild("x"), (report) => {
        assert.deepStrictEqual([report.ignored, report.failed, report.timedOut], [[], [], []])
        return report.handled.length === 0 ? "noop" : "done"
      })
    case "send":
      return Effect.as(handle.send("x", "hello"), "done")
    case "start":
    case "stop":
    case "restart":
    case "hold":
    case "release":
    case "remove":
      return handle[operation]("x")
  }
}

describe("C3 every operation has a defined outcome in every state", () => {
  for (const before of Object.keys(table) as Array<Before>) {
    for (const operation of operations) {
      const [answer, after] = table[before][operation]
      it.effect(`${operation} of a child that is ${before}: ${answer}, then ${after}`, () =>
        Effect.gen(function*() {
          const { finish, handle } = yield* reach(before)
          if (before !== "closed") assert.strictEqual(yield* stateOf(handle, "x"), before)
          const done = yield* Effect.forkChild(Effect.result(perform(handle, operation)))
          yield* settle
          if (done.pollUnsafe() === undefined) yield* finish
          yield* settle
          const result = yield* Fiber.join(done)
          const got = Result.match(result, { onSuccess: (outcome) => outcome, onFailure: (error) => error._tag })
          assert.deepStrictEqual([got, yield* stateOf(handle, "x")], [answer, after])
        }))
    }
  }

  it("the README has this table, in its own words", () => {
    const rows = readFileSync(new URL("../README.md", import.meta.url), "utf8").split("\n").flatMap((line) => {
      const cells = line.split("|").map((cell) => cell.replaceAll("`", "").replace(/\(\d\)/, "").trim())
      return cells.length > 2 ? [cells.slice(1, -1)] : []
    })
    const head = rows.findIndex(([first]) => first === "State")
    const columns = rows[head]?.slice(1) as Array<Operation> | undefined
    assert.includeMembers(columns ?? [], ["start", "stop", "restart", "hold", "release", "remove"])
    const states = new Set<string>()
    for (const [first = "", ...words] of rows.slice(head + 2)) {
      const befores = first.split(", ")
      if (!befores.every((before) => before in table)) break
      for (const before of befores) {
        states.add(before)
        for (const [index, word] of words.entries()) {
          const operation = columns![index]!
          const [answer, after] = table[before as Before][operation]
          const said = word === "-"
            ? before
            : word === "removed"
            ? "absent"
            : word.startsWith("starts")
            ? "Running"
            : word
          assert.strictEqual(said, after, `${operation} of a child that is ${before}`)
          if (word === "-") assert.strictEqual(answer, "noop")
        }
      }
    }
    assert.sameMembers(Array.from(states), State.tags.slice())
  })

  it.effect("an operation after which a child starts again begins a new life: its counters start afresh", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([], { escalate: "never" })
      let lives = 0
      yield* handle.add(Runnable.make("x", Effect.suspend(() => Effect.fail(`life ${++lives}`)), {
        restart: Schedule.recurs(2)
      }))
      yield* settle
      assert.strictEqual(yield* stateOf(handle, "x"), "GaveUp")
      assert.strictEqual(lives, 3)
      assert.strictEqual(yield* handle.start("x"), "done")
      yield* settle
      assert.strictEqual(yield* stateOf(handle, "x"), "GaveUp")
      assert.strictEqual(lives, 6)
    }))

  it.effect("an abandoned child whose fiber ends after all is stopped and can be started", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const stubborn = yield* Deferred.make<void>()
      yield* handle.add(subject(Effect.uninterruptible(Deferred.await(stubborn)), { abandonAfter: "1 second" }))
      const stopping = yield* Effect.forkChild(handle.stop("x"))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* stateOf(handle, "x"), "Abandoned")
      yield* Deferred.succeed(stubborn, undefined)
      yield* settle
      assert.strictEqual(yield* stateOf(handle, "x"), "Stopped")
      assert.strictEqual(yield* handle.start("x"), "done")
      assert.strictEqual(yield* stateOf(handle, "x"), "Running")
    }))

  it.effect("an abandoned child that was removed, and ends after all, changes nothing for who has its name now", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const stubborn = yield* gate
      yield* handle.add(subject(Effect.uninterruptible(Deferred.await(stubborn)), { abandonAfter: "1 second" }))
      const stopping = yield* Effect.forkChild(handle.stop("x"))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* handle.remove("x"), "done")
      yield* handle.add(subject(Effect.never))
      const before = yield* handle.status
      const told: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(handle.events, (event) => Effect.sync(() => told.push(event._tag))),
        { startImmediately: true }
      )
      yield* Deferred.succeed(stubborn, undefined)
      yield* settle
      assert.deepStrictEqual(told, [])
      assert.deepStrictEqual(yield* handle.status, { ...before, abandoned: [] })
    }))

  it.effect("an abandoned child that may overlap is started beside the fiber that would not end", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const stubborn = yield* gate
      yield* handle.add(subject(Effect.uninterruptible(Deferred.await(stubborn)), {
        abandonAfter: "1 second",
        overlap: true
      }))
      const stopping = yield* Effect.forkChild(handle.stop("x"))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* handle.start("x"), "done")
      const child = yield* handle.child("x")
      assert.deepStrictEqual([child.state._tag, child.incarnation], ["Running", 2])
      yield* Deferred.succeed(stubborn, undefined)
      yield* settle
      assert.deepStrictEqual(yield* handle.child("x"), child)
    }))

  it.effect("a caller who is interrupted leaves nothing half done", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const drained = yield* Deferred.make<void>()
      yield* handle.add(subject(Effect.andThen(Control.shutdown, Deferred.await(drained)), { grace: "1 hour" }))
      const caller = yield* Effect.forkChild(handle.restart("x"))
      yield* settle
      yield* Fiber.interrupt(caller)
      assert.strictEqual(yield* stateOf(handle, "x"), "Stopping")
      yield* Deferred.succeed(drained, undefined)
      yield* settle
      const child = yield* handle.child("x")
      assert.deepStrictEqual([child.state._tag, child.incarnation], ["Running", 2])
    }))

  it.effect("of two wishes for a stopping child the later one wins, and both callers are told", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const drained = yield* Deferred.make<void>()
      yield* handle.add(subject(Effect.andThen(Control.shutdown, Deferred.await(drained)), { grace: "1 hour" }))
      const restart = yield* Effect.forkChild(handle.restart("x"))
      yield* settle
      const stop = yield* Effect.forkChild(handle.stop("x"))
      yield* settle
      yield* Deferred.succeed(drained, undefined)
      assert.deepStrictEqual([yield* Fiber.join(restart), yield* Fiber.join(stop)], ["noop", "done"])
      assert.strictEqual(yield* stateOf(handle, "x"), "Stopped")
    }))

  it.effect("a stop of a child that its group is about to start again leaves it stopped", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      let lives = 0
      const failing = Runnable.make(
        "failing",
        Effect.suspend(() => ++lives === 1 ? Effect.fail("boom") : Effect.never),
        {
          restart: Schedule.spaced("1 minute")
        }
      )
      const handle = yield* openPool([], { strategy: "one-for-all" })
      yield* handle.add(logged(log, "sibling"))
      yield* Effect.forkChild(handle.add(failing))
      yield* settle
      assert.deepStrictEqual(log, ["+sibling", "-sibling"])
      assert.strictEqual(yield* handle.stop("sibling"), "done")
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.strictEqual(yield* stateOf(handle, "failing"), "Running")
      assert.strictEqual(yield* stateOf(handle, "sibling"), "Stopped")
    }))

  it.effect("a manager goes on while a child is stopped or held: it can be started again", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [logged(log, "a")]))
      yield* handle.stop("a")
      yield* handle.hold("a")
      yield* settle
      assert.strictEqual((yield* handle.status).state, "Running")
      assert.strictEqual(yield* handle.release("a"), "done")
      assert.deepStrictEqual(log, ["+a", "-a", "+a"])
    }))

  it.effect("removing the last child ends a manager that does not keep alive", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle("a")]))
      assert.strictEqual(yield* handle.remove("a"), "done")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handle.await)))
    }))
})

describe("C1 status answers whatever a child is doing", () => {
  for (const before of ["Pending", "Starting", "Backoff", "Stopping", "Abandoned"] as const) {
    it.effect(`at once, while a child is ${before}`, () =>
      Effect.gen(function*() {
        const { handle } = yield* reach(before)
        const asked = yield* Effect.forkChild(handle.status, { startImmediately: true })
        const exit = asked.pollUnsafe()
        assert.isDefined(exit)
        const status = yield* exit!
        const x = status.children.find((child) => child.name === "x")
        assert.strictEqual(x?.state._tag, before)
      }))
  }

  it.effect("a back-off says until when, which attempt and why", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 second")
      const { handle } = yield* reach("Backoff")
      const { state } = yield* handle.child("x")
      assert(state._tag === "Backoff")
      assert.strictEqual(state.until, 1000 + 3_600_000)
      assert.strictEqual(state.attempt, 1)
      assert.strictEqual(state.cause?.kind, "Fail")
      assert.strictEqual(state.cause?.message, "boom")
    }))

  it.effect("a stop says until when it waits", () =>
    Effect.gen(function*() {
      const { handle } = yield* reach("Stopping")
      assert.deepStrictEqual((yield* handle.child("x")).state, { _tag: "Stopping", until: 3_600_000 })
    }))

  it.effect("a child that gave up says why", () =>
    Effect.gen(function*() {
      const { handle } = yield* reach("GaveUp")
      const { history, state } = yield* handle.child("x")
      assert(state._tag === "GaveUp")
      assert.strictEqual(state.cause.message, "boom")
      assert.deepStrictEqual(history.map(({ decision, incarnation }) => [incarnation, decision]), [[1, "giveUp"]])
    }))

  it.effect("the last eight ends are remembered, with what was decided", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      let lives = 0
      yield* handle.add(Runnable.make("x", Effect.suspend(() => ++lives <= 10 ? Effect.fail("boom") : Effect.never), {
        restart: Schedule.forever
      }))
      yield* settle
      yield* handle.stop("x")
      const { history, incarnation, restarts } = yield* handle.child("x")
      assert.deepStrictEqual(history.map((record) => record.incarnation), [4, 5, 6, 7, 8, 9, 10, 11])
      assert.deepStrictEqual(history.map((record) => record.decision), [
        ...Array.from({ length: 7 }, () => "restart"),
        "asked"
      ])
      assert.deepStrictEqual([incarnation, restarts], [11, 10])
    }))

  it.effect("a supervisor that has stopped still says how it ended", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      yield* handle.shutdown
      const status = yield* handle.status
      assert.strictEqual(status.state, "Stopped")
      assert.deepStrictEqual(status.children.map(({ name, state }) => [name, state._tag]), [["a", "Stopped"]])
    }))
})

describe("child(path)", () => {
  const tree = ProcessManager.make("app", [
    ProcessManager.make("web", [
      Runnable.idle("listener"),
      ProcessManager.make("workers", [Runnable.idle("one"), Runnable.idle("two")])
    ]),
    Runnable.idle("metrics")
  ])

  it.effect("finds a child at any depth, with its path", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(tree)
      for (const path of ["metrics", "web", "web/listener", "web/workers", "web/workers/two"]) {
        const child = yield* handle.child(path)
        assert.deepStrictEqual([child.path, child.name], [path, path.split("/").at(-1)])
      }
    }))

  it.effect("says of a manager what is below it, as in the whole status", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(tree)
      const workers = yield* handle.child("web/workers")
      assert.deepStrictEqual(workers.supervisor?.children.map((child) => child.path), [
        "web/workers/one",
        "web/workers/two"
      ])
      const status = yield* handle.status
      assert.deepStrictEqual(status.children[0]?.supervisor?.children[1], workers)
    }))

  it.effect("a path that leads nowhere is ChildNotFound with that path", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(tree)
      for (
        const path of ["", "/", "web/", "/web", "web//listener", "listener", "web/nobody", "metrics/nobody", "app"]
      ) {
        const error = yield* Effect.flip(handle.child(path))
        assert.deepStrictEqual([error._tag, error.child], ["ChildNotFound", path])
      }
    }))

  it.effect("below a nested supervisor paths are relative to it", () =>
    Effect.gen(function*() {
      const inside = yield* Deferred.make<Supervisor.Handle<never>>()
      const spy = Runnable.make(
        "spy",
        Effect.gen(function*() {
          yield* Deferred.succeed(inside, yield* Supervisor)
          return yield* Effect.never
        })
      )
      const nested = ProcessManager.make("web", [spy, ProcessManager.make("workers", [Runnable.idle("one")])])
      yield* ProcessManager.start(ProcessManager.make("app", [nested]))
      const handle = yield* Deferred.await(inside)
      assert.strictEqual(handle.name, "web")
      assert.strictEqual((yield* handle.child("workers/one")).path, "workers/one")
      assert.strictEqual((yield* Effect.flip(handle.child("web/spy")))._tag, "ChildNotFound")
      const status = yield* handle.status
      assert.strictEqual(status.path, "")
      assert.deepStrictEqual(status.children.map((child) => child.path), ["spy", "workers"])
      assert.strictEqual(status.children[1]?.supervisor?.path, "workers")
    }))
})

describe("add at run time", () => {
  class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}

  it.effect("the child is started, and add waits until it is ready", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const serving = yield* Deferred.make<void>()
      const adding = yield* Effect.forkChild(handle.add(
        Runnable.make("x", Deferred.await(serving).pipe(Effect.andThen(Control.ready), Effect.andThen(Effect.never)), {
          ready: "signal"
        })
      ))
      yield* settle
      assert.isUndefined(adding.pollUnsafe())
      assert.strictEqual(yield* stateOf(handle, "x"), "Starting")
      yield* Deferred.succeed(serving, undefined)
      yield* Fiber.join(adding)
      assert.strictEqual(yield* stateOf(handle, "x"), "Running")
    }))

  it.effect("the child goes to the end of the order", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* openPool([logged(log, "a")])
      yield* handle.add(logged(log, "b"))
      yield* handle.add(logged(log, "c"))
      assert.deepStrictEqual(yield* names(handle), ["a", "b", "c"])
      yield* handle.shutdown
      assert.deepStrictEqual(log, ["+a", "+b", "+c", "-c", "-b", "-a"])
    }))

  it.effect("the child has the services of whoever added it, in every incarnation", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const handle = yield* openPool()
      const greeter = Runnable.make(
        "greeter",
        Effect.gen(function*() {
          heard.push(yield* Greeting)
          return yield* heard.length === 1 ? Effect.fail("again") : Effect.never
        }),
        { restart: Schedule.recurs(1) }
      )
      yield* handle.add(greeter).pipe(Effect.provideService(Greeting, "hello"))
      yield* settle
      assert.deepStrictEqual(heard, ["hello", "hello"])
      yield* handle.restart("greeter")
      assert.deepStrictEqual(heard, ["hello", "hello", "hello"])
    }))

  it.effect("the services of whoever added it reach its health check and its onReload too", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const handle = yield* openPool()
      const hear = (what: string) => Effect.map(Greeting, (greeting) => heard.push(`${what} ${greeting}`))
      const child = Runnable.make("x", Effect.never, { onReload: hear("reload"), health: { check: hear("health") } })
      yield* handle.add(child).pipe(Effect.provideService(Greeting, "hello"))
      yield* settle
      yield* handle.reload
      assert.deepStrictEqual(heard, ["health hello", "reload hello"])
    }))

  it.effect("the child's Supervisor is the one that it was added to, also when another supervisor's child added it", () =>
    Effect.gen(function*() {
      const outer = yield* ProcessManager.start(ProcessManager.make("outer", [], { keepAlive: true }))
      const seen = yield* Deferred.make<string>()
      const asks = Runnable.make(
        "asks",
        Effect.gen(function*() {
          yield* Deferred.succeed(seen, (yield* Supervisor).name)
          return yield* Effect.never
        })
      )
      const adder = Runnable.make("adder", Effect.andThen(outer.add(asks), Effect.never))
      yield* ProcessManager.start(ProcessManager.make("inner", [adder]))
      assert.strictEqual(yield* Deferred.await(seen), "outer")
    }))

  it.effect("a child may add children to its own supervisor", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const acceptor = Runnable.make(
        "acceptor",
        Effect.gen(function*() {
          const supervisor = yield* Supervisor
          yield* supervisor.add(Runnable.make("connection", Effect.sync(() => log.push("connected"))))
          return yield* Effect.never
        })
      )
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [acceptor], { autoCleanup: false }))
      yield* settle
      assert.deepStrictEqual(log, ["connected"])
      assert.strictEqual((yield* handle.child("connection")).state._tag, "Completed")
    }))

  it.effect("a name that is taken is refused, naming both, and changes nothing", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* openPool([logged(log, "a")])
      const error = yield* Effect.flip(handle.add(Runnable.make("a", Effect.sync(() => log.push("second")))))
      assert(error._tag === "DuplicateChild")
      assert.deepStrictEqual([error.child, error.supervisor, error.path], ["a", "app", "a"])
      assert.deepStrictEqual(log, ["+a"])
      assert.deepStrictEqual(yield* names(handle), ["a"])
    }))

  it.effect("a name is free again when its child was removed or has completed", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      yield* handle.add(Runnable.make("a", Effect.void))
      assert.strictEqual((yield* handle.status).completed, 1)
      yield* handle.add(Runnable.idle("a"))
      yield* handle.remove("a")
      yield* handle.add(Runnable.idle("a"))
      assert.strictEqual(yield* stateOf(handle, "a"), "Running")
    }))

  it.effect("no more than maxChildren at once", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([], { maxChildren: 2 })
      yield* handle.add(Runnable.idle("a"))
      yield* handle.add(Runnable.idle("b"))
      const error = yield* Effect.flip(handle.add(Runnable.idle("c")))
      assert(error._tag === "MaxChildrenReached")
      assert.deepStrictEqual([error.child, error.supervisor, error.maxChildren], ["c", "app", 2])
      assert.deepStrictEqual(yield* names(handle), ["a", "b"])
      yield* handle.remove("a")
      yield* handle.add(Runnable.idle("c"))
      assert.deepStrictEqual(yield* names(handle), ["b", "c"])
    }))

  it("a description with more children than maxChildren is refused where it is made", () => {
    assert.throws(
      () => ProcessManager.make("app", [Runnable.idle("a"), Runnable.idle("b")], { maxChildren: 1 }),
      /maxChildren/
    )
  })

  it.effect("a child that gives up takes the manager along, as a described one does", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      yield* handle.add(Runnable.make("x", Effect.fail("boom")))
      assert.deepStrictEqual(yield* Effect.exit(Effect.flip(handle.await)), Exit.succeed("boom"))
    }))

  it.effect("an interrupted add leaves the child where it is: adding is done in one step", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const adding = yield* Effect.forkChild(handle.add(Runnable.make("x", Effect.never, { ready: "signal" })))
      yield* settle
      yield* Fiber.interrupt(adding)
      assert.strictEqual(yield* stateOf(handle, "x"), "Starting")
    }))
})

describe("reconcile makes the children what the list says and touches only what differs", () => {
  it.effect("it reports what it started, stopped, restarted and kept", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const [a, b, c] = [logged(log, "a"), logged(log, "b"), logged(log, "c")]
      const handle = yield* openPool([a, b, c])
      const report = yield* handle.reconcile([a, logged(log, "b"), logged(log, "d")])
      assert.deepStrictEqual(report, { started: ["d"], stopped: ["c"], restarted: ["b"], kept: ["a"] })
      assert.deepStrictEqual(log, ["+a", "+b", "+c", "-c", "-b", "+b", "+d"])
      assert.deepStrictEqual(yield* names(handle), ["a", "b", "d"])
    }))

  it.effect("the same list changes nothing", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const children = [logged(log, "a"), logged(log, "b")]
      const handle = yield* openPool(children)
      const report = yield* handle.reconcile(children)
      assert.deepStrictEqual(report, { started: [], stopped: [], restarted: [], kept: ["a", "b"] })
      assert.deepStrictEqual(log, ["+a", "+b"])
    }))

  it.effect("an empty list stops everything, in reverse", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* openPool([logged(log, "a"), logged(log, "b")])
      const report = yield* handle.reconcile([])
      assert.deepStrictEqual(report, { started: [], stopped: ["b", "a"], restarted: [], kept: [] })
      assert.deepStrictEqual(log, ["+a", "+b", "-b", "-a"])
    }))

  it.effect("the order becomes that of the list, also for stopping", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const [a, b, c] = [logged(log, "a"), logged(log, "b"), logged(log, "c")]
      const handle = yield* openPool([a, b])
      yield* handle.reconcile([c, b, a])
      assert.deepStrictEqual(yield* names(handle), ["c", "b", "a"])
      yield* handle.shutdown
      assert.deepStrictEqual(log, ["+a", "+b", "+c", "-a", "-b", "-c"])
    }))

  it.effect("an equal version keeps a child although its effect is another object, a different one restarts it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* openPool([logged(log, "a", { version: { image: "v1" } })])
      const same = yield* handle.reconcile([logged(log, "a", { version: { image: "v1" } })])
      assert.deepStrictEqual(same.kept, ["a"])
      assert.isTrue(Equal.equals({ image: "v1" }, { image: "v1" }))
      const other = yield* handle.reconcile([logged(log, "a", { version: { image: "v2" } })])
      assert.deepStrictEqual(other.restarted, ["a"])
      assert.deepStrictEqual(log, ["+a", "-a", "+a"])
      const again = yield* handle.reconcile([logged(log, "a", { version: { image: "v2" } })])
      assert.deepStrictEqual(again.kept, ["a"])
    }))

  it.effect("the same effect under a different version is other work: it restarts", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const a = logged(log, "a", { version: 1 })
      const handle = yield* openPool([a])
      const report = yield* handle.reconcile([a.pipe(Runnable.version(2))])
      assert.deepStrictEqual(report.restarted, ["a"])
      assert.deepStrictEqual(log, ["+a", "-a", "+a"])
    }))

  it.effect("changed policies are taken on without a restart", () =>
    Effect.gen(function*() {
      let lives = 0
      const crash = yield* Deferred.make<void>()
      const a: Runnable.Runnable<string> = Runnable.make(
        "a",
        Effect.suspend(() => ++lives === 1 ? Effect.andThen(Deferred.await(crash), Effect.fail("boom")) : Effect.never)
      )
      const handle = yield* openPool([a])
      const report = yield* handle.reconcile([
        a.pipe(Runnable.restart(Schedule.recurs(1)), Runnable.grace("7 seconds"))
      ])
      assert.deepStrictEqual(report.kept, ["a"])
      assert.strictEqual((yield* handle.child("a")).grace, 7000)
      assert.strictEqual((yield* handle.child("a")).incarnation, 1)
      yield* Deferred.succeed(crash, undefined)
      yield* settle
      const after = yield* handle.child("a")
      assert.deepStrictEqual([after.state._tag, after.incarnation], ["Running", 2])
    }))

  it.effect("taken-on significance counts: the last significant child that ends well ends the manager", () =>
    Effect.gen(function*() {
      const done = yield* Deferred.make<void>()
      const work: Runnable.Runnable<string> = Runnable.make("work", Deferred.await(done))
      const handle = yield* openPool([work, Runnable.idle()], { autoShutdown: "all-significant" })
      yield* handle.reconcile([work.pipe(Runnable.significant(true)), Runnable.idle()])
      assert.isTrue((yield* handle.child("work")).significant)
      yield* Deferred.succeed(done, undefined)
      yield* settle
      assert.strictEqual((yield* handle.status).state, "Stopped")
    }))

  it.effect("a child that an operator stopped or held stays so", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const [a, b] = [logged(log, "a"), logged(log, "b")]
      const handle = yield* openPool([a, b])
      yield* handle.stop("a")
      yield* handle.hold("b")
      const report = yield* handle.reconcile([a.pipe(Runnable.grace("1 second")), b])
      assert.deepStrictEqual(report, { started: [], stopped: [], restarted: [], kept: ["a", "b"] })
      assert.deepStrictEqual([yield* stateOf(handle, "a"), yield* stateOf(handle, "b")], ["Stopped", "Held"])
      assert.deepStrictEqual(log, ["+a", "+b", "-a", "-b"])
    }))

  it.effect("a child that an operator stopped stays stopped also when its work has changed", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* openPool([logged(log, "a")])
      yield* handle.stop("a")
      yield* handle.reconcile([logged(log, "a")])
      assert.strictEqual(yield* stateOf(handle, "a"), "Stopped")
      assert.deepStrictEqual(log, ["+a", "-a"])
      yield* handle.start("a")
      assert.deepStrictEqual(log, ["+a", "-a", "+a"])
    }))

  it.effect("a name that the list has twice changes nothing", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* openPool([logged(log, "a")])
      const error = yield* Effect.flip(handle.reconcile([logged(log, "b"), logged(log, "b")]))
      assert.deepStrictEqual([error._tag, error._tag === "DuplicateChild" && error.child], ["DuplicateChild", "b"])
      assert.deepStrictEqual(log, ["+a"])
      assert.deepStrictEqual(yield* names(handle), ["a"])
    }))

  it.effect("a list longer than maxChildren changes nothing", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const a = logged(log, "a")
      const handle = yield* openPool([a], { maxChildren: 2 })
      const error = yield* Effect.flip(handle.reconcile([logged(log, "b"), logged(log, "c"), logged(log, "d")]))
      assert.strictEqual(error._tag, "MaxChildrenReached")
      assert.deepStrictEqual(log, ["+a"])
      assert.deepStrictEqual(yield* names(handle), ["a"])
    }))

  it.effect("a full supervisor can be reconciled to as many other children", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* openPool([logged(log, "a"), logged(log, "b")], { maxChildren: 2 })
      const report = yield* handle.reconcile([logged(log, "a"), logged(log, "c")])
      assert.deepStrictEqual(report, { started: ["c"], stopped: ["b"], restarted: ["a"], kept: [] })
    }))

  it.effect("new children have the services of whoever reconciled", () =>
    Effect.gen(function*() {
      class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}
      const heard: Array<string> = []
      const handle = yield* openPool()
      const child = Runnable.make("x", Effect.map(Greeting, (greeting) => heard.push(greeting)))
      yield* handle.reconcile([child]).pipe(Effect.provideService(Greeting, "hello"))
      assert.deepStrictEqual(heard, ["hello"])
    }))

  it.effect("of two at once the later list is what there is in the end", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const drained = yield* Deferred.make<void>()
      const slow: Runnable.Runnable<string> = Runnable.make(
        "slow",
        Effect.andThen(Control.shutdown, Deferred.await(drained)),
        { grace: "1 hour" }
      )
      const handle = yield* openPool([slow])
      const first = yield* Effect.forkChild(handle.reconcile([logged(log, "a")]))
      yield* settle
      const second = yield* Effect.forkChild(handle.reconcile([slow, logged(log, "b")]))
      yield* settle
      yield* Deferred.succeed(drained, undefined)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* names(handle), ["slow", "b"])
      assert.strictEqual(yield* stateOf(handle, "slow"), "Running")
    }))

  it.effect("a caller who is interrupted does not leave half of it done", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const drained = yield* Deferred.make<void>()
      const slow: Runnable.Runnable<string> = Runnable.make(
        "slow",
        Effect.andThen(Control.shutdown, Deferred.await(drained)),
        { grace: "1 hour" }
      )
      const handle = yield* openPool([slow])
      const caller = yield* Effect.forkChild(handle.reconcile([logged(log, "a")]))
      yield* settle
      yield* Fiber.interrupt(caller)
      yield* Deferred.succeed(drained, undefined)
      yield* settle
      assert.deepStrictEqual(yield* names(handle), ["a"])
    }))

  it.effect("a manager that is to end when no child is left does not end in the middle of it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [logged(log, "a")]))
      const report = yield* handle.reconcile([logged(log, "b")])
      assert.deepStrictEqual(report, { started: ["b"], stopped: ["a"], restarted: [], kept: [] })
      assert.strictEqual((yield* handle.status).state, "Running")
      assert.deepStrictEqual(log, ["+a", "-a", "+b"])
    }))

  it.effect("the only child of such a manager can be replaced too", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [logged(log, "a")]))
      const report = yield* handle.reconcile([logged(log, "a")])
      assert.deepStrictEqual(report.restarted, ["a"])
      assert.strictEqual((yield* handle.status).state, "Running")
    }))

  it.effect("a layer is kept by its version", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const describe = (version: number) =>
        Runnable.fromLayer(
          "db",
          Layer.effectDiscard(Effect.acquireRelease(
            Effect.sync(() => log.push(`+${version}`)),
            () => Effect.sync(() => log.push(`-${version}`))
          )),
          { version }
        )
      const handle = yield* openPool([describe(1)])
      yield* handle.reconcile([describe(1)])
      yield* handle.reconcile([describe(2)])
      assert.deepStrictEqual(log, ["+1", "-1", "+2"])
    }))

  it.effect("changed policies leave a back-off as it is: it was granted", () =>
    Effect.gen(function*() {
      let lives = 0
      const a: Runnable.Runnable<string> = Runnable.make(
        "a",
        Effect.suspend(() => ++lives === 1 ? Effect.fail("boom") : Effect.never),
        { restart: Schedule.spaced("1 hour") }
      )
      const handle = yield* openPool()
      yield* Effect.forkChild(handle.add(a))
      yield* settle
      const report = yield* handle.reconcile([a.pipe(Runnable.restart(RestartPolicy.never))])
      assert.deepStrictEqual(report.kept, ["a"])
      assert.strictEqual(yield* stateOf(handle, "a"), "Backoff")
      yield* TestClock.adjust("1 hour")
      yield* settle
      assert.strictEqual(yield* stateOf(handle, "a"), "Running")
    }))

  for (const [operation, state] of [["stop", "Stopped"], ["hold", "Held"]] as const) {
    it.effect(`changed work does not start a child whose ${operation} is under way: it ends ${state}`, () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const drained = yield* Deferred.make<void>()
        const slow: Runnable.Runnable<string> = Runnable.make(
          "a",
          Effect.andThen(Control.shutdown, Deferred.await(drained)),
          { grace: "1 hour" }
        )
        const handle = yield* openPool([slow])
        const asking = yield* Effect.forkChild(handle[operation]("a"))
        yield* settle
        const reconciling = yield* Effect.forkChild(handle.reconcile([logged(log, "a")]))
        yield* settle
        yield* Deferred.succeed(drained, undefined)
        yield* Fiber.join(reconciling)
        assert.deepStrictEqual([yield* Fiber.join(asking), yield* stateOf(handle, "a"), log], ["done", state, []])
        yield* operation === "hold" ? handle.release("a") : handle.start("a")
        assert.deepStrictEqual(log, ["+a"], "the new work")
      }))
  }
})

/** Hears that it shall stop, and does not. */
const deaf = Runnable.make("deaf", Effect.andThen(Control.shutdown, Effect.never), { grace: "1 hour" })

describe("setters on a manager", () => {
  const ways: Record<string, ProcessManager.ProcessManager> = {
    "an option": ProcessManager.make("app", [deaf], { grace: "1 second" }),
    "a setter": ProcessManager.make("app", [deaf]).pipe(Runnable.grace("1 second")),
    "a setter before add": ProcessManager.make("app", []).pipe(Runnable.grace("1 second"), ProcessManager.add(deaf))
  }
  for (const [way, manager] of Object.entries(ways)) {
    it.effect(`a grace that is set by ${way} holds when the manager is run, as when it is started`, () =>
      Effect.gen(function*() {
        for (const run of [manager, Effect.scoped(Effect.andThen(ProcessManager.start(manager), Effect.never))]) {
          const fiber = yield* Effect.forkChild(run)
          yield* settle
          const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
          yield* settle
          assert.isUndefined(stopping.pollUnsafe())
          yield* TestClock.adjust("1 second")
          yield* settle
          const done = stopping.pollUnsafe() !== undefined
          yield* TestClock.adjust("1 hour")
          assert.isTrue(done)
        }
      }))
  }
})

describe("errors of operations name what was asked and where", () => {
  it.effect("SupervisorClosed names the operation", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      yield* handle.shutdown
      const errors: Array<SupervisorError.SupervisorClosed> = []
      for (const name of ["start", "stop", "restart", "hold", "release", "remove", "reloadChild"] as const) {
        const error = yield* Effect.flip<unknown, unknown, never>(handle[name]("a"))
        errors.push(error as SupervisorError.SupervisorClosed)
      }
      assert.deepStrictEqual(errors.map((error) => error._tag), errors.map(() => "SupervisorClosed" as const))
      assert.deepStrictEqual(errors.map((error) => error.operation), [
        `start("a")`,
        `stop("a")`,
        `restart("a")`,
        `hold("a")`,
        `release("a")`,
        `remove("a")`,
        `reloadChild("a")`
      ])
      assert.include(errors[0]!.message, "app")
    }))

  it.effect("ChildNotFound names the child and the supervisor", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const error = yield* Effect.flip(handle.start("nobody"))
      assert.include(error.message, "nobody")
      assert.include(error.message, "app")
    }))

  it.effect("ChildNotRunning says which state it is in", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      yield* handle.stop("a")
      const error = yield* Effect.flip(handle.send("a", 1))
      assert(error._tag === "ChildNotRunning")
      assert.deepStrictEqual([error.child, error.path, error.state], ["a", "a", "Stopped"])
    }))
})
