/**
 * Operating system signals as a Runnable: the edge where Ctrl-C and `systemctl reload` reach the tree.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { fitting } from "./internal/fittings.ts"
import * as validate from "./internal/validate.ts"
import * as Runnable from "./Runnable.ts"
import { type Handle, Supervisor } from "./Supervisor.ts"

/**
 * The signals that a process can listen for, as far as a supervisor may want to.
 *
 * @category models
 * @since 0.1.0
 */
export type Signal =
  | "SIGABRT"
  | "SIGALRM"
  | "SIGBREAK"
  | "SIGCONT"
  | "SIGHUP"
  | "SIGINFO"
  | "SIGINT"
  | "SIGQUIT"
  | "SIGTERM"
  | "SIGTSTP"
  | "SIGUSR1"
  | "SIGUSR2"
  | "SIGWINCH"

/**
 * What a signal does: stop everything (twice: without waiting for graces), reload everything, or nothing at all, which
 * also keeps the signal from ending the process.
 *
 * @category models
 * @since 0.1.0
 */
export type Action = "shutdown" | "reload" | "ignore"

/**
 * Which signal does what.
 *
 * @category models
 * @since 0.1.0
 */
export type Actions = { readonly [S in Signal]?: Action | undefined }

/**
 * Options of `runnable`. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The name of the Runnable. Default: "signals". */
  readonly name?: string | undefined
  /** Which signal does what; what is not named keeps its default. Default: `defaults`. */
  readonly actions?: Actions | undefined
  /**
   * How soon after the first a second signal still counts as the same one. npm passes a terminal's Ctrl-C on to a
   * process that has had it already. Default: 300 ms in a terminal under npm, else 0.
   */
  readonly repeatWithin?: Duration.Input | undefined
}

/**
 * SIGINT, SIGTERM and SIGQUIT shut down, SIGHUP reloads. Other signals keep what Node does at them.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: Actions = {
  SIGINT: "shutdown",
  SIGTERM: "shutdown",
  SIGQUIT: "shutdown",
  SIGHUP: "reload"
}

/**
 * Listens for signals on behalf of the supervisor that it runs under, which then ends well: being asked to stop is no
 * failure. A second signal stops waiting for graces.
 *
 * **When to use**
 *
 * Use once a process, in the manager at the root: what runs by `Effect.runFork` alone is ended by the first signal,
 * without a single finalizer.
 *
 * **Details**
 *
 * The listeners are removed when it stops. If it stops because its whole supervisor does, they stay until that has
 * ended, so that a second Ctrl-C still finds them wherever in the order this Runnable stands. Throws `InvalidOption` if
 * an action or a duration makes no sense.
 *
 * **Gotchas**
 *
 * - Put it first in the list: children start in order, and a signal that comes before this one has started ends the
 *   process at once.
 * - In layers, do not `provide` slow services to it: until they are built nobody listens.
 * - SIGHUP comes also when a terminal is closed, and then reloads. A tool that runs in the foreground maps it to
 *   "shutdown".
 * - `NodeRuntime.runMain` listens for SIGINT and SIGTERM too: it interrupts the tree, which ends in the same order, and
 *   exits with 130. `Effect.runCallback`, with `process.exitCode = 1` on failure, exits with 0 after a signal.
 *
 * **Example** (Ctrl-C stops the tree)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable, Signals } from "effect-supervisor"
 *
 * const manager = ProcessManager.make("app", [Signals.runnable(), Runnable.make("worker", Effect.never)])
 * const fiber = Effect.runFork(manager)
 * ```
 *
 * **Example** (A tool in the foreground)
 *
 * ```ts
 * import { Signals } from "effect-supervisor"
 *
 * const signals = Signals.runnable({ actions: { SIGHUP: "shutdown", SIGUSR2: "reload" } })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const runnable = (options?: Options): Runnable.Runnable<never, Supervisor> => {
  const name = options?.name ?? "signals"
  const actions: Actions = { ...defaults, ...options?.actions }
  for (const [signal, action] of Object.entries(actions)) {
    if (action === undefined) continue
    validate.oneOf(`Signals "${name}"`, `actions.${signal}`, action, ["shutdown", "reload", "ignore"])
  }
  const repeatMillis = validate.millis(`Signals "${name}"`, "repeatWithin", options?.repeatWithin ?? defaultRepeat())
  return fitting(Runnable.make(
    name,
    Effect.gen(function*() {
      const supervisor = yield* Supervisor
      yield* listen(supervisor, actions, repeatMillis)
      return yield* Effect.never
    })
  ))
}

const defaultRepeat = (): number => process.stdout.isTTY && process.env["npm_lifecycle_event"] !== undefined ? 300 : 0

const listen = (
  supervisor: Handle<never>,
  actions: Actions,
  repeatMillis: number
): Effect.Effect<void, never, Scope> =>
  Effect.contextWith((context) =>
    Clock.clockWith((clock) => {
      const run = Effect.runForkWith(context)
      let askedAt: number | undefined
      const perform = (action: Action): void => {
        switch (action) {
          case "shutdown": {
            const now = clock.currentTimeMillisUnsafe()
            if (askedAt === undefined) run(supervisor.shutdown)
            else if (now - askedAt >= repeatMillis) run(supervisor.shutdownNow)
            askedAt ??= now
            return
          }
          case "reload":
            run(supervisor.reload)
            return
          case "ignore":
            return
        }
      }
      const listeners = Object.entries(actions).flatMap(([signal, action]) =>
        action === undefined ? [] : [[signal, () => perform(action)] as const]
      )
      const removeAll = Effect.sync(() => {
        for (const [signal, listener] of listeners) process.removeListener(signal, listener)
      })
      return Effect.acquireRelease(
        Effect.sync(() => {
          for (const [signal, listener] of listeners) process.on(signal, listener)
        }),
        () =>
          Effect.flatMap(
            supervisor.status,
            ({ state }) => state === "Stopping" ? supervisor.addFinalizer(removeAll) : removeAll
          )
      )
    })
  )
