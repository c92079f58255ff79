/**
 * Supervision across machines, on `effect/cluster`.
 *
 * @since 0.1.0
 */
/**
 * What can be said about a node.
 *
 * @since 0.1.0
 */
export * as ClusterConfig from "./ClusterConfig.ts"
/**
 * What can go wrong.
 *
 * @since 0.1.0
 */
export * as ClusterError from "./ClusterError.ts"
/**
 * Where a cluster keeps what its nodes agree on.
 *
 * @since 0.1.0
 */
export * as ClusterStorage from "./ClusterStorage.ts"
/**
 * Supervised Runnables across machines.
 *
 * @since 0.1.0
 */
export * as ClusterSupervisor from "./ClusterSupervisor.ts"
/**
 * One view of the cluster.
 *
 * @since 0.1.0
 */
export * as ClusterView from "./ClusterView.ts"
/**
 * Telling a stale owner from the current one.
 *
 * @since 0.1.0
 */
export * as Fencing from "./Fencing.ts"
/**
 * Children by key.
 *
 * @since 0.1.0
 */
export * as Keyed from "./Keyed.ts"
