/**
 * The line from a client to a control server.
 *
 * Floor 4.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schedule from "effect/Schedule"
import type { Scope } from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Net from "node:net"
import { type Calls, ControlApi, protocolVersion, type ServerInfo } from "../ControlApi.ts"
import { NoSupervisor, ProtocolMismatch } from "../ControlError.ts"

/** The largest answer that is taken: a snapshot of some hundred thousand children. */
const maxAnswer = 256 * 1024 * 1024

const reasons: Readonly<Record<string, NoSupervisor["reason"]>> = {
  ENOENT: "NotThere",
  ENOTDIR: "NotThere",
  ECONNREFUSED: "NotAnswering",
  ECONNRESET: "NotAnswering",
  ENOTSOCK: "NotThere",
  EACCES: "PermissionDenied",
  EPERM: "PermissionDenied"
}

/** Connects, or says why nobody is there. */
export const open = (socket: string): Effect.Effect<Net.Socket, NoSupervisor, Scope> =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket, NoSupervisor>((resume) => {
      const connection = Net.createConnection({ path: socket })
      const fail = (error: NodeJS.ErrnoException) => {
        const reason = reasons[error.code ?? ""] ?? "Unknown"
        resume(Effect.fail(new NoSupervisor({ socket, reason, detail: error.message })))
      }
      connection.once("error", fail)
      connection.once("connect", () => {
        connection.off("error", fail)
        // Whoever reads or writes is told of an error then; before and after that it must not end the process.
        connection.on("error", () => {})
        resume(Effect.succeed(connection))
      })
      return Effect.sync(() => connection.destroy())
    }),
    (connection) => Effect.sync(() => connection.destroy())
  )

export type Remote = RpcClient.RpcClient<Calls, RpcClientError>

export interface Line {
  readonly remote: Remote
  readonly connection: Net.Socket
  readonly info: ServerInfo
}

/** How long a server may take to say who it is. */
const helloTimeout = "3 seconds"

/** A line that is known to speak the protocol. It does not connect anew: what was under way would be lost unseen. */
export const connect: (socket: string) => Effect.Effect<Line, NoSupervisor | ProtocolMismatch, Scope> = Effect
  .fnUntraced(function*(socket: string) {
    const connection = yield* open(socket)
    const duplex = yield* NodeSocket.fromDuplex(Effect.succeed(connection))
    const protocol = yield* RpcClient.makeProtocolSocket({
      pingInterval: "15 seconds",
      retryPolicy: Schedule.recurs(0)
    })
      .pipe(
        Effect.provideService(Socket.Socket, duplex),
        Effect.provideService(
          RpcSerialization.RpcSerialization,
          RpcSerialization.makeNdjson({ maxBufferSize: maxAnswer })
        )
      )
    const remote = yield* RpcClient.make(ControlApi, { disableTracing: true }).pipe(
      Effect.provideService(RpcClient.Protocol, protocol)
    )
    const mismatch = (server: number | undefined) => new ProtocolMismatch({ socket, client: protocolVersion, server })
    const info = yield* remote.server({}).pipe(
      Effect.catchCause((cause): Effect.Effect<never, ProtocolMismatch> =>
        Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.fail(mismatch(undefined))
      ),
      Effect.timeoutOrElse({
        duration: helloTimeout,
        orElse: () =>
          Effect.fail(
            new NoSupervisor({ socket, reason: "Silent", detail: `it says nothing within ${helloTimeout}` })
          )
      })
    )
    if (info.protocol !== protocolVersion) return yield* mismatch(info.protocol)
    return { remote, connection, info }
  })
