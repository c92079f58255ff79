import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule, Stream } from "effect"
import { Control, ProcessManager, Runnable, type Snapshot, Supervisor, type SupervisorEvent } from "effect-supervisor"
import { TestClock } from "effect/testing"
import { openPool, settle } from "./support.ts"

type Handle = Supervisor.Handle<string>

/** Reads a stream from now on; what it has got so far, and its end, can be looked at. */
const read = <A>(stream: Stream.Stream<A>) =>
  Effect.gen(function*() {
    const got: Array<A> = []
    const fiber = yield* Effect.forkChild(Stream.runForEach(stream, (item) => Effect.sync(() => got.push(item))))
    yield* settle
    return { got, fiber }
  })

/** One line for an event. */
const line = (event: SupervisorEvent | Snapshot): string => {
  if (!("_tag" in event)) {
    return `snapshot ${event.children.map((child) => `${child.path}:${child.state._tag}`).join(" ")}`
  }
  switch (event._tag) {
    case "ChildAdded":
      return `added ${event.path}`
    case "ChildRemoved":
      return `removed ${event.path}`
    case "ChildTransition":
      return `${event.path} ${event.from}->${event.to._tag}`
    case "ChildUnhealthy":
      return `unhealthy ${event.path} ${event.failures}`
    case "RestartStorm":
      return `storm ${event.path}`
    case "SupervisorTransition":
      return `supervisor ${event.path} ${event.to}`
    case "EventsLost":
      return `lost ${event.count}`
  }
}

const lines = (events: ReadonlyArray<SupervisorEvent | Snapshot>) => events.map(line)

/** The handle of a supervisor that runs somewhere inside a tree. */
const spy = (inside: Deferred.Deferred<Supervisor.Handle<never>>) =>
  Runnable.make(
    "spy",
    Effect.gen(function*() {
      yield* Deferred.succeed(inside, yield* Supervisor)
      return yield* Effect.never
    })
  )

describe("C4 events are published in order, with the transition", () => {
  it.effect("the life of a child, from added to removed", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([], { escalate: "never" })
      const { got } = yield* read(handle.events)
      let lives = 0
      yield* Effect.forkChild(handle.add(
        Runnable.make("x", Effect.suspend(() => ++lives === 1 ? Effect.fail("boom") : Effect.never), {
          restart: Schedule.spaced("1 second")
        })
      ))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      yield* handle.stop("x")
      yield* handle.start("x")
      yield* handle.hold("x")
      yield* handle.remove("x")
      yield* settle
      assert.deepStrictEqual(lines(got), [
        "added x",
        "x Pending->Starting",
        "x Starting->Running",
        "x Running->Backoff",
        "x Backoff->Starting",
        "x Starting->Running",
        "x Running->Stopping",
        "x Stopping->Stopped",
        "x Stopped->Starting",
        "x Starting->Running",
        "x Running->Stopping",
        "x Stopping->Held",
        "removed x"
      ])
    }))

  it.effect("a transition carries the time, the incarnation, the new state and how the incarnation ended", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([], { escalate: "never" })
      const { got } = yield* read(handle.events)
      yield* TestClock.adjust("3 seconds")
      yield* Effect.forkChild(handle.add(
        Runnable.make("x", Effect.fail("boom"), { restart: Schedule.spaced("1 second") })
      ))
      yield* settle
      const event = got.at(-1)
      assert(event?._tag === "ChildTransition")
      assert.deepStrictEqual([event.at, event.incarnation, event.from], [3000, 1, "Running"])
      assert(event.to._tag === "Backoff" && event.exit?._tag === "Failure")
      assert.deepStrictEqual([event.to.until, event.to.attempt, event.to.cause?.message], [4000, 1, "boom"])
      assert.deepStrictEqual([event.exit.cause.kind, event.exit.cause.message], ["Fail", "boom"])
      const starting = got.find((event) => event._tag === "ChildTransition" && event.to._tag === "Starting")
      assert(starting?._tag === "ChildTransition")
      assert.isUndefined(starting.exit)
    }))

  it.effect("a start, a failure and the stop of the others, in the order in which they happened", () =>
    Effect.gen(function*() {
      const crash = yield* Deferred.make<void>()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        Runnable.idle("a"),
        Runnable.make("b", Effect.andThen(Deferred.await(crash), Effect.fail("boom"))),
        Runnable.idle("c")
      ]))
      const { fiber, got } = yield* read(handle.events)
      yield* Deferred.succeed(crash, undefined)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(lines(got), [
        "b Running->GaveUp",
        "supervisor  Stopping",
        "c Running->Stopping",
        "c Stopping->Stopped",
        "a Running->Stopping",
        "a Stopping->Stopped",
        "supervisor  Failed"
      ])
      const failed = got.at(-1)
      assert(failed?._tag === "SupervisorTransition")
      assert.strictEqual(failed.cause?.message, "boom")
    }))

  it.effect("an event is there when the operation that caused it returns", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      const { got } = yield* read(handle.events)
      yield* handle.stop("a")
      yield* settle
      assert.deepStrictEqual(lines(got), ["a Running->Stopping", "a Stopping->Stopped"])
    }))

  it.effect("a failing health check is an event", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([
        Runnable.make("x", Effect.never, {
          health: { check: Effect.fail("sick"), interval: "1 second", failures: 2 },
          restart: Schedule.spaced("1 hour")
        })
      ])
      const { got } = yield* read(handle.events)
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.deepStrictEqual(lines(got).slice(-3), ["unhealthy x 2", "x Running->Stopping", "x Stopping->Backoff"])
      assert.isTrue(lines(got).every((text, index) => index === 0 ? text.startsWith("unhealthy x") : true))
    }))

  it.effect("a storm of restarts is one event", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([], { escalate: "never" })
      const { got } = yield* read(handle.events)
      yield* handle.add(Runnable.make("x", Effect.fail("boom"), { restart: Schedule.recurs(500) }))
      while ((yield* handle.child("x")).state._tag !== "GaveUp") yield* settle
      yield* settle
      assert.strictEqual(lines(got).filter((text) => text === "storm x").length, 1)
    }))
})

describe("C4 changes begins with a snapshot", () => {
  it.effect("first the snapshot of this moment, then every event since", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      const { got } = yield* read(handle.changes)
      yield* handle.add(Runnable.idle("b"))
      yield* settle
      assert.deepStrictEqual(lines(got), [
        "snapshot a:Running",
        "added b",
        "b Pending->Starting",
        "b Starting->Running"
      ])
    }))

  it.effect("the snapshot is of when the stream is run, not of when it was made", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      const stream = handle.changes
      yield* handle.stop("a")
      const { got } = yield* read(stream)
      assert.deepStrictEqual(lines(got), ["snapshot a:Stopped"])
    }))

  it.effect("nothing is missing and nothing is there twice: the events lead from the snapshot to the status", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const reader = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 20 }), () => Effect.andThen(settle, read(handle.changes)))
      )
      for (let index = 0; index < 200; index++) {
        yield* handle.add(Runnable.idle(`child-${index}`))
        if (index % 3 === 0) yield* handle.remove(`child-${index}`)
        yield* Effect.yieldNow
      }
      const readers = yield* Fiber.join(reader)
      yield* settle
      const expected = (yield* handle.status).children.map((child) => child.name).toSorted()
      for (const { got } of readers) {
        const [head, ...rest] = got
        assert(head !== undefined && !("_tag" in head))
        const children = new Set(head.children.map((child) => child.path))
        for (const event of rest) {
          assert("_tag" in event)
          if (event._tag === "ChildAdded") {
            assert.isFalse(children.has(event.path))
            children.add(event.path)
          }
          if (event._tag === "ChildRemoved") assert.isTrue(children.delete(event.path))
        }
        assert.deepStrictEqual(Array.from(children).toSorted(), expected)
      }
    }))

  it.effect("of a supervisor that has ended: its last snapshot, then the end", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      yield* handle.shutdown
      assert.deepStrictEqual(lines(yield* Stream.runCollect(handle.changes)), ["snapshot a:Stopped"])
      assert.deepStrictEqual(lines(yield* Stream.runCollect(handle.events)), [])
    }))
})

/** Four events a time. */
const churn = (handle: Handle, times: number) =>
  Effect.gen(function*() {
    for (let index = 0; index < times; index++) {
      yield* handle.stop("a")
      yield* handle.start("a")
    }
  })

describe("C4 a slow reader loses old events and is told how many; it slows nobody", () => {
  it.effect("what it gets and what it is told to have lost is all there was", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      const resume = yield* Deferred.make<void>()
      const slow: Array<SupervisorEvent> = []
      yield* Effect.forkChild(Stream.runForEach(handle.events, (event) =>
        Effect.andThen(
          Effect.sync(() => slow.push(event)),
          slow.length === 0 ? Deferred.await(resume) : Effect.void
        )))
      yield* settle
      const fast = yield* read(handle.events)
      for (let index = 0; index < 40; index++) {
        yield* churn(handle, 25)
        yield* settle
      }
      assert.strictEqual(fast.got.length, 4000)
      assert.isFalse(fast.got.some((event) => event._tag === "EventsLost"))
      assert.isAtMost(slow.length, 1)
      yield* Deferred.succeed(resume, undefined)
      yield* settle
      const lost = slow.flatMap((event) => event._tag === "EventsLost" ? [event] : [])
      const kept = slow.filter((event) => event._tag !== "EventsLost")
      assert.strictEqual(lost.length, 1)
      assert.isAbove(lost[0]!.count, 0)
      assert.strictEqual(kept.length + lost[0]!.count, 4000)
      // The newest are there, in order; what is missing is before them.
      assert.deepStrictEqual(kept.slice(-1000), fast.got.slice(-1000))
      assert.strictEqual(slow[slow.indexOf(lost[0]!) + 1]?._tag, "ChildTransition")
    }))

  it.effect("after it has caught up it gets every event again", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      const resume = yield* Deferred.make<void>()
      const got: Array<SupervisorEvent> = []
      yield* Effect.forkChild(Stream.runForEach(handle.events, (event) =>
        Effect.andThen(
          Effect.sync(() => got.push(event)),
          got.length === 0 ? Deferred.await(resume) : Effect.void
        )))
      yield* settle
      yield* churn(handle, 1000)
      yield* Deferred.succeed(resume, undefined)
      yield* settle
      got.length = 0
      yield* churn(handle, 10)
      yield* settle
      assert.strictEqual(got.length, 40)
      assert.isFalse(got.some((event) => event._tag === "EventsLost"))
    }))

  it.effect("after a loss changes begins anew with a snapshot, and from there on every event is told once", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      const resume = yield* Deferred.make<void>()
      const got: Array<SupervisorEvent | Snapshot> = []
      yield* Effect.forkChild(Stream.runForEach(handle.changes, (change) =>
        Effect.andThen(
          Effect.sync(() => got.push(change)),
          got.length === 0 ? Deferred.await(resume) : Effect.void
        )))
      yield* settle
      yield* churn(handle, 500)
      yield* handle.stop("a")
      yield* Deferred.succeed(resume, undefined)
      yield* settle
      yield* handle.start("a")
      yield* settle
      assert.deepStrictEqual(lines(got), [
        "snapshot a:Running",
        "lost 2002",
        "snapshot a:Stopped",
        "a Stopped->Starting",
        "a Starting->Running"
      ])
    }))

  it.effect("a reader who never reads holds nothing up, and no more than a bounded number of events", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      const got: Array<SupervisorEvent> = []
      const stuck = yield* Effect.forkChild(
        Stream.runForEach(handle.events, (event) => Effect.andThen(Effect.sync(() => got.push(event)), Effect.never))
      )
      yield* settle
      yield* churn(handle, 2000)
      assert.strictEqual((yield* handle.child("a")).state._tag, "Running")
      yield* Fiber.interrupt(stuck)
      yield* handle.shutdown
    }))
})

describe("events of many readers and of nested supervisors", () => {
  it.effect("every reader gets every event", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const readers = yield* Effect.forEach(Array.from({ length: 50 }), () => read(handle.events))
      yield* handle.add(Runnable.idle("a"))
      yield* settle
      for (const { got } of readers) {
        assert.deepStrictEqual(lines(got), ["added a", "a Pending->Starting", "a Starting->Running"])
      }
    }))

  it.effect("a reader who leaves disturbs no other", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const [first, second] = [yield* read(handle.events), yield* read(handle.events)]
      yield* Fiber.interrupt(first.fiber)
      yield* handle.add(Runnable.idle("a"))
      yield* settle
      assert.deepStrictEqual([first.got.length, second.got.length], [0, 3])
    }))

  it.effect("the root hears the whole subtree, with paths from the root", () =>
    Effect.gen(function*() {
      const inside = yield* Deferred.make<Supervisor.Handle<never>>()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        ProcessManager.make("web", [spy(inside)], { keepAlive: true })
      ]))
      const nested = yield* Deferred.await(inside)
      const { got } = yield* read(handle.events)
      yield* nested.add(Runnable.idle("worker"))
      yield* settle
      assert.deepStrictEqual(lines(got), [
        "added web/worker",
        "web/worker Pending->Starting",
        "web/worker Starting->Running"
      ])
      const added = got[0]
      assert(added?._tag === "ChildAdded")
      assert.strictEqual(added.child.path, "web/worker")
    }))

  it.effect("a nested handle hears its own subtree only, with paths relative to itself", () =>
    Effect.gen(function*() {
      const inside = yield* Deferred.make<Supervisor.Handle<never>>()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        ProcessManager.make("web", [spy(inside)], { keepAlive: true }),
        ProcessManager.make("website", [Runnable.idle("other")])
      ], { keepAlive: true }))
      const nested = yield* Deferred.await(inside)
      const { fiber, got } = yield* read(nested.events)
      yield* nested.add(ProcessManager.make("pool", [Runnable.idle("worker")]))
      yield* handle.restart("website")
      yield* handle.add(Runnable.idle("elsewhere"))
      yield* settle
      assert.deepStrictEqual(lines(got), [
        "added pool",
        "pool Pending->Starting",
        "supervisor pool Starting",
        "added pool/worker",
        "pool/worker Pending->Starting",
        "pool/worker Starting->Running",
        "supervisor pool Running",
        "pool Starting->Running"
      ])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("the path of the child in ChildAdded is the path of the event", () =>
    Effect.gen(function*() {
      const inside = yield* Deferred.make<Supervisor.Handle<never>>()
      yield* ProcessManager.start(ProcessManager.make("app", [
        ProcessManager.make("web", [spy(inside)], { keepAlive: true })
      ]))
      const nested = yield* Deferred.await(inside)
      const { got } = yield* read(nested.events)
      yield* nested.add(Runnable.idle("worker"))
      yield* settle
      const added = got[0]
      assert(added?._tag === "ChildAdded")
      assert.deepStrictEqual([added.path, added.child.path], ["worker", "worker"])
      assert.strictEqual((yield* nested.child("worker")).path, added.child.path)
    }))

  it.effect("a nested handle hears about itself under the empty path, as its snapshot has it", () =>
    Effect.gen(function*() {
      const inside = yield* Deferred.make<Supervisor.Handle<never>>()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        ProcessManager.make("web", [spy(inside)])
      ]))
      const nested = yield* Deferred.await(inside)
      const { fiber, got } = yield* read(nested.events)
      yield* handle.stop("web")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(lines(got.filter((event) => event._tag === "SupervisorTransition")), [
        "supervisor  Stopping",
        "supervisor  Stopped"
      ])
      assert.include(lines(got), "spy Stopping->Stopped")
    }))
})

describe("the stream ends with the supervisor", () => {
  it.effect("after the last event", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      const { fiber, got } = yield* read(handle.events)
      yield* handle.shutdown
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(lines(got), [
        "supervisor  Stopping",
        "a Running->Stopping",
        "a Stopping->Stopped",
        "supervisor  Stopped"
      ])
    }))

  it.effect("that of a nested one with the nested one; the root's goes on", () =>
    Effect.gen(function*() {
      const inside = yield* Deferred.make<Supervisor.Handle<never>>()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        ProcessManager.make("web", [spy(inside)]),
        Runnable.idle()
      ]))
      const nested = yield* Deferred.await(inside)
      const below = yield* read(nested.events)
      const root = yield* read(handle.events)
      yield* handle.stop("web")
      yield* Fiber.join(below.fiber)
      assert.isUndefined(root.fiber.pollUnsafe())
      yield* handle.stop("idle")
      yield* settle
      assert.strictEqual(lines(root.got).at(-1), "idle Stopping->Stopped")
    }))

  it.effect("a slow reader still gets what was published before the end", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a"), Runnable.idle("b")])
      const resume = yield* Deferred.make<void>()
      const got: Array<SupervisorEvent> = []
      const fiber = yield* Effect.forkChild(Stream.runForEach(handle.events, (event) =>
        Effect.andThen(
          Deferred.await(resume),
          Effect.sync(() => got.push(event))
        )))
      yield* settle
      yield* handle.shutdown
      yield* Deferred.succeed(resume, undefined)
      yield* Fiber.join(fiber)
      assert.strictEqual(lines(got)[0], "supervisor  Stopping")
      assert.strictEqual(lines(got).at(-1), "supervisor  Stopped")
      assert.strictEqual(got.length, 6)
    }))

  it.effect("a child that reads its own supervisor's events does not keep it from ending", () =>
    Effect.gen(function*() {
      const reader = Runnable.make(
        "reader",
        Effect.gen(function*() {
          const supervisor = yield* Supervisor
          yield* Stream.runDrain(supervisor.events)
        })
      )
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [reader]))
      yield* settle
      yield* handle.shutdown
      assert.strictEqual((yield* handle.status).state, "Stopped")
    }))
})

describe("snapshots and events are plain data", () => {
  /** Every object in it is a plain one, and every number is one that JSON has. */
  const assertPlain = (value: unknown, where: string): void => {
    switch (typeof value) {
      case "undefined":
      case "string":
      case "boolean":
        return
      case "number":
        return assert.isTrue(Number.isFinite(value), `${where} is ${value}`)
      case "object": {
        if (value === null) return
        const prototype = Object.getPrototypeOf(value)
        assert.isTrue(prototype === Object.prototype || prototype === Array.prototype, `${where} is not plain`)
        for (const [key, item] of Object.entries(value)) assertPlain(item, `${where}.${key}`)
        return
      }
      default:
        assert.fail(`${where} is a ${typeof value}`)
    }
  }

  /** JSON has no undefined: a field that is undefined is a field that is not there. */
  const defined = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(defined)
      : typeof value === "object" && value !== null
      ? Object.fromEntries(
        Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, defined(item)])
      )
      : value

  const assertSurvives = (value: unknown) => {
    assertPlain(value, "value")
    assert.deepStrictEqual(structuredClone(value), value)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(value)), defined(value))
  }

  class Odd {
    readonly _tag = "Odd"
    readonly self = this
    readonly big = 1n
    run = () => {}
  }

  it.effect("a tree with a child in every state survives structuredClone and JSON, and so do its events", () =>
    Effect.gen(function*() {
      const stubborn = yield* Deferred.make<void>()
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [], {
        autoCleanup: false,
        keepAlive: true,
        escalate: "never"
      })) as unknown as Effect.Effect<Supervisor.Handle<unknown>>
      const { got } = yield* read(handle.changes)
      const add = (runnable: Runnable.Runnable<unknown>) => Effect.forkChild(handle.add(runnable))
      yield* add(Runnable.make("starting", Effect.never, { ready: "signal" }))
      yield* add(Runnable.make("running", Effect.never, { grace: "Infinity", health: { check: Effect.void } }))
      yield* add(Runnable.make("backoff", Effect.fail(new Odd()), { restart: Schedule.spaced("1 hour") }))
      yield* add(Runnable.make("patient", Effect.andThen(Control.shutdown, Deferred.await(stubborn)), {
        grace: "Infinity"
      }))
      yield* add(Runnable.make("stopping", Effect.andThen(Control.shutdown, Deferred.await(stubborn)), {
        grace: "1 hour"
      }))
      yield* add(Runnable.idle("stopped"))
      yield* add(Runnable.idle("held"))
      yield* add(Runnable.make("completed", Effect.void))
      yield* add(Runnable.make("gaveUp", Effect.die(new Error("a bug"))))
      yield* add(Runnable.make("abandoned", Effect.uninterruptible(Deferred.await(stubborn)), {
        abandonAfter: "1 second"
      }))
      yield* add(ProcessManager.make("nested", [Runnable.idle("deep")]))
      yield* settle
      for (const name of ["patient", "stopping", "stopped", "abandoned"]) yield* Effect.forkChild(handle.stop(name))
      yield* handle.hold("held")
      yield* TestClock.adjust("1 second")
      yield* settle
      const status = yield* handle.status
      const expected = ["Starting", "Running", "Backoff", "Stopping", "Stopping", "Stopped", "Held", "Completed"]
      assert.deepStrictEqual(status.children.map((child) => child.state._tag), [
        ...expected,
        "GaveUp",
        "Abandoned",
        "Running"
      ] as Array<typeof status.children[number]["state"]["_tag"]>)
      assert.deepStrictEqual(status.abandoned, ["abandoned"])
      assertSurvives(status)
      for (const event of got) assertSurvives(event)
      assert.isAbove(got.length, 20)
      yield* Deferred.succeed(stubborn, undefined)
    }))

  it.effect("a back-off that would last for ever too", () =>
    Effect.gen(function*() {
      const handle = yield* openPool()
      const { got } = yield* read(handle.changes)
      yield* Effect.forkChild(handle.add(
        Runnable.make("x", Effect.fail("boom"), { restart: Schedule.spaced("Infinity") })
      ))
      yield* settle
      assert.strictEqual((yield* handle.child("x")).state._tag, "Backoff")
      assertSurvives(yield* handle.status)
      for (const event of got) assertSurvives(event)
    }))

  it.effect("a snapshot does not change after it was given out", () =>
    Effect.gen(function*() {
      const handle = yield* openPool([Runnable.idle("a")])
      const before = yield* handle.status
      const copy = structuredClone(before)
      yield* handle.stop("a")
      yield* handle.add(Runnable.idle("b"))
      assert.deepStrictEqual(before, copy)
    }))
})
