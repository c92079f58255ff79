import { assert, it } from "@effect/vitest"
import { Effect, Exit, Schedule } from "effect"
import { ProcessManager, Runnable, SupervisorError } from "effect-supervisor"

it.effect("a manager fails with the first child that gives up, and names its path", () =>
  Effect.gen(function*() {
    const child = Runnable.make("child", Effect.fail("boom" as const), { restart: Schedule.recurs(2) })
    const exit = yield* Effect.exit(ProcessManager.make("app", [ProcessManager.make("sub", [child])]))
    assert.isTrue(Exit.isFailure(exit))
    if (Exit.isFailure(exit)) assert.strictEqual(SupervisorError.childPath(exit.cause), "sub/child")
  }))
