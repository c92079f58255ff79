import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { ClusterStorage } from "effect-supervisor/cluster"
import { SqlClient } from "effect/sql/SqlClient"
import { mkdtempSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { removeFolder } from "../fixtures/removeFolder.ts"

const temporaryFile = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "es-sqlite-"))),
    (folder) => Effect.sync(() => removeFolder(folder))
  ),
  (folder) => join(folder, "cluster.db")
)

/** Another process, as far as SQLite is concerned. */
const somebodyElse = (file: string) =>
  Effect.acquireRelease(Effect.sync(() => new DatabaseSync(file)), (other) => Effect.sync(() => other.close()))

describe("The storage in a file", () => {
  it.live("is waited for while another process that opens it too has it locked", () =>
    Effect.gen(function*() {
      const file = yield* temporaryFile
      const other = yield* somebodyElse(file)
      other.exec("BEGIN EXCLUSIVE; CREATE TABLE theirs (x INT)")
      // The first try is over when this goes on, as it does not give way.
      const opening = yield* Effect.forkChild(Layer.build(ClusterStorage.embedded(file)), { startImmediately: true })
      assert.isUndefined(opening.pollUnsafe())
      other.exec("COMMIT")
      const sql = yield* Effect.provideContext(SqlClient, yield* Fiber.join(opening))
      assert.deepStrictEqual(yield* sql`SELECT * FROM theirs`, [])
    }))

  it.live("says of what it refuses which kind it is, so that one can try again or not", () =>
    Effect.gen(function*() {
      const file = yield* temporaryFile
      const sql = yield* Effect.provideContext(SqlClient, yield* Layer.build(ClusterStorage.embedded(file)))
      yield* sql`CREATE TABLE names (name TEXT UNIQUE)`
      const insert = sql`INSERT INTO names VALUES ('mailer')`
      yield* insert
      assert.strictEqual((yield* Effect.flip(insert)).reason._tag, "UniqueViolation")
      const other = yield* somebodyElse(file)
      other.exec("BEGIN IMMEDIATE")
      const locked = yield* Effect.flip(insert)
      assert.strictEqual(locked.reason._tag, "LockTimeoutError")
      assert.isTrue(locked.isRetryable)
    }))
})
