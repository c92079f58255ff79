/** What is placed in a shard, on one node with an engine that gives and takes shards when the test says so. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schedule, Scope } from "effect"
import { RunnerStorage, ShardId, Sharding } from "effect/cluster"
import { Control, Runnable, Supervisor } from "effect-supervisor"
import { ClusterConfig, ClusterStorage, ClusterSupervisor, Fencing } from "effect-supervisor/cluster"
import { joinWith, reach } from "../../src/cluster/internal/join.ts"
import { LedgerService } from "../../src/cluster/internal/ledger.ts"
import { NodeService } from "../../src/cluster/internal/node.ts"
import { allChildren, eventsAfter } from "../../src/cluster/internal/reading.ts"
import { quiet } from "../support.ts"

const shard = (id: number) => ShardId.make("default", id)

/** "a1" belongs in shard 1, and "a1~2" in shard 2. */
const shardOfName = (name: string) => shard(Number(name.at(-1)))

/** Runs what is registered for a shard as long as the test says that the shard is held. */
const makeEngine = () => {
  const held = new Map<ShardId.ShardId, Fiber.Fiber<unknown> | undefined>()
  const slots = new Map<ShardId.ShardId, Effect.Effect<void>>()
  const run = (id: ShardId.ShardId) =>
    Effect.suspend(() => {
      const slot = slots.get(id)
      if (slot === undefined || !held.has(id)) return Effect.void
      return Effect.map(Effect.forkDetach(Effect.andThen(slot, Effect.never)), (fiber) => {
        held.set(id, fiber)
      })
    })
  const sharding = {
    getShardId: (name: string) => shardOfName(name),
    hasShardId: (id: ShardId.ShardId) => held.has(id),
    registerSingleton: (name: string, slot: Effect.Effect<void>) =>
      Effect.suspend(() => {
        const id = shardOfName(name)
        assert.isFalse(slots.has(id), "one slot for a shard")
        slots.set(id, slot)
        return run(id)
      })
  }
  const locks = RunnerStorage.RunnerStorage.of({
    register: () => Effect.die("not asked"),
    unregister: () => Effect.void,
    getRunners: Effect.succeed([]),
    setRunnerHealth: () => Effect.void,
    acquire: () => Effect.succeed([]),
    refresh: (_, shardIds) => Effect.sync(() => [...shardIds].filter((id) => held.has(id))),
    release: () => Effect.void,
    releaseAll: () => Effect.void
  })
  return {
    layer: Layer.mergeAll(
      Layer.succeed(Sharding.Sharding, sharding as never),
      Layer.succeed(RunnerStorage.RunnerStorage, locks)
    ),
    hold: (id: number) =>
      Effect.suspend(() => {
        held.set(shard(id), undefined)
        return run(shard(id))
      }),
    /** Ends when the lock may be given back. */
    lose: (id: number) =>
      Effect.suspend(() => {
        const fiber = held.get(shard(id))
        return Effect.ensuring(
          fiber === undefined ? Effect.void : Fiber.interrupt(fiber),
          Effect.sync(() => held.delete(shard(id)))
        )
      }),
    isHeld: (id: number) => held.get(shard(id))?.pollUnsafe() === undefined
  }
}

const settings = { ...ClusterConfig.settings({ address: { host: "a", port: 1 } }), maxClockSkewMillis: Infinity }

/** A node with what happens on it. */
const makeNode = () => {
  const log: Array<string> = []
  const failing = new Set<string>()
  const engine = makeEngine()
  const child = (name: string, drainMillis = 0) =>
    Runnable.make(
      name,
      Effect.gen(function*() {
        const { value } = yield* Fencing.token
        yield* Effect.acquireRelease(
          Effect.sync(() => log.push(`+${name} ${value}`)),
          () => Effect.sync(() => log.push(`-${name} ${value}`))
        )
        const fail = Effect.suspend(() => failing.delete(name) ? Effect.fail("told to") : Effect.void).pipe(
          Effect.repeat(Schedule.spaced("5 millis"))
        )
        yield* Effect.raceFirst(fail, Effect.andThen(Control.shutdown, Effect.sleep(drainMillis)))
      }),
      { grace: "1 minute" }
    )
  const has = (...wanted: ReadonlyArray<string>) =>
    Effect.suspend(() => wanted.every((entry) => log.includes(entry)) ? Effect.void : Effect.fail("not yet")).pipe(
      Effect.retry(Schedule.spaced("5 millis")),
      Effect.timeout("5 seconds"),
      Effect.mapError(() => `not ${wanted.join()} but ${log.join()}`)
    )
  const run = <A, E>(effect: Effect.Effect<A, E, NodeService | LedgerService | Scope.Scope>) =>
    Effect.scoped(effect).pipe(
      Effect.provide(
        joinWith(settings, engine.layer).pipe(
          Layer.provideMerge(reach(ClusterStorage.embedded(":memory:"))),
          Layer.provideMerge(Supervisor.layer())
        )
      ),
      quiet
    )
  return { child, engine, fail: (name: string) => failing.add(name), has, log, run }
}

const singletons = (...runnables: ReadonlyArray<Runnable.Runnable<string>>) =>
  Layer.build(Layer.mergeAll(Layer.empty, ...runnables.map((runnable) => ClusterSupervisor.singleton(runnable))))

const states = Effect.gen(function*() {
  const { tables } = yield* LedgerService
  return (yield* allChildren(tables)).map(({ name, state }) => `${name} ${state}`)
})

const released = Effect.gen(function*() {
  const { tables } = yield* LedgerService
  return (yield* eventsAfter(tables, 0)).filter(({ tag }) => tag === "Released").map(({ child }) => child)
})

const eventually = <R>(effect: Effect.Effect<boolean, unknown, R>) =>
  Effect.filterOrFail(effect, (is) => is).pipe(Effect.retry(Schedule.spaced("5 millis")), Effect.timeout("5 seconds"))

describe("children in one shard", () => {
  it.live("are up while it is held, and none before", () => {
    const { child, engine, has, log, run } = makeNode()
    return run(Effect.gen(function*() {
      yield* singletons(child("a1"), child("b1"), child("c2"))
      yield* Effect.sleep("50 millis")
      assert.deepStrictEqual(log, [])
      yield* engine.hold(1)
      yield* has("+a1 1", "+b1 1")
      yield* engine.lose(1)
      assert.deepStrictEqual(log.toSorted(), ["+a1 1", "+b1 1", "-a1 1", "-b1 1"])
      yield* engine.hold(1)
      yield* has("+a1 2", "+b1 2")
    }))
  })

  it.live("are independent: one gives up and is placed elsewhere, the other goes on", () => {
    const { child, engine, fail, has, log, run } = makeNode()
    return run(Effect.gen(function*() {
      yield* engine.hold(1)
      yield* engine.hold(3)
      yield* singletons(child("a1"), child("b1"))
      yield* has("+a1 1", "+b1 1")
      fail("b1")
      // Not to "b1~1", which is in a shard that this node holds.
      yield* eventually(Effect.map(states, (all) => all.includes("b1 GaveUp")))
      yield* engine.hold(2)
      yield* has("+b1 2")
      yield* eventually(Effect.map(states, (all) => all.join() === "a1 Running,b1 Running"))
      assert.deepStrictEqual(log, ["+a1 1", "+b1 1", "-b1 1", "+b1 2"])
    }))
  })

  it.live("start at once when they are placed while it is held", () => {
    const { child, engine, has, log, run } = makeNode()
    return run(Effect.gen(function*() {
      yield* singletons(child("a1"))
      yield* engine.hold(1)
      yield* has("+a1 1")
      yield* singletons(child("b1"))
      yield* has("+b1 1")
      assert.deepStrictEqual(log, ["+a1 1", "+b1 1"])
    }))
  })

  it.live("are all out, and that is written down, before it is given back", () => {
    const { child, engine, has, log, run } = makeNode()
    return run(Effect.gen(function*() {
      yield* engine.hold(1)
      yield* engine.hold(2)
      yield* singletons(child("a1", 50), child("b1", 50), child("c2"))
      yield* has("+a1 1", "+b1 1", "+c2 1")
      yield* engine.lose(1)
      assert.deepStrictEqual(log.slice(3).toSorted(), ["-a1 1", "-b1 1"])
      assert.deepStrictEqual(yield* states, ["a1 Released", "b1 Released", "c2 Running"])
    }))
  })

  it.live("do not wait for one that drains slowly, only the shard does", () => {
    const { child, engine, has, log, run } = makeNode()
    return run(Effect.gen(function*() {
      yield* engine.hold(1)
      yield* singletons(child("a1", 500), child("b1"))
      yield* has("+a1 1", "+b1 1")
      const losing = yield* Effect.forkChild(engine.lose(1))
      yield* eventually(Effect.map(released, (names) => names.join() === "b1"))
      assert.notInclude(log, "-a1 1")
      assert.isUndefined(losing.pollUnsafe())
      yield* Fiber.join(losing)
      assert.deepStrictEqual(log.slice(2), ["-b1 1", "-a1 1"])
      assert.deepStrictEqual(yield* released, ["b1", "a1"])
    }))
  })

  it.live("stay when one of them is not described any more", () => {
    const { child, engine, has, log, run } = makeNode()
    return run(Effect.gen(function*() {
      yield* engine.hold(1)
      yield* singletons(child("a1"))
      const scope = yield* Scope.make()
      yield* Scope.provide(singletons(child("b1")), scope)
      yield* has("+a1 1", "+b1 1")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["+a1 1", "+b1 1", "-b1 1"])
      yield* singletons(child("b1"))
      yield* has("+b1 2")
      assert.isTrue(engine.isHeld(1))
    }))
  })

  it.live("wait for one of the same name that is still being taken out, when it is described again", () => {
    const { child, engine, has, log, run } = makeNode()
    return run(Effect.gen(function*() {
      yield* engine.hold(1)
      const scope = yield* Scope.make()
      yield* Scope.provide(singletons(child("a1", 100)), scope)
      yield* has("+a1 1")
      // As where nobody waits for a finalizer that takes too long.
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* Fiber.interrupt(closing).pipe(Effect.forkChild({ startImmediately: true }))
      yield* singletons(child("a1"))
      assert.deepStrictEqual(log.slice(0, 2), ["+a1 1", "-a1 1"])
      yield* has("+a1 2")
      assert.deepStrictEqual(log, ["+a1 1", "-a1 1", "+a1 2"])
      yield* eventually(Effect.map(states, (all) => all.join() === "a1 Running"))
    }))
  })

  it.live("are out before they start where they are placed next, however often that changes meanwhile", () => {
    const { child, engine, has, log, run } = makeNode()
    return run(Effect.gen(function*() {
      for (const id of [1, 2, 3]) yield* engine.hold(id)
      yield* singletons(child("a1", 200))
      yield* has("+a1 1")
      const { apply, ledger } = yield* Effect.map(NodeService, (node) => ({
        apply: (attempt: number) =>
          node.apply([{ name: "a1", attempt, node: "b:1", cause: undefined, spentMillisAgo: undefined }]),
        ledger: node.ledger
      }))
      yield* apply(2)
      yield* apply(3)
      const { children, sql } = ledger.tables
      yield* sql`UPDATE ${children} SET attempt = 3`
      // The shard that it leaves waits for it too.
      yield* engine.lose(1)
      assert.deepStrictEqual(log, ["+a1 1", "-a1 1"])
      yield* has("+a1 2")
      yield* engine.lose(2)
      assert.deepStrictEqual(log, ["+a1 1", "-a1 1", "+a1 2"])
      yield* engine.lose(3)
      assert.deepStrictEqual(log, ["+a1 1", "-a1 1", "+a1 2", "-a1 2"])
    }))
  })

  it.live("are all seen to, when more of them end at once than events are kept", () => {
    const { engine, run } = makeNode()
    const count = 1500
    let ends = false
    const worker = Effect.suspend(() => ends ? Effect.void : Effect.fail("not yet")).pipe(
      Effect.retry(Schedule.spaced("20 millis"))
    )
    return run(Effect.gen(function*() {
      for (const id of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) yield* engine.hold(id)
      yield* Layer.build(
        ClusterSupervisor.replicas("worker", count, () => Runnable.make("worker", worker))
      )
      const all = (state: string) =>
        Effect.map(states, (lines) => lines.filter((line) => line.endsWith(` ${state}`)).length === count)
      const waiting = { schedule: Schedule.spaced("100 millis"), until: (is: boolean) => is }
      yield* Effect.repeat(all("Running"), waiting)
      ends = true
      yield* Effect.repeat(all("Completed"), waiting)
    }))
  }, 30_000)
})
