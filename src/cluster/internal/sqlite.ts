/**
 * A `SqlClient` on the SQLite that is built into Node: one connection, used by one statement or transaction at a time.
 *
 * Floor 5.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"

/** Statements are few and always the same, so they are prepared once. More than this many means that they are not. */
const maxPrepared = 256
/** A longer one has a row for each of what has happened, and is not the same the next time. */
const maxLength = 2000

/** What this driver calls `errcode`, others call `errno`, which is what is classified. */
const withNumber = (cause: unknown): unknown =>
  cause instanceof Error && "errcode" in cause ? Object.assign(cause, { errno: cause.errcode }) : cause

const failure = (operation: string) => (cause: unknown): SqlError => {
  const message = `SQLite could not ${operation}`
  return new SqlError({ reason: classifySqliteError(withNumber(cause), { message, operation }) })
}

const openNow = (file: string, busyMillis: number): DatabaseSync => {
  const database = new DatabaseSync(file, { timeout: busyMillis })
  try {
    // Readers do not wait for writers. What was committed survives a killed process; a power cut may lose the end.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Processes that open a new file at once ask for a lock that SQLite does not wait for, whatever the timeout: it could
 * be a deadlock. So it is asked for again for a while.
 */
const open = (file: string, busyMillis: number): Effect.Effect<DatabaseSync, SqlError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({ try: () => openNow(file, busyMillis), catch: failure("open") }).pipe(
      Effect.retry({
        while: ({ reason }) => reason._tag === "LockTimeoutError",
        schedule: Schedule.jittered(Schedule.spaced("50 millis")),
        times: 100
      })
    ),
    (database) => Effect.sync(() => database.close())
  )

const connection = (database: DatabaseSync): Connection => {
  const prepared = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    if (sql.length > maxLength) return statement
    if (prepared.size >= maxPrepared) prepared.clear()
    prepared.set(sql, statement)
    return statement
  }
  const all = (sql: string, params: ReadonlyArray<unknown>, asArrays: boolean) =>
    Effect.try({
      try: () => {
        const statement = prepare(sql)
        statement.setReturnArrays(asArrays)
        return statement.all(...params as ReadonlyArray<SQLInputValue>) as ReadonlyArray<object> as ReadonlyArray<never>
      },
      catch: failure("execute")
    })
  const execute: Connection["execute"] = (sql, params, transformRows) =>
    transformRows === undefined ? all(sql, params, false) : Effect.map(all(sql, params, false), transformRows)
  const values: Connection["executeValues"] = (sql, params) => all(sql, params, true)
  return {
    execute,
    executeRaw: (sql, params) => all(sql, params, false),
    executeValues: values,
    executeValuesUnprepared: values,
    executeUnprepared: execute,
    executeStream: (sql, params, transformRows) => Stream.fromIterableEffect(execute(sql, params, transformRows))
  }
}

export const layer = (file: string, busyMillis: number): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function*() {
      const opened = connection(yield* open(file, busyMillis))
      const semaphore = Semaphore.makeUnsafe(1)
      const acquirers = SqlClient.makeSqliteAcquirers({ connection: Effect.succeed(opened), semaphore })
      return yield* SqlClient.make({
        ...acquirers,
        compiler: Statement.makeCompilerSqlite(),
        driver: "node:sqlite",
        spanAttributes: [],
        // A transaction that reads before it writes would else fail when another process has written in between.
        beginTransaction: "BEGIN IMMEDIATE"
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
