/**
 * What one connection may do to a server: messages of a known form and bounded size, so many requests at once, so many
 * a second, and so many connections. What goes beyond is slowed down by not reading it, or ends that one connection.
 *
 * Floor 4.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { FromClientEncoded, FromServerEncoded, RequestEncoded } from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import type * as RpcServer from "effect/rpc/RpcServer"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import type * as Net from "node:net"

/** With defaults filled in. */
export interface Limits {
  readonly maxRequestBytes: number
  readonly maxConcurrent: number
  readonly maxPerSecond: number
  readonly maxConnections: number
}

// -------------------------------------------------------------------------------------------------------- messages

/** What is no message of the protocol. */
class Malformed extends Data.TaggedError("Malformed")<{ readonly message: string }> {}

const malformed = (): never => {
  throw new Malformed({ message: "This is no message of the control protocol. The connection is closed." })
}

/** To the server of the remote calls this means that the connection is to be closed. */
class Finished extends Data.TaggedError("MaxBufferSizeExceeded") {}

const isId = (id: unknown): boolean => typeof id === "number" || (typeof id === "string" && id.length <= 64)

/** A call that is not answered would not be counted, so there are none. */
const isRequest = (message: Partial<RequestEncoded>): boolean =>
  isId(message.id) && typeof message.tag === "string" && Array.isArray(message.headers) &&
  message.headers.length === 0 && message.isNotification === undefined && message.discard === undefined

const isMessage = (u: unknown): boolean => {
  if (typeof u !== "object" || u === null) return false
  const message = u as Partial<Record<"requestId", unknown>> & { readonly _tag?: unknown }
  switch (message._tag) {
    case "Request":
      return isRequest(u as Partial<RequestEncoded>)
    case "Ack":
    case "Interrupt":
      return isId(message.requestId)
    case "Ping":
    case "Eof":
      return true
    default:
      return false
  }
}

/**
 * JSON by lines, of bounded length, and only such as are messages. Who sends anything else is told so, and is not heard
 * any more.
 */
export const serialization = (limits: Limits): RpcSerialization.RpcSerialization["Service"] => {
  const ndjson = RpcSerialization.makeNdjson({ maxBufferSize: limits.maxRequestBytes })
  return {
    ...ndjson,
    makeUnsafe: () => {
      const parser = ndjson.makeUnsafe()
      let isOver = false
      return {
        decode: (data) => {
          if (isOver) throw new Finished()
          const messages = parser.decode(data)
          return messages.every(isMessage) ? messages : malformed()
        },
        encode: (response) => {
          // Only said of what breaks the protocol; whoever is told drops all that it has under way.
          if ((response as FromServerEncoded)._tag === "Defect") isOver = true
          return parser.encode(response)
        }
      }
    }
  }
}

// -------------------------------------------------------------------------------------------------------- requests

interface Client {
  readonly underWay: Set<string | number>
  /** How many requests it may send at once, as of `at`. */
  tokens: number
  at: number
}

export interface Guarded {
  readonly protocol: RpcServer.Protocol["Service"]
  readonly forget: (clientId: number) => Effect.Effect<void>
  /** How many requests are under way, open streams included. */
  readonly underWay: () => number
}

/** The protocol, with every client held to its limits. */
export const guard = (
  protocol: RpcServer.Protocol["Service"],
  limits: Limits
): Effect.Effect<Guarded> =>
  Effect.map(Clock.Clock, (clock) => {
    const clients = new Map<number, Client>()
    const { maxConcurrent, maxPerSecond } = limits
    const clientOf = (id: number): Client => {
      let client = clients.get(id)
      if (client === undefined) {
        client = { underWay: new Set(), tokens: maxPerSecond, at: clock.currentTimeMillisUnsafe() }
        clients.set(id, client)
      }
      return client
    }
    /** How long to wait until one more may come, in milliseconds. */
    const spend = (client: Client): number => {
      const now = clock.currentTimeMillisUnsafe()
      client.tokens = Math.min(maxPerSecond, client.tokens + (now - client.at) / 1000 * maxPerSecond) - 1
      client.at = now
      return client.tokens >= 0 ? 0 : -client.tokens / maxPerSecond * 1000
    }
    // Sent in place of an answer, while nothing else is read: who does not read refusals cannot ask for more.
    const refuse = (id: number, request: RequestEncoded) =>
      protocol.send(id, {
        _tag: "Exit",
        requestId: request.id,
        exit: {
          _tag: "Failure",
          cause: [{ _tag: "Fail", error: { _tag: "TooManyRequests", limit: maxConcurrent } }]
        }
      })
    const admit = (
      id: number,
      message: FromClientEncoded,
      handle: (id: number, message: FromClientEncoded) => Effect.Effect<void>
    ): Effect.Effect<void> => {
      const client = clientOf(id)
      const take = (): Effect.Effect<void> => {
        if (message._tag !== "Request") return handle(id, message)
        if (client.underWay.size >= maxConcurrent) return refuse(id, message)
        client.underWay.add(message.id)
        return handle(id, message)
      }
      const wait = spend(client)
      return wait === 0 ? take() : Effect.andThen(Effect.sleep(wait), Effect.suspend(take))
    }
    return {
      protocol: {
        ...protocol,
        run: (handle) => protocol.run((id, message) => Effect.suspend(() => admit(id, message, handle))),
        // An answer counts until it has been taken: who does not read gets no more of them.
        send: (id, response, transferables) => {
          const send = protocol.send(id, response, transferables)
          return response._tag !== "Exit" ? send : Effect.ensuring(
            send,
            Effect.sync(() => clients.get(id)?.underWay.delete(response.requestId))
          )
        }
      },
      forget: (id) => Effect.sync(() => clients.delete(id)),
      underWay: () => Array.from(clients.values()).reduce((sum, { underWay }) => sum + underWay.size, 0)
    }
  })

// ----------------------------------------------------------------------------------------------------- connections

export interface Connections {
  readonly server: SocketServer.SocketServer["Service"]
  readonly open: ReadonlySet<Net.Socket>
}

/**
 * A socket whose writes fail once it is closed. That of Node says then that it is full, and what waits until it has room
 * would wait for ever.
 */
const whileOpen = (socket: Socket.Socket, connection: Net.Socket): Socket.Socket => {
  const closed = Effect.suspend(() =>
    Effect.fail(
      new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause: new Error("the connection is closed") }) })
    )
  )
  return Socket.make({
    reader: socket.reader,
    writer: Effect.map(socket.writer, ({ write, writeAll }) => ({
      write: (chunk) => Effect.suspend(() => connection.writable ? write(chunk) : closed),
      writeAll: (chunks) => Effect.suspend(() => connection.writable ? writeAll(chunks) : closed)
    }))
  })
}

/** The socket server, with so many connections at most; one more is closed at once. */
export const connections = (server: SocketServer.SocketServer["Service"], limits: Limits): Connections => {
  const open = new Set<Net.Socket>()
  return {
    open,
    server: SocketServer.SocketServer.of({
      ...server,
      run: (handler) =>
        server.run((socket) =>
          Effect.flatMap(Effect.serviceOption(NodeSocket.NetSocket), (found) => {
            if (Option.isNone(found)) return Effect.asVoid(handler(socket))
            const connection = found.value
            if (open.size >= limits.maxConnections) return Effect.asVoid(Effect.sync(() => connection.destroy()))
            open.add(connection)
            // Every answer that waits for a slow reader listens, of which there may be `maxConcurrent`.
            connection.setMaxListeners(0)
            connection.once("close", () => open.delete(connection))
            // How a connection ends is the matter of its other side, and no news for the application's log.
            return Effect.ignoreCause(handler(whileOpen(socket, connection)), {
              log: "Debug",
              message: "A control connection has ended"
            })
          })
        )
    })
  }
}
