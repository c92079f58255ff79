/**
 * A value, its bytes and back, for both formats: schema first, then JSON or MessagePack. What fails is described, never
 * thrown: it is the failure of one message.
 *
 * Floor 3.
 */
import type * as MessagePack from "@msgpack/msgpack"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { MalformedReason } from "../MessagesError.ts"
import * as framing from "./framing.ts"
import { badText } from "./messagesText.ts"

export interface Wire {
  /** The frame to write, and the size of the message in it. */
  encode(value: unknown): { readonly frame: Uint8Array; readonly size: number }
  decode(body: Uint8Array): Result.Result<unknown, Failure>
  deframer(maxBytes: number): framing.Deframer
}

export interface Failure {
  readonly reason: MalformedReason
  readonly detail: string
}

/** A schema's complaint can quote the whole message. */
const maxDetail = 500

const shorten = (text: string): string => {
  const line = text.replace(/\s*\n\s*/g, " ")
  return line.length > maxDetail ? `${line.slice(0, maxDetail)}...` : line
}

const describe = (error: unknown): string => shorten(error instanceof Error ? error.message : String(error))

const utf8 = new TextDecoder("utf-8", { fatal: true })

export const json: Wire = {
  encode: (value) => {
    const text = JSON.stringify(value)
    if (text === undefined) throw new TypeError("JSON has no form for it")
    const frame = Buffer.from(`${text}\n`)
    return { frame, size: frame.length - 1 }
  },
  decode: (body) =>
    Result.flatMap(
      Result.try({
        try: () => utf8.decode(body),
        catch: (): Failure => ({ reason: "InvalidUtf8", detail: "a line is not UTF-8" })
      }),
      (text) =>
        Result.try({
          try: (): unknown => JSON.parse(text),
          catch: (error): Failure => ({ reason: "InvalidJson", detail: describe(error) })
        })
    ),
  deframer: framing.lines
}

const makeMessagePack = ({ decode, encode }: typeof MessagePack): Wire => ({
  encode: (value) => {
    const body = encode(value, { ignoreUndefined: true, useBigInt64: true })
    if (badText(body) >= 0) throw new TypeError("a string holds half a surrogate pair, which UTF-8 has no form for")
    return { frame: framing.withLength(body), size: body.length }
  },
  decode: (body) => {
    const at = badText(body)
    if (at >= 0) return Result.fail({ reason: "InvalidUtf8", detail: `the string at byte ${at} is not UTF-8` })
    // A container cannot have more elements than the body has bytes: a claim that it has makes no room for them.
    const limit = body.length
    return Result.try({
      try: (): unknown => decode(body, { maxArrayLength: limit, maxMapLength: limit }),
      catch: (error): Failure => ({ reason: "InvalidMessagePack", detail: describe(error) })
    })
  },
  deframer: framing.lengths
})

/** Loaded when the first channel that needs it opens: those in JSON do not wait for it. */
const messagePack: Effect.Effect<Wire> = Effect.map(
  Effect.promise(() => import("@msgpack/msgpack")),
  makeMessagePack
)

export const wire = (format: "json" | "msgpack"): Effect.Effect<Wire> =>
  format === "json" ? Effect.succeed(json) : messagePack

/** The failure of a cause in words, a defect of the schema's own code included. */
export const describeCause = (cause: Cause.Cause<unknown>): string => describe(Cause.squash(cause))

export const decoder = <A>(
  wire: Wire,
  schema: Schema.ConstraintCodec<A, unknown, never, never>
): (body: Uint8Array) => Effect.Effect<A, Failure> => {
  const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(schema))
  return (body) =>
    Result.match(wire.decode(body), {
      onFailure: (failure) => Effect.fail(failure),
      onSuccess: (value) =>
        Effect.catchCause(Effect.suspend(() => decode(value)), (cause) =>
          Cause.hasInterrupts(cause)
            ? Effect.interrupt
            : Effect.fail<Failure>({ reason: "SchemaMismatch", detail: describeCause(cause) }))
    })
}

export const encoder = <A>(
  wire: Wire,
  schema: Schema.ConstraintCodec<A, unknown, never, never>,
  maxBytes: number
): (value: A) => Effect.Effect<{ readonly frame: Uint8Array; readonly size: number }, string> => {
  const encode = Schema.encodeUnknownEffect(Schema.toCodecJson(schema))
  return (value) =>
    Effect.suspend(() => encode(value)).pipe(
      Effect.mapError(describe),
      Effect.flatMap((encoded) => Effect.try({ try: () => wire.encode(encoded), catch: describe })),
      Effect.filterOrFail(
        ({ size }) => size <= maxBytes,
        ({ size }) => `it has ${size} bytes, and the channel's maxMessageBytes is ${maxBytes}`
      )
    )
}
