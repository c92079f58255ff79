import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue, Stream } from "effect"
import { ProcessManager, Runnable } from "effect-supervisor"
import { type ClusterSchema, ControlClient, ControlServer } from "effect-supervisor/control"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { announce } from "../../src/control/internal/clusters.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const child = (name: string, node: string): ClusterSchema.ClusterChild => ({
  name,
  kind: "singleton",
  node,
  state: "Running",
  token: 2,
  restarts: 0,
  claimedAt: 1,
  updatedAt: 2,
  wanted: true,
  cause: undefined
})

const cluster: ClusterSchema.ClusterSnapshot = {
  nodes: [{ node: "a:1", startedAt: 1, seenMillisAgo: 5 }],
  children: [child("mailer", "a:1")]
}

const event: ClusterSchema.ClusterEvent = {
  _tag: "Claimed",
  id: 7,
  at: 3,
  node: "a:1",
  child: "mailer",
  token: 2,
  detail: undefined
}

const served = Effect.gen(function*() {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "control-"))),
    (directory) => Effect.sync(() => removeFolder(directory))
  )
  const socket = join(directory, "app.sock")
  yield* ProcessManager.start(ProcessManager.make("app", [ControlServer.runnable({ socket }), Runnable.idle()]))
  return yield* ControlClient.make({ socket })
})

describe("the cluster through the control socket", () => {
  it.live("what is no node of a cluster says so, and what to do", () =>
    Effect.gen(function*() {
      const client = yield* served
      const error = yield* Effect.flip(client.cluster.snapshot)
      assert.strictEqual(error._tag, "ClusterUnavailable")
      assert.include(error.message, "is no node of a cluster")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(client.cluster.events)))._tag, "ClusterUnavailable")
    }))

  it.live("a node shows what its cluster has, and what happens in it", () =>
    Effect.gen(function*() {
      const events = yield* Queue.unbounded<ClusterSchema.ClusterEvent>()
      yield* announce({ snapshot: Effect.succeed(cluster), events: Stream.fromQueue(events) })
      const client = yield* served
      assert.deepStrictEqual(yield* client.cluster.snapshot, cluster)
      const first = yield* Effect.forkChild(Stream.runHead(client.cluster.events))
      yield* Queue.offer(events, event)
      const told = yield* Fiber.join(first)
      assert.deepStrictEqual(told._tag === "Some" ? told.value : undefined, event)
    }))

  it.live("a storage that does not answer is told with its words", () =>
    Effect.gen(function*() {
      const away = new Error("connect ECONNREFUSED")
      yield* announce({ snapshot: Effect.fail(away), events: Stream.fail(away) })
      const client = yield* served
      assert.include((yield* Effect.flip(client.cluster.snapshot)).message, "connect ECONNREFUSED")
    }))
})
