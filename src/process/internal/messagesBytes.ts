/**
 * Bytes that cross in the binary type of a format that has one, and as Base64 in JSON.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as SchemaIssue from "effect/SchemaIssue"

class WireBytes extends Uint8Array<ArrayBufferLike> {
  toJSON(): string {
    return Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString("base64")
  }
}

/** The same bytes, not a copy. MessagePack sees bytes, and `JSON.stringify` asks for what JSON can carry. */
export const wireBytes = (bytes: Uint8Array): Uint8Array =>
  new WireBytes(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const issue = (message: string) => Effect.fail(new SchemaIssue.InvalidValue({ message }))

export const decodeBytes = (wire: unknown): Effect.Effect<Uint8Array, SchemaIssue.Issue> => {
  if (wire instanceof Uint8Array) return Effect.succeed(wire)
  if (typeof wire !== "string") return issue("has to be binary or Base64")
  return Result.match(Base64.decode(wire), {
    onSuccess: (bytes) => Effect.succeed(bytes),
    onFailure: () => issue("has to be Base64")
  })
}
