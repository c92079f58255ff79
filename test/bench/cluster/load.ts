/** What nodes that do nothing ask of PostgreSQL: statements a second, as the server logs them. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Cluster } from "../../cluster/harness.ts"

const seconds = 10

const logAll = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe("ALTER SYSTEM SET log_statement = 'all'")
  yield* sql.unsafe("SELECT pg_reload_conf()")
})

/** Per second and node. */
export const measure = async (nodes: number, replicas: number): Promise<number> => {
  await using cluster = new Cluster()
  const url = await cluster.startPostgres()
  await cluster.startAll(nodes, { replicas })
  await sleep(6000)
  await Effect.runPromise(Effect.provide(logAll, PgClient.layer({ url: Redacted.make(url) })))
  const count = () =>
    readFileSync(join(cluster.dir, "postgres", "log"), "utf8").match(/LOG: {2}(statement|execute [^:]*):/g)?.length ?? 0
  await sleep(500)
  const before = count()
  await sleep(seconds * 1000)
  return (count() - before) / seconds / nodes
}
