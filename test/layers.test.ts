import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Schedule, Scope } from "effect"
import { Control, ProcessManager, Runnable, Supervisor, SupervisorError } from "effect-supervisor"
import { TestClock } from "effect/testing"
import { openPool, settle, tagOf } from "./support.ts"

type Log = Array<string>

const acquire = (log: Log, name: string) =>
  Effect.acquireRelease(Effect.sync(() => log.push(`+${name}`)), () => Effect.sync(() => log.push(`-${name}`)))

/** A Runnable that writes down its starts and ends. */
const logged = <E = never, R = never>(
  log: Log,
  name: string,
  effect: Effect.Effect<unknown, E, R> = Effect.never as Effect.Effect<never, E>,
  options?: Runnable.Options<E>
): Runnable.Runnable<E, Exclude<R, Scope.Scope>> =>
  Runnable.make(name, Effect.andThen(acquire(log, name), effect), options)

class Db extends Context.Service<Db, { readonly id: number }>()("test/Db") {
  /** Numbers its instances. */
  static layer(log: Log): Layer.Layer<Db> {
    let instances = 0
    return Layer.effect(
      Db,
      Effect.suspend(() => {
        const id = ++instances
        return Effect.acquireRelease(
          Effect.sync(() => {
            log.push(`+db${id}`)
            return { id }
          }),
          () => Effect.sync(() => log.push(`-db${id}`))
        )
      })
    )
  }
}

describe("Runnable.fromLayer", () => {
  it.effect("every incarnation builds the layer afresh, after the one before was released", () =>
    Effect.gen(function*() {
      const log: Log = []
      const handle = yield* openPool([Runnable.fromLayer("db", Db.layer(log))])
      yield* handle.restart("db")
      yield* handle.stop("db")
      assert.deepStrictEqual(log, ["+db1", "-db1", "+db2", "-db2"])
    }))

  it.effect("inside one incarnation a layer that is used twice is built once", () =>
    Effect.gen(function*() {
      const log: Log = []
      const db = Db.layer(log)
      const user = (name: string) => Layer.effectDiscard(Effect.map(Db, ({ id }) => log.push(`${name} has ${id}`)))
      const both = Layer.mergeAll(Layer.provide(user("a"), db), Layer.provide(user("b"), db))
      yield* openPool([Runnable.fromLayer("both", both)])
      assert.deepStrictEqual(log.toSorted(), ["+db1", "a has 1", "b has 1"])
    }))

  it.effect("two children of the same layer do not share it, nor does one share it with its manager's caller", () =>
    Effect.gen(function*() {
      const log: Log = []
      const db = Db.layer(log)
      const manager = ProcessManager.make("app", [Runnable.fromLayer("one", db), Runnable.fromLayer("two", db)])
      yield* Effect.gen(function*() {
        yield* Db
        yield* ProcessManager.start(manager)
      }).pipe(Effect.provide(db))
      assert.deepStrictEqual(log.slice(0, 3), ["+db1", "+db2", "+db3"])
    }))

  it.effect("it is ready when the layer is built, so that the next child starts then", () =>
    Effect.gen(function*() {
      const log: Log = []
      const build = Effect.andThen(Effect.sleep("1 second"), acquire(log, "layer"))
      const starting = yield* Effect.forkChild(
        openPool([Runnable.fromLayer("layer", Layer.effectDiscard(build)), logged(log, "next")])
      )
      yield* settle
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 second")
      const handle = yield* Fiber.join(starting)
      assert.deepStrictEqual(log.slice(0, 2), ["+layer", "+next"])
      yield* settle
      assert.isDefined(handle)
    }))

  it.effect("a layer that cannot be built is a failure, and its policy decides", () =>
    Effect.gen(function*() {
      let builds = 0
      const layer = Layer.effectDiscard(Effect.suspend(() => ++builds < 3 ? Effect.fail("no network") : Effect.void))
      const handle = yield* openPool([Runnable.fromLayer("net", layer, { restart: Schedule.recurs(5) })])
      const child = yield* handle.child("net")
      assert.deepStrictEqual([child.state._tag, child.incarnation], ["Running", 3])
    }))

  it.effect("what was acquired before the build failed is released", () =>
    Effect.gen(function*() {
      const log: Log = []
      const layer = Layer.effectDiscard(Effect.andThen(acquire(log, "half"), Effect.fail("no")))
      const exit = yield* Effect.exit(ProcessManager.make("app", [Runnable.fromLayer("x", layer)]))
      assert.deepStrictEqual(log, ["+half", "-half"])
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), "no")
    }))

  it.effect("an option of its own goes before its default", () =>
    Effect.gen(function*() {
      const handle = yield* Effect.forkChild(
        openPool([Runnable.fromLayer("slow", Layer.effectDiscard(Effect.sleep("1 second")), { ready: "started" })])
      )
      yield* settle
      assert.isDefined(handle.pollUnsafe())
    }))

  it.effect("its services are those of the manager's caller", () =>
    Effect.gen(function*() {
      const log: Log = []
      const user = Layer.effectDiscard(Effect.map(Db, ({ id }) => log.push(`has ${id}`)))
      const manager = ProcessManager.make("app", [Runnable.fromLayer("user", user)])
      yield* ProcessManager.start(manager).pipe(Effect.provideService(Db, { id: 7 }))
      assert.deepStrictEqual(log, ["has 7"])
    }))

  it.effect("an option that is undefined is as if it was not said: it is ready when it is built", () =>
    Effect.gen(function*() {
      const log: Log = []
      const slow = Runnable.fromLayer("slow", Layer.effectDiscard(Effect.sleep("1 second")), { ready: undefined })
      const starting = yield* Effect.forkChild(openPool([slow, logged(log, "next")]))
      yield* settle
      assert.deepStrictEqual([starting.pollUnsafe(), log.slice()], [undefined, []])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(starting)
      assert.deepStrictEqual(log.slice(0, 1), ["+next"])
    }))
})

describe("Runnable.layer", () => {
  it.effect("building it starts the child, closing it stops the child and takes it out", () =>
    Effect.gen(function*() {
      const log: Log = []
      const handle = yield* openPool<never>()
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(Runnable.layer(logged(log, "a")), scope).pipe(
        Effect.provideService(Supervisor, handle)
      )
      assert.strictEqual((yield* handle.child("a")).state._tag, "Running")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["+a", "-a"])
      assert.deepStrictEqual((yield* handle.status).children, [])
    }))

  it.effect("it is built when the child is ready: what is built from it comes after", () =>
    Effect.gen(function*() {
      const log: Log = []
      const server = Runnable.make(
        "server",
        Effect.sleep("1 second").pipe(
          Effect.andThen(Effect.sync(() => log.push("serving"))),
          Effect.andThen(Control.ready),
          Effect.andThen(Effect.never)
        ),
        { ready: "signal" }
      )
      const client = Layer.effectDiscard(Effect.sync(() => log.push("client")))
      yield* Effect.forkChild(Supervisor.launch(Layer.provide(client, Runnable.layer(server))))
      yield* settle
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual(log, ["serving", "client"])
    }))

  it.effect("the child has the services that the layer was provided with, and stops before them", () =>
    Effect.gen(function*() {
      const log: Log = []
      const worker = logged(
        log,
        "worker",
        Effect.flatMap(Db, ({ id }) => {
          log.push(`has ${id}`)
          return Effect.never
        })
      )
      const app = Runnable.layer(worker).pipe(Layer.provide(Db.layer(log)))
      const fiber = yield* Effect.forkChild(Supervisor.launch(app))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["+db1", "+worker", "has 1", "-worker", "-db1"])
    }))

  it.effect("two names that are the same are a defect that names both", () =>
    Effect.gen(function*() {
      const app = Layer.mergeAll(Runnable.layer(Runnable.idle("a")), Runnable.layer(Runnable.make("a", Effect.void)))
      const exit = yield* Effect.exit(Supervisor.launch(app))
      assert(Exit.isFailure(exit))
      assert.isTrue(Cause.hasDies(exit.cause))
      const error = Cause.squash(exit.cause)
      assert.instanceOf(error, SupervisorError.DuplicateChild)
      assert.include(String(error), `"a"`)
    }))

  it.effect("one whose name was taken does not take the other's child out when it is closed", () =>
    Effect.gen(function*() {
      const log: Log = []
      const handle = yield* openPool<never>([logged(log, "a")])
      const exit = yield* Effect.exit(
        Effect.scoped(Layer.build(Runnable.layer(Runnable.idle("a")))).pipe(Effect.provideService(Supervisor, handle))
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(log, ["+a"])
      assert.strictEqual((yield* handle.child("a")).state._tag, "Running")
    }))

  it.effect("interrupting the build of a child that is still starting stops it and takes it out", () =>
    Effect.gen(function*() {
      const log: Log = []
      const handle = yield* openPool<never>()
      const building = yield* Effect.forkChild(
        Effect.scoped(Layer.build(Runnable.layer(logged(log, "a", Effect.never, { ready: "signal" })))).pipe(
          Effect.provideService(Supervisor, handle)
        )
      )
      yield* settle
      assert.deepStrictEqual(log, ["+a"])
      yield* Fiber.interrupt(building)
      assert.deepStrictEqual(log, ["+a", "-a"])
      assert.deepStrictEqual((yield* handle.status).children, [])
    }))

  it.effect("a child that could not start is a layer that could not be built: it fails with the child's error", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(
        Layer.build(
          Layer.provide(
            Runnable.layer(Runnable.make("a", Effect.fail("no port"), { ready: "signal" })),
            Supervisor.layer()
          )
        )
      ))
      assert(Exit.isFailure(exit))
      assert.strictEqual(Cause.squash(exit.cause), "no port")
    }))

  it.effect("what depends on a child that could not start is not built", () =>
    Effect.gen(function*() {
      const log: Log = []
      const server = Runnable.make("server", Effect.fail("no port"), { ready: "signal" })
      const client = Layer.effectDiscard(Effect.sync(() => log.push("client")))
      const exit = yield* Effect.exit(Supervisor.launch(Layer.provide(client, Runnable.layer(server))))
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), "no port")
      assert.deepStrictEqual(log, [])
    }))

  it.effect("inside a tree it adds to the supervisor of the child that builds it", () =>
    Effect.gen(function*() {
      const log: Log = []
      const host = Runnable.fromLayer("host", Runnable.layer(logged(log, "guest")))
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [host, Runnable.idle()]))
      assert.deepStrictEqual((yield* handle.status).children.map((child) => child.name), ["host", "idle", "guest"])
      yield* handle.stop("host")
      assert.deepStrictEqual(log, ["+guest", "-guest"])
      assert.deepStrictEqual((yield* handle.status).children.map((child) => child.name), ["host", "idle"])
    }))

  it.effect("closing it takes out its own child, not another of the same name that came after", () =>
    Effect.gen(function*() {
      const log: Log = []
      const handle = yield* openPool<never>()
      const runnable = logged(log, "a", Effect.sleep("1 second"))
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(Runnable.layer(runnable), scope).pipe(Effect.provideService(Supervisor, handle))
      yield* TestClock.adjust("1 second")
      yield* settle
      for (const other of [logged(log, "a"), runnable]) {
        log.length = 0
        yield* handle.add(other)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(log, ["+a"])
        assert.strictEqual(yield* tagOf(handle, "a"), "Running")
        yield* handle.remove("a")
      }
    }))

  it.effect("one whose child gave up before it was ready can be built again", () =>
    Effect.gen(function*() {
      const log: Log = []
      const handle = yield* openPool<never>([], { escalate: "never" })
      let builds = 0
      const flaky = logged(
        log,
        "a",
        Effect.suspend(() => ++builds === 1 ? Effect.die("boom") : Effect.andThen(Control.ready, Effect.never)),
        { ready: "signal" }
      )
      const build = Effect.provideService(Layer.build(Runnable.layer(flaky)), Supervisor, handle)
      const exit = yield* Effect.exit(Effect.scoped(build))
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), "boom")
      assert.deepStrictEqual((yield* handle.status).children, [])
      yield* build
      assert.strictEqual(yield* tagOf(handle, "a"), "Running")
      assert.deepStrictEqual(log, ["+a", "-a", "+a"])
    }))
})

describe("Supervisor.layer", () => {
  it.effect("one supervisor for several layers: closing stops all children in reverse, before what they are built from", () =>
    Effect.gen(function*() {
      const log: Log = []
      const app = Runnable.layer(logged(log, "b", Effect.andThen(Db, Effect.never))).pipe(
        Layer.provide(Runnable.layer(logged(log, "a"))),
        Layer.provide(Db.layer(log)),
        Layer.provideMerge(Supervisor.layer())
      )
      yield* Effect.scoped(Effect.gen(function*() {
        const context = yield* Layer.build(app)
        const supervisor = Context.get(context, Supervisor)
        assert.deepStrictEqual((yield* supervisor.status).children.map((child) => child.name), ["a", "b"])
      }))
      assert.deepStrictEqual(log, ["+db1", "+a", "+b", "-b", "-a", "-db1"])
    }))

  it.effect("it goes on when no child is left", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(Supervisor.layer())
      const supervisor = Context.get(context, Supervisor)
      yield* supervisor.add(Runnable.make("short", Effect.void))
      yield* settle
      assert.strictEqual((yield* supervisor.status).state, "Running")
      yield* supervisor.add(Runnable.make("another", Effect.void))
      assert.strictEqual((yield* supervisor.status).completed, 2)
    }))

  it.effect("it has the name that it is given", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(Supervisor.layer({ name: "jobs" }))
      const supervisor = Context.get(context, Supervisor)
      assert.deepStrictEqual([supervisor.name, (yield* supervisor.status).name], ["jobs", "jobs"])
      const error = yield* Effect.flip(supervisor.stop("nobody"))
      assert.include(error.message, "jobs")
    }))

  it.effect("a child that gives up stops the supervisor, and await says why", () =>
    Effect.gen(function*() {
      const log: Log = []
      const context = yield* Layer.build(Supervisor.layer())
      const supervisor = Context.get(context, Supervisor)
      yield* supervisor.add(logged(log, "a"))
      yield* supervisor.add(Runnable.make("b", Effect.die("a bug")))
      const exit = yield* Effect.exit(supervisor.await)
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), "a bug")
      assert.deepStrictEqual(log, ["+a", "-a"])
    }))

  it.effect("whatever a layer is built from outlives its child, also when the supervisor is already stopping", () =>
    Effect.gen(function*() {
      const log: Log = []
      const drained = yield* Deferred.make<void>()
      yield* Effect.addFinalizer(() => Deferred.succeed(drained, undefined))
      const crash = yield* Deferred.make<void>()
      const draining = logged(
        log,
        "draining",
        Effect.andThen(Db, Effect.andThen(Control.shutdown, Deferred.await(drained))),
        { grace: "1 hour" }
      )
      const failing = Runnable.make("failing", Effect.andThen(Deferred.await(crash), Effect.die("boom")))
      const app = Layer.mergeAll(Runnable.layer(draining), Runnable.layer(failing)).pipe(
        Layer.provide(Db.layer(log)),
        Layer.provide(Supervisor.layer())
      )
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(app, scope)
      yield* Deferred.succeed(crash, undefined)
      yield* settle
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      assert.deepStrictEqual(log, ["+db1", "+draining"])
      yield* Deferred.succeed(drained, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["+db1", "+draining", "-draining", "-db1"])
    }))

  it.effect("its options are a manager's: a strategy", () =>
    Effect.gen(function*() {
      const log: Log = []
      let lives = 0
      const context = yield* Layer.build(Supervisor.layer({ strategy: "one-for-all" }))
      const supervisor = Context.get(context, Supervisor)
      yield* supervisor.add(logged(log, "a"))
      yield* supervisor.add(
        Runnable.make("b", Effect.suspend(() => ++lives === 1 ? Effect.die("boom") : Effect.never), {
          restart: Schedule.recurs(1)
        })
      )
      yield* settle
      assert.deepStrictEqual(log, ["+a", "-a", "+a"])
    }))

  it.effect("its grace bounds the stop of all of it", () =>
    Effect.gen(function*() {
      const log: Log = []
      const deaf = logged(log, "deaf", Effect.andThen(Control.shutdown, Effect.never), { grace: "1 hour" })
      const scope = yield* Scope.make()
      const app = Layer.provide(Runnable.layer(deaf), Supervisor.layer({ grace: "2 seconds" }))
      yield* Layer.buildWithScope(app, scope)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["+deaf", "-deaf"])
    }))

  it.effect("it goes on when no child is left, whatever is said about keepAlive from outside its types", () =>
    Effect.gen(function*() {
      for (const keepAlive of [undefined, false]) {
        const context = yield* Layer.build(Supervisor.layer({ keepAlive } as never))
        const handle = Context.get(context, Supervisor)
        yield* settle
        yield* handle.add(Runnable.make("a", Effect.void))
        yield* settle
        yield* handle.add(Runnable.idle("b"))
        assert.deepStrictEqual((yield* handle.status).children.map(({ name }) => name), ["b"])
      }
    }))
})

describe("Supervisor.launch", () => {
  it.effect("fails with the layer's error when a layer could not be built, after everything was released", () =>
    Effect.gen(function*() {
      const log: Log = []
      const app = Layer.effectDiscard(Effect.fail("no config" as const)).pipe(
        Layer.provide(Runnable.layer(logged(log, "a"))),
        Layer.provide(Db.layer(log))
      )
      const error = yield* Effect.flip(Supervisor.launch(app))
      assert.strictEqual(error, "no config")
      assert.deepStrictEqual(log, ["+db1", "+a", "-a", "-db1"])
    }))

  it.effect("fails with a child's error when it could not start", () =>
    Effect.gen(function*() {
      const log: Log = []
      const server = logged(log, "server", Effect.fail("no port" as const), { ready: "signal" })
      const app = Layer.provide(Runnable.layer(server), Layer.merge(Db.layer(log), Runnable.layer(logged(log, "a"))))
      const error = yield* Effect.flip(Supervisor.launch(app))
      assert.strictEqual(error, "no port")
      assert.deepStrictEqual(log.slice(2), ["+server", "-server", "-a", "-db1"])
    }))

  it.effect("fails with a child's error when it gave up later, and says which child it was", () =>
    Effect.gen(function*() {
      const log: Log = []
      const worker = logged(log, "worker", Effect.andThen(Effect.sleep("1 second"), Effect.fail("lost" as const)), {
        restart: Schedule.recurs(1)
      })
      const app = Runnable.layer(worker).pipe(
        Layer.provide(Runnable.layer(logged(log, "a"))),
        Layer.provide(Db.layer(log))
      )
      const fiber = yield* Effect.forkChild(Effect.exit(Supervisor.launch(app)))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      yield* TestClock.adjust("1 second")
      const exit = yield* Fiber.join(fiber)
      assert(Exit.isFailure(exit))
      assert.strictEqual(Cause.squash(exit.cause), "lost")
      assert.strictEqual(SupervisorError.childPath(exit.cause), "worker")
      assert.deepStrictEqual(log, ["+db1", "+a", "+worker", "-worker", "+worker", "-worker", "-a", "-db1"])
    }))

  it.effect("fails with a child's error when it gave up while other layers were still being built", () =>
    Effect.gen(function*() {
      const log: Log = []
      const slow = Layer.effectDiscard(
        Effect.andThen(acquire(log, "slow"), Effect.andThen(Effect.sleep("1 hour"), acquire(log, "never")))
      )
      const failing = Runnable.make("failing", Effect.andThen(Effect.sleep("1 second"), Effect.fail("lost" as const)))
      const fiber = yield* Effect.forkChild(Effect.flip(Supervisor.launch(Layer.merge(slow, Runnable.layer(failing)))))
      yield* settle
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "lost")
      assert.deepStrictEqual(log, ["+slow", "-slow"])
    }))

  it.effect("a defect stays a defect", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Supervisor.launch(Runnable.layer(Runnable.make("a", Effect.die("a bug")))))
      assert(Exit.isFailure(exit))
      assert.isTrue(Cause.hasDies(exit.cause))
      assert.strictEqual(Cause.squash(exit.cause), "a bug")
    }))

  it.effect("without children it waits for ever", () =>
    Effect.gen(function*() {
      const log: Log = []
      const fiber = yield* Effect.forkChild(Supervisor.launch(Db.layer(log)))
      yield* settle
      yield* TestClock.adjust("1000 days")
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["+db1", "-db1"])
    }))

  it.effect("with children it ends well when none is left, and then releases its layers", () =>
    Effect.gen(function*() {
      const log: Log = []
      const app = Layer.mergeAll(
        Runnable.layer(logged(log, "short", Effect.sleep("1 second"))),
        Runnable.layer(logged(log, "long", Effect.sleep("2 seconds")))
      ).pipe(Layer.provide(Db.layer(log)))
      const fiber = yield* Effect.forkChild(Supervisor.launch(app))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["+db1", "+short", "+long", "-short", "-long", "-db1"])
    }))

  it.effect("children that end at once while others are still being built do not end it", () =>
    Effect.gen(function*() {
      const log: Log = []
      const slow = Runnable.layer(logged(log, "slow", Effect.sleep("2 seconds"))).pipe(
        Layer.provide(Layer.effectDiscard(Effect.sleep("1 second")))
      )
      const app = Layer.merge(Runnable.layer(logged(log, "short", Effect.void)), slow)
      const fiber = yield* Effect.forkChild(Supervisor.launch(app))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["+short", "-short", "+slow", "-slow"])
    }))

  it.effect("it ends at once when all its children have ended before the layer was built", () =>
    Supervisor.launch(Runnable.layer(Runnable.make("short", Effect.void))))

  it.effect("with keepAlive it goes on when none is left", () =>
    Effect.gen(function*() {
      const app = Runnable.layer(Runnable.make("short", Effect.void))
      const fiber = yield* Effect.forkChild(Supervisor.launch(app, { keepAlive: true }))
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("an interruption stops the children in reverse, each with its grace, then releases the layers", () =>
    Effect.gen(function*() {
      const log: Log = []
      const drain = (name: string) =>
        logged(
          log,
          name,
          Control.shutdown.pipe(
            Effect.andThen(Effect.sync(() => log.push(`draining ${name}`))),
            Effect.andThen(Effect.sleep("1 second"))
          )
        )
      const app = Runnable.layer(drain("b")).pipe(
        Layer.provide(Runnable.layer(drain("a"))),
        Layer.provide(Db.layer(log))
      )
      const fiber = yield* Effect.forkChild(Supervisor.launch(app))
      yield* settle
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settle
      assert.deepStrictEqual(log, ["+db1", "+a", "+b", "draining b"])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual(log.slice(4), ["-b", "draining a"])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(log.slice(6), ["-a", "-db1"])
    }))

  it.effect("an interruption while it is still being built leaves nothing behind", () =>
    Effect.gen(function*() {
      const log: Log = []
      const app = Runnable.layer(logged(log, "b", Effect.never, { ready: "signal" })).pipe(
        Layer.provide(Runnable.layer(logged(log, "a"))),
        Layer.provide(Db.layer(log))
      )
      const fiber = yield* Effect.forkChild(Supervisor.launch(app))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["+db1", "+a", "+b", "-b", "-a", "-db1"])
    }))

  it.effect("a shutdown that a child asks for ends it well", () =>
    Effect.gen(function*() {
      const log: Log = []
      const boss = Runnable.make(
        "boss",
        Effect.gen(function*() {
          const supervisor = yield* Supervisor
          yield* Effect.sleep("1 second")
          yield* supervisor.shutdown
        })
      )
      const app = Layer.provide(
        Layer.merge(Runnable.layer(boss), Runnable.layer(logged(log, "a"))),
        Db.layer(log)
      )
      const fiber = yield* Effect.forkChild(Supervisor.launch(app))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["+db1", "+a", "-a", "-db1"])
    }))

  it.effect("it runs as a child of a manager, as its subtree", () =>
    Effect.gen(function*() {
      const app = Supervisor.launch(Runnable.layer(Runnable.idle("poller")), { name: "layers" })
      const handle = yield* ProcessManager.start(ProcessManager.make("app", [Runnable.make("layers", app)]))
      yield* settle
      const child = yield* handle.child("layers/poller")
      assert.deepStrictEqual([child.path, child.state._tag], ["layers/poller", "Running"])
    }))

  it.effect("an existing application with services, a configuration and a background job", () =>
    Effect.gen(function*() {
      const log: Log = []
      class Mailer extends Context.Service<Mailer, { readonly send: (to: string) => Effect.Effect<void> }>()(
        "test/Mailer"
      ) {
        static readonly layer = Layer.effect(
          Mailer,
          Effect.map(
            Db,
            ({ id }) => ({ send: (to: string) => Effect.sync(() => log.push(`mail to ${to} from db${id}`)) })
          )
        )
      }
      let sent = 0
      const newsletter = Runnable.make(
        "newsletter",
        Effect.gen(function*() {
          const mailer = yield* Mailer
          yield* Effect.sleep("1 second")
          yield* mailer.send(`reader ${++sent}`)
          if (sent === 2) return yield* Effect.fail("smtp is down" as const)
        }),
        { restart: Schedule.recurs(2) }
      )
      const metrics = logged(log, "metrics")
      const app = Layer.mergeAll(Runnable.layer(newsletter), Runnable.layer(metrics)).pipe(
        Layer.provide(Mailer.layer),
        Layer.provide(Db.layer(log))
      )
      const fiber = yield* Effect.forkChild(Supervisor.launch(app, { name: "shop" }))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["+db1", "+metrics", "mail to reader 1 from db1", "-metrics", "-db1"])
    }))

  it.effect("keepAlive false, as by default: it runs its children, and ends when none is left", () =>
    Effect.gen(function*() {
      for (const options of [{ keepAlive: false }, { keepAlive: undefined }, {}]) {
        const log: Log = []
        const app = Layer.mergeAll(
          Runnable.layer(logged(log, "a", Effect.sleep("1 second"))),
          Runnable.layer(logged(log, "b", Effect.sleep("2 seconds")))
        )
        const fiber = yield* Effect.forkChild(Supervisor.launch(app, options))
        yield* settle
        yield* TestClock.adjust("1 second")
        yield* settle
        assert.deepStrictEqual([fiber.pollUnsafe(), log.toSorted()], [undefined, ["+a", "+b", "-a"]])
        yield* TestClock.adjust("1 second")
        yield* settle
        assert.deepStrictEqual([fiber.pollUnsafe(), log.at(-1)], [Exit.void, "-b"])
      }
    }))

  it.effect("keepAlive true: it goes on when none is left", () =>
    Effect.gen(function*() {
      const log: Log = []
      const app = Runnable.layer(logged(log, "a", Effect.sleep("1 second")))
      const fiber = yield* Effect.forkChild(Supervisor.launch(app, { keepAlive: true }))
      yield* settle
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.deepStrictEqual([fiber.pollUnsafe(), log], [undefined, ["+a", "-a"]])
      yield* Fiber.interrupt(fiber)
    }))
})
