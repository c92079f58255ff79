/**
 * The engine of a job against a model of it: random verbs, ends of processes and time, on virtual time.
 *
 * `FC_SEED` and `FC_RUNS` in the environment look elsewhere, or for longer.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, References, Scope } from "effect"
import { type ScriptedSpawner, Verb } from "effect-supervisor/process"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { idle, makeWorld, openJob, polite, post, type Sent, shown, stubborn } from "./support.ts"

const parameters = {
  // A run that hangs is a counterexample, too.
  timeout: 5000,
  seed: Number(process.env["FC_SEED"] ?? 20_240_607),
  numRuns: Number(process.env["FC_RUNS"] ?? 150)
}

const pause = (turns: number) => Effect.forEach(Array.from({ length: turns }), () => Effect.yieldNow, { discard: true })

/** Lets everything that can go on without time go on. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})
const settle = Effect.repeat(turn, { times: 15 })

const grace = 5000
/** Of a hook that takes its time; no sum of other times. */
const hookMillis = 1733

/** What the processes of a run are like. */
interface Spec {
  /** It cannot be started. */
  readonly refused: boolean
  /** How long the program takes to end when it is asked to; 0: it does not listen, and ends at once. */
  readonly drain: number
  /** The same of another one in its group, if there is one. */
  readonly fork: number | undefined
}

const scriptOf = (drain: number): ScriptedSpawner.Script =>
  drain === 0 ? idle : drain === Infinity ? stubborn : polite(drain)

const scriptOfSpec = ({ drain, fork }: Spec): ScriptedSpawner.Script => (process) =>
  Effect.andThen(fork === undefined ? Effect.void : process.fork(scriptOf(fork)), scriptOf(drain)(process))

const verbs = {
  start: Verb.start,
  stop: Verb.stop(),
  stopHard: Verb.stop({ grace: 0 }),
  restart: Verb.restart(),
  tryRestart: Verb.tryRestart(),
  signal: Verb.signal("SIGWINCH"),
  wait: Verb.wait,
  run: Verb.run(() => Effect.void),
  runLong: Verb.run(() => Effect.sleep(hookMillis)),
  runBad: Verb.run(() => Effect.fail("boom")),
  delete: Verb.deleteJob(),
  deleteNow: Verb.deleteNow
}
type Kind = keyof typeof verbs

type Command =
  | { readonly do: Kind }
  | { readonly do: "exit"; readonly code: number }
  | { readonly do: "pass"; readonly millis: number }

// ---------------------------------------------------------------------------------------------------------- the model

interface Member {
  readonly drain: number
  endsAt: number
}

const member = (drain: number): Member => ({ drain, endsAt: Infinity })

interface Run {
  readonly number: number
  /** Undefined once it has ended. */
  leader: Member | undefined
  fork: Member | undefined
  status: string
  /** When its grace is over; it is being ended. */
  until: number
  isAsked: boolean
}

interface Entry {
  readonly number: number
  readonly kind: Kind
}

type Busy =
  & Entry
  & (
    | { readonly phase: "ending"; superseded: boolean }
    | { readonly phase: "hook" | "spawn"; readonly until: number }
  )

const isStarter = ({ kind }: Entry): boolean => kind === "start" || kind === "restart" || kind === "tryRestart"

/** Knows nothing of fibers, scopes or signals that get lost: states, and what changes them. */
class Model {
  now = 0
  private readonly specs: ReadonlyArray<Spec>
  private readonly spawnMillis: number
  private spawns = 0
  private runs = 0
  private run: Run | undefined
  private busy: Busy | undefined
  private queue: Array<Entry> = []
  private waiters: Array<{ readonly entry: Entry; after: Entry | undefined }> = []
  private isDeleted = false
  state = "Pending"
  readonly log: Array<string> = []
  /** By the number of the verb; who waits has no answer yet. */
  readonly answers = new Map<number, string>()

  constructor(specs: ReadonlyArray<Spec>, spawnMillis: number) {
    this.specs = specs
    this.spawnMillis = spawnMillis
  }

  send(number: number, kind: Kind): void {
    const entry = { number, kind }
    if (kind === "deleteNow") return this.deleteNow(entry)
    if (this.isDeleted) return this.answer(entry, kind === "delete" ? "noop: already deleted" : "failed: JobDeleted")
    const isEnding = this.busy?.phase === "ending" && this.run !== undefined
    if (kind === "wait") {
      const after = this.run === undefined
        ? this.queue.findLast(isStarter) ?? (this.busy !== undefined && isStarter(this.busy) ? this.busy : undefined)
        : undefined
      this.waiters.push({ entry, after })
      return this.answerWaiters()
    }
    if (kind === "signal" && isEnding) return this.signal(entry)
    if ((kind === "stop" || kind === "stopHard") && isEnding) return this.hurry(entry)
    this.queue.push(entry)
    this.next()
  }

  private answer({ number }: Entry, answer: string): void {
    assert.isFalse(this.answers.has(number), "the model answers once")
    this.answers.set(number, answer)
    for (const waiter of this.waiters) if (waiter.after?.number === number) waiter.after = undefined
    this.answerWaiters()
  }

  private next(): void {
    while (this.busy === undefined) {
      const entry = this.queue.shift()
      if (entry === undefined) break
      this.perform(entry)
    }
  }

  private perform(entry: Entry): void {
    switch (entry.kind) {
      case "start":
        if (this.run === undefined) return this.spawn(entry)
        if (this.run.leader !== undefined) return this.answer(entry, "noop: already running")
        // What its program has left behind is being ended: it comes after that.
        this.busy = { ...entry, phase: "ending", superseded: false }
        return
      case "restart":
        return this.run === undefined ? this.spawn(entry) : this.stop(entry, grace)
      case "tryRestart":
      case "stop":
        return this.run === undefined ? this.answer(entry, "noop: not running") : this.stop(entry, grace)
      case "stopHard":
        return this.run === undefined ? this.answer(entry, "noop: not running") : this.stop(entry, 0)
      case "signal":
        return this.signal(entry)
      case "run":
        return this.answer(entry, "done")
      case "runBad":
        return this.answer(entry, "failed: HookFailed")
      case "runLong":
        this.busy = { ...entry, phase: "hook", until: this.now + hookMillis }
        return
      case "delete":
        if (this.run !== undefined) return this.stop(entry, grace)
        this.refuseAll()
        return this.answer(entry, "done")
      case "wait":
      case "deleteNow":
        throw new Error("carried out when they are sent")
    }
  }

  // -- starting

  private spawn(entry: Entry): void {
    if (this.spawnMillis > 0) this.busy = { ...entry, phase: "spawn", until: this.now + this.spawnMillis }
    else this.spawned(entry)
  }

  private spawned(entry: Entry): void {
    const spec = this.specs[this.spawns++ % this.specs.length]!
    if (spec.refused) {
      this.state = "Finished: could not be started: NotFound"
      this.ending = "done: could not be started: NotFound"
      return this.answer(entry, "failed: SpawnFailed")
    }
    this.run = {
      number: ++this.runs,
      leader: member(spec.drain),
      fork: spec.fork === undefined ? undefined : member(spec.fork),
      status: "",
      until: Infinity,
      isAsked: false
    }
    this.log.push(`+${this.runs}`)
    this.state = "Running"
    this.answer(entry, "done")
  }

  // -- ending

  private stop(entry: Entry, millis: number): void {
    this.busy = { ...entry, phase: "ending", superseded: false }
    this.end(millis)
  }

  private end(millis: number): void {
    const run = this.run!
    run.isAsked = true
    if (millis === 0) return this.kill()
    run.until = this.now + millis
    this.terminate(run)
  }

  /** The group hears SIGTERM. */
  private terminate(run: Run): void {
    this.log.push(`TERM ${run.number}`)
    for (const member of [run.leader, run.fork]) {
      if (member !== undefined) member.endsAt = Math.min(member.endsAt, this.now + member.drain)
    }
    if (run.leader?.drain === 0) this.leaderEnds("was ended by SIGTERM")
    if (run.fork?.drain === 0) this.forkEnds()
  }

  private leaderEnds(status: string): void {
    const run = this.run!
    run.leader = undefined
    run.status = status
    if (run.fork === undefined) return this.over(false)
    if (run.until !== Infinity) return
    run.until = this.now + grace
    this.terminate(run)
  }

  private forkEnds(): void {
    const run = this.run!
    run.fork = undefined
    if (run.leader === undefined) this.over(false)
  }

  private kill(): void {
    const run = this.run!
    this.log.push(`KILL ${run.number}`)
    if (run.leader !== undefined) run.status = "was ended by SIGKILL"
    this.over(true)
  }

  private ending = ""

  private over(isForced: boolean): void {
    const { number, status } = this.run!
    this.run = undefined
    this.log.push(`-${number}`)
    this.state = `Finished: ${status}`
    this.ending = `done: ${status}${isForced ? " (forced)" : ""}`
    this.answerWaiters()
    const { busy } = this
    if (busy?.phase !== "ending") return
    this.busy = undefined
    this.stopped(busy, busy.superseded)
    this.next()
  }

  private stopped(entry: Entry, isSuperseded: boolean): void {
    switch (entry.kind) {
      case "start":
      case "restart":
      case "tryRestart":
        if (this.isDeleted) return this.answer(entry, "failed: JobDeleted")
        return isSuperseded ? this.answer(entry, "failed: Superseded") : this.spawn(entry)
      case "delete":
        this.refuseAll()
        return this.answer(entry, this.ending)
      default:
        return this.answer(entry, this.ending)
    }
  }

  /** A stop during a grace: who says stop last is left with nothing running. */
  private hurry(entry: Entry): void {
    const starts = this.queue.filter(isStarter)
    this.queue = this.queue.filter((entry) => !isStarter(entry))
    for (const queued of starts) this.answer(queued, "failed: Superseded")
    if (this.busy?.phase === "ending") this.busy.superseded = true
    // All that comes after it comes after the end of the run.
    const { number } = this.run!
    this.kill()
    assert.notStrictEqual(this.run?.number, number)
    this.answer(entry, this.ending)
  }

  // -- the rest

  private signal(entry: Entry): void {
    if (this.run === undefined) return this.answer(entry, "noop: not running")
    this.log.push(`WINCH ${this.run.number}`)
    this.answer(entry, "done")
  }

  /** Those for whom no run goes on and none is to come. */
  private answerWaiters(): void {
    if (this.run !== undefined) return
    const ready = this.waiters.filter(({ after }) => after === undefined)
    this.waiters = this.waiters.filter(({ after }) => after !== undefined)
    for (const { entry } of ready) {
      this.answer(entry, this.state === "Pending" ? "noop: never ran" : this.ending)
    }
  }

  private refuseAll(): void {
    this.isDeleted = true
    for (const entry of this.queue.splice(0)) {
      this.answer(entry, entry.kind === "delete" ? "noop: already deleted" : "failed: JobDeleted")
    }
  }

  private abort(): void {
    const { busy } = this
    // It is told when the run has ended.
    if (busy === undefined || busy.phase === "ending") return
    this.answer(busy, "failed: JobDeleted")
    this.busy = undefined
  }

  private deleteNow(entry: Entry): void {
    if (this.isDeleted && this.run === undefined) return this.answer(entry, "noop: already deleted")
    this.refuseAll()
    this.abort()
    if (this.run === undefined) return this.answer(entry, "done")
    this.kill()
    this.answer(entry, this.ending)
  }

  /** The scope closes. */
  close(): void {
    this.refuseAll()
    this.abort()
    // A grace that goes on is neither cut short nor renewed.
    if (this.run?.until === Infinity) this.end(grace)
  }

  /** The program ends by itself. */
  exit(code: number): void {
    if (this.run?.leader !== undefined) this.leaderEnds(`exited with code ${code}`)
  }

  pass(millis: number): void {
    const end = this.now + millis
    while (true) {
      const { busy, run } = this
      const hook = busy !== undefined && busy.phase !== "ending" ? busy : undefined
      const events: ReadonlyArray<readonly [number, () => void]> = [
        [run?.leader?.endsAt ?? Infinity, () => this.leaderEnds("exited with code 0")],
        [run?.fork?.endsAt ?? Infinity, () => this.forkEnds()],
        [run?.until ?? Infinity, () => this.kill()],
        [hook?.until ?? Infinity, () => {
          this.busy = undefined
          if (hook!.phase === "spawn") this.spawned(hook!)
          else this.answer(hook!, "done")
          this.next()
        }]
      ]
      const [at, happen] = events.reduce((first, event) => event[0] < first[0] ? event : first)
      if (at > end) break
      this.now = at
      happen()
    }
    this.now = end
  }
}

// ---------------------------------------------------------------------------------------------------------- the check

const drain = fc.constantFrom(0, 0, 1500, 4000, Infinity)
const spec: fc.Arbitrary<Spec> = fc.record({
  refused: fc.constantFrom(false, false, false, false, true),
  drain,
  fork: fc.option(drain, { nil: undefined, freq: 2 })
})
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constantFrom<Kind>(
        "start",
        "start",
        "start",
        "stop",
        "stop",
        "stopHard",
        "restart",
        "restart",
        "tryRestart",
        "signal",
        "wait",
        "wait",
        "run",
        "runLong",
        "runBad"
      )
    })
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom<Kind>("delete", "deleteNow") }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("exit" as const), code: fc.constantFrom(0, 7) }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant("pass" as const), millis: fc.constantFrom(500, 1000, 3000) }) }
)

const check = Effect.fnUntraced(function*(
  specs: ReadonlyArray<Spec>,
  spawnMillis: number,
  commands: ReadonlyArray<Command>
) {
  const model = new Model(specs, spawnMillis)
  let spawns = 0
  let spec = specs[0]!
  const world = makeWorld({
    eager: true,
    refuse: () => {
      spec = specs[spawns++ % specs.length]!
      return spec.refused ? "NotFound" : undefined
    },
    script: () => scriptOfSpec(spec)
  })
  const services = yield* Layer.build(world.layer)
  const scope = yield* Scope.make()
  const job = yield* openJob({
    grace,
    onSpawn: ({ command }) =>
      spawnMillis === 0 ? Effect.succeed(command) : Effect.as(Effect.sleep(spawnMillis), command)
  }).pipe(Scope.provide(scope), Effect.provideContext(services))

  // So that a counterexample is over at once.
  yield* Effect.addFinalizer(() => job.send(Verb.deleteNow))

  const sent = new Map<number, Sent>()
  const compare = (what: string) =>
    Effect.gen(function*() {
      // Several runs may come and go without time.
      for (let seen = -1; seen < world.log.length;) {
        seen = world.log.length
        yield* settle
      }
      assert.deepStrictEqual(world.log, model.log, `what happened to the processes, after ${what}`)
      assert.strictEqual(shown(yield* job.state), model.state, `the state after ${what}`)
      for (const [number, { said, verb }] of sent) {
        assert.strictEqual(said(), model.answers.get(number) ?? "waiting", `${verb} (${number}) after ${what}`)
      }
    })

  for (const [number, command] of commands.entries()) {
    switch (command.do) {
      case "pass":
        yield* TestClock.adjust(command.millis)
        model.pass(command.millis)
        break
      case "exit":
        if (world.living() > 0) world.exitNow(command.code)
        model.exit(command.code)
        break
      default:
        sent.set(number, yield* post(job, verbs[command.do]))
        model.send(number, command.do)
    }
    yield* compare(`${command.do} (${number})`)
  }

  const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
  yield* settle
  model.close()
  yield* compare("the scope was closed")
  yield* TestClock.adjust("1 minute")
  model.pass(60_000)
  yield* compare("a minute")
  assert.strictEqual(world.living(), 0, "nothing lives after the scope")
  for (const [number, { said, verb }] of sent) {
    assert.notStrictEqual(said(), "waiting", `${verb} (${number}) was never told`)
  }
  yield* Fiber.join(closing)
  const happened = world.log.length
  yield* TestClock.adjust("1 hour")
  yield* settle
  assert.strictEqual(world.log.length, happened, "and nothing comes back")
}, Effect.scoped)

// ---------------------------------------------------------------------------------------------------------- the storm

/** So many turns after the step before it. */
interface Step {
  readonly command: Command
  readonly turns: number
}

const steps = fc.array(fc.record({ command, turns: fc.integer({ min: 0, max: 25 }) }), { maxLength: 25, size: "max" })

/** No model knows what comes first in the same instant; but some things hold whatever does. */
const storm = Effect.fnUntraced(
  function*(specs: ReadonlyArray<Spec>, slow: number, steps: ReadonlyArray<Step>, end: number) {
    const world = makeWorld({ slow, script: (run) => scriptOfSpec(specs[run % specs.length]!) })
    const services = yield* Layer.build(world.layer)
    const scope = yield* Scope.make()
    const job = yield* openJob({ grace, onSpawn: ({ command }) => Effect.as(pause(slow), command) }).pipe(
      Scope.provide(scope),
      Effect.provideContext(services)
    )
    yield* Effect.addFinalizer(() => job.send(Verb.deleteNow))
    const { directory } = yield* job.info
    const sent: Array<Sent> = []
    for (const { command, turns } of steps) {
      switch (command.do) {
        case "pass":
          yield* TestClock.adjust(command.millis)
          break
        case "exit":
          if (world.living() > 0) world.exitNow(command.code)
          break
        default:
          sent.push(yield* post(job, verbs[command.do]))
      }
      yield* pause(turns)
    }

    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    yield* pause(end)
    const gone = yield* post(job, Verb.deleteNow)
    yield* settle
    yield* TestClock.adjust("1 minute")
    yield* settle
    assert.isDefined(closing.pollUnsafe(), "the scope is closed")
    assert.deepStrictEqual(
      [...sent, gone].filter(({ said }) => said() === "waiting").map(({ verb }) => verb),
      [],
      "every ticket is told"
    )
    assert.strictEqual(world.living(), 0, "nothing lives after the scope")
    assert.isFalse(world.has(directory), "nor is its directory there")
    assert.notStrictEqual((yield* job.state)._tag, "Running")
    const happened = world.log.length
    yield* TestClock.adjust("1 hour")
    yield* settle
    assert.strictEqual(world.log.length, happened, "and nothing comes back")
  },
  Effect.scoped
)

const run = <A, E>(program: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(
    program.pipe(Effect.provideService(References.MinimumLogLevel, "None"), Effect.provide(TestClock.layer()))
  )

describe("The engine of a job is what the model says", () => {
  it("outcomes, states, signals and their order agree after every verb, end and passage of time", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(spec, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(0, 0, 277),
        fc.array(command, { maxLength: 30, size: "max" }),
        (specs, spawnMillis, commands) => run(check(specs, spawnMillis, commands))
      ),
      parameters
    ), 600_000)

  it(
    "whatever happens in the same instant: one run at a time, every ticket is told, and nothing is left",
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(spec, { minLength: 1, maxLength: 3 }),
          fc.integer({ min: 0, max: 4 }),
          steps,
          fc.integer({ min: 0, max: 25 }),
          (specs, slow, steps, end) => run(storm(specs, slow, steps, end))
        ),
        parameters
      ),
    600_000
  )
})
