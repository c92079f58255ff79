/**
 * Everything that can go wrong in a cluster, each error naming the setting or the child and saying what to do.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { Tagged } from "../internal/tagged.ts"
import type { CauseInfo } from "../State.ts"

const StorageUnavailableBase: Tagged<"StorageUnavailable", {
  readonly operation: string
  readonly cause: unknown
}> = Data.TaggedError("StorageUnavailable")

/** The message of the innermost error, which says what happened. */
const rootMessage = (cause: unknown): string => {
  let at = cause
  for (let depth = 0; depth < 10; depth++) {
    const next: unknown = at instanceof Error && at.cause !== undefined ? at.cause : undefined
    if (next === undefined) break
    at = next
  }
  return at instanceof Error ? at.message : String(at)
}

/**
 * The storage of the cluster does not answer, or refuses.
 *
 * @category errors
 * @since 0.1.0
 */
export class StorageUnavailable extends StorageUnavailableBase {
  override get message(): string {
    return `The storage of the cluster could not ${this.operation}: ${
      rootMessage(this.cause)
    }. Check the option storage: that the server runs and accepts connections from this node, and that its user may create tables.`
  }
}

const StorageTooOldBase: Tagged<"StorageTooOld", {
  readonly what: string
  readonly found: string
  readonly needed: string
}> = Data.TaggedError("StorageTooOld")

/**
 * The database, or what is in it, is of a version that this node cannot share safely.
 *
 * @category errors
 * @since 0.1.0
 */
export class StorageTooOld extends StorageTooOldBase {
  override get message(): string {
    return `The option storage leads to ${this.what} ${this.found}, and this node needs ${this.needed}. Upgrade whichever is older, or use another database.`
  }
}

const SettingMismatchBase: Tagged<"SettingMismatch", {
  readonly setting: string
  readonly node: string
  readonly here: string
  readonly cluster: string
}> = Data.TaggedError("SettingMismatch")

/**
 * A setting that all nodes must share differs on this one, which would make two owners of one name.
 *
 * @category errors
 * @since 0.1.0
 */
export class SettingMismatch extends SettingMismatchBase {
  override get message(): string {
    return `Node ${this.node} has ${this.setting} = ${this.here}, but the nodes that run have ${this.setting} = ${this.cluster}. All nodes need the same: set ${this.setting} to ${this.cluster}, or stop all of them before changing it.`
  }
}

const AddressTakenBase: Tagged<"AddressTaken", {
  readonly node: string
  readonly machine: string
}> = Data.TaggedError("AddressTaken")

/**
 * Another machine is in the cluster under the address of this node.
 *
 * @category errors
 * @since 0.1.0
 */
export class AddressTaken extends AddressTakenBase {
  override get message(): string {
    return `The machine "${this.machine}" is in the cluster as node ${this.node}, the address of this one. Set the option address to where other machines reach this node; "localhost" is for one machine alone.`
  }
}

const ClockSkewBase: Tagged<"ClockSkew", {
  readonly node: string
  readonly skewMillis: number
  readonly maxMillis: number
}> = Data.TaggedError("ClockSkew")

/**
 * The clock of this node differs from that of the storage by more than `maxClockSkew`.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClockSkew extends ClockSkewBase {
  override get message(): string {
    const seconds = (Math.abs(this.skewMillis) / 1000).toFixed(1)
    const which = this.skewMillis > 0 ? "ahead of" : "behind"
    return `The clock of node ${this.node} is ${seconds} s ${which} that of the storage, and maxClockSkew is ${
      this.maxMillis / 1000
    } s. Set the clock right (NTP), or raise maxClockSkew.`
  }
}

const NameTakenBase: Tagged<"NameTaken", {
  readonly name: string
  readonly node: string
  readonly kind: string
  readonly takenBy: string
}> = Data.TaggedError("NameTaken")

/**
 * A name is used twice in the cluster.
 *
 * @category errors
 * @since 0.1.0
 */
export class NameTaken extends NameTakenBase {
  override get message(): string {
    return `Node ${this.node} cannot register the ${this.kind} "${this.name}": there is a ${this.takenBy} of that name. Names are unique in a cluster: choose another one.`
  }
}

const BudgetSpentBase: Tagged<"BudgetSpent", {
  readonly name: string
  readonly node: string
  readonly giveUps: number
  readonly withinMillis: number
  readonly reason: CauseInfo
}> = Data.TaggedError("BudgetSpent")

/**
 * A child gave up so often, on whichever nodes, that the cluster does not try it again. Every node fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class BudgetSpent extends BudgetSpentBase {
  override get message(): string {
    return `"${this.name}" gave up ${this.giveUps} times within ${
      this.withinMillis / 1000
    } s in the whole cluster, the last time on node ${this.node} (${this.reason.message}). Fix what it fails with, or allow more by its option budget.`
  }
}

const StaleOwnerBase: Tagged<"StaleOwner", {
  readonly name: string
  readonly token: number
  readonly current: number
}> = Data.TaggedError("StaleOwner")

/**
 * This incarnation is not the latest one of its name any more: another has a higher token. Its write was not done.
 *
 * @category errors
 * @since 0.1.0
 */
export class StaleOwner extends StaleOwnerBase {
  override get message(): string {
    return `This incarnation of "${this.name}" has the token ${this.token}, and a newer one has ${this.current}, so its write was refused. End here: let the incarnation fail with this error.`
  }
}

const KeyUnavailableBase: Tagged<"KeyUnavailable", {
  readonly name: string
  readonly key: string
  readonly operation: string
  readonly reason: string
}> = Data.TaggedError("KeyUnavailable")

/**
 * A keyed child could not be reached, or it could not do what was asked.
 *
 * @category errors
 * @since 0.1.0
 */
export class KeyUnavailable extends KeyUnavailableBase {
  override get message(): string {
    return `${this.operation}("${this.key}") of the keyed children "${this.name}" was not done: ${this.reason}.`
  }
}

/**
 * Why a node does not start.
 *
 * @category errors
 * @since 0.1.0
 */
export type StartError = StorageUnavailable | StorageTooOld | SettingMismatch | AddressTaken | ClockSkew

/** @internal */
export const unavailable = (operation: string) => (cause: unknown): StorageUnavailable =>
  new StorageUnavailable({ operation, cause })
