/**
 * OTP-grade supervision for Effect 4.
 *
 * @since 0.1.0
 */
export * as Control from "./Control.ts"
export type { Escalate, ManagerOptions } from "./ManagerOptions.ts"
export * as ProcessManager from "./ProcessManager.ts"
export * as RestartPolicy from "./RestartPolicy.ts"
export * as Runnable from "./Runnable.ts"
export * as Signals from "./Signals.ts"
export type * from "./Snapshot.ts"
export * as State from "./State.ts"
export * as Strategy from "./Strategy.ts"
export { Supervisor } from "./Supervisor.ts"
export * as SupervisorError from "./SupervisorError.ts"
export type * from "./SupervisorEvent.ts"
