/**
 * Everything that can go wrong in supervision, each error naming the child and its path and saying what to do.
 *
 * The first group are failures of an operation. The second group are defects: they end an incarnation and are part of
 * the `Cause` that the restart policy and, in the end, the manager's caller see.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import { causeInfo, type State } from "./State.ts"
import type { Tagged } from "./internal/tagged.ts"

const DuplicateChildBase: Tagged<"DuplicateChild", {
  readonly child: string
  readonly path: string
  readonly supervisor: string
}> = Data.TaggedError("DuplicateChild")

/**
 * A name is used twice under one supervisor. `Handle.add` and `Handle.reconcile` fail with it, `ProcessManager.make`
 * and `ProcessManager.add` throw it.
 *
 * @category errors
 * @since 0.1.0
 */
export class DuplicateChild extends DuplicateChildBase {
  override get message(): string {
    return `Supervisor "${this.supervisor}" already has a child "${this.child}" (${this.path}), so a second "${this.child}" cannot be added. Names are unique per supervisor: choose another one, or remove("${this.child}") first.`
  }
}

const MaxChildrenReachedBase: Tagged<"MaxChildrenReached", {
  readonly child: string
  readonly supervisor: string
  readonly maxChildren: number
}> = Data.TaggedError("MaxChildrenReached")

/**
 * The supervisor is full: see the manager's option `maxChildren`. `Handle.add` and `Handle.reconcile` fail with it,
 * `ProcessManager.make` and `ProcessManager.add` throw it.
 *
 * @category errors
 * @since 0.1.0
 */
export class MaxChildrenReached extends MaxChildrenReachedBase {
  override get message(): string {
    return `Supervisor "${this.supervisor}" holds its maximum of ${this.maxChildren} children, so "${this.child}" was not added. Remove one, or raise maxChildren.`
  }
}

const SupervisorClosedBase: Tagged<"SupervisorClosed", {
  readonly supervisor: string
  readonly operation: string
}> = Data.TaggedError("SupervisorClosed")

/**
 * The supervisor is stopping or has stopped: nothing starts any more. Every operation on a child fails with it then.
 *
 * @category errors
 * @since 0.1.0
 */
export class SupervisorClosed extends SupervisorClosedBase {
  override get message(): string {
    return `Supervisor "${this.supervisor}" is stopping or has stopped, so ${this.operation} was not done. Start it again to use it.`
  }
}

const ChildNotFoundBase: Tagged<"ChildNotFound", {
  readonly child: string
  readonly supervisor: string
}> = Data.TaggedError("ChildNotFound")

/**
 * No child of that name or path.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChildNotFound extends ChildNotFoundBase {
  override get message(): string {
    return `Supervisor "${this.supervisor}" has no child "${this.child}". Its status lists those it has, with their paths; a child that completed has left it unless autoCleanup is false.`
  }
}

const ChildNotRunningBase: Tagged<"ChildNotRunning", {
  readonly child: string
  readonly path: string
  readonly state: State["_tag"]
}> = Data.TaggedError("ChildNotRunning")

/**
 * A message was sent to a child that has no running incarnation to receive it. `Handle.send` fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChildNotRunning extends ChildNotRunningBase {
  override get message(): string {
    return `Child "${this.path}" is ${this.state}, so nobody would receive the message. Start it and send again.`
  }
}

const MessagesFullBase: Tagged<"MessagesFull", {
  readonly child: string
  readonly path: string
  readonly capacity: number
}> = Data.TaggedError("MessagesFull")

/**
 * A child does not read its messages: its buffer is full and the new one was not taken. `Handle.send` fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class MessagesFull extends MessagesFullBase {
  override get message(): string {
    return `Child "${this.path}" has ${this.capacity} messages waiting and reads none. Read Control.messages or use Control.tick in it, or send less.`
  }
}

const InvalidOptionBase: Tagged<"InvalidOption", {
  readonly subject: string
  readonly option: string
  readonly value: unknown
  readonly expected: string
}> = Data.TaggedError("InvalidOption")

/**
 * A description is wrong. Thrown where the description is made, so that it is found before anything runs.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOption extends InvalidOptionBase {
  override get message(): string {
    return `${this.subject}: ${this.option} is ${String(this.value)}, but has to be ${this.expected}.`
  }
}

const StartTimeoutBase: Tagged<"StartTimeout", {
  readonly path: string
  readonly timeoutMillis: number
}> = Data.TaggedError("StartTimeout")

/**
 * A child did not become ready within its `startTimeout`, restarts included. It has given up.
 *
 * @category defects
 * @since 0.1.0
 */
export class StartTimeout extends StartTimeoutBase {
  override get message(): string {
    return `Child "${this.path}" was not ready within ${this.timeoutMillis} ms. Call Control.ready when it serves, or raise startTimeout.`
  }
}

const UnresponsiveBase: Tagged<"Unresponsive", {
  readonly path: string
  readonly watchdogMillis: number
}> = Data.TaggedError("Unresponsive")

/**
 * A child gave no heartbeat within its `watchdog` deadline.
 *
 * @category defects
 * @since 0.1.0
 */
export class Unresponsive extends UnresponsiveBase {
  override get message(): string {
    return `Child "${this.path}" gave no heartbeat for ${this.watchdogMillis} ms. Call Control.heartbeat whenever it makes progress, or raise watchdog.`
  }
}

const UnhealthyBase: Tagged<"Unhealthy", {
  readonly path: string
  readonly failures: number
  readonly cause: Cause.Cause<unknown>
}> = Data.TaggedError("Unhealthy")

/**
 * The liveness check of a child failed as often in a row as its `health.failures` allows.
 *
 * @category defects
 * @since 0.1.0
 */
export class Unhealthy extends UnhealthyBase {
  override get message(): string {
    const times = this.failures === 1 ? "once" : `${this.failures} times in a row`
    return `Child "${this.path}" failed its health check ${times}: ${causeInfo(this.cause).message}`
  }
}

const RestartsExhaustedBase: Tagged<"RestartsExhausted", {
  readonly path: string
  readonly restarts: number
}> = Data.TaggedError("RestartsExhausted")

/**
 * A child under `RestartPolicy.always` ended well, and its schedule grants no further restart.
 *
 * @category defects
 * @since 0.1.0
 */
export class RestartsExhausted extends RestartsExhaustedBase {
  override get message(): string {
    return `Child "${this.path}" has to run always, but ended after ${this.restarts} restarts and its schedule grants no more. Let the schedule go on, or use RestartPolicy.onFailure if ending well is fine.`
  }
}

const ChildPathBase: Context.ServiceClass<ChildPath, "effect-supervisor/ChildPath", string> = Context.Service<
  ChildPath,
  string
>()("effect-supervisor/ChildPath")

/**
 * The annotation under which a `Cause` carries the path of the child that it came from.
 *
 * @category annotations
 * @since 0.1.0
 */
export class ChildPath extends ChildPathBase {}

/**
 * The path of the child that a manager's failure came from, from the root of the tree. `undefined` for a cause that
 * comes from elsewhere.
 *
 * **Example** (Who gave up)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable, SupervisorError } from "effect-supervisor"
 *
 * const app = ProcessManager.make("app", [Runnable.make("worker", Effect.fail("boom"))])
 * const main = Effect.tapCause(app, (cause) => Effect.logError(`${SupervisorError.childPath(cause)} gave up`))
 * ```
 *
 * @category annotations
 * @since 0.1.0
 */
export const childPath = (cause: Cause.Cause<unknown>): string | undefined => {
  for (const reason of cause.reasons) {
    const path = reason.annotations.get(ChildPath.key)
    if (typeof path === "string") return path
  }
  return undefined
}
