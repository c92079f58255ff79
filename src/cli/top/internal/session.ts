/**
 * Keeps a connection to the supervisor, and tells what comes over it.
 *
 * Floor 4.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Stream from "effect/Stream"
import * as ControlClient from "../../../control/ControlClient.ts"
import type { LogEntry } from "../../../process/LogStore.ts"
import type { Measured, Message, Model } from "../Model.ts"
import { type Due, due } from "../Query.ts"

export interface Hub {
  readonly address: ControlClient.Address
  readonly send: (message: Message) => Effect.Effect<unknown>
  readonly model: () => Model
  /** Who is connected now. */
  readonly setClient: (client: ControlClient.Client | undefined) => void
}

const retryAfter = Duration.seconds(1)
const lookEvery = Duration.millis(250)
/** So many children are asked for at once. */
const asking = 8
/** So many lines that were written before are shown. */
const recent = 500
/** Who moves past a child does not want its log. */
const settled = Duration.millis(120)

/** For ever: what is lost is looked for again. */
export const keepConnected = (hub: Hub): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    const exit = yield* Effect.exit(Effect.scoped(connection(hub)))
    const now = yield* Clock.currentTimeMillis
    const reason = Exit.isSuccess(exit)
      ? "The supervisor has ended; this goes on when it is started again"
      : reasonOf(exit.cause)
    yield* hub.send({ _tag: "Lost", reason, retryAt: now + Duration.toMillis(retryAfter) })
    yield* Effect.sleep(retryAfter)
  }))

const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

const connection = Effect.fnUntraced(function*(hub: Hub) {
  const client = yield* ControlClient.make(hub.address)
  yield* Effect.acquireRelease(
    Effect.sync(() => hub.setClient(client)),
    () => Effect.sync(() => hub.setClient(undefined))
  )
  yield* hub.send({ _tag: "Connected", server: client.server })
  yield* Effect.forkScoped(measure(hub, client))
  yield* Stream.runForEachArray(client.watch, (changes) => hub.send({ _tag: "Changed", changes }))
})

/** What a child is like now. Who gets no answer asks again; that it is not there is an answer. */
const ask = (client: ControlClient.Client, { moment, path }: Due): Effect.Effect<ReadonlyArray<Measured>> =>
  client.info(path).pipe(
    Effect.map((details): ReadonlyArray<Measured> => [{ path, moment, details }]),
    Effect.catchTag("ChildNotFound", () => Effect.succeed([{ path, moment, details: undefined }])),
    Effect.orElseSucceed(() => [])
  )

/** Asks for what is seen; for all of it, before it asks for anything again. */
const measure = (hub: Hub, client: ControlClient.Client): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    const wanted = due(hub.model(), yield* Clock.currentTimeMillis)
    const details = yield* Effect.forEach(wanted, (one) => ask(client, one), { concurrency: asking })
    if (details.length > 0) yield* hub.send({ _tag: "Measured", details: details.flat() })
    yield* Effect.sleep(lookEvery)
  }))

/** Who is further behind is not following any more. */
const behind = Duration.toMillis("2 seconds")

const fellBehind = { _tag: "FellBehind" } as const

/** After what was there before, everything is new: if it is old all the same, it comes faster than it is taken. */
const guard = (): (entries: ReadonlyArray<LogEntry>, now: number) => boolean => {
  let taken = 0
  return (entries, now) => {
    taken += entries.length
    const last = entries.at(-1)
    return taken > recent && last?._tag === "Line" && now - last.time > behind
  }
}

/** Up to the end of the log, or until it comes faster than it can be told. */
const followOnce = (hub: Hub, client: ControlClient.Client, path: string) =>
  Effect.suspend(() => {
    const isBehind = guard()
    return client.logs.follow(path, { from: { last: recent }, markers: true, wholeLines: true }).pipe(
      Stream.runForEachArray((entries) =>
        Effect.gen(function*() {
          yield* hub.send({ _tag: "Logged", path, entries })
          if (isBehind(entries, yield* Clock.currentTimeMillis)) return yield* Effect.fail(fellBehind)
        })
      )
    )
  })

/** Tells the log of a process, from a little before on. What is too much to be told is passed over, and that is told. */
export const follow = (hub: Hub, client: ControlClient.Client, path: string): Effect.Effect<void> =>
  followOnce(hub, client, path).pipe(
    Effect.tapError((error) => error._tag === "FellBehind" ? hub.send({ _tag: "Skipped", path }) : Effect.void),
    Effect.retry({ while: (error) => error._tag === "FellBehind" }),
    Effect.catch((error) =>
      error._tag === "ConnectionLost"
        ? Effect.void
        : hub.send({ _tag: "LogsFailed", path, problem: error.message })
    ),
    Effect.delay(settled),
    Effect.asVoid
  )
