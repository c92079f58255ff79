/**
 * One node of a cluster: `node node.ts PORT STORAGE`, where STORAGE is a file or the URL of a PostgreSQL. While it runs,
 * `npx esv tree --cluster -n node-PORT` shows the cluster.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Logger, Redacted } from "effect"
import { Control, RestartPolicy, Runnable, Signals, Supervisor } from "effect-supervisor"
import { ControlServer } from "effect-supervisor/control"
import { ClusterStorage, ClusterSupervisor, Fencing } from "effect-supervisor/cluster"

const [port = "34431", storage = "cluster.db", host = "localhost"] = process.argv.slice(2)

/** Takes its time to stop, so that one can see that the next one waits for it. */
const mailer = Runnable.make(
  "mailer",
  Effect.gen(function*() {
    const { node, value } = yield* Fencing.token
    yield* Effect.log(`mailer on ${node} with token ${value}`)
    yield* Control.shutdown
    yield* Effect.sleep("200 millis")
  }),
  { restart: RestartPolicy.supervised }
)

const worker = (index: number) => Runnable.idle(`worker-${index}`)

const app = Layer.mergeAll(
  ClusterSupervisor.singleton(mailer),
  ClusterSupervisor.replicas("worker", 6, worker),
  Runnable.layer(Signals.runnable()),
  ControlServer.layer()
).pipe(Layer.provide(ClusterSupervisor.layer({
  address: { host, port: Number(port) },
  storage: storage.startsWith("postgres")
    ? PgClient.layer({ url: Redacted.make(storage) })
    : ClusterStorage.embedded(storage)
})))

Effect.runFork(Effect.provide(Supervisor.launch(app, { name: `node-${port}` }), Logger.layer([Logger.consoleLogFmt])))
