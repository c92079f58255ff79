/** Three nodes and a PostgreSQL: what a cluster lives through. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import { ClusterSupervisor, ClusterView } from "effect-supervisor/cluster"
import { Runnable } from "effect-supervisor"
import { setTimeout as sleep } from "node:timers/promises"
import { Cluster, until } from "./harness.ts"
import { intervals, prove } from "./intervals.ts"

const storageOf = (url: string) => PgClient.layer({ url: Redacted.make(url) })

/** Names that are alive now. */
const alive = (cluster: Cluster, killed: ReadonlyMap<number, number> = new Map()) =>
  new Set(prove(intervals(cluster.lines, killed)).alive)

/** All of the cluster, and all that happened in it. */
const look = (cluster: Cluster) =>
  Effect.runPromise(
    Effect.gen(function*() {
      const view = yield* ClusterView.ClusterView
      const events = yield* view.eventsAfter(0).pipe(Stream.interruptWhen(Effect.sleep("1 second")), Stream.runCollect)
      return { events, snapshot: yield* view.snapshot }
    }).pipe(Effect.provide(ClusterView.layer({ storage: storageOf(cluster.storage) })))
  )

describe("three nodes on PostgreSQL", () => {
  it("stop what runs while the database is away, and go on when it is back", { timeout: 90_000 }, async () => {
    await using cluster = new Cluster()
    await cluster.startPostgres()
    const nodes = await cluster.startAll(3, { singletons: ["mailer"] })
    await cluster.line("+", "mailer")

    const away = Date.now()
    cluster.stopPostgres("crash")
    const stopped = await cluster.line("-", "mailer", away)
    assert.isBelow(stopped.at - away, 6000)
    await sleep(10_000 - (Date.now() - away))
    assert.strictEqual(alive(cluster).size, 0, "nobody runs what nobody can be sure to own")

    await cluster.startPostgres()
    const back = Date.now()
    const started = await cluster.line("+", "mailer", away)
    assert.isBelow(started.at - back, 8000)
    assert.isTrue(nodes.every(({ isUp }) => isUp))
    assert.strictEqual(prove(intervals(cluster.lines, new Map())).overlap, 0)
  })

  it("end a drain when its lock may be lost, however long its grace", { timeout: 60_000 }, async () => {
    await using cluster = new Cluster()
    await cluster.startPostgres()
    await cluster.startAll(1, { singletons: ["server"], drainMillis: 40_000 })
    const first = await cluster.line("+", "server")
    const owner = cluster.nodeOf(first.node)
    owner.kill("SIGTERM")
    await sleep(1500)
    assert.strictEqual(alive(cluster).size, 1, "it drains")
    const away = Date.now()
    cluster.stopPostgres("crash")
    const end = await cluster.line("-", "server", away)
    assert.isBelow(end.at - away, 5000)
  })

  it("fail with its cause when a singleton fails on every one of them", { timeout: 60_000 }, async () => {
    await using cluster = new Cluster()
    await cluster.startPostgres()
    const nodes = await cluster.startAll(3, { poison: ["poison"] })
    assert.deepStrictEqual(await Promise.all(nodes.map(({ ended }) => ended)), [1, 1, 1])
    for (const { output } of nodes) {
      assert.match(output, /failed BudgetSpent: "poison" gave up 4 times within 60 s .*\(poison\)/)
    }
    const runs = cluster.lines.filter(({ name }) => name === "poison")
    // Two runs each time, by its own policy, and one more for each move while the nodes joined.
    assert.isTrue(runs.length >= 8 && runs.length <= 11, `${runs.length} runs`)
    assert.isAtLeast(new Set(runs.map(({ node }) => node)).size, 2, "on more than one node")
  })

  it("share replicas anew when one joins, moving hardly more than it takes, and none is ever there twice", {
    timeout: 90_000
  }, async () => {
    await using cluster = new Cluster()
    await cluster.startPostgres()
    await cluster.startAll(2, { replicas: 60 })
    await until("all replicas are up", () => alive(cluster).size === 60)
    await sleep(2000)
    const settled = Date.now()
    const joined = await cluster.start({ replicas: 60 })
    await until("the third has its share", () => {
      const mine = cluster.lines.filter(({ node, what }) => what === "+" && node === joined.name).length
      return mine >= 10 && alive(cluster).size === 60
    })
    await sleep(2000)
    const proof = prove(intervals(cluster.lines, new Map()))
    assert.strictEqual(proof.overlap, 0, proof.overlaps.join("\n"))
    assert.isBelow(proof.gap, 3000, proof.gaps.join("\n"))
    const moves = cluster.lines.filter(({ at, what }) => what === "-" && at > settled).length
    assert.isAtMost(moves, 20 * 1.6, `${moves} of 60 moved`)
    assert.strictEqual(alive(cluster).size, 60)
  })

  it("wait for a slow drain before the next one starts", { timeout: 60_000 }, async () => {
    await using cluster = new Cluster()
    await cluster.startPostgres()
    await cluster.startAll(3, { singletons: ["server"], drainMillis: 8000 })
    await cluster.line("+", "server")
    await sleep(1000)
    const owner = cluster.nodeOf(cluster.lines.findLast(({ what }) => what === "+")!.node)
    owner.kill("SIGTERM")
    await owner.ended
    const next = await until("it runs elsewhere", () => {
      const last = cluster.lines.at(-1)
      return last?.what === "+" && last.node !== owner.name && last
    })
    assert.strictEqual(prove(intervals(cluster.lines, new Map())).overlap, 0)

    const { events, snapshot } = await look(cluster)
    const handover = events.filter(({ token }) => token === next.token - 1 || token === next.token)
    const tags = handover.map(({ _tag }) => _tag).filter((tag) => tag !== "Starting" && tag !== "Running")
    assert.deepStrictEqual(tags, ["Claimed", "Stopping", "Stopped", "Released", "Claimed"])
    const at = (tag: string) => handover.findLast(({ _tag }) => _tag === tag)!.at
    // It took longer than the failover, and was not taken over.
    assert.isAtLeast(at("Released") - at("Stopping"), 7700)
    assert.isBelow(at("Claimed") - at("Released"), 2000)
    assert.strictEqual(snapshot.nodes.length, 2)
    assert.deepStrictEqual(snapshot.children.map(({ name, node, token }) => [name, node, token]), [[
      "server",
      next.node,
      next.token
    ]])
  })

  it("remember keyed children when all of them are restarted, and answer a client", { timeout: 90_000 }, async () => {
    await using cluster = new Cluster()
    await cluster.startPostgres()
    const rooms = ClusterSupervisor.keyed("rooms", () => Runnable.idle())
    const ask = <A, E>(effect: Effect.Effect<A, E, Effect.Services<ReturnType<typeof rooms.ensure>>>) =>
      Effect.runPromise(effect.pipe(
        Effect.provide(ClusterSupervisor.client({ storage: storageOf(cluster.storage) }))
      ))
    const before = await cluster.startAll(3, { keyed: "rooms" })
    const keys = ["a", "b", "c", "d", "e", "f"]
    await ask(Effect.forEach([...keys, "gone"], rooms.ensure, { concurrency: 4 }))
    await ask(rooms.stop("gone"))
    await until("all rooms are up", () => alive(cluster).size === keys.length)

    for (const node of before) node.kill("SIGTERM")
    await Promise.all(before.map(({ ended }) => ended))
    assert.strictEqual(alive(cluster).size, 0, "nothing is left over")

    await cluster.startAll(3, { keyed: "rooms" })
    await until("all rooms are back", () => alive(cluster).size === keys.length, 20_000)
    assert.deepStrictEqual([...alive(cluster)].toSorted(), keys.map((key) => `rooms:${key}`))
    const status = await ask(rooms.status("a"))
    assert.isAtLeast(status.token, 2)
  })
})
