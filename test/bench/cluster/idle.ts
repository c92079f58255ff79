/**
 * What a singleton that does nothing costs on its node, beside a child of the core that does nothing. Looked at the
 * second time, since the first time the code that runs is compiled.
 */
import { Effect, Layer, Logger } from "effect"
import { ClusterSupervisor } from "../../../src/cluster/index.ts"
import { ProcessManager, Runnable, Supervisor } from "../../../src/index.ts"

const count = 5000

const used = (): number => {
  globalThis.gc!()
  globalThis.gc!()
  return process.memoryUsage().heapUsed
}

const children = Array.from({ length: count }, (_, index) => Runnable.idle(`idle-${index}`))

/** Bytes per child, and milliseconds of processor time per second and thousand children while nothing happens. */
const look = Effect.fnUntraced(function*(before: number) {
  const bytes = (used() - before) / count
  const cpu = process.cpuUsage()
  yield* Effect.sleep("3 seconds")
  const { system, user } = process.cpuUsage(cpu)
  return { bytes, cpu: (system + user) / 1000 / 3 / (count / 1000) }
})

const core = Effect.scoped(Effect.gen(function*() {
  const before = used()
  yield* ProcessManager.start(ProcessManager.make("core", children))
  return yield* look(before)
}))

/** All are up when the last has been claimed. */
const settled = Effect.gen(function*() {
  const supervisor = yield* Supervisor
  for (;;) {
    const { supervisor: pool } = yield* supervisor.child("cluster")
    if (pool?.children.filter(({ state }) => state._tag === "Running").length === count) {
      return yield* Effect.sleep("3 seconds")
    }
    yield* Effect.sleep("100 millis")
  }
})

const cluster = Effect.gen(function*() {
  const empty = ClusterSupervisor.layerMemory.pipe(Layer.provideMerge(Supervisor.layer()))
  return yield* Effect.gen(function*() {
    yield* Effect.sleep("1 second")
    const before = used()
    const singletons = ClusterSupervisor.replicas("idle", count, (index) => children[index]!)
    return yield* Effect.scoped(Effect.gen(function*() {
      yield* Layer.build(singletons)
      yield* settled
      return yield* look(before)
    }))
  }).pipe(Effect.provide(empty))
})

const second = <A, E>(effect: Effect.Effect<A, E>) => Effect.andThen(effect, Effect.delay(effect, "1 second"))

const result = await Effect.runPromise(
  Effect.all({ core: second(core), cluster: second(cluster) }).pipe(Effect.provide(Logger.layer([])))
)
process.stdout.write(JSON.stringify(result))
process.exit(0)
