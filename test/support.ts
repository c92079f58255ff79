/** What the tests of the rules share: children that write down what they do, and ways to look at how things ended. */
import { assert } from "@effect/vitest"
import {
  Cause,
  Clock,
  Deferred,
  type Duration,
  Effect,
  Exit,
  type Fiber,
  Logger,
  Metric,
  References,
  type Scope,
  Stream
} from "effect"
import { Control, ProcessManager, Runnable, Supervisor, SupervisorError, type SupervisorEvent } from "effect-supervisor"
import { TestClock } from "effect/testing"

/** Lets go on whatever can go on without time passing. */
export const settle: Effect.Effect<void> = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, {
  discard: true
})

/** Lets time pass, and everything go on that it was holding up. */
export const elapse = (duration: Duration.Input): Effect.Effect<void> =>
  settle.pipe(Effect.andThen(TestClock.adjust(duration)), Effect.andThen(settle))

/** A log of what children did, and the children that write it. `timed` adds the milliseconds of the Effect `Clock`. */
export const makeTrace = (options?: { readonly timed: true }) => {
  const log: Array<string> = []
  const gate = Deferred.makeUnsafe<void>()

  const note = (entry: string): Effect.Effect<void> =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      log.push(options?.timed === true ? `${entry}@${now}` : entry)
    })

  /** "+name" now and "-name" when the scope is closed, after `release`. */
  const span = <R = never>(
    name: string,
    release: Effect.Effect<unknown, never, R> = Effect.void
  ): Effect.Effect<void, never, NoInfer<R> | Scope.Scope> =>
    Effect.acquireRelease(note(`+${name}`), () => Effect.ensuring(release, note(`-${name}`)))

  /** Spans its own life; without an effect it does not listen and does not end. */
  const child = <E = never, R = never>(
    name: string,
    effect: Effect.Effect<unknown, E, R> = Effect.never,
    options?: Runnable.Options<NoInfer<E>>
  ): Runnable.Runnable<NoInfer<E>, Exclude<NoInfer<R>, Scope.Scope>> =>
    Runnable.make(name, Effect.andThen(span(name), effect), options)

  /** Listens, notes "?name" when it is asked to stop, and then takes its time. */
  const polite = (name: string, millis: number, options?: Runnable.Options) =>
    child(name, Control.shutdown.pipe(Effect.andThen(note(`?${name}`)), Effect.andThen(Effect.sleep(millis))), options)

  /** Cannot be interrupted; ends when `letGo` is run. */
  const stuck = (name: string, options?: Runnable.Options) =>
    child(name, Effect.uninterruptible(Deferred.await(gate)), options)

  const letGo = Effect.asVoid(Deferred.succeed(gate, undefined))

  /** What was noted since the last time. */
  const take = (): Array<string> => log.splice(0)

  return { log, note, span, child, polite, stuck, letGo, take }
}

export type Trace = ReturnType<typeof makeTrace>

/** Real time has a real console, which tests of it do not need. */
export const quiet = Effect.provideService(References.MinimumLogLevel, "None")

/** A running manager, which at the end of the test waits for no grace: no time passes then. */
export const start = <E = string>(
  children: ReadonlyArray<Runnable.Runnable<NoInfer<E>>>,
  options?: ProcessManager.Options<NoInfer<E>>
) =>
  Effect.tap(
    ProcessManager.start(ProcessManager.make<ReadonlyArray<Runnable.Runnable<E>>>("app", children, options)),
    (handle) => Effect.addFinalizer(() => handle.shutdownNow)
  )

/** One that goes on without children. Else as by default: who completes leaves it, and who gives up takes it along. */
export const openPool = <E = string>(
  children: ReadonlyArray<Runnable.Runnable<NoInfer<E>>> = [],
  options?: ProcessManager.Options<NoInfer<E>>
) => start<E>(children, { keepAlive: true, ...options })

/** One that goes on whatever its children do, and keeps them to be looked at. */
export const pool = <E = string>(
  children: ReadonlyArray<Runnable.Runnable<NoInfer<E>>> = [],
  options?: ProcessManager.Options<NoInfer<E>>
) => openPool<E>(children, { autoCleanup: false, escalate: "never", ...options })

export const tagOf = <E>(handle: Supervisor.Handle<E>, name: string) =>
  Effect.map(handle.child(name), ({ state }) => state._tag)

/** The state and the incarnation of a child, such as "Running 2". */
export const shown = <E>(handle: Supervisor.Handle<E>, name: string) =>
  Effect.map(handle.child(name), ({ incarnation, state }) => `${state._tag} ${incarnation}`)

/** Children that write into one log and end when and how the test says. */
export const makeWorld = () => {
  const log: Array<string> = []
  const ends = new Map<string, (effect: Effect.Effect<void, string>) => void>()
  const span = (name: string) =>
    Effect.acquireRelease(
      Effect.sync(() => log.push(`+${name}`)),
      () => Effect.sync(() => log.push(`-${name}`))
    )
  /** Ends the latest incarnation of a child. */
  const end = (name: string, effect: Effect.Effect<void, string>) =>
    Effect.suspend(() => {
      ends.get(name)!(effect)
      return settle
    })
  return {
    log,
    /** What was logged since the last time. */
    logged: () => log.splice(0).join(" "),
    child: (name: string, options?: Runnable.Options<string>) =>
      Runnable.make(
        name,
        Effect.andThen(
          span(name),
          Effect.callback<void, string>((resume) => {
            ends.set(name, resume)
          })
        ),
        options
      ),
    /** A child that takes `seconds` to end when it is asked to. */
    draining: (name: string, seconds: number, options?: Runnable.Options<string>) =>
      Runnable.make(
        name,
        Effect.gen(function*() {
          yield* span(name)
          yield* Control.shutdown
          log.push(`?${name}`)
          yield* Effect.sleep(`${seconds} seconds`)
        }),
        { grace: "1 minute", ...options }
      ),
    end,
    finish: (name: string) => end(name, Effect.void),
    crash: (name: string, error: string = "boom") => end(name, Effect.fail(error)),
    /** Ends several in the same moment. */
    crashAll: (...names: ReadonlyArray<string>) =>
      Effect.suspend(() => {
        for (const name of names) ends.get(name)!(Effect.fail("boom"))
        return settle
      })
  }
}

/** The cause of an exit that has to be a failure. */
export const causeOf = <E>(exit: Exit.Exit<unknown, E>): Cause.Cause<E> => {
  assert.isTrue(Exit.isFailure(exit), "it should have failed")
  return (exit as Exit.Failure<unknown, E>).cause
}

const render = (u: unknown): string => u instanceof Error ? ("_tag" in u ? String(u._tag) : u.message) : String(u)

/** The reasons of a cause in order, each as "Fail boom @path/of/child". */
export const reasonsOf = (cause: Cause.Cause<unknown>): Array<string> =>
  cause.reasons.map((reason) => {
    const path = SupervisorError.childPath(Cause.fromReasons([reason]))
    const what = reason._tag === "Fail" ? render(reason.error) : reason._tag === "Die" ? render(reason.defect) : ""
    return `${reason._tag} ${what}`.trim() + (path === undefined ? "" : ` @${path}`)
  })

/** "done", or "failed" with the reasons, in one line. */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "done" : `failed: ${reasonsOf(exit.cause).join(", ")}`

/** What has become of a fiber that may still run. */
export const stateOf = (fiber: Fiber.Fiber<unknown, unknown>): string => {
  const exit = fiber.pollUnsafe()
  return exit === undefined ? "running" : outcomeOf(exit)
}

/** Collects the events of a supervisor for as long as the test runs. */
export const recordEvents = (
  handle: { readonly events: Stream.Stream<SupervisorEvent> }
): Effect.Effect<Array<SupervisorEvent>, never, Scope.Scope> => {
  const events: Array<SupervisorEvent> = []
  const collect = Stream.runForEach(handle.events, (event) => Effect.sync(() => events.push(event)))
  return Effect.as(Effect.forkScoped(collect, { startImmediately: true }), events)
}

/** Every state a child went to, from recorded events. */
export const statesOf = (events: ReadonlyArray<SupervisorEvent>, path: string): Array<string> =>
  events.flatMap((event) => event._tag === "ChildTransition" && event.path === path ? [event.to._tag] : [])

/** Collects log lines as "Level: message". */
export const captureLogs = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    lines.push(
      `${logLevel}: ${
        Array.isArray(message)
          ? message.filter((part) => !Cause.isCause(part)).join(" ")
          : String(message)
      }`
    )
  })
  return { lines, layer: Logger.layer([logger]) }
}

/** Counts the fibers that are alive in whatever runs with it. */
export const countFibers = () => {
  const counter = { alive: 0 }
  const counted = Effect.provideService(Metric.FiberRuntimeMetrics, {
    recordFiberStart: () => {
      counter.alive++
    },
    recordFiberEnd: () => {
      counter.alive--
    }
  })
  return { counter, counted }
}

/** A child named "spy" that gets hold of the supervisor it runs under. */
export const spy = () => {
  const caught = Deferred.makeUnsafe<Supervisor.Handle<never>>()
  const runnable = Runnable.make(
    "spy",
    Effect.flatMap(Supervisor, (handle) => Effect.andThen(Deferred.succeed(caught, handle), Effect.never))
  )
  return { runnable, supervisor: Deferred.await(caught) }
}
