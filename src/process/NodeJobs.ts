/**
 * Jobs on Node: everything that `Job.make` and `Job.runnable` need, in one layer.
 *
 * @since 0.1.0
 */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import type { FileSystem } from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { Path } from "effect/Path"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as nodeFiles from "./internal/nodeFiles.ts"
import { Jobs, type JobsOptions } from "./Jobs.ts"
import { Spawner, type SpawnerOptions } from "./Spawner.ts"

/**
 * Options of `layer`. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends JobsOptions, SpawnerOptions {}

/**
 * Jobs, and the Spawner, file system and paths they stand on. Provide it once, around what runs the jobs: it also holds
 * the list of them. Around `Effect.scoped`, too: with the layer inside, it would end jobs before their manager stops them.
 *
 * **Example** (A command under supervision)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, RestartPolicy, Signals } from "effect-supervisor"
 * import { Command, Job, NodeJobs } from "effect-supervisor/process"
 *
 * const app = ProcessManager.make("app", [
 *   Signals.runnable(),
 *   Job.runnable("web", Command.make("node", ["server.js"]), { restart: RestartPolicy.supervised })
 * ])
 * const main = Effect.provide(app, NodeJobs.layer({ directory: "/var/lib/app" }))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options?: Options
): Layer.Layer<Jobs | Spawner | ChildProcessSpawner | FileSystem | Path> =>
  Jobs.layer(options).pipe(
    Layer.provide(nodeFiles.layer),
    Layer.provideMerge(Spawner.layer(options)),
    Layer.provideMerge(NodeChildProcessSpawner.layer),
    Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer))
  )
