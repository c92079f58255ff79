/**
 * What happens in a tree, as plain data: published in order, synchronously with each transition.
 *
 * @since 0.1.0
 */
import type { ChildSnapshot } from "./Snapshot.ts"
import type { CauseInfo, ExitInfo, State } from "./State.ts"

interface Base {
  /** When it happened, in milliseconds since the epoch. */
  readonly at: number
  /** The child or supervisor it is about, relative to the handle whose `events` this is. */
  readonly path: string
}

/**
 * A child was put under its supervisor.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildAdded extends Base {
  readonly _tag: "ChildAdded"
  readonly child: ChildSnapshot
}

/**
 * A child has left its supervisor.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildRemoved extends Base {
  readonly _tag: "ChildRemoved"
}

/**
 * A child changed its state. `exit` is there when an incarnation ended with this transition.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildTransition extends Base {
  readonly _tag: "ChildTransition"
  readonly incarnation: number
  readonly from: State["_tag"]
  readonly to: State
  readonly exit: ExitInfo | undefined
}

/**
 * A liveness check failed; after `failures` of them in a row the incarnation is ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildUnhealthy extends Base {
  readonly _tag: "ChildUnhealthy"
  readonly incarnation: number
  readonly failures: number
  readonly cause: CauseInfo
}

/**
 * A child restarts so often that only this one event and one log line say so, until it has calmed down.
 *
 * @category models
 * @since 0.1.0
 */
export interface RestartStorm extends Base {
  readonly _tag: "RestartStorm"
  readonly restarts: number
  readonly withinMillis: number
}

/**
 * A supervisor itself changed its state; `cause` is why it is failing.
 *
 * @category models
 * @since 0.1.0
 */
export interface SupervisorTransition extends Base {
  readonly _tag: "SupervisorTransition"
  readonly to: "Starting" | "Running" | "Stopping" | "Stopped" | "Failed"
  readonly cause: CauseInfo | undefined
}

/**
 * The reader was too slow: this many older events were dropped before the next one.
 *
 * @category models
 * @since 0.1.0
 */
export interface EventsLost extends Base {
  readonly _tag: "EventsLost"
  readonly count: number
}

/**
 * Everything that `Handle.events` tells, told apart by `_tag`.
 *
 * @category models
 * @since 0.1.0
 */
export type SupervisorEvent =
  | ChildAdded
  | ChildRemoved
  | ChildTransition
  | ChildUnhealthy
  | RestartStorm
  | SupervisorTransition
  | EventsLost
