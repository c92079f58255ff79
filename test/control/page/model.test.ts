/** The page's model against the engine: whatever happens, it is what a fresh snapshot would say. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, References, Schedule, Stream } from "effect"
import { Control, ProcessManager, RestartPolicy, Runnable, type Supervisor } from "effect-supervisor"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as Model from "../../../src/control/page/model.ts"
import type { Change } from "../../../src/control/page/wire.ts"

/** One turn of the event loop. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})
const settle = Effect.repeat(turn, { times: 8 })

const run = <A, E>(program: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(
    program.pipe(Effect.provideService(References.MinimumLogLevel, "None"), Effect.provide(TestClock.layer()))
  )

/** Ends when it is told to, and takes its time when it is asked to. */
const makeWorld = () => {
  const ends = new Map<string, (effect: Effect.Effect<void, string>) => void>()
  const child = (path: string, drain: number) =>
    Runnable.make(
      path.split("/").at(-1)!,
      Effect.raceFirst(
        Effect.callback<void, string>((resume) => {
          ends.set(path, resume)
        }),
        drain === 0 ? Effect.never : Effect.andThen(Control.shutdown, Effect.sleep(drain))
      ),
      { grace: "10 seconds", restart: RestartPolicy.onFailure(Schedule.max([Schedule.spaced(50), Schedule.recurs(3)])) }
    )
  return { child, end: (path: string, effect: Effect.Effect<void, string>) => ends.get(path)?.(effect) }
}

const paths = ["a", "b", "group", "group/x", "group/y", "group/z"] as const
const operations = ["start", "stop", "restart", "hold", "release", "remove"] as const

type Step =
  | { readonly _tag: "operate"; readonly path: string; readonly operation: (typeof operations)[number] }
  | { readonly _tag: "fail" | "succeed"; readonly path: string }
  | { readonly _tag: "add"; readonly name: string }
  | { readonly _tag: "wait"; readonly millis: number }

const path = fc.constantFrom(...paths)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ _tag: fc.constant("operate" as const), path, operation: fc.constantFrom(...operations) }),
  fc.record({ _tag: fc.constantFrom("fail" as const, "succeed" as const), path }),
  fc.record({ _tag: fc.constant("add" as const), name: fc.constantFrom("a", "b", "c") }),
  fc.record({ _tag: fc.constant("wait" as const), millis: fc.constantFrom(0, 30, 60, 200) })
)

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

type World = ReturnType<typeof makeWorld>

const perform = (handle: Supervisor.Handle<string>, world: World, step: Step): Effect.Effect<unknown> => {
  switch (step._tag) {
    case "operate":
      return Effect.forkDetach(handle[step.operation](step.path), { startImmediately: true })
    case "fail":
      return Effect.sync(() => world.end(step.path, Effect.fail(`${step.path} failed`)))
    case "succeed":
      return Effect.sync(() => world.end(step.path, Effect.void))
    case "add":
      return Effect.exit(handle.add(world.child(step.name, 0)))
    case "wait":
      return TestClock.adjust(step.millis)
  }
}

const follow = Effect.fnUntraced(
  function*(strategy: "one-for-one" | "rest-for-one" | "one-for-all", steps: ReadonlyArray<Step>) {
    const world = makeWorld()
    const group = ProcessManager.make("group", [
      world.child("group/x", 0),
      world.child("group/y", 20),
      world.child("group/z", 0)
    ], {
      strategy,
      keepAlive: true,
      escalate: "never",
      restart: RestartPolicy.always(Schedule.spaced(50))
    })
    const app = ProcessManager.make("app", [world.child("a", 40), world.child("b", 0), group], {
      keepAlive: true,
      escalate: "never"
    })
    const handle = yield* ProcessManager.start(app)
    const model = Model.make()
    const seen: Array<Change> = []
    const reader = yield* Effect.forkScoped(
      Stream.runForEach(handle.changes, (change) =>
        Effect.sync(() => {
          seen.push(change)
          Model.apply(model, json(change) as Change)
        })),
      { startImmediately: true }
    )
    yield* settle
    for (const step of steps) {
      yield* perform(handle, world, step)
      yield* settle
    }
    // At rest: nobody is on the way to anywhere.
    for (let index = 0; index < 3; index++) yield* Effect.andThen(TestClock.adjust("20 seconds"), settle)
    const unsure = Array.from(model.unsure)
    for (const path of unsure) Model.correct(model, json(yield* handle.child(path)) as never)
    const snapshot = json(yield* handle.status)
    const result = { model: json(Model.snapshotOf(model)), snapshot, unsure, seen }
    yield* Fiber.interrupt(reader)
    yield* handle.shutdownNow
    return result
  },
  Effect.scoped
)

const parameters = {
  seed: Number(process.env["FC_SEED"] ?? 41),
  numRuns: Number(process.env["FC_RUNS"] ?? 60),
  timeout: 5000
}

/** A group counts what it has restarted, of which single events do not say all. */
const withoutGroupCounts = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value),
    (_, inner) => typeof inner === "object" && inner !== null && "children" in inner ? { ...inner, restarts: 0 } : inner
  )

describe("The page's model", () => {
  it("is what a fresh snapshot says, whatever has happened to single children", () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const { model, snapshot } = await run(follow("one-for-one", steps))
        assert.deepStrictEqual(model, snapshot)
      }),
      parameters
    ), 60_000)

  it("is what a fresh snapshot says, also when children restart as a group", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom("rest-for-one" as const, "one-for-all" as const),
        fc.array(step, { maxLength: 10 }),
        async (strategy, steps) => {
          const { model, snapshot } = await run(follow(strategy, steps))
          assert.deepStrictEqual(withoutGroupCounts(model), withoutGroupCounts(snapshot))
        }
      ),
      parameters
    ), 60_000)

  it("begins anew with every snapshot, so that what was lost does not matter", () =>
    run(Effect.gen(function*() {
      const { model, snapshot } = yield* follow("one-for-one", [{ _tag: "fail", path: "a" }])
      const other = Model.make()
      Model.apply(other, { _tag: "ChildRemoved", at: 0, path: "nobody" })
      Model.apply(other, snapshot as never)
      assert.deepStrictEqual(json(Model.snapshotOf(other)), model)
    })))

  it("a single event replaces the record of its child and of nobody else", () =>
    run(Effect.gen(function*() {
      const { snapshot } = yield* follow("one-for-one", [])
      const model = Model.make()
      Model.apply(model, snapshot as never)
      const a = model.children.get("a")
      const b = model.children.get("b")
      const to = { _tag: "Stopping", until: undefined } as const
      Model.apply(model, {
        _tag: "ChildTransition",
        at: 5,
        path: "a",
        incarnation: 1,
        from: "Running",
        to,
        exit: undefined
      })
      assert.notStrictEqual(model.children.get("a"), a)
      assert.strictEqual(model.children.get("b"), b)
    })))

  it("an answer that is older or newer than what is known is not believed", () =>
    run(Effect.gen(function*() {
      const { snapshot } = yield* follow("one-for-one", [])
      const model = Model.make()
      Model.apply(model, snapshot as never)
      const a = model.children.get("a")!
      assert.isFalse(Model.correct(model, { ...a, incarnation: a.incarnation + 1, restarts: 9, supervisor: undefined }))
      assert.strictEqual(model.children.get("a"), a)
      assert.isTrue(Model.correct(model, { ...a, restarts: 9, supervisor: undefined }))
      assert.strictEqual(model.children.get("a")!.restarts, 9)
    })))
})
