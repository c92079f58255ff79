/**
 * Testing without processes: a scripted spawner plays the command, and TestClock the time.
 *
 * Observe: restart policy, readiness, stop signal and grace are the real ones; only the process is an Effect. The whole
 * test takes no time, and nothing is started.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Layer, Schedule } from "effect"
import { ProcessManager, RestartPolicy } from "effect-supervisor"
import { Command, Job, Jobs, ScriptedSpawner } from "effect-supervisor/process"
import { TestClock } from "effect/testing"
import assert from "node:assert"
import { test } from "node:test"

const log: Array<string> = []

/** Crashes after a second in its first run; in the second it hears SIGTERM, and goes on. */
const script: ScriptedSpawner.Script = (process) =>
  Effect.gen(function*() {
    log.push("started")
    if (log.length === 1) {
      yield* Effect.sleep("1 second")
      return 1
    }
    yield* process.on("SIGTERM", Effect.sync(() => log.push("SIGTERM")))
    return yield* Effect.never
  })

const jobs = Jobs.layer().pipe(
  Layer.provide(ScriptedSpawner.layer({ script: () => script })),
  Layer.provide([NodeFileSystem.layer, NodePath.layer])
)

const web = Job.runnable("web", Command.make("web-server"), {
  restart: RestartPolicy.onFailure(Schedule.spaced("10 seconds")),
  grace: "5 seconds",
  logs: false
})

test("it is restarted ten seconds after a crash, and killed after five of grace", () =>
  Effect.gen(function*() {
    const handle = yield* ProcessManager.start(ProcessManager.make("app", [web]))
    yield* TestClock.adjust("1 second")
    yield* Effect.repeat(handle.child("web"), { until: ({ state }) => state._tag === "Backoff" })
    yield* TestClock.adjust("10 seconds")
    assert.deepEqual(log, ["started", "started"])
    yield* Effect.forkChild(handle.shutdown, { startImmediately: true })
    yield* TestClock.adjust("5 seconds")
    yield* handle.await
    assert.deepEqual(log, ["started", "started", "SIGTERM"])
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(jobs, TestClock.layer())), Effect.runPromise))
