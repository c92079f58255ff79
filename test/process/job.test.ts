/** The rules of a job, on scripted processes and virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { Command, ExitStatus, type Job, ProcessError, type ScriptedSpawner, Verb } from "effect-supervisor/process"
import { TestClock } from "effect/testing"
import { elapse, settle } from "../support.ts"
import {
  idle,
  type JobOptions,
  lasting,
  makeJob,
  makeWorld,
  openJob,
  polite,
  post,
  send,
  type Sent,
  shown,
  stateOf,
  stubborn,
  told,
  unkillable,
  withJob,
  type World
} from "./support.ts"

/** A program that ends after a second, by itself, and leaves another one in its group. */
const leaving = (left: ScriptedSpawner.Script, code = 0): ScriptedSpawner.Script => (process) =>
  Effect.as(Effect.andThen(process.fork(left), Effect.sleep(1000)), code)

// ---------------------------------------------------------------------------------------------------- the whole table

const verbs = {
  start: Verb.start,
  stop: Verb.stop(),
  restart: Verb.restart(),
  tryRestart: Verb.tryRestart(),
  signal: Verb.signal("SIGWINCH"),
  wait: Verb.wait,
  run: Verb.run(() => Effect.void),
  delete: Verb.deleteJob(),
  deleteNow: Verb.deleteNow
}

/** How to get there; what is logged on the way is not looked at. */
const situations: Record<string, (job: Job.Job, world: World) => Effect.Effect<unknown, unknown>> = {
  "pending": () => Effect.void,
  "running": (job) => job.start,
  "running, in the grace of a stop": (job) => Effect.andThen(job.start, send(job, Verb.stop())),
  "finished": (job, world) => Effect.andThen(job.start, world.exit(3)),
  "deleted": (job) => job.deleteNow
}

type Row = readonly [now: string, later: string, log: string, state: string]

const ended = "done: exited with code 0"
const killed = "done: was ended by SIGKILL (forced)"

/** What is said at once, what is said in the end, what happens to the processes, and the state that is left. */
const table: Record<string, Record<keyof typeof verbs, Row>> = {
  "pending": {
    start: ["done", "done", "+1", "Running"],
    stop: ["noop: not running", "noop: not running", "", "Pending"],
    restart: ["done", "done", "+1", "Running"],
    tryRestart: ["noop: not running", "noop: not running", "", "Pending"],
    signal: ["noop: not running", "noop: not running", "", "Pending"],
    wait: ["noop: never ran", "noop: never ran", "", "Pending"],
    run: ["done", "done", "", "Pending"],
    delete: ["done", "done", "", "Pending"],
    deleteNow: ["done", "done", "", "Pending"]
  },
  "running": {
    start: ["noop: already running", "noop: already running", "", "Running"],
    stop: ["waiting", ended, "TERM 1 -1", "Finished: exited with code 0"],
    restart: ["waiting", "done", "TERM 1 -1 +2", "Running"],
    tryRestart: ["waiting", "done", "TERM 1 -1 +2", "Running"],
    signal: ["done", "done", "WINCH 1", "Running"],
    wait: ["waiting", "waiting", "", "Running"],
    run: ["done", "done", "", "Running"],
    delete: ["waiting", ended, "TERM 1 -1", "Finished: exited with code 0"],
    deleteNow: [killed, killed, "KILL 1 -1", "Finished: was ended by SIGKILL"]
  },
  "running, in the grace of a stop": {
    start: ["waiting", "done", "-1 +2", "Running"],
    stop: [killed, killed, "KILL 1 -1", "Finished: was ended by SIGKILL"],
    restart: ["waiting", "done", "-1 +2", "Running"],
    tryRestart: ["waiting", "noop: not running", "-1", "Finished: exited with code 0"],
    signal: ["done", "done", "WINCH 1 -1", "Finished: exited with code 0"],
    wait: ["waiting", ended, "-1", "Finished: exited with code 0"],
    run: ["waiting", "done", "-1", "Finished: exited with code 0"],
    delete: ["waiting", "done", "-1", "Finished: exited with code 0"],
    deleteNow: [killed, killed, "KILL 1 -1", "Finished: was ended by SIGKILL"]
  },
  "finished": {
    start: ["done", "done", "+2", "Running"],
    stop: ["noop: not running", "noop: not running", "", "Finished: exited with code 3"],
    restart: ["done", "done", "+2", "Running"],
    tryRestart: ["noop: not running", "noop: not running", "", "Finished: exited with code 3"],
    signal: ["noop: not running", "noop: not running", "", "Finished: exited with code 3"],
    wait: ["done: exited with code 3", "done: exited with code 3", "", "Finished: exited with code 3"],
    run: ["done", "done", "", "Finished: exited with code 3"],
    delete: ["done", "done", "", "Finished: exited with code 3"],
    deleteNow: ["done", "done", "", "Finished: exited with code 3"]
  },
  "deleted": {
    start: ["failed: JobDeleted", "failed: JobDeleted", "", "Pending"],
    stop: ["failed: JobDeleted", "failed: JobDeleted", "", "Pending"],
    restart: ["failed: JobDeleted", "failed: JobDeleted", "", "Pending"],
    tryRestart: ["failed: JobDeleted", "failed: JobDeleted", "", "Pending"],
    signal: ["failed: JobDeleted", "failed: JobDeleted", "", "Pending"],
    wait: ["failed: JobDeleted", "failed: JobDeleted", "", "Pending"],
    run: ["failed: JobDeleted", "failed: JobDeleted", "", "Pending"],
    delete: ["noop: already deleted", "noop: already deleted", "", "Pending"],
    deleteNow: ["noop: already deleted", "noop: already deleted", "", "Pending"]
  }
}

/** Where the process takes a second to end when it is asked to. */
const row = (situation: string, verb: Verb.Verb) =>
  withJob({ script: () => polite(1000) }, (job, world) =>
    Effect.gen(function*() {
      yield* situations[situation]!(job, world)
      world.take()
      const sent = yield* send(job, verb)
      const now = sent.said()
      yield* elapse("20 seconds")
      return [now, sent.said(), world.take(), yield* stateOf(job)] as const
    }))

describe.each(Object.keys(table))("A job that is %s", (situation) => {
  for (const [verb, expected] of Object.entries(table[situation]!)) {
    it.effect(`${verb}: says ${expected[1]}`, () =>
      Effect.map(row(situation, verbs[verb as keyof typeof verbs]), (seen) => assert.deepStrictEqual(seen, expected)))
  }
})

// ------------------------------------------------------------------------------------------------------------ tickets

describe("Tickets", () => {
  it.effect("a ticket resolves after its effect", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        for (const verb of [Verb.start, Verb.restart(), Verb.tryRestart(), Verb.stop(), Verb.deleteJob()]) {
          yield* (yield* job.send(verb)).outcome
          seen.push(`${Verb.show(verb)}: ${shown(yield* job.state)}, ${world.take()}`)
        }
        assert.deepStrictEqual(seen, [
          "start: Running, +1",
          "restart: Running, TERM 1 -1 +2",
          "try-restart: Running, TERM 2 -2 +3",
          "stop: Finished: was ended by SIGTERM, TERM 3 -3",
          "delete: Finished: was ended by SIGTERM, "
        ])
      })))

  it.effect("of five who wait for one ticket all wake, and so does who comes later", () =>
    withJob({ script: () => polite(1000) }, (job) =>
      Effect.gen(function*() {
        yield* job.start
        const { outcome } = yield* job.send(Verb.stop())
        const five = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 5 }, () => outcome), { concurrency: "unbounded" })
        )
        yield* elapse("1 second")
        assert.deepStrictEqual((yield* Fiber.join(five)).map(told), Array.from({ length: 5 }, () => ended))
        assert.strictEqual(told(yield* outcome), ended)
      })))

  it.effect("of five tickets all are told when the job goes", () =>
    withJob({}, (job) =>
      Effect.gen(function*() {
        const hook = yield* post(job, Verb.run(() => Effect.never))
        const sent = yield* Effect.forEach(
          [Verb.start, Verb.stop(), Verb.restart(), Verb.signal("SIGHUP"), Verb.run(() => Effect.void)],
          (verb) => post(job, verb)
        )
        const waiting = yield* post(job, Verb.wait)
        yield* job.deleteNow
        yield* settle
        assert.deepStrictEqual(sent.map(({ said }) => said()), sent.map(() => "failed: JobDeleted"))
        assert.strictEqual(hook.said(), "failed: JobDeleted")
        assert.strictEqual(waiting.said(), "noop: never ran")
      })))

  it.effect("a verb is never taken back by who sent it going away", () =>
    withJob({ script: () => polite(1000) }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        const sender = yield* Effect.forkChild(Effect.andThen(job.restart(), Effect.die("it was interrupted")), {
          startImmediately: true
        })
        yield* Fiber.interrupt(sender)
        yield* elapse("1 second")
        assert.strictEqual(world.take(), "+1 TERM 1 -1 +2")
        assert.strictEqual(yield* stateOf(job), "Running")
      })))

  it.effect("the state is right as soon as start has answered", () =>
    withJob({ script: () => lasting(1000) }, (job) =>
      Effect.gen(function*() {
        for (let run = 1; run <= 100; run++) {
          yield* job.start
          assert.strictEqual((yield* job.state)._tag, "Running")
          const { pid, runs, state } = yield* job.info
          assert.strictEqual(state._tag === "Running" ? state.pid : undefined, pid)
          assert.strictEqual(runs, run)
          yield* elapse("1 second")
          assert.strictEqual(yield* stateOf(job), "Finished: exited with code 0")
          assert.strictEqual((yield* job.info).pid, undefined)
        }
      })))

  it.effect("the verbs of a job fail with the error of their ticket", () =>
    withJob({ refuse: () => "NotFound" }, (job) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(job.start)
        assert.instanceOf(error, ProcessError.SpawnFailed)
        assert.strictEqual((yield* Effect.flip(job.restart()))._tag, "SpawnFailed")
      })))

  it.effect("ten thousand verbs that waited their turn are all carried out", () =>
    withJob({}, (job) =>
      Effect.gen(function*() {
        const gate = Deferred.makeUnsafe<void>()
        yield* post(job, Verb.run(() => Deferred.await(gate)))
        let ran = 0
        const verb = Verb.run(() => Effect.sync(() => ran++))
        const tickets = yield* Effect.forEach(Array.from({ length: 10_000 }), () => job.send(verb))
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(told(yield* tickets.at(-1)!.outcome), "done")
        assert.strictEqual(ran, 10_000)
      })))
})

// --------------------------------------------------------------------------------------------------------------- wait

describe("Waiting", () => {
  it.effect("wait on a job that never ran says so", () =>
    withJob({}, (job) => Effect.map(job.wait, (outcome) => assert.strictEqual(told(outcome), "noop: never ran"))))

  it.effect("wait waits for a start that was sent before it", () =>
    withJob(
      { job: { onSpawn: ({ command }) => Effect.delay(Effect.succeed(command), 1000) } },
      (job, world) =>
        Effect.gen(function*() {
          const start = yield* post(job, Verb.start)
          const wait = yield* send(job, Verb.wait)
          assert.strictEqual(wait.said(), "waiting")
          yield* elapse("1 second")
          assert.deepStrictEqual([start.said(), wait.said()], ["done", "waiting"])
          yield* world.exit(4)
          assert.strictEqual(wait.said(), "done: exited with code 4")
        })
    ))

  it.effect("wait waits for a start that is behind other verbs, and says if it failed", () =>
    withJob({ refuse: () => "NotFound" }, (job) =>
      Effect.gen(function*() {
        yield* post(job, Verb.run(() => Effect.sleep(1000)))
        yield* post(job, Verb.start)
        const wait = yield* send(job, Verb.wait)
        assert.strictEqual(wait.said(), "waiting")
        yield* elapse("1 second")
        assert.strictEqual(wait.said(), "done: could not be started: NotFound")
      })))

  it.effect("wait on a job that has ended is answered at once, also during a hook", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        yield* world.exit(4)
        yield* post(job, Verb.run(() => Effect.never))
        assert.strictEqual((yield* send(job, Verb.wait)).said(), "done: exited with code 4")
      })))

  it.effect("wait does not wait for a start that was sent after it", () =>
    withJob({}, (job) =>
      Effect.gen(function*() {
        yield* post(job, Verb.run(() => Effect.sleep(1000)))
        const wait = yield* post(job, Verb.wait)
        yield* post(job, Verb.start)
        yield* elapse("2 seconds")
        assert.strictEqual(wait.said(), "noop: never ran")
      })))

  it.effect("many may wait for one run, and all hear how it ended", () =>
    withJob({ script: () => lasting(1000, 7) }, (job) =>
      Effect.gen(function*() {
        yield* job.start
        const waits = yield* Effect.forEach(Array.from({ length: 5 }), () => post(job, Verb.wait))
        yield* elapse("1 second")
        assert.deepStrictEqual(waits.map(({ said }) => said()), waits.map(() => "done: exited with code 7"))
      })))

  it.effect("who waits hears of the end of the run that was restarted", () =>
    withJob({ script: (run) => polite(1000, run) }, (job) =>
      Effect.gen(function*() {
        yield* job.start
        const wait = yield* post(job, Verb.wait)
        yield* post(job, Verb.restart())
        yield* elapse("1 second")
        assert.strictEqual(wait.said(), "done: exited with code 1")
        assert.strictEqual(yield* stateOf(job), "Running")
      })))
})

// ------------------------------------------------------------------------------------------------------------- ending

describe("Ending a run", () => {
  it.effect("a stop is the signal, the grace, and then SIGKILL", () =>
    withJob({ script: () => stubborn, timed: true }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        const stop = yield* send(job, Verb.stop({ signal: "SIGINT", grace: "2 seconds" }))
        yield* elapse("1999 millis")
        assert.strictEqual(stop.said(), "waiting")
        yield* elapse("1 millis")
        assert.strictEqual(stop.said(), killed)
        assert.strictEqual(world.take(), "+1@0 INT 1@0 KILL 1@2000 -1@2000")
      })))

  it.effect("signal and grace are those of the job, unless the verb has its own", () =>
    withJob(
      { script: () => stubborn, timed: true, job: { stopSignal: "SIGHUP", grace: "3 seconds" } },
      (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          yield* post(job, Verb.restart({ grace: "1 second" }))
          yield* elapse("1 second")
          yield* post(job, Verb.stop({ signal: "SIGINT" }))
          yield* elapse("3 seconds")
          assert.strictEqual(
            world.take(),
            "+1@0 HUP 1@0 KILL 1@1000 -1@1000 +2@1000 INT 2@1000 KILL 2@4000 -2@4000"
          )
        })
    ))

  it.effect("grace 0 kills at once", () =>
    withJob({ script: () => polite(0), job: { grace: 0 } }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        assert.strictEqual(told(yield* job.stop()), killed)
        assert.strictEqual(world.take(), "+1 KILL 1 -1")
      })))

  it.effect("grace infinity waits", () =>
    withJob({ script: () => stubborn, job: { grace: "infinity" } }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        const stop = yield* send(job, Verb.stop())
        yield* elapse("365 days")
        assert.strictEqual(stop.said(), "waiting")
        yield* world.exit(0)
        assert.strictEqual(stop.said(), ended)
        assert.strictEqual(world.take(), "+1 TERM 1 -1")
      })))

  it.effect("a second stop during a grace ends the grace", () =>
    withJob({ script: () => stubborn }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        const first = yield* send(job, Verb.stop())
        yield* elapse("1 second")
        const second = yield* send(job, Verb.stop())
        assert.deepStrictEqual([first.said(), second.said()], [killed, killed])
        assert.strictEqual(world.take(), "+1 TERM 1 KILL 1 -1")
      })))

  it.effect("a stop during a restart's grace supersedes the restart", () =>
    withJob({ script: () => stubborn }, (job, world) =>
      Effect.gen(function*() {
        for (const verb of [Verb.restart(), Verb.tryRestart()]) {
          yield* job.start
          const restart = yield* send(job, verb)
          const stop = yield* send(job, Verb.stop())
          assert.deepStrictEqual([restart.said(), stop.said()], ["failed: Superseded", killed])
          assert.match(restart.error().message, /restart.*stop came after it/)
        }
        yield* elapse("1 minute")
        assert.strictEqual(world.take(), "+1 TERM 1 KILL 1 -1 +2 TERM 2 KILL 2 -2")
      })))

  for (const verb of [Verb.start, Verb.restart(), Verb.tryRestart()]) {
    it.effect(`who says stop last is left with nothing running, also with a ${Verb.show(verb)} before it`, () =>
      withJob({ script: () => polite(1000) }, (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          yield* post(job, Verb.stop())
          yield* post(job, verb)
          yield* post(job, Verb.stop())
          yield* elapse("1 minute")
          assert.strictEqual(world.living(), 0)
          assert.strictEqual((yield* job.state)._tag, "Finished")
        })))
  }

  it.effect("a signal reaches the process during the grace of a stop", () =>
    withJob(
      {
        script: () => (process) =>
          Effect.gen(function*() {
            const heard = Deferred.makeUnsafe<void>()
            yield* process.on("SIGTERM", Effect.void)
            yield* process.on("SIGUSR1", Deferred.succeed(heard, undefined))
            yield* Deferred.await(heard)
            return 5
          })
      },
      (job) =>
        Effect.gen(function*() {
          yield* job.start
          yield* settle
          const stop = yield* send(job, Verb.stop())
          assert.strictEqual((yield* send(job, Verb.signal("SIGUSR1"))).said(), "done")
          assert.strictEqual(stop.said(), "done: exited with code 5")
        })
    ))

  it.effect("ordinary verbs wait for the grace, in their order", () =>
    withJob({ script: () => polite(1000) }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        yield* settle
        yield* post(job, Verb.stop())
        const start = yield* post(job, Verb.start)
        const hook = yield* post(job, Verb.run(({ current }) => Effect.sync(() => world.log.push(current._tag))))
        const restart = yield* send(job, Verb.restart())
        assert.deepStrictEqual([start, hook, restart].map(({ said }) => said()), ["waiting", "waiting", "waiting"])
        yield* elapse("1 second")
        yield* elapse("1 second")
        assert.deepStrictEqual([start, hook, restart].map(({ said }) => said()), ["done", "done", "done"])
        assert.strictEqual(world.take(), "+1 TERM 1 -1 +2 Running TERM 2 -2 +3")
      })))

  it.effect("no phantom restart: try-restart past its grace leaves nothing behind", () =>
    withJob({ script: (run) => run === 1 ? stubborn : lasting(60_000) }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        const restart = yield* send(job, Verb.tryRestart({ grace: "1 second" }))
        yield* elapse("1 second")
        assert.strictEqual(restart.said(), "done")
        assert.strictEqual(world.take(), "+1 TERM 1 KILL 1 -1 +2")
        yield* elapse("1 hour")
        assert.strictEqual(world.take(), "-2")
        assert.strictEqual(yield* stateOf(job), "Finished: exited with code 0")
      })))

  it.effect("a process that ends during its grace tells how", () =>
    withJob({ script: () => polite(1000, 42) }, (job) =>
      Effect.gen(function*() {
        yield* job.start
        yield* settle
        const stop = yield* send(job, Verb.stop())
        yield* elapse("1 second")
        assert.strictEqual(stop.said(), "done: exited with code 42")
      })))

  it.effect("a leader that ends leaves its group to be swept: TERM, grace, KILL, before the run is over", () =>
    withJob(
      { timed: true, script: () => leaving(stubborn, 3) },
      (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          const wait = yield* send(job, Verb.wait)
          yield* elapse("1 second")
          assert.deepStrictEqual([yield* stateOf(job), wait.said()], ["Running", "waiting"])
          yield* elapse("4999 millis")
          assert.strictEqual(wait.said(), "waiting")
          yield* elapse("1 millis")
          assert.strictEqual(wait.said(), "done: exited with code 3 (forced)")
          assert.strictEqual(world.take(), "+1@0 TERM 1@1000 KILL 1@6000 -1@6000")
        })
    ))

  it.effect("what a leader leaves and obeys SIGTERM is no forced end", () =>
    withJob({ script: () => leaving(idle) }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        yield* elapse("1 second")
        assert.strictEqual(told(yield* job.wait), ended)
        assert.strictEqual(world.take(), "+1 TERM 1 -1")
      })))

  it.effect("a leader that ends alone is not signalled", () =>
    withJob({ script: () => lasting(1000) }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        yield* elapse("1 second")
        assert.strictEqual(world.take(), "+1 -1")
      })))

  it.effect("a leader that obeys while its child does not: the stop ends when nobody is left", () =>
    withJob(
      { script: () => (process) => Effect.andThen(process.fork(stubborn), Effect.never) },
      (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          yield* settle
          const stop = yield* send(job, Verb.stop())
          assert.strictEqual(stop.said(), "waiting")
          yield* elapse("5 seconds")
          assert.strictEqual(stop.said(), "done: was ended by SIGTERM (forced)")
          assert.strictEqual(world.take(), "+1 TERM 1 KILL 1 -1")
        })
    ))

  it.effect("a stop while what a leader left is swept: its own signal and grace count", () =>
    withJob(
      {
        timed: true,
        script: () => leaving(stubborn),
        job: { grace: "infinity" }
      },
      (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          yield* elapse("2 seconds")
          const stop = yield* send(job, Verb.stop({ signal: "SIGINT", grace: "2 seconds" }))
          yield* elapse("2 seconds")
          assert.strictEqual(stop.said(), "done: exited with code 0 (forced)")
          assert.strictEqual(world.take(), "+1@0 TERM 1@1000 INT 1@2000 KILL 1@4000 -1@4000")
        })
    ))

  it.effect("a stop with grace 0 while what a leader left is swept kills at once", () =>
    withJob({ script: () => leaving(stubborn) }, (job) =>
      Effect.gen(function*() {
        yield* job.start
        yield* elapse("1 second")
        assert.strictEqual((yield* send(job, Verb.stop({ grace: 0 }))).said(), "done: exited with code 0 (forced)")
      })))

  it.effect("a start is not lost on a job whose leader has ended and is being swept", () =>
    withJob({ script: (run) => run > 1 ? idle : leaving(stubborn) }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        yield* elapse("1 second")
        const start = yield* send(job, Verb.start)
        assert.strictEqual(start.said(), "waiting")
        yield* elapse("5 seconds")
        assert.strictEqual(start.said(), "done")
        assert.strictEqual(world.take(), "+1 TERM 1 KILL 1 -1 +2")
      })))

  it.effect("what survives SIGKILL is named and blocks the next start (StillAlive)", () => {
    const gate = Deferred.makeUnsafe<void>()
    return withJob(
      { script: (run) => run > 1 ? idle : (process) => Effect.andThen(process.fork(unkillable(gate)), Effect.never) },
      (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          yield* settle
          const stop = yield* send(job, Verb.stop({ grace: "1 second" }))
          // The grace, the time for SIGKILL, and the time for output: who survives holds the pipes.
          yield* elapse("6999 millis")
          assert.strictEqual(stop.said(), "waiting")
          yield* elapse("1 millis")
          assert.strictEqual(stop.said(), "done: was ended by SIGTERM (forced) survivors: 1")
          const state = yield* job.state
          assert.match(state._tag === "Finished" ? state.survivors.join() : "", /^forked \(pid \d+, S\)$/)
          for (const verb of [Verb.start, Verb.restart()]) {
            const blocked = yield* send(job, verb)
            assert.strictEqual(blocked.said(), "failed: StillAlive")
            assert.match(blocked.error().message, /"server --port 8080" left processes .* forked \(pid \d+, S\)/)
          }
          assert.strictEqual(yield* stateOf(job), "Finished: was ended by SIGTERM")
          yield* Deferred.succeed(gate, undefined)
          yield* settle
          assert.strictEqual((yield* send(job, Verb.start)).said(), "done")
          assert.match(world.take(), /^\+1 TERM 1 (KILL 1 )+-1 \+2$/)
        })
    ).pipe(Effect.ensuring(Deferred.succeed(gate, undefined)))
  })

  it.effect("a leader that survives SIGKILL does not hold up the stop either", () => {
    const gate = Deferred.makeUnsafe<void>()
    return withJob(
      { script: () => unkillable(gate), job: { killTimeout: "2 seconds" } },
      (job) =>
        Effect.gen(function*() {
          yield* job.start
          yield* settle
          const stop = yield* send(job, Verb.stop({ grace: 0 }))
          yield* elapse("3 seconds")
          assert.strictEqual(stop.said(), "done: was ended by SIGKILL (forced) survivors: 1")
        })
    ).pipe(Effect.ensuring(Deferred.succeed(gate, undefined)))
  })

  it.effect("a signal that the platform does not have is an error of the signal, and the process runs on", () =>
    withJob({}, (job) =>
      Effect.gen(function*() {
        yield* job.start
        const sent = yield* send(job, Verb.signal("SIGNOPE" as "SIGTERM"))
        assert.strictEqual(sent.said(), "failed: SignalFailed")
        assert.match(sent.error().message, /SIGNOPE.*"server --port 8080"/)
        assert.strictEqual(yield* stateOf(job), "Running")
      })))

  it.effect("a stop whose signal cannot be sent tells the error sink, and still ends the run", () => {
    const errors: Array<string> = []
    return withJob(
      { job: { onError: (error) => Effect.sync(() => errors.push(error._tag)) } },
      (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          yield* post(job, Verb.stop({ signal: "SIGNOPE" as "SIGTERM" }))
          yield* elapse("10 seconds")
          assert.strictEqual(world.living(), 0)
          assert.deepStrictEqual(errors, ["SignalFailed"])
        })
    )
  })

  it.effect("a grace that makes no sense is refused as such, and nothing else is said of the job", () =>
    withJob({}, (job) =>
      Effect.gen(function*() {
        yield* job.start
        for (const make of [Verb.stop, Verb.restart, Verb.tryRestart, Verb.deleteJob]) {
          const exit = yield* Effect.exit(
            Effect.suspend(() => job.send(make({ grace: -1 }))).pipe(
              Effect.flatMap(({ outcome }) => outcome)
            )
          )
          assert.isTrue(Exit.isFailure(exit), `it said ${Exit.isSuccess(exit) ? told(exit.value) : ""}`)
          assert.strictEqual((Cause.squash((exit as Exit.Failure<never, never>).cause) as Error).name, "InvalidOption")
        }
        assert.strictEqual(yield* stateOf(job), "Running")
      })))
})

// ------------------------------------------------------------------------------------------------------------ deleting

describe("Deleting", () => {
  it.effect("delete stops with its grace, and the job takes no more verbs from then on", () =>
    withJob({ script: () => polite(1000) }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        yield* settle
        const gone = yield* send(job, Verb.deleteJob())
        const after = yield* send(job, Verb.start)
        assert.deepStrictEqual([gone.said(), world.take()], ["waiting", "+1 TERM 1"])
        yield* elapse("1 second")
        assert.deepStrictEqual([gone.said(), after.said()], [ended, "failed: JobDeleted"])
        assert.match(after.error().message, /start of job "server --port 8080" was not carried out/)
        assert.deepStrictEqual([world.take(), world.living()], ["-1", 0])
      })))

  it.effect("verbs that come before a delete are carried out, those after it are refused", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        yield* post(job, Verb.run(() => Effect.sleep(1000)))
        const sent = yield* Effect.forEach(
          [Verb.start, Verb.restart(), Verb.deleteJob(), Verb.start, Verb.stop()],
          (verb) => post(job, verb)
        )
        yield* elapse("1 second")
        assert.deepStrictEqual(sent.map(({ said }) => said()), [
          "done",
          "done",
          "done: was ended by SIGTERM",
          "failed: JobDeleted",
          "failed: JobDeleted"
        ])
        assert.strictEqual(world.take(), "+1 TERM 1 -1 +2 TERM 2 -2")
      })))

  it.effect("a stop during the grace of a delete ends the grace, and the job is deleted", () =>
    withJob({ script: () => stubborn }, (job) =>
      Effect.gen(function*() {
        yield* job.start
        yield* settle
        const gone = yield* send(job, Verb.deleteJob())
        const stop = yield* send(job, Verb.stop())
        assert.deepStrictEqual([gone.said(), stop.said()], [killed, killed])
        assert.strictEqual((yield* send(job, Verb.start)).said(), "failed: JobDeleted")
      })))

  it.effect("deleteNow during the grace of a delete ends it, and both are told", () =>
    withJob({ script: () => stubborn }, (job) =>
      Effect.gen(function*() {
        yield* job.start
        yield* settle
        const gone = yield* send(job, Verb.deleteJob())
        const now = yield* send(job, Verb.deleteNow)
        assert.deepStrictEqual([gone.said(), now.said()], [killed, killed])
      })))

  it.effect("deleteNow comes before everything that waits, also during a hook that never ends", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        yield* settle
        const hook = yield* post(job, Verb.run(() => Effect.uninterruptible(Effect.never)))
        const waiting = yield* Effect.forEach([Verb.restart(), Verb.stop()], (verb) => post(job, verb))
        const now = yield* send(job, Verb.deleteNow)
        assert.strictEqual(now.said(), killed)
        assert.deepStrictEqual([hook, ...waiting].map(({ said }) => said()), [
          "failed: JobDeleted",
          "failed: JobDeleted",
          "failed: JobDeleted"
        ])
        assert.strictEqual(world.take(), "+1 KILL 1 -1")
      })))

  it.effect("deleteNow does not wait for a spawn hook that cannot be interrupted, and that starts nothing", () => {
    const gate = Deferred.makeUnsafe<void>()
    return withJob(
      { job: { onSpawn: ({ command }) => Effect.uninterruptible(Effect.as(Deferred.await(gate), command)) } },
      (job, world) =>
        Effect.gen(function*() {
          const start = yield* post(job, Verb.start)
          const now = yield* send(job, Verb.deleteNow)
          const said = [start.said(), now.said()]
          yield* Deferred.succeed(gate, undefined)
          yield* settle
          assert.deepStrictEqual(said, ["failed: JobDeleted", "done"])
          assert.strictEqual(world.take(), "")
        })
    )
  })

  it.effect("a spawn hook is interrupted by deleteNow, and nothing is started", () =>
    withJob({ job: { onSpawn: () => Effect.never } }, (job, world) =>
      Effect.gen(function*() {
        const start = yield* send(job, Verb.start)
        assert.strictEqual(told(yield* job.deleteNow), "done")
        yield* settle
        assert.strictEqual(start.said(), "failed: JobDeleted")
        assert.strictEqual(world.take(), "")
      })))

  it.effect("a hook that deletes its own job is told so, and does not run on", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        yield* settle
        const hook = yield* send(
          job,
          Verb.run(() =>
            job.send(Verb.deleteNow).pipe(
              Effect.andThen(Effect.never),
              Effect.onInterrupt(() => Effect.sync(() => world.log.push("interrupted")))
            )
          )
        )
        assert.strictEqual(hook.said(), "failed: JobDeleted")
        assert.strictEqual(world.living(), 0)
        assert.include(world.log, "interrupted")
      })))

  it.effect("a spawn hook that deletes its own job starts nothing", () => {
    const job: Array<Job.Job> = []
    return withJob(
      {
        job: { onSpawn: ({ command }) => Effect.as(Effect.suspend(() => job[0]!.send(Verb.deleteNow)), command) }
      },
      (it, world) =>
        Effect.gen(function*() {
          job.push(it)
          const start = yield* send(it, Verb.start)
          yield* elapse("1 minute")
          assert.strictEqual(start.said(), "failed: JobDeleted")
          assert.strictEqual(world.take(), "")
        })
    )
  })

  it.effect("a stop that deleteNow overtakes has been carried out, by the end of the run", () =>
    withJob({ script: () => stubborn }, (job) =>
      Effect.gen(function*() {
        yield* job.start
        yield* settle
        const stop = yield* send(job, Verb.stop())
        const restart = yield* send(job, Verb.restart())
        const now = yield* send(job, Verb.deleteNow)
        assert.deepStrictEqual([stop.said(), now.said()], [killed, killed])
        assert.strictEqual(restart.said(), "failed: JobDeleted")
      })))

  it.effect("of two who delete at once the second is told that it was deleted", () =>
    withJob({}, (job) =>
      Effect.gen(function*() {
        const sent = [yield* post(job, Verb.deleteJob()), yield* send(job, Verb.deleteJob())]
        assert.deepStrictEqual(sent.map(({ said }) => said()), ["done", "noop: already deleted"])
      })))

  it.effect("who waits for the run is told how it ended when the job is deleted", () =>
    withJob({}, (job) =>
      Effect.gen(function*() {
        yield* job.start
        const wait = yield* post(job, Verb.wait)
        yield* job.deleteNow
        yield* settle
        assert.strictEqual(wait.said(), killed)
      })))

  it.effect("a job that is deleted keeps answering questions", () =>
    withJob({}, (job) =>
      Effect.gen(function*() {
        yield* job.start
        yield* job.delete()
        const info = yield* job.info
        assert.deepStrictEqual([info.runs, info.history.length, shown(info.state)], [
          1,
          1,
          "Finished: was ended by SIGTERM"
        ])
      })))

  it.effect("the name of a deleted job is free for another one", () =>
    withJob({}, (job) => Effect.andThen(job.delete(), makeJob())))
})

// --------------------------------------------------------------------------------------------------- closing the scope

/** A job in a scope of its own, to be closed by hand. */
const scoped = Effect.fnUntraced(function*(world: World, options?: JobOptions) {
  const services = yield* Layer.build(world.layer)
  const scope = yield* Scope.make()
  const job = yield* Effect.provideContext(Scope.provide(openJob(options), scope), services)
  // So that a test that fails is over at once.
  yield* Effect.addFinalizer(() => job.send(Verb.deleteNow))
  return { job, close: Scope.close(scope, Exit.void) }
})

describe("Closing the scope of a job", () => {
  it.effect("closing the scope stops the process with its grace", () =>
    Effect.gen(function*() {
      const world = makeWorld({ script: () => stubborn, timed: true })
      const { close, job } = yield* scoped(world, { grace: "2 seconds" })
      yield* job.start
      yield* settle
      const closing = yield* Effect.forkChild(close)
      yield* elapse("1999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* elapse("1 millis")
      yield* Fiber.join(closing)
      assert.strictEqual(world.take(), "+1@0 TERM 1@0 KILL 1@2000 -1@2000")
    }))

  for (const verb of [Verb.stop(), Verb.restart(), Verb.tryRestart(), Verb.deleteJob()]) {
    it.effect(`closing during the grace of a ${Verb.show(verb)} neither shortens nor renews it`, () =>
      Effect.gen(function*() {
        const world = makeWorld({ script: () => stubborn, timed: true })
        const { close, job } = yield* scoped(world, { grace: "10 seconds" })
        yield* job.start
        yield* settle
        yield* post(job, verb)
        yield* elapse("7 seconds")
        const closing = yield* Effect.forkChild(close)
        yield* elapse("2999 millis")
        assert.isUndefined(closing.pollUnsafe())
        yield* elapse("1 millis")
        yield* Fiber.join(closing)
        assert.strictEqual(world.take(), "+1@0 TERM 1@0 KILL 1@10000 -1@10000")
      }))
  }

  it.effect("closing while what a leader left is swept neither shortens nor renews its grace", () =>
    Effect.gen(function*() {
      const world = makeWorld({ script: () => leaving(stubborn), timed: true })
      const { close, job } = yield* scoped(world, { grace: "10 seconds" })
      yield* job.start
      yield* elapse("8 seconds")
      const closing = yield* Effect.forkChild(close)
      yield* elapse("2999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* elapse("1 millis")
      assert.strictEqual(world.take(), "+1@0 TERM 1@1000 KILL 1@11000 -1@11000")
      yield* Fiber.join(closing)
    }))

  it.effect("a stop whose grace goes on when the scope closes is done, not refused", () =>
    Effect.gen(function*() {
      const world = makeWorld({ script: () => polite(2000) })
      const { close, job } = yield* scoped(world)
      yield* job.start
      yield* settle
      const stop = yield* send(job, Verb.stop())
      const closing = yield* Effect.forkChild(close)
      yield* elapse("2 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual(stop.said(), ended)
    }))

  it.effect("verbs that wait are refused, and so are those after it", () =>
    Effect.gen(function*() {
      const world = makeWorld({ script: () => polite(1000) })
      const { close, job } = yield* scoped(world)
      yield* job.start
      yield* settle
      const restart = yield* post(job, Verb.restart())
      const queued = yield* post(job, Verb.start)
      const wait = yield* post(job, Verb.wait)
      const closing = yield* Effect.forkChild(close)
      yield* settle
      const late = yield* send(job, Verb.start)
      yield* elapse("1 second")
      yield* Fiber.join(closing)
      assert.deepStrictEqual([restart, queued, late].map(({ said }) => said()), [
        "failed: JobDeleted",
        "failed: JobDeleted",
        "failed: JobDeleted"
      ])
      assert.strictEqual(wait.said(), ended)
      assert.strictEqual(world.take(), "+1 TERM 1 -1")
    }))

  it.effect("deleteNow while the scope closes ends its grace", () =>
    Effect.gen(function*() {
      const world = makeWorld({ script: () => stubborn })
      const { close, job } = yield* scoped(world)
      yield* job.start
      yield* settle
      const closing = yield* Effect.forkChild(close)
      yield* settle
      const now = yield* send(job, Verb.deleteNow)
      yield* Fiber.join(closing)
      assert.strictEqual(now.said(), killed)
      assert.strictEqual(world.take(), "+1 TERM 1 KILL 1 -1")
    }))

  it.effect("closing interrupts a hook, and does not wait for one that cannot be", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const { close, job } = yield* scoped(world)
      yield* job.start
      yield* settle
      const hook = yield* post(job, Verb.run(() => Effect.uninterruptible(Effect.never)))
      yield* close
      yield* settle
      assert.strictEqual(hook.said(), "failed: JobDeleted")
      assert.strictEqual(world.take(), "+1 TERM 1 -1")
    }))

  it.effect("closing while a spawn hook runs starts nothing", () =>
    Effect.gen(function*() {
      const world = makeWorld()
      const { close, job } = yield* scoped(world, { onSpawn: () => Effect.never })
      const start = yield* send(job, Verb.start)
      yield* close
      yield* settle
      assert.strictEqual(start.said(), "failed: JobDeleted")
      assert.strictEqual(world.take(), "")
    }))

  it.effect("who waits while the scope closes is told how the run ended", () =>
    Effect.gen(function*() {
      const world = makeWorld({ script: () => polite(1000) })
      const { close, job } = yield* scoped(world)
      yield* job.start
      yield* settle
      const closing = yield* Effect.forkChild(close)
      yield* settle
      const wait = yield* send(job, Verb.wait)
      assert.strictEqual(wait.said(), "waiting")
      yield* elapse("1 second")
      yield* Fiber.join(closing)
      assert.strictEqual(wait.said(), ended)
    }))

  it.effect("closing during the grace of a restart runs no spawn hook for a start that is not to come", () =>
    Effect.gen(function*() {
      let starts = 0
      const world = makeWorld({ script: () => polite(1000) })
      const { close, job } = yield* scoped(world, {
        onSpawn: ({ command }) =>
          Effect.sync(() => {
            starts++
            return command
          })
      })
      yield* job.start
      yield* settle
      yield* post(job, Verb.restart())
      const closing = yield* Effect.forkChild(close)
      yield* elapse("1 second")
      yield* Fiber.join(closing)
      assert.strictEqual(starts, 1)
    }))

  it.effect("the end of all jobs stops those made by hand, whose directories are there until then", () =>
    Effect.gen(function*() {
      let isThere: boolean | undefined
      const world: World = makeWorld({
        script: (_, { settings }) => (process) =>
          Effect.gen(function*() {
            const asked = Deferred.makeUnsafe<void>()
            yield* process.on("SIGTERM", Deferred.succeed(asked, undefined))
            yield* Deferred.await(asked)
            isThere = world.has(settings.env["EFFECT_SUPERVISOR_DATA_DIR"])
          })
      })
      const outer = yield* Scope.make()
      const services = yield* Scope.provide(Layer.build(world.layer), outer)
      const scope = yield* Scope.make()
      const job = yield* Effect.provideContext(Scope.provide(openJob(), scope), services)
      yield* job.start
      yield* settle
      const { directory } = yield* job.info
      yield* Scope.close(outer, Exit.void)
      assert.strictEqual(world.take(), "+1 TERM 1 -1")
      assert.strictEqual(isThere, true)
      assert.isFalse(world.has(directory))
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect("the private directory is there while the process is asked to end, and gone after that", () =>
    Effect.gen(function*() {
      const world = makeWorld({ script: () => polite(1000) })
      const { close, job } = yield* scoped(world)
      yield* job.start
      yield* settle
      const { directory } = yield* job.info
      const closing = yield* Effect.forkChild(close)
      yield* settle
      assert.isTrue(world.has(directory))
      yield* elapse("1 second")
      yield* Fiber.join(closing)
      assert.isFalse(world.has(directory))
    }))
})

// --------------------------------------------------------------------------------------------------------------- hooks

describe("Hooks", () => {
  it.effect("a run hook sees the command, the state and the one before", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        const look = job.run(({ command, current, previous }) =>
          Effect.sync(() => seen.push(`${Command.show(command)}: ${shown(current)}, before: ${shown(previous)}`))
        )
        yield* look
        yield* job.start
        yield* look
        yield* world.exit(1)
        yield* look
        yield* job.start
        yield* look
        yield* world.exit(2)
        yield* look
        assert.deepStrictEqual(seen, [
          "server --port 8080: Pending, before: Pending",
          "server --port 8080: Running, before: Pending",
          "server --port 8080: Finished: exited with code 1, before: Pending",
          "server --port 8080: Running, before: Finished: exited with code 1",
          "server --port 8080: Finished: exited with code 2, before: Finished: exited with code 1"
        ])
      })))

  const bad: Record<string, () => Effect.Effect<unknown, unknown>> = {
    "dies": () => Effect.die(new Error("boom")),
    "fails": () => Effect.fail("boom"),
    "throws": () => {
      throw new Error("boom")
    },
    "interrupts itself": () => Effect.interrupt
  }
  for (const [what, hook] of Object.entries(bad)) {
    it.effect(`a run hook that ${what} is an outcome and the job lives on`, () =>
      withJob({}, (job) =>
        Effect.gen(function*() {
          const sent = yield* send(job, Verb.run(hook))
          assert.strictEqual(sent.said(), "failed: HookFailed")
          assert.match(sent.error().message, /The run hook of job "server --port 8080" failed/)
          assert.strictEqual((yield* send(job, Verb.start)).said(), "done")
          assert.strictEqual((yield* send(job, Verb.run(() => Effect.void))).said(), "done")
        })))

    it.effect(`a spawn hook that ${what} starts nothing, and the job lives on`, () => {
      let isBad = true
      return withJob(
        { job: { onSpawn: ({ command }) => isBad ? hook() as Effect.Effect<never> : Effect.succeed(command) } },
        (job, world) =>
          Effect.gen(function*() {
            const sent = yield* send(job, Verb.start)
            assert.strictEqual(sent.said(), "failed: HookFailed")
            assert.match(sent.error().message, /The spawn hook/)
            assert.deepStrictEqual([yield* stateOf(job), world.take()], ["Pending", ""])
            isBad = false
            assert.strictEqual((yield* send(job, Verb.start)).said(), "done")
          })
      )
    })
  }

  it.effect("a spawn hook runs before each start and may edit the command", () => {
    let starts = 0
    return withJob(
      {
        job: {
          onSpawn: ({ command }) => Effect.sync(() => Command.withEnv(command, { ATTEMPT: String(++starts) }))
        }
      },
      (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          yield* job.restart()
          assert.deepStrictEqual(world.commands.map(({ settings }) => settings.env["ATTEMPT"]), ["1", "2"])
          assert.strictEqual((yield* job.info).command, "server --port 8080")
        })
    )
  })

  it.effect("a spawn hook sees how the last run ended", () => {
    const seen: Array<string> = []
    return withJob(
      { job: { onSpawn: ({ command, current }) => Effect.sync(() => (seen.push(shown(current)), command)) } },
      (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          yield* world.exit(9)
          yield* job.start
          assert.deepStrictEqual(seen, ["Pending", "Finished: exited with code 9"])
        })
    )
  })

  it.effect("a restart whose spawn hook fails has stopped and says so", () => {
    let starts = 0
    return withJob(
      { job: { onSpawn: ({ command }) => ++starts === 1 ? Effect.succeed(command) : Effect.fail("no") } },
      (job, world) =>
        Effect.gen(function*() {
          yield* job.start
          yield* settle
          assert.strictEqual((yield* send(job, Verb.restart())).said(), "failed: HookFailed")
          assert.strictEqual(yield* stateOf(job), "Finished: was ended by SIGTERM")
          assert.strictEqual(world.take(), "+1 TERM 1 -1")
        })
    )
  })

  it.effect("a process gets its private directory in its environment", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        const { directory } = yield* job.info
        const given = world.commands[0]!.settings.env["EFFECT_SUPERVISOR_DATA_DIR"]
        assert.isTrue(typeof given === "string" && given.startsWith(directory))
      })))

  it.effect("verbs sent by a hook come after it, and before those sent later", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        const sent: Array<Sent> = []
        const hook = Verb.run(() => Effect.map(post(job, Verb.start), (start) => sent.push(start)))
        yield* send(job, hook)
        assert.deepStrictEqual([sent[0]!.said(), world.take()], ["done", "+1"])
      })))
})

// -------------------------------------------------------------------------------------------------------------- errors

describe("Errors", () => {
  it.effect("a failed start is told by its ticket, the error sink and the state", () => {
    const errors: Array<Job.JobError> = []
    return withJob(
      { refuse: () => "NotFound", job: { onError: (error) => Effect.sync(() => errors.push(error)) } },
      (job) =>
        Effect.gen(function*() {
          const sent = yield* send(job, Verb.start)
          assert.strictEqual(sent.said(), "failed: SpawnFailed")
          assert.match(sent.error().message, /Command "server --port 8080" could not be started/)
          assert.deepStrictEqual(errors, [sent.error()])
          const state = yield* job.state
          assert.isTrue(state._tag === "Finished" && state.status._tag === "SpawnFailed")
          assert.strictEqual((yield* job.info).runs, 0)
        })
    )
  })

  it.effect("after a failed start the job can be started again", () => {
    let isThere = false
    return withJob({ refuse: () => isThere ? undefined : "Resources" }, (job) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* send(job, Verb.start)).said(), "failed: SpawnFailed")
        isThere = true
        assert.strictEqual((yield* send(job, Verb.start)).said(), "done")
        assert.strictEqual(shown((yield* job.info).previous), "Finished: could not be started: Resources")
      }))
  })

  const sinks: Record<string, () => Effect.Effect<void>> = {
    "dies": () => Effect.die("boom"),
    "throws": () => {
      throw new Error("boom")
    },
    "never ends": () => Effect.never
  }
  for (const [what, onError] of Object.entries(sinks)) {
    it.effect(`an error sink that ${what} changes nothing for the job`, () =>
      withJob({ refuse: () => "NotFound", job: { onError } }, (job) =>
        Effect.gen(function*() {
          const ticket = yield* Effect.exit(job.send(Verb.start))
          assert.isTrue(Exit.isSuccess(ticket), "the verb is taken")
          assert.strictEqual((yield* send(job, Verb.start)).said(), "failed: SpawnFailed")
          assert.strictEqual((yield* send(job, Verb.run(() => Effect.void))).said(), "done")
        })))
  }

  it.effect("a sink that sends verbs is heard", () => {
    const jobs: Array<Job.Job> = []
    let isThere = false
    return withJob(
      {
        refuse: () => isThere ? undefined : "NotFound",
        job: {
          onError: () =>
            Effect.suspend(() => {
              isThere = true
              return jobs[0]!.send(Verb.start)
            })
        }
      },
      (job) =>
        Effect.gen(function*() {
          jobs.push(job)
          yield* send(job, Verb.start)
          assert.strictEqual(yield* stateOf(job), "Running")
        })
    )
  })

  it.effect("every error of a verb reaches the sink, also that of one that was refused", () => {
    const errors: Array<string> = []
    return withJob(
      { job: { onError: (error) => Effect.sync(() => errors.push(error._tag)) } },
      (job) =>
        Effect.gen(function*() {
          yield* post(job, Verb.run(() => Effect.never))
          yield* post(job, Verb.start)
          yield* job.deleteNow
          yield* send(job, Verb.start)
          assert.deepStrictEqual(errors, ["JobDeleted", "JobDeleted", "JobDeleted"])
        })
    )
  })
})

// --------------------------------------------------------------------------------------------------------- what it tells

describe("What a job tells", () => {
  it.effect("previous is the state of the run before", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        const previous = Effect.map(job.info, (info) => shown(info.previous))
        assert.strictEqual(yield* previous, "Pending")
        yield* job.start
        assert.strictEqual(yield* previous, "Pending")
        yield* world.exit(1)
        assert.strictEqual(yield* previous, "Pending")
        yield* job.start
        assert.strictEqual(yield* previous, "Finished: exited with code 1")
        yield* world.exit(2)
        yield* job.start
        assert.strictEqual(yield* previous, "Finished: exited with code 2")
      })))

  it.effect("changes tells every state in order, beginning with what it is now", () =>
    withJob({}, (job, world) =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(job.changes, (state) => Effect.sync(() => seen.push(shown(state)))),
          { startImmediately: true }
        )
        yield* settle
        yield* job.start
        yield* world.exit(1)
        yield* job.start
        yield* job.restart()
        yield* job.stop()
        yield* settle
        assert.deepStrictEqual(seen, [
          "Pending",
          "Running",
          "Finished: exited with code 1",
          "Running",
          "Finished: was ended by SIGTERM",
          "Running",
          "Finished: was ended by SIGTERM"
        ])
      })))

  it.effect("changes ends with the job", () =>
    withJob({}, (job) =>
      Effect.gen(function*() {
        const reader = yield* Effect.forkChild(Stream.runCollect(job.changes), { startImmediately: true })
        yield* settle
        yield* job.start
        yield* job.delete()
        yield* settle
        assert.isDefined(reader.pollUnsafe(), "it has ended")
        assert.deepStrictEqual((yield* Fiber.join(reader)).map(shown), [
          "Pending",
          "Running",
          "Finished: was ended by SIGTERM"
        ])
      })))

  it.effect("who is told of the end of a run finds the job ready for the next", () =>
    withJob({ script: () => lasting(1000) }, (job, world) =>
      Effect.gen(function*() {
        const again = job.changes.pipe(
          Stream.filter((state) => state._tag === "Finished"),
          Stream.take(3),
          Stream.runForEach(() => job.start)
        )
        yield* Effect.forkScoped(again, { startImmediately: true })
        yield* job.start
        for (let second = 0; second < 10; second++) yield* elapse("1 second")
        assert.strictEqual(world.take(), "+1 -1 +2 -2 +3 -3 +4 -4")
      })))

  it.effect("history is bounded, oldest first, and counted from 1", () =>
    withJob({ script: (run) => lasting(1000, run), job: { history: 3 } }, (job) =>
      Effect.gen(function*() {
        for (let run = 0; run < 5; run++) {
          yield* job.start
          yield* elapse("1 second")
        }
        const { history, runs } = yield* job.info
        assert.strictEqual(runs, 5)
        assert.deepStrictEqual(
          history.map(({ endedAt, forced, run, startedAt, status }) => ({ run, startedAt, endedAt, forced, status })),
          [3, 4, 5].map((run) => ({
            run,
            startedAt: (run - 1) * 1000,
            endedAt: run * 1000,
            forced: false,
            status: ExitStatus.Exited({ code: run })
          }))
        )
      })))

  it.effect("history 0 remembers none", () =>
    withJob({ script: () => lasting(0), job: { history: 0 } }, (job) =>
      Effect.gen(function*() {
        yield* job.start
        yield* job.wait
        const { history, runs } = yield* job.info
        assert.deepStrictEqual([history.length, runs], [0, 1])
      })))

  it.effect("the end of a run says when, how, and whether it took force", () =>
    withJob({ script: () => stubborn }, (job) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("1 second")
        yield* job.start
        yield* elapse("1 second")
        yield* post(job, Verb.stop({ grace: "1 second" }))
        yield* elapse("1 second")
        assert.deepStrictEqual(yield* job.state, {
          _tag: "Finished",
          status: ExitStatus.Signaled({ signal: "SIGKILL", coreDumped: false }),
          startedAt: 1000,
          endedAt: 3000,
          forced: true,
          survivors: []
        })
      })))

  it.effect("usage is told while it runs, and only then", () =>
    withJob(
      { script: () => (process) => Effect.andThen(process.fork(idle), Effect.never) },
      (job) =>
        Effect.gen(function*() {
          assert.isUndefined((yield* job.info).usage)
          yield* job.start
          yield* settle
          assert.strictEqual((yield* job.info).usage?.processes, 2)
          yield* job.stop()
          assert.isUndefined((yield* job.info).usage)
        })
    ))
})

// --------------------------------------------------------------------------------------------------- in the same instant

describe("In the same instant", () => {
  it.effect("exit and stop: the stop is told how it ended, and one run was", () =>
    withJob({ slow: 3 }, (job, world) =>
      Effect.gen(function*() {
        for (let hops = 0; hops < 40; hops++) {
          yield* job.start
          yield* settle
          world.exitNow(6)
          for (let hop = 0; hop < hops; hop++) yield* Effect.yieldNow
          const stop = yield* send(job, Verb.stop())
          assert.include(["done: exited with code 6", "noop: not running"], stop.said())
          assert.strictEqual(yield* stateOf(job), "Finished: exited with code 6")
          assert.strictEqual(world.living(), 0)
        }
      })))

  it.effect("exit and a stop with grace 0: who has ended by itself was not forced", () =>
    withJob({ slow: 3 }, (job, world) =>
      Effect.gen(function*() {
        for (let hops = 0; hops < 40; hops++) {
          yield* job.start
          yield* settle
          world.exitNow(6)
          for (let hop = 0; hop < hops; hop++) yield* Effect.yieldNow
          const stop = yield* send(job, Verb.stop({ grace: 0 }))
          assert.include(["done: exited with code 6", "noop: not running"], stop.said())
        }
      })))

  it.effect("exit and restart: it runs once more, whoever came first", () =>
    withJob({ slow: 3 }, (job, world) =>
      Effect.gen(function*() {
        for (let hops = 0; hops < 40; hops++) {
          yield* job.start
          yield* settle
          world.exitNow(6)
          for (let hop = 0; hop < hops; hop++) yield* Effect.yieldNow
          const restart = yield* send(job, Verb.restart())
          assert.strictEqual(restart.said(), "done")
          assert.deepStrictEqual([yield* stateOf(job), world.living()], ["Running", 1])
        }
      })))

  it.effect("exit and tryRestart: it runs once more, or it was not running", () =>
    withJob({ slow: 3 }, (job, world) =>
      Effect.gen(function*() {
        for (let hops = 0; hops < 40; hops++) {
          yield* job.start
          yield* settle
          world.exitNow(6)
          for (let hop = 0; hop < hops; hop++) yield* Effect.yieldNow
          const restart = yield* send(job, Verb.tryRestart())
          assert.deepStrictEqual(
            [yield* stateOf(job), world.living()],
            restart.said() === "done" ? ["Running", 1] : ["Finished: exited with code 6", 0]
          )
        }
      })))

  it.effect("start and deleteNow: nothing lives, and each is told", () => {
    const one = Effect.fnUntraced(function*(hops: number) {
      const world = makeWorld({ slow: 3 })
      return yield* Effect.gen(function*() {
        const job = yield* makeJob({
          onSpawn: ({ command }) => Effect.as(Effect.forEach(Array.from({ length: 5 }), () => Effect.yieldNow), command)
        })
        const start = yield* post(job, Verb.start)
        for (let hop = 0; hop < hops; hop++) yield* Effect.yieldNow
        const gone = yield* send(job, Verb.deleteNow)
        assert.match(gone.said(), /^done/)
        assert.include(["done", "failed: JobDeleted"], start.said())
        assert.strictEqual(world.living(), 0)
      }).pipe(Effect.scoped, Effect.provide(world.layer))
    })
    return Effect.forEach(Array.from({ length: 20 }, (_, hops) => hops), one, { discard: true })
  })

  it.effect("close and deleteNow while a start is on its way: whoever is told, nothing lives or starts after that", () => {
    const one = Effect.fnUntraced(function*(hops: number) {
      const world = makeWorld({ slow: 10 })
      const { close, job } = yield* scoped(world)
      yield* post(job, Verb.start)
      const { directory } = yield* job.info
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      for (let hop = 0; hop < hops; hop++) yield* Effect.yieldNow
      const gone = yield* post(job, Verb.deleteNow)
      yield* gone.ticket.outcome
      assert.strictEqual(world.living(), 0)
      assert.isFalse(world.has(directory), "it is gone when deleteNow has answered")
      world.take()
      yield* Fiber.join(closing)
      yield* settle
      assert.strictEqual(world.take(), "", `nothing comes after the answer, ${hops} turns later`)
    })
    return Effect.forEach(Array.from({ length: 20 }, (_, hops) => hops), (hops) => Effect.scoped(one(hops)), {
      discard: true
    })
  })

  it.effect("whoever calls may be interrupted at every step: the verb is carried out or was never sent", () =>
    withJob({ slow: 3, script: () => polite(0) }, (job, world) =>
      Effect.gen(function*() {
        yield* job.start
        for (let hops = 0; hops < 60; hops++) {
          const caller = yield* Effect.forkChild(job.restart())
          for (let hop = 0; hop < hops; hop++) yield* Effect.yieldNow
          yield* Fiber.interrupt(caller)
          yield* settle
          assert.deepStrictEqual([yield* stateOf(job), world.living()], ["Running", 1])
        }
      })))

  it.effect("a hundred callers at once: verbs are carried out one after the other", () =>
    withJob({ slow: 3, script: () => polite(0) }, (job, world) =>
      Effect.gen(function*() {
        const verbs = [Verb.start, Verb.restart(), Verb.tryRestart(), Verb.run(() => Effect.yieldNow)]
        const sent = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, index) => verbs[index % verbs.length]!),
          (verb) => post(job, verb),
          { concurrency: "unbounded" }
        )
        yield* elapse("1 second")
        yield* elapse("1 second")
        yield* Effect.repeat(settle, { times: 20 })
        assert.deepStrictEqual(sent.filter(({ said }) => said() === "waiting"), [])
        assert.strictEqual(world.living(), 1)
      })))
})
