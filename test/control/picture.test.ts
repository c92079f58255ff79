/** The picture that watchers have of a tree: by rules, and against the engine, whatever happens. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch, References, Schedule, Scheduler, Stream } from "effect"
import { Control, ProcessManager, RestartPolicy, Runnable, type Supervisor } from "effect-supervisor"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as Picture from "../../src/control/internal/picture.ts"
import { changesOf } from "../../src/Supervisor.ts"

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

/**
 * A reader: when it begins, how many events it is allowed to be behind, before which steps it reads again, and after how
 * many operations it lets others go on.
 */
interface Watcher {
  readonly begin: number
  readonly capacity: number
  readonly operations: number
  readonly reads: ReadonlyArray<boolean>
}

/** It misses nothing. */
const attentive: Watcher = { begin: 0, capacity: 100_000, operations: 2048, reads: [] }

/** Takes one batch after the other as long as it is let. */
const watch = Effect.fnUntraced(function*(handle: Supervisor.Handle<string>, { capacity, operations }: Watcher) {
  const gate = Latch.makeUnsafe(true)
  const seen: Array<Picture.Change> = []
  const at = { picture: Picture.empty }
  const changes = changesOf(handle as never, { capacity, until: Effect.never })
  yield* Effect.forkScoped(
    Stream.runForEachArray(changes, (batch) =>
      Effect.suspend(() => {
        seen.push(...batch)
        at.picture = Picture.reduce(at.picture, json(batch) as ReadonlyArray<Picture.Change>)
        return gate.await
      })).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, operations)),
    { startImmediately: true }
  )
  return { at, gate, seen }
})

type Watching = Effect.Success<ReturnType<typeof watch>>

const makeTree = (world: World, strategy: "one-for-one" | "rest-for-one" | "one-for-all") => {
  const members = [world.child("group/x", 0), world.child("group/y", 20), world.child("group/z", 0)]
  const group = ProcessManager.make("group", members, {
    strategy,
    keepAlive: true,
    escalate: "never",
    restart: RestartPolicy.always(Schedule.spaced(50))
  })
  return ProcessManager.make("app", [world.child("a", 40), world.child("b", 0), group], {
    keepAlive: true,
    escalate: "never"
  })
}

/** What every watcher has in the end, beside what a fresh snapshot says. */
const follow = Effect.fnUntraced(
  function*(
    strategy: "one-for-one" | "rest-for-one" | "one-for-all",
    steps: ReadonlyArray<Step>,
    some: ReadonlyArray<Watcher>
  ) {
    const watchers = [attentive, ...some]
    const world = makeWorld()
    const handle = yield* ProcessManager.start(makeTree(world, strategy))
    const watching = new Map<Watcher, Watching>()
    yield* settle
    for (const [index, step] of steps.entries()) {
      for (const watcher of watchers) {
        // Some of what happens is under way by then.
        if (watcher.begin === index) watching.set(watcher, yield* watch(handle, watcher))
        const gate = watching.get(watcher)?.gate
        if (watcher.reads[index] === false) gate?.closeUnsafe()
        else gate?.openUnsafe()
      }
      yield* perform(handle, world, step)
      yield* index % 2 === 0 ? settle : Effect.void
    }
    for (const watcher of watchers) {
      if (!watching.has(watcher)) watching.set(watcher, yield* watch(handle, watcher))
      watching.get(watcher)!.gate.openUnsafe()
    }
    // At rest: nobody is on the way to anywhere.
    for (let index = 0; index < 3; index++) yield* Effect.andThen(TestClock.adjust("20 seconds"), settle)
    const snapshot = json(yield* handle.status)
    const results = yield* Effect.forEach(
      watching.values(),
      Effect.fnUntraced(function*({ at, seen }) {
        let { picture } = at
        for (const path of picture.unsure) picture = Picture.correct(picture, json(yield* handle.child(path)) as never)
        return { picture: json(Picture.snapshotOf(picture)), seen: seen.slice() }
      })
    )
    yield* handle.shutdownNow
    return { results, snapshot }
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

const watcher: fc.Arbitrary<Watcher> = fc.record({
  begin: fc.nat(14),
  capacity: fc.constantFrom(1, 2, 3, 8, 1024),
  operations: fc.constantFrom(7, 8, 9, 10, 11, 13, 2048),
  reads: fc.array(fc.boolean(), { minLength: 14, maxLength: 14 })
})

/** Who is there, in which state of which incarnation. */
const briefly = ({ children }: Picture.Picture) =>
  Array.from(children.values(), ({ incarnation, path, state }) => `${path} ${incarnation} ${state._tag}`).toSorted()

/** What came after the last snapshot is what came last of all there was, and the snapshot is of right before that. */
const isExact = (seen: ReadonlyArray<Picture.Change>, all: ReadonlyArray<Picture.Change>): void => {
  const begin = seen.findLastIndex(Picture.isSnapshot)
  const since = seen.slice(begin + 1)
  const before = all.slice(0, all.length - since.length)
  assert.isTrue(since.every((change, index) => change === all[before.length + index]))
  assert.deepStrictEqual(
    briefly(Picture.reduce(Picture.empty, [seen[begin]!])),
    briefly(Picture.reduce(Picture.empty, before))
  )
}

describe("A picture of a tree", () => {
  it(
    "is what a fresh snapshot says, whatever has happened, whenever one began to look and however slowly one reads",
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 14 }),
          fc.array(watcher, { minLength: 1, maxLength: 4 }),
          async (steps, watchers) => {
            const { results, snapshot } = await run(follow("one-for-one", steps, watchers))
            for (const { picture, seen } of results) {
              assert.deepStrictEqual(picture, snapshot)
              isExact(seen, results[0]!.seen)
            }
          }
        ),
        parameters
      ),
    60_000
  )

  it("is what a fresh snapshot says, also when children restart as a group", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom("rest-for-one" as const, "one-for-all" as const),
        fc.array(step, { maxLength: 10 }),
        fc.array(watcher, { minLength: 1, maxLength: 3 }),
        async (strategy, steps, watchers) => {
          const { results, snapshot } = await run(follow(strategy, steps, watchers))
          for (const { picture } of results) {
            assert.deepStrictEqual(withoutGroupCounts(picture), withoutGroupCounts(snapshot))
          }
        }
      ),
      parameters
    ), 60_000)

  it("a reader who lost something is told so, right before the snapshot that has it", () =>
    run(Effect.gen(function*() {
      const slow: Watcher = { begin: 0, capacity: 2, operations: 2048, reads: [false, false, false, true] }
      const restart: Step = { _tag: "operate", path: "b", operation: "restart" }
      const { results } = yield* follow("one-for-one", [restart, restart, restart, restart], [slow])
      const { seen } = results[1]!
      const losses = seen.flatMap((change, index) =>
        !Picture.isSnapshot(change) && change._tag === "EventsLost" ? [index] : []
      )
      assert.isAbove(losses.length, 0)
      for (const index of losses) assert.isTrue(Picture.isSnapshot(seen[index + 1]!))
    })))
})
