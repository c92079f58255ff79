import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Ledger, NewEvent } from "../../src/cluster/internal/ledger.ts"
import { Reporter } from "../../src/cluster/internal/reporter.ts"

describe("What happens on a node", () => {
  it.effect("is not lost when whoever had it written waits no longer", () =>
    Effect.gen(function*() {
      const written: Array<string> = []
      let isAway = true
      const record = (events: ReadonlyArray<NewEvent>) =>
        Effect.suspend(() => isAway ? Effect.never : Effect.sync(() => written.push(...events.map(({ tag }) => tag))))
      const reporter = new Reporter({ record } as unknown as Ledger)
      reporter.note({ child: "mailer", tag: "Running", token: 1, detail: undefined })
      const flushing = yield* Effect.forkChild(reporter.flush, { startImmediately: true })
      yield* Fiber.interrupt(flushing)
      reporter.note({ child: "mailer", tag: "Stopping", token: 1, detail: undefined })
      isAway = false
      yield* reporter.flush
      assert.deepStrictEqual(written, ["Running", "Stopping"])
    }))
})
