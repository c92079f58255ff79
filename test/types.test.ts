import { it } from "@effect/vitest"
import { Cause, Context, type Duration, Effect, Exit, Layer, Schedule, type Scope, type Stream } from "effect"
import {
  type ChildSnapshot,
  Control,
  ProcessManager,
  RestartPolicy,
  Runnable,
  Signals,
  type Snapshot,
  Supervisor,
  type SupervisorError,
  type SupervisorEvent
} from "effect-supervisor"
import { describe, expectTypeOf } from "vitest"

// These are checked by the compiler; running them only shows that nothing in them throws.

class Db extends Context.Service<Db, { readonly query: (sql: string) => string }>()("test/Db") {}
class Mail extends Context.Service<Mail, { readonly send: (to: string) => void }>()("test/Mail") {}

class DbError {
  readonly _tag = "DbError"
}
class MailError {
  readonly _tag = "MailError"
}

const reader = Runnable.make("reader", Effect.andThen(Db, Effect.fail(new DbError())))
const mailer = Runnable.make("mailer", Effect.andThen(Mail, Effect.fail(new MailError())))

type E<T> = T extends Effect.Effect<infer _A, infer E, infer _R> ? E : never
type R<T> = T extends Effect.Effect<infer _A, infer _E, infer R> ? R : never

describe("a Runnable", () => {
  it("has the error and the services of its Effect, and is an Effect of nothing", () => {
    expectTypeOf(reader).toEqualTypeOf<Runnable.Runnable<DbError, Db>>()
    expectTypeOf(reader).toExtend<Effect.Effect<void, DbError, Db>>()
    expectTypeOf<Runnable.Error<typeof reader>>().toEqualTypeOf<DbError>()
    expectTypeOf<Runnable.Services<typeof reader>>().toEqualTypeOf<Db>()
    expectTypeOf<Runnable.ExitOf<typeof reader>>().toEqualTypeOf<Exit.Exit<unknown, DbError>>()
    expectTypeOf(Runnable.make("a", Effect.succeed(1))).toEqualTypeOf<Runnable.Runnable<never, never>>()
    expectTypeOf(Runnable.idle()).toEqualTypeOf<Runnable.Runnable<never, never>>()
  })

  it("loses Scope: every incarnation gets one of its own", () => {
    const scoped = Runnable.make("scoped", Effect.andThen(Effect.acquireRelease(Db, () => Effect.void), Effect.scope))
    expectTypeOf<R<typeof scoped>>().toEqualTypeOf<Db>()
    const onlyScope = Runnable.make("scoped", Effect.scope)
    expectTypeOf<R<typeof onlyScope>>().toEqualTypeOf<never>()
    const layer = Runnable.fromLayer("layer", Layer.effectDiscard(Effect.andThen(Effect.scope, Db)))
    expectTypeOf<R<typeof layer>>().toEqualTypeOf<Db>()
  })

  it("gathers the services of its options", () => {
    const withReload = Runnable.make("a", Db, { onReload: Mail })
    expectTypeOf<R<typeof withReload>>().toEqualTypeOf<Db | Mail>()
    const withHealth = Runnable.make("a", Db, { health: { check: Mail } })
    expectTypeOf<R<typeof withHealth>>().toEqualTypeOf<Db | Mail>()
    const layer = Runnable.fromLayer("a", Layer.effectDiscard(Db), { onReload: Mail })
    expectTypeOf<R<typeof layer>>().toEqualTypeOf<Db | Mail>()
  })

  it("its options lose Scope too: a check and a reload get one for every run", () => {
    const scoped = Effect.acquireRelease(Db, () => Effect.void)
    const inPlace = Runnable.make("a", Effect.never, { health: { check: scoped }, onReload: scoped })
    expectTypeOf<R<typeof inPlace>>().toEqualTypeOf<Db>()
    const set = Runnable.idle("a").pipe(Runnable.health({ check: scoped }), Runnable.onReload(scoped))
    expectTypeOf<R<typeof set>>().toEqualTypeOf<Db>()
    const manager = ProcessManager.make("app", [Runnable.idle()], { health: { check: scoped }, onReload: scoped })
    expectTypeOf<R<typeof manager>>().toEqualTypeOf<Db>()
    const setOnManager = ProcessManager.make("app", []).pipe(
      Runnable.health({ check: scoped }),
      Runnable.onReload(scoped)
    )
    expectTypeOf<R<typeof setOnManager>>().toEqualTypeOf<Db>()
  })

  it("from a layer has the layer's error and requirements", () => {
    const layer = Layer.effect(Mail, Effect.andThen(Db, Effect.fail(new MailError())))
    expectTypeOf(Runnable.fromLayer("mail", layer)).toEqualTypeOf<Runnable.Runnable<MailError, Db>>()
  })

  it("asks for nothing when it hears from its supervisor", () => {
    const listening = Effect.all([Control.ready, Control.heartbeat, Control.shutdown])
    expectTypeOf<R<typeof listening>>().toEqualTypeOf<never>()
    expectTypeOf(Control.messages).toEqualTypeOf<Stream.Stream<unknown>>()
    expectTypeOf(Control.reloads).toEqualTypeOf<Stream.Stream<void>>()
    expectTypeOf(Control.tick(Effect.succeed(1))).toEqualTypeOf<Effect.Effect<Control.Tick<number>>>()
    const handler = Control.onReload(Effect.andThen(Db, Effect.fail(new DbError())))
    expectTypeOf<R<typeof handler>>().toEqualTypeOf<Db | Scope.Scope>()
    expectTypeOf<E<typeof handler>>().toEqualTypeOf<never>()
  })
})

describe("the setters", () => {
  it("keep the types, of a Runnable and of a manager", () => {
    const all = reader.pipe(
      Runnable.restart(Schedule.forever),
      Runnable.restart(RestartPolicy.supervised),
      Runnable.grace("1 second"),
      Runnable.abandonAfter("1 second"),
      Runnable.ready("signal"),
      Runnable.startTimeout("1 second"),
      Runnable.significant(true),
      Runnable.watchdog("1 second"),
      Runnable.reloadTimeout("1 second"),
      Runnable.overlap(true),
      Runnable.version(1)
    )
    expectTypeOf(all).toEqualTypeOf<Runnable.Runnable<DbError, Db>>()
    expectTypeOf(Runnable.grace(reader, 5)).toEqualTypeOf<Runnable.Runnable<DbError, Db>>()
    const manager = ProcessManager.make("app", [reader]).pipe(
      Runnable.grace("1 second"),
      Runnable.restart(Schedule.forever)
    )
    expectTypeOf(manager).toEqualTypeOf<ProcessManager.ProcessManager<DbError, Db>>()
  })

  it("add the services of what they set", () => {
    expectTypeOf(reader.pipe(Runnable.onReload(Mail))).toEqualTypeOf<Runnable.Runnable<DbError, Db | Mail>>()
    expectTypeOf(reader.pipe(Runnable.health({ check: Mail }))).toEqualTypeOf<Runnable.Runnable<DbError, Db | Mail>>()
  })

  it("a setter with services keeps a manager a manager", () => {
    const manager = ProcessManager.make("app", [reader]).pipe(Runnable.onReload(Mail))
    expectTypeOf(manager).toExtend<ProcessManager.ProcessManager<DbError, Db | Mail>>()
  })

  it("take what the options take, and nothing else", () => {
    expectTypeOf<"soon">().not.toExtend<Parameters<typeof Runnable.grace>[0]>()
    expectTypeOf<"sometimes">().not.toExtend<Parameters<typeof Runnable.ready>[0]>()
    expectTypeOf<Runnable.Options>().not.toHaveProperty("retries")
    expectTypeOf<Duration.Input>().toExtend<Runnable.Options["grace"]>()
  })
})

describe("a manager", () => {
  it("fails with what any of its children fails with, and needs what all need", () => {
    const manager = ProcessManager.make("app", [reader, mailer])
    expectTypeOf(manager).toEqualTypeOf<ProcessManager.ProcessManager<DbError | MailError, Db | Mail>>()
    expectTypeOf(manager).toExtend<Effect.Effect<void, DbError | MailError, Db | Mail>>()
  })

  it("also when its children are described in place", () => {
    const manager = ProcessManager.make("app", [
      Runnable.make("a", Effect.fail("boom" as const), { restart: Schedule.recurs(1) }),
      Runnable.make("b", Effect.scope, { grace: "1 second" }),
      Runnable.fromLayer("c", Layer.empty),
      ProcessManager.make("d", [Runnable.make("e", Db)], { keepAlive: true }),
      Runnable.idle()
    ])
    expectTypeOf<E<typeof manager>>().toEqualTypeOf<"boom">()
    expectTypeOf<R<typeof manager>>().toEqualTypeOf<Db>()
    const needsNothing = ProcessManager.make("app", [ProcessManager.make("sub", [Runnable.make("a", Effect.void)])])
    expectTypeOf(needsNothing).toEqualTypeOf<ProcessManager.ProcessManager<never, never>>()
  })

  it("nests: the types of a tree are those of its leaves", () => {
    const tree = ProcessManager.make("app", [
      ProcessManager.make("one", [reader]),
      ProcessManager.make("two", [ProcessManager.make("three", [mailer])])
    ])
    expectTypeOf(tree).toEqualTypeOf<ProcessManager.ProcessManager<DbError | MailError, Db | Mail>>()
  })

  it("is empty when it has no children", () => {
    expectTypeOf(ProcessManager.make("app", [])).toEqualTypeOf<ProcessManager.ProcessManager<never, never>>()
  })

  it("takes a list that was made elsewhere", () => {
    const children: ReadonlyArray<Runnable.Runnable<DbError, Db>> = [reader]
    expectTypeOf(ProcessManager.make("app", children)).toEqualTypeOf<ProcessManager.ProcessManager<DbError, Db>>()
  })

  it("gives its children their Supervisor", () => {
    const acceptor = Runnable.make(
      "acceptor",
      Effect.flatMap(Supervisor, (supervisor) => supervisor.add(Runnable.idle()))
    )
    expectTypeOf<R<typeof acceptor>>().toEqualTypeOf<Supervisor>()
    const manager = ProcessManager.make("app", [acceptor, reader])
    expectTypeOf<R<typeof manager>>().toEqualTypeOf<Db>()
    const withSignals = ProcessManager.make("app", [Signals.runnable()])
    expectTypeOf<R<typeof withSignals>>().toEqualTypeOf<never>()
  })

  it("grows by add", () => {
    const manager = ProcessManager.make("app", [reader]).pipe(ProcessManager.add(mailer))
    expectTypeOf(manager).toEqualTypeOf<ProcessManager.ProcessManager<DbError | MailError, Db | Mail>>()
    const signals = ProcessManager.make("app", []).pipe(ProcessManager.add(Signals.runnable()))
    expectTypeOf(signals).toEqualTypeOf<ProcessManager.ProcessManager<never, never>>()
  })

  it("gathers the services of its own options", () => {
    const manager = ProcessManager.make("app", [reader], { onReload: Mail })
    expectTypeOf<R<typeof manager>>().toEqualTypeOf<Db | Mail>()
  })

  it("has no readiness of its own: it is ready when its children are", () => {
    expectTypeOf<ProcessManager.Options>().not.toHaveProperty("ready")
  })

  it("starts into a handle that knows its errors, and needs a Scope", () => {
    const started = ProcessManager.start(ProcessManager.make("app", [reader, mailer]))
    expectTypeOf(started).toEqualTypeOf<
      Effect.Effect<Supervisor.Handle<DbError | MailError>, DbError | MailError, Db | Mail | Scope.Scope>
    >()
  })
})

describe("restart policies by typed error", () => {
  it("a policy for other errors is refused", () => {
    const dbOnly = RestartPolicy.onFailure<DbError>(Schedule.forever, {
      while: (exit) => Exit.isFailure(exit) && !Cause.hasDies(exit.cause)
    })
    expectTypeOf(dbOnly).toEqualTypeOf<RestartPolicy.RestartPolicy<DbError>>()
    expectTypeOf(reader.pipe(Runnable.restart(dbOnly))).toEqualTypeOf<Runnable.Runnable<DbError, Db>>()
    const inOptions = Runnable.make("a", Effect.fail(new DbError()), { restart: dbOnly })
    expectTypeOf(inOptions).toEqualTypeOf<Runnable.Runnable<DbError, never>>()
    const setter = Runnable.restart(dbOnly)
    expectTypeOf(reader).toExtend<Parameters<typeof setter>[0]>()
    expectTypeOf(mailer).not.toExtend<Parameters<typeof setter>[0]>()
    expectTypeOf(dbOnly).not.toExtend<Runnable.Options<MailError>["restart"]>()
    expectTypeOf(dbOnly).not.toExtend<ProcessManager.Options<DbError | MailError>["restart"]>()
  })

  it("a policy for more errors than a child has is fine, and so is one for any", () => {
    const both = RestartPolicy.always<DbError | MailError>(Schedule.forever)
    expectTypeOf(reader.pipe(Runnable.restart(both))).toEqualTypeOf<Runnable.Runnable<DbError, Db>>()
    expectTypeOf(reader.pipe(Runnable.restart(RestartPolicy.never))).toEqualTypeOf<Runnable.Runnable<DbError, Db>>()
  })

  it("in place, the predicate knows the error of the child", () => {
    const runnable = Runnable.make("a", Effect.fail(new DbError()), {
      restart: RestartPolicy.onFailure(Schedule.forever, {
        while: (exit) => {
          expectTypeOf(exit).toExtend<Exit.Exit<unknown, DbError>>()
          return Exit.isFailure(exit)
        }
      })
    })
    expectTypeOf(runnable).toEqualTypeOf<Runnable.Runnable<DbError, never>>()
  })

  it("a schedule may look at the exit", () => {
    const schedule = Schedule.forever.pipe(
      Schedule.setInputType<Exit.Exit<unknown, DbError>>(),
      Schedule.while(({ input }) => Exit.isFailure(input))
    )
    expectTypeOf(reader.pipe(Runnable.restart(schedule))).toEqualTypeOf<Runnable.Runnable<DbError, Db>>()
    expectTypeOf(schedule).not.toExtend<RestartPolicy.RestartSchedule<MailError>>()
    const setter = Runnable.restart(schedule)
    expectTypeOf(mailer).not.toExtend<Parameters<typeof setter>[0]>()
  })
})

/** The type of what a call would return, without calling. */
const call = <A>(_call: () => A): A => undefined as A

describe("a handle", () => {
  const handle = null as unknown as Supervisor.Handle<DbError>
  const inTree = null as unknown as Supervisor.Handle<never>

  it("adds only what fails with what it knows", () => {
    const added = call(() => handle.add(reader))
    expectTypeOf<E<typeof added>>().toEqualTypeOf<
      SupervisorError.DuplicateChild | SupervisorError.MaxChildrenReached | SupervisorError.SupervisorClosed
    >()
    expectTypeOf<R<typeof added>>().toEqualTypeOf<Db>()
    expectTypeOf(reader).toExtend<Parameters<typeof handle.add>[0]>()
    expectTypeOf(mailer).not.toExtend<Parameters<typeof handle.add>[0]>()
    const handled = call(() => handle.add(Runnable.make("a", Effect.orDie(mailer))))
    expectTypeOf<R<typeof handled>>().toEqualTypeOf<Mail>()
  })

  it("is not one for more errors, nor one for fewer", () => {
    // Else a child that fails with a MailError could be added.
    expectTypeOf(handle).not.toExtend<Supervisor.Handle<DbError | MailError>>()
    // Else its end would be thought to be a good one.
    expectTypeOf(handle).not.toExtend<Supervisor.Handle<never>>()
  })

  it("discharges Supervisor and Scope of what is added", () => {
    const added = call(() => handle.add(Signals.runnable()))
    expectTypeOf<R<typeof added>>().toEqualTypeOf<never>()
    const scoped = call(() => handle.add(Runnable.make("a", Effect.scope)))
    expectTypeOf<R<typeof scoped>>().toEqualTypeOf<never>()
  })

  it("in the tree takes only children that handle their errors, and needs what they need", () => {
    const added = call(() => inTree.add(Runnable.make("a", Db)))
    expectTypeOf<R<typeof added>>().toEqualTypeOf<Db>()
    expectTypeOf(reader).not.toExtend<Parameters<typeof inTree.add>[0]>()
    const handled = call(() => inTree.add(Runnable.make("a", Effect.orDie(reader))))
    expectTypeOf<R<typeof handled>>().toEqualTypeOf<Db>()
    const service = Effect.flatMap(Supervisor, (supervisor) => {
      expectTypeOf(supervisor).toEqualTypeOf<Supervisor.Handle<never>>()
      return supervisor.shutdown
    })
    expectTypeOf<R<typeof service>>().toEqualTypeOf<Supervisor>()
  })

  it("reconciles a list whose members need different services, and an empty one", () => {
    const mixed = call(() => handle.reconcile([reader, Runnable.make("m", Mail), Signals.runnable()]))
    expectTypeOf<R<typeof mixed>>().toEqualTypeOf<Db | Mail>()
    const empty = call(() => handle.reconcile([]))
    expectTypeOf<R<typeof empty>>().toEqualTypeOf<never>()
    const inPlace = call(() => handle.reconcile([Runnable.make("m", Effect.void), Runnable.idle()]))
    expectTypeOf<R<typeof inPlace>>().toEqualTypeOf<never>()
    expectTypeOf([mailer]).not.toExtend<Parameters<typeof handle.reconcile>[0]>()
  })

  it("answers with outcomes and plain data", () => {
    type Operated = Effect.Effect<
      Supervisor.Outcome,
      SupervisorError.ChildNotFound | SupervisorError.SupervisorClosed
    >
    expectTypeOf(handle).toHaveProperty("start").returns.toEqualTypeOf<Operated>()
    expectTypeOf(handle).toHaveProperty("release").returns.toEqualTypeOf<Operated>()
    expectTypeOf<Supervisor.Outcome>().toEqualTypeOf<"done" | "noop">()
    expectTypeOf<Supervisor.Handle<DbError>["status"]>().toEqualTypeOf<Effect.Effect<Snapshot>>()
    expectTypeOf<ReturnType<Supervisor.Handle<DbError>["child"]>>().toEqualTypeOf<
      Effect.Effect<ChildSnapshot, SupervisorError.ChildNotFound>
    >()
    expectTypeOf<Supervisor.Handle<DbError>["await"]>().toEqualTypeOf<Effect.Effect<void, DbError>>()
    expectTypeOf<Supervisor.Handle<DbError>["shutdown"]>().toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf<Supervisor.Handle<DbError>["reload"]>().toEqualTypeOf<Effect.Effect<Supervisor.ReloadReport>>()
    expectTypeOf<Supervisor.Handle<DbError>["events"]>().toEqualTypeOf<Stream.Stream<SupervisorEvent>>()
    expectTypeOf<Supervisor.Handle<DbError>["changes"]>().toEqualTypeOf<Stream.Stream<SupervisorEvent | Snapshot>>()
  })
})

describe("layers", () => {
  it("a child as a layer needs a Supervisor, and fails as the child does", () => {
    expectTypeOf(Runnable.layer(reader)).toEqualTypeOf<Layer.Layer<never, DbError, Db | Supervisor>>()
    expectTypeOf(Supervisor.layer()).toEqualTypeOf<Layer.Layer<Supervisor>>()
  })

  it("launch carries the layer's E and gives it its Supervisor", () => {
    const app = Layer.mergeAll(Runnable.layer(reader), Runnable.layer(mailer))
    expectTypeOf(Supervisor.launch(app)).toEqualTypeOf<Effect.Effect<void, DbError | MailError, Db | Mail>>()
    const provided = Layer.provide(app, Layer.succeed(Db, { query: () => "" }))
    expectTypeOf<R<ReturnType<typeof Supervisor.launch<never, DbError | MailError, Mail | Supervisor>>>>()
      .toEqualTypeOf<
        Mail
      >()
    const launched = Supervisor.launch(provided)
    expectTypeOf<R<typeof launched>>().toEqualTypeOf<Mail>()
  })
})

describe("snapshots and events are plain readonly data", () => {
  it("every event has a tag, a path and a time", () => {
    expectTypeOf<SupervisorEvent["at"]>().toEqualTypeOf<number>()
    expectTypeOf<SupervisorEvent["path"]>().toEqualTypeOf<string>()
    expectTypeOf<Snapshot["children"]>().toEqualTypeOf<ReadonlyArray<ChildSnapshot>>()
    expectTypeOf<SupervisorEvent["_tag"]>().toEqualTypeOf<
      | "ChildAdded"
      | "ChildRemoved"
      | "ChildTransition"
      | "ChildUnhealthy"
      | "RestartStorm"
      | "SupervisorTransition"
      | "EventsLost"
    >()
  })
})
