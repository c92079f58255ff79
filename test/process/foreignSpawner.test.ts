/** Where Node does not tell of the child processes it makes, as for a `ChildProcessSpawner` that is not Node's. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { ExitStatus } from "effect-supervisor/process"
import { vi } from "vitest"
import { ran, real, sh, started } from "../fixtures/process/job-support.ts"

vi.mock("node:diagnostics_channel", () => ({ subscribe: () => undefined }))

describe("A spawner of which only the handles are known", () => {
  real("tells how a process ended, by a code and by a signal", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* ran(sh("exit 3"))).status, ExitStatus.Exited({ code: 3 }))
      for (const name of ["TERM", "KILL", "USR1"]) {
        const { status } = yield* ran(sh(`kill -${name} $$`))
        assert.deepStrictEqual(status, ExitStatus.Signaled({ signal: `SIG${name}`, coreDumped: false }))
      }
    }))

  real("gives all that a process writes", () =>
    Effect.gen(function*() {
      const { stdout } = yield* ran(sh("seq 100000; printf last"))
      assert.deepStrictEqual([stdout.length, stdout[0], stdout.at(-1)], [100_001, "1", "last"])
    }))

  real("lets a process be stopped with its group", () =>
    Effect.gen(function*() {
      const job = yield* started(sh("sleep 600 & exec sleep 600"))
      const outcome = yield* job.stop()
      assert.strictEqual(outcome._tag, "Done")
      assert.deepStrictEqual(outcome, {
        _tag: "Done",
        verb: "stop",
        status: ExitStatus.Signaled({ signal: "SIGTERM", coreDumped: false }),
        forced: false,
        survivors: []
      })
    }))
})
