/**
 * What can be said about a node of a cluster, with defaults that fail over within seconds.
 *
 * @since 0.1.0
 */
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { SqlClient } from "effect/sql/SqlClient"
import * as validate from "../internal/validate.ts"
import { InvalidOption } from "../SupervisorError.ts"
import { isPrefix } from "./internal/tables.ts"

/**
 * Where other nodes reach a node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * How to tell whether a node that still renews its locks can be reached: by asking it, or by asking Kubernetes for the
 * readiness of its pod (the address's `host` is the pod's IP then).
 *
 * @category models
 * @since 0.1.0
 */
export type Health =
  | "ping"
  | { readonly kubernetes: { readonly namespace?: string | undefined; readonly labelSelector?: string | undefined } }

/**
 * Options of a node. `address` and `storage` have to be said.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in out E = never, in out R = never> {
  /** Where other nodes reach this one. It is the node's name too, so it has to be its own: `localhost` on one machine only. */
  readonly address: Address
  /** Where this node listens, if it is not its address. */
  readonly listen?: Address | undefined
  /** `ClusterStorage.embedded(file)` on one machine, a `PgClient.layer` of `@effect/sql-pg` on several. */
  readonly storage: Layer.Layer<SqlClient, E, R>
  /**
   * How long after a node was heard of last its work is given to others. The same on all nodes, at least 2 seconds.
   * Default: 4 seconds.
   */
  readonly failover?: Duration.Input | undefined
  /**
   * Into how many shards names are spread: about a hundred for each node there may ever be. The same on all nodes.
   * Default: 300.
   */
  readonly shards?: number | undefined
  /** How many shards this node takes, relative to others. Default: 1. */
  readonly weight?: number | undefined
  /** The groups of shards that this node may take. Default: "default" alone. */
  readonly groups?: ReadonlyArray<string> | undefined
  /** All groups that there are in the cluster, in the same order on all nodes. Default: those of this node. */
  readonly allGroups?: ReadonlyArray<string> | undefined
  /** How to tell whether a node can be reached. Default: "ping". */
  readonly health?: Health | undefined
  /** How much the clock may differ from the storage's. Default: 5 seconds. */
  readonly maxClockSkew?: Duration.Input | undefined
  /** How long the nodes must stay the same before those that joined get work: moves it once. Default: 0. */
  readonly joinDebounce?: Duration.Input | undefined
  /** What the names of all tables begin with. Default: "cluster". */
  readonly prefix?: string | undefined
}

/**
 * `Options` with the defaults filled in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  readonly address: Address
  readonly listen: Address | undefined
  readonly failoverMillis: number
  readonly shards: number
  readonly weight: number
  readonly groups: ReadonlyArray<string>
  readonly allGroups: ReadonlyArray<string>
  readonly health: Health
  readonly maxClockSkewMillis: number
  readonly joinDebounceMillis: number
  readonly prefix: string
}

/**
 * The defaults.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: Omit<Settings, "address" | "listen"> = {
  failoverMillis: 4000,
  shards: 300,
  weight: 1,
  groups: ["default"],
  allGroups: ["default"],
  health: "ping",
  maxClockSkewMillis: 5000,
  joinDebounceMillis: 0,
  prefix: "cluster"
}

const checked = (subject: string, option: string, { host, port }: Address): Address => {
  if (typeof host === "string" && host !== "" && Number.isInteger(port) && port > 0 && port < 65_536) {
    return { host, port }
  }
  throw new InvalidOption({
    subject,
    option,
    value: `${host}:${port}`,
    expected: `{ host, port } with a port from 1 to 65535, such as { host: "10.0.0.1", port: 34431 }`
  })
}

const failover = (subject: string, value: Duration.Input | undefined): number => {
  const out = value === undefined ? defaults.failoverMillis : validate.positiveMillis(subject, "failover", value)
  if (out >= 2000) return out
  throw new InvalidOption({
    subject,
    option: "failover",
    value,
    expected: "at least 2 seconds: a node that pauses for longer than a third of it loses its work"
  })
}

const prefixOf = (subject: string, value: string): string => {
  if (isPrefix(value)) return value
  const expected = "up to 31 of a-z, 0-9 and _, not beginning with a digit"
  throw new InvalidOption({ subject, option: "prefix", value, expected })
}

/**
 * The one place where options become settings. Throws `InvalidOption` if one makes no sense.
 *
 * @category conversions
 * @since 0.1.0
 */
export const settings = (options: Omit<Options, "storage">): Settings => {
  const subject = `Cluster node ${options.address?.host}:${options.address?.port}`
  const groups = options.groups ?? defaults.groups
  return {
    address: checked(subject, "address", options.address ?? {}),
    listen: options.listen === undefined ? undefined : checked(subject, "listen", options.listen),
    failoverMillis: failover(subject, options.failover),
    shards: validate.count(subject, "shards", options.shards ?? defaults.shards),
    weight: options.weight ?? defaults.weight,
    groups,
    allGroups: options.allGroups ?? groups,
    health: options.health ?? defaults.health,
    maxClockSkewMillis: options.maxClockSkew === undefined
      ? defaults.maxClockSkewMillis
      : validate.positiveMillis(subject, "maxClockSkew", options.maxClockSkew),
    joinDebounceMillis: validate.millis(subject, "joinDebounce", options.joinDebounce ?? 0),
    prefix: prefixOf(subject, options.prefix ?? defaults.prefix)
  }
}

const address = ({ host, port }: Address) => Option.some(RunnerAddress.make(host, port))

/**
 * The engine's settings: a lock is renewed three times before it expires, and the list of nodes is read 16 times.
 *
 * **Details**
 *
 * What that costs is on the storage: per node and second, with the default, four reads of the list of nodes, two
 * statements for the locks, and three of this module.
 *
 * @category conversions
 * @since 0.1.0
 */
export const sharding = (
  self: Settings,
  { isClient, secondsOnly }: { readonly isClient: boolean; readonly secondsOnly: boolean }
): ShardingConfig.ShardingConfig["Service"] => ({
  ...ShardingConfig.defaults,
  runnerAddress: isClient ? Option.none() : address(self.address),
  runnerListenAddress: self.listen === undefined ? Option.none() : address(self.listen),
  runnerShardWeight: self.weight,
  shardsPerGroup: self.shards,
  assignedShardGroups: self.groups,
  availableShardGroups: self.allGroups,
  // A database with timestamps of whole seconds expires a lock up to a second late.
  shardLockExpiration: Duration.millis(self.failoverMillis - (secondsOnly ? 1000 : 0)),
  shardLockRefreshInterval: Duration.millis(self.failoverMillis / 3),
  refreshAssignmentsInterval: Duration.millis(self.failoverMillis / 16),
  runnerJoinDebounce: Duration.millis(self.joinDebounceMillis),
  runnerHealthCheckInterval: "10 seconds",
  // All locks are given back when the node says that it leaves, so it may say so only when all has stopped.
  preemptiveShutdown: false,
  entityTerminationTimeout: "25 seconds",
  entityMessagePollInterval: "2 seconds",
  entityMaxIdleTime: "1 minute",
  maxResidentEntities: "unbounded",
  simulateRemoteSerialization: false
})
