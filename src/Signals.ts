/**
 * Operating system signals as a Runnable: the edge where Ctrl-C and `systemctl reload` reach the tree.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import * as Runnable from "./Runnable.ts"
import { type Handle, Supervisor } from "./Supervisor.ts"

/**
 * What a signal does: stop everything (twice: without waiting for graces), reload everything, or nothing at all, which
 * also keeps the signal from ending the process.
 *
 * @category models
 * @since 0.1.0
 */
export type Action = "shutdown" | "reload" | "ignore"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The name of the Runnable. Default: "signals". */
  readonly name?: string | undefined
  /** Which signal does what; what is not named keeps its default. Default: `defaults`. */
  readonly actions?: { readonly [Signal in NodeJS.Signals]?: Action | undefined } | undefined
}

/**
 * SIGINT, SIGTERM and SIGQUIT shut down, SIGHUP reloads.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: { readonly [Signal in NodeJS.Signals]?: Action | undefined } = {
  SIGINT: "shutdown",
  SIGTERM: "shutdown",
  SIGQUIT: "shutdown",
  SIGHUP: "reload"
}

/**
 * Listens for signals on behalf of the supervisor that it runs under, which then ends well: being asked to stop is no
 * failure. A second signal stops waiting for graces.
 *
 * **Details**
 *
 * The listeners are removed when it stops. If it stops because its whole supervisor does, they stay until that has
 * ended, so that a second Ctrl-C still finds them wherever in the order this Runnable stands.
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
 * @category constructors
 * @since 0.1.0
 */
export const runnable = (options?: Options): Runnable.Runnable<never, Supervisor> =>
  Runnable.make(
    options?.name ?? "signals",
    Effect.gen(function*() {
      const supervisor = yield* Supervisor
      yield* listen(supervisor, { ...defaults, ...options?.actions })
      return yield* Effect.never
    })
  )

const listen = (
  supervisor: Handle<never>,
  actions: NonNullable<Options["actions"]>
): Effect.Effect<void, never, Scope> =>
  Effect.contextWith((context) => {
    const run = Effect.runForkWith(context)
    let asked = false
    const perform = (action: Action): void => {
      switch (action) {
        case "shutdown":
          run(asked ? supervisor.shutdownNow : supervisor.shutdown)
          asked = true
          return
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
