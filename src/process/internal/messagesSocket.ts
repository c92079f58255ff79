/**
 * The two directions of an inherited descriptor, for a child: effect/process serves parents only, and the adapters of
 * the platform package would cost a child more than all of this.
 *
 * Floor 3.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Socket } from "node:net"
import type { Transport } from "../Messages.ts"

/** Waits for one of these events. Its listeners are gone afterwards. */
const once = (socket: Socket, ...events: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const off = () => {
      for (const event of events) socket.off(event, happened)
    }
    const happened = () => {
      off()
      resume(Effect.void)
    }
    for (const event of events) socket.on(event, happened)
    return Effect.sync(off)
  })

const isOver = (socket: Socket): boolean => socket.readableEnded || socket.destroyed

const pull = (socket: Socket): Effect.Effect<readonly [Uint8Array], Cause.Done> =>
  Effect.suspend(() => {
    const piece: Uint8Array | null = socket.read()
    if (piece !== null) return Effect.succeed([piece] as const)
    if (isOver(socket)) return Cause.done()
    return Effect.flatMap(once(socket, "readable", "end", "close"), () => pull(socket))
  })

const write = (socket: Socket, piece: Uint8Array): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (!socket.writable) return Effect.void
    return socket.write(piece) ? Effect.void : once(socket, "drain", "close")
  })

/** Ends when all is written, or when nobody reads any more. */
const finish = (socket: Socket): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (socket.writableFinished || socket.destroyed) return Effect.void
    const finished = once(socket, "finish", "close")
    socket.end()
    return finished
  })

export const transport = (socket: Socket): Transport => ({
  bytes: Stream.fromPull(Effect.succeed(pull(socket))),
  sink: Sink.mapEffect(Sink.forEach((piece: Uint8Array) => write(socket, piece)), () => finish(socket)),
  command: "the supervisor"
})
