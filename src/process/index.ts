/**
 * Operating system processes under supervision.
 *
 * @since 0.1.0
 */
/**
 * What to run, and the surroundings it gets.
 *
 * @since 0.1.0
 */
export * as Command from "./Command.ts"
/**
 * How a run of a command ended.
 *
 * @since 0.1.0
 */
export * as ExitStatus from "./ExitStatus.ts"
/**
 * The lifecycle of one command: by hand, or as a Runnable.
 *
 * @since 0.1.0
 */
export * as Job from "./Job.ts"
/**
 * The jobs of a program, and what they need.
 *
 * @since 0.1.0
 */
export { Jobs, type JobsOptions } from "./Jobs.ts"
/**
 * The output of commands, stored line by line.
 *
 * @since 0.1.0
 */
export * as LogStore from "./LogStore.ts"
/**
 * Typed messages with a process.
 *
 * @since 0.1.0
 */
export * as Messages from "./Messages.ts"
/**
 * What can go wrong with messages.
 *
 * @since 0.1.0
 */
export * as MessagesError from "./MessagesError.ts"
/**
 * Jobs on Node, in one layer.
 *
 * @since 0.1.0
 */
export * as NodeJobs from "./NodeJobs.ts"
/**
 * How to find out whether a process serves.
 *
 * @since 0.1.0
 */
export * as Probe from "./Probe.ts"
/**
 * Everything that can go wrong with a process.
 *
 * @since 0.1.0
 */
export * as ProcessError from "./ProcessError.ts"
/**
 * A Spawner that starts no processes, for tests.
 *
 * @since 0.1.0
 */
export * as ScriptedSpawner from "./ScriptedSpawner.ts"
/**
 * The names of signals.
 *
 * @since 0.1.0
 */
export * as Signal from "./Signal.ts"
/**
 * Starts processes.
 *
 * @since 0.1.0
 */
export { type Member, type Process, Spawner, type SpawnerOptions, type Usage } from "./Spawner.ts"
/**
 * What a job can be told, as data.
 *
 * @since 0.1.0
 */
export * as Verb from "./Verb.ts"
