/**
 * Everything that can go wrong with messages to and from a process, each naming the command and saying what to do.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { Tagged } from "../internal/tagged.ts"

/**
 * Why a message could not be read.
 *
 * **Details**
 *
 * - `InvalidUtf8`: it holds text that is not UTF-8.
 * - `InvalidJson`, `InvalidMessagePack`: it is not of the channel's format.
 * - `SchemaMismatch`: it is, but not what the channel's schema describes.
 * - `TooLarge`: it is larger than the channel's `maxMessageBytes`, and was skipped.
 * - `Truncated`: the process ended in the middle of it.
 *
 * @category models
 * @since 0.1.0
 */
export type MalformedReason =
  | "InvalidUtf8"
  | "InvalidJson"
  | "InvalidMessagePack"
  | "SchemaMismatch"
  | "TooLarge"
  | "Truncated"

const hints: { readonly [Reason in MalformedReason]: string } = {
  InvalidUtf8: "Text has to be UTF-8.",
  InvalidJson: "Has to be one JSON value a line.",
  InvalidMessagePack: "Has to be one MessagePack value after four bytes with its length, big-endian.",
  SchemaMismatch: "Both programs have to use the same channel.",
  TooLarge: "Send less at once, or raise the channel's maxMessageBytes.",
  Truncated: "The writer has to finish a message, in JSON with a line feed, before it ends."
}

const MalformedMessageBase: Tagged<"MalformedMessage", {
  readonly command: string
  readonly reason: MalformedReason
  /** What exactly is wrong, in words. */
  readonly detail: string
  /** How it begins: at most 120 bytes, as text. */
  readonly head: string
  /** Its size in bytes, as far as it is known. */
  readonly size: number | undefined
}> = Data.TaggedError("MalformedMessage")

/**
 * A process sent something that is not a message of its channel. An item of `Connection.results`: the messages before
 * and after it are not concerned.
 *
 * @category errors
 * @since 0.1.0
 */
export class MalformedMessage extends MalformedMessageBase {
  override get message(): string {
    const head = this.head === "" ? "" : ` It begins with ${JSON.stringify(this.head)}.`
    return `${this.command} sent a malformed message (${this.reason}): ${this.detail}.${head} ${hints[this.reason]}`
  }
}

const MessagesLostBase: Tagged<"MessagesLost", {
  readonly command: string
  readonly lost: number
}> = Data.TaggedError("MessagesLost")

/**
 * Some messages were dropped at this place. An item of `Connection.results`.
 *
 * **Details**
 *
 * With `overflow: "drop-oldest"`, when the buffer was full. With the default, "suspend", only when the connection was
 * closed while messages waited for room in a buffer that nobody read; then `lost` is how many are known, and there may
 * have been more in the pipe.
 *
 * @category errors
 * @since 0.1.0
 */
export class MessagesLost extends MessagesLostBase {
  override get message(): string {
    return `${this.lost} messages of ${this.command} were lost because nobody read them in time. Read faster, or raise the channel's buffer.`
  }
}

const ConnectionBrokenBase: Tagged<"ConnectionBroken", {
  readonly command: string
  readonly detail: string
}> = Data.TaggedError("ConnectionBroken")

/**
 * The line to a process did not end, it broke, so that what the process sent last may be missing. The last item of
 * `Connection.results` then.
 *
 * **Details**
 *
 * The system does it when a process ends without having read what was sent to it. Nothing is missing when the process
 * reads until it is told to end, or when its messages are read as fast as they come.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionBroken extends ConnectionBrokenBase {
  override get message(): string {
    return `The line to ${this.command} broke (${this.detail}), so what it sent last may be missing. Let it read what is sent to it before it ends.`
  }
}

const MessageNotEncodableBase: Tagged<"MessageNotEncodable", {
  readonly command: string
  readonly detail: string
}> = Data.TaggedError("MessageNotEncodable")

/**
 * A value cannot be sent: the channel's schema refuses it, its format cannot carry it, or it is too large. `send` fails
 * with it, and nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class MessageNotEncodable extends MessageNotEncodableBase {
  override get message(): string {
    return `A message to ${this.command} was not sent: ${this.detail}. Send what the channel's schema describes.`
  }
}

const ConnectionClosedBase: Tagged<"ConnectionClosed", {
  readonly command: string
  readonly detail: string
}> = Data.TaggedError("ConnectionClosed")

/**
 * Nobody is there to receive: the process has ended or closed its side, or the connection's scope has closed. `send`
 * fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionClosed extends ConnectionClosedBase {
  override get message(): string {
    return `A message to ${this.command} was not sent: ${this.detail}. Send again when it runs again.`
  }
}

const SendTimeoutBase: Tagged<"SendTimeout", {
  readonly command: string
  readonly timeoutMillis: number
}> = Data.TaggedError("SendTimeout")

/**
 * The process does not read: there was no room for the message within the channel's `sendTimeout`. `send` fails with it,
 * and the message was not sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class SendTimeout extends SendTimeoutBase {
  override get message(): string {
    return `A message to ${this.command} found no room for ${this.timeoutMillis} ms, because ${this.command} does not read its messages. Send less, or raise the channel's sendTimeout.`
  }
}

const NotSupervisedBase: Tagged<"NotSupervised", {
  readonly detail: string
}> = Data.TaggedError("NotSupervised")

/**
 * This program was not started with a channel, so there is nobody to talk to. `MessagesChild.connect` fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotSupervised extends NotSupervisedBase {
  override get message(): string {
    return `There is no supervisor to exchange messages with: ${this.detail}. Start this program as a job with messages.`
  }
}

const FormatMismatchBase: Tagged<"FormatMismatch", {
  readonly expected: string
  readonly actual: string
}> = Data.TaggedError("FormatMismatch")

/**
 * The supervisor speaks another format than this program's channel. `MessagesChild.connect` fails with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class FormatMismatch extends FormatMismatchBase {
  override get message(): string {
    return `The supervisor speaks ${this.actual}, but this program's channel is ${this.expected}. Use the same channel in both.`
  }
}
