/**
 * The tables of this module, beside those of the engine: who has which token, what happened, what all must share.
 *
 * Floor 5.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment, Identifier } from "effect/sql/Statement"

/** Counts what an older version of this module could not read. */
export const layout = 1

export interface Tables {
  readonly sql: SqlClient.SqlClient
  readonly children: Identifier
  readonly giveUps: Identifier
  readonly events: Identifier
  readonly nodes: Identifier
  /** The clock that all nodes share, in milliseconds since the epoch. */
  readonly now: Fragment
  readonly prefix: string
  /**
   * A transaction that does not outlive a frozen process by more than this: what it has locked, others wait for.
   */
  readonly atomically: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>
}

/** An identifier goes into statements as it is. */
export const isPrefix = (prefix: string): boolean => /^[a-z_][a-z0-9_]{0,30}$/.test(prefix)

export const tables = (client: SqlClient.SqlClient, prefix: string, failoverMillis: number): Tables => {
  const sql = client.withoutTransforms()
  const bound: Effect.Effect<unknown, SqlError> = sql.onDialectOrElse({
    pg: () => sql`SELECT set_config('idle_in_transaction_session_timeout', ${String(failoverMillis)}, true)`,
    orElse: () => Effect.void
  })
  return {
    sql,
    children: sql(`${prefix}_children`),
    giveUps: sql(`${prefix}_give_ups`),
    events: sql(`${prefix}_events`),
    nodes: sql(`${prefix}_nodes`),
    now: sql.literal(sql.onDialectOrElse({
      pg: () => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
      orElse: () => "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    })),
    prefix,
    atomically: (effect) => sql.withTransaction(Effect.andThen(bound, effect))
  }
}

const createTables = ({ children, events, giveUps, nodes, prefix, sql }: Tables): Effect.Effect<void, SqlError> =>
  Effect.gen(function*() {
    const serial = sql.literal(sql.onDialectOrElse({
      pg: () => "BIGSERIAL PRIMARY KEY",
      orElse: () => "INTEGER PRIMARY KEY AUTOINCREMENT"
    }))
    yield* sql`CREATE TABLE IF NOT EXISTS ${children} (
      name TEXT PRIMARY KEY,
      kind TEXT NOT NULL,
      attempt INTEGER NOT NULL DEFAULT 0,
      token BIGINT NOT NULL DEFAULT 0,
      node TEXT NOT NULL DEFAULT '',
      state TEXT NOT NULL,
      restarts INTEGER NOT NULL DEFAULT 0,
      cause TEXT,
      claimed_at BIGINT NOT NULL DEFAULT 0,
      updated_at BIGINT NOT NULL DEFAULT 0,
      spent_at BIGINT,
      wanted INTEGER NOT NULL DEFAULT 1
    )`
    // Every node asks for these twice a second, and mostly there are none.
    yield* sql`CREATE INDEX IF NOT EXISTS ${sql(`${prefix}_children_moved`)} ON ${children} (name)
      WHERE attempt > 0 OR spent_at IS NOT NULL`
    yield* sql`CREATE TABLE IF NOT EXISTS ${giveUps} (name TEXT NOT NULL, node TEXT NOT NULL, at BIGINT NOT NULL)`
    yield* sql`CREATE TABLE IF NOT EXISTS ${events} (
      id ${serial},
      at BIGINT NOT NULL,
      node TEXT NOT NULL,
      child TEXT NOT NULL,
      tag TEXT NOT NULL,
      token BIGINT NOT NULL,
      detail TEXT
    )`
    yield* sql`CREATE TABLE IF NOT EXISTS ${nodes} (
      node TEXT PRIMARY KEY,
      instance TEXT NOT NULL,
      machine TEXT NOT NULL,
      settings TEXT NOT NULL,
      started_at BIGINT NOT NULL,
      seen_at BIGINT NOT NULL
    )`
  })

/** Makes the tables unless they are there. Several nodes may start at once, so that one loses and tries again. */
export const migrate = (self: Tables): Effect.Effect<void, unknown> =>
  Migrator.make({})({
    loader: Migrator.fromRecord({ "0001_create_tables": createTables(self) }),
    table: `${self.prefix}_supervisor_migrations`
  }).pipe(
    Effect.provideService(SqlClient.SqlClient, self.sql),
    Effect.retry({ times: 5, schedule: Schedule.spaced("200 millis") }),
    Effect.asVoid
  )
