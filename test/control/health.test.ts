import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Schedule } from "effect"
import { type ChildSnapshot, ProcessManager, Runnable, type Snapshot, type State } from "effect-supervisor"
import { Health } from "effect-supervisor/control"

const cause: State.CauseInfo = { kind: "Fail", tag: undefined, message: "boom", pretty: "boom" }

const child = (
  name: string,
  state: State.State,
  more?: Partial<ChildSnapshot>
): ChildSnapshot => ({
  name,
  path: name,
  state,
  incarnation: 1,
  restarts: 0,
  startedAt: 0,
  readyAt: 0,
  health: undefined,
  grace: 5000,
  clampedFrom: undefined,
  significant: false,
  history: [],
  supervisor: undefined,
  ...more
})

const tree = (
  children: ReadonlyArray<ChildSnapshot>,
  state: Snapshot["state"] = "Running",
  path = ""
): Snapshot => ({
  name: "app",
  path,
  state,
  strategy: "one-for-one",
  completed: 0,
  restarts: 0,
  abandoned: [],
  children
})

const running = { _tag: "Running" } as const

describe("live", () => {
  const expected: Readonly<Record<Snapshot["state"], boolean>> = {
    Starting: true,
    Running: true,
    Stopping: true,
    Stopped: false,
    Failed: false
  }
  for (const [state, lives] of Object.entries(expected)) {
    it(`a supervisor that is ${state} ${lives ? "lives" : "does not"}, whatever its children do`, () => {
      const children = [child("a", { _tag: "GaveUp", cause })]
      assert.strictEqual(Health.live(tree(children, state as Snapshot["state"])), lives)
    })
  }
})

describe("ready", () => {
  const expected: ReadonlyArray<readonly [State.State, boolean]> = [
    [{ _tag: "Pending" }, false],
    [{ _tag: "Starting" }, false],
    [running, true],
    [{ _tag: "Backoff", until: 0, attempt: 1, cause }, false],
    [{ _tag: "Stopping", until: undefined }, false],
    [{ _tag: "Stopped" }, true],
    [{ _tag: "Held" }, true],
    [{ _tag: "Completed" }, true],
    [{ _tag: "GaveUp", cause }, false],
    [{ _tag: "Abandoned" }, false]
  ]
  for (const [state, isReady] of expected) {
    it(`with a child that is ${state._tag} it is ${isReady ? "" : "not "}`, () => {
      const snapshot = tree([child("a", running), child("b", state)])
      assert.strictEqual(Health.ready(snapshot), isReady)
      assert.deepStrictEqual(Health.blocking(snapshot).map(({ name }) => name), isReady ? [] : ["b"])
    })
  }

  it("only while the supervisor itself is running", () => {
    for (const state of ["Starting", "Stopping", "Stopped", "Failed"] as const) {
      assert.isFalse(Health.ready(tree([child("a", running)], state)), state)
    }
    assert.isTrue(Health.ready(tree([])))
  })

  it("not with a child whose liveness check has failed", () => {
    assert.isFalse(Health.ready(tree([child("a", running, { health: "unhealthy" })])))
    assert.isTrue(Health.ready(tree([child("a", running, { health: "healthy" })])))
  })

  it("who is in the way is the innermost, in order, and nothing below what was stopped by hand", () => {
    const inner = (state: State.State, path: string) =>
      child(path, state, { supervisor: tree([child(`${path}/x`, { _tag: "GaveUp", cause })], "Running", path) })
    const snapshot = tree([
      child("a", { _tag: "Starting" }),
      inner(running, "b"),
      inner({ _tag: "Starting" }, "c"),
      inner({ _tag: "Stopped" }, "d"),
      inner({ _tag: "Held" }, "e")
    ])
    assert.deepStrictEqual(Health.blocking(snapshot).map(({ name }) => name), ["a", "b/x", "c", "c/x"])
  })

  it("a tree deeper than the stack has an answer", () => {
    let deepest = child("deep", { _tag: "Starting" })
    for (let depth = 0; depth < 50_000; depth++) deepest = child("deep", running, { supervisor: tree([deepest]) })
    assert.isFalse(Health.ready(tree([deepest])))
  })

  it.live("as a tree goes: ready, not while a child waits for its next try, ready when that was given up by hand", () =>
    Effect.gen(function*() {
      const fails = yield* Deferred.make<void>()
      const worker = Runnable.make("worker", Effect.andThen(Deferred.await(fails), Effect.fail("boom")), {
        restart: Schedule.spaced("1 hour")
      })
      const app = ProcessManager.make("app", [ProcessManager.make("web", [worker]), Runnable.idle("store")])
      const handle = yield* ProcessManager.start(app)
      const isReady = Effect.map(handle.status, Health.ready)
      assert.isTrue(yield* isReady)
      yield* Deferred.succeed(fails, undefined)
      yield* Effect.eventually(
        Effect.flatMap(isReady, (ready) => ready ? Effect.delay(Effect.fail("not yet"), "1 millis") : Effect.void)
      )
      assert.deepStrictEqual(Health.blocking(yield* handle.status).map(({ path }) => path), ["web/worker"])
      yield* handle.hold("web/worker")
      assert.isTrue(yield* isReady)
      yield* handle.shutdown
      assert.isFalse(yield* isReady)
      assert.isFalse(Health.live(yield* handle.status))
    }))
})
