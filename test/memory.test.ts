import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Schedule, Stream, Tracer } from "effect"
import { Control, ProcessManager, RestartPolicy, Runnable, type Supervisor } from "effect-supervisor"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { openPool, quiet } from "./support.ts"

setFlagsFromString("--expose-gc")
const gc: () => void = globalThis.gc ?? runInNewContext("gc")

/** What is still in use after everything else was collected, in bytes. */
const heapUsed = Effect.gen(function*() {
  for (let round = 0; round < 3; round++) {
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    gc()
  }
  return process.memoryUsage().heapUsed
})

const many = 20_000
const some = 4_000

/** Does something again and again and tells how many bytes the heap has grown; done before, too, so that code is warm. */
const growth = <E, R>(rounds: number, again: (times: number) => Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    yield* again(rounds / 10)
    const before = yield* heapUsed
    yield* again(rounds)
    return { rounds, bytes: (yield* heapUsed) - before }
  })

/** The bound is far more than noise, and far less than a fiber or an event for each round. */
const assertFlat = ({ bytes, rounds }: { readonly bytes: number; readonly rounds: number }) =>
  assert.isBelow(bytes, Math.max(600_000, rounds * 75), `grew by ${bytes} bytes in ${rounds} rounds`)

const resident: Runnable.Runnable<string> = Runnable.idle("resident")

const pool = openPool([resident], { escalate: "never" })

/** Long enough for whoever has something to do. */
const turns = Effect.forEach([1, 2, 3], () => Effect.yieldNow, { discard: true })

/** A child that can be told to fail a number of times in a row, and how to tell it and wait. */
const restless = (policy: Runnable.Options<string>["restart"]) => {
  let left = 0
  let done: Deferred.Deferred<void> | undefined = undefined
  const runnable = Runnable.make(
    "restless",
    Effect.suspend((): Effect.Effect<never, string> => {
      if (left-- > 0) return Effect.fail("boom")
      if (done !== undefined) Deferred.doneUnsafe(done, Effect.void)
      return Effect.never
    }),
    { restart: policy }
  )
  const fail = (handle: Supervisor.Handle<string>, times: number) =>
    Effect.gen(function*() {
      left = times
      done = yield* Deferred.make<void>()
      yield* handle.restart("restless")
      yield* Deferred.await(done)
    })
  return { runnable, fail }
}

describe("Memory: nothing grows with the number of restarts, adds or removes", () => {
  it.live("20 000 adds and removes", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      const grown = yield* growth(many, (times) =>
        Effect.gen(function*() {
          for (let index = 0; index < times; index++) {
            yield* handle.add(Runnable.make(`child-${index}`, Effect.never))
            yield* handle.remove(`child-${index}`)
          }
        }))
      assert.deepStrictEqual((yield* handle.status).children.map((child) => child.name), ["resident"])
      assertFlat(grown)
    }).pipe(quiet))

  it.live("20 000 children that complete", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      const grown = yield* growth(many, (times) =>
        Effect.gen(function*() {
          for (let index = 0; index < times; index++) yield* handle.add(Runnable.make(`child-${index}`, Effect.void))
        }))
      const status = yield* handle.status
      assert.deepStrictEqual(status.children.map((child) => child.name), ["resident"])
      assert.strictEqual(status.completed, many * 1.1)
      assertFlat(grown)
    }).pipe(quiet))

  it.live("20 000 restarts by the policy", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      const { fail, runnable } = restless(Schedule.forever)
      yield* handle.add(runnable)
      const grown = yield* growth(many, (times) => fail(handle, times))
      const child = yield* handle.child("restless")
      assert.deepStrictEqual([child.restarts, child.history.length], [many * 1.1, 8])
      assert.strictEqual((yield* handle.status).children.length, 2)
      assertFlat(grown)
    }).pipe(quiet))

  it.live("20 000 restarts by hand", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      const grown = yield* growth(many, (times) =>
        Effect.gen(function*() {
          for (let index = 0; index < times; index++) yield* handle.restart("resident")
        }))
      const child = yield* handle.child("resident")
      assert.deepStrictEqual([child.incarnation, child.history.length], [many * 1.1 + 1, 8])
      assertFlat(grown)
    }).pipe(quiet))

  it.live("restarts under an intensity, which counts in a ring", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      const { fail, runnable } = restless(RestartPolicy.intensity({ restarts: 2000, within: "1 nano" }))
      yield* handle.add(runnable)
      const grown = yield* growth(some, (times) => fail(handle, times))
      assertFlat(grown)
    }).pipe(quiet))

  it.live("stops and starts with a reader of the events, and with one that does not read", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      let heard = 0
      yield* Effect.forkScoped(Stream.runForEach(handle.events, () => Effect.sync(() => heard++)))
      yield* Effect.forkScoped(Stream.runForEach(handle.events, () => Effect.never))
      const grown = yield* growth(some, (times) =>
        Effect.gen(function*() {
          for (let index = 0; index < times; index++) {
            yield* handle.stop("resident")
            yield* handle.start("resident")
            yield* Effect.yieldNow
          }
        }))
      assert.isAbove(heard, some)
      assertFlat(grown)
    }).pipe(quiet))

  it.live("restarts with a tracer: the link to the span before does not keep all before it", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      const grown = yield* growth(some, (times) =>
        Effect.gen(function*() {
          for (let index = 0; index < times; index++) yield* handle.restart("resident")
        }))
      assertFlat(grown)
    }).pipe(
      quiet,
      Effect.provideService(Tracer.Tracer, Tracer.make({ span: (options) => new Tracer.NativeSpan(options) }))
    ))

  it.live("messages, reloads and looks", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      const listener = Runnable.make("x", Effect.forever(Control.tick(Effect.never)))
      yield* handle.add(listener)
      const grown = yield* growth(1000, (times) =>
        Effect.gen(function*() {
          for (let index = 0; index < times; index++) {
            yield* handle.send("x", index)
            yield* turns
            if (index % 10 === 0) {
              yield* handle.reloadChild("x")
              yield* handle.status
            }
          }
        }))
      assertFlat(grown)
    }).pipe(quiet))

  it.live("callers who wait for the end and go away", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      const grown = yield* growth(some, (times) =>
        Effect.gen(function*() {
          for (let index = 0; index < times; index++) {
            yield* Effect.raceFirst(handle.await, Effect.yieldNow)
          }
        }))
      assertFlat(grown)
    }).pipe(quiet))

  it.live("nested managers that come and go, with their children", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      const grown = yield* growth(some, (times) =>
        Effect.gen(function*() {
          for (let index = 0; index < times / 4; index++) {
            yield* handle.add(ProcessManager.make("nested", [Runnable.idle("a"), Runnable.idle("b")]))
            yield* handle.restart("nested")
            yield* handle.remove("nested")
          }
        }))
      assertFlat(grown)
    }).pipe(quiet))

  it.live("a restart under an intensity costs the same whatever the limit is", () =>
    Effect.gen(function*() {
      const exits = Array.from({ length: 10_000 }, () => Exit.fail("boom"))
      const millis = (restarts: number) =>
        Effect.gen(function*() {
          const policy = RestartPolicy.onFailure(RestartPolicy.intensity({ restarts, within: "1 nano" }))
          const begun = performance.now()
          for (let from = 0; from < exits.length; from += restarts) {
            yield* RestartPolicy.simulate(policy, exits.slice(from, from + restarts))
          }
          return performance.now() - begun
        })
      // As many restarts in many short rows as in one long one. The best of three, since others use this machine too.
      const ratios = yield* Effect.forEach([1, 2, 3], () =>
        Effect.map(Effect.all([millis(100), millis(10_000)]), ([short, long]) => long / short))
      assert.isBelow(Math.min(...ratios), 5)
    }).pipe(quiet))

  it.live("children that fail at once for ever, measured while they do", () =>
    Effect.gen(function*() {
      const handle = yield* pool
      let failures = 0
      for (const name of ["a", "b", "c"]) {
        const failing = Effect.suspend(() => {
          failures++
          return Effect.fail("boom")
        })
        yield* Effect.forkScoped(handle.add(Runnable.make(name, failing, { restart: Schedule.forever })))
      }
      yield* Effect.sleep("300 millis")
      const [failed, before] = [failures, yield* heapUsed]
      yield* Effect.sleep("600 millis")
      const bytes = (yield* heapUsed) - before
      assert.isAbove(failures - failed, some)
      assert.isBelow(bytes, 600_000, `grew by ${bytes} bytes in ${failures - failed} restarts`)
    }).pipe(quiet))
})
