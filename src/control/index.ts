/**
 * Seeing and steering a running tree from outside.
 *
 * @since 0.1.0
 */
/**
 * What can be asked, as a group of remote calls.
 *
 * @since 0.1.0
 */
export * as ControlApi from "./ControlApi.ts"
/**
 * Calls it from another program.
 *
 * @since 0.1.0
 */
export * as ControlClient from "./ControlClient.ts"
/**
 * What can go wrong.
 *
 * @since 0.1.0
 */
export * as ControlError from "./ControlError.ts"
/**
 * Schemas of what a supervisor says.
 *
 * @since 0.1.0
 */
export * as ControlSchema from "./ControlSchema.ts"
/**
 * What can be seen of a cluster.
 *
 * @since 0.1.0
 */
export * as ClusterSchema from "./ClusterSchema.ts"
/**
 * Serves it on a unix socket.
 *
 * @since 0.1.0
 */
export * as ControlServer from "./ControlServer.ts"
/**
 * Serves it to browsers, and to programs by HTTP.
 *
 * @since 0.1.0
 */
export * as Dashboard from "./Dashboard.ts"
/**
 * Whether a tree lives and serves.
 *
 * @since 0.1.0
 */
export * as Health from "./Health.ts"
/**
 * Sends what a tree shows of itself to a collector.
 *
 * @since 0.1.0
 */
export * as Telemetry from "./Telemetry.ts"
