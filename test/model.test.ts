/**
 * The engine against a model of it: short random sequences of operations, faults and time, on virtual time.
 *
 * `FC_SEED` and `FC_RUNS` in the environment look elsewhere, or for longer.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, type Fiber, References, Schedule } from "effect"
import { Control, ProcessManager, RestartPolicy, Runnable, Strategy, type Supervisor } from "effect-supervisor"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"

const parameters = {
  // A run that hangs is a counterexample, too.
  timeout: 5000,
  seed: Number(process.env["FC_SEED"] ?? 20_240_607),
  numRuns: Number(process.env["FC_RUNS"] ?? 200)
}

/** One turn of the event loop. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Lets everything that can go on without time go on. */
const settle = Effect.repeat(turn, { times: 5 })

const run = <A, E>(program: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(
    program.pipe(Effect.provideService(References.MinimumLogLevel, "None"), Effect.provide(TestClock.layer()))
  )

/** What one child is like. */
interface Spec {
  readonly policy: "never" | "onFailure" | "always"
  /** How many restarts its schedule grants. */
  readonly budget: number
  /** How long each of them waits, in milliseconds. */
  readonly delay: number
  /** How long it takes to end when it is asked to; 0: it does not listen. */
  readonly drain: number
}

/** Children that live as their specs say, fail and succeed on request, and notice when there are two of one. */
const makeWorld = () => {
  const log: Array<string> = []
  const live = new Map<string, number>()
  const ends = new Map<string, (effect: Effect.Effect<void, string>) => void>()
  const body = (name: string, drain: number) =>
    Effect.gen(function*() {
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          log.push(`+${name}`)
          const count = (live.get(name) ?? 0) + 1
          live.set(name, count)
          assert.strictEqual(count, 1, `two live incarnations of ${name}`)
        }),
        () =>
          Effect.sync(() => {
            log.push(`-${name}`)
            live.set(name, live.get(name)! - 1)
          })
      )
      const work = Effect.callback<void, string>((resume) => {
        ends.set(name, resume)
      })
      if (drain === 0) return yield* work
      return yield* Effect.raceFirst(work, Effect.andThen(Control.shutdown, Effect.sleep(drain)))
    })
  return {
    log,
    live: (name: string) => live.get(name) === 1,
    liveOnes: () => Array.from(live.values()).reduce((sum, count) => sum + count, 0),
    body,
    /** Ends the live incarnation of a child, if there is one. */
    end: (name: string, effect: Effect.Effect<void, string>) => {
      if (live.get(name) === 1) ends.get(name)!(effect)
    }
  }
}

const policies = {
  never: () => RestartPolicy.never,
  onFailure: RestartPolicy.onFailure,
  always: RestartPolicy.always
}

const runnableOf = (world: ReturnType<typeof makeWorld>, name: string, { budget, delay, drain, policy }: Spec) => {
  const schedule = Schedule.max([Schedule.spaced(delay), Schedule.recurs(budget)])
  return Runnable.make(name, world.body(name, drain), {
    grace: "1 hour",
    restart: policies[policy](schedule)
  })
}

// -- The model of a one-for-one supervisor

const operations = ["start", "stop", "restart", "hold", "release", "remove"] as const
type Operation = (typeof operations)[number]
type Wish = "stop" | "hold" | "remove" | "restart"
type Answer = "done" | "noop" | "ChildNotFound" | "DuplicateChild" | "MaxChildrenReached" | "SupervisorClosed"

type ModelState =
  | { readonly _tag: "Running" | "Stopped" | "Held" | "Completed" | "GaveUp" }
  | { readonly _tag: "Backoff"; readonly until: number }
  | {
    readonly _tag: "Stopping"
    readonly until: number
    wish: Wish
    /** What to answer, and to which command, when it has ended. */
    readonly waiting: Array<readonly [number, (child: ModelChild) => Answer]>
  }

interface ModelChild {
  readonly name: string
  readonly spec: Spec
  state: ModelState
  incarnation: number
  restarts: number
  /** Restarts granted since the schedule last started afresh. */
  used: number
}

const maxChildren = 4

/** Knows nothing of fibers, scopes or clocks: states, and what changes them. */
class Model {
  now = 0
  children: Array<ModelChild> = []
  completed = 0
  /** By the number of the command; who waits has no answer yet. */
  readonly answers = new Map<number, Answer>()

  private find(name: string): ModelChild | undefined {
    return this.children.find((child) => child.name === name)
  }

  private launch(child: ModelChild): void {
    child.incarnation++
    child.state = { _tag: "Running" }
  }

  private launchAnew(child: ModelChild): Answer {
    child.used = 0
    this.launch(child)
    return "done"
  }

  private put(child: ModelChild, wish: Wish): void {
    switch (wish) {
      case "stop":
        child.state = { _tag: "Stopped" }
        return
      case "hold":
        child.state = { _tag: "Held" }
        return
      case "remove":
        child.state = { _tag: "Stopped" }
        this.children = this.children.filter((other) => other !== child)
        return
      case "restart":
        return this.launch(child)
    }
  }

  /** A child that was being stopped has ended. */
  private ended(child: ModelChild): void {
    if (child.state._tag !== "Stopping") return
    const { waiting, wish } = child.state
    this.put(child, wish)
    for (const [command, answer] of waiting) this.answers.set(command, answer(child))
  }

  /** Stops a child that is up, or changes what becomes of one that is being stopped. */
  private stop(child: ModelChild, wish: Wish, command: number, answer: (child: ModelChild) => Answer): void {
    if (child.state._tag !== "Stopping") {
      child.state = { _tag: "Stopping", until: this.now + child.spec.drain, wish, waiting: [] }
    }
    child.state.wish = wish
    child.state.waiting.push([command, answer])
    if (child.spec.drain === 0) this.ended(child)
  }

  add(command: number, name: string, spec: Spec): void {
    const answer = () => {
      if (this.find(name) !== undefined) return "DuplicateChild"
      if (this.children.length >= maxChildren) return "MaxChildrenReached"
      this.children.push({ name, spec, state: { _tag: "Running" }, incarnation: 1, restarts: 0, used: 0 })
      return "done"
    }
    this.answers.set(command, answer())
  }

  operate(command: number, operation: Operation, name: string): void {
    const child = this.find(name)
    if (child === undefined) {
      this.answers.set(command, "ChildNotFound")
      return
    }
    const answer = this.decide(command, operation, child)
    if (answer !== undefined) this.answers.set(command, answer)
  }

  /** `undefined`: the answer comes when the child has ended. */
  private decide(command: number, operation: Operation, child: ModelChild): Answer | undefined {
    const { incarnation, state } = child
    const again = () => child.incarnation > incarnation ? "done" : "noop"
    const isHeld = () => child.state._tag === "Held" ? "done" : "noop"
    switch (operation) {
      case "start":
        switch (state._tag) {
          case "Running":
          case "Held":
            return "noop"
          case "Backoff":
            this.launch(child)
            return "done"
          case "Stopping":
            if (state.wish === "hold") return "noop"
            this.stop(child, "restart", command, again)
            return undefined
          case "Stopped":
          case "Completed":
          case "GaveUp":
            return this.launchAnew(child)
        }
        break
      case "restart":
        if (state._tag !== "Running") return this.decide(command, "start", child)
        this.stop(child, "restart", command, again)
        return undefined
      case "stop":
      case "hold":
        switch (state._tag) {
          case "Running":
            this.stop(child, operation, command, operation === "stop" ? () => "done" : isHeld)
            return undefined
          case "Stopping": {
            if (operation === "hold") {
              this.stop(child, "hold", command, isHeld)
              return undefined
            }
            const isDown = state.wish === "stop" || state.wish === "hold"
            this.stop(child, isDown ? state.wish : "stop", command, () => isDown ? "noop" : "done")
            return undefined
          }
          case "Backoff":
            this.put(child, operation)
            return "done"
          case "Stopped":
          case "Completed":
          case "GaveUp":
            if (operation === "stop") return "noop"
            this.put(child, "hold")
            return "done"
          case "Held":
            return "noop"
        }
        break
      case "release":
        if (state._tag === "Held") return this.launchAnew(child)
        if (state._tag !== "Stopping" || state.wish !== "hold") return "noop"
        this.stop(child, "restart", command, again)
        return undefined
      case "remove":
        if (state._tag === "Running" || state._tag === "Stopping") {
          this.stop(child, "remove", command, () => this.children.includes(child) ? "noop" : "done")
          return undefined
        }
        this.put(child, "remove")
        return "done"
    }
  }

  /** A live incarnation ends by itself. */
  end(name: string, success: boolean): void {
    const child = this.find(name)
    if (child === undefined) return
    if (child.state._tag === "Stopping") return this.ended(child)
    if (child.state._tag !== "Running") return
    const { budget, delay, policy } = child.spec
    if (success && policy !== "always") {
      this.completed++
      child.state = { _tag: "Completed" }
    } else if (policy === "never" || child.used >= budget) {
      child.state = { _tag: "GaveUp" }
    } else {
      child.used++
      child.restarts++
      if (delay === 0) this.launch(child)
      else child.state = { _tag: "Backoff", until: this.now + delay }
    }
  }

  pass(millis: number): void {
    const end = this.now + millis
    while (true) {
      let next: (ModelChild & { state: { until: number } }) | undefined
      for (const child of this.children) {
        if (child.state._tag !== "Backoff" && child.state._tag !== "Stopping") continue
        if (child.state.until > end || (next !== undefined && next.state.until <= child.state.until)) continue
        next = child as ModelChild & { state: { until: number } }
      }
      if (next === undefined) break
      this.now = next.state.until
      if (next.state._tag === "Stopping") this.ended(next)
      else this.launch(next)
    }
    this.now = end
  }

  get shown(): ReadonlyArray<string> {
    return this.children.map(({ incarnation, name, restarts, state }) =>
      `${name} ${state._tag}${state._tag === "Backoff" ? `@${state.until}` : ""} #${incarnation} r${restarts}`
    )
  }
}

const shown = (handle: Supervisor.Handle<string>) =>
  Effect.map(
    handle.status,
    ({ children }) =>
      children.map(({ incarnation, name, restarts, state }) =>
        `${name} ${state._tag}${state._tag === "Backoff" ? `@${state.until}` : ""} #${incarnation} r${restarts}`
      )
  )

type Command =
  | { readonly do: Operation; readonly name: string }
  | { readonly do: "add"; readonly name: string; readonly spec: Spec }
  | { readonly do: "fail" | "succeed"; readonly name: string }
  | { readonly do: "pass"; readonly millis: number }

const names = ["a", "b", "c", "d", "e"]
/** Mostly the same one or two, so that much happens to them. */
const name = fc.constantFrom("a", "a", "a", "a", "a", "a", "b", "b", "c", "d")
const spec: fc.Arbitrary<Spec> = fc.record({
  policy: fc.constantFrom("onFailure", "onFailure", "always", "never"),
  budget: fc.integer({ min: 0, max: 3 }),
  delay: fc.constantFrom(1000, 2500, 0),
  drain: fc.constantFrom(0, 1500, 4000)
})
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom(...operations), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("add" as const), name, spec }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("fail" as const, "succeed" as const), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), millis: fc.constantFrom(500, 1000, 3000) }) }
)

const answerOf = (exit: Exit.Exit<unknown, unknown>): Answer => {
  if (Exit.isSuccess(exit)) return exit.value === "noop" ? "noop" : "done"
  return (Cause.squash(exit.cause) as { readonly _tag: Answer })._tag
}

const check = Effect.fnUntraced(function*(specs: ReadonlyArray<Spec>, commands: ReadonlyArray<Command>) {
  const world = makeWorld()
  const model = new Model()
  specs.forEach((spec, index) => model.add(-1 - index, names[index]!, spec))

  const children = specs.map((spec, index) => runnableOf(world, names[index]!, spec))
  const handle = yield* ProcessManager.start(
    ProcessManager.make("app", children, { autoCleanup: false, escalate: "never", keepAlive: true, maxChildren })
  )
  yield* Effect.addFinalizer(() => handle.shutdownNow)
  assert.deepStrictEqual(world.log, specs.map((_, index) => `+${names[index]}`), "they start in order")

  const asked = new Map<number, Fiber.Fiber<Answer>>()
  const ask = (number: number, effect: Effect.Effect<unknown, unknown>) =>
    Effect.map(Effect.forkChild(Effect.map(Effect.exit(effect), answerOf)), (fiber) => asked.set(number, fiber))
  const compare = Effect.gen(function*() {
    yield* settle
    assert.deepStrictEqual(yield* shown(handle), model.shown)
    assert.strictEqual((yield* handle.status).completed, model.completed)
    for (const [number, fiber] of asked) {
      const exit = fiber.pollUnsafe()
      const answer = exit === undefined ? undefined : yield* exit
      assert.strictEqual(answer, model.answers.get(number), `the answer to command ${number}`)
    }
    for (const { name, state } of model.children) {
      assert.strictEqual(world.live(name), state._tag === "Running" || state._tag === "Stopping", `${name} is live`)
    }
  })
  yield* compare

  for (const [number, command] of commands.entries()) {
    switch (command.do) {
      case "pass":
        yield* TestClock.adjust(command.millis)
        model.pass(command.millis)
        break
      case "fail":
      case "succeed":
        world.end(command.name, command.do === "fail" ? Effect.fail("boom") : Effect.void)
        model.end(command.name, command.do === "succeed")
        break
      case "add":
        yield* ask(number, handle.add(runnableOf(world, command.name, command.spec)))
        yield* settle
        model.add(number, command.name, command.spec)
        break
      default:
        yield* ask(number, handle[command.do](command.name))
        yield* settle
        model.operate(number, command.do, command.name)
    }
    yield* compare
  }

  const up = model.children.filter(({ state }) => state._tag === "Running").map(({ name }) => name)
  const before = world.log.length
  const shutdown = yield* Effect.forkChild(handle.shutdown)
  yield* TestClock.adjust("1 minute")
  yield* settle
  assert.isDefined(shutdown.pollUnsafe(), "the shutdown is over")
  assert.strictEqual(world.liveOnes(), 0, "nothing is live after it")
  const stops = world.log.slice(before)
  assert.deepStrictEqual(stops.filter((line) => line[0] === "+"), [], "nothing starts during it")
  assert.deepStrictEqual(
    stops.filter((line) => up.includes(line.slice(1))),
    up.toReversed().map((name) => `-${name}`),
    "they stop in reverse order"
  )
  for (const operation of operations) {
    assert.strictEqual(answerOf(yield* Effect.exit(handle[operation]("a"))), "SupervisorClosed")
  }
  yield* TestClock.adjust("1 hour")
  assert.strictEqual(world.log.length, before + stops.length, "and nothing comes back")
}, Effect.scoped)

describe("The engine is what the model says", () => {
  it("one-for-one: states, answers and invariants agree after every command", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(spec, { minLength: 1, maxLength: 3 }),
        fc.array(command, { maxLength: 30, size: "max" }),
        (specs, commands) => run(check(specs, commands))
      ),
      parameters
    ), 60_000)
})

// -- Groups

interface GroupSpec {
  readonly delay: number
  readonly drain: number
}

type GroupCommand =
  | { readonly do: "start" | "stop" | "restart"; readonly child: number }
  | { readonly do: "crash"; readonly children: ReadonlyArray<number> }
  | { readonly do: "pass"; readonly millis: number }

const groupSpec: fc.Arbitrary<GroupSpec> = fc.record({
  delay: fc.constantFrom(0, 0, 1000, 2500),
  drain: fc.constantFrom(0, 0, 1500)
})
const index = fc.integer({ min: 0, max: 4 })
const crash: fc.Arbitrary<GroupCommand> = fc.record({
  do: fc.constant("crash" as const),
  children: fc.uniqueArray(index, { minLength: 1, maxLength: 2 })
})
const pass: fc.Arbitrary<GroupCommand> = fc.record({
  do: fc.constant("pass" as const),
  millis: fc.constantFrom(500, 1000, 3000)
})
const byHand: fc.Arbitrary<GroupCommand> = fc.record({
  do: fc.constantFrom("start" as const, "stop" as const, "restart" as const),
  child: index
})

const checkGroup = Effect.fnUntraced(function*(
  strategy: Strategy.Strategy,
  specs: ReadonlyArray<GroupSpec>,
  commands: ReadonlyArray<GroupCommand>
) {
  const world = makeWorld()
  const own = names.slice(0, specs.length)
  const nameOf = (child: number) => own[child % own.length]!
  const children = specs.map(({ delay, drain }, child) =>
    Runnable.make(nameOf(child), world.body(nameOf(child), drain), {
      grace: "1 hour",
      restart: Schedule.spaced(delay)
    })
  )
  const crashes = commands.reduce((sum, command) => sum + (command.do === "crash" ? command.children.length : 0), 0)
  const handle = yield* ProcessManager.start(
    ProcessManager.make("app", children, { strategy, intensity: Schedule.recurs(crashes) })
  )
  yield* Effect.addFinalizer(() => handle.shutdownNow)
  const wanted = new Set(own)
  for (const command of commands) {
    switch (command.do) {
      case "pass":
        yield* TestClock.adjust(command.millis)
        break
      case "crash":
        for (const child of command.children) world.end(nameOf(child), Effect.fail("boom"))
        break
      case "stop":
        wanted.delete(nameOf(command.child))
        yield* Effect.forkChild(handle.stop(nameOf(command.child)))
        break
      case "start":
      case "restart":
        wanted.add(nameOf(command.child))
        yield* Effect.forkChild(handle[command.do](nameOf(command.child)))
    }
    yield* settle
  }
  yield* TestClock.adjust("1 hour")
  yield* settle

  const status = yield* handle.status
  assert.strictEqual(status.state, "Running")
  assert.isAtMost(status.restarts, crashes)
  assert.deepStrictEqual(
    status.children.map(({ name, state }) => `${name} ${state._tag}`),
    own.map((name) => `${name} ${wanted.has(name) ? "Running" : "Stopped"}`)
  )
  for (const name of own) {
    const lines = world.log.filter((line) => line.endsWith(name))
    lines.forEach((line, index) => assert.strictEqual(line[0], index % 2 === 0 ? "+" : "-", lines.join(" ")))
    assert.strictEqual(world.live(name), wanted.has(name))
  }
  const shutdown = yield* Effect.forkChild(handle.shutdown)
  yield* TestClock.adjust("1 minute")
  yield* settle
  assert.isDefined(shutdown.pollUnsafe(), "the shutdown is over")
  assert.strictEqual(world.liveOnes(), 0, "nothing is live after it")
  return world.log
}, Effect.scoped)

const specsOf = fc.array(groupSpec, { minLength: 1, maxLength: 5 })

describe("R4 after any crashes within the budget all that were up are up again, one incarnation at a time", () => {
  for (const strategy of Strategy.strategies) {
    it(`${strategy}: crashes alone`, () =>
      fc.assert(
        fc.asyncProperty(specsOf, fc.array(fc.oneof(crash, pass), { maxLength: 10 }), (specs, commands) =>
          run(Effect.asVoid(checkGroup(strategy, specs, commands)))),
        parameters
      ), 60_000)

    it(`${strategy}: crashes between operations by hand`, () =>
      fc.assert(
        fc.asyncProperty(
          specsOf,
          fc.array(fc.oneof({ weight: 2, arbitrary: crash }, pass, byHand), { maxLength: 10 }),
          (specs, commands) => run(Effect.asVoid(checkGroup(strategy, specs, commands)))
        ),
        parameters
      ), 60_000)

    it(`${strategy}: one crash stops the affected in reverse and starts them in order`, () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 5 }), index, async (count, crashed) => {
          const specs = Array.from({ length: count }, () => ({ delay: 0, drain: 0 }))
          const own = names.slice(0, count)
          const failed = own[crashed % count]!
          const log = await run(checkGroup(strategy, specs, [{ do: "crash", children: [crashed] }]))
          const affected = Strategy.affected(strategy, own, failed)
          const others = affected.filter((name) => name !== failed)
          assert.deepStrictEqual(log, [
            ...own.map((name) => `+${name}`),
            `-${failed}`,
            ...others.toReversed().map((name) => `-${name}`),
            ...affected.map((name) => `+${name}`),
            ...own.toReversed().map((name) => `-${name}`)
          ])
        }),
        { ...parameters, numRuns: Math.min(parameters.numRuns, 25) }
      ), 60_000)
  }
})
