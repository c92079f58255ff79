/**
 * The other side of `Messages`, for a process in Node that was started with a channel.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Socket } from "node:net"
import { transport } from "./internal/messagesSocket.ts"
import * as Messages from "./Messages.ts"
import { FormatMismatch, NotSupervised } from "./MessagesError.ts"

const fdVariable = "EFFECT_SUPERVISOR_MESSAGES_FD"
const formatVariable = "EFFECT_SUPERVISOR_MESSAGES_FORMAT"

/** The descriptor, taken: a second taker, such as a child of this child, must not find it. */
const takeDescriptor = (expected: Messages.Format): Effect.Effect<number, NotSupervised | FormatMismatch> =>
  Effect.suspend((): Effect.Effect<number, NotSupervised | FormatMismatch> => {
    const { [fdVariable]: fd, [formatVariable]: actual = expected } = process.env
    if (fd === undefined) return Effect.fail(new NotSupervised({ detail: `${fdVariable} is not set` }))
    if (!/^\d+$/.test(fd)) {
      return Effect.fail(
        new NotSupervised({ detail: `${fdVariable} is ${JSON.stringify(fd)}, which is no descriptor` })
      )
    }
    if (actual !== expected) return Effect.fail(new FormatMismatch({ expected, actual }))
    delete process.env[fdVariable]
    delete process.env[formatVariable]
    return Effect.succeed(Number(fd))
  })

const openSocket = (fd: number): Effect.Effect<Socket, NotSupervised> =>
  Effect.try({
    try: () => {
      const socket = new Socket({ fd, readable: true, writable: true })
      // The end of the supervisor can look like an error; it is an end, and the stream says so.
      socket.on("error", () => {})
      return socket
    },
    catch: (error) => new NotSupervised({ detail: `descriptor ${fd} cannot be used (${String(error)})` })
  })

/**
 * Connects to the supervisor that started this process, until the scope closes. It sends what the channel calls
 * `incoming` and receives what it calls `outgoing`, because a channel is described as the supervisor sees it.
 *
 * **Details**
 *
 * An open connection keeps the process alive, until its scope closes or the supervisor goes away: then its streams end,
 * and a process that lives for its messages ends by itself. When the scope closes, what was sent is written first, for
 * at most the channel's `flushTimeout`.
 *
 * A process connects once. The environment variables that say where are removed from `process.env` by it, so that
 * neither a second connect nor a child of this process takes the descriptor for its own. Fails with `NotSupervised`
 * where there is no such descriptor, and with `FormatMismatch` when the supervisor speaks another format.
 *
 * **Gotchas**
 *
 * `process.exit` does not wait for what is being written. Close the scope before, as `NodeRuntime.runMain` does.
 *
 * **Example** (A worker that answers)
 *
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import * as Messages from "effect-supervisor/process/Messages"
 * import * as MessagesChild from "effect-supervisor/process/MessagesChild"
 *
 * const channel = Messages.channel({ incoming: Schema.String, outgoing: Schema.Finite })
 *
 * const main = Effect.gen(function*() {
 *   const supervisor = yield* MessagesChild.connect(channel)
 *   yield* Stream.runForEach(supervisor.messages, (n) => supervisor.send(`${n} squared is ${n * n}`))
 * })
 *
 * Effect.runFork(Effect.scoped(main))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const connect: <In, Out>(
  channel: Messages.Channel<In, Out>
) => Effect.Effect<Messages.Connection<Out, In>, NotSupervised | FormatMismatch, Scope.Scope> = Effect.fnUntraced(
  function*<In, Out>(channel: Messages.Channel<In, Out>) {
    const fd = yield* takeDescriptor(channel.format)
    const socket = yield* Effect.acquireRelease(openSocket(fd), (socket) => Effect.sync(() => socket.destroy()))
    return yield* Messages.open(Messages.flip(channel), transport(socket))
  }
)
