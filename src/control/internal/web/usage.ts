/**
 * What jobs and this process use, asked every two seconds while somebody looks: once, for however many do.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import { Jobs } from "../../../process/Jobs.ts"
import type { Usage } from "../../../process/Spawner.ts"
import { message } from "./sse.ts"

export const interval = "2 seconds"

const own = (): Usage => {
  const { system, user } = process.cpuUsage()
  return { cpuMillis: (system + user) / 1000, memoryBytes: process.memoryUsage.rss(), processes: 1 }
}

/** What is told of a job. One that does not run uses nothing, and is one all the same. */
interface Told extends Partial<Usage> {
  readonly pid?: number | undefined
  /** From being asked to end to SIGKILL. */
  readonly killAfterMillis?: number | undefined
}

/** By path; this process by "". */
const sample: Effect.Effect<Readonly<Record<string, Told>>> = Effect.gen(function*() {
  const jobs = yield* Effect.serviceOption(Jobs)
  const list = Option.isNone(jobs) ? [] : yield* jobs.value.list
  const infos = yield* Effect.forEach(list, (job) => job.info, { concurrency: "unbounded" })
  const found: Record<string, Told> = { "": own() }
  for (const { grace, id, pid, usage } of infos) {
    found[id] = { ...usage, pid, killAfterMillis: grace === "infinity" ? undefined : grace }
  }
  return found
})

/** Messages for all who listen. */
export const shared: Effect.Effect<Stream.Stream<string>, never, Scope> = Stream.tick(interval).pipe(
  Stream.mapEffect(() => Effect.map(sample, (usage) => message("usage", usage))),
  Stream.share({ capacity: 1, strategy: "sliding", replay: 1 })
)
