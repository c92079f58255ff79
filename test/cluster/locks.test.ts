/** The engine's locks as this module uses them, on a storage that does what the test says. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { type ClusterError, RunnerAddress, RunnerStorage, ShardId } from "effect/cluster"
import { Holding, swift } from "../../src/cluster/internal/locks.ts"
import { elapse } from "../support.ts"

const address = RunnerAddress.make("a", 1)
const shard = (id: number) => ShardId.make("default", id)
const one = [shard(1)]

/** Holds what it is told to hold, and writes down what it is asked. */
const makeStorage = () => {
  const log: Array<string> = []
  let held = new Set<string>()
  let answers: Effect.Effect<void, ClusterError.PersistenceError> = Effect.void
  const note = (what: string) => Effect.sync(() => log.push(what))
  const those = (shardIds: Iterable<ShardId.ShardId>) => [...shardIds].filter((id) => held.has(id.toString()))
  const storage = RunnerStorage.RunnerStorage.of({
    register: () => Effect.die("not asked"),
    unregister: () => note("unregister"),
    getRunners: Effect.succeed([]),
    setRunnerHealth: () => Effect.void,
    acquire: (_, shardIds) => Effect.andThen(answers, Effect.sync(() => those(shardIds))),
    refresh: (_, shardIds) => Effect.andThen(answers, Effect.sync(() => those(shardIds))),
    release: (_, id) => note(`release ${id}`),
    releaseAll: () => note("release all")
  })
  return {
    storage,
    log,
    hold: (...ids: ReadonlyArray<number>) => held = new Set(ids.map((id) => shard(id).toString())),
    answer: (effect: typeof answers): void => {
      answers = effect
    }
  }
}

/** What the engine does when it cannot make a connection. */
const away = Effect.die("no connection")

describe("locks", () => {
  it.effect("are all given back before the node says that it leaves, and then not one by one", () =>
    Effect.gen(function*() {
      const { log, storage } = makeStorage()
      const locks = swift(storage, 1000)
      yield* locks.release(address, shard(1))
      yield* locks.unregister(address)
      yield* locks.release(address, shard(2))
      assert.deepStrictEqual(log, ["release default:1", "release all", "unregister"])
    }))

  it.effect("that another node still holds are asked for again for a moment", () =>
    Effect.gen(function*() {
      const { hold, storage } = makeStorage()
      const fiber = yield* Effect.forkChild(swift(storage, 1000).acquire(address, [shard(1), shard(2)]))
      yield* elapse("100 millis")
      hold(1, 2)
      yield* elapse("100 millis")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(String), ["default:1", "default:2"])

      hold(1)
      const rest = yield* Effect.forkChild(swift(storage, 1000).acquire(address, [shard(1), shard(2)]))
      yield* elapse("500 millis")
      assert.deepStrictEqual((yield* Fiber.join(rest)).map(String), ["default:1"])
    }))

  it.effect("that are being asked for are not broken off when the engine waits no longer", () =>
    Effect.gen(function*() {
      const { answer, storage } = makeStorage()
      const answered = yield* Deferred.make<void>()
      let isBroken = false
      answer(Effect.onInterrupt(Deferred.await(answered), () => Effect.sync(() => isBroken = true)))
      const fiber = yield* Effect.forkChild(swift(storage, 1000).acquire(address, one), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.isFalse(isBroken)
    }))
})

const lost = (holding: Holding) => Effect.map(holding.lost(one), (found) => [...found])

describe("what is being stopped", () => {
  it.effect("is safe as long as the storage says that the lock is held", () =>
    Effect.gen(function*() {
      const { hold, storage } = makeStorage()
      const holding = new Holding(storage, address, 4000)
      hold(1)
      assert.isTrue(yield* holding.confirm(shard(1)))
      assert.deepStrictEqual(yield* lost(holding), [])
      hold()
      assert.isFalse(yield* holding.confirm(shard(1)))
      assert.deepStrictEqual(yield* lost(holding), ["default:1"])
    }))

  it.effect("is given up when the storage has not answered for three quarters of the failover", () =>
    Effect.gen(function*() {
      const { answer, hold, storage } = makeStorage()
      const holding = new Holding(storage, address, 4000)
      hold(1)
      yield* elapse("10 seconds")
      yield* lost(holding)
      answer(away)
      yield* elapse("2900 millis")
      assert.deepStrictEqual(yield* lost(holding), [])
      yield* elapse("200 millis")
      assert.deepStrictEqual(yield* lost(holding), ["default:1"])
    }))
})
