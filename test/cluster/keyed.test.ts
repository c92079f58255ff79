import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule, Stream } from "effect"
import { Control, Runnable, Supervisor } from "effect-supervisor"
import { ClusterSupervisor } from "effect-supervisor/cluster"
import { quiet } from "../support.ts"

const cluster = <A, E, E2, R>(
  layer: Layer.Layer<never, E2, ClusterSupervisor.Services | R>,
  effect: Effect.Effect<A, E, ClusterSupervisor.Services | Supervisor>
) =>
  effect.pipe(
    Effect.provide(layer.pipe(
      Layer.provideMerge(ClusterSupervisor.layerMemory),
      Layer.provideMerge(Supervisor.layer())
    )),
    quiet
  )

/** Rooms that write down when they come and go and what they hear. */
const makeRooms = (options?: Parameters<typeof ClusterSupervisor.keyed>[2]) => {
  const log: Array<string> = []
  const rooms = ClusterSupervisor.keyed("rooms", (key) =>
    Runnable.make(
      "room",
      Effect.acquireRelease(Effect.sync(() => log.push(`+${key}`)), () => Effect.sync(() => log.push(`-${key}`))).pipe(
        Effect.andThen(Stream.runForEach(Control.messages, (message) =>
          message === "fail"
            ? Effect.fail("told to")
            : Effect.sync(() => log.push(`${key}: ${JSON.stringify(message)}`))))
      )
    ), options)
  return { log, rooms }
}

const eventually = (f: () => boolean) =>
  Effect.suspend(() => f() ? Effect.void : Effect.fail("not yet")).pipe(
    Effect.retry(Schedule.spaced("10 millis")),
    Effect.timeout("5 seconds")
  )

describe("keyed children", () => {
  it.live("are made on demand, take messages, and end when they are stopped", () =>
    Effect.gen(function*() {
      const { log, rooms } = makeRooms()
      yield* cluster(
        rooms.layer,
        Effect.gen(function*() {
          assert.strictEqual((yield* rooms.status("a")).state, "Stopped")
          const { token } = yield* rooms.ensure("a")
          assert.strictEqual((yield* rooms.ensure("a")).token, Math.max(token, 1))
          yield* rooms.send("a", { hello: "world" })
          yield* eventually(() => log.length === 2)
          yield* rooms.restart("a")
          yield* eventually(() => log.length === 4)
          assert.strictEqual((yield* rooms.stop("a")).state, "Stopped")
          assert.deepStrictEqual(log, ["+a", `a: {"hello":"world"}`, "-a", "+a", "-a"])
          const error = yield* Effect.flip(rooms.send("a", 1))
          assert.match(error.message, /^send\("a"\) of the keyed children "rooms" was not done: it is not running/)
        })
      )
    }))

  it.live("may have any text as their key", () =>
    Effect.gen(function*() {
      const { log, rooms } = makeRooms()
      yield* cluster(rooms.layer, Effect.forEach(["a/b", "ü\n", "%2F"], rooms.ensure))
      assert.deepStrictEqual(log.slice(0, 3), ["+a/b", "+ü\n", "+%2F"])
    }))

  it.live("that give up stay down until somebody asks for them", () =>
    Effect.gen(function*() {
      const { log, rooms } = makeRooms()
      yield* cluster(
        rooms.layer,
        Effect.gen(function*() {
          yield* rooms.ensure("a")
          yield* rooms.send("a", "fail")
          yield* eventually(() => log.length === 2)
          yield* Effect.retry(
            Effect.filterOrFail(rooms.status("a"), ({ state }) => state === "GaveUp"),
            Schedule.spaced("10 millis")
          ).pipe(Effect.timeout("5 seconds"))
          yield* rooms.ensure("a")
          yield* eventually(() => log.length === 3)
        })
      )
      assert.deepStrictEqual(log, ["+a", "-a", "+a", "-a"])
    }))

  it.live("are passivated when nothing was asked of them for a time, and come back with a message", () =>
    Effect.gen(function*() {
      const { log, rooms } = makeRooms({ passivateAfter: "200 millis" })
      yield* cluster(
        rooms.layer,
        Effect.gen(function*() {
          yield* rooms.ensure("a")
          yield* eventually(() => log.join() === "+a,-a")
          assert.strictEqual((yield* rooms.status("a")).state, "Passive")
          yield* rooms.send("a", 1)
          yield* eventually(() => log.length === 4)
          assert.deepStrictEqual(log, ["+a", "-a", "+a", "a: 1"])
        })
      )
    }))
})
