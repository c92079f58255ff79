/**
 * Starts all children at once, each as soon as its dependencies let it. A manager by itself starts each child after the
 * one before is ready, so that one that waits would hold up all after it.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Control from "../../../Control.ts"
import * as Runnable from "../../../Runnable.ts"
import { type Handle, Supervisor } from "../../../Supervisor.ts"
import type { Services } from "../ConfigSpec.ts"

/** Its name among the children, as long as they are being started. Then it leaves. */
export const starterName = "(starting)"

type Child = Runnable.Runnable<unknown, Services | Supervisor>

/** Ready when all are. If it is run again with its group, those that are there already stay as they are. */
export const starter = (children: ReadonlyArray<Child>): Runnable.Runnable<never, Services | Supervisor> =>
  Runnable.make(
    starterName,
    Effect.gen(function*() {
      // The service does not know what its children may fail with.
      const supervisor = (yield* Supervisor) as unknown as Handle<unknown>
      const adding = yield* Effect.forEach(children, (child) =>
        Effect.forkChild(
          Effect.catchTag(supervisor.add(child), ["DuplicateChild", "MaxChildrenReached", "SupervisorClosed"], () =>
            Effect.void),
          { startImmediately: true }
        ))
      yield* Fiber.awaitAll(adding)
      yield* Control.ready
      yield* Effect.ignore(supervisor.remove(starterName))
      return yield* Effect.never
    }),
    { ready: "signal" }
  )
