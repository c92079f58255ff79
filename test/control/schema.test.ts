import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { ProcessManager, Runnable, type SupervisorEvent } from "effect-supervisor"
import { ControlApi, ControlError, ControlSchema, ControlServer } from "effect-supervisor/control"
import { ExitStatus, type Job, ProcessError } from "effect-supervisor/process"
import { readFileSync } from "node:fs"
import * as errors from "../../src/control/internal/errorSchemas.ts"
import { type Exactly, plain } from "../../src/control/internal/wire.ts"
import { settle } from "../support.ts"
import { temporarySocket } from "./support.ts"

/** There and back again, through text. */
const roundTrip = <T>(schema: ControlSchema.Wire<T>, value: T): T => {
  const codec = Schema.toCodecJson(schema)
  return Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(value))))
}

const cause = { kind: "Fail", tag: undefined, message: "boom", pretty: "Error: boom" } as const

describe("schemas of what a supervisor says", () => {
  it("describe exactly the types of the core: the compiler refuses a field more, less, or of another type", () => {
    // @ts-expect-error -- a field of another type
    plain<{ readonly a: number }>()(Schema.Struct({ a: Schema.String }))
    // @ts-expect-error -- one less
    plain<{ readonly a: number; readonly b?: number }>()(Schema.Struct({ a: Schema.Finite }))
    // @ts-expect-error -- one more
    plain<{ readonly a: number }>()(Schema.Struct({ a: Schema.Finite, b: Schema.optionalKey(Schema.Finite) }))
    const same: Exactly<Job.Info, typeof ControlSchema.JobInfo.Type> = {}
    assert.deepStrictEqual(same, {})
  })

  it.effect("a snapshot of a real tree arrives as it was sent", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [
        Runnable.idle("a"),
        ProcessManager.make("b", [Runnable.make("c", Effect.fail("boom")), Runnable.idle("d")], { escalate: "never" }),
        Runnable.make("done", Effect.void)
      ], { autoCleanup: false }))
      yield* settle
      const snapshot = yield* handle.status
      assert.deepStrictEqual(roundTrip(ControlSchema.Snapshot, snapshot), snapshot)
      assert.deepStrictEqual(roundTrip(ControlSchema.Change, snapshot), snapshot)
      for (const child of snapshot.children) {
        assert.deepStrictEqual(roundTrip(ControlSchema.ChildSnapshot, child), child)
      }
    }))

  const about = { at: 1_700_000_000_000, path: "web/worker" }
  const events: ReadonlyArray<SupervisorEvent> = [
    { _tag: "ChildRemoved", ...about },
    { _tag: "ChildTransition", ...about, incarnation: 3, from: "Running", to: { _tag: "Pending" }, exit: undefined },
    {
      _tag: "ChildTransition",
      ...about,
      incarnation: 3,
      from: "Running",
      to: { _tag: "Backoff", until: 5, attempt: 1, cause },
      exit: { _tag: "Failure", cause }
    },
    {
      _tag: "ChildTransition",
      ...about,
      incarnation: 3,
      from: "Running",
      to: { _tag: "Stopping", until: undefined },
      exit: { _tag: "Success" }
    },
    { _tag: "ChildUnhealthy", ...about, incarnation: 1, failures: 2, cause },
    { _tag: "RestartStorm", ...about, restarts: 100, withinMillis: 1000 },
    { _tag: "SupervisorTransition", ...about, to: "Failed", cause: undefined },
    { _tag: "EventsLost", ...about, count: 7 }
  ]
  for (const event of events) {
    it(`an event arrives as it was sent: ${event._tag}`, () => {
      assert.deepStrictEqual(roundTrip(ControlSchema.SupervisorEvent, event), event)
    })
  }

  it("facts about a process arrive with the error that says why it could not be started", () => {
    const error = new ProcessError.SpawnFailed({
      command: "x",
      reason: "NotFound",
      detail: "ENOENT",
      cause: new Error()
    })
    const finished = { startedAt: 1, endedAt: 2, forced: false, survivors: [] }
    const info: Job.Info = {
      name: "web",
      id: "backend/web",
      command: "node server.js",
      state: { _tag: "Running", pid: 123, startedAt: 4 },
      previous: { _tag: "Finished", status: ExitStatus.SpawnFailed({ error }), ...finished },
      pid: 123,
      startedAt: 4,
      grace: 5000,
      runs: 2,
      history: [{
        run: 1,
        pid: 122,
        startedAt: 1,
        endedAt: 2,
        status: ExitStatus.Signaled({ signal: "SIGKILL", coreDumped: undefined }),
        forced: true
      }],
      usage: { cpuMillis: 10, memoryBytes: 1024, processes: 1 },
      directory: "/tmp/x"
    }
    const arrived = roundTrip(ControlSchema.JobInfo, info)
    const { previous: _, ...rest } = info
    const { previous: __, ...arrivedRest } = arrived
    assert.deepStrictEqual(arrivedRest, rest)
    assert.isTrue(arrived.previous._tag === "Finished" && arrived.previous.status._tag === "SpawnFailed")
    if (arrived.previous._tag !== "Finished" || arrived.previous.status._tag !== "SpawnFailed") return
    assert.instanceOf(arrived.previous.status.error, ProcessError.SpawnFailed)
    assert.strictEqual(arrived.previous.status.error.message, error.message)
  })

  it("an error arrives as an instance of its class, with its message", () => {
    const error = new ControlError.NotDeclared({ operation: `add("x")`, declared: ["a", "b"] })
    const arrived = roundTrip(errors.oneOf<ControlError.NotDeclared>(), error)
    assert.instanceOf(arrived, ControlError.NotDeclared)
    assert.strictEqual(arrived.message, error.message)
    assert.deepStrictEqual(arrived.declared, ["a", "b"])
  })

  it("what is not of the type is refused where it comes in", () => {
    const decode = Schema.decodeUnknownSync(Schema.toCodecJson(ControlSchema.State))
    assert.throws(() => decode({ _tag: "Walking" }))
    assert.throws(() => decode({ _tag: "Backoff", until: "soon", attempt: 1 }))
    assert.throws(() => decode(null))
  })
})

describe("the API", () => {
  it("is a closed set of calls", () => {
    assert.deepStrictEqual([...ControlApi.ControlApi.requests.keys()].toSorted(), [
      "add",
      "child",
      "cluster",
      "cluster.watch",
      "dashboard",
      "hold",
      "info",
      "infos",
      "logs.follow",
      "logs.query",
      "reconcile",
      "release",
      "reload",
      "reloadChild",
      "remove",
      "restart",
      "server",
      "shutdown",
      "shutdownNow",
      "signal",
      "start",
      "status",
      "stop",
      "watch"
    ])
  })

  it.live("the version that a server says is that of the package", () =>
    Effect.gen(function*() {
      const { ControlClient } = yield* Effect.promise(() => import("effect-supervisor/control"))
      const socket = yield* temporarySocket
      yield* ProcessManager.start(ProcessManager.make("app", [ControlServer.runnable({ socket })]))
      const client = yield* ControlClient.make({ socket })
      const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
      assert.strictEqual(client.server.version, version)
      assert.strictEqual(client.server.pid, process.pid)
      assert.strictEqual(client.server.name, "app")
      assert.strictEqual(yield* Stream.runCount(Stream.take(client.watch, 1)), 1)
    }))
})
