/**
 * The nodes of a cluster, as this module sees them: who is there, since when, and with which settings. The engine has
 * its own list, which knows nothing of settings; a node is in this one before it is in the engine's.
 *
 * Floor 5.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import {
  AddressTaken,
  ClockSkew,
  SettingMismatch,
  type StartError,
  StorageTooOld,
  unavailable
} from "../ClusterError.ts"
import { layout, migrate, type Tables } from "./tables.ts"

/** What all nodes must share. Else a node would take locks that others still hold, or look for them elsewhere. */
export interface Shared {
  readonly shards: number
  readonly failoverMillis: number
  readonly layout: number
}

export interface NodeRow {
  readonly node: string
  readonly startedAt: number
  readonly seenMillisAgo: number
}

/** A node that was not heard of for so many times `failover` is gone. */
const goneAfter = 2

/** Its number says how old a PostgreSQL is; 14 began to end sessions that are idle. */
export const oldestPostgres = 140_000

const optionOf: Readonly<Record<keyof Shared, string>> = {
  shards: "shards",
  failoverMillis: "failover (milliseconds)",
  layout: "the version of effect-supervisor's tables"
}

/** The first setting that differs. */
export const mismatch = (node: string, here: Shared, there: Shared): SettingMismatch | undefined => {
  for (const key of ["layout", "shards", "failoverMillis"] as const) {
    if (here[key] === there[key]) continue
    return new SettingMismatch({
      node,
      setting: optionOf[key],
      here: String(here[key]),
      cluster: String(there[key])
    })
  }
  return undefined
}

/** Refuses a server that would leave the locks of a frozen node to it for ever. */
export const checkServer = (version: number): StorageTooOld | undefined =>
  version >= oldestPostgres ? undefined : new StorageTooOld({
    what: "PostgreSQL",
    found: String(Math.floor(version / 10_000)),
    needed: "PostgreSQL 14 or newer, which ends the session of a frozen node"
  })

export const checkSkew = (node: string, skewMillis: number, maxMillis: number): ClockSkew | undefined =>
  Math.abs(skewMillis) > maxMillis ? new ClockSkew({ node, skewMillis, maxMillis }) : undefined

const fail = (error: StartError | undefined): Effect.Effect<void, StartError> =>
  error === undefined ? Effect.void : Effect.fail(error)

export class Nodes {
  readonly node: string
  readonly tables: Tables
  readonly shared: Shared
  /** This run of this node. */
  readonly instance: string = randomUUID()
  /** Two of one machine cannot have one address anyway: the second does not get the port. */
  private readonly machine: string
  constructor(node: string, tables: Tables, shared: Omit<Shared, "layout">, machine: string = hostname()) {
    this.node = node
    this.machine = machine
    this.tables = tables
    this.shared = { ...shared, layout }
  }

  private get serverVersion(): Effect.Effect<number, SqlError> {
    const { sql } = this.tables
    return sql.onDialectOrElse({
      pg: () =>
        Effect.map(
          sql<{ v: unknown }>`SELECT CAST(current_setting('server_version_num') AS INTEGER) AS v`,
          ([row]) => Number(row?.v)
        ),
      orElse: () => Effect.succeed(Number.POSITIVE_INFINITY)
    })
  }

  /** How much the clock here is ahead of the storage's, give or take the time that it takes to ask. */
  get skew(): Effect.Effect<number, SqlError> {
    const { now, sql } = this.tables
    return Effect.gen(function*() {
      const before = yield* Clock.currentTimeMillis
      const [row] = yield* sql<{ now: unknown }>`SELECT ${now} AS now`
      const after = yield* Clock.currentTimeMillis
      return (before + after) / 2 - Number(row?.now)
    })
  }

  /** Checks all that can be wrong and enters the node. */
  enter(maxSkewMillis: number): Effect.Effect<void, StartError> {
    return Effect.gen({ self: this }, function*() {
      const version = yield* Effect.mapError(this.serverVersion, unavailable("tell its version"))
      yield* fail(checkServer(version))
      const skew = yield* Effect.mapError(this.skew, unavailable("tell its time"))
      yield* fail(checkSkew(this.node, skew, maxSkewMillis))
      yield* Effect.mapError(migrate(this.tables), unavailable("make its tables"))
      const differs = yield* Effect.mapError(this.join, unavailable("enter this node"))
      yield* fail(differs)
    })
  }

  /** Checks that those who live have the same settings. */
  get check(): Effect.Effect<void, StartError> {
    return Effect.gen({ self: this }, function*() {
      yield* Effect.mapError(migrate(this.tables), unavailable("make its tables"))
      const { differs } = yield* Effect.mapError(this.others, unavailable("tell its nodes"))
      yield* fail(differs)
    })
  }

  /** How many others live, and whether one of them has other settings. */
  private get others(): Effect.Effect<
    { readonly living: number; readonly differs: SettingMismatch | undefined },
    SqlError
  > {
    const { nodes, now, sql } = this.tables
    return Effect.map(
      sql<{ settings: string; ago: unknown }>`
        SELECT settings, ${now} - seen_at AS ago FROM ${nodes} WHERE node <> ${this.node}`,
      (rows) => {
        const alive = rows.map(({ ago, settings }) => ({ ago: Number(ago), shared: JSON.parse(settings) as Shared }))
          .filter(({ ago, shared }) => ago < goneAfter * shared.failoverMillis)
        const differs = alive.map(({ shared }) => mismatch(this.node, this.shared, shared))
        return { living: alive.length, differs: differs.find((error) => error !== undefined) }
      }
    )
  }

  /** Another machine that lives under this node's address. */
  private get namesake(): Effect.Effect<AddressTaken | undefined, SqlError> {
    const { nodes, now, sql } = this.tables
    return Effect.map(
      sql<{ machine: string }>`SELECT machine FROM ${nodes} WHERE node = ${this.node} AND machine <> ${this.machine}
        AND seen_at > ${now} - ${goneAfter * this.shared.failoverMillis}`,
      ([row]) => row === undefined ? undefined : new AddressTaken({ node: this.node, machine: row.machine })
    )
  }

  /** Enters the node, unless one that lives has other settings. The first of a cluster begins afresh. */
  private get join(): Effect.Effect<SettingMismatch | AddressTaken | undefined, SqlError> {
    const { atomically, children, giveUps, nodes, now, sql } = this.tables
    const lock = sql.onDialectOrElse({
      pg: () => Effect.asVoid(sql`LOCK TABLE ${nodes} IN EXCLUSIVE MODE`),
      orElse: () => Effect.void
    })
    return atomically(Effect.gen({ self: this }, function*() {
      yield* lock
      const taken = yield* this.namesake
      if (taken !== undefined) return taken
      const { differs, living } = yield* this.others
      if (differs !== undefined) return differs
      if (living === 0) {
        yield* sql`UPDATE ${children} SET attempt = 0, spent_at = NULL, state = 'Pending' WHERE wanted = 1`
        yield* sql`DELETE FROM ${giveUps}`
      }
      yield* sql`INSERT INTO ${nodes} (node, instance, machine, settings, started_at, seen_at)
        VALUES (${this.node}, ${this.instance}, ${this.machine}, ${JSON.stringify(this.shared)}, ${now}, ${now})
        ON CONFLICT (node) DO UPDATE SET instance = excluded.instance, machine = excluded.machine,
          settings = excluded.settings, started_at = excluded.started_at, seen_at = excluded.seen_at`
      return undefined
    }))
  }

  /** "I am here". Also after others have thought it gone. */
  get beat(): Effect.Effect<unknown, SqlError> {
    const { nodes, now, sql } = this.tables
    return sql`UPDATE ${nodes} SET seen_at = ${now} WHERE node = ${this.node} AND instance = ${this.instance}`
  }

  get leave(): Effect.Effect<unknown, SqlError> {
    const { nodes, sql } = this.tables
    return sql`DELETE FROM ${nodes} WHERE node = ${this.node} AND instance = ${this.instance}`
  }
}

/** The nodes that live. */
export const living = (
  { nodes, now, sql }: Tables,
  failoverMillis: number
): Effect.Effect<ReadonlyArray<NodeRow>, SqlError> =>
  Effect.map(
    sql<Record<string, unknown>>`SELECT node, started_at, ${now} - seen_at AS ago FROM ${nodes}
      WHERE seen_at > ${now} - ${goneAfter * failoverMillis} ORDER BY node`,
    (rows) =>
      rows.map((row) => ({
        node: String(row["node"]),
        startedAt: Number(row["started_at"]),
        seenMillisAgo: Number(row["ago"])
      }))
  )
