import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Schedule, Schema, Stream } from "effect"
import { ProcessManager, RestartPolicy, Runnable, type Supervisor } from "effect-supervisor"
import { Command, ExitStatus, Job, Jobs, Messages, NodeJobs, ProcessError } from "effect-supervisor/process"
import { existsSync, statSync } from "node:fs"
import { join } from "node:path"
import {
  fixture,
  linesOf,
  look,
  marked,
  node,
  real,
  said,
  sh,
  show,
  stderrOf,
  stdoutOf,
  timed,
  until
} from "../fixtures/process/job-support.ts"

/** Takes children while it runs. */
const none: ReadonlyArray<Runnable.Runnable<Job.RunnableError, Jobs>> = []
const pool = ProcessManager.make("app", none, { keepAlive: true })
const flapping = (name: string) =>
  ProcessManager.make(name, [Job.runnable("web", sh("exit 1"), { restart: Schedule.spaced("1 millis") })])

const soon = { restart: Schedule.spaced("20 millis") }
const nobody = (directory: string) => assert.deepStrictEqual(show(marked(directory)), [])

/** Notes when it starts, is asked to end and ends, as "+name", "?name" and "-name". */
const noting = (file: string, name: string, endsAfter = 0, crashesAfter?: number, options?: Job.RunnableOptions) =>
  Job.runnable(
    name,
    Command.make(node, [
      fixture("job-times.mjs"),
      file,
      name,
      String(endsAfter),
      ...(crashesAfter === undefined ? [] : [String(crashesAfter)])
    ]),
    options
  )

const notes = (file: string) => linesOf(file).map((line) => line.split(" ")[0]!)
const noted = (file: string, what: string, times = 1) =>
  until(`${what} ${times} times`, () => notes(file).filter((note) => note === what).length >= times)

const jobOf = (path: string) => Effect.flatMap(Jobs, (jobs) => jobs.get(path))

/** Runs a manager to its end, and gives the first error. */
const errorOf = <E, R>(children: ReadonlyArray<Runnable.Runnable<E, R>>) =>
  Effect.map(Effect.exit(ProcessManager.make("app", children)), (exit) => {
    assert.isTrue(Exit.isFailure(exit))
    return Option.getOrThrow(Exit.findErrorOption(exit))
  })

const becomes = <E>(handle: Supervisor.Handle<E>, path: string, tag: string) =>
  handle.changes.pipe(
    Stream.mapEffect(() => handle.child(path)),
    Stream.filter((child) => child.state._tag === tag),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeout("3 seconds")
  )

describe("Job.runnable: how an end is judged", () => {
  real("the policy sees the status as a typed failure, with the last words", () =>
    Effect.gen(function*() {
      const error = yield* errorOf([
        Job.runnable("a", sh("echo out; for n in 1 2 3 4 5 6 7; do echo \"line $n\" >&2; done; exit 3"))
      ])
      assert.instanceOf(error, ProcessError.ProcessFailed)
      const { lastLines, message, status } = error as ProcessError.ProcessFailed
      assert.deepStrictEqual(status, ExitStatus.Exited({ code: 3 }))
      assert.deepStrictEqual(lastLines, ["line 3", "line 4", "line 5", "line 6", "line 7"])
      assert.include(message, "exited with code 3")
      assert.include(message, "line 7")
    }))

  real("a policy decides by the status", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const again = RestartPolicy.onFailure<Job.RunnableError>(Schedule.recurs(10), {
        while: (exit) => {
          const error = Exit.findErrorOption(exit)
          if (Option.isNone(error) || error.value._tag !== "ProcessFailed") return false
          seen.push(ExitStatus.show(error.value.status))
          return error.value.status._tag === "Signaled"
        }
      })
      const script = "echo run >> \"$EFFECT_SUPERVISOR_DATA_DIR/runs\"; " +
        "case $(wc -l < \"$EFFECT_SUPERVISOR_DATA_DIR/runs\") in 1) kill -KILL $$ ;; 2) kill -HUP $$ ;; *) exit 9 ;; esac"
      const error = yield* errorOf([Job.runnable("a", sh(script), { restart: again })])
      assert.deepStrictEqual(seen, ["was ended by SIGKILL", "was ended by SIGHUP", "exited with code 9"])
      assert.strictEqual(error._tag, "ProcessFailed")
    }))

  real("a missing program is a failure like any other", ({ file }) =>
    Effect.gen(function*() {
      const error = yield* errorOf([
        Job.runnable("a", Command.make(file("missing")), { onError: () => Effect.void, restart: Schedule.recurs(2) })
      ])
      assert.instanceOf(error, ProcessError.ProcessFailed)
      const { status } = error as ProcessError.ProcessFailed
      assert.strictEqual(status._tag === "SpawnFailed" && status.error.reason, "NotFound")
    }))

  real(
    "what is said to be a good end is one: it completes, and is not restarted",
    ({ logged }) =>
      Effect.gen(function*() {
        const good = { ...soon, successCodes: [0, 42, "SIGINT"] }
        yield* ProcessManager.make("app", [
          Job.runnable("code", sh("exit 42"), good),
          Job.runnable("signal", sh("kill -INT $$"), good),
          Job.runnable("zero", sh("exit 0"), good)
        ])
        for (const job of yield* Effect.flatMap(Jobs, ({ list }) => list)) {
          assert.strictEqual((yield* job.info).runs, 1)
        }
        assert.deepStrictEqual(logged.filter((line) => /^(Warn|Error|Fatal)/.test(line)), [])
      })
  )

  real("a good end may be restarted too", () =>
    Effect.gen(function*() {
      const policy = RestartPolicy.always(Schedule.recurs(2))
      const exit = yield* Effect.exit(
        ProcessManager.make("app", [Job.runnable("a", sh("exit 0"), { restart: policy })])
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual((yield* Effect.flatMap(jobOf("a"), ({ info }) => info)).runs, 3)
    }))

  real(
    "an end that was asked for is no failure, whatever it looks like",
    ({ directory, logged }) =>
      Effect.gen(function*() {
        const ends = ["exit 9", "kill -KILL $$", "trap '' TERM; while :; do sleep 600; done"]
        for (const [run, end] of ends.entries()) {
          const app = ProcessManager.make("app", [
            Job.runnable(
              "a",
              sh(`trap '${end.replaceAll("'", "'\\''")}' TERM; echo up ${run}; while :; do sleep 0.01; done`),
              {
                ...soon,
                grace: "100 millis"
              }
            )
          ])
          const handle = yield* ProcessManager.start(app)
          yield* Effect.flatMap(jobOf("a"), (job) => said(job, `up ${run}`))
          yield* handle.shutdown
          nobody(directory)
          assert.deepStrictEqual(yield* Effect.exit(handle.await), Exit.void)
        }
        // Who has to be killed is told, with the grace that it was given.
        assert.deepStrictEqual(logged.filter((line) => /^(Warn|Error|Fatal)/.test(line)), [
          "Warn: Job \"a\" did not end within its grace of 100 ms and was killed"
        ])
      })
  )
})

describe("Job.runnable: while it is supervised", () => {
  real("its job answers while it runs, in backoff and afterwards", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [
          ProcessManager.make("group", [
            Job.runnable("a", sh("echo up; read line; exit 5", { stdin: "pipe" }), {
              restart: Schedule.spaced("1 minute"),
              forward: false
            })
          ])
        ])
      )
      const job = yield* jobOf("group/a")
      yield* said(job, "up")
      const running = yield* job.info
      assert.deepInclude(running, { id: "group/a", name: "a", runs: 1, history: [] })
      assert.strictEqual(running.state._tag, "Running")
      assert.isAtLeast(running.usage!.processes, 1)

      yield* job.write("end\n")
      yield* becomes(handle, "group/a", "Backoff")
      const waiting = yield* job.info
      assert.strictEqual(waiting.state._tag, "Finished")
      assert.deepStrictEqual(waiting.history.map(({ run, status }) => [run, status]), [[
        1,
        ExitStatus.Exited({ code: 5 })
      ]])
      assert.deepStrictEqual(yield* stdoutOf(job), ["up"])

      yield* handle.start("group/a")
      yield* until("it runs again", () => true)
      assert.strictEqual((yield* job.info).runs, 2)
      yield* handle.shutdown
      const after = yield* job.info
      assert.strictEqual(after.state._tag, "Finished")
      assert.strictEqual(after.history.length, 2)
      // By the same path, it is the same job.
      assert.strictEqual(yield* jobOf("group/a"), job)
      assert.deepStrictEqual((yield* Effect.flip(jobOf("a"))).known, ["group/a"])
    }))

  real("starting and stopping is its supervisor's matter, and everything else is not", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [
          Job.runnable("a", sh("trap 'echo usr1' USR1; echo up; while :; do sleep 0.01; done"), soon)
        ])
      )
      const job = yield* jobOf("a")
      yield* said(job, "up")
      const refused = [
        job.start,
        job.stop(),
        job.restart(),
        job.tryRestart(),
        job.run(() => Effect.void),
        job.delete(),
        job.deleteNow
      ]
      for (const verb of refused) {
        const error = yield* Effect.flip(verb)
        assert.instanceOf(error, ProcessError.SupervisedJob)
        assert.include(error.message, "supervisor")
      }
      yield* job.signal("SIGUSR1")
      yield* said(job, "usr1")
      assert.strictEqual((yield* handle.child("a")).incarnation, 1)
    }))

  real("a stop at any moment of a start leaves nothing running", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(pool)
      for (let millis = 0; millis < 10; millis++) {
        const name = `a${millis}`
        const adding = yield* Effect.forkChild(handle.add(Job.runnable(name, sh("sleep 600"))), {
          startImmediately: true
        })
        yield* Effect.sleep(millis)
        yield* handle.stop(name)
        yield* Fiber.await(adding)
        const state = yield* Effect.catch(Effect.flatMap(jobOf(name), (job) => job.state), () => Effect.undefined)
        assert.notStrictEqual(state?._tag, "Running", name)
        yield* handle.start(name)
        const [, ...others] = (yield* (yield* Jobs).list).filter(({ id }) => id.startsWith(name))
        assert.deepStrictEqual(others, [])
      }
    }))

  real("a child that is taken out and put in again keeps its name, however quickly", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(pool)
      for (let millis = 0; millis < 8; millis++) {
        yield* handle.add(Job.runnable("web", sh("sleep 600")))
        yield* handle.remove("web")
        yield* Effect.sleep(millis)
      }
      yield* handle.add(Job.runnable("web", sh("sleep 600")))
      assert.strictEqual((yield* (yield* jobOf("web")).state)._tag, "Running")
      assert.deepStrictEqual((yield* (yield* Jobs).list).map(({ id }) => id), ["web"])
    }))

  real("children of one path under two managers have a job each, for all their runs", () =>
    Effect.gen(function*() {
      const one = yield* ProcessManager.start(flapping("one"))
      const two = yield* ProcessManager.start(flapping("two"))
      const runs = Effect.map(Effect.all([one.child("web"), two.child("web")]), (children) =>
        Math.min(...children.map(({ incarnation }) => incarnation)))
      yield* Effect.repeat(Effect.andThen(Effect.sleep("5 millis"), runs), {
        until: (count) =>
          count > 10
      })
      assert.deepStrictEqual((yield* (yield* Jobs).list).map(({ id }) => id).toSorted(), ["web", "web#2"])
    }))

  real("jobs of managers that were taken out do not add up", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(pool)
      for (let count = 0; count < 60; count++) {
        yield* handle.add(ProcessManager.make(`m${count}`, [Job.runnable("a", sh("exit 0")), Runnable.idle()]))
        yield* handle.remove(`m${count}`)
      }
      assert.isBelow((yield* (yield* Jobs).list).length, 35)
    }))

  real("a reload sends its signal to the group", () =>
    Effect.gen(function*() {
      const script = "trap 'echo reloaded' HUP; sh -c 'trap \"echo child reloaded\" HUP; echo up; " +
        "while :; do sleep 0.01; done' & while :; do sleep 0.01; done"
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [
          Job.runnable("web", sh(script), { reloadSignal: "SIGHUP" }),
          Job.runnable("other", sh("exec sleep 600"))
        ])
      )
      const job = yield* jobOf("web")
      yield* said(job, "up")
      const report = yield* handle.reload
      assert.deepStrictEqual([report.handled, report.ignored], [["web"], ["other"]])
      yield* said(job, "reloaded")
      yield* said(job, "child reloaded")
      assert.strictEqual((yield* job.info).runs, 1)
    }))

  real("each reload sends one signal, and nothing else does", () =>
    Effect.gen(function*() {
      const script = "n=0; trap 'n=$((n+1)); echo \"reload $n\"' HUP; trap 'echo \"in all $n\"; exit' TERM; echo up; " +
        "while :; do sleep 0.01; done"
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [
          Job.runnable("web", sh(script), {
            reloadSignal: "SIGHUP",
            ready: { probe: { _tag: "Log", pattern: /^up$/, stream: undefined } }
          })
        ])
      )
      const job = yield* jobOf("web")
      for (let n = 1; n <= 3; n++) {
        assert.deepStrictEqual((yield* handle.reload).handled, ["web"])
        yield* said(job, `reload ${n}`)
      }
      yield* handle.shutdown
      yield* said(job, "in all 3")
    }))

  real("somebody talks to each of its runs", () =>
    Effect.gen(function*() {
      const channel = Messages.channel({ incoming: Schema.Struct({ echo: Schema.Finite }), outgoing: Schema.Finite })
      const heard: Array<number> = []
      const twice = yield* Deferred.make<void>()
      let run = 0
      const conversation = Messages.conversation(channel, (worker) =>
        Effect.gen(function*() {
          run++
          yield* worker.send(run)
          yield* Stream.runForEach(worker.messages, ({ echo }) =>
            Effect.suspend(() => {
              heard.push(echo)
              // The first run is told to crash by what it cannot read.
              return run === 1 ? worker.send(-1) : Deferred.succeed(twice, undefined)
            }))
        }))
      const script =
        "exec 4<&3; while read -r n; do [ \"$n\" = -1 ] && exit 1; echo \"{\\\"echo\\\":$n}\" >&3; done <&4"
      yield* ProcessManager.start(
        ProcessManager.make("app", [Job.runnable("a", sh(script), { ...soon, onConnect: conversation })])
      )
      yield* Effect.timeout(Deferred.await(twice), "3 seconds")
      assert.deepStrictEqual(heard, [1, 2])
    }))

  real("what it says last is heard, and a conversation that never ends holds nothing up", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const channel = Messages.channel({ incoming: Schema.String, outgoing: Schema.Never })
      const script = "echo '\"first\"' >&3; echo '\"last\"' >&3; exit 1"
      const talks = {
        // What it does with a message takes its time, and then there is more to be done.
        slow: Messages.conversation(channel, (line) =>
          Effect.andThen(
            Stream.runForEach(
              line.messages,
              (message) => Effect.andThen(Effect.sleep("150 millis"), Effect.sync(() => heard.push(message)))
            ),
            Effect.never
          )),
        deaf: Messages.conversation(channel, () => Effect.never)
      }
      const [, slow] = yield* timed(errorOf([Job.runnable("a", sh(script), { onConnect: talks.slow })]))
      assert.deepStrictEqual(heard, ["first", "last"])
      const [, deaf] = yield* timed(errorOf([Job.runnable("b", sh(script), { onConnect: talks.deaf })]))
      assert.isBelow(slow, 900)
      assert.isBelow(deaf, 500)
    }))

  real("a process that reads to the end of its line ends when that is ended", () =>
    Effect.gen(function*() {
      const heard: Array<number> = []
      const channel = Messages.channel({ incoming: Schema.Finite, outgoing: Schema.Finite })
      const conversation = Messages.conversation(channel, (line) =>
        Effect.gen(function*() {
          yield* line.send(1)
          yield* line.send(2)
          yield* line.end
          const error = yield* Effect.flip(line.send(3))
          assert.strictEqual(error._tag, "ConnectionClosed")
          yield* Stream.runForEach(line.messages, (n) => Effect.sync(() => heard.push(n)))
        }))
      // It answers only when it has read everything.
      const script = "sum=0; while read -r n; do sum=$((sum + n)); done <&3; echo $sum >&3"
      yield* ProcessManager.make("app", [Job.runnable("a", sh(script), { onConnect: conversation })])
      assert.deepStrictEqual(heard, [3])
    }))

  real("a supervisor's own words on a failure are the only ones", ({ file, logged }) =>
    Effect.gen(function*() {
      yield* errorOf([Job.runnable("a", Command.make(file("missing")))])
      assert.deepStrictEqual(logged.filter((line) => line.includes("could not be started")), [])
      assert.strictEqual(logged.filter((line) => line.includes("gave up")).length, 1)
    }))

  real(
    "its lines are logged by the Logger where that is asked for, to the last",
    ({ logged }) =>
      Effect.gen(function*() {
        yield* errorOf([
          Job.runnable("loud", sh("echo one; echo two >&2; sleep 0.02; printf three; exit 1"), {
            forward: true,
            restart: Schedule.recurs(1)
          })
        ])
        const lines = logged.map((line) => line.replace(/^\w+: /, "")).filter((line) => /^(one|two|three)$/.test(line))
        assert.deepStrictEqual(lines.toSorted(), ["one", "one", "three", "three", "two", "two"])
      })
  )

  real("and not where it is not", ({ logged }) =>
    Effect.gen(function*() {
      yield* errorOf([Job.runnable("silent", sh("echo one; exit 1"))])
      assert.isFalse(logged.some((line) => line.includes("one")))
      assert.deepStrictEqual(yield* Effect.flatMap(jobOf("silent"), stdoutOf), ["one"])
    }))
})

describe("Job.runnable: one after the other", () => {
  real("two incarnations never overlap, though the old one takes its time", ({ file }) =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [noting(file("log"), "a", 80, undefined, soon)])
      )
      for (let n = 1; n <= 3; n++) {
        yield* noted(file("log"), "+a", n)
        // Also when two ask at once.
        yield* Effect.all([handle.restart("a"), handle.restart("a")], { concurrency: "unbounded" })
      }
      yield* handle.shutdown
      const seen = notes(file("log")).filter((note) => note !== "?a")
      assert.isAtLeast(seen.length, 6)
      // Each that was killed before it could listen has no end of its own: then nobody of it is alive at the next start.
      let alive = 0
      for (const line of linesOf(file("log"))) {
        const [note, pid] = line.split(" ")
        if (note === "+a") alive++
        if (note === "-a") alive--
        assert.isAtMost(alive, 1, line)
        assert.isUndefined(look(Number(pid)))
      }
    }))

  real("one that crashes again and again neither", ({ file }) =>
    Effect.gen(function*() {
      yield* errorOf([noting(file("log"), "a", 20, 10, { restart: Schedule.recurs(3) })])
      const seen = notes(file("log")).filter((note) => note !== "?a")
      assert.deepStrictEqual(seen, ["+a", "-a", "+a", "-a", "+a", "-a", "+a", "-a"])
    }))

  real("one for all: all are stopped in reverse before any is started again", ({ file }) =>
    Effect.gen(function*() {
      const log = file("log")
      const ready = { probe: { _tag: "Log", pattern: /up/, stream: undefined } } as const
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [
          noting(log, "a", 30, undefined, { ...soon, ready }),
          noting(log, "b", 0, undefined, { ...soon, ready }),
          noting(log, "c", 30, undefined, { ...soon, ready })
        ], { strategy: "one-for-all" })
      )
      assert.deepStrictEqual(notes(log), ["+a", "+b", "+c"])
      const b = yield* Effect.flatMap(jobOf("b"), ({ info }) => info)
      process.kill(b.pid!, "SIGKILL")
      yield* noted(log, "+c", 2)
      assert.deepStrictEqual(notes(log).slice(3), ["?c", "-c", "?a", "-a", "+a", "+b", "+c"])
      yield* handle.shutdown
      assert.deepStrictEqual(notes(log).slice(10), ["?c", "-c", "?b", "-b", "?a", "-a"])
    }))
})

describe("Job.runnable: when everything stops", () => {
  real("in reverse order, each with its grace", ({ directory, file }) =>
    Effect.gen(function*() {
      const log = file("log")
      const ready = { probe: { _tag: "Log", pattern: /up/, stream: undefined } } as const
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [
          noting(log, "a", 50, undefined, { ready }),
          noting(log, "b", 600_000, undefined, { ready, grace: "150 millis" }),
          noting(log, "c", 100, undefined, { ready })
        ])
      )
      const [, millis] = yield* timed(handle.shutdown)
      nobody(directory)
      assert.deepStrictEqual(notes(log).slice(3), ["?c", "-c", "?b", "?a", "-a"])
      assert.isAtLeast(millis, 300)
      assert.isBelow(millis, 1000)
    }))

  real(
    "at once, when that is asked for, also in the middle of a grace",
    ({ directory, file }) =>
      Effect.gen(function*() {
        for (const first of ["none", "shutdown"]) {
          const log = file(`log-${first}`)
          const handle = yield* ProcessManager.start(
            ProcessManager.make("app", [
              Job.runnable("a", sh(`trap '' TERM; echo + >> '${log}'; while :; do sleep 600; done`), {
                grace: "1 minute"
              }),
              Job.runnable(
                "b",
                sh(`trap 'echo ? >> "${log}"' TERM; echo + >> '${log}'; while :; do sleep 0.01; done`),
                {
                  grace: "1 minute"
                }
              )
            ])
          )
          yield* noted(log, "+", 2)
          if (first === "shutdown") {
            yield* Effect.forkChild(handle.shutdown, { startImmediately: true })
            yield* noted(log, "?")
          }
          const [, millis] = yield* timed(handle.shutdownNow)
          nobody(directory)
          assert.isBelow(millis, 1000)
        }
      })
  )

  real(
    "an interruption of the manager leaves nobody, and gives each its grace",
    ({ directory, file }) =>
      Effect.gen(function*() {
        const log = file("log")
        const manager = yield* Effect.forkChild(
          ProcessManager.make("app", [
            noting(log, "a", 50),
            noting(log, "b", 50),
            Job.runnable("c", sh("sleep 600; :"))
          ])
        )
        yield* noted(log, "+b")
        const job = yield* jobOf("b")
        yield* said(job, "up")
        yield* Effect.flatMap(jobOf("a"), (a) => said(a, "up"))
        yield* Fiber.interrupt(manager)
        nobody(directory)
        assert.deepStrictEqual(notes(log).slice(2), ["?b", "-b", "?a", "-a"])
      })
  )

  real("an interruption at any moment leaves nobody", ({ directory }) =>
    Effect.gen(function*() {
      for (let round = 0; round < 12; round++) {
        const manager = yield* Effect.forkChild(ProcessManager.make("app", [
          Job.runnable("a", sh("sleep 600 & sleep 600"), { logs: false, grace: "50 millis" }),
          Job.runnable("b", sh("exit 1"), { logs: false, restart: Schedule.forever })
        ]))
        yield* Effect.sleep(round * 3)
        yield* Fiber.interrupt(manager)
        nobody(directory)
      }
    }))

  real(
    "a parent that has less time to give takes it from the child's grace",
    ({ directory }) =>
      Effect.gen(function*() {
        const inner = ProcessManager.make("inner", [
          Job.runnable("a", sh("trap '' TERM; echo up; while :; do sleep 600; done"), { grace: "1 minute" })
        ], { grace: "200 millis" })
        const handle = yield* ProcessManager.start(ProcessManager.make("app", [inner]))
        yield* Effect.flatMap(jobOf("inner/a"), (job) => said(job, "up"))
        const child = yield* handle.child("inner/a")
        assert.strictEqual(child.grace, 200)
        const [, millis] = yield* timed(handle.shutdown)
        nobody(directory)
        assert.isAtLeast(millis, 190)
        assert.isBelow(millis, 1000)
      })
  )

  real("it is not abandoned while its grace and its kill go on", ({ directory, logged }) =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [
          Job.runnable("a", sh("trap '' TERM; echo up; while :; do sleep 600; done"), { grace: "300 millis" })
        ])
      )
      yield* Effect.flatMap(jobOf("a"), (job) => said(job, "up"))
      const [outcome, millis] = yield* timed(handle.stop("a"))
      nobody(directory)
      assert.strictEqual(outcome, "done")
      assert.isAtLeast(millis, 290)
      assert.isBelow(millis, 1000)
      assert.strictEqual((yield* handle.child("a")).state._tag, "Stopped")
      assert.deepStrictEqual((yield* handle.status).abandoned, [])
      assert.deepStrictEqual(logged.filter((line) => line.includes("bandon")), [])
    }))
})

describe("Job.runnable: its directory", () => {
  real("is private, in the environment, and removed at the end", () =>
    Effect.gen(function*() {
      const app = ProcessManager.make("app", [
        ProcessManager.make("group", [
          Job.runnable("a/b c".replace("/", "-"), sh("echo \"$EFFECT_SUPERVISOR_DATA_DIR\"; exec sleep 600"))
        ])
      ])
      let directory = ""
      yield* Effect.gen(function*() {
        yield* ProcessManager.start(app)
        const job = yield* jobOf("group/a-b c")
        const data = yield* said(job, /./)
        directory = (yield* job.info).directory
        assert.strictEqual(data, directory)
        assert.strictEqual(statSync(data).mode & 0o777, 0o700)
        // Nobody else sees the logs either.
        assert.strictEqual(statSync(job.logs!.directory).mode & 0o077, 0)
      }).pipe(Effect.scoped, Effect.provide(Layer.fresh(NodeJobs.layer())))
      assert.isFalse(existsSync(directory))
      assert.isFalse(existsSync(join(directory, "../..")))
    }))

  real(
    "with a directory that is kept, a second program finds the logs of the first",
    ({ file }) =>
      Effect.gen(function*() {
        const kept = file("kept")
        const round = (n: number) =>
          Effect.gen(function*() {
            yield* ProcessManager.make("app", [Job.runnable("a", sh(`echo "round ${n}"`))])
            const job = yield* jobOf("a")
            const { directory } = yield* job.info
            const runs = yield* job.logs!.runs
            return {
              directory,
              logs: job.logs!.directory,
              lines: yield* stdoutOf(job),
              runs: runs.map(({ ended, run }) => [run, ended?.code, ended?.presumed])
            }
          }).pipe(Effect.scoped, Effect.provide(Layer.fresh(NodeJobs.layer({ directory: kept }))))
        const first = yield* round(1)
        assert.deepStrictEqual(first.lines, ["round 1"])
        // The logs are kept, what was the process' own is not.
        assert.isTrue(existsSync(first.logs))
        assert.isFalse(existsSync(first.directory))
        const second = yield* round(2)
        assert.strictEqual(second.directory, first.directory)
        assert.deepStrictEqual(second.lines, ["round 1", "round 2"])
        assert.deepStrictEqual(second.runs, [[1, 0, false], [2, 0, false]])
      })
  )

  real("two jobs do not share theirs, nor their logs", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(
        ProcessManager.make("app", [
          Job.runnable("a", sh("echo from a; echo error a >&2; exec sleep 600")),
          Job.runnable("b", sh("echo from b; echo error b >&2; exec sleep 600"))
        ])
      )
      for (const name of ["a", "b"]) {
        const job = yield* jobOf(name)
        yield* said(job, /from/)
        yield* said(job, /error/)
        assert.deepStrictEqual([yield* stdoutOf(job), yield* stderrOf(job)], [[`from ${name}`], [`error ${name}`]])
      }
      yield* handle.shutdown
    }))
})
