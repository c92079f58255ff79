/**
 * Reload by signal: SIGHUP to the supervisor becomes SIGHUP to the processes that know what to do with it.
 *
 * Observe: the process reads its settings anew and keeps its pid; nothing is restarted. It says by its notify descriptor
 * when it is ready, and the last line of its log is what it did when it was stopped.
 */
import { Console, Effect, Fiber, Stream } from "effect"
import { ProcessManager, Signals } from "effect-supervisor"
import { Command, Job, Jobs, NodeJobs, Probe } from "effect-supervisor/process"

const server = Command.script(
  "bash",
  `
  version=1
  trap 'version=$((version + 1)); echo "settings, version $version"' HUP
  trap 'echo "stopped in order"; exit 0' TERM
  echo "serving"
  echo >&"$EFFECT_SUPERVISOR_NOTIFY_FD"
  while true; do sleep 0.05; done`
)

const app = ProcessManager.make("app", [
  Signals.runnable(),
  Job.runnable("server", server, { ready: Probe.notify, reloadSignal: "SIGHUP" })
])

const main = Effect.gen(function*() {
  const handle = yield* ProcessManager.start(app)
  const { logs, ...job } = yield* Effect.flatMap(Jobs, (jobs) => jobs.get("server"))
  const before = (yield* job.info).pid
  const reloaded = yield* Effect.forkScoped(Stream.runHead(logs!.follow({ from: "start", match: "version 2" })))
  process.kill(process.pid, "SIGHUP")
  yield* Fiber.join(reloaded)
  yield* Console.log(`same process: ${(yield* job.info).pid === before}`)

  yield* handle.shutdown
  const lines = yield* Stream.runCollect(logs!.query())
  yield* Console.log(lines.map((line) => line.text).join("\n"))
})

Effect.runPromise(Effect.provide(Effect.scoped(main), NodeJobs.layer()))
