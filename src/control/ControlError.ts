/**
 * Everything that can go wrong with a control server and its clients, each error naming what it is about and saying what
 * to do.
 *
 * The first group are answers of a server, which cross the wire. The second group are failures to find one. The third
 * group are reasons why a server does not start.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { CauseInfo } from "../State.ts"
import type { Tagged } from "../internal/tagged.ts"

const TooManyRequestsBase: Tagged<"TooManyRequests", {
  readonly limit: number
}> = Data.TaggedError("TooManyRequests")

/**
 * One connection has more requests under way than the server takes from it, open streams included.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooManyRequests extends TooManyRequestsBase {
  override get message(): string {
    return `This connection has ${this.limit} requests under way already, open streams included, so one more was not done. Wait for one of them, close a stream, or open another connection.`
  }
}

const ReadOnlyServerBase: Tagged<"ReadOnlyServer", {
  readonly supervisor: string
  readonly operation: string
}> = Data.TaggedError("ReadOnlyServer")

/**
 * The server only shows and does not change anything.
 *
 * @category errors
 * @since 0.1.0
 */
export class ReadOnlyServer extends ReadOnlyServerBase {
  override get message(): string {
    return `The control server of "${this.supervisor}" is read-only, so ${this.operation} was not done. Start it without readOnly to change things.`
  }
}

const NotDeclaredBase: Tagged<"NotDeclared", {
  readonly operation: string
  readonly declared: ReadonlyArray<string>
}> = Data.TaggedError("NotDeclared")

/**
 * Only what the application declares can be added, and this is not among it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotDeclared extends NotDeclaredBase {
  override get message(): string {
    const known = this.declared.length === 0 ? "nothing" : this.declared.slice(0, 20).join(", ")
    return `${this.operation} was not done: the application declares ${known}. Add it to the options declared or declare of its control server.`
  }
}

const DeclareFailedBase: Tagged<"DeclareFailed", {
  readonly operation: string
  readonly cause: CauseInfo
}> = Data.TaggedError("DeclareFailed")

/**
 * The declaration of the application could not be read again.
 *
 * @category errors
 * @since 0.1.0
 */
export class DeclareFailed extends DeclareFailedBase {
  override get message(): string {
    return `${this.operation} was not done and nothing was changed, because what the application declares could not be read: ${
      this.cause.message.replace(/\.$/, "")
    }. Correct that and ask again.`
  }
}

const NotAJobBase: Tagged<"NotAJob", {
  readonly path: string
  readonly operation: string
}> = Data.TaggedError("NotAJob")

/**
 * The child is no OS process, or has not been started yet.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotAJob extends NotAJobBase {
  override get message(): string {
    return `"${this.path}" is no OS process, or has not been started yet, so there is no ${this.operation} for it. Those that are show a pid in their info.`
  }
}

const LogsUnavailableBase: Tagged<"LogsUnavailable", {
  readonly path: string
  readonly detail: string
}> = Data.TaggedError("LogsUnavailable")

/**
 * The logs of a job cannot be read, or it keeps none.
 *
 * @category errors
 * @since 0.1.0
 */
export class LogsUnavailable extends LogsUnavailableBase {
  override get message(): string {
    return `There are no logs of "${this.path}" to be had: ${this.detail}`
  }
}

const ClusterUnavailableBase: Tagged<"ClusterUnavailable", {
  readonly supervisor: string
  readonly detail: string | undefined
}> = Data.TaggedError("ClusterUnavailable")

/**
 * The application is no node of a cluster, or the cluster's storage does not answer: `detail` is what it says.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClusterUnavailable extends ClusterUnavailableBase {
  override get message(): string {
    return this.detail === undefined
      ? `Supervisor "${this.supervisor}" is no node of a cluster. Ask one that runs a ClusterSupervisor.`
      : `The cluster of supervisor "${this.supervisor}" cannot be shown: ${this.detail}`
  }
}

const NoSupervisorBase: Tagged<"NoSupervisor", {
  readonly socket: string
  readonly reason: "NotThere" | "NotAnswering" | "Silent" | "PermissionDenied" | "Unknown"
  readonly detail: string
}> = Data.TaggedError("NoSupervisor")

const noSupervisorAdvice: Readonly<Record<NoSupervisor["reason"], string>> = {
  NotThere: "Start the application with a ControlServer in it, or say another name or socket.",
  NotAnswering: "The application that made it has gone; start it again.",
  Silent: "Its process is stopped or overloaded: look at it, continue it (kill -CONT) or end it.",
  PermissionDenied: "It belongs to another user: ask as that user.",
  Unknown: "See the detail."
}

/**
 * Nobody answers at a socket.
 *
 * @category connecting
 * @since 0.1.0
 */
export class NoSupervisor extends NoSupervisorBase {
  override get message(): string {
    return `No supervisor answers at ${this.socket} (${this.detail}). ${noSupervisorAdvice[this.reason]}`
  }
}

const ProtocolMismatchBase: Tagged<"ProtocolMismatch", {
  readonly socket: string
  readonly client: number
  readonly server: number | undefined
}> = Data.TaggedError("ProtocolMismatch")

/**
 * What answers at the socket speaks another version of the protocol; `server` is `undefined` if it speaks none.
 *
 * @category connecting
 * @since 0.1.0
 */
export class ProtocolMismatch extends ProtocolMismatchBase {
  override get message(): string {
    return this.server === undefined
      ? `What answers at ${this.socket} is no control server of effect-supervisor. Say another socket.`
      : `The supervisor at ${this.socket} speaks version ${this.server} of the control protocol and this client version ${this.client}. Use the client of the version of effect-supervisor that the application has.`
  }
}

const ConnectionLostBase: Tagged<"ConnectionLost", {
  readonly socket: string
  readonly detail: string
}> = Data.TaggedError("ConnectionLost")

/**
 * The connection has ended: the server was stopped, or refused what it was sent. What was asked for may have been done.
 *
 * @category connecting
 * @since 0.1.0
 */
export class ConnectionLost extends ConnectionLostBase {
  override get message(): string {
    return `The connection to the supervisor at ${this.socket} has ended (${this.detail}). Connect again to go on; what was under way may have been done.`
  }
}

const SocketPathTooLongBase: Tagged<"SocketPathTooLong", {
  readonly socket: string
  readonly bytes: number
  readonly limit: number
}> = Data.TaggedError("SocketPathTooLong")

/**
 * The operating system takes no socket path of this length.
 *
 * @category starting
 * @since 0.1.0
 */
export class SocketPathTooLong extends SocketPathTooLongBase {
  override get message(): string {
    return `The path of a unix socket has at most ${this.limit} bytes and ${this.socket} has ${this.bytes}. Say a shorter one in the option socket, or give the supervisor a shorter name.`
  }
}

const UnsafeDirectoryBase: Tagged<"UnsafeDirectory", {
  readonly directory: string
  readonly problem: string
}> = Data.TaggedError("UnsafeDirectory")

/**
 * Others than the user could get at a socket in this directory.
 *
 * @category starting
 * @since 0.1.0
 */
export class UnsafeDirectory extends UnsafeDirectoryBase {
  override get message(): string {
    return `The control socket is for this user alone, but its directory ${this.directory} ${this.problem}. Use a directory of your own: mkdir -m 700, or chmod 700 if it is yours.`
  }
}

const SocketInUseBase: Tagged<"SocketInUse", {
  readonly socket: string
  readonly pid: number | undefined
  readonly name: string | undefined
}> = Data.TaggedError("SocketInUse")

/**
 * Another supervisor answers at the socket already.
 *
 * @category starting
 * @since 0.1.0
 */
export class SocketInUse extends SocketInUseBase {
  override get message(): string {
    const who = this.pid === undefined ? "Another process" : `Supervisor "${this.name}" (pid ${this.pid})`
    return `${who} answers at ${this.socket} already. Stop it first, or give this one another name or socket.`
  }
}

const ListenFailedBase: Tagged<"ListenFailed", {
  readonly socket: string
  readonly detail: string
}> = Data.TaggedError("ListenFailed")

/**
 * The socket could not be made.
 *
 * @category starting
 * @since 0.1.0
 */
export class ListenFailed extends ListenFailedBase {
  override get message(): string {
    return `The control socket ${this.socket} could not be made (${this.detail}). Say another one in the option socket, or make its directory writable.`
  }
}

const PortUnavailableBase: Tagged<"PortUnavailable", {
  readonly port: number
  readonly detail: string
}> = Data.TaggedError("PortUnavailable")

/**
 * The dashboard cannot listen on its port.
 *
 * @category starting
 * @since 0.1.0
 */
export class PortUnavailable extends PortUnavailableBase {
  override get message(): string {
    return `The dashboard cannot listen on port ${this.port} of 127.0.0.1 (${this.detail}). Stop who does, or say another one in the option port; 0 is any that is free.`
  }
}
