/**
 * Sees and steers a running tree from another program, by the operations that `Supervisor.Handle` has.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as RpcClientError from "effect/rpc/RpcClientError"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type { LogEntry, LogLine } from "../process/LogStore.ts"
import type { Signal } from "../process/Signal.ts"
import type { ChildSnapshot, Snapshot } from "../Snapshot.ts"
import type { ReconcileReport, ReloadReport } from "../Supervisor.ts"
import type { ChildNotFound, DuplicateChild, MaxChildrenReached, SupervisorClosed } from "../SupervisorError.ts"
import type { SupervisorEvent } from "../SupervisorEvent.ts"
import type { Answer, Details, Forbidden, LogsFollow, LogsQuery, Refused, ServerInfo } from "./ControlApi.ts"
import type { ClusterEvent, ClusterSnapshot } from "./ClusterSchema.ts"
import {
  type ClusterUnavailable,
  ConnectionLost,
  type DeclareFailed,
  type LogsUnavailable,
  type NoSupervisor,
  type NotAJob,
  type NotDeclared,
  type ProtocolMismatch
} from "./ControlError.ts"
import { connect, type Remote } from "./internal/connect.ts"
import { byName } from "./internal/socketPath.ts"

/**
 * Which supervisor: by the path of its socket, or by its name.
 *
 * @category models
 * @since 0.1.0
 */
export type Address = { readonly socket: string } | { readonly name: string }

/**
 * What every call can fail with.
 *
 * @category models
 * @since 0.1.0
 */
export type CallError = Refused | ConnectionLost

/**
 * What every call that changes something can fail with.
 *
 * @category models
 * @since 0.1.0
 */
export type ChangeError = Forbidden | ConnectionLost

/**
 * Does something to every child that a target means, to all at once, and waits for all: a name or a path, such as
 * `"web/worker-3"`, or a glob, such as `"web*"` (children of the root), `"backend/**"` (all below backend) or
 * `"**\/worker-*"` (at any depth). Of a child and what is below it only the child is asked. Fails with `ChildNotFound` if
 * the target means none; what goes wrong with one of them is in its answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Operation = (target: string) => Effect.Effect<ReadonlyArray<Answer>, ChildNotFound | ChangeError>

/**
 * A connection to a running supervisor. It does not connect anew: calls fail with `ConnectionLost` once it is over.
 *
 * **Details**
 *
 * Operations do what those of the same name do on `Supervisor.Handle`, from the root of the tree on. Interrupting a call
 * does not take back what it has begun.
 *
 * @category models
 * @since 0.1.0
 */
export interface Client {
  readonly socket: string
  /** Who answers. */
  readonly server: ServerInfo
  /** The whole tree, at this moment. */
  readonly status: Effect.Effect<Snapshot, CallError>
  /** One child by its path. */
  readonly child: (path: string) => Effect.Effect<ChildSnapshot, ChildNotFound | CallError>
  /** One child by its path, and its process with what that uses now, if it is one. */
  readonly info: (path: string) => Effect.Effect<Details, ChildNotFound | CallError>
  /** As `info`, of many at once, which costs little more than one; those that there are not are left out. */
  readonly infos: (paths: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Details>, CallError>
  /**
   * The snapshot of this moment, then every event since; ends when the server is stopped. Who reads too slowly gets `EventsLost` with
   * their number, and then a fresh snapshot that has them in it.
   */
  readonly watch: Stream.Stream<SupervisorEvent | Snapshot, CallError>
  readonly start: Operation
  readonly stop: Operation
  readonly restart: Operation
  readonly hold: Operation
  readonly release: Operation
  readonly remove: Operation
  /** Sends a signal to the process groups of jobs; `"noop"` for those that do not run. */
  readonly signal: (
    target: string,
    signal: Signal
  ) => Effect.Effect<ReadonlyArray<Answer>, ChildNotFound | ChangeError>
  readonly reload: Effect.Effect<ReloadReport, ChangeError>
  /** As `reload`, for the children that a target means and what is below them. */
  readonly reloadChild: (
    target: string
  ) => Effect.Effect<ReloadReport, ChildNotFound | SupervisorClosed | ChangeError>
  /** Adds a child of those that the application declares, by its name. */
  readonly add: (
    name: string
  ) => Effect.Effect<
    void,
    NotDeclared | DeclareFailed | DuplicateChild | MaxChildrenReached | SupervisorClosed | ChangeError
  >
  /** Makes the children of the root what the application declares now, touching only what differs. */
  readonly reconcile: Effect.Effect<
    ReconcileReport,
    NotDeclared | DeclareFailed | DuplicateChild | MaxChildrenReached | SupervisorClosed | ChangeError
  >
  readonly logs: {
    /** Lines of a job that are stored, the oldest first. */
    readonly query: (
      path: string,
      options?: Omit<LogsQuery, "path">
    ) => Stream.Stream<LogLine, NotAJob | LogsUnavailable | CallError>
    /** Lines of a job as they are stored. Who reads slowly slows nobody down; what rotation took away is told. */
    readonly follow: (
      path: string,
      options?: Omit<LogsFollow, "path">
    ) => Stream.Stream<LogEntry, NotAJob | LogsUnavailable | CallError>
  }
  /** The cluster that the application is a node of, as any of its nodes sees it. */
  readonly cluster: {
    readonly snapshot: Effect.Effect<ClusterSnapshot, ClusterUnavailable | CallError>
    /** What happens from now on, on any node. */
    readonly events: Stream.Stream<ClusterEvent, ClusterUnavailable | CallError>
  }
  /** A new link to the dashboard, good for one use within an hour; `undefined` if no dashboard listens. */
  readonly dashboard: Effect.Effect<string | undefined, CallError>
  /** Asks everything to stop, and does not wait for it: see `watch` and `closed`. */
  readonly shutdown: Effect.Effect<void, ChangeError>
  /** As `shutdown`, but without waiting for any grace. */
  readonly shutdownNow: Effect.Effect<void, ChangeError>
  /** Ends when the connection does: when the server has been stopped. */
  readonly closed: Effect.Effect<void>
}

/**
 * Connects to a supervisor, until the scope is closed.
 *
 * **Details**
 *
 * Fails with `NoSupervisor` if nobody answers, and with `ProtocolMismatch` if what answers speaks another version of the
 * protocol, or none.
 *
 * **Example** (Restart all web children of an application)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ControlClient } from "effect-supervisor/control"
 *
 * const main = Effect.gen(function*() {
 *   const client = yield* ControlClient.make({ name: "app" })
 *   for (const answer of yield* client.restart("web*")) {
 *     yield* Effect.log(answer.path, answer._tag === "Done" ? answer.outcome : answer.error.message)
 *   }
 * })
 * const fiber = Effect.runFork(Effect.scoped(main))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  address: Address
): Effect.Effect<Client, NoSupervisor | ProtocolMismatch, Scope> => {
  const socket = "socket" in address ? address.socket : byName(address.name)
  return Effect.map(connect(socket), ({ connection, info, remote }) =>
    fromRemote(
      remote,
      socket,
      info,
      Effect.callback<void>((resume) => {
        const end = () => resume(Effect.void)
        if (connection.closed) return end()
        connection.once("close", end)
        return Effect.sync(() => connection.off("close", end))
      })
    ))
}

type Lost = RpcClientError.RpcClientError

const fromRemote = (remote: Remote, socket: string, server: ServerInfo, closed: Effect.Effect<void>): Client => {
  const lost = (detail: string) => new ConnectionLost({ socket, detail })
  /** How the transport fails is told by one error of ours. */
  const call = <A, E>(effect: Effect.Effect<A, E | Lost>): Effect.Effect<A, Exclude<E, Lost> | ConnectionLost> =>
    Effect.catchCause(effect, (cause) => translate(cause, lost))
  const feed = <A, E>(stream: Stream.Stream<A, E | Lost>): Stream.Stream<A, Exclude<E, Lost> | ConnectionLost> =>
    Stream.catchCause(stream, (cause) => Stream.fromEffect(translate(cause, lost)))
  const operation = (name: "start" | "stop" | "restart" | "hold" | "release" | "remove"): Operation => (target) =>
    call(remote[name]({ target }))
  return {
    socket,
    server,
    status: call(remote.status({})),
    child: (path) => call(remote.child({ path })),
    info: (path) => call(remote.info({ path })),
    infos: (paths) => call(remote.infos({ paths })),
    watch: feed(remote.watch({})),
    start: operation("start"),
    stop: operation("stop"),
    restart: operation("restart"),
    hold: operation("hold"),
    release: operation("release"),
    remove: operation("remove"),
    signal: (target, signal) => call(remote.signal({ target, signal })),
    reload: call(remote.reload({})),
    reloadChild: (target) => call(remote.reloadChild({ target })),
    add: (name) => call(remote.add({ name })),
    reconcile: call(remote.reconcile({})),
    logs: {
      query: (path, options) => feed(remote["logs.query"]({ ...options, path })),
      follow: (path, options) => feed(remote["logs.follow"]({ ...options, path }))
    },
    cluster: { snapshot: call(remote.cluster({})), events: feed(remote["cluster.watch"]({})) },
    dashboard: Effect.map(call(remote.dashboard({})), ({ link }) => link),
    shutdown: call(remote.shutdown({})),
    shutdownNow: call(remote.shutdownNow({})),
    closed
  }
}

/** An answer that says "interrupted" comes from a server that is going, unless it is the caller who was interrupted. */
const translate = <E>(
  cause: Cause.Cause<E | Lost>,
  lost: (detail: string) => ConnectionLost
): Effect.Effect<never, Exclude<E, Lost> | ConnectionLost> => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Fail" && isLost(reason.error)) return Effect.fail(lost(detailOf(reason.error)))
  }
  return Cause.hasInterruptsOnly(cause)
    ? Effect.fail(lost("the server is stopping"))
    : Effect.failCause(cause as Cause.Cause<Exclude<E, Lost>>)
}

const detailOf = ({ reason }: Lost): string =>
  reason._tag === "SocketCloseError" ? "the other side has closed it" : reason.message

const isLost = (error: unknown): error is Lost =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "RpcClientError"
