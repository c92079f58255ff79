/**
 * The HTTP server itself: on this machine only, with bounds on what a connection may do before it has asked for anything.
 *
 * Floor 4.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import type * as HttpServer from "effect/http/HttpServer"
import type { Scope } from "effect/Scope"
import { createRequire } from "node:module"
import type * as Http from "node:http"
import type * as Net from "node:net"
import { PortUnavailable } from "../../ControlError.ts"

// Imported as a module of its own kind it loads a client for WebSockets as well.
const http: typeof Http = createRequire(import.meta.url)("node:http")

/** With defaults filled in. */
export interface ListenOptions {
  readonly port: number
  readonly maxConnections: number
  readonly requestMillis: number
}

export interface Listening {
  readonly server: HttpServer.HttpServer["Service"]
  readonly port: number
  /** Those who are connected. */
  readonly open: ReadonlySet<Net.Socket>
  /** Takes nobody any more. */
  readonly close: Effect.Effect<void>
}

/** The only address: whoever is to reach it from elsewhere comes through something that answers for them. */
export const host = "127.0.0.1"

const maxHeaderSize = 16 * 1024
const maxRequests = 100

const make = ({ maxConnections, requestMillis }: ListenOptions): Http.Server => {
  const server = http.createServer({
    maxHeaderSize,
    // Of the headers as well.
    requestTimeout: requestMillis,
    // How often it looks for those who are late, also while there are none.
    connectionsCheckingInterval: Math.min(5000, requestMillis),
    keepAliveTimeout: 5000,
    insecureHTTPParser: false
  })
  server.maxConnections = maxConnections
  // Requests are read before those ahead of them are answered: so many of one connection, and no more.
  server.maxRequestsPerSocket = maxRequests
  server.on("dropRequest", (_request, socket) => socket.destroy())
  return server
}

/** Listens, until the scope is closed. */
export const listen: (options: ListenOptions) => Effect.Effect<Listening, PortUnavailable, Scope> = Effect.fnUntraced(
  function*(options: ListenOptions) {
    const nodeServer = make(options)
    const open = new Set<Net.Socket>()
    nodeServer.on("connection", (socket: Net.Socket) => {
      open.add(socket)
      socket.once("close", () => open.delete(socket))
    })
    const server = yield* Effect.mapError(
      NodeHttpServer.make(() => nodeServer, {
        host,
        port: options.port,
        exclusive: true,
        // Whoever serves says farewell before.
        disablePreemptiveShutdown: true
      }),
      ({ cause }) => new PortUnavailable({ port: options.port, detail: (cause as Error).message })
    )
    return {
      server,
      port: (nodeServer.address() as Net.AddressInfo).port,
      open,
      close: Effect.sync(() => nodeServer.close())
    }
  }
)
