/**
 * What a supervisor answers when it is asked how its tree is: plain readonly data, without fibers or classes, so that
 * it goes over a wire, into a log or into an assertion as it is.
 *
 * @since 0.1.0
 */
import type { ExitInfo, State } from "./State.ts"
import type { Strategy } from "./Strategy.ts"

/**
 * One ended incarnation of a child. A child keeps its last eight.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExitRecord {
  readonly incarnation: number
  /** When it was started and when it had ended, finalizers included. Milliseconds since the epoch. */
  readonly startedAt: number
  readonly endedAt: number
  readonly exit: ExitInfo
  /** What was done about it: `asked` means that it ended because it was told to. */
  readonly decision: "restart" | "complete" | "giveUp" | "asked"
}

/**
 * One child of a supervisor.
 *
 * **Details**
 *
 * `path` is relative to the supervisor that was asked and is what `Handle.child` takes. `incarnation` counts the
 * starts (0: never started), `restarts` those that its policy or its group's strategy caused. `grace` is the time in
 * milliseconds that it gets to stop by itself. When its supervisor has less to give, `grace`
 * is that and `clampedFrom` is what the child had asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildSnapshot {
  readonly name: string
  readonly path: string
  readonly state: State
  readonly incarnation: number
  readonly restarts: number
  readonly startedAt: number | undefined
  readonly readyAt: number | undefined
  readonly health: "healthy" | "unhealthy" | undefined
  readonly grace: number | "infinity"
  readonly clampedFrom: number | "infinity" | undefined
  readonly significant: boolean
  readonly history: ReadonlyArray<ExitRecord>
  /** The subtree, if this child is itself a manager that is running. */
  readonly supervisor: Snapshot | undefined
}

/**
 * A supervisor and everything below it, at one moment.
 *
 * **Details**
 *
 * `completed` counts children that ended well, also those that have left the map since. `abandoned` names, by path,
 * every child of the whole subtree whose fiber would not end and still runs, also when its supervisor is gone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Snapshot {
  readonly name: string
  readonly path: string
  readonly state: "Starting" | "Running" | "Stopping" | "Stopped" | "Failed"
  readonly strategy: Strategy
  readonly completed: number
  readonly restarts: number
  readonly abandoned: ReadonlyArray<string>
  readonly children: ReadonlyArray<ChildSnapshot>
}
