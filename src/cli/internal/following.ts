/**
 * Follows the logs of children as they come and go.
 *
 * Floor 4.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Queue from "effect/Queue"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as ControlClient from "../../control/ControlClient.ts"
import type { Snapshot } from "../../Snapshot.ts"
import type { SupervisorEvent } from "../../SupervisorEvent.ts"
import type { Failure } from "../CliError.ts"
import { open } from "./connection.ts"
import { following, type OwnedLine, type Wanted } from "./logLines.ts"

/** Whose lines are wanted, and how much of what is stored already. */
export interface Plan {
  readonly client: ControlClient.Client
  /** Of these there is something to show first. */
  readonly paths: ReadonlyArray<string>
  /** Whether one that turns up later is meant too. */
  readonly isMeant: (path: string) => boolean
  readonly wanted: Wanted
  /** So many lines of each come first, unless there is a `since`. */
  readonly last: number
}

/** Of the 64 calls that a connection carries, so many are used. */
const streamsEach = 48

/** A connection for each so many streams. */
const connections = (client: ControlClient.Client) => {
  const all = [client]
  let used = 1
  return Effect.gen(function*() {
    if (used++ % streamsEach === 0) all.push(yield* open(client.socket))
    return all.at(-1)!
  })
}

/** Lines of a batch are brought into the order of time: they come from many logs at once. */
const batch = "25 millis"

const isUp = (change: SupervisorEvent | Snapshot): change is SupervisorEvent & { readonly _tag: "ChildTransition" } =>
  "_tag" in change && change._tag === "ChildTransition" &&
  (change.to._tag === "Starting" || change.to._tag === "Running")

/** Until the server ends. */
export const follow = (plan: Plan): Stream.Stream<OwnedLine, Failure, Scope> =>
  Stream.unwrap(Effect.gen(function*() {
    const { client, isMeant, last, paths, wanted } = plan
    const queue = yield* Queue.bounded<OwnedLine, Cause.Done>(4096)
    const readers = yield* FiberMap.make<string, void>()
    const next = connections(client)
    const begun = yield* Clock.currentTimeMillis
    const read = (path: string, from: { readonly last: number } | { readonly since: number }) =>
      FiberMap.run(
        readers,
        path,
        Effect.scoped(Effect.gen(function*() {
          yield* Stream.runForEach(following(yield* next, path, from, wanted), (line) => Queue.offer(queue, line))
        })).pipe(Effect.ignore),
        { onlyIfMissing: true }
      )
    for (const path of paths) yield* read(path, wanted.since === undefined ? { last } : { since: wanted.since })
    // One that has no process yet, or is new, is tried again when something happens to it.
    yield* client.watch.pipe(
      Stream.filter(isUp),
      Stream.runForEach(({ path }) => isMeant(path) ? read(path, { since: wanted.since ?? begun }) : Effect.void),
      Effect.ignore,
      Effect.andThen(Effect.sleep(batch)),
      Effect.andThen(Queue.end(queue)),
      Effect.forkScoped
    )
    return Stream.fromQueue(queue)
  })).pipe(
    Stream.groupedWithin(4096, batch),
    Stream.map((lines) => lines.toSorted((a, b) => a.time - b.time)),
    Stream.flattenIterable
  )
