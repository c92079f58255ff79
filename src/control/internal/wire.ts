/**
 * How schemas become what a remote call is described with: each a declaration of a type, with a JSON form of its own.
 *
 * What a supervisor says is plain data by design, so that it is sent as it is: encoding it by a schema would only check
 * what the compiler has checked, at many times the price, on the event loop that the tree runs on. What comes in is
 * decoded strictly, on either side.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaParser from "effect/SchemaParser"

/** A schema of `T` that can be named without inferring it. */
export type Wire<T> = Schema.declare<T>

type Equals<A, B> = (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true : false

/** That a schema describes exactly this type: no field more, none less, none of another type. */
export type Exactly<T, S> = Equals<S, T> extends true ? unknown : { readonly "this schema describes another type": S }

/** All that could be data. */
const any = <T>(value: unknown): value is T => typeof value !== "function"

/** What is JSON already. `Schema.Unknown` would look at every value in it to see. */
const Json: Wire<unknown> = Schema.declare<unknown>(any<unknown>, { toCodecJson: () => undefined })

/** Sent as it is, decoded by the schema. For plain data. */
export const plain = <T>() => <A>(schema: Schema.Codec<A, unknown> & Exactly<T, A>): Wire<T> => {
  const decode = SchemaParser.decodeUnknownEffect(Schema.toCodecJson(schema as unknown as Schema.Codec<T, unknown>))
  return Schema.declare<T>(any<T>, {
    toCodecJson: () =>
      Schema.link<T>()(Json, {
        decode: SchemaGetter.transformEffect((u: unknown) => decode(u)),
        encode: SchemaGetter.passthrough<unknown, T>({ strict: false })
      })
  })
}

/** Encoded and decoded by the schema. For what holds instances of classes. */
export const coded = <T>() => <A>(schema: Schema.Codec<A, unknown> & Exactly<T, A>): Wire<T> => {
  const codec = Schema.toCodecJson(schema as unknown as Schema.Codec<T, unknown>)
  const decode = SchemaParser.decodeUnknownEffect(codec)
  const encode = SchemaParser.encodeUnknownEffect(codec)
  return Schema.declare<T>(any<T>, {
    toCodecJson: () =>
      Schema.link<T>()(Json, {
        decode: SchemaGetter.transformEffect((u: unknown) => decode(u)),
        encode: SchemaGetter.transformEffect((t: T) => encode(t))
      })
  })
}

/** A field that is always there and may be `undefined`, which JSON says by leaving it out. */
export const orUndefined = <T, E>(schema: Schema.Codec<T, E>): Schema.Codec<T | undefined, E | undefined> => {
  const known = schema as Schema.Codec<T, E> & Schema.Top
  return Schema.optionalKey(known).pipe(
    Schema.decodeTo(Schema.UndefinedOr(Schema.toType(known)), {
      decode: SchemaGetter.withDefault(Effect.void) as never,
      encode: SchemaGetter.transformOptional(Option.filter((value) => value !== undefined)) as never
    })
  ) as unknown as Schema.Codec<T | undefined, E | undefined>
}

/** A tagged error that arrives as an instance of its class, so with its message. */
export const errorOf = <
  const Tag extends string,
  const Fields extends Schema.Struct.Fields,
  Error extends { readonly _tag: Tag }
>(
  tag: Tag,
  is: (u: unknown) => u is Error,
  fields: Fields,
  make: (fields: Schema.Struct.Type<Fields>) => Error
): Wire<Error> => {
  const Encoded = Schema.TaggedStruct(tag, fields) as unknown as Schema.Codec<Record<string, unknown>>
  return Schema.declare<Error>(is, {
    toCodecJson: () =>
      Schema.link<Error>()(Encoded, {
        decode: SchemaGetter.transform(({ _tag, ...rest }) => make(rest as Schema.Struct.Type<Fields>)),
        encode: SchemaGetter.transform((error: Error) => {
          const all = error as Error & Record<string, unknown>
          const picked: Record<string, unknown> = { _tag: tag }
          for (const field of Object.keys(fields)) picked[field] = all[field]
          return picked
        })
      })
  })
}
