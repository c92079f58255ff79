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
import { boardOf } from "./board.ts"

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
      const { versions } = boardOf(supervisor)
      const adding = yield* Effect.forEach(children, (child) =>
        supervisor.add(child).pipe(
          Effect.catchTag("SupervisorClosed", () => Effect.void),
          Effect.catchTag(["DuplicateChild", "MaxChildrenReached"], (error) =>
            // The same work under that name is the child itself, started before.
            error._tag === "DuplicateChild" && versions.get(child.name) === child.settings.version
              ? Effect.void
              : Effect.logWarning(`${child.name} was not started: ${error.message}`)),
          Effect.forkChild({ startImmediately: true })
        ))
      yield* Fiber.awaitAll(adding)
      yield* Control.ready
      yield* Effect.ignore(supervisor.remove(starterName))
      return yield* Effect.never
    }),
    { ready: "signal" }
  )
