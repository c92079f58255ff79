/**
 * The logs of jobs, for readers far away.
 *
 * Floor 4.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Jobs } from "../../process/Jobs.ts"
import type { Job } from "../../process/Job.ts"
import type * as LogStore from "../../process/LogStore.ts"
import type { LogsFollow, LogsQuery } from "../ControlApi.ts"
import { LogsUnavailable, NotAJob } from "../ControlError.ts"
import type { Turnstile } from "./turnstile.ts"

/** So many entries go out in one message at most, so that none takes long to make. */
const mostEntries = 512

/** A job by the path of its child; `undefined` if there is none, or nobody keeps jobs. */
export const jobAt = (path: string): Effect.Effect<Job | undefined> =>
  Effect.flatMap(
    Effect.serviceOption(Jobs),
    (jobs) => Option.isNone(jobs) ? Effect.undefined : Effect.orElseSucceed(jobs.value.get(path), () => undefined)
  )

const storeOf = (path: string): Effect.Effect<LogStore.LogStore, NotAJob | LogsUnavailable> =>
  Effect.flatMap(jobAt(path), (job): Effect.Effect<LogStore.LogStore, NotAJob | LogsUnavailable> => {
    if (job === undefined) return Effect.fail(new NotAJob({ path, operation: "log" }))
    return job.logs === undefined
      ? Effect.fail(new LogsUnavailable({ path, detail: "it keeps none (logs: false)." }))
      : Effect.succeed(job.logs)
  })

const read = <A>(
  path: string,
  turnstile: Turnstile,
  open: (store: LogStore.LogStore) => Stream.Stream<A, { readonly message: string }>
): Stream.Stream<A, NotAJob | LogsUnavailable> =>
  Stream.unwrap(Effect.map(storeOf(path), (store) =>
    open(store).pipe(
      Stream.mapError(({ message }) => new LogsUnavailable({ path, detail: message })),
      Stream.mapArray(Arr.chunksOf(mostEntries)),
      Stream.flattenArray,
      Stream.mapArrayEffect((entries) => Effect.as(turnstile, entries))
    )))

export const query = ({ path, ...options }: LogsQuery, turnstile: Turnstile): Stream.Stream<
  LogStore.LogLine,
  NotAJob | LogsUnavailable
> => read(path, turnstile, (store) => store.query(options))

/** Ends in order when `leaving` does. */
export const follow = (
  { path, ...options }: LogsFollow,
  turnstile: Turnstile,
  leaving: Effect.Effect<void>
): Stream.Stream<LogStore.LogEntry, NotAJob | LogsUnavailable> =>
  read(path, turnstile, (store) => store.follow({ ...options, until: leaving }))
