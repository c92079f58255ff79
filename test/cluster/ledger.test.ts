/** What the nodes agree on, without an engine: tokens, budgets, settings, and writes of a stale owner. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { ClusterStorage, ClusterView, Fencing } from "effect-supervisor/cluster"
import { ClusterSchema } from "effect-supervisor/control"
import { Ledger, LedgerService } from "../../src/cluster/internal/ledger.ts"
import { mismatch, Nodes } from "../../src/cluster/internal/nodes.ts"
import { causeInfo } from "../../src/State.ts"

const budget = { giveUps: 1, withinMillis: 60_000 }
const mailer = { name: "mailer", kind: "singleton", attempt: 0 }
const boom = causeInfo(Cause.fail("boom"))

const nodes = (ledger: Ledger, shards = 300) => new Nodes(ledger.node, ledger.tables, { shards, failoverMillis: 4000 })

/** As an incarnation with this token. */
const as = (ledger: Ledger, value: number) => {
  const services = Context.make(LedgerService, ledger).pipe(
    Context.add(Fencing.Current, { name: "mailer", value, node: ledger.node })
  )
  return Effect.provideContext(services)
}

const overTheWire = <A>(schema: Schema.Codec<A, unknown>, value: A) => {
  const codec = Schema.toCodecJson(schema)
  return Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(value))))
}

/** Two nodes on one storage. */
const pair = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const options = { prefix: "cluster", failoverMillis: 4000 }
  const a = new Ledger(sql, options, "a:1")
  const b = new Ledger(sql, options, "b:1")
  yield* nodes(a).enter(60_000)
  return { a, b, sql }
})

const onFile = Effect.provide(ClusterStorage.embedded(":memory:"))

describe("a claim", () => {
  it.live("takes a higher token than all before it, on whatever node", () =>
    Effect.gen(function*() {
      const { a, b } = yield* pair
      const claims = yield* Effect.forEach([a, b, b, a], (ledger) => ledger.claim(mailer, budget))
      assert.deepStrictEqual(claims.map((claim) => claim._tag === "Claimed" ? claim.token : 0), [1, 2, 3, 4])
    }).pipe(onFile))

  it.live("is refused for a placement that is not the current one", () =>
    Effect.gen(function*() {
      const { a, b } = yield* pair
      yield* a.claim(mailer, budget)
      assert.strictEqual(yield* a.gaveUp(mailer, { token: 1, next: 2, cause: boom, budget }), "placed")
      assert.deepStrictEqual(yield* b.claim(mailer, budget), { _tag: "Moved", attempt: 2 })
      assert.deepStrictEqual(yield* b.claim({ ...mailer, attempt: 2 }, budget), { _tag: "Claimed", token: 2 })
    }).pipe(onFile))

  it.live("is refused when the budget of the whole cluster is spent, and every node learns why", () =>
    Effect.gen(function*() {
      const { a, b } = yield* pair
      yield* a.claim(mailer, budget)
      yield* a.gaveUp(mailer, { token: 1, next: 1, cause: boom, budget })
      yield* b.claim({ ...mailer, attempt: 1 }, budget)
      const last = { ...mailer, attempt: 1 }
      assert.strictEqual(yield* b.gaveUp(last, { token: 2, next: 2, cause: boom, budget }), "spent")
      assert.deepStrictEqual(yield* a.claim(last, budget), { _tag: "Over" })
      const [change] = yield* a.changes
      assert.deepStrictEqual([change?.name, change?.node, change?.cause?.message], ["mailer", "b:1", "boom"])
    }).pipe(onFile))

  it.live("is refused for one that has completed", () =>
    Effect.gen(function*() {
      const { a, b } = yield* pair
      yield* a.claim(mailer, budget)
      yield* a.update("mailer", 1, "Completed", 0, undefined)
      yield* a.released("mailer", 1)
      assert.deepStrictEqual(yield* b.claim(mailer, budget), { _tag: "Over" })
    }).pipe(onFile))

  it.live("is not written over by what an earlier owner reports", () =>
    Effect.gen(function*() {
      const { a, b } = yield* pair
      yield* a.claim(mailer, budget)
      yield* b.claim(mailer, budget)
      yield* a.update("mailer", 1, "Stopping", 7, boom)
      yield* a.released("mailer", 1)
      const row = yield* b.child("mailer")
      assert.deepStrictEqual([row?.node, row?.state, row?.token, row?.restarts], ["b:1", "Starting", 2, 0])
    }).pipe(onFile))
})

describe("a fenced write", () => {
  it.live("is done by the latest incarnation, and by no other", () =>
    Effect.gen(function*() {
      const { a, b, sql } = yield* pair
      yield* sql`CREATE TABLE written (token INTEGER)`
      const write = (token: number) => Fencing.fenced(sql`INSERT INTO written (token) VALUES (${token})`)
      yield* a.claim(mailer, budget)
      yield* write(1).pipe(as(a, 1))
      yield* b.claim(mailer, budget)
      const error = yield* Effect.flip(write(1).pipe(as(a, 1)))
      assert.match(error.message, /"mailer" has the token 1, and a newer one has 2, so its write was refused/)
      yield* write(2).pipe(as(b, 2))
      assert.deepStrictEqual(yield* sql`SELECT token FROM written`, [{ token: 1 }, { token: 2 }])
    }).pipe(onFile))

  it.live("is just done outside of a cluster, and the token is 0 there", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Fencing.fenced(Effect.succeed("done")), "done")
      assert.strictEqual((yield* Fencing.token).value, 0)
    }))
})

describe("a node", () => {
  it.live("with other settings than those that live is refused, and taken when they are gone", () =>
    Effect.gen(function*() {
      const { a, b } = yield* pair
      const error = yield* Effect.flip(nodes(b, 100).enter(60_000))
      assert.strictEqual(error._tag, "SettingMismatch")
      yield* a.tables.sql`UPDATE ${a.tables.nodes} SET seen_at = seen_at - 60000`
      yield* nodes(b, 100).enter(60_000)
    }).pipe(onFile))

  it.live("under the address of another machine that lives is refused", () =>
    Effect.gen(function*() {
      const { a } = yield* pair
      const shared = { shards: 300, failoverMillis: 4000 }
      const error = yield* Effect.flip(new Nodes("a:1", a.tables, shared, "elsewhere").enter(60_000))
      assert.strictEqual(error._tag, "AddressTaken")
      assert.match(error.message, /is in the cluster as node a:1, the address of this one\. Set the option address/)
      // The same machine has been restarted.
      yield* nodes(a).enter(60_000)
    }).pipe(onFile))

  it("is refused for the first setting that differs", () => {
    const same = { shards: 300, failoverMillis: 4000, layout: 1 }
    assert.isUndefined(mismatch("a", same, same))
    assert.strictEqual(
      mismatch("a", same, { ...same, layout: 2 })?.setting,
      "the version of effect-supervisor's tables"
    )
    assert.strictEqual(mismatch("a", same, { ...same, failoverMillis: 1 })?.cluster, "1")
  })

  it.live("that is the first one begins afresh", () =>
    Effect.gen(function*() {
      const { a, b } = yield* pair
      yield* a.claim(mailer, budget)
      yield* a.update("mailer", 1, "Completed", 0, undefined)
      yield* a.tables.sql`DELETE FROM ${a.tables.nodes}`
      yield* nodes(b).enter(60_000)
      assert.deepStrictEqual(yield* b.claim(mailer, budget), { _tag: "Claimed", token: 2 })
    }).pipe(onFile))
})

describe("the view", () => {
  it.live("has a schema of its own for all that it tells", () =>
    Effect.gen(function*() {
      const { a } = yield* pair
      yield* a.claim(mailer, budget)
      yield* a.gaveUp(mailer, { token: 1, next: 1, cause: boom, budget })
      const view = yield* ClusterView.ClusterView.pipe(
        Effect.provide(ClusterView.fromLedger),
        Effect.provideService(LedgerService, a)
      )
      const snapshot = yield* view.snapshot
      const events = yield* Stream.runCollect(Stream.take(view.eventsAfter(0), 2))
      assert.deepStrictEqual(events.map(({ _tag, token }) => [_tag, token]), [["Claimed", 1], ["GaveUp", 1]])
      assert.deepStrictEqual(overTheWire(ClusterSchema.Snapshot, snapshot), snapshot)
      assert.deepStrictEqual(overTheWire(ClusterSchema.Event, events[1]!), events[1])
    }).pipe(onFile))
})
