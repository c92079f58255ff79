/** An owner that is frozen, and wakes up when another has taken over: the case that only a token can tell. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { setTimeout as sleep } from "node:timers/promises"
import { Cluster } from "./harness.ts"

const query = (url: string, statement: string) =>
  Effect.runPromise(
    Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe<Record<string, unknown>>(statement)).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(url) }))
    )
  )

describe("an owner that was frozen", () => {
  it("finds its work taken over within seconds, and its writes refused", { timeout: 60_000 }, async () => {
    await using cluster = new Cluster()
    const url = await cluster.startPostgres()
    await query(url, "CREATE TABLE written (id BIGSERIAL PRIMARY KEY, name TEXT, token BIGINT)")
    await cluster.startAll(3, { singletons: ["mailer"], writeMillis: 2 })
    const first = await cluster.line("+", "mailer")
    await sleep(500)

    const owner = cluster.nodeOf(first.node)
    const at = owner.kill("SIGSTOP")
    const next = await cluster.line("+", "mailer", at, 15_000, owner.name)
    assert.isBelow(next.at - at, 8000)
    await sleep(300)
    owner.kill("SIGCONT")
    // It goes on as if nothing had happened, and cannot be interrupted.
    const refused = await cluster.line("refused", "mailer", at)
    assert.deepStrictEqual([refused.node, refused.token], [owner.name, first.token])
    await sleep(500)

    const written = await query(url, "SELECT token FROM written ORDER BY id")
    const tokens = written.map(({ token }) => Number(token))
    assert.deepStrictEqual(tokens, tokens.toSorted((a, b) => a - b), "no write after one with a higher token")
    assert.include(tokens, next.token)
    assert.strictEqual(owner.isUp, true)
  })
})
