/**
 * What the nodes of a cluster agree on, in the same storage that holds the engine's locks: the fencing token of every
 * child, where it was placed after it had given up, and what happened.
 *
 * A claim is one statement that takes the next token, and only while the placement for which it is made is the current
 * one: so of two nodes that both believe to be the owner, the later has the higher token, and the earlier can be told.
 *
 * Floor 5.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { CauseInfo } from "../../State.ts"
import { type ChildRow, childRow, type EventRow, parse } from "./reading.ts"
import { type Tables, tables } from "./tables.ts"

/** How often a child may give up, on whichever nodes. */
export interface Budget {
  readonly giveUps: number
  readonly withinMillis: number
}

/** One child that is to run here, as it was placed. */
export interface Placed {
  readonly name: string
  readonly kind: string
  readonly attempt: number
}

export type Claim =
  | { readonly _tag: "Claimed"; readonly token: number }
  /** Another placement is the current one. */
  | { readonly _tag: "Moved"; readonly attempt: number }
  /** It has ended well, or its budget is spent. */
  | { readonly _tag: "Over" }

/** A placement that is not the first one, or a child that is not to be tried again. */
export interface Change {
  readonly name: string
  readonly attempt: number
  readonly node: string
  readonly spentMillisAgo: number | undefined
  readonly cause: CauseInfo | undefined
}

export type NewEvent = Omit<EventRow, "id" | "at" | "node">

export interface LedgerOptions {
  readonly prefix: string
  readonly failoverMillis: number
}

export class Ledger {
  readonly node: string
  readonly tables: Tables
  readonly failoverMillis: number
  constructor(client: SqlClient, options: LedgerOptions, node: string) {
    this.tables = tables(client, options.prefix, options.failoverMillis)
    this.node = node
    this.failoverMillis = options.failoverMillis
  }

  /** Takes the next token for an incarnation that is about to start here. */
  claim({ attempt, kind, name }: Placed, budget: Budget): Effect.Effect<Claim, SqlError> {
    const { atomically, children, now, sql } = this.tables
    const claimed = sql<{ token: unknown }>`
      INSERT INTO ${children} (name, kind, attempt, token, node, state, claimed_at, updated_at)
      VALUES (${name}, ${kind}, ${attempt}, 1, ${this.node}, 'Starting', ${now}, ${now})
      ON CONFLICT (name) DO UPDATE
      SET token = ${children}.token + 1, node = excluded.node, state = 'Starting', spent_at = NULL,
        claimed_at = excluded.claimed_at, updated_at = excluded.updated_at
      WHERE ${children}.attempt = excluded.attempt AND ${children}.state <> 'Completed'
        AND (${children}.spent_at IS NULL OR ${children}.spent_at < ${now} - ${budget.withinMillis})
      RETURNING token`
    return atomically(Effect.gen({ self: this }, function*() {
      const [row] = yield* claimed
      if (row === undefined) {
        const [found] = yield* sql<{ attempt: unknown }>`SELECT attempt FROM ${children} WHERE name = ${name}`
        const current = Number(found?.attempt ?? attempt)
        return current === attempt ? { _tag: "Over" } as const : { _tag: "Moved", attempt: current } as const
      }
      const token = Number(row.token)
      yield* this.insert({ child: name, tag: "Claimed", token, detail: undefined })
      return { _tag: "Claimed", token } as const
    }))
  }

  private insert({ child, detail, tag, token }: NewEvent): Effect.Effect<unknown, SqlError> {
    const { events, now, sql } = this.tables
    return sql`INSERT INTO ${events} (at, node, child, tag, token, detail)
      VALUES (${now}, ${this.node}, ${child}, ${tag}, ${token}, ${detail ?? null})`
  }

  /** What has happened, in one statement. */
  record(happened: ReadonlyArray<NewEvent>): Effect.Effect<unknown, SqlError> {
    const { events, now, sql } = this.tables
    if (happened.length === 0) return Effect.void
    const rows = happened.map(({ child, detail, tag, token }) =>
      sql`(${now}, ${this.node}, ${child}, ${tag}, ${token}, ${detail ?? null})`
    )
    return sql`INSERT INTO ${events} (at, node, child, tag, token, detail) VALUES ${sql.csv(rows)}`
  }

  /** What a child of this node is doing. A newer owner is not written over. */
  update(
    name: string,
    token: number,
    state: string,
    restarts: number,
    cause: CauseInfo | undefined
  ): Effect.Effect<unknown, SqlError> {
    const { children, now, sql } = this.tables
    const because = cause === undefined ? null : JSON.stringify(cause)
    return sql`UPDATE ${children} SET state = ${state}, restarts = ${restarts}, cause = ${because}, updated_at = ${now}
      WHERE name = ${name} AND token = ${token}`
  }

  /** The child has stopped here, before its lock is given back. */
  released(name: string, token: number): Effect.Effect<unknown, SqlError> {
    const { atomically, children, now, sql } = this.tables
    return atomically(Effect.andThen(
      sql`UPDATE ${children} SET updated_at = ${now},
          state = CASE wanted WHEN 0 THEN 'Stopped' WHEN 1 THEN 'Released' ELSE 'Passive' END
        WHERE name = ${name} AND token = ${token} AND state NOT IN ('Completed', 'GaveUp', 'Spent')`,
      this.insert({ child: name, tag: "Released", token, detail: undefined })
    ))
  }

  /** The child gave up here: it is placed anew, or its budget is spent. */
  gaveUp(
    placed: Placed,
    options: { readonly token: number; readonly next: number; readonly cause: CauseInfo; readonly budget: Budget }
  ): Effect.Effect<"placed" | "spent", SqlError> {
    const { atomically, children, giveUps, now, sql } = this.tables
    const { budget, next, token } = options
    const { attempt, name } = placed
    const cause = JSON.stringify(options.cause)
    return atomically(Effect.gen({ self: this }, function*() {
      yield* sql`INSERT INTO ${giveUps} (name, node, at) VALUES (${name}, ${this.node}, ${now})`
      yield* sql`DELETE FROM ${giveUps} WHERE name = ${name} AND at < ${now} - ${budget.withinMillis}`
      const [row] = yield* sql<{ n: unknown }>`SELECT COUNT(*) AS n FROM ${giveUps} WHERE name = ${name}`
      const isSpent = Number(row?.n) > budget.giveUps
      yield* this.insert({ child: name, tag: "GaveUp", token, detail: cause })
      if (isSpent) {
        yield* sql`DELETE FROM ${giveUps} WHERE name = ${name}`
        yield* sql`UPDATE ${children} SET state = 'Spent', cause = ${cause}, spent_at = ${now}, updated_at = ${now}
          WHERE name = ${name} AND attempt = ${attempt}`
        yield* this.insert({ child: name, tag: "BudgetSpent", token, detail: cause })
        return "spent" as const
      }
      yield* sql`UPDATE ${children} SET state = 'GaveUp', cause = ${cause}, attempt = ${next}, updated_at = ${now}
        WHERE name = ${name} AND attempt = ${attempt}`
      return "placed" as const
    }))
  }

  /** The children that are not where their name alone would put them, and those not to be tried again. */
  get changes(): Effect.Effect<ReadonlyArray<Change>, SqlError> {
    const { children, now, sql } = this.tables
    return Effect.map(
      sql<Record<string, unknown>>`SELECT name, attempt, node, cause, ${now} - spent_at AS spent FROM ${children}
        WHERE attempt > 0 OR spent_at IS NOT NULL`,
      (rows) =>
        rows.map((row) => ({
          name: String(row["name"]),
          attempt: Number(row["attempt"]),
          node: String(row["node"]),
          spentMillisAgo: row["spent"] === null ? undefined : Number(row["spent"]),
          cause: parse(row["cause"])
        }))
    )
  }

  /** The token of the latest incarnation. Locked until the end of the transaction that this is in. */
  current(name: string): Effect.Effect<number, SqlError> {
    const { children, sql } = this.tables
    const lock = sql.literal(sql.onDialectOrElse({ pg: () => "FOR SHARE", orElse: () => "" }))
    return Effect.map(
      sql<{ token: unknown }>`SELECT token FROM ${children} WHERE name = ${name} ${lock}`,
      ([row]) => Number(row?.token ?? 0)
    )
  }

  child(name: string): Effect.Effect<ChildRow | undefined, SqlError> {
    const { children, sql } = this.tables
    return Effect.map(
      sql<Record<string, unknown>>`SELECT * FROM ${children} WHERE name = ${name}`,
      ([row]) => row === undefined ? undefined : childRow(row)
    )
  }

  /** Whether a keyed child is to run: 0 no, 1 yes, 2 when it is asked for. Remembered while no node is there. */
  want(name: string, kind: string, wanted: number): Effect.Effect<unknown, SqlError> {
    const { children, now, sql } = this.tables
    const state = wanted === 0 ? "Stopped" : wanted === 1 ? "Pending" : "Passive"
    return sql`INSERT INTO ${children} (name, kind, state, updated_at, wanted)
      VALUES (${name}, ${kind}, ${state}, ${now}, ${wanted})
      ON CONFLICT (name) DO UPDATE
      SET wanted = excluded.wanted, updated_at = excluded.updated_at, state = excluded.state, spent_at = NULL`
  }
}

const Service: Context.ServiceClass<LedgerService, "effect-supervisor/cluster/Ledger", Ledger> = Context.Service<
  LedgerService,
  Ledger
>()("effect-supervisor/cluster/Ledger")

export class LedgerService extends Service {}
