/**
 * The calls of the control API for those who ask by HTTP: the same handlers and schemas as behind the socket.
 *
 * Floor 4.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Rpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import type * as Stream from "effect/Stream"
import { type Calls, ControlApi } from "../../ControlApi.ts"
import { badRequest, type Refusal } from "./refusal.ts"

/** What a call fails with. */
export interface Failure {
  readonly _tag: string
  readonly message: string
}

/** The calls that answer with a stream. */
type FeedTag = "watch" | "logs.query" | "logs.follow" | "cluster.watch"

/** The calls that answer once. */
export type CallTag = Exclude<Calls["_tag"], FeedTag>

export interface Caller {
  /** From JSON to JSON. */
  readonly call: (tag: CallTag, payload: unknown) => Effect.Effect<unknown, Failure>
  readonly feed: <A>(tag: FeedTag, payload: unknown) => Effect.Effect<Stream.Stream<A, Failure>, Refusal>
}

interface Shape {
  readonly payloadSchema: Schema.Codec<unknown, unknown>
  readonly successSchema: Schema.Codec<unknown, unknown>
}

type Handler = (payload: unknown, options: object) => unknown

const codecOf = (schema: Schema.Codec<unknown, unknown>) => Schema.toCodecJson(schema)

/** Kept, since making one is more work than using it. */
const memo = <A>(make: (tag: Calls["_tag"]) => A): (tag: Calls["_tag"]) => A => {
  const made = new Map<string, A>()
  return (tag) => {
    let value = made.get(tag)
    if (value === undefined) made.set(tag, value = make(tag))
    return value
  }
}

const shapeOf = (tag: Calls["_tag"]) => ControlApi.requests.get(tag) as unknown as Shape

const decoderOf = memo((tag) => SchemaParser.decodeUnknownEffect(codecOf(shapeOf(tag).payloadSchema)))
const encoderOf = memo((tag) => SchemaParser.encodeUnknownEffect(codecOf(shapeOf(tag).successSchema)))

const decode = (tag: Calls["_tag"], payload: unknown): Effect.Effect<unknown, Refusal> =>
  Effect.mapError(
    decoderOf(tag)(payload),
    () => badRequest(`This is not what ${tag} takes: see ControlApi for what it does.`)
  )

export const caller = (handlers: Context.Context<Rpc.ToHandler<Calls>>): Caller => {
  const run = (tag: Calls["_tag"], payload: unknown): Effect.Effect<unknown> =>
    Effect.provideContext(
      Effect.map(ControlApi.accessHandler(tag), (handler) => (handler as Handler)(payload, {})),
      handlers
    )
  return {
    call: (tag, payload) =>
      Effect.gen(function*() {
        const result = yield* run(tag, yield* decode(tag, payload))
        const success = yield* result as Effect.Effect<unknown, Failure>
        return yield* Effect.orDie(encoderOf(tag)(success))
      }),
    // What comes is plain data: it goes out as it is.
    feed: <A>(tag: FeedTag, payload: unknown) =>
      Effect.flatMap(decode(tag, payload), (payload) => run(tag, payload)) as Effect.Effect<
        Stream.Stream<A, Failure>,
        Refusal
      >
  }
}
