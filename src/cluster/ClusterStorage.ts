/**
 * Where a cluster keeps what its nodes have to agree on: who owns what, fencing tokens, what happened.
 *
 * Any `SqlClient` for PostgreSQL 14 or newer will do, such as `PgClient.layer` of `@effect/sql-pg`. For several
 * processes on one machine a file is enough, and needs no server.
 *
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as sqlite from "./internal/sqlite.ts"

/**
 * A file that the processes of one machine share, on the SQLite that is built into Node. `":memory:"` is for one process
 * and is gone with it.
 *
 * **When to use**
 *
 * Use it for several processes on one machine, and for tests. Where nodes run on several machines, use PostgreSQL.
 *
 * **Gotchas**
 *
 * Not on a network file system: its locks do not hold there. Timestamps of the engine's locks have a resolution of one
 * second, so that a failover takes up to a second longer or shorter than `failover`.
 *
 * **Example** (A cluster in a file)
 *
 * ```ts
 * import { ClusterStorage, ClusterSupervisor } from "effect-supervisor/cluster"
 *
 * const node = ClusterSupervisor.layer({
 *   address: { host: "localhost", port: 34431 },
 *   storage: ClusterStorage.embedded("cluster.db")
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const embedded = (file: string): Layer.Layer<SqlClient, SqlError> => sqlite.layer(file, 1000)
