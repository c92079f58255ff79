import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { ProcessManager, Runnable } from "effect-supervisor"
import { ControlClient, ControlServer } from "effect-supervisor/control"
import { Command, Job, Jobs, NodeJobs } from "effect-supervisor/process"
import { connected, temporarySocket } from "./support.ts"

const followers = 200
const connections = 20
const lines = 2000

/** Writes its lines when it is told to, and stays. */
const writer = `
  trap 'go=1' HUP
  echo ready
  while [ -z "$go" ]; do sleep 0.02; done
  for i in $(seq ${lines}); do echo "line $i"; done
  while true; do sleep 0.05; done`

describe("many readers", () => {
  it.live(
    "200 followers of one log get every line in order, and the tree answers meanwhile",
    () =>
      Effect.gen(function*() {
        const socket = yield* temporarySocket
        const app = ProcessManager.make("app", [
          ControlServer.runnable({ socket }),
          Job.runnable("writer", Command.script("bash", writer)),
          Runnable.idle("mailer")
        ])
        const handle = yield* ProcessManager.start(app)
        const clients = yield* Effect.forEach(
          Array.from({ length: connections }),
          () => ControlClient.make({ socket })
        )
        const { logs } = yield* Effect.flatMap(Jobs, (jobs) => jobs.get("writer"))
        yield* Stream.runHead(logs!.follow({ from: "start", match: "ready" }))
        const follow = (index: number) => {
          const ready = Deferred.makeUnsafe<void>()
          const texts: Array<string> = []
          const lost: Array<number> = []
          const run = clients[index % connections]!.logs.follow("writer", { from: "start", wholeLines: true }).pipe(
            Stream.tap((entry) => {
              // The shell may say of its own accord that it was signalled.
              if (entry._tag === "Line" && /^(ready|line \d+)$/.test(entry.text)) texts.push(entry.text)
              if (entry._tag === "Lost") lost.push(entry.lines)
              return Deferred.succeed(ready, undefined)
            }),
            Stream.takeUntil((entry) => entry._tag === "Line" && entry.text === `line ${lines}`),
            Stream.runDrain
          )
          return Effect.gen(function*() {
            const fiber = yield* Effect.forkScoped(run)
            yield* Deferred.await(ready)
            return { fiber, texts, lost }
          })
        }
        const all = yield* Effect.forEach(Array.from({ length: followers }, (_, index) => index), follow, {
          concurrency: "unbounded"
        })
        const probe = yield* ControlClient.make({ socket })
        const latencies: Array<number> = []
        const measure = Effect.forever(Effect.gen(function*() {
          const began = performance.now()
          yield* handle.restart("mailer")
          yield* Effect.callback<void>((resume) => {
            setImmediate(() => resume(Effect.void))
          })
          latencies.push(performance.now() - began)
          yield* Effect.sleep(5)
        }))
        const measuring = yield* Effect.forkChild(measure)
        yield* probe.signal("writer", "SIGHUP")
        for (const { fiber } of all) yield* Fiber.join(fiber)
        yield* Fiber.interrupt(measuring)
        const expected = ["ready", ...Array.from({ length: lines }, (_, index) => `line ${index + 1}`)]
        for (const { lost, texts } of all) {
          assert.deepStrictEqual(lost, [])
          assert.deepStrictEqual(texts, expected)
        }
        latencies.sort((a, b) => a - b)
        assert.isBelow(latencies[Math.floor(latencies.length / 2)]!, 100)
      }).pipe(Effect.scoped, Effect.provide(NodeJobs.layer())),
    60_000
  )

  it.live("200 watchers all end with the same picture of the tree", () =>
    Effect.gen(function*() {
      const { handle, socket } = yield* connected()
      const clients = yield* Effect.forEach(Array.from({ length: connections }), () => ControlClient.make({ socket }))
      const watchers = yield* Effect.forEach(Array.from({ length: followers }, (_, index) => index), (index) =>
        Effect.gen(function*() {
          const ready = Deferred.makeUnsafe<void>()
          const fiber = yield* Effect.forkScoped(
            clients[index % connections]!.watch.pipe(
              Stream.tap(() =>
                Deferred.succeed(ready, undefined)
              ),
              Stream.takeUntil((change) =>
                "_tag" in change
                  ? change._tag === "ChildTransition" && change.path === "store" && change.to._tag === "Stopped"
                  : change.children.some(({ name, state }) => name === "store" && state._tag === "Stopped")
              ),
              Stream.runCount
            )
          )
          yield* Deferred.await(ready)
          return fiber
        }), { concurrency: "unbounded" })
      for (let i = 0; i < 20; i++) {
        yield* handle.restart("mailer")
      }
      yield* handle.stop("store")
      for (const watcher of watchers) {
        assert.isAbove(yield* Fiber.join(watcher), 1)
      }
    }), 60_000)
})
