import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schedule, Scope } from "effect"
import { ProcessManager, RestartPolicy } from "effect-supervisor"
import { Command, ExitStatus, Job, Jobs, NodeJobs } from "effect-supervisor/process"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import {
  fixture,
  guardiansOf,
  left,
  linesOf,
  look,
  marked,
  markVariable,
  node,
  pidOf,
  ran,
  real,
  said,
  sh,
  show,
  started,
  stdoutOf,
  timed,
  until,
  withJobs
} from "../fixtures/process/job-support.ts"

const grace = "200 millis"
const killed = { _tag: "Done", forced: true, survivors: [] } as const

/** Ends a process that is in nobody's group. */
const end = (pid: number) =>
  Effect.andThen(Effect.sync(() => process.kill(pid, "SIGKILL")), until("it is gone", () => look(pid) === undefined))

/** Nobody is alive, now. */
const nobody = (directory: string) => assert.deepStrictEqual(show(marked(directory)), [])

describe("After a stop nobody of the group is alive", () => {
  real(
    "a leader that obeys while its child does not: the child is killed after the grace",
    ({ directory }) =>
      Effect.gen(function*() {
        const job = yield* started(sh("(trap '' TERM; echo up; while :; do sleep 600; done) & wait"), { grace })
        yield* said(job, "up")
        const [outcome, millis] = yield* timed(job.stop())
        nobody(directory)
        // The leader itself had gone by then, and says so.
        assert.deepInclude(outcome, {
          ...killed,
          status: ExitStatus.Signaled({ signal: "SIGTERM", coreDumped: false })
        })
        assert.isAtLeast(millis, 190)
        assert.isBelow(millis, 1000)
      })
  )

  real(
    "a leader that exits well when it is asked to, while its child does not",
    ({ directory }) =>
      Effect.gen(function*() {
        const script = "trap 'exit 0' TERM; (trap '' TERM; echo up; while :; do sleep 600; done) & wait"
        const job = yield* started(sh(script), { grace })
        yield* said(job, "up")
        assert.deepInclude(yield* job.stop(), { ...killed, status: ExitStatus.Exited({ code: 0 }) })
        nobody(directory)
      })
  )

  real("shells in shells: all of them end at once", ({ directory }) =>
    Effect.gen(function*() {
      const job = yield* started(sh("sh -c 'sh -c \"echo up; sleep 600; :\"; :'; :"))
      yield* said(job, "up")
      const [outcome, millis] = yield* timed(job.stop())
      nobody(directory)
      assert.deepInclude(outcome, { _tag: "Done", forced: false })
      assert.isBelow(millis, 1000)
    }))

  real("one that ignores the signal is killed after the grace", ({ directory }) =>
    Effect.gen(function*() {
      const job = yield* started(sh("trap '' TERM; echo up; while :; do sleep 600; done"), { grace })
      yield* said(job, "up")
      const outcome = yield* job.stop()
      nobody(directory)
      assert.deepInclude(outcome, { ...killed, status: ExitStatus.Signaled({ signal: "SIGKILL", coreDumped: false }) })
    }))

  real("one that is stopped goes on to end, and to clean up first", ({ directory }) =>
    Effect.gen(function*() {
      const job = yield* started(sh("trap 'echo cleaned; exit 3' TERM; echo up; kill -STOP $$; sleep 600 & wait"))
      yield* said(job, "up")
      const pid = yield* pidOf(job)
      yield* until("it is stopped", () => look(pid)?.state === "T")
      const [outcome, millis] = yield* timed(job.stop())
      nobody(directory)
      assert.deepInclude(outcome, { forced: false, status: ExitStatus.Exited({ code: 3 }) })
      assert.deepStrictEqual(yield* stdoutOf(job), ["up", "cleaned"])
      assert.isBelow(millis, 1000)
    }))

  real("one that hands over from process to process is caught", ({ directory }) =>
    Effect.gen(function*() {
      const script = "trap '' TERM; next() { sleep 0.01; next & }; next; echo up; sleep 600"
      const job = yield* started(sh(script), { grace: "50 millis" })
      yield* said(job, "up")
      const outcome = yield* job.stop()
      nobody(directory)
      assert.deepInclude(outcome, killed)
    }))

  real(
    "nor does one slip away that forks and ends, faster than the process table is read",
    ({ directory }) =>
      Effect.gen(function*() {
        const chain = Command.make("python3", [fixture("job-chain.py"), "4", "500"])
        for (let round = 0; round < 12; round++) {
          yield* ran(chain, { grace: "100 millis", drainTimeout: 20, onError: () => Effect.void })
          nobody(directory)
        }
      })
  )

  real("fifty jobs are stopped within a second", ({ directory }) =>
    Effect.gen(function*() {
      const all = { concurrency: "unbounded" } as const
      const jobs = yield* Effect.forEach(
        Array.from({ length: 50 }),
        (_, n) => Job.make(`many-${n}`, sh("sleep 600 & echo up; wait"), { grace: "3 seconds" }),
        all
      )
      yield* Effect.forEach(jobs, (job) => Effect.andThen(job.start, said(job, "up")), all)
      assert.isAtLeast(marked(directory).length, 100)
      const [outcomes, millis] = yield* timed(Effect.forEach(jobs, (job) => job.stop(), all))
      nobody(directory)
      assert.isTrue(outcomes.every((outcome) => outcome._tag === "Done" && !outcome.forced))
      assert.isBelow(millis, 1000)
    }), { timeout: 20_000 })

  real("a zombie that nobody reaps costs no second", () =>
    Effect.gen(function*() {
      const job = yield* started(Command.make("/usr/bin/python3", [fixture("job-zombie.py")]), { grace: "5 seconds" })
      const parent = Number(yield* said(job, /^\d+$/))
      yield* Effect.addFinalizer(() => end(parent))
      assert.isDefined(look(parent))
      const [outcome, millis] = yield* timed(job.stop())
      assert.deepInclude(outcome, { _tag: "Done", forced: false })
      assert.isBelow(millis, 1000)
      // And what comes after it does not wait either.
      const [, again] = yield* timed(job.start)
      assert.isBelow(again, 1000)
      const other = Number(yield* said(job, new RegExp(`^(?!${parent}$)\\d+$`)))
      yield* Effect.addFinalizer(() => end(other))
      yield* job.stop()
    }))

  real("and an orphan whose parent has gone costs none", () =>
    Effect.gen(function*() {
      const job = yield* started(sh("(sh -c 'sleep 600; :' & exit 0); echo up; sleep 600; :"))
      yield* said(job, "up")
      const [outcome, millis] = yield* timed(job.stop())
      assert.deepInclude(outcome, { _tag: "Done", forced: false })
      assert.isBelow(millis, 1000)
    }))
})

describe("After a program has ended by itself nobody of its group is alive", () => {
  real("a leader that crashes: before anything is told of its end", ({ directory, file }) =>
    Effect.gen(function*() {
      const { forced, status } = yield* ran(Command.make("sh", [fixture("job-crash.sh"), file("pids")]), { grace })
      nobody(directory)
      assert.deepStrictEqual([status, forced], [ExitStatus.Exited({ code: 7 }), true])
    }))

  real(
    "a leader that ends well, or by a signal, and leaves a child that obeys",
    ({ directory }) =>
      Effect.gen(function*() {
        for (const end of ["exit 0", "kill -KILL $$"]) {
          const { forced } = yield* ran(sh(`sleep 600 & ${end}`), { grace: "5 seconds" })
          nobody(directory)
          assert.isFalse(forced)
        }
      })
  )

  real("before any restart by hand", ({ file }) =>
    Effect.gen(function*() {
      const job = yield* started(Command.make("sh", [fixture("job-crash.sh"), file("pids")]), { grace: "50 millis" })
      for (let run = 0; run < 4; run++) {
        // When it has ended, and while it is being cleaned up.
        yield* until("it has a child", () => linesOf(file("pids")).length === run + 1)
        yield* run % 2 === 0 ? Effect.andThen(job.wait, job.start) : job.restart()
      }
      yield* job.wait
      const lines = yield* stdoutOf(job)
      assert.strictEqual(linesOf(file("pids")).length, 5)
      assert.deepStrictEqual(lines.filter((line) => line.startsWith("overlap")), [])
    }))

  real("before any restart by a policy", ({ directory, file }) =>
    Effect.gen(function*() {
      const crash = Job.runnable("crash", Command.make("sh", [fixture("job-crash.sh"), file("pids")]), {
        grace: "50 millis",
        restart: RestartPolicy.onFailure(Schedule.recurs(3))
      })
      const exit = yield* Effect.exit(ProcessManager.make("app", [crash]))
      assert.isTrue(Exit.isFailure(exit))
      nobody(directory)
      assert.strictEqual(linesOf(file("pids")).length, 4)
      const job = yield* Effect.flatMap(Jobs, (jobs) => jobs.get("crash"))
      const lines = yield* stdoutOf(job)
      assert.strictEqual(lines.filter((line) => line.startsWith("child")).length, 4)
      assert.deepStrictEqual(lines.filter((line) => line.startsWith("overlap")), [])
    }))

  real(
    "who has left the group and holds its output holds up nothing for long",
    ({ directory }) =>
      Effect.gen(function*() {
        const job = yield* started(sh("setsid sleep 600 & echo out; sleep 0.05; exit 3"), {
          drainTimeout: "300 millis"
        })
        const [outcome, millis] = yield* timed(job.wait)
        assert.deepInclude(outcome, { _tag: "Done", status: ExitStatus.Exited({ code: 3 }) })
        assert.isAtLeast(millis, 300)
        assert.isBelow(millis, 1000)
        assert.deepStrictEqual(yield* stdoutOf(job), ["out"])
        // It belongs to nobody: the test ends it.
        const others = marked(directory)
        assert.strictEqual(others.length, 1)
        yield* Effect.forEach(others, ({ pid }) => end(pid))
      })
  )
})

describe("Whatever becomes of who has started it, nothing is left", () => {
  real("the end of the scope stops it, with its grace", ({ directory }) =>
    Effect.gen(function*() {
      const [, millis] = yield* timed(Effect.scoped(Effect.gen(function*() {
        const job = yield* started(sh("trap '' TERM; (trap '' TERM; echo up; sleep 600; :) & sleep 600; :"), { grace })
        yield* said(job, "up")
      })))
      nobody(directory)
      assert.isAtLeast(millis, 200)
    }))

  real("a start that is interrupted at any moment leaves none", ({ directory }) =>
    Effect.gen(function*() {
      for (let round = 0; round < 20; round++) {
        const fiber = yield* Effect.forkChild(
          Effect.scoped(
            Effect.andThen(started(sh("sleep 600 & sleep 600"), { grace: "50 millis", logs: false }), Effect.never)
          )
        )
        yield* round % 2 === 0 ? Effect.sleep(round / 2) : Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        nobody(directory)
      }
    }))

  real("jobs that are open when their layer ends", ({ directory }) =>
    Effect.gen(function*() {
      const neverClosed = yield* Scope.make()
      yield* Effect.gen(function*() {
        const script = "trap '' TERM; echo up; while :; do sleep 600; done"
        const job = yield* Scope.provide(Job.make("forgotten", sh(script), { grace }), neverClosed)
        yield* job.start
        yield* said(job, "up")
      }).pipe(Effect.provide(Layer.fresh(NodeJobs.layer())))
      nobody(directory)
    }))

  it.live(
    "a supervisor that is killed with SIGKILL: within a second, and the guardian goes after them",
    () =>
      withJobs(({ directory }) =>
        Effect.gen(function*() {
          const supervisor = spawn(node, [fixture("job-supervisor.ts")], {
            stdio: ["ignore", "pipe", "inherit"],
            detached: true,
            // What it leaves of files goes with those of the test.
            env: { ...process.env, NODE_OPTIONS: "", TMPDIR: directory }
          })
          yield* Effect.addFinalizer(() => Effect.sync(() => supervisor.kill("SIGKILL")))
          const lines = createInterface(supervisor.stdout)[Symbol.asyncIterator]()
          const line = yield* Effect.promise(() => lines.next())
          const pids: ReadonlyArray<number> = JSON.parse(line.value!)
          assert.strictEqual(pids.length, 6)
          const guardians = guardiansOf(supervisor.pid!)
          assert.strictEqual(guardians.length, 1)
          assert.isAtLeast(marked(directory).length, 12)

          const ended = new Promise((resolve) => supervisor.once("exit", resolve))
          supervisor.kill("SIGKILL")
          yield* Effect.promise(() => ended)
          const begun = performance.now()
          while (marked(directory).length > 0 && performance.now() - begun < 1000) yield* Effect.sleep(5)
          assert.deepStrictEqual(show(marked(directory)), [], `after ${performance.now() - begun} ms`)
          // It stays a moment longer, where the dead are not reaped at once and look as if they could be signalled.
          yield* until("the guardian is gone", () => guardiansOf(supervisor.pid!).length === 0, 2000)
        })
      ),
    15_000
  )
})

describe("The tests themselves", () => {
  it.live("see what is left alive, name it and end it", () =>
    Effect.gen(function*() {
      let pid = 0
      const leaves = ({ directory }: { readonly directory: string }) =>
        Effect.promise(() => {
          const child = spawn("sleep", ["600"], { detached: true, env: { ...process.env, [markVariable]: directory } })
          pid = child.pid!
          return new Promise<void>((resolve) => child.once("spawn", resolve))
        })
      const exit = yield* Effect.exit(withJobs(leaves))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(exit), "sleep 600")
      yield* until("it is ended", () => look(pid) === undefined)
    }))

  it.live("see a guardian that is left", () =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      yield* withJobs(() =>
        Effect.gen(function*() {
          yield* ran(sh(":"))
          seen.push(...guardiansOf(process.pid).map(({ pid }) => pid))
        })
      )
      assert.strictEqual(seen.length, 1)
      assert.deepStrictEqual(left("no such mark"), [])
    }))
})
