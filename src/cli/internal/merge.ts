/**
 * Several streams that are in order, as one that is in order.
 *
 * Floor 4.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

interface Head<A, E> {
  readonly pull: Pull.Pull<ReadonlyArray<A>, E>
  items: ReadonlyArray<A>
  at: number
}

/** Holds no more than a chunk of each. What is equal comes in the order of the streams. */
export const merge = <A, E>(
  streams: ReadonlyArray<Stream.Stream<A, E>>,
  orderOf: (item: A) => number
): Stream.Stream<A, E> => {
  const [only] = streams
  if (only === undefined) return Stream.empty
  return streams.length === 1 ? only : Stream.scoped(Stream.fromPull(Effect.gen(function*() {
    let open: Array<Head<A, E>> = []
    for (const stream of streams) open.push({ pull: yield* Stream.toPull(stream), items: [], at: 0 })
    const next: Pull.Pull<readonly [A, ...Array<A>], E> = Effect.gen(function*() {
      const isThere = yield* Effect.forEach(open, refill, { concurrency: "unbounded" })
      open = open.filter((_, index) => isThere[index])
      return open.length === 0 ? yield* Cause.done() : take(open, orderOf)
    })
    return next
  })))
}

/** Whether it has something, asked for if need be. */
const refill = <A, E>(head: Head<A, E>): Effect.Effect<boolean, E> =>
  head.at < head.items.length ? Effect.succeed(true) : Pull.matchEffect(head.pull, {
    onSuccess: (items) =>
      Effect.sync(() => {
        head.items = items
        head.at = 0
        return true
      }),
    onFailure: Effect.failCause,
    onDone: () => Effect.succeed(false)
  })

/** The next in order, until one of them has to be asked for more. */
const take = <A, E>(heads: ReadonlyArray<Head<A, E>>, orderOf: (item: A) => number): readonly [A, ...Array<A>] => {
  const next = (): Head<A, E> => {
    let first = heads[0]!
    for (const head of heads) if (orderOf(head.items[head.at]!) < orderOf(first.items[first.at]!)) first = head
    return first
  }
  let head = next()
  const out: [A, ...Array<A>] = [head.items[head.at++]!]
  while (head.at < head.items.length) {
    head = next()
    out.push(head.items[head.at++]!)
  }
  return out
}
