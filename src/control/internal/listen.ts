/**
 * A unix socket that nobody but its owner can reach, and that takes nobody's place who still answers.
 *
 * Floor 4.
 */
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type * as SocketServer from "effect/socket/SocketServer"
import { randomBytes } from "node:crypto"
import { chmodSync, linkSync, renameSync, unlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { ListenFailed, SocketInUse, type SocketPathTooLong, type UnsafeDirectory } from "../ControlError.ts"
import { connect, open } from "./connect.ts"
import { checkLength, look, secureDirectory } from "./socketPath.ts"

export type ListenError = SocketPathTooLong | UnsafeDirectory | SocketInUse | ListenFailed

const attempt = <A>(socket: string, run: () => A): Effect.Effect<A, ListenFailed> =>
  Effect.try({ try: run, catch: (cause) => new ListenFailed({ socket, detail: (cause as Error).message }) })

/** Who answers there, as far as it says. */
const inUse = (socket: string): Effect.Effect<SocketInUse> =>
  connect(socket).pipe(
    Effect.timeout("1 second"),
    Effect.map(({ info }) => new SocketInUse({ socket, pid: info.pid, name: info.name })),
    Effect.orElseSucceed(() => new SocketInUse({ socket, pid: undefined, name: undefined })),
    Effect.scoped
  )

/** Whether somebody listens there. What cannot be told is an error: nothing is removed on a guess. */
const isAlive = (path: string): Effect.Effect<boolean, ListenFailed> =>
  Effect.scoped(open(path)).pipe(
    Effect.as(true),
    Effect.catch(({ detail, reason }) =>
      reason === "NotAnswering" || reason === "NotThere"
        ? Effect.succeed(false)
        : Effect.fail(new ListenFailed({ socket: path, detail }))
    )
  )

/**
 * Takes a socket away that nobody answers at. It is first moved to a name that nobody knows and asked again there: of
 * two who find the same stale socket, the slower one would otherwise remove what the faster one has made meanwhile.
 */
const removeStale = (socket: string): Effect.Effect<void, ListenFailed | SocketInUse> => {
  // No longer than any other name, so that it can be connected to.
  const aside = join(dirname(socket), `.${randomBytes(2).toString("hex")}`)
  return Effect.gen(function*() {
    yield* attempt(socket, () => renameSync(socket, aside))
    if (!(yield* isAlive(aside))) return yield* attempt(socket, () => unlinkSync(aside))
    yield* attempt(socket, () => {
      linkSync(aside, socket)
      unlinkSync(aside)
    })
    return yield* Effect.flatMap(inUse(socket), Effect.fail)
  })
}

const makeRoom = (socket: string): Effect.Effect<void, ListenFailed | SocketInUse> =>
  Effect.gen(function*() {
    const stats = yield* attempt(socket, () => look(socket))
    if (stats === undefined) return
    if (!stats.isSocket()) {
      return yield* new ListenFailed({ socket, detail: "there is a file that is no socket" })
    }
    if (yield* isAlive(socket)) return yield* Effect.flatMap(inUse(socket), Effect.fail)
    yield* removeStale(socket)
  })

/** Listens, until the scope is closed. */
export const listen: (
  socket: string
) => Effect.Effect<SocketServer.SocketServer["Service"], ListenError, Scope> = Effect.fnUntraced(
  function*(socket: string) {
    yield* checkLength(socket)
    yield* secureDirectory(socket)
    yield* makeRoom(socket)
    const server = yield* Effect.catch(
      NodeSocketServer.make({ path: socket, exclusive: true }),
      ({ reason }): Effect.Effect<never, ListenFailed | SocketInUse> => {
        const cause = reason.cause as NodeJS.ErrnoException
        return cause.code === "EADDRINUSE"
          ? Effect.flatMap(inUse(socket), Effect.fail)
          : Effect.fail(new ListenFailed({ socket, detail: cause.message }))
      }
    )
    yield* attempt(socket, () => chmodSync(socket, 0o600))
    return server
  }
)
