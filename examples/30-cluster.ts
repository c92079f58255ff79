/**
 * A cluster: three nodes on one machine in one command. One of them runs the mailer; kill it, and watch its work move.
 *
 * Observe: each node (examples/cluster/node.ts) describes the same singleton and six replicas, and every name runs once.
 * The node with the mailer is killed: another takes it over after `failover`, 4 seconds, with a higher token. Those that
 * are stopped hand over at once. Nothing but a file is needed; on several machines it is a PostgreSQL.
 */
import { Console, Effect, Stream } from "effect"
import { ClusterStorage, ClusterView } from "effect-supervisor/cluster"
import { Command, Job, NodeJobs } from "effect-supervisor/process"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const file = join(mkdtempSync(join(tmpdir(), "example-")), "cluster.db")
const program = join(import.meta.dirname, "cluster", "node.ts")
const ports = [34601, 34602, 34603]

const startNode = (port: number) =>
  Effect.tap(
    Job.make(`localhost:${port}`, Command.make(process.execPath, [program, String(port), file])),
    (job) => job.start
  )

/** Looks until so many nodes are there and everything runs on one of them. */
const settled = (nodes: number) =>
  Effect.flatMap(
    ClusterView.ClusterView,
    (view) =>
      Stream.fromEffectRepeat(Effect.delay(view.snapshot, "250 millis")).pipe(
        Stream.filter((cluster) =>
          cluster.nodes.length === nodes && cluster.children.length === 7 &&
          cluster.children.every(({ node, state }) =>
            state === "Running" && cluster.nodes.some((one) => one.node === node)
          )
        ),
        Stream.runHead,
        Effect.flatMap(Effect.fromOption)
      )
  )

const main = Effect.gen(function*() {
  const jobs = yield* Effect.forEach(ports, startNode, { concurrency: "unbounded" })
  const before = yield* settled(3)
  const mailer = before.children.find(({ name }) => name === "mailer")!
  yield* Console.log(`${before.nodes.length} nodes, ${before.children.length} children, each once`)

  const host = jobs.find(({ name }) => name === mailer.node)!
  yield* Console.log("kill the node of the mailer")
  yield* host.signal("SIGKILL")
  const after = yield* settled(2)
  const moved = after.children.find(({ name }) => name === "mailer")!
  yield* Console.log(`moved: ${moved.node !== mailer.node}, higher token: ${moved.token > mailer.token}`)
  yield* Effect.forEach(jobs, (job) => job.stop({ grace: "5 seconds" }), { concurrency: "unbounded" })
  yield* Console.log("all stopped")
})

Effect.runPromise(
  Effect.scoped(Effect.provide(main, [NodeJobs.layer(), ClusterView.layer({ storage: ClusterStorage.embedded(file) })]))
)
