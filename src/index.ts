/**
 * OTP-grade supervision for Effect 4.
 *
 * @since 0.1.0
 */
/**
 * What a Runnable hears from its supervisor, and what it says to it.
 *
 * @since 0.1.0
 */
export * as Control from "./Control.ts"
/**
 * What can be said about a manager beside what can be said about every Runnable.
 *
 * @since 0.1.0
 */
export type { Escalate, ManagerOptions } from "./ManagerOptions.ts"
/**
 * A Runnable made of Runnables: a supervision tree.
 *
 * @since 0.1.0
 */
export * as ProcessManager from "./ProcessManager.ts"
/**
 * What to do when a child ends.
 *
 * @since 0.1.0
 */
export * as RestartPolicy from "./RestartPolicy.ts"
/**
 * An Effect with a name and a policy.
 *
 * @since 0.1.0
 */
export * as Runnable from "./Runnable.ts"
/**
 * Operating system signals as a Runnable.
 *
 * @since 0.1.0
 */
export * as Signals from "./Signals.ts"
/**
 * What a supervisor answers when it is asked how its tree is: plain data.
 *
 * @since 0.1.0
 */
export type * from "./Snapshot.ts"
/**
 * The state of a child, as plain data.
 *
 * @since 0.1.0
 */
export * as State from "./State.ts"
/**
 * Who else is restarted when one child is.
 *
 * @since 0.1.0
 */
export * as Strategy from "./Strategy.ts"
/**
 * The running thing: the service by which every child finds its own, and its `Handle`.
 *
 * @since 0.1.0
 */
export { Supervisor } from "./Supervisor.ts"
/**
 * Everything that can go wrong in supervision.
 *
 * @since 0.1.0
 */
export * as SupervisorError from "./SupervisorError.ts"
/**
 * What happens in a tree, as plain data.
 *
 * @since 0.1.0
 */
export type * from "./SupervisorEvent.ts"
