/**
 * The schemas of the errors that cross the wire: each arrives as what it was.
 *
 * Floor 4.
 */
import * as Schema from "effect/Schema"
import { SignalFailed } from "../../process/ProcessError.ts"
import { ChildNotFound, DuplicateChild, MaxChildrenReached, SupervisorClosed } from "../../SupervisorError.ts"
import {
  ClusterUnavailable,
  DeclareFailed,
  LogsUnavailable,
  NotAJob,
  NotDeclared,
  ReadOnlyServer,
  TooManyRequests
} from "../ControlError.ts"
import { CauseInfo } from "../ControlSchema.ts"
import { errorOf, orUndefined, type Wire } from "./wire.ts"

const { Array: List, Finite, String: Text } = Schema

export const childNotFound: Wire<ChildNotFound> = errorOf(
  "ChildNotFound",
  (u): u is ChildNotFound => u instanceof ChildNotFound,
  { child: Text, supervisor: Text },
  (fields) => new ChildNotFound(fields)
)

export const supervisorClosed: Wire<SupervisorClosed> = errorOf(
  "SupervisorClosed",
  (u): u is SupervisorClosed => u instanceof SupervisorClosed,
  { supervisor: Text, operation: Text },
  (fields) => new SupervisorClosed(fields)
)

const duplicateChild = errorOf(
  "DuplicateChild",
  (u): u is DuplicateChild => u instanceof DuplicateChild,
  { child: Text, path: Text, supervisor: Text },
  (fields) => new DuplicateChild(fields)
)

const maxChildrenReached = errorOf(
  "MaxChildrenReached",
  (u): u is MaxChildrenReached => u instanceof MaxChildrenReached,
  { child: Text, supervisor: Text, maxChildren: Finite },
  (fields) => new MaxChildrenReached(fields)
)

export const signalFailed: Wire<SignalFailed> = errorOf(
  "SignalFailed",
  (u): u is SignalFailed => u instanceof SignalFailed,
  { command: Text, signal: Text, detail: Text },
  (fields) => new SignalFailed(fields)
)

export const notAJob: Wire<NotAJob> = errorOf(
  "NotAJob",
  (u): u is NotAJob => u instanceof NotAJob,
  { path: Text, operation: Text },
  (fields) => new NotAJob(fields)
)

const logsUnavailable = errorOf(
  "LogsUnavailable",
  (u): u is LogsUnavailable => u instanceof LogsUnavailable,
  { path: Text, detail: Text },
  (fields) => new LogsUnavailable(fields)
)

const notDeclared = errorOf(
  "NotDeclared",
  (u): u is NotDeclared => u instanceof NotDeclared,
  { operation: Text, declared: List(Text) },
  (fields) => new NotDeclared(fields)
)

const declareFailed = errorOf(
  "DeclareFailed",
  (u): u is DeclareFailed => u instanceof DeclareFailed,
  { operation: Text, cause: CauseInfo },
  (fields) => new DeclareFailed(fields)
)

const readOnlyServer = errorOf(
  "ReadOnlyServer",
  (u): u is ReadOnlyServer => u instanceof ReadOnlyServer,
  { supervisor: Text, operation: Text },
  (fields) => new ReadOnlyServer(fields)
)

const tooManyRequests = errorOf(
  "TooManyRequests",
  (u): u is TooManyRequests => u instanceof TooManyRequests,
  { limit: Finite },
  (fields) => new TooManyRequests(fields)
)

const clusterUnavailable = errorOf(
  "ClusterUnavailable",
  (u): u is ClusterUnavailable => u instanceof ClusterUnavailable,
  { supervisor: Text, detail: orUndefined(Text) },
  (fields) => new ClusterUnavailable(fields)
)

/** All of them. Which belongs to which call is said by the types. */
type Known =
  | ChildNotFound
  | SupervisorClosed
  | DuplicateChild
  | MaxChildrenReached
  | SignalFailed
  | NotAJob
  | LogsUnavailable
  | NotDeclared
  | DeclareFailed
  | ReadOnlyServer
  | TooManyRequests
  | ClusterUnavailable

const all: Schema.Codec<Known, unknown> = Schema.Union([
  childNotFound,
  supervisorClosed,
  duplicateChild,
  maxChildrenReached,
  signalFailed,
  notAJob,
  logsUnavailable,
  notDeclared,
  declareFailed,
  readOnlyServer,
  tooManyRequests,
  clusterUnavailable
])

/** The schema of some of the errors: all share one. */
export const oneOf = <Error extends Known>(): Wire<Error> => all as unknown as Wire<Error>
