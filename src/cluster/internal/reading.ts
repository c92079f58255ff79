/**
 * What the ledger says, for those who look: rows of children, and what happened.
 *
 * Floor 5.
 */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import type { CauseInfo } from "../../State.ts"
import type { Tables } from "./tables.ts"

export interface ChildRow {
  readonly name: string
  readonly kind: string
  readonly token: number
  readonly node: string
  readonly state: string
  readonly restarts: number
  readonly claimedAt: number
  readonly updatedAt: number
  readonly cause: CauseInfo | undefined
  readonly wanted: number
}

export interface EventRow {
  readonly id: number
  readonly at: number
  readonly node: string
  readonly child: string
  readonly tag: string
  readonly token: number
  readonly detail: string | undefined
}

/** The rest is deleted from time to time. */
const maxEvents = 10_000

/** JSON leaves out what is `undefined`. */
export const parse = (text: unknown): CauseInfo | undefined =>
  typeof text === "string" ? { tag: undefined, ...JSON.parse(text) as Omit<CauseInfo, "tag"> } : undefined

export const childRow = (row: Record<string, unknown>): ChildRow => ({
  name: String(row["name"]),
  kind: String(row["kind"]),
  token: Number(row["token"]),
  node: String(row["node"]),
  state: String(row["state"]),
  restarts: Number(row["restarts"]),
  claimedAt: Number(row["claimed_at"]),
  updatedAt: Number(row["updated_at"]),
  cause: parse(row["cause"]),
  wanted: Number(row["wanted"])
})

const eventRow = (row: Record<string, unknown>): EventRow => ({
  id: Number(row["id"]),
  at: Number(row["at"]),
  node: String(row["node"]),
  child: String(row["child"]),
  tag: String(row["tag"]),
  token: Number(row["token"]),
  detail: row["detail"] === null ? undefined : String(row["detail"])
})

export const allChildren = ({ children, sql }: Tables): Effect.Effect<ReadonlyArray<ChildRow>, SqlError> =>
  Effect.map(sql<Record<string, unknown>>`SELECT * FROM ${children} ORDER BY name`, (rows) => rows.map(childRow))

/** Events after this one, at most a thousand. */
export const eventsAfter = ({ events, sql }: Tables, id: number): Effect.Effect<ReadonlyArray<EventRow>, SqlError> =>
  Effect.map(
    sql<Record<string, unknown>>`SELECT * FROM ${events} WHERE id > ${id} ORDER BY id LIMIT 1000`,
    (rows) => rows.map(eventRow)
  )

export const lastEvent = ({ events, sql }: Tables): Effect.Effect<number, SqlError> =>
  Effect.map(sql<{ id: unknown }>`SELECT MAX(id) AS id FROM ${events}`, ([row]) => Number(row?.id ?? 0))

export const prune = ({ events, sql }: Tables): Effect.Effect<unknown, SqlError> =>
  sql`DELETE FROM ${events} WHERE id < (SELECT MAX(id) FROM ${events}) - ${maxEvents}`
