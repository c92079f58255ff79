/**
 * What can be said about a manager beside what can be said about every Runnable, with its defaults.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import * as validate from "./internal/validate.ts"
import * as RestartPolicy from "./RestartPolicy.ts"
import { strategies, type Strategy } from "./Strategy.ts"

/**
 * When a child that gives up takes its manager along: the first that does, never, or when more than a fraction of all
 * children has given up, such as `{ deadFraction: 0.4 }`.
 *
 * @category models
 * @since 0.1.0
 */
export type Escalate = "first" | "never" | { readonly deadFraction: number }

/**
 * How a supervisor treats its children. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface ManagerOptions {
  /** Who else is restarted when one child is. Default: "one-for-one". */
  readonly strategy?: Strategy | undefined
  /**
   * A budget of failure-caused restarts that all children share; when it is spent, the manager fails with the last
   * cause. Limits as in `RestartPolicy.intensity` (`restarts` is at least 1), or any schedule of `Exit`s. Default:
   * none.
   */
  readonly intensity?:
    | { readonly restarts: number; readonly within: Duration.Input }
    | RestartPolicy.RestartSchedule<unknown>
    | undefined
  /**
   * When a child that gives up takes the manager along: the "first" one, "never", or when more than a fraction of all
   * children has given up (or all have). "All" includes those that completed. A child that gave up stays in the map
   * until it is started again or removed. The fraction is above 0 and at most 1. Default: "first".
   */
  readonly escalate?: Escalate | undefined
  /** Whether the good end of a `significant` child ends the manager: any of them, or the last. Default: "never". */
  readonly autoShutdown?: "never" | "any-significant" | "all-significant" | undefined
  /**
   * In which order children are stopped: in reverse start order, each after the one before, or all at once. Default:
   * "reverse".
   */
  readonly shutdownOrder?: "reverse" | "parallel" | undefined
  /** Completed children leave the map; `Snapshot.completed` still counts them. Default: true. */
  readonly autoCleanup?: boolean | undefined
  /** The manager goes on when no child is left, as a pool for children added at run time. Default: false. */
  readonly keepAlive?: boolean | undefined
  /** How many children there may be at once, at least 1; one more is `MaxChildrenReached`. Default: unlimited. */
  readonly maxChildren?: number | undefined
}

/**
 * `ManagerOptions` with the defaults filled in.
 *
 * @category models
 * @since 0.1.0
 */
export interface ManagerSettings {
  readonly strategy: Strategy
  readonly intensity: RestartPolicy.RestartSchedule<unknown> | undefined
  readonly escalate: Escalate
  readonly autoShutdown: "never" | "any-significant" | "all-significant"
  readonly shutdownOrder: "reverse" | "parallel"
  readonly autoCleanup: boolean
  readonly keepAlive: boolean
  readonly maxChildren: number
}

/**
 * The one place where a manager's options become settings.
 *
 * @internal
 */
export const managerSettings = (subject: string, options: ManagerOptions | undefined): ManagerSettings => {
  const { escalate = "first", intensity, maxChildren } = options ?? {}
  return {
    strategy: validate.oneOf(subject, "strategy", options?.strategy ?? "one-for-one", strategies),
    intensity: intensity === undefined || Schedule.isSchedule(intensity)
      ? intensity
      : RestartPolicy.intensity(validate.record(subject, "intensity", intensity)),
    escalate: typeof escalate === "object" && escalate !== null
      ? { deadFraction: validate.fraction(subject, "escalate.deadFraction", escalate.deadFraction) }
      : validate.oneOf(subject, "escalate", escalate, ["first", "never"]),
    autoShutdown: validate.oneOf(subject, "autoShutdown", options?.autoShutdown ?? "never", [
      "never",
      "any-significant",
      "all-significant"
    ]),
    shutdownOrder: validate.oneOf(subject, "shutdownOrder", options?.shutdownOrder ?? "reverse", [
      "reverse",
      "parallel"
    ]),
    autoCleanup: options?.autoCleanup ?? true,
    keepAlive: options?.keepAlive ?? false,
    maxChildren: maxChildren === undefined || maxChildren === Number.POSITIVE_INFINITY
      ? Number.POSITIVE_INFINITY
      : validate.count(subject, "maxChildren", maxChildren)
  }
}
