import { assert, describe, it } from "@effect/vitest"
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Stream } from "effect"
import { Runnable, Supervisor } from "effect-supervisor"
import { Command, Jobs, ScriptedSpawner, type Spawner } from "effect-supervisor/process"
import { NodeChildProcessSpawner } from "@effect/platform-node"
import * as Config from "../../../src/cli/config/Config.ts"
import type { Services } from "../../../src/cli/config/ConfigSpec.ts"
import { captureLogs, quiet } from "../../support.ts"
import { compose, withFiles, write } from "./support.ts"

/** Programs by the first word of their command: they start, and end when the test says. */
const makeWorld = () => {
  const log: Array<string> = []
  const ends = new Map<string, Deferred.Deferred<number>>()
  const outputs = new Map<string, (text: string) => Effect.Effect<void>>()
  const spawner: Layer.Layer<Spawner> = ScriptedSpawner.layer({
    script: (command) => (process) =>
      Effect.suspend(() => {
        const name = Command.show(command).split(" ")[0]!
        const end = Deferred.makeUnsafe<number>()
        ends.set(name, end)
        outputs.set(name, process.stdout)
        log.push(`+${name}`)
        return Effect.ensuring(Deferred.await(end), Effect.sync(() => log.push(`-${name}`)))
      })
  })
  const jobs = Jobs.layer().pipe(
    Layer.provideMerge(spawner),
    Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)),
    Layer.fresh
  )
  const layer: Layer.Layer<Services> = NodeChildProcessSpawner.layer.pipe(Layer.provideMerge(jobs))
  return {
    log,
    layer,
    exit: (name: string, code = 0) => Effect.suspend(() => Deferred.succeed(ends.get(name)!, code)),
    say: (name: string, text: string) => Effect.suspend(() => outputs.get(name)!(text))
  }
}

type World = ReturnType<typeof makeWorld>

/** Waits until something holds that no event tells: looks after every turn, and never for long. */
const until = (what: string, holds: () => boolean) =>
  Effect.gen(function*() {
    const begun = performance.now()
    while (!holds()) {
      if (performance.now() - begun > 5000) return yield* Effect.die(new Error(`not within 5 s: ${what}`))
      yield* Effect.sleep(2)
    }
  })

const becomes = (handle: Supervisor.Handle<unknown>, name: string, tag: string) =>
  handle.changes.pipe(
    Stream.mapEffect(() => Effect.option(handle.child(name))),
    Stream.filter((child) => Option.isSome(child) && child.value.state._tag === tag),
    Stream.runHead,
    Effect.timeoutOrElse({
      duration: "5 seconds",
      orElse: () =>
        Effect.flatMap(handle.status, (status) =>
          Effect.die(
            new Error(
              `${name} is not ${tag}: ${JSON.stringify(status.children.map(({ name, state }) => [name, state]))}`
            )
          ))
    })
  )

const gone = (handle: Supervisor.Handle<unknown>, name: string) =>
  handle.changes.pipe(
    Stream.mapEffect(() => Effect.option(handle.child(name))),
    Stream.filter(Option.isNone),
    Stream.runHead,
    Effect.timeout("5 seconds")
  )

const states = (handle: Supervisor.Handle<unknown>) =>
  Effect.map(handle.status, ({ children }) => Object.fromEntries(children.map(({ name, state }) => [name, state._tag])))

/** Waits until these children wait, for this. */
const waits = (handle: Supervisor.Handle<unknown>, expected: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const begun = performance.now()
    let found = yield* waitingFor(handle)
    while (JSON.stringify(found) !== JSON.stringify(expected) && performance.now() - begun < 5000) {
      yield* Effect.sleep(2)
      found = yield* waitingFor(handle)
    }
    assert.deepStrictEqual(found, expected)
  })

const waitingFor = (handle: Supervisor.Handle<unknown>) =>
  Effect.map(
    Config.waiting(handle),
    (all) => Object.fromEntries(all.map((one) => [one.child, one.for.map(({ text }) => text).join(", ")]))
  )

interface Given {
  readonly world: World
  readonly handle: Supervisor.Handle<unknown>
  readonly directory: string
  /** Reads the files again, and makes the children what they say. */
  readonly reload: (
    files: Readonly<Record<string, string>>
  ) => Effect.Effect<Supervisor.ReconcileReport, unknown, Services>
  /** How all of it ends. */
  readonly ended: Effect.Effect<Exit.Exit<unknown, unknown>>
}

/** Runs the configuration in these files; it is being started when the test begins. */
const running = <A, E>(
  files: Readonly<Record<string, string>>,
  test: (given: Given) => Effect.Effect<A, E, Services>
) =>
  withFiles(files, (directory) =>
    Effect.suspend(() => {
      const world = makeWorld()
      return Effect.gen(function*() {
        const config = yield* Config.load({ file: directory, environment: {} })
        const found = yield* Deferred.make<Supervisor.Handle<unknown>>()
        // It leaves at once, so that all ends when the others have.
        const spy = Runnable.make(
          "spy",
          Effect.gen(function*() {
            const supervisor = yield* Supervisor
            yield* Deferred.succeed(found, supervisor as unknown as Supervisor.Handle<unknown>)
            yield* Effect.ignore(supervisor.remove("spy"))
          })
        )
        const fiber = yield* Effect.forkScoped(Config.toManager(config, [spy]))
        const handle = yield* Deferred.await(found)
        const reload: Given["reload"] = (files) =>
          Effect.gen(function*() {
            write(directory, files)
            return yield* Config.reconcile(handle, yield* Config.load({ file: directory, environment: {} }))
          })
        return yield* test({ world, handle, directory, reload, ended: Fiber.await(fiber) })
      }).pipe(Effect.scoped, Effect.provide(world.layer), quiet)
    }))

const started = (world: World, ...names: ReadonlyArray<string>) =>
  until(`${names.join(", ")} started`, () => names.every((name) => world.log.includes(`+${name}`)))

describe("A manager from a configuration", () => {
  it.live("starts all that need nobody at once: one that is not ready holds up none but who needs it", () =>
    running(
      compose(`
slow: {command: slow, ready_log_line: ready}
a: {command: a}
needs: {command: needs, depends_on: {slow: {condition: process_log_ready}}}
b: {command: b}`),
      ({ handle, world }) =>
        Effect.gen(function*() {
          yield* started(world, "slow", "a", "b")
          yield* becomes(handle, "b", "Running")
          assert.deepStrictEqual(yield* states(handle), {
            [Config.starterName]: "Starting",
            slow: "Starting",
            a: "Running",
            needs: "Starting",
            b: "Running"
          })
          yield* waits(handle, { needs: "slow to be ready (it is starting)" })
          yield* world.say("slow", "now ready\n")
          yield* started(world, "needs")
          yield* becomes(handle, "needs", "Running")
          yield* waits(handle, {})
          yield* gone(handle, Config.starterName)
          assert.strictEqual((yield* handle.status).state, "Running")
          yield* handle.shutdown
        })
    ))

  it.live("starts who waits for an end after that end, and who waits for a good one after a good one", () =>
    running(
      compose(`
task: {command: task}
after: {command: after, depends_on: {task: {condition: process_completed}}}
good: {command: good, depends_on: {task: {condition: process_completed_successfully}}}`),
      ({ handle, world }) =>
        Effect.gen(function*() {
          yield* started(world, "task")
          yield* becomes(handle, "task", "Running")
          yield* waits(handle, {
            after: "task to have ended (it is running)",
            good: "task to have ended well (it is running)"
          })
          assert.deepStrictEqual(world.log, ["+task"])
          yield* world.exit("task", 0)
          yield* started(world, "after", "good")
          assert.deepStrictEqual(world.log.slice(0, 2), ["+task", "-task"])
          yield* handle.shutdown
        })
    ))

  it.live("a dependency that can never be met is a failure that names it, for everybody down the line; others go on", () =>
    running(
      compose(`
task: {command: task}
good:
  command: good
  availability: {restart: always}
  depends_on: {task: {condition: process_completed_successfully}}
then: {command: then, depends_on: {good: }}
after: {command: after, depends_on: {task: {condition: process_completed}}}`),
      ({ handle, world }) =>
        Effect.gen(function*() {
          yield* started(world, "task")
          yield* world.exit("task", 3)
          yield* started(world, "after")
          yield* becomes(handle, "then", "GaveUp")
          const good = yield* handle.child("good")
          assert.strictEqual(good.state._tag === "GaveUp" && good.state.cause.tag, "DependencyFailed")
          assert.strictEqual(good.incarnation, 1)
          const { state } = yield* handle.child("then")
          assert.match(
            state._tag === "GaveUp" ? state.cause.message : "",
            /^Child "then" was not started: it needs "good" to have been started, but that was not started itself\./
          )
          assert.deepStrictEqual(world.log.filter((entry) => /good|then/.test(entry)), [])
          yield* handle.shutdown
        })
    ))

  it.live("stops dependents first", () =>
    running(
      compose(`
web: {command: web, depends_on: {api: , cache: }}
api: {command: api, depends_on: {db: }}
db: {command: db}
cache: {command: cache, depends_on: {db: }}`),
      ({ handle, world }) =>
        Effect.gen(function*() {
          yield* started(world, "web", "api", "db", "cache")
          yield* handle.shutdown
          const stops = world.log.filter((entry) => entry.startsWith("-"))
          assert.strictEqual(stops[0], "-web")
          assert.strictEqual(stops.at(-1), "-db")
        })
    ))

  it.live("looks at what it needs again before a restart: to have been started once is enough, to be ready is not", () =>
    running(
      {
        "supervisor.config.mjs": `export default { children: {
          db: "db",
          once: { command: "once", dependsOn: { db: "started" } },
          ready: { command: "ready", dependsOn: ["db"] }
        } }`
      },
      ({ handle, world }) =>
        Effect.gen(function*() {
          yield* started(world, "db", "once", "ready")
          yield* becomes(handle, "once", "Running")
          yield* becomes(handle, "ready", "Running")
          yield* handle.hold("db")
          yield* handle.restart("once")
          yield* Effect.forkChild(handle.restart("ready"), { startImmediately: true })
          yield* becomes(handle, "ready", "Starting")
          yield* waits(handle, { ready: "db to be ready (it is held: release it)" })
          assert.deepStrictEqual(yield* states(handle), { db: "Held", once: "Running", ready: "Starting" })
          yield* handle.release("db")
          yield* becomes(handle, "ready", "Running")
          yield* waits(handle, {})
          yield* handle.shutdown
        })
    ))

  it.live("one that waits can be stopped, and then waits no more", () =>
    running(
      compose("a: {command: a}\nb: {command: b, depends_on: {a: {condition: process_completed}}}"),
      ({ handle, world }) =>
        Effect.gen(function*() {
          yield* started(world, "a")
          yield* becomes(handle, "a", "Running")
          yield* waits(handle, { b: "a to have ended (it is running)" })
          assert.strictEqual(yield* handle.stop("b"), "done")
          yield* waits(handle, {})
          yield* world.exit("a")
          yield* becomes(handle, "a", "Completed")
          assert.deepStrictEqual(world.log, ["+a", "-a"])
          yield* handle.shutdown
        })
    ))

  it.live("a Procfile ends when the first of its processes does: with its failure, or well", () =>
    Effect.gen(function*() {
      const files = { Procfile: "web: web\nworker: worker\n" }
      yield* running(files, ({ ended, world }) =>
        Effect.gen(function*() {
          yield* started(world, "web", "worker")
          yield* world.exit("worker", 0)
          assert.isTrue(Exit.isSuccess(yield* ended))
          assert.sameMembers(world.log, ["+web", "+worker", "-worker", "-web"])
        }))
      yield* running(files, ({ ended, world }) =>
        Effect.gen(function*() {
          yield* started(world, "web", "worker")
          yield* world.exit("worker", 7)
          const error = Option.getOrThrow(Exit.findErrorOption(yield* ended))
          assert.match(String(error), /exited with code 7/)
        }))
    }))

  it.live("exit_on_failure ends everything, and names its culprit; a good end does not", () =>
    running(
      compose(`
fine: {command: fine, availability: {restart: exit_on_failure}}
bad: {command: bad, availability: {restart: exit_on_failure}}
web: {command: web}`),
      ({ ended, handle, world }) =>
        Effect.gen(function*() {
          yield* started(world, "fine", "bad", "web")
          yield* world.exit("fine", 0)
          yield* becomes(handle, "fine", "Completed")
          assert.isUndefined(yield* Config.culprit(handle))
          yield* world.exit("bad", 2)
          yield* ended
          assert.include(world.log, "-web")
          assert.strictEqual((yield* Config.culprit(handle))?.child, "bad")
        })
    ))

  it.live("restarts as a group where the configuration says so, also while it is being started", () =>
    running(
      {
        "supervisor.config.mjs": `export default { strategy: "one-for-all", children: {
          a: { command: "a", restart: { policy: "on-failure", delay: 1, jitter: false } },
          b: { command: "b" },
          slow: { command: "slow", ready: { log: "ready" } }
        } }`
      },
      ({ handle, world }) =>
        Effect.gen(function*() {
          yield* started(world, "a", "b", "slow")
          yield* becomes(handle, "b", "Running")
          world.log.length = 0
          yield* world.exit("a", 1)
          yield* started(world, "a", "b", "slow")
          assert.sameMembers(world.log.slice(0, 3), ["-a", "-slow", "-b"])
          yield* world.say("slow", "ready\n")
          yield* becomes(handle, "slow", "Running")
          yield* gone(handle, Config.starterName)
          assert.deepStrictEqual(yield* states(handle), { a: "Running", b: "Running", slow: "Running" })
          yield* handle.shutdown
        })
    ))

  it.live("tells of a child that was not started since another has its name, not of one that is there already", () =>
    withFiles(
      {
        "supervisor.config.mjs": `export default { strategy: "one-for-all", children: {
          taken: { command: "taken" },
          a: { command: "a", restart: { policy: "on-failure", delay: 1, jitter: false } },
          slow: { command: "slow", ready: { log: "ready" } }
        } }`
      },
      (file) => {
        const world = makeWorld()
        const { layer, lines } = captureLogs()
        const warnings = () => lines.filter((line) => line.includes("was not started"))
        return Effect.gen(function*() {
          const config = yield* Config.load({ file, environment: {} })
          yield* Effect.forkScoped(Config.toManager(config, [Runnable.idle("taken")]))
          yield* started(world, "a", "slow")
          assert.lengthOf(warnings(), 1)
          yield* world.exit("a", 1)
          yield* until("the second start has begun", () => warnings().length === 2)
          yield* until("all began again", () => world.log.filter((line) => line.startsWith("+")).length === 4)
          assert.isTrue(warnings().every((line) => line.startsWith("Warn: taken was not started: ")))
          assert.include(warnings()[0]!, `"taken"`)
          assert.notInclude(world.log, "+taken")
        }).pipe(Effect.scoped, Effect.provide(Layer.merge(world.layer, layer)))
      }
    ))

  it.live("does not start what is disabled; that can be added by its name", () =>
    running(
      compose("a: {command: a}\noff: {command: off, disabled: true}"),
      ({ directory, handle, world }) =>
        Effect.gen(function*() {
          yield* started(world, "a")
          assert.notProperty(yield* states(handle), "off")
          const config = yield* Config.load({ file: directory })
          yield* handle.add(Config.toChild(config, "off")!)
          yield* started(world, "off")
          assert.isUndefined(Config.toChild(config, "on"))
          yield* handle.shutdown
        })
    ))
})

describe("Editing the file and reconciling", () => {
  it.live("touches only what changed, and starts and stops in order", () =>
    running({ Procfile: "a: a\nb: b\nc: c\n" }, ({ handle, reload, world }) =>
      Effect.gen(function*() {
        yield* started(world, "a", "b", "c")
        yield* becomes(handle, "c", "Running")
        world.log.length = 0
        const report = yield* reload({ Procfile: "# another order\nd: d\nc: c\nb: b --new\n" })
        assert.deepStrictEqual(report, { started: ["d"], stopped: ["a"], restarted: ["b"], kept: ["c"] })
        yield* started(world, "d", "b")
        assert.sameMembers(world.log, ["-a", "-b", "+b", "+d"])
        assert.deepStrictEqual(Object.keys(yield* states(handle)), ["d", "c", "b"])
        yield* handle.shutdown
      })))

  it.live("starts what is new at once, also beside one that waits; all may change, and nothing ends by that", () =>
    running(compose("a: {command: a}"), ({ handle, reload, world }) =>
      Effect.gen(function*() {
        yield* started(world, "a")
        const report = yield* reload(compose(`
a: {command: a --new}
b: {command: b, depends_on: {a: {condition: process_completed}}}
c: {command: c, ready_log_line: never}
d: {command: d}`))
        assert.deepStrictEqual(report, { started: ["b", "c", "d"], stopped: [], restarted: ["a"], kept: [] })
        yield* started(world, "d")
        yield* becomes(handle, "d", "Running")
        assert.deepStrictEqual(yield* states(handle), { a: "Running", b: "Starting", c: "Starting", d: "Running" })
        yield* waits(handle, { b: "a to have ended (it is running)" })
        yield* handle.shutdown
      })))

  it.live("leaves down what was stopped by hand, and gives it its new work", () =>
    running({ Procfile: "a: a\nb: b\n" }, ({ handle, reload, world }) =>
      Effect.gen(function*() {
        yield* started(world, "a", "b")
        yield* handle.stop("a")
        assert.deepStrictEqual((yield* reload({ Procfile: "a: c\nb: b\n" })).restarted, ["a"])
        assert.deepStrictEqual(yield* states(handle), { a: "Stopped", b: "Running" })
        yield* handle.start("a")
        yield* started(world, "c")
        yield* handle.shutdown
      })))

  it.live("a changed variable of .env is a change of those who get it", () =>
    running({ Procfile: "a: a\n", ".env": "A=1" }, ({ handle, reload, world }) =>
      Effect.gen(function*() {
        yield* started(world, "a")
        yield* becomes(handle, "a", "Running")
        assert.deepStrictEqual((yield* reload({ ".env": "# same\nA=1" })).kept, ["a"])
        assert.deepStrictEqual((yield* reload({ ".env": "A=2" })).restarted, ["a"])
        yield* handle.shutdown
      })))

  it.live("a file that is wrong changes nothing", () =>
    running({ Procfile: "a: a\n" }, ({ handle, reload, world }) =>
      Effect.gen(function*() {
        yield* started(world, "a")
        assert.include(
          String(yield* Effect.flip(reload({ Procfile: "a: a\nnothing" }))),
          "Procfile:2: this line names no"
        )
        assert.deepStrictEqual(yield* states(handle), { a: "Running" })
        yield* handle.shutdown
      })))
})
