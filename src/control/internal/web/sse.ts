/**
 * Streams for browsers: Server-Sent Events, in batches, with a sign of life while nothing happens.
 *
 * A reader who is slow is waited for with one batch in hand; what comes meanwhile collects where it is bounded.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * Floor 4.
 */
import type * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"

/** No more than 60 messages a second, in milliseconds. */
export const pace = 17

/** How often a connection shows that it is there. */
export const heartbeat = "10 seconds"

/** One message, as it goes over the wire. */
export const message = (event: string, data: unknown): string =>
  Sse.encoder.write({ _tag: "Event", event, id: undefined, data: JSON.stringify(data) })

/** After a message that took long to make it rests so many times as long, and no longer than that; in milliseconds. */
const restFactor = 9
const longestRest = 250

/** How long to rest after making something took so long. */
export const rest = (millis: number): number => Math.min(longestRest, millis * restFactor)

/**
 * One message in so many milliseconds at most: what comes meanwhile is in the next one. With `rest`, the longer they take
 * to make, the fewer there are: for those in which what comes meanwhile makes no more work, such as a snapshot, so that a
 * big tree in a storm of restarts has most of its time for itself.
 */
export const paced = <A, E>(
  stream: Stream.Stream<A, E>,
  make: (batch: Arr.NonEmptyReadonlyArray<A>) => string,
  rest?: (millis: number) => number
): Stream.Stream<string, E> =>
  Stream.transformPull(stream, (pull) =>
    Effect.map(Clock.Clock, (clock) => {
      let next = Number.NEGATIVE_INFINITY
      const now = () => Number(clock.currentTimeNanosUnsafe()) / 1e6
      return Effect.suspend(() => {
        const wait = next - now()
        return wait > 0 ? Effect.andThen(Effect.sleep(wait), pull) : pull
      }).pipe(Effect.map((batch) => {
        const began = now()
        const text = make(batch)
        const made = now()
        next = made + Math.max(pace, rest?.(made - began) ?? 0)
        return [text] as const
      }))
    }))

/** Comments, which readers ignore. */
const beats: Stream.Stream<string> = Stream.map(Stream.drop(Stream.tick(heartbeat), 1), () => ":\n\n")

/** As long as the first of the streams. */
export const response = (
  main: Stream.Stream<string>,
  beside: Stream.Stream<string> = Stream.empty
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(
    main.pipe(
      Stream.merge(Stream.merge(beats, beside), { haltStrategy: "left" }),
      Stream.encodeText
    ),
    { contentType: "text/event-stream" }
  )
