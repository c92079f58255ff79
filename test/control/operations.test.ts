import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Logger, Queue, Stream } from "effect"
import {
  Control,
  ProcessManager,
  Runnable,
  Signals,
  type Snapshot,
  Supervisor,
  type SupervisorEvent
} from "effect-supervisor"
import { ControlClient, ControlServer } from "effect-supervisor/control"
import { Command, Job, NodeJobs } from "effect-supervisor/process"

import { children, connected, serve, tagsOf, temporary, temporarySocket } from "./support.ts"

const done = (...paths: ReadonlyArray<string>) => paths.map((path) => ({ _tag: "Done", path, outcome: "done" }))
const noop = (...paths: ReadonlyArray<string>) => paths.map((path) => ({ _tag: "Done", path, outcome: "noop" }))
const plain = (u: unknown): unknown => JSON.parse(JSON.stringify(u))

/** Everything that a client is told, from its snapshot on. */
const record = Effect.fnUntraced(function*(client: ControlClient.Client) {
  const queue = yield* Queue.unbounded<SupervisorEvent | Snapshot>()
  const fiber = yield* Effect.forkScoped(Stream.runForEach(client.watch, (change) => Queue.offer(queue, change)))
  /** Waits for an event, and passes over what comes before. */
  const until = (holds: (event: SupervisorEvent) => boolean) =>
    Effect.gen(function*() {
      while (true) {
        const change = yield* Queue.take(queue)
        if ("_tag" in change && holds(change)) return change
      }
    })
  const first = yield* Queue.take(queue)
  assert.isFalse("_tag" in first, "a snapshot comes first")
  return { snapshot: first as Snapshot, until, fiber }
})

const goesTo = (path: string, tag: string) => (event: SupervisorEvent) =>
  event._tag === "ChildTransition" && event.path === path && event.to._tag === tag

describe("looking", () => {
  it.live("status is the snapshot that the handle gives", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected()
      assert.deepStrictEqual(yield* client.status, yield* handle.status)
    }))

  it.live("child gives one child, at any depth; one that is not there is a ChildNotFound with its message", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected()
      assert.deepStrictEqual(yield* client.child("web/worker-1"), yield* handle.child("web/worker-1"))
      const error = yield* Effect.flip(client.child("web/nobody"))
      assert.strictEqual(error._tag, "ChildNotFound")
      assert.strictEqual(error.message, (yield* Effect.flip(handle.child("web/nobody"))).message)
    }))

  it.live("info of what is no process is its snapshot", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected()
      const info = yield* client.info("mailer")
      const child = yield* handle.child("mailer")
      assert.deepStrictEqual(info, { path: "mailer", child, job: undefined, waitsFor: [] })
      assert.strictEqual((yield* Effect.flip(client.info("nobody")))._tag, "ChildNotFound")
    }))

  it.live("info tells what a child waits for, as the application says", () =>
    Effect.gen(function*() {
      const { client } = yield* connected({ waitsFor: (path) => Effect.succeed([`${path} to be fed`]) })
      assert.deepStrictEqual((yield* client.info("mailer")).waitsFor, ["mailer to be fed"])
    }))

  it.live("watch gives a snapshot and then the events, and ends well when the tree is shut down", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected()
      const { fiber, snapshot, until } = yield* record(client)
      assert.deepStrictEqual(tagsOf(snapshot), [
        "control Running",
        "store Running",
        "web Running",
        "mailer Running"
      ])
      yield* handle.stop("mailer")
      yield* until(goesTo("mailer", "Stopped"))
      yield* handle.restart("web/cache")
      yield* until(goesTo("web/cache", "Running"))
      yield* client.shutdown
      yield* until((event) => event._tag === "SupervisorTransition" && event.path === "" && event.to === "Stopping")
      yield* until(goesTo("store", "Stopped"))
      yield* Fiber.join(fiber)
      yield* client.closed
      yield* handle.await
    }))
})

/** Under a supervisor it needs nothing else. */
const operated = (name: string) => Signals.runnable({ name }) as Runnable.Runnable<never, unknown> as Runnable.Runnable

describe("steering", () => {
  it.live("a wildcard means no child by which the tree is operated, and a name does", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected({
        children: [operated("signals"), Runnable.grace(operated("more"), 10), Runnable.idle("web")]
      })
      const stopped = yield* client.stop("*")
      assert.deepStrictEqual(stopped.map(({ path }) => path), ["web"])
      assert.strictEqual((yield* Effect.flip(client.stop("{control,signals}")))._tag, "ChildNotFound")
      assert.deepStrictEqual(tagsOf(yield* handle.status).slice(0, 2), ["control Running", "signals Running"])
      yield* client.stop("signals")
      assert.include(tagsOf(yield* handle.status), "signals Stopped")
    }))

  it.live("stop, start, restart, hold, release and remove do what they do on the handle", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected()
      const tag = (path: string) => Effect.map(handle.child(path), ({ state }) => state._tag)
      assert.deepStrictEqual(plain(yield* client.stop("mailer")), done("mailer"))
      assert.strictEqual(yield* tag("mailer"), "Stopped")
      assert.deepStrictEqual(plain(yield* client.stop("mailer")), noop("mailer"))
      assert.deepStrictEqual(plain(yield* client.start("mailer")), done("mailer"))
      assert.deepStrictEqual(plain(yield* client.start("mailer")), noop("mailer"))
      const before = yield* handle.child("web/cache")
      assert.deepStrictEqual(plain(yield* client.restart("web/cache")), done("web/cache"))
      assert.strictEqual((yield* handle.child("web/cache")).incarnation, before.incarnation + 1)
      assert.deepStrictEqual(plain(yield* client.hold("store")), done("store"))
      assert.strictEqual(yield* tag("store"), "Held")
      assert.deepStrictEqual(plain(yield* client.start("store")), noop("store"))
      assert.deepStrictEqual(plain(yield* client.release("store")), done("store"))
      assert.strictEqual(yield* tag("store"), "Running")
      assert.deepStrictEqual(plain(yield* client.remove("web/worker-2")), done("web/worker-2"))
      assert.strictEqual((yield* Effect.flip(handle.child("web/worker-2")))._tag, "ChildNotFound")
    }))

  it.live("a glob means children of the root, all below one, or those at any depth; of a child and its own only the child", () =>
    Effect.gen(function*() {
      const { client } = yield* connected()
      const paths = (target: string) => Effect.map(client.start(target), (all) => all.map(({ path }) => path))
      assert.deepStrictEqual(yield* paths("*"), ["store", "web", "mailer"])
      assert.deepStrictEqual(yield* paths("{store,mail*}"), ["store", "mailer"])
      assert.deepStrictEqual(yield* paths("web/**"), ["web/cache", "web/worker-1", "web/worker-2"])
      assert.deepStrictEqual(yield* paths("web/worker-?"), ["web/worker-1", "web/worker-2"])
      assert.deepStrictEqual(yield* paths("**/worker-*"), ["web/worker-1", "web/worker-2"])
      assert.deepStrictEqual(yield* paths("**"), ["store", "web", "mailer"])
      const error = yield* Effect.flip(client.start("nothing*"))
      assert.strictEqual(error._tag, "ChildNotFound")
      assert.include(error.message, "nothing*")
    }))

  it.live("a name with a wildcard in it means that child", () =>
    Effect.gen(function*() {
      const { client } = yield* connected({ children: [Runnable.idle("a*"), Runnable.idle("ab")] })
      assert.deepStrictEqual(plain(yield* client.stop("a*")), done("a*"))
    }))

  it.live("each child has an answer of its own: one that cannot be done does not keep the others from it", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected()
      const answers = yield* client.signal("{store,mailer}", "SIGHUP")
      assert.deepStrictEqual(answers.map(({ _tag, path }) => [_tag, path]), [["Failed", "store"], ["Failed", "mailer"]])
      for (const answer of answers) {
        assert.isTrue(answer._tag === "Failed" && answer.error._tag === "NotAJob")
        assert.isTrue(answer._tag === "Failed" && answer.error.message.includes("no OS process"))
      }
      assert.deepStrictEqual(tagsOf(yield* handle.status).slice(1), ["store Running", "web Running", "mailer Running"])
    }))

  it.live("reload and reloadChild give the report of the handlers", () =>
    Effect.gen(function*() {
      const reloads: Array<string> = []
      const child = (name: string) =>
        Runnable.make(
          name,
          Effect.andThen(Control.onReload(Effect.sync(() => reloads.push(name))), Effect.never),
          { onReload: name === "c" ? Effect.fail("no") : undefined }
        )
      const { client } = yield* connected({ children: [child("a"), child("b"), child("c")] })
      const report = yield* client.reload
      assert.deepStrictEqual(report.handled, ["a", "b"])
      assert.deepStrictEqual(report.ignored, ["control"])
      assert.deepStrictEqual(report.failed.map(({ cause, path }) => [path, cause.message]), [["c", "no"]])
      assert.deepStrictEqual(reloads, ["a", "b", "c"])
      assert.deepStrictEqual((yield* client.reloadChild("{a,b}")).handled, ["a", "b"])
      assert.strictEqual((yield* Effect.flip(client.reloadChild("x")))._tag, "ChildNotFound")
    }))

  it.live("who goes away takes nothing back", () =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      const slow = Runnable.make(
        "slow",
        Control.shutdown.pipe(
          Effect.andThen(Deferred.succeed(asked, undefined)),
          Effect.andThen(Effect.sleep("50 millis"))
        )
      )
      const { client, handle } = yield* connected({ children: [slow] })
      const { until } = yield* record(client)
      const stopping = yield* Effect.forkChild(client.stop("slow"))
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(stopping)
      yield* until(goesTo("slow", "Stopped"))
      assert.strictEqual((yield* handle.child("slow")).state._tag, "Stopped")
    }))

  it.live("the server can be restarted through itself: it answers first", () =>
    Effect.gen(function*() {
      const { client, handle, socket } = yield* connected()
      assert.deepStrictEqual(plain(yield* client.restart("control")), done("control"))
      yield* client.closed
      const states = Stream.filter(handle.changes, (change) =>
        "_tag" in change
          ? goesTo("control", "Running")(change)
          : change.children.some(({ incarnation, name, state }) =>
            name === "control" && incarnation === 2 && state._tag === "Running"
          ))
      yield* Stream.runHead(states)
      const again = yield* ControlClient.make({ socket })
      assert.strictEqual((yield* again.child("control")).incarnation, 2)
      assert.strictEqual((yield* Effect.flip(client.status))._tag, "ConnectionLost")
    }))

  it.live("shutdown and shutdownNow answer before the server goes, and the tree ends well", () =>
    Effect.gen(function*() {
      for (const operation of ["shutdown", "shutdownNow"] as const) {
        const { client, handle } = yield* connected()
        yield* client[operation]
        yield* handle.await
        yield* client.closed
      }
    }))
})

describe("what is declared", () => {
  const extra = Runnable.idle("extra")

  it.live("add takes only what the application declares, by its name", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected({ declared: [extra] })
      yield* client.add("extra")
      assert.strictEqual((yield* handle.child("extra")).state._tag, "Running")
      const twice = yield* Effect.flip(client.add("extra"))
      assert.strictEqual(twice._tag, "DuplicateChild")
      const unknown = yield* Effect.flip(client.add("rm -rf"))
      assert.isTrue(unknown._tag === "NotDeclared" && unknown.declared.includes("extra"))
    }))

  it.live("reconcile makes the tree what is declared now, and keeps the server that it is asked through", () =>
    Effect.gen(function*() {
      const [store, web, mailer] = children
      let declared = [store!, web!, mailer!]
      const { client, handle } = yield* connected({ declare: Effect.sync(() => declared) })
      declared = [web!, extra]
      assert.deepStrictEqual(yield* client.reconcile, {
        started: ["extra"],
        stopped: ["mailer", "store"],
        restarted: [],
        kept: ["control", "web"]
      })
      assert.deepStrictEqual(tagsOf(yield* handle.status), ["control Running", "web Running", "extra Running"])
      yield* client.remove("extra")
      yield* client.add("extra")
    }))

  it.live("a declaration that cannot be read changes nothing and says why", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* connected({ declare: Effect.fail("line 3: unexpected indent") })
      for (const attempt of [Effect.asVoid(client.reconcile), client.add("extra")]) {
        const error = yield* Effect.flip(attempt)
        assert.strictEqual(error._tag, "DeclareFailed")
        assert.include(error.message, "line 3: unexpected indent")
      }
      assert.strictEqual((yield* handle.status).children.length, 4)
    }))

  it.live("an application may reconcile in its own way, and its failure is told", () =>
    Effect.gen(function*() {
      const report = { started: ["a"], stopped: [], restarted: [], kept: ["b"] }
      const good = yield* connected({ reconcile: Effect.succeed(report) })
      assert.deepStrictEqual(yield* good.client.reconcile, report)
      const bad = yield* connected({ reconcile: Effect.fail("line 3 is wrong") })
      const error = yield* Effect.flip(bad.client.reconcile)
      assert.strictEqual(error._tag, "DeclareFailed")
      assert.include(error.message, "line 3 is wrong")
    }))

  it.live("reconcile without a declaration is refused", () =>
    Effect.gen(function*() {
      const { client } = yield* connected()
      assert.strictEqual((yield* Effect.flip(client.reconcile))._tag, "NotDeclared")
    }))

  it.live("what is added gets the services of the application", () =>
    Effect.gen(function*() {
      class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}
      const heard = yield* Deferred.make<string>()
      const greeter = Runnable.make(
        "greeter",
        Effect.flatMap(Greeting, (greeting) => Deferred.succeed(heard, greeting))
      )
      const socket = yield* temporarySocket
      const app = ProcessManager.make("app", [ControlServer.runnable({ socket, declared: [greeter] })])
      yield* Effect.forkScoped(Effect.provideService(app, Greeting, "hello"))
      const client = yield* Effect.retry(ControlClient.make({ socket }), { times: 100 }).pipe(Effect.eventually)
      yield* client.add("greeter")
      assert.strictEqual(yield* Deferred.await(heard), "hello")
      yield* client.shutdown
    }))
})

describe("where it stands", () => {
  it.live("a server deep in the tree serves the tree from its root on", () =>
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      const ops = ProcessManager.make("ops", [ProcessManager.make("inner", [ControlServer.runnable({ socket })])])
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.idle("a"), ops]))
      const client = yield* ControlClient.make({ socket })
      assert.strictEqual(client.server.name, "app")
      assert.deepStrictEqual(yield* client.status, yield* handle.status)
      yield* client.stop("ops")
      yield* client.closed
      assert.strictEqual((yield* handle.child("a")).state._tag, "Running")
    }))

  it.live("as a layer it serves the supervisor of an application of layers", () =>
    Effect.gen(function*() {
      const socket = yield* temporarySocket
      const app = Layer.mergeAll(ControlServer.layer({ socket }), Runnable.layer(Runnable.idle("worker")))
      yield* Effect.forkScoped(Supervisor.launch(app, { name: "layers" }))
      const client = yield* Effect.eventually(ControlClient.make({ socket }))
      assert.strictEqual(client.server.name, "layers")
      assert.sameMembers(tagsOf(yield* client.status), ["control Running", "worker Running"])
      yield* client.shutdown
      yield* client.closed
    }))

  it.live("two clients see the same, and what one does is an event for the other", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* connected()
      const other = yield* ControlClient.make({ socket })
      const { until } = yield* record(other)
      yield* client.stop("mailer")
      yield* until(goesTo("mailer", "Stopped"))
      assert.deepStrictEqual(yield* client.status, yield* other.status)
    }))

  it.live("without a name, the socket is found by that of the supervisor", () =>
    Effect.gen(function*() {
      const before = process.env["XDG_RUNTIME_DIR"]
      const directory = yield* temporary
      yield* Effect.acquireRelease(
        Effect.sync(() => process.env["XDG_RUNTIME_DIR"] = directory),
        () =>
          Effect.sync(() => {
            if (before === undefined) delete process.env["XDG_RUNTIME_DIR"]
            else process.env["XDG_RUNTIME_DIR"] = before
          })
      )
      yield* ProcessManager.start(ProcessManager.make("shop", [ControlServer.runnable()]))
      const client = yield* ControlClient.make({ name: "shop" })
      assert.strictEqual(client.socket, `${directory}/effect-supervisor/shop.sock`)
      assert.strictEqual(ControlServer.socketOf("shop"), client.socket)
    }))

  it.live("nothing is logged about clients that come and go", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.layer([Logger.make<unknown, void>(({ message }) => {
        lines.push(message)
      })])
      yield* Effect.provide(
        Effect.gen(function*() {
          const { socket } = yield* serve()
          lines.length = 0
          for (let i = 0; i < 3; i++) {
            yield* Effect.scoped(
              Effect.flatMap(ControlClient.make({ socket }), (client) => Stream.runDrain(Stream.take(client.watch, 1)))
            )
          }
          assert.deepStrictEqual(lines, [])
        }),
        logger
      )
    }))
})

describe("processes", () => {
  const withJobs = Effect.fnUntraced(function*() {
    const socket = yield* temporarySocket
    const script = `trap 'echo "got HUP"' HUP; echo one; echo two >&2; echo ready; while true; do sleep 0.02; done`
    const backend = ProcessManager.make("backend", [
      Job.runnable("web", Command.script("bash", script)),
      Runnable.idle("x")
    ])
    const app = ProcessManager.make("app", [ControlServer.runnable({ socket }), backend])
    const handle = yield* ProcessManager.start(app)
    const client = yield* ControlClient.make({ socket })
    return { client, handle }
  })

  it.live("info tells what a process is and uses, and signal reaches it", () =>
    Effect.gen(function*() {
      const { client } = yield* withJobs()
      const ready = client.logs.follow("backend/web", { from: "start", match: "ready" })
      yield* Stream.runHead(ready)
      const { child, job } = yield* client.info("backend/web")
      assert.strictEqual(child?.state._tag, "Running")
      assert.strictEqual(job?.id, "backend/web")
      assert.isTrue(job?.state._tag === "Running" && job.state.pid === job.pid)
      assert.isAbove(job?.usage?.memoryBytes ?? 0, 0)
      const heard = client.logs.follow("backend/web", { from: "start", match: "got HUP" })
      assert.deepStrictEqual(plain(yield* client.signal("backend/w*", "SIGHUP")), done("backend/web"))
      assert.strictEqual((yield* Stream.runHead(heard))._tag, "Some")
      const [odd] = yield* client.signal("backend/web", "SIGNONSENSE" as never)
      assert.isTrue(odd?._tag === "Failed" && odd.error._tag === "SignalFailed")
    }).pipe(Effect.scoped, Effect.provide(NodeJobs.layer())))

  it.live("logs are queried and followed; those of what is no process are refused", () =>
    Effect.gen(function*() {
      const { client, handle } = yield* withJobs()
      yield* Stream.runHead(client.logs.follow("backend/web", { from: "start", match: "ready" }))
      const lines = yield* Stream.runCollect(client.logs.query("backend/web", { stream: "stdout" }))
      assert.deepStrictEqual(lines.map(({ text }) => text), ["one", "ready"])
      const last = yield* Stream.runCollect(
        client.logs.query("backend/web", { reverse: true, limit: 1, stream: "stderr" })
      )
      assert.deepStrictEqual(last.map(({ text }) => text), ["two"])
      const following = yield* Effect.forkChild(Stream.runCollect(
        client.logs.follow("backend/web", { from: "start", markers: true }).pipe(
          Stream.takeUntil((entry) => entry._tag === "RunEnded")
        )
      ))
      yield* handle.stop("backend/web")
      const entries = yield* Fiber.join(following)
      assert.strictEqual(entries[0]?._tag, "RunStarted")
      assert.strictEqual(entries.at(-1)?._tag, "RunEnded")
      for (const path of ["backend/x", "nobody"]) {
        assert.strictEqual((yield* Effect.flip(Stream.runCollect(client.logs.query(path))))._tag, "NotAJob")
        assert.strictEqual((yield* Effect.flip(Stream.runCollect(client.logs.follow(path))))._tag, "NotAJob")
      }
    }).pipe(Effect.scoped, Effect.provide(NodeJobs.layer())))
})
