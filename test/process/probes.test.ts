import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Schedule, Stream } from "effect"
import { ProcessManager, type Runnable, type Supervisor } from "effect-supervisor"
import { Command, ExitStatus, Job, Jobs, Probe, ProcessError } from "effect-supervisor/process"
import { existsSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import {
  fixture,
  linesOf,
  marked,
  node,
  real,
  said,
  sh,
  show,
  stdoutOf,
  timed,
  until
} from "../fixtures/process/job-support.ts"

const nobody = (directory: string) => assert.deepStrictEqual(show(marked(directory)), [])
const jobOf = (path: string) => Effect.flatMap(Jobs, (jobs) => jobs.get(path))
const soon = { interval: "20 millis" } as const

/** A port that nobody listens on. */
const freePort = Effect.promise(() =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
)

const server = (port: number, delay = 0) => Command.make(node, [fixture("job-server.mjs"), String(port), String(delay)])

const url = (port: number, path: string) => `http://127.0.0.1:${port}/${path}`

/** Starts a manager with one job "a"; it is up when that is ready. */
const start = (command: Command.Command, options: Job.RunnableOptions) =>
  ProcessManager.start(ProcessManager.make("app", [Job.runnable("a", command, options)]))

/** The first error of a manager that fails. */
const errorOf = <E, R>(child: Runnable.Runnable<E, R>) =>
  Effect.map(Effect.exit(ProcessManager.make("app", [child])), (exit) => {
    assert.isTrue(Exit.isFailure(exit))
    return Option.getOrThrow(Exit.findErrorOption(exit))
  })

/** How often it was started, when it runs for the nth time. */
const startedAgain = <E>(handle: Supervisor.Handle<E>, incarnation: number) =>
  handle.changes.pipe(
    Stream.mapEffect(() => handle.child("a")),
    Stream.filter((child) => child.incarnation >= incarnation && child.state._tag === "Running"),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeout("5 seconds")
  )

describe("Readiness", () => {
  real("by a line in the log: not before it is written", ({ directory, file }) =>
    Effect.gen(function*() {
      const script = `echo starting; while ! [ -e '${
        file("go")
      }' ]; do sleep 0.01; done; echo 'ready in 42 ms'; sleep 600`
      const fiber = yield* Effect.forkScoped(start(sh(script), { ready: Probe.log(/ready in \d+ ms/g) }))
      yield* until("its process runs", () => marked(directory).length > 0)
      const job = yield* jobOf("a")
      yield* said(job, "starting")
      assert.isUndefined(fiber.pollUnsafe())
      writeFileSync(file("go"), "")
      const handle = yield* Effect.timeout(Fiber.join(fiber), "3 seconds")
      assert.strictEqual((yield* handle.child("a")).state._tag, "Running")
      assert.include(yield* stdoutOf(job), "ready in 42 ms")
    }))

  real("by a line in the stream that it is looked for in", ({ directory, file }) =>
    Effect.gen(function*() {
      const script = `echo ready; while ! [ -e '${file("go")}' ]; do sleep 0.01; done; echo ready >&2; sleep 600`
      const fiber = yield* Effect.forkScoped(start(sh(script), { ready: Probe.log("ready", { stream: "stderr" }) }))
      yield* until("its process runs", () => marked(directory).length > 0)
      yield* Effect.flatMap(jobOf("a"), (job) => said(job, "ready"))
      assert.isUndefined(fiber.pollUnsafe())
      writeFileSync(file("go"), "")
      yield* until("ready", () => fiber.pollUnsafe() !== undefined)
    }))

  real("by a prompt without a line end", () =>
    Effect.gen(function*() {
      const [, millis] = yield* timed(start(sh("printf 'ready> '; sleep 600"), { ready: Probe.log(/^ready> $/) }))
      assert.isBelow(millis, 1000)
    }))

  real("a line of an earlier run does not count", ({ file }) =>
    Effect.gen(function*() {
      const script = `[ -e '${file("second")}' ] && { echo other; sleep 600; }; : > '${
        file("second")
      }'; echo ready; exit 1`
      const error = yield* errorOf(
        Job.runnable("a", sh(script), {
          ready: { probe: Probe.log("ready"), timeout: "300 millis" },
          restart: Schedule.recurs(1)
        })
      )
      assert.strictEqual(error._tag, "NotReady")
    }))

  it("by a line, for a job without logs, is refused when it is described", () => {
    assert.throws(
      () => Job.runnable("a", sh(":"), { logs: false, ready: Probe.log("x") }),
      /logs/
    )
  })

  real("by a TCP port: not before it takes connections", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const handle = yield* start(server(port, 200), { ready: { probe: Probe.tcp({ port }), ...soon } })
      const job = yield* jobOf("a")
      assert.deepStrictEqual(yield* stdoutOf(job), ["up", "listening"])
      const { readyAt, startedAt } = yield* handle.child("a")
      assert.isAtLeast(readyAt! - startedAt!, 200)
    }))

  real("by an HTTP answer: only with a good status", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const handle = yield* start(server(port), { ready: { probe: Probe.http(url(port, "after/250")), ...soon } })
      const { readyAt, startedAt } = yield* handle.child("a")
      assert.isAtLeast(readyAt! - startedAt!, 250)
    }))

  real("by an HTTP answer: the statuses are those that are named", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      yield* start(server(port), {
        ready: { probe: Probe.http(url(port, "status/404"), { statuses: [404] }), ...soon }
      })
      // The one that is asked is up already: it is that of "a".
      const error = yield* errorOf(
        Job.runnable("b", sh("exec sleep 600"), {
          ready: { probe: Probe.http(url(port, "status/200"), { statuses: [204] }), ...soon, timeout: "300 millis" }
        })
      )
      assert.instanceOf(error, ProcessError.NotReady)
      assert.include(error.message, "status 200")
    }))

  real(
    "an answer that does not come, and a body that does not end, are no reason to wait",
    () =>
      Effect.gen(function*() {
        const port = yield* freePort
        yield* start(server(port), { ready: { probe: Probe.http(url(port, "endless")), ...soon } })
        const [error, millis] = yield* timed(errorOf(
          Job.runnable("b", sh("exec sleep 600"), {
            ready: { probe: Probe.http(url(port, "silent")), ...soon, tryTimeout: "100 millis", timeout: "500 millis" }
          })
        ))
        assert.include(error.message, "no answer within 100 ms")
        assert.isBelow(millis, 1500)
      })
  )

  real("by a program that ends well", ({ directory, file }) =>
    Effect.gen(function*() {
      const script = `sleep 0.1; : > '${file("here")}'; exec sleep 600`
      const probe = Probe.exec(sh(`echo try >> '${file("tries")}'; [ -e '${file("here")}' ]`))
      yield* start(sh(script), { ready: { probe, ...soon } })
      assert.isTrue(existsSync(file("here")))
      assert.isAtLeast(linesOf(file("tries")).length, 2)
      // Its own processes are gone: there is the job's alone.
      assert.deepStrictEqual(marked(directory).map(({ line }) => line), ["sleep 600"])
    }))

  real(
    "a program that hangs is ended with its group when its time is over",
    ({ directory, file }) =>
      Effect.gen(function*() {
        const probe = Probe.exec(sh(`trap '' TERM; echo $$ >> '${file("tries")}'; sleep 500 & sleep 500; :`))
        const error = yield* errorOf(Job.runnable("a", sh("exec sleep 600"), {
          ready: { probe, ...soon, tryTimeout: "60 millis", timeout: "300 millis" }
        }))
        assert.strictEqual(error._tag, "NotReady")
        assert.isAtLeast(linesOf(file("tries")).length, 2)
        nobody(directory)
      })
  )

  real("by a program that is not there: never, and it says so", () =>
    Effect.gen(function*() {
      const error = yield* errorOf(Job.runnable("a", sh("exec sleep 600"), {
        ready: { probe: Probe.exec(Command.make("no-such-probe")), ...soon, timeout: "200 millis" }
      }))
      assert.include(error.message, "no-such-probe")
      assert.include(error.message, "not found")
    }))

  real("by a byte on the notify descriptor: not before it is written", ({ directory, file }) =>
    Effect.gen(function*() {
      const script = `while ! [ -e '${
        file("go")
      }' ]; do sleep 0.01; done; echo >&$EFFECT_SUPERVISOR_NOTIFY_FD; sleep 600`
      const fiber = yield* Effect.forkScoped(
        start(sh(script), { ready: { probe: Probe.notify, timeout: "5 seconds" } })
      )
      yield* until("its process runs", () => marked(directory).length > 0)
      yield* Effect.sleep("100 millis")
      assert.isUndefined(fiber.pollUnsafe())
      writeFileSync(file("go"), "")
      yield* until("ready", () => fiber.pollUnsafe() !== undefined)
    }))

  real("a notify descriptor that is closed without a byte is no readiness", () =>
    Effect.gen(function*() {
      const error = yield* errorOf(
        Job.runnable("a", sh("exec 4>&-; exec sleep 600"), { ready: { probe: Probe.notify, timeout: "200 millis" } })
      )
      assert.strictEqual(error._tag, "NotReady")
    }))

  real(
    "what is never ready is stopped, has failed, and is started anew as its policy says",
    ({ directory, file }) =>
      Effect.gen(function*() {
        const script = `echo run >> '${file("runs")}'; trap 'echo asked >> "${file("runs")}"; exit' TERM; ` +
          "while :; do sleep 0.01; done"
        const [error, millis] = yield* timed(errorOf(
          Job.runnable("a", sh(script), {
            ready: { probe: Probe.log("never"), timeout: "150 millis" },
            restart: Schedule.recurs(2)
          })
        ))
        nobody(directory)
        assert.instanceOf(error, ProcessError.NotReady)
        assert.deepStrictEqual(linesOf(file("runs")), ["run", "asked", "run", "asked", "run", "asked"])
        assert.include(error.message, "a log line /never/")
        assert.include(error.message, "150 ms")
        assert.isAtLeast(millis, 450)
      })
  )

  real("who comes after it is not started before it is ready", ({ file }) =>
    Effect.gen(function*() {
      const first = Job.runnable("first", sh("exec sleep 600"), {
        ready: { probe: Probe.log("never"), timeout: "200 millis" }
      })
      const second = Job.runnable("second", sh(`: > '${file("second")}'; exec sleep 600`))
      const exit = yield* Effect.exit(ProcessManager.start(ProcessManager.make("app", [first, second])))
      assert.isTrue(Exit.isFailure(exit))
      assert.isFalse(existsSync(file("second")))
    }))

  real("nobody waits for one that has ended", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const probes: ReadonlyArray<Probe.Probe> = [
        Probe.log("never"),
        Probe.tcp({ port }),
        Probe.http(url(port, "")),
        Probe.exec(sh("sleep 500; :")),
        Probe.notify
      ]
      for (const probe of probes) {
        const [error, millis] = yield* timed(errorOf(Job.runnable("a", sh("sleep 0.05; exit 4"), { ready: probe })))
        assert.isBelow(millis, 1000, Probe.show(probe))
        assert.instanceOf(error, ProcessError.ProcessFailed)
        assert.deepStrictEqual((error as ProcessError.ProcessFailed).status, ExitStatus.Exited({ code: 4 }))
      }
    }))

  real("one that has ended well before it was ready was not ready", () =>
    Effect.gen(function*() {
      const job = Job.runnable("a", sh("exit 0"), { ready: Probe.log("never") })
      const [error, millis] = yield* timed(errorOf(job))
      assert.isBelow(millis, 1000)
      assert.instanceOf(error, ProcessError.NotReady)
      assert.include(String(error), "exited with code 0 before")
    }))

  real("a stop does not wait for it", ({ directory }) =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [], { keepAlive: true }))
      const runnable = Job.runnable("a", sh("echo up; exec sleep 600"), { ready: Probe.log("never") })
      yield* Effect.forkScoped(Effect.exit(handle.add(runnable as Runnable.Runnable<never, Jobs>)))
      yield* until("it runs", () => marked(directory).length > 0)
      const [, millis] = yield* timed(handle.stop("a"))
      nobody(directory)
      assert.isBelow(millis, 1000)
    }))
})

describe("Liveness", () => {
  real(
    "what does not answer any more is stopped, has failed as unhealthy, and is started anew",
    () =>
      Effect.gen(function*() {
        const port = yield* freePort
        const handle = yield* start(server(port), {
          ready: { probe: Probe.http(url(port, "file")), ...soon },
          liveness: { probe: Probe.http(url(port, "file")), ...soon, failures: 2 },
          restart: Schedule.spaced("20 millis")
        })
        const job = yield* jobOf("a")
        const { directory, pid } = yield* job.info
        writeFileSync(`${directory}/sick`, "")
        yield* until(
          "it is ended",
          () => !existsSync(`/proc/${pid}`) || marked(directory).every((one) => one.pid !== pid)
        )
        yield* Effect.promise(() => import("node:fs/promises").then((fs) => fs.rm(`${directory}/sick`)))
        const child = yield* startedAgain(handle, 2)
        const last = child.history.at(-1)!
        assert.strictEqual(last.exit._tag === "Failure" && last.exit.cause.tag, "Unhealthy")
        assert.strictEqual(last.decision, "restart")
        assert.notStrictEqual((yield* job.info).pid, pid)
        assert.isAtLeast((yield* job.info).runs, 2)
      })
  )

  real(
    "what uses more memory than it may is stopped and started anew, and told by how much",
    ({ file }) =>
      Effect.gen(function*() {
        const script = `[ -e '${file("second")}' ] && exec sleep 600; : > '${file("second")}'; `
          + "exec python3 -c 'import time; hog = bytearray(80_000_000); print(\"full\", flush=True); time.sleep(600)'"
        const handle = yield* start(sh(script), {
          ready: Probe.memory(2 ** 40),
          liveness: { probe: Probe.all([Probe.memory(50 * 2 ** 20), Probe.exec(sh("exit 0"))]), ...soon, failures: 1 },
          restart: Schedule.recurs(1)
        })
        const child = yield* startedAgain(handle, 2)
        const last = child.history.at(-1)!
        assert.isTrue(last.exit._tag === "Failure" && last.exit.cause.tag === "Unhealthy")
        assert.match(JSON.stringify(last.exit), /memory of at most 50 MiB and the program .*: it uses \d+ MiB/)
        assert.strictEqual((yield* handle.child("a")).state._tag, "Running")
      })
  )

  it("a limit that is none is refused", () => {
    for (const bytes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => Probe.memory(bytes), /maxBytes/)
    }
    assert.throws(() => Probe.all([]), /at least one/)
    // @ts-expect-error -- what comes by itself cannot be tried
    assert.throws(() => Probe.all([Probe.notify]), /none of Probe.log and Probe.notify/)
  })

  real("probes leave no connections open", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      yield* start(server(port), {
        ready: { probe: Probe.tcp({ port }), ...soon },
        liveness: { probe: Probe.http(url(port, "endless")), interval: "5 millis" }
      })
      yield* Effect.sleep("300 millis")
      const open = yield* Effect.promise(() => fetch(url(port, "open")).then((response) => response.text()))
      assert.isAtMost(Number(open), 5)
    }))

  real(
    "bytes on the notify descriptor are a watchdog, also where they were the readiness",
    () =>
      Effect.gen(function*() {
        const script = "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo >&4; sleep 0.03; done; echo silent; sleep 600"
        const handle = yield* start(sh(script), {
          ready: Probe.notify,
          liveness: { probe: Probe.notify, interval: "120 millis", failures: 1 },
          restart: Schedule.recurs(1)
        })
        const job = yield* jobOf("a")
        const first = (yield* job.info).pid
        yield* said(job, "silent")
        // As long as it gave signs of life it was let alone.
        assert.strictEqual((yield* job.info).pid, first)
        const child = yield* startedAgain(handle, 2)
        const last = child.history.at(-1)!
        assert.strictEqual(last.exit._tag === "Failure" && last.exit.cause.tag, "Unhealthy")
      })
  )

  real("lines are signs of life", () =>
    Effect.gen(function*() {
      const script = "for n in 1 2 3 4 5 6 7 8; do echo alive; sleep 0.03; done; echo silent; sleep 600"
      const handle = yield* start(sh(script), {
        ready: Probe.log("alive"),
        liveness: { probe: Probe.log("alive"), interval: "120 millis", failures: 1 },
        restart: Schedule.recurs(1)
      })
      const job = yield* jobOf("a")
      const first = (yield* job.info).pid
      yield* said(job, "silent")
      assert.strictEqual((yield* job.info).pid, first)
      yield* startedAgain(handle, 2)
    }))

  real("a program that looks after it, and is gone with it", ({ directory, file }) =>
    Effect.gen(function*() {
      const handle = yield* start(sh("exec sleep 600"), {
        liveness: { probe: Probe.exec(sh(`! [ -e '${file("sick")}' ]`)), interval: "20 millis", failures: 2 },
        restart: Schedule.spaced("10 millis")
      })
      yield* Effect.sleep("100 millis")
      assert.strictEqual((yield* handle.child("a")).incarnation, 1)
      writeFileSync(file("sick"), "")
      yield* startedAgain(handle, 2)
      yield* handle.shutdown
      nobody(directory)
    }))
})
