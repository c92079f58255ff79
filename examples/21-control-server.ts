/**
 * A control server: one line in any manager, and other programs of the same user can see and steer what runs.
 *
 * Observe: the client names children by glob, and has an answer for each; what it watches are the same events that the
 * tree publishes. Only what the application declares can be added. The watcher sees everything stop, in reverse.
 */
import { Console, Effect, Fiber, Stream } from "effect"
import { ProcessManager, Runnable } from "effect-supervisor"
import { ControlClient, ControlServer, Health } from "effect-supervisor/control"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

// By default it is in $XDG_RUNTIME_DIR, named after the manager.
const socket = join(mkdtempSync(join(tmpdir(), "example-")), "app.sock")

const app = ProcessManager.make("app", [
  // First in the list, it is the last to stop.
  ControlServer.runnable({ socket, declared: [Runnable.idle("mailer")] }),
  Runnable.idle("web-1"),
  Runnable.idle("web-2"),
  Runnable.idle("store")
])

const report = (client: ControlClient.Client) =>
  Stream.runForEach(client.watch, (change) => {
    if (!("_tag" in change)) return Console.log(`snapshot: ${change.children.map(({ name }) => name).join(", ")}`)
    return change._tag === "ChildTransition" && change.to._tag === "Stopped"
      ? Console.log(`event: ${change.path} is stopped`)
      : Effect.void
  })

/** This could be another program. */
const operator = Effect.gen(function*() {
  const client = yield* ControlClient.make({ socket })
  yield* Console.log(`supervisor "${client.server.name}", same process: ${client.server.pid === process.pid}`)

  for (const answer of yield* client.restart("web-*")) yield* Console.log(`restart ${answer.path}: ${answer._tag}`)
  const refused = yield* Effect.flip(client.add("miner"))
  yield* Console.log(`add miner: ${refused._tag}`)
  yield* client.add("mailer")
  yield* Console.log(`ready: ${Health.ready(yield* client.status)}`)

  const watching = yield* Effect.forkChild(report(client), { startImmediately: true })
  yield* client.hold("store")
  yield* client.shutdown
  yield* Fiber.join(watching)
})

const main = Effect.gen(function*() {
  const handle = yield* ProcessManager.start(app)
  yield* operator
  yield* handle.await
  yield* Console.log("the tree has ended")
})

Effect.runPromise(Effect.scoped(main))
