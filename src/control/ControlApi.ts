/**
 * What can be asked of a running supervisor from outside: the operations of `Supervisor.Handle`, and the logs and facts
 * of processes, as a group of remote calls. A closed set: nothing is reached by a name that is not in it.
 *
 * **When to use**
 *
 * `ControlServer` serves it on a unix socket and `ControlClient` calls it. Use it directly to serve the same calls over
 * another transport.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import type * as RpcSchema from "effect/rpc/RpcSchema"
import type * as Job from "../process/Job.ts"
import type * as LogStore from "../process/LogStore.ts"
import type * as SnapshotModule from "../Snapshot.ts"
import type { Outcome, ReconcileReport, ReloadReport } from "../Supervisor.ts"
import type { ChildNotFound, DuplicateChild, MaxChildrenReached, SupervisorClosed } from "../SupervisorError.ts"
import type { SupervisorEvent } from "../SupervisorEvent.ts"
import type { SignalFailed } from "../process/ProcessError.ts"
import type {
  ClusterUnavailable,
  DeclareFailed,
  LogsUnavailable,
  NotAJob,
  NotDeclared,
  ReadOnlyServer,
  TooManyRequests
} from "./ControlError.ts"
import * as ClusterSchema from "./ClusterSchema.ts"
import * as ControlSchema from "./ControlSchema.ts"
import * as errors from "./internal/errorSchemas.ts"
import { coded, orUndefined, plain, type Wire } from "./internal/wire.ts"

/**
 * The version of the protocol. Client and server have to agree on it; it changes when one would misunderstand the other.
 *
 * @category constants
 * @since 0.1.0
 */
export const protocolVersion: number = 1

/**
 * Who answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerInfo {
  /** Of the supervisor that is served. */
  readonly name: string
  readonly pid: number
  /** Of effect-supervisor. */
  readonly version: string
  readonly protocol: number
  /** When the server began to serve, in milliseconds since the epoch. */
  readonly startedAt: number
  readonly readOnly: boolean
}

/**
 * What became of an operation on one child.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer =
  | { readonly _tag: "Done"; readonly path: string; readonly outcome: Outcome }
  | { readonly _tag: "Failed"; readonly path: string; readonly error: AnswerError }

/**
 * Why an operation on one child was not done.
 *
 * @category models
 * @since 0.1.0
 */
export type AnswerError = ChildNotFound | SupervisorClosed | NotAJob | SignalFailed

/**
 * Everything there is to know about one child: `child` for all that are under a supervisor, `job` for all that are OS
 * processes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Details {
  readonly path: string
  readonly child: SnapshotModule.ChildSnapshot | undefined
  readonly job: Job.Info | undefined
  /** What it waits for before it starts, each in words, as far as the application tells. */
  readonly waitsFor: ReadonlyArray<string>
}

/**
 * An address that lets one browser in, once; `undefined` if no dashboard listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface DashboardLink {
  readonly link: string | undefined
}

/**
 * Which children: a name or a path, such as `"web/worker-3"`, or a glob, such as `"web*"` (children of the root),
 * `"backend/**"` (all below backend) or `"**\/worker-*"` (at any depth). No glob means the children by which the tree is
 * operated: servers and signals.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  readonly target: string
}

/**
 * Which lines of which job. `match` is a part of the text; who wants an expression applies it to what comes, so that
 * nobody's expression runs in the application.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogsQuery {
  readonly path: string
  readonly stream?: LogStore.LogStream
  readonly run?: number
  readonly match?: string
  readonly since?: number
  readonly until?: number
  readonly offset?: number
  readonly limit?: number
  readonly reverse?: boolean
}

/**
 * What to follow of which job.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogsFollow {
  readonly path: string
  readonly stream?: LogStore.LogStream
  readonly run?: number
  readonly match?: string
  /** Where to begin. Default: "now". */
  readonly from?: "now" | "start" | { readonly last: number }
  /** Not before this time, in milliseconds since the epoch: with `from: "start"`, begins there. */
  readonly since?: number
  /** Also when runs start and end. Default: false. */
  readonly markers?: boolean
  /** Only whole lines. Default: false. */
  readonly wholeLines?: boolean
}

/**
 * What every call can be refused with, before anything is done.
 *
 * @category models
 * @since 0.1.0
 */
export type Refused = TooManyRequests

/**
 * What every call that changes something can be refused with.
 *
 * @category models
 * @since 0.1.0
 */
export type Forbidden = Refused | ReadOnlyServer

/**
 * A call that answers once.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Call<Tag extends string, Payload, Success, Error> = Rpc.Rpc<
  Tag,
  Wire<Payload>,
  Wire<Success>,
  Wire<Error>
>

/**
 * A call that answers with a stream.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Feed<Tag extends string, Payload, Item, Error> = Rpc.Rpc<
  Tag,
  Wire<Payload>,
  RpcSchema.Stream<Wire<Item>, Wire<Error>>,
  typeof Schema.Never
>

/** No payload. */
type Nothing = {}

/**
 * The calls: what each takes, answers, and fails with.
 *
 * @category models
 * @since 0.1.0
 */
export type Calls =
  | Call<"server", Nothing, ServerInfo, Refused>
  | Call<"status", Nothing, SnapshotModule.Snapshot, Refused>
  | Call<"child", { readonly path: string }, SnapshotModule.ChildSnapshot, ChildNotFound | Refused>
  | Call<"info", { readonly path: string }, Details, ChildNotFound | Refused>
  | Call<"infos", { readonly paths: ReadonlyArray<string> }, ReadonlyArray<Details>, Refused>
  | Feed<"watch", Nothing, SupervisorEvent | SnapshotModule.Snapshot, Refused>
  | Feed<"logs.query", LogsQuery, LogStore.LogLine, NotAJob | LogsUnavailable | Refused>
  | Feed<"logs.follow", LogsFollow, LogStore.LogEntry, NotAJob | LogsUnavailable | Refused>
  | Call<"start", Target, ReadonlyArray<Answer>, ChildNotFound | Forbidden>
  | Call<"stop", Target, ReadonlyArray<Answer>, ChildNotFound | Forbidden>
  | Call<"restart", Target, ReadonlyArray<Answer>, ChildNotFound | Forbidden>
  | Call<"hold", Target, ReadonlyArray<Answer>, ChildNotFound | Forbidden>
  | Call<"release", Target, ReadonlyArray<Answer>, ChildNotFound | Forbidden>
  | Call<"remove", Target, ReadonlyArray<Answer>, ChildNotFound | Forbidden>
  | Call<
    "signal",
    { readonly target: string; readonly signal: string },
    ReadonlyArray<Answer>,
    ChildNotFound | Forbidden
  >
  | Call<"reload", Nothing, ReloadReport, Forbidden>
  | Call<"reloadChild", Target, ReloadReport, ChildNotFound | SupervisorClosed | Forbidden>
  | Call<
    "add",
    { readonly name: string },
    void,
    NotDeclared | DeclareFailed | DuplicateChild | MaxChildrenReached | SupervisorClosed | Forbidden
  >
  | Call<
    "reconcile",
    Nothing,
    ReconcileReport,
    NotDeclared | DeclareFailed | DuplicateChild | MaxChildrenReached | SupervisorClosed | Forbidden
  >
  | Call<"cluster", Nothing, ClusterSchema.ClusterSnapshot, ClusterUnavailable | Refused>
  | Feed<"cluster.watch", Nothing, ClusterSchema.ClusterEvent, ClusterUnavailable | Refused>
  | Call<"dashboard", Nothing, DashboardLink, Refused>
  | Call<"shutdown", Nothing, void, Forbidden>
  | Call<"shutdownNow", Nothing, void, Forbidden>

const { Array: List, Finite, Literals, String: Text, Struct, TaggedStruct, Union, optionalKey } = Schema

const short = Text.check(Schema.isMaxLength(1024))
const path = Struct({ path: short })
const nothing = plain<Nothing>()(Struct({}))
const byPath = plain<{ readonly path: string }>()(path)
const target = plain<Target>()(Struct({ target: short }))
const lines = {
  path: short,
  stream: optionalKey(Literals(["stdout", "stderr", "unknown"])),
  run: optionalKey(Finite),
  match: optionalKey(short)
}

const answers = coded<ReadonlyArray<Answer>>()(List(Union([
  TaggedStruct("Done", { path: Text, outcome: ControlSchema.Outcome }),
  TaggedStruct("Failed", {
    path: Text,
    error: Union([errors.childNotFound, errors.supervisorClosed, errors.notAJob, errors.signalFailed])
  })
])))

const detailsStruct = Struct({
  path: Text,
  child: orUndefined(ControlSchema.ChildSnapshot),
  job: orUndefined(ControlSchema.JobInfo),
  waitsFor: List(Text)
})
const details = coded<Details>()(detailsStruct)

const serverInfo = plain<ServerInfo>()(Struct({
  name: Text,
  pid: Finite,
  version: Text,
  protocol: Finite,
  startedAt: Finite,
  readOnly: Schema.Boolean
}))

/** An absent answer. */
const done = coded<void>()(Schema.Void as Schema.Codec<void, unknown>)

const verb = <const Tag extends string>(tag: Tag) =>
  Rpc.make(tag, { payload: target, success: answers, error: errors.oneOf<ChildNotFound | Forbidden>() })

const fetchLogs = errors.oneOf<NotAJob | LogsUnavailable | Refused>()
const declaring = errors.oneOf<
  NotDeclared | DeclareFailed | DuplicateChild | MaxChildrenReached | SupervisorClosed | Forbidden
>()

/**
 * The group of calls.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ControlApi: RpcGroup.RpcGroup<Calls> = RpcGroup.make(
  Rpc.make("server", { payload: nothing, success: serverInfo, error: errors.oneOf<Refused>() }),
  Rpc.make("status", { payload: nothing, success: ControlSchema.Snapshot, error: errors.oneOf<Refused>() }),
  Rpc.make("child", {
    payload: byPath,
    success: ControlSchema.ChildSnapshot,
    error: errors.oneOf<ChildNotFound | Refused>()
  }),
  Rpc.make("info", { payload: byPath, success: details, error: errors.oneOf<ChildNotFound | Refused>() }),
  Rpc.make("infos", {
    payload: plain<{ readonly paths: ReadonlyArray<string> }>()(Struct({ paths: List(short) })),
    success: coded<ReadonlyArray<Details>>()(List(detailsStruct)),
    error: errors.oneOf<Refused>()
  }),
  Rpc.make("watch", { payload: nothing, success: ControlSchema.Change, error: errors.oneOf<Refused>(), stream: true }),
  Rpc.make("logs.query", {
    payload: plain<LogsQuery>()(Struct({
      ...lines,
      since: optionalKey(Finite),
      until: optionalKey(Finite),
      offset: optionalKey(Finite),
      limit: optionalKey(Finite),
      reverse: optionalKey(Schema.Boolean)
    })),
    success: ControlSchema.LogLine,
    error: fetchLogs,
    stream: true
  }),
  Rpc.make("logs.follow", {
    payload: plain<LogsFollow>()(Struct({
      ...lines,
      from: optionalKey(Union([Literals(["now", "start"]), Struct({ last: Finite })])),
      since: optionalKey(Finite),
      markers: optionalKey(Schema.Boolean),
      wholeLines: optionalKey(Schema.Boolean)
    })),
    success: ControlSchema.LogEntry,
    error: fetchLogs,
    stream: true
  }),
  verb("start"),
  verb("stop"),
  verb("restart"),
  verb("hold"),
  verb("release"),
  verb("remove"),
  Rpc.make("signal", {
    payload: plain<{ readonly target: string; readonly signal: string }>()(Struct({ target: short, signal: short })),
    success: answers,
    error: errors.oneOf<ChildNotFound | Forbidden>()
  }),
  Rpc.make("reload", { payload: nothing, success: ControlSchema.ReloadReport, error: errors.oneOf<Forbidden>() }),
  Rpc.make("reloadChild", {
    payload: target,
    success: ControlSchema.ReloadReport,
    error: errors.oneOf<ChildNotFound | SupervisorClosed | Forbidden>()
  }),
  Rpc.make("add", {
    payload: plain<{ readonly name: string }>()(Struct({ name: short })),
    success: done,
    error: declaring
  }),
  Rpc.make("reconcile", { payload: nothing, success: ControlSchema.ReconcileReport, error: declaring }),
  Rpc.make("cluster", {
    payload: nothing,
    success: ClusterSchema.Snapshot,
    error: errors.oneOf<ClusterUnavailable | Refused>()
  }),
  Rpc.make("cluster.watch", {
    payload: nothing,
    success: ClusterSchema.Event,
    error: errors.oneOf<ClusterUnavailable | Refused>(),
    stream: true
  }),
  Rpc.make("dashboard", {
    payload: nothing,
    success: plain<DashboardLink>()(Struct({ link: orUndefined(Text) })),
    error: errors.oneOf<Refused>()
  }),
  Rpc.make("shutdown", { payload: nothing, success: done, error: errors.oneOf<Forbidden>() }),
  Rpc.make("shutdownNow", { payload: nothing, success: done, error: errors.oneOf<Forbidden>() })
)
