/**
 * One open connection: a fiber that reads, a fiber that writes, and a bounded buffer for each.
 *
 * Floor 3.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Channel, Connection, Problem, SendError, Transport } from "../Messages.ts"
import {
  ConnectionBroken,
  ConnectionClosed,
  MalformedMessage,
  type MalformedReason,
  MessageNotEncodable,
  MessagesLost,
  SendTimeout
} from "../MessagesError.ts"
import type { Frame } from "./framing.ts"
import { type Limits, MessagesBuffer } from "./messagesBuffer.ts"
import * as codec from "./messagesCodec.ts"
import { MessagesHub } from "./messagesHub.ts"

/** Small frames are joined up to this many bytes, because each write is a call of the system. */
const writeBytes = 64 * 1024

const headBytes = 120

/** Reading: from bytes to the hub. */
const receiver = <In, Out>(channel: Channel<In, Out>, transport: Transport, wire: codec.Wire, command: string) => {
  const lost = (count: number): Result.Result<In, Problem> => Result.fail(new MessagesLost({ command, lost: count }))
  const limits: Limits = { capacity: channel.buffer, maxBytes: channel.maxMessageBytes, overflow: channel.overflow }
  const hub = new MessagesHub<Result.Result<In, Problem>>(limits, lost)
  const deframer = wire.deframer(channel.maxMessageBytes)
  const decode = codec.decoder(wire, channel.incoming)

  const malformed = (reason: MalformedReason, detail: string, head: Uint8Array, size: number | undefined) =>
    Result.fail(
      new MalformedMessage({
        command,
        reason,
        detail,
        head: Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, headBytes)).toString(),
        size
      })
    )

  const read = (frame: Frame): Effect.Effect<Result.Result<In, Problem>> => {
    switch (frame._tag) {
      case "Body":
        return Effect.match(decode(frame.bytes), {
          onSuccess: (value) => Result.succeed(value),
          onFailure: ({ detail, reason }) => malformed(reason, detail, frame.bytes, frame.bytes.length)
        })
      case "TooLarge": {
        const size = frame.size === undefined ? "it" : `it has ${frame.size} bytes and`
        const detail = `${size} is larger than the maxMessageBytes of ${channel.maxMessageBytes}`
        return Effect.succeed(malformed("TooLarge", detail, frame.head, frame.size))
      }
      case "Truncated":
        return Effect.succeed(malformed("Truncated", `it ended after ${frame.size} bytes`, frame.head, frame.size))
    }
  }

  /** Frames that are known and not yet handed over. */
  let waiting = 0

  const receive = Effect.fnUntraced(function*(frames: ReadonlyArray<Frame>) {
    waiting = frames.length
    for (const frame of frames) {
      yield* hub.offer(yield* read(frame), frame._tag === "Body" ? frame.bytes.length : 0)
      waiting--
    }
  })

  const run = Stream.runForEachArray(
    transport.bytes,
    Effect.forEach((piece) => receive(deframer.push(piece)), { discard: true })
  ).pipe(
    Effect.matchCause({ onSuccess: () => undefined, onFailure: codec.describeCause }),
    Effect.tap(() => receive(deframer.end())),
    // A failed write takes what is unread along, and so does a process that ends with something unread.
    Effect.flatMap((detail) =>
      detail === undefined ? Effect.void : hub.offer(Result.fail(new ConnectionBroken({ command, detail })), 0)
    ),
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        const lost = waiting + deframer.end().length
        if (lost > 0) hub.lose(lost)
      })
    )
  )
  return { hub, run }
}

/** Only the good ones; the others are for `handle`. */
export const withoutProblems = <A, P, E, R, X, EX, RX>(
  results: Stream.Stream<Result.Result<A, P>, E, R>,
  handle: (problem: P) => Effect.Effect<X, EX, RX>
): Stream.Stream<A, E | EX, R | RX> =>
  Stream.filterMapEffect(
    results,
    (result) => Result.isSuccess(result) ? Effect.succeed(result) : Effect.as(handle(result.failure), result)
  )

const ended = "it has ended or closed its side of the channel"

/** For the one who opened it. */
export interface OpenConnection<out In, in Out> extends Connection<In, Out> {
  /** Ends when nobody listens, who may still be busy with what it heard. */
  readonly heard: Effect.Effect<void>
}

/** What `Messages.open` does. */
export const openConnection: <In, Out>(
  channel: Channel<In, Out>,
  transport: Transport
) => Effect.Effect<OpenConnection<In, Out>, never, Scope.Scope> = Effect.fnUntraced(function*<In, Out>(
  channel: Channel<In, Out>,
  transport: Transport
) {
  const command = transport.command ?? "the process"
  const scope = yield* Effect.scope
  const wire = yield* codec.wire(channel.format)
  const { hub, run } = receiver(channel, transport, wire, command)
  const encode = codec.encoder(wire, channel.outgoing, channel.maxMessageBytes)
  const outbox = new MessagesBuffer<Uint8Array>(
    { capacity: channel.buffer, maxBytes: channel.maxMessageBytes, overflow: "suspend" },
    () => new Uint8Array(0)
  )
  const closed = Deferred.makeUnsafe<void>()
  let closedBy: string | undefined = undefined

  const close = (detail: string): void => {
    closedBy ??= detail
    outbox.end()
  }
  const end = Effect.sync(() => {
    close(ended)
    hub.end()
    Deferred.doneUnsafe(closed, Effect.void)
  })

  yield* Scope.addFinalizer(scope, end)
  yield* Effect.forkIn(Effect.ensuring(run, end), scope)
  const writer = yield* Stream.fromPull(
    Effect.succeed(
      Effect.map(outbox.takeUpTo(writeBytes), (all) => [all.length === 1 ? all[0] : Buffer.concat(all)] as const)
    )
  ).pipe(
    Stream.run(transport.sink),
    Effect.exit,
    Effect.ensuring(Effect.sync(() => close(ended))),
    Effect.forkIn(scope)
  )
  // Before the two are interrupted: what was accepted is written, if somebody reads it.
  yield* Scope.addFinalizer(
    scope,
    Effect.suspend(() => {
      close("its connection was closed on this side")
      return Effect.timeoutOption(Effect.interruptible(Fiber.await(writer)), channel.flushTimeoutMillis)
    })
  )

  const closedError = () => new ConnectionClosed({ command, detail: closedBy ?? ended })
  const enqueue = (frame: Uint8Array): Effect.Effect<void, SendError> => {
    const offered = Effect.flatMap(
      outbox.offer(frame, frame.length),
      (accepted) => accepted ? Effect.void : Effect.fail(closedError())
    )
    const timeoutMillis = channel.sendTimeoutMillis
    return timeoutMillis === Number.POSITIVE_INFINITY
      ? offered
      : Effect.timeoutOrElse(offered, {
        duration: timeoutMillis,
        orElse: () => Effect.fail(new SendTimeout({ command, timeoutMillis }))
      })
  }
  const send = (message: Out): Effect.Effect<void, SendError> =>
    Effect.suspend(() =>
      closedBy !== undefined
        ? Effect.fail(closedError())
        : Effect.matchEffect(encode(message), {
          onFailure: (detail) => Effect.fail(new MessageNotEncodable({ command, detail })),
          onSuccess: ({ frame }) => enqueue(frame)
        })
    )

  return {
    send,
    end: Effect.sync(() => close("its connection was ended on this side")),
    heard: hub.heard,
    results: hub.stream,
    messages: withoutProblems(hub.stream, ({ message }) => Effect.logWarning(message)),
    closed: Deferred.await(closed)
  }
})
