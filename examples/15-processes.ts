/**
 * Processes: a web server and a worker under one manager. The worker starts when the server answers.
 *
 * Observe: the server is ready when its port answers, not when it has started. The worker exits with code 3, which its
 * policy sees as a typed failure; it is restarted, and does its work. Then all is stopped in reverse.
 */
import { Console, Effect, Schedule } from "effect"
import { ProcessManager, RestartPolicy } from "effect-supervisor"
import { Command, ExitStatus, Job, NodeJobs, Probe } from "effect-supervisor/process"
import { createServer } from "node:net"

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const program = (port: number) => {
  const url = `http://127.0.0.1:${port}/`
  const listen = `require("http").createServer((_, r) => r.end("hello")).listen(${port}, "127.0.0.1")`
  const web = Job.runnable("web", Command.make("node", ["-e", listen]), { ready: Probe.http(url) })

  // It fails in its first run, and leaves a note for the next one in its private directory.
  const work = `
    cd "$EFFECT_SUPERVISOR_DATA_DIR"
    if [ ! -e been-here ]; then touch been-here; echo 'no luck' >&2; exit 3; fi
    echo "the server says $(node -e 'fetch("${url}").then((r) => r.text()).then((t) => console.log(t))')"`
  const worker = Job.runnable("worker", Command.shell(work), {
    restart: RestartPolicy.onFailure(Schedule.spaced("100 millis"), {
      while: (exit) => exit._tag === "Failure" && exit.cause.reasons.some((reason) => reason._tag === "Fail")
    }),
    significant: true,
    forward: true
  })
  return ProcessManager.make("app", [web, worker], { autoShutdown: "any-significant" })
}

const main = Effect.gen(function*() {
  const app = program(yield* freePort)
  yield* app.pipe(
    Effect.catchTag("ProcessFailed", ({ status }) => Console.log(`gave up: it ${ExitStatus.show(status)}`))
  )
  yield* Console.log("all stopped")
})

Effect.runPromise(Effect.provide(main, NodeJobs.layer()))
