/**
 * What goes on beside a run of a command: telling that its process is there, and writing its lines into a file.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Latch from "effect/Latch"
import * as Path from "effect/Path"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Control from "../../../Control.ts"
import type { Job } from "../../../process/Job.ts"
import { Jobs } from "../../../process/Jobs.ts"
import type { ChildConfig, CommandWork } from "../SupervisorConfig.ts"

/** How often the job of a child is looked for, until its first run has made it; and how long its last lines may take. */
const lookEvery = "5 millis"
const drainFor = "1 second"

/** Begins with an incarnation, and ends with it, after the last line. */
export const companion: (
  child: ChildConfig,
  work: CommandWork,
  onStart: () => void
) => Effect.Effect<void, never, Jobs | FileSystem.FileSystem | Path.Path | Scope> = Effect.fnUntraced(function*(
  child,
  work,
  onStart
) {
  const jobs = yield* Jobs
  const id = (yield* Control.path) ?? child.name
  const over = Latch.makeUnsafe(false)
  // It looks when it is called, not when it is run.
  const find = Effect.orElseSucceed(Effect.suspend(() => jobs.get(id)), () => undefined)
  const before = yield* Effect.flatMap(find, runsOf)
  const follow = Effect.gen(function*() {
    const job = yield* nextRun(find, before)
    onStart()
    if (work.logFile !== undefined) yield* write(job, child, work.logFile, over.await)
  })
  const following = yield* Effect.forkDetach(
    Effect.raceFirst(follow, Effect.andThen(over.await, Effect.sleep(drainFor)))
  )
  // The process is gone by then, with everything it wrote in its logs.
  yield* Effect.addFinalizer(() => Effect.andThen(over.open, Fiber.await(following)))
})

const runsOf = (job: Job | undefined): Effect.Effect<number> =>
  job === undefined ? Effect.succeed(0) : Effect.map(job.info, ({ runs }) => runs)

/** The job, when it has begun another run. */
const nextRun = Effect.fnUntraced(function*(find: Effect.Effect<Job | undefined>, before: number) {
  let job = yield* find
  while (job === undefined) {
    yield* Effect.sleep(lookEvery)
    job = yield* find
  }
  const found = job
  yield* found.changes.pipe(
    Stream.mapEffect(() => runsOf(found)),
    Stream.filter((runs) => runs > before),
    Stream.runHead
  )
  return found
})

const encoder = new TextEncoder()

/** Appends the lines of the run that goes on. Several children may have one file, so each line says whose it is. */
const write = (job: Job, { name }: ChildConfig, file: string, until: Effect.Effect<unknown>) =>
  Effect.gen(function*() {
    const { logs } = job
    if (logs === undefined) return
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* fs.makeDirectory(path.dirname(file), { recursive: true })
    const open = yield* fs.open(file, { flag: "a", mode: 0o600 })
    const run = yield* runsOf(job)
    yield* logs.follow({ from: "start", run, wholeLines: true, until }).pipe(
      Stream.filter((entry) => entry._tag === "Line"),
      Stream.runForEachArray((lines) =>
        open.writeAll(encoder.encode(lines.map(({ text }) => `[${name}] ${text}\n`).join("")))
      )
    )
  }).pipe(
    Effect.scoped,
    Effect.catch((error) => Effect.logWarning(`The lines of ${name} cannot be written to ${file}: ${error.message}`))
  )
