/** What nodes that do nothing ask of PostgreSQL: transactions a second, as the server counts them. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { setTimeout as sleep } from "node:timers/promises"
import { Cluster } from "../../cluster/harness.ts"

export const measure = async (nodes: number, replicas: number): Promise<number> => {
  await using cluster = new Cluster()
  const url = await cluster.startPostgres()
  await cluster.startAll(nodes, { replicas })
  await sleep(4000)
  const transactions = Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(
      sql<
        { n: unknown }
      >`SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = current_database()`,
      ([row]) => Number(row?.n)
    ))
  return Effect.runPromise(
    Effect.gen(function*() {
      const before = yield* transactions
      yield* Effect.sleep("10 seconds")
      return ((yield* transactions) - before) / 10 / nodes
    }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url) })))
  )
}
