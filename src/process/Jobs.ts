/**
 * What jobs need from a machine: a Spawner, a place for their private directories, and the list of those there are.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as Scope from "effect/Scope"
import { closeAll, entries, firstSweep, type Host } from "./internal/jobHost.ts"
import * as jobsRoot from "./internal/jobsRoot.ts"
import type { Job } from "./Job.ts"
import { JobNotFound } from "./ProcessError.ts"
import type { Spawner } from "./Spawner.ts"

interface Service {
  /** A job by its id: the path of the child, such as "backend/web", or the name that it was made with. */
  readonly get: (id: string) => Effect.Effect<Job, JobNotFound>
  /** Those there are, by their ids. */
  readonly list: Effect.Effect<ReadonlyArray<Job>>
  /** @internal */
  readonly host: Host
}

const JobsBase: Context.ServiceClass<Jobs, "effect-supervisor/process/Jobs", Service> = Context.Service<
  Jobs,
  Service
>()(
  "effect-supervisor/process/Jobs"
)

/**
 * The jobs of a program, and what they need.
 *
 * **When to use**
 *
 * Provide it once, around the manager that runs the jobs: `NodeJobs.layer()` on Node.
 *
 * **Example** (What a supervised process wrote)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Jobs } from "effect-supervisor/process"
 *
 * const lines = Effect.gen(function*() {
 *   const jobs = yield* Jobs
 *   const web = yield* jobs.get("web")
 *   return web.logs === undefined ? [] : yield* Stream.runCollect(web.logs.tail(10))
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Jobs extends JobsBase {
  /**
   * Jobs on the Spawner and the file system in the context.
   *
   * @category layers
   * @since 0.1.0
   */
  static readonly layer = (
    options?: JobsOptions
  ): Layer.Layer<Jobs, never, Spawner | FileSystem.FileSystem | Path.Path> => make(options)
}

/**
 * Options of `layer`. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobsOptions {
  /**
   * Where the jobs keep what is theirs, each under its own name: private directories in `data`, which are removed with
   * their jobs, and logs in `logs`, which stay, to be read after a restart of the whole program. It belongs to one
   * program at a time: another one that is given the same place cannot start its jobs (`WorkspaceFailed`). Default: a
   * temporary directory, removed at the end; what is left of a program that was killed is removed by the next one that
   * starts.
   */
  readonly directory?: string | undefined
}

const make = (options?: JobsOptions): Layer.Layer<Jobs, never, Spawner | FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Jobs,
    Effect.gen(function*() {
      const places = yield* Scope.make()
      const host: Host = {
        context: yield* Effect.context<Spawner | FileSystem.FileSystem | Path.Path>(),
        root: yield* Scope.provide(jobsRoot.make(options?.directory), places),
        slots: new Map(),
        isClosed: false,
        sweepAt: firstSweep
      }
      // First the jobs, of which those made by hand may have ended with their own scopes; then their places.
      yield* Effect.addFinalizer((exit) => Effect.andThen(closeAll(host), Scope.close(places, exit)))
      return {
        get: (id) => {
          const entry = host.slots.get(id)?.entry
          return entry === undefined
            ? Effect.fail(new JobNotFound({ id, known: [...host.slots.keys()] }))
            : Effect.succeed(entry.job)
        },
        list: Effect.sync(() => entries(host).map(({ job }) => job)),
        host
      }
    })
  )
