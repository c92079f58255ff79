/**
 * A Runnable made of Runnables. Running it is itself an Effect that fails with the first child that gives up, so trees
 * nest: that is all a supervision tree is.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type { Scope } from "effect/Scope"
import { type ManagerOptions, type ManagerSettings, managerSettings } from "./ManagerOptions.ts"
import * as operations from "./internal/operations.ts"
import * as Runnable from "./Runnable.ts"
import { type Handle, makeEngine, type Supervisor } from "./Supervisor.ts"
import { DuplicateChild, InvalidOption, MaxChildrenReached } from "./SupervisorError.ts"

const TypeId = "~effect-supervisor/ProcessManager"

/**
 * The description of a manager: a Runnable whose work is its children. `E` and `R` are the unions of theirs, without
 * the `Supervisor` that it is for them.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessManager<out E = never, out R = never> extends Runnable.Runnable<E, R> {
  readonly [TypeId]: typeof TypeId
  /** In the order in which they start. */
  readonly children: ReadonlyArray<Runnable.Runnable<E, unknown>>
  /** How it treats them; what is said about the manager itself is in `settings`. */
  readonly options: ManagerSettings
}

/**
 * Options of a manager: how it treats its children, and everything that can be said about a Runnable. Its `grace` is
 * "infinity" by default and its `ready` is when all its children are.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in E = never, out R = never> extends ManagerOptions, Omit<Runnable.Options<E, R>, "ready"> {}

const defaults: Runnable.Settings = {
  ...Runnable.defaults,
  graceMillis: Number.POSITIVE_INFINITY,
  ready: "signal"
}

/** One incarnation of a manager: its children, from the first to the last. */
const run = <E, R>(manager: ProcessManager<E, R>): Effect.Effect<void, E, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.callback<void, E>((resume) => {
      const { engine } = open(manager, context, true)
      engine.whenClosed((exit) => resume(exit as Exit.Exit<void, E>))
      engine.begin(manager.children)
      return Effect.suspend(() => {
        const ended = operations.shutdown(engine, () => engine.shutdown())
        // If it was failing already, what it failed with goes along with the interruption.
        return Effect.andThen(ended, Effect.suspend(() => engine.outcome as Exit.Exit<void>))
      })
    })
  )

/** A manager's effect is made from what it is, so that a copy with other options runs with those. */
const Proto: object = Object.create(Runnable.Proto, {
  [TypeId]: { value: TypeId },
  effect: {
    get(this: ProcessManager<unknown, unknown>) {
      return run(this)
    }
  }
})

const open = <E, R>(manager: ProcessManager<E, R>, context: Context.Context<R>, isFollowed: boolean) =>
  makeEngine({
    name: manager.name,
    settings: manager.options,
    budgetMillis: manager.settings.graceMillis,
    context,
    isFollowed,
    speaks: isFollowed
  })

const describe = <E, R>(
  name: string,
  children: ReadonlyArray<Runnable.Runnable<E, unknown>>,
  settings: ManagerSettings,
  base: Runnable.Settings,
  options?: Runnable.Options<E, unknown>
): ProcessManager<E, R> => {
  for (const child of children) {
    if (Runnable.isRunnable(child)) continue
    const expected = "a list of Runnables: make one of an Effect with Runnable.make(name, effect)"
    throw new InvalidOption({ subject: `ProcessManager "${name}"`, option: "children", value: child, expected })
  }
  const { maxChildren } = settings
  if (children.length > maxChildren) {
    throw new MaxChildrenReached({ child: children[maxChildren]!.name, supervisor: name, maxChildren })
  }
  const names = new Set<string>()
  for (const child of children) {
    if (names.has(child.name)) throw new DuplicateChild({ child: child.name, path: child.name, supervisor: name })
    names.add(child.name)
  }
  const work = { children, options: settings } as const
  return Object.assign(Runnable.makeProto<E, R>(Proto, name, work, base, options), work) as ProcessManager<E, R>
}

/**
 * Whether a value is a manager.
 *
 * @category guards
 * @since 0.1.0
 */
export const isProcessManager = (u: unknown): u is ProcessManager<unknown, unknown> => Predicate.hasProperty(u, TypeId)

/**
 * A manager from a name and its children, which start in this order and stop in reverse.
 *
 * **Details**
 *
 * It ends well when no child is left to run, or when it is shut down (also if a finalizer dies on the way: that is
 * logged, and in the child's history). It fails with the first child that gives up, after all the others have been
 * stopped; a child has ended when its finalizers have. What fails while the others are being stopped comes after it in
 * the `Cause`. Throws `DuplicateChild`, `MaxChildrenReached` and `InvalidOption`.
 *
 * **Gotchas**
 *
 * `E` is inferred from the list, so an empty one takes only children that cannot fail. Say what a pool that starts
 * empty is for, as in the example below.
 *
 * When a finalizer dies while the others are being stopped, the cause holds a failure and a defect, and Effect's
 * `Effect.catch` leaves such a cause alone: look at it with `Effect.catchCause`.
 *
 * **Example** (A tree)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, RestartPolicy, Runnable } from "effect-supervisor"
 *
 * const web = ProcessManager.make("web", [
 *   Runnable.make("listener", Effect.never),
 *   Runnable.make("cache", Effect.never)
 * ], { restart: RestartPolicy.supervised, strategy: "rest-for-one" })
 *
 * const app = ProcessManager.make("app", [web, Runnable.make("metrics", Effect.never)])
 * const fiber = Effect.runFork(app)
 * ```
 *
 * **Example** (A pool that starts empty)
 *
 * ```ts
 * import { Data, Effect } from "effect"
 * import { ProcessManager, Runnable } from "effect-supervisor"
 *
 * class MyError extends Data.TaggedError("MyError")<{}> {}
 *
 * const pool = ProcessManager.make("pool", [] as ReadonlyArray<Runnable.Runnable<MyError>>, { keepAlive: true })
 *
 * const main = Effect.gen(function*() {
 *   const handle = yield* ProcessManager.start(pool)
 *   yield* handle.add(Runnable.make("job-1", Effect.fail(new MyError())))
 *   yield* handle.await
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Children extends ReadonlyArray<Runnable.Any>, R2 = never>(
  name: string,
  children: Children,
  options?: Options<NoInfer<Runnable.Error<Children[number]>>, R2>
): ProcessManager<
  Runnable.Error<Children[number]>,
  Exclude<Runnable.Services<Children[number]> | Runnable.Given<R2>, Supervisor | Scope>
> =>
  describe(
    name,
    children as ReadonlyArray<Runnable.Runnable<Runnable.Error<Children[number]>, unknown>>,
    managerSettings(`ProcessManager "${name}"`, options),
    defaults,
    options as Runnable.Options<Runnable.Error<Children[number]>, unknown> | undefined
  )

/**
 * A new description with one more child, the last in order.
 *
 * **When to use**
 *
 * Use to build a description in steps. A manager that runs takes children by `Handle.add`.
 *
 * **Details**
 *
 * Throws `DuplicateChild` and `MaxChildrenReached`.
 *
 * **Example** (One more child in a test environment)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable } from "effect-supervisor"
 *
 * const app = ProcessManager.make("app", [Runnable.make("server", Effect.never)])
 * const withClient = app.pipe(ProcessManager.add(Runnable.make("client", Effect.never)))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const add =
  <E2, R2>(runnable: Runnable.Runnable<E2, R2>) =>
  <E, R>(self: ProcessManager<E, R>): ProcessManager<E | E2, R | Exclude<R2, Supervisor>> =>
    describe<E | E2, R | Exclude<R2, Supervisor>>(
      self.name,
      [...self.children, runnable],
      self.options,
      self.settings
    )

/**
 * Starts a manager and waits until all its children are ready; it runs until the scope is closed. For control from
 * outside.
 *
 * **When to use**
 *
 * Use where something steers the tree from outside: a test, an admin endpoint, an application around it. To only run a
 * tree, run the manager: it is an Effect.
 *
 * **Details**
 *
 * If a child gives up before all are ready, those already started are stopped and this fails with its cause: there is
 * never half a tree. What happens later is in `Handle.await`.
 *
 * **Gotchas**
 *
 * A failure later on fails nobody by itself: wait on `Handle.await`. A child with `ready: "signal"` that never calls
 * `Control.ready` keeps this waiting, unless it has a `startTimeout`.
 *
 * **Example** (Steering from outside)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable } from "effect-supervisor"
 *
 * const app = ProcessManager.make("app", [Runnable.idle("worker")])
 *
 * const main = Effect.gen(function*() {
 *   const handle = yield* ProcessManager.start(app)
 *   yield* handle.restart("worker")
 *   yield* handle.await
 * })
 * const fiber = Effect.runFork(Effect.scoped(main))
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const start = <E, R>(self: ProcessManager<E, R>): Effect.Effect<Handle<E>, E, R | Scope> =>
  Effect.contextWith((context: Context.Context<R | Scope>) =>
    Effect.gen(function*() {
      const { engine, handle } = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const opened = open(self, context, false)
          opened.engine.begin(self.children)
          return opened
        }),
        ({ engine }) => operations.shutdown(engine, () => engine.shutdown())
      )
      // Who does not wait for it does not get a handle, so nobody else would stop it before the scope does.
      yield* Effect.onInterrupt(engine.readied, () => operations.shutdown(engine, () => engine.shutdown()))
      if (engine.phase._tag === "Closed" && Exit.isFailure(engine.phase.exit)) {
        return yield* engine.phase.exit as Exit.Failure<never, E>
      }
      return handle as Handle<unknown> as unknown as Handle<E>
    })
  )
