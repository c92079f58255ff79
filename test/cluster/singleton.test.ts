import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Schedule, Stream } from "effect"
import { Control, RestartPolicy, Runnable, Supervisor } from "effect-supervisor"
import { ClusterSupervisor, ClusterView, Fencing } from "effect-supervisor/cluster"
import { quiet } from "../support.ts"

/** A cluster of one node in memory with these layers, until the effect has ended. */
const cluster = <A, E, E2, R>(
  layer: Layer.Layer<never, E2, ClusterSupervisor.Services | R>,
  effect: Effect.Effect<A, E, ClusterSupervisor.Services | Supervisor>
) =>
  effect.pipe(
    Effect.provide(layer.pipe(
      Layer.provideMerge(ClusterSupervisor.layerMemory),
      Layer.provideMerge(Supervisor.layer())
    )),
    quiet
  )

describe("a singleton", () => {
  it.live("runs under the supervisor of its node, with a token", () =>
    Effect.gen(function*() {
      const told = yield* Deferred.make<Fencing.Token>()
      const mailer = Runnable.make(
        "mailer",
        Effect.flatMap(Fencing.token, (token) => Effect.andThen(Deferred.succeed(told, token), Effect.never))
      )
      yield* cluster(
        ClusterSupervisor.singleton(mailer),
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* Deferred.await(told), { name: "mailer", value: 1, node: "localhost:34431" })
          const supervisor = yield* Supervisor
          yield* Stream.fromEffectRepeat(supervisor.child("cluster/mailer")).pipe(
            Stream.takeUntil(({ state }) => state._tag === "Running"),
            Stream.runDrain
          )
        })
      )
    }))

  it.live("is restarted where it is by its own policy, each incarnation with a higher token", () =>
    Effect.gen(function*() {
      const tokens: Array<number> = []
      const done = yield* Deferred.make<void>()
      const worker = Runnable.make(
        "worker",
        Effect.flatMap(Fencing.token, ({ value }) => {
          tokens.push(value)
          return tokens.length < 4
            ? Effect.fail("boom")
            : Effect.andThen(Deferred.succeed(done, undefined), Effect.never)
        }),
        { restart: Schedule.spaced("1 millis") }
      )
      yield* cluster(ClusterSupervisor.singleton(worker), Deferred.await(done))
      assert.deepStrictEqual(tokens, [1, 2, 3, 4])
    }))

  it.live("drains with its own grace before it lets go", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const up = yield* Deferred.make<void>()
      const server = Runnable.make(
        "server",
        Effect.gen(function*() {
          yield* Deferred.succeed(up, undefined)
          yield* Control.shutdown
          log.push("asked")
          yield* Effect.sleep("50 millis")
          log.push("drained")
        })
      )
      yield* cluster(ClusterSupervisor.singleton(server), Deferred.await(up))
      assert.deepStrictEqual(log, ["asked", "drained"])
    }))

  it.live("that gives up is placed anew, and when its budget is spent its node fails with its cause", () =>
    Effect.gen(function*() {
      let runs = 0
      const poison = Runnable.make(
        "poison",
        Effect.suspend(() => {
          runs++
          return Effect.fail("no luck")
        })
      )
      const app = ClusterSupervisor.singleton(poison, { budget: { giveUps: 2, within: "1 minute" } }).pipe(
        Layer.provide(ClusterSupervisor.layerMemory)
      )
      const exit = yield* Effect.exit(quiet(Supervisor.launch(app)))
      assert.isTrue(Exit.isFailure(exit))
      const error = yield* Effect.flip(exit)
      assert.strictEqual(error._tag, "BudgetSpent")
      assert.match(error.message, /^"poison" gave up 3 times within 60 s .*node localhost:34431 \(no luck\)/)
      assert.strictEqual(runs, 3)
    }))

  it.live("that completes is not started again", () =>
    Effect.gen(function*() {
      let runs = 0
      const once = Runnable.make("once", Effect.sync(() => runs++), { restart: RestartPolicy.supervised })
      yield* cluster(
        ClusterSupervisor.singleton(once),
        Effect.gen(function*() {
          const view = yield* ClusterView.ClusterView
          yield* view.eventsAfter(0).pipe(
            Stream.takeUntil(({ _tag }) => _tag === "Completed"),
            Stream.runDrain
          )
          yield* Effect.sleep("300 millis")
          const { children } = yield* view.snapshot
          assert.deepStrictEqual(children.map(({ name, state }) => [name, state]), [["once", "Completed"]])
        })
      )
      assert.strictEqual(runs, 1)
    }))

  it.live("under a name that is taken is refused", () =>
    Effect.gen(function*() {
      const twice = Layer.merge(
        ClusterSupervisor.singleton(Runnable.idle("mailer")),
        ClusterSupervisor.replicas("mailer", 1, () => Runnable.idle("worker"))
      )
      const error = yield* Effect.flip(cluster(twice, Effect.void)) as Effect.Effect<
        { readonly message: string },
        unknown
      >
      assert.match(error.message, /cannot register the .* "mailer": there is a .* of that name/)
    }))
})

describe("replicas", () => {
  it.live("follow a stream of counts by starting and stopping only the difference", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const counts = yield* Deferred.make<void>()
      const replica = (index: number) =>
        Runnable.make(
          "worker",
          Effect.acquireRelease(
            Effect.sync(() => log.push(`+${index}`)),
            () => Effect.sync(() => log.push(`-${index}`))
          ).pipe(Effect.andThen(Effect.never))
        )
      const until = (wanted: ReadonlyArray<string>) =>
        Effect.suspend(() => log.toSorted().join() === wanted.toSorted().join() ? Effect.void : Effect.fail("not yet"))
          .pipe(Effect.retry(Schedule.spaced("10 millis")))
      const stream = Stream.make(3).pipe(
        Stream.concat(Stream.fromEffect(Effect.as(Deferred.await(counts), 1))),
        Stream.concat(Stream.never)
      )
      yield* cluster(
        ClusterSupervisor.replicas("worker", stream, replica),
        Effect.gen(function*() {
          yield* until(["+0", "+1", "+2"])
          yield* Deferred.succeed(counts, undefined)
          yield* until(["+0", "+1", "+2", "-1", "-2"])
        })
      )
    }))
})
