/**
 * Telling a stale owner from the current one, at the only place where it can be told: where it writes.
 *
 * A process that was frozen, or cut off, may go on for a moment after another has taken over its work. Nothing inside
 * it can know. So every incarnation has a token, a number that is higher than that of every incarnation before it
 * anywhere in the cluster, and whatever it writes to must refuse the lower one.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { SqlError } from "effect/sql/SqlError"
import { StaleOwner } from "./ClusterError.ts"
import { LedgerService } from "./internal/ledger.ts"

/**
 * The token of one incarnation.
 *
 * @category models
 * @since 0.1.0
 */
export interface Token {
  /** The name in the cluster. */
  readonly name: string
  /** Higher than that of every incarnation of this name before it. 0 outside of a cluster. */
  readonly value: number
  /** The node that it runs on. */
  readonly node: string
}

/**
 * The token of the incarnation that runs here. Outside of a cluster: 0, so that the same Effect runs in a plain test.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Token> = Context.Reference<Token>("effect-supervisor/cluster/Token", {
  defaultValue: () => ({ name: "", value: 0, node: "" })
})

/**
 * The token of the incarnation that runs here.
 *
 * **When to use**
 *
 * Use it for writes to what is not the storage of the cluster: another database, an object store, a service. Send the
 * number along and let the receiver refuse one that is lower than the highest it has seen.
 *
 * **Example** (A write that a stale owner cannot do)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { SqlClient } from "effect/sql"
 * import { Fencing } from "effect-supervisor/cluster"
 *
 * const save = Effect.fnUntraced(function*(position: number) {
 *   const sql = yield* SqlClient.SqlClient
 *   const { value } = yield* Fencing.token
 *   // No row: somebody with a higher token has written.
 *   return yield* sql`UPDATE progress SET position = ${position}, fence = ${value} WHERE fence <= ${value} RETURNING fence`
 * })
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const token: Effect.Effect<Token> = Effect.withFiber((fiber) => Effect.succeed(fiber.getRef(Current)))

/**
 * Runs an effect in a transaction of the cluster's storage, and only if the incarnation is still the latest one of its
 * name; fails with `StaleOwner` else. While it runs nobody can take over: a new owner waits for its commit.
 *
 * **When to use**
 *
 * Use it where the data is in the same database as the cluster, on the same `SqlClient`: the one that the option
 * `storage` was given.
 *
 * **Details**
 *
 * Outside of a cluster it just runs the effect, in no transaction.
 *
 * **Gotchas**
 *
 * Keep it short: a new owner waits for it, for at most `failover`.
 *
 * **Example** (A row that only the owner writes)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { SqlClient } from "effect/sql"
 * import { Runnable } from "effect-supervisor"
 * import { Fencing } from "effect-supervisor/cluster"
 *
 * const mailer = Runnable.make("mailer", Effect.gen(function*() {
 *   const sql = yield* SqlClient.SqlClient
 *   yield* Fencing.fenced(sql`UPDATE outbox SET sent = TRUE WHERE id = 1`)
 * }))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const fenced = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | StaleOwner | SqlError, R> =>
  Effect.withFiber((fiber) => {
    const { name, value } = fiber.getRef(Current)
    const ledger = Option.getOrUndefined(Context.getOption(fiber.context, LedgerService))
    if (ledger === undefined || value === 0) return effect
    const check = Effect.flatMap(
      ledger.current(name),
      (current) => current === value ? Effect.void : Effect.fail(new StaleOwner({ name, token: value, current }))
    )
    return ledger.tables.atomically(Effect.andThen(check, effect))
  })
