/** What people get wrong: a node says so, names the setting, and does not start. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ClusterConfig } from "effect-supervisor/cluster"
import { checkServer, checkSkew } from "../../src/cluster/internal/nodes.ts"
import { Cluster, freePort, until } from "./harness.ts"

const said = async (cluster: Cluster, settings: Parameters<Cluster["start"]>[0]): Promise<string> => {
  const node = await cluster.start(settings)
  assert.strictEqual(await node.ended, 1, node.output)
  return node.output
}

describe("a node does not start", () => {
  it("with another number of shards, or another failover, than the nodes that run", { timeout: 40_000 }, async () => {
    await using cluster = new Cluster()
    await cluster.startAll(1, { singletons: ["mailer"] })
    assert.match(
      await said(cluster, { singletons: ["mailer"], shards: 100 }),
      /failed SettingMismatch: Node localhost:\d+ has shards = 100, but the nodes that run have shards = 300\. All nodes need the same/
    )
    assert.match(
      await said(cluster, { singletons: ["mailer"], failoverMillis: 10_000 }),
      /failed SettingMismatch: .* has failover \(milliseconds\) = 10000, but the nodes that run have .* = 4000/
    )
    assert.strictEqual(cluster.lines.length, 1)
  })

  it("with a clock that is a minute off", { timeout: 40_000 }, async () => {
    await using cluster = new Cluster()
    const [ahead, behind] = await Promise.all([
      said(cluster, { skewMillis: 60_000 }),
      said(cluster, { skewMillis: -60_000 })
    ])
    assert.match(ahead, /failed ClockSkew: .* is 6\d\.\d s ahead of that of the storage, and maxClockSkew is 5 s/)
    assert.match(behind, /failed ClockSkew: .* s behind that of the storage/)
  })

  it("when its database cannot be reached", { timeout: 40_000 }, async () => {
    await using cluster = new Cluster()
    const port = await freePort()
    const [refused, missing] = await Promise.all([
      said(cluster, { storage: `postgres://cluster:secret@127.0.0.1:${port}/postgres` }),
      said(cluster, { storage: "/nowhere/cluster.db" })
    ])
    assert.match(refused, /failed StorageUnavailable: .*ECONNREFUSED.* Check the option storage/)
    assert.notInclude(refused, "secret")
    assert.match(missing, /failed StorageUnavailable: .*unable to open database file.* Check the option storage/)
  })

  it("when its address is taken", { timeout: 40_000 }, async () => {
    await using cluster = new Cluster()
    const [first] = await cluster.startAll(1, { singletons: ["mailer"] })
    assert.match(await said(cluster, { port: first!.port, singletons: ["mailer"] }), /failed .*EADDRINUSE/)
    await until("the first goes on", () => first!.isUp)
  })
})

describe("a node is told", () => {
  it("that its PostgreSQL is too old to end the session of a frozen node", () => {
    assert.match(String(checkServer(130_011)?.message), /^The option storage leads to PostgreSQL 13, .*14 or newer/)
    assert.isUndefined(checkServer(140_000))
  })

  it("that its clock is off only if it is by more than maxClockSkew", () => {
    assert.isUndefined(checkSkew("a", -5000, 5000))
    assert.strictEqual(checkSkew("a", 5001, 5000)?._tag, "ClockSkew")
  })

  it("which option makes no sense", () => {
    const wrong: ReadonlyArray<readonly [object, RegExp]> = [
      [{ address: { host: "", port: 1 } }, /address/],
      [{ address: { host: "a", port: 70_000 } }, /address/],
      [{ address: { host: "a", port: 1 }, failover: "1 second" }, /failover.*at least 2 seconds/],
      [{ address: { host: "a", port: 1 }, shards: 0 }, /shards/],
      [{ address: { host: "a", port: 1 }, prefix: "a-b; DROP" }, /prefix/]
    ]
    for (const [options, message] of wrong) {
      const error = Effect.runSync(Effect.flip(Effect.try(() => ClusterConfig.settings(options as never))))
      assert.match(String((error.cause as Error).message), message)
    }
  })
})
