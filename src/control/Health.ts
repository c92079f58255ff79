/**
 * What a load balancer or Kubernetes wants to know of a tree: whether it lives, and whether it serves.
 *
 * @since 0.1.0
 */
import type { ChildSnapshot, Snapshot } from "../Snapshot.ts"
import { walk } from "./internal/walk.ts"

/**
 * Whether the supervisor lives: it is starting, running or stopping in order. One that has failed or ended has to be
 * started again from outside; everything else is its own to mend.
 *
 * @see https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
 * @category predicates
 * @since 0.1.0
 */
export const live = ({ state }: Snapshot): boolean => state !== "Failed" && state !== "Stopped"

/**
 * Whether everything that is to run serves: see `blocking`, of which there is none, and the supervisor itself is running,
 * neither starting nor stopping.
 *
 * **Example** (A readiness check)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Supervisor } from "effect-supervisor"
 * import { Health } from "effect-supervisor/control"
 *
 * const isReady = Effect.gen(function*() {
 *   const supervisor = yield* Supervisor
 *   return Health.ready(yield* supervisor.status)
 * })
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const ready = (snapshot: Snapshot): boolean => snapshot.state === "Running" && blocking(snapshot).length === 0

/**
 * The children that keep the tree from being ready, in order, the innermost of each: those that are to run and are not
 * up, and those whose liveness check has failed. Who was stopped or held by hand, and who has completed, is not to run.
 *
 * @category getters
 * @since 0.1.0
 */
export const blocking = (snapshot: Snapshot): ReadonlyArray<ChildSnapshot> =>
  Array.from(walk(snapshot, isUp)).filter(isBlocking)

const isUp = ({ state }: ChildSnapshot): boolean => state._tag === "Running" || state._tag === "Starting"

const isBlocking = ({ health, state }: ChildSnapshot): boolean => {
  switch (state._tag) {
    case "Running":
      return health === "unhealthy"
    case "Stopped":
    case "Held":
    case "Completed":
      return false
    case "Pending":
    case "Starting":
    case "Backoff":
    case "Stopping":
    case "GaveUp":
    case "Abandoned":
      return true
  }
}
