/**
 * Supervises the children in a file: a manager of jobs, with logs and guardian as they are by default, and restarts without
 * delay. Tells in ms how long all took to be up, and, asked `restart <name>`, from a SIGKILL to the next pid.
 */
import { Effect, Schedule, Stream } from "effect"
import { ProcessManager, RestartPolicy, Signals } from "effect-supervisor"
import { Command, Job, Jobs, NodeJobs } from "effect-supervisor/process"
import { children, obey, tell } from "./children.ts"

const described = children()
const byDefault = process.env["PROCESS_BENCH_STOP"] !== "parallel"

const main = Effect.gen(function*() {
  const from = performance.now()
  const app = ProcessManager.make("app", [
    ...described.map(({ argv: [program, ...args], name }) =>
      Job.runnable(name, Command.make(program, args), { restart: RestartPolicy.always(Schedule.forever) })
    ),
    Signals.runnable()
  ], byDefault ? {} : { shutdownOrder: "parallel" })
  const handle = yield* ProcessManager.start(app)
  const status = yield* handle.status
  const up = status.children.filter(({ state }) => state._tag === "Running").length
  if (up !== described.length + 1) return yield* Effect.die(`only ${up} run`)
  tell("up", performance.now() - from)
  const run = Effect.runForkWith(yield* Effect.context<Jobs>())
  obey({ restart: (name) => run(Effect.orDie(restart(name))) })
  yield* handle.await
})

const restart = Effect.fnUntraced(function*(name: string) {
  const jobs = yield* Jobs
  const job = yield* jobs.get(name)
  // Not `job.info`: that looks for the whole group.
  const before = yield* job.state
  if (before._tag !== "Running") return yield* Effect.die(`${name} does not run`)
  const from = performance.now()
  const back = job.changes.pipe(
    Stream.filter((state) => state._tag === "Running" && state.pid !== before.pid),
    Stream.take(1),
    Stream.runDrain
  )
  process.kill(before.pid, "SIGKILL")
  yield* back
  tell("restart", performance.now() - from)
})

await Effect.runPromise(Effect.scoped(main).pipe(Effect.provide(NodeJobs.layer())))
