/**
 * Typed messages between a supervisor and a process, both ways, over a descriptor of their own: never mixed with what
 * the process prints.
 *
 * **Wire format**
 *
 * The process finds the descriptor's number in the environment variable `EFFECT_SUPERVISOR_MESSAGES_FD` (3) and the
 * format in `EFFECT_SUPERVISOR_MESSAGES_FORMAT`. It reads and writes the same descriptor, a socket pair.
 *
 * - `json`: one JSON value a line, in UTF-8, each line ended by a line feed. A carriage return before it and blank lines
 *   are tolerated.
 * - `msgpack`: four bytes with the length of the body, big-endian, and the body: one MessagePack value.
 *
 * In both, the value is the schema's canonical JSON form (`Schema.toCodecJson`): a `Date` is a string in ISO 8601, a
 * `bigint` a string of digits, `undefined` is null, `NaN` and the infinities are their names, a `Uint8Array` is Base64.
 * Only `Messages.Bytes` differs: it crosses as the binary type of MessagePack, and in JSON as Base64.
 *
 * A process in Node uses `MessagesChild`; without Effect, a few lines do in format "json":
 *
 * ```js
 * import { Socket } from "node:net"
 * import { createInterface } from "node:readline"
 *
 * const socket = new Socket({ fd: Number(process.env.EFFECT_SUPERVISOR_MESSAGES_FD) })
 * const send = (message) => socket.write(JSON.stringify(message) + "\n")
 * createInterface({ input: socket }).on("line", (line) => send({ echo: JSON.parse(line) }))
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { PlatformError } from "effect/PlatformError"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import * as validate from "../internal/validate.ts"
import { decodeBytes, wireBytes } from "./internal/messagesBytes.ts"
import { openConnection, withoutProblems } from "./internal/messagesConnection.ts"
import type {
  ConnectionBroken,
  ConnectionClosed,
  MalformedMessage,
  MessageNotEncodable,
  MessagesLost,
  SendTimeout
} from "./MessagesError.ts"

/**
 * A schema of which both programs can make and read values without services.
 *
 * @category models
 * @since 0.1.0
 */
export type MessageSchema<A> = Schema.ConstraintCodec<A, unknown, never, never>

/**
 * How the messages are written: as lines of JSON, which every language and a shell can do, or in MessagePack, which is
 * smaller and carries bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type Format = "json" | "msgpack"

/**
 * How a channel behaves. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChannelOptions {
  /** How messages are written. Default: "json". */
  readonly format?: Format | undefined
  /**
   * How large a message may be, in bytes as it is written. A larger one is not sent, and one that comes is skipped and
   * becomes a `MalformedMessage`. It also bounds each buffer. Default: 16 MiB (16 777 216).
   */
  readonly maxMessageBytes?: number | undefined
  /**
   * How many messages wait for each listener, and how many to be written, as long as they are not more than
   * `maxMessageBytes` together. Default: 64.
   */
  readonly buffer?: number | undefined
  /**
   * What happens when a listener's buffer is full. "suspend": reading stops, the pipe fills, and the process waits
   * when it writes. "drop-oldest": the oldest go, and a `MessagesLost` says how many. Default: "suspend".
   */
  readonly overflow?: "suspend" | "drop-oldest" | undefined
  /** How long `send` waits for room when the process does not read. Default: "infinity". */
  readonly sendTimeout?: Duration.Input | "infinity" | undefined
  /**
   * How long the end of the connection's scope waits until what was accepted by `send` is written. Default: "1 second".
   */
  readonly flushTimeout?: Duration.Input | undefined
}

/**
 * What a channel does where nothing is said.
 *
 * @category options
 * @since 0.1.0
 */
export const defaults: {
  readonly format: Format
  readonly maxMessageBytes: number
  readonly buffer: number
  readonly overflow: "suspend" | "drop-oldest"
  readonly sendTimeout: "infinity"
  readonly flushTimeout: Duration.Input
} = {
  format: "json",
  maxMessageBytes: 16 * 1024 * 1024,
  buffer: 64,
  overflow: "suspend",
  sendTimeout: "infinity",
  flushTimeout: "1 second"
}

/**
 * What a supervisor and a process say to each other: a description that both programs can share.
 *
 * @category models
 * @since 0.1.0
 */
export interface Channel<In, Out> {
  /** What the supervisor receives. */
  readonly incoming: MessageSchema<In>
  /** What the supervisor sends. */
  readonly outgoing: MessageSchema<Out>
  readonly format: Format
  readonly maxMessageBytes: number
  readonly buffer: number
  readonly overflow: "suspend" | "drop-oldest"
  readonly sendTimeoutMillis: number
  readonly flushTimeoutMillis: number
}

/**
 * Describes a channel. Nothing runs.
 *
 * **Details**
 *
 * The schemas are used in their canonical JSON form, so that dates, bigints, options and classes cross. Throws
 * `InvalidOption` when an option makes no sense.
 *
 * **Example** (A channel that a parent and a Node child share)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Messages } from "effect-supervisor/process"
 *
 * const channel = Messages.channel({
 *   incoming: Schema.Struct({ done: Schema.Int, at: Schema.Date }),
 *   outgoing: Schema.Struct({ work: Schema.String })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const channel = <In, Out>(
  options: ChannelOptions & {
    /** What the supervisor receives. */
    readonly incoming: MessageSchema<In>
    /** What the supervisor sends. */
    readonly outgoing: MessageSchema<Out>
  }
): Channel<In, Out> => {
  const subject = "Messages.channel"
  return {
    incoming: options.incoming,
    outgoing: options.outgoing,
    format: validate.oneOf(subject, "format", options.format ?? defaults.format, ["json", "msgpack"]),
    maxMessageBytes: validate.count(subject, "maxMessageBytes", options.maxMessageBytes ?? defaults.maxMessageBytes),
    buffer: validate.count(subject, "buffer", options.buffer ?? defaults.buffer),
    overflow: validate.oneOf(subject, "overflow", options.overflow ?? defaults.overflow, ["suspend", "drop-oldest"]),
    sendTimeoutMillis: validate.millis(subject, "sendTimeout", options.sendTimeout ?? defaults.sendTimeout),
    flushTimeoutMillis: validate.millis(subject, "flushTimeout", options.flushTimeout ?? defaults.flushTimeout)
  }
}

/**
 * The same channel as the process sees it: it sends what the supervisor receives.
 *
 * @category combinators
 * @since 0.1.0
 */
export const flip = <In, Out>(channel: Channel<In, Out>): Channel<Out, In> => ({
  ...channel,
  incoming: channel.outgoing,
  outgoing: channel.incoming
})

/**
 * A `Uint8Array` that crosses as bytes in MessagePack, where `Schema.Uint8Array` would cross as Base64; in JSON both are
 * Base64.
 *
 * **Gotchas**
 *
 * What is read from MessagePack is a view of the message it came in. Copy it to keep a small part of a large one.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Bytes: Schema.Uint8Array = Schema.Uint8Array.annotate({
  toCodecJson: () =>
    Schema.link<Uint8Array>()(Schema.Any, {
      decode: SchemaGetter.transformEffect(decodeBytes),
      encode: SchemaGetter.transform(wireBytes)
    })
})

/**
 * What can be wrong with a message that came, with those before it, or with the end of all.
 *
 * @category models
 * @since 0.1.0
 */
export type Problem = MalformedMessage | MessagesLost | ConnectionBroken

/**
 * Why a message was not sent.
 *
 * @category models
 * @since 0.1.0
 */
export type SendError = MessageNotEncodable | ConnectionClosed | SendTimeout

/**
 * The two directions of a descriptor, as `ChildProcessHandle.getOutputFd` and `getInputFd` give them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transport {
  readonly bytes: Stream.Stream<Uint8Array, PlatformError>
  readonly sink: Sink.Sink<void, Uint8Array, never, PlatformError>
  /** How errors name the other side. Default: "the process". */
  readonly command?: string | undefined
}

/**
 * An open line to a process, or from a process to its supervisor.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection<out In, in Out> {
  /**
   * Sends one message. Succeeds when it has a place in the buffer from which it is written, and waits for that place
   * when the process reads slowly. That the process has read it, only an answer can tell.
   */
  readonly send: (message: Out) => Effect.Effect<void, SendError>
  /**
   * Says that nothing more will be sent: the other side reads to the end of what was, and can go on sending itself.
   * `send` fails with `ConnectionClosed` from then on.
   */
  readonly end: Effect.Effect<void>
  /**
   * The messages that came, in order. What is wrong with one is logged as a warning, and the next follows.
   *
   * What came before anyone listened is there for the first who does; one who listens later gets what comes from then
   * on. Several who listen at once each get every message, at the pace of the slowest (`overflow` says otherwise). The
   * stream ends when the process does, also for those who come after that.
   */
  readonly messages: Stream.Stream<In>
  /** As `messages`, but what is wrong with one is an item of its own. */
  readonly results: Stream.Stream<Result.Result<In, Problem>>
  /** Waits until no more messages come, because the process has ended or the scope of the connection has closed. */
  readonly closed: Effect.Effect<void>
}

/**
 * A channel, whatever is said on it.
 *
 * @category models
 * @since 0.1.0
 */
export type Any = Channel<unknown, unknown>

/**
 * A channel together with what the supervisor says and does on it: see `conversation`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Conversation<out R = never> {
  readonly channel: Any
  /** For a connection that was opened with `channel`. */
  readonly talk: (connection: Connection<unknown, never>) => Effect.Effect<unknown, unknown, R>
}

/**
 * Binds what the supervisor says and does on a channel to that channel, so that both can be handed on together without
 * their types.
 *
 * **Example** (Log what a worker reports, after telling it what to do)
 *
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import { Messages } from "effect-supervisor/process"
 *
 * const channel = Messages.channel({ incoming: Schema.String, outgoing: Schema.Finite })
 * const conversation = Messages.conversation(channel, (worker) =>
 *   Effect.andThen(worker.send(42), Stream.runForEach(worker.messages, Effect.log)))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const conversation = <In, Out, E, R>(
  channel: Channel<In, Out>,
  talk: (connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>
): Conversation<R> => ({
  channel,
  // It is opened with this channel, so these are its types.
  talk: (connection) => talk(connection as Connection<unknown, never> as Connection<In, Out>)
})

/**
 * Opens a channel on a descriptor, until the scope closes. A job with messages does it for you.
 *
 * **Details**
 *
 * The connection is over when the process ends or closes the descriptor: then `send` fails with `ConnectionClosed`, and
 * what came before can still be read. When the scope closes, what `send` has accepted is written first, for at most
 * `flushTimeout`.
 *
 * **Gotchas**
 *
 * With `overflow: "suspend"`, a process whose messages nobody reads is stopped by its pipe in the end. Read them, or
 * say "drop-oldest".
 *
 * **Example** (On a process of effect/process)
 *
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import { ChildProcess } from "effect/process"
 * import { Messages } from "effect-supervisor/process"
 *
 * const channel = Messages.channel({ incoming: Schema.String, outgoing: Schema.Finite })
 *
 * const main = Effect.gen(function*() {
 *   const handle = yield* ChildProcess.make("python3", ["child.py"], {
 *     additionalFds: { fd3: { type: "duplex" } },
 *     env: { EFFECT_SUPERVISOR_MESSAGES_FD: "3", EFFECT_SUPERVISOR_MESSAGES_FORMAT: channel.format },
 *     extendEnv: true
 *   })
 *   const connection = yield* Messages.open(channel, {
 *     bytes: handle.getOutputFd(3),
 *     sink: handle.getInputFd(3),
 *     command: "python3 child.py"
 *   })
 *   yield* connection.send(42)
 *   yield* Stream.runForEach(connection.messages, Effect.log)
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const open: <In, Out>(
  channel: Channel<In, Out>,
  transport: Transport
) => Effect.Effect<Connection<In, Out>, never, Scope.Scope> = openConnection

/**
 * Only the good ones of `Connection.results`, with an Effect for what is wrong.
 *
 * **Example** (Count what is malformed)
 *
 * ```ts
 * import { Effect, Metric } from "effect"
 * import { Messages } from "effect-supervisor/process"
 *
 * const malformed = Metric.counter("malformed_messages")
 * const counted = (connection: Messages.Connection<string, never>) =>
 *   Messages.handleProblems(connection.results, (problem) =>
 *     problem._tag === "MalformedMessage" ? Metric.update(malformed, 1) : Effect.logError(problem))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const handleProblems: {
  /** Only the good ones of `Connection.results`, with an Effect for what is wrong. */
  <P, X, EX, RX>(
    handle: (problem: P) => Effect.Effect<X, EX, RX>
  ): <A, E, R>(results: Stream.Stream<Result.Result<A, P>, E, R>) => Stream.Stream<A, E | EX, R | RX>
  /** Only the good ones of `Connection.results`, with an Effect for what is wrong. */
  <A, P, E, R, X, EX, RX>(
    results: Stream.Stream<Result.Result<A, P>, E, R>,
    handle: (problem: P) => Effect.Effect<X, EX, RX>
  ): Stream.Stream<A, E | EX, R | RX>
} = dual(2, withoutProblems)
