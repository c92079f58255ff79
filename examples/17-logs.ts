/**
 * Logs: what a process writes is stored line by line, and can be queried and followed while it runs and afterwards.
 *
 * Observe: the follower sees both runs and where each begins and ends; the last line comes although the process ends in
 * the same instant and writes no line end. Queries choose by stream, run and expression.
 */
import { Console, Effect, Fiber, Stream } from "effect"
import { Command, Job, NodeJobs } from "effect-supervisor/process"

const script = `
  echo "run begins"
  echo "careful" >&2
  for i in 1 2 3; do echo "line $i"; done
  printf "no line end"
  exit 7`

const main = Effect.gen(function*() {
  const job = yield* Job.make("printer", Command.shell(script))
  const logs = job.logs!
  const follower = logs.follow({ markers: true }).pipe(
    Stream.tap((entry) => {
      switch (entry._tag) {
        case "RunStarted":
          return Console.log(`--- run ${entry.run}`)
        case "RunEnded":
          return Console.log(`--- exit code ${entry.code}`)
        case "Line":
          return Console.log(`${entry.stream}: ${entry.text}`)
        case "Lost":
          return Console.log(`${entry.lines} lines were rotated away`)
      }
    }),
    Stream.takeUntil((entry) => entry._tag === "RunEnded" && entry.run === 2)
  )
  const following = yield* Effect.forkScoped(Stream.runDrain(follower), { startImmediately: true })
  for (let run = 0; run < 2; run++) {
    yield* job.start
    yield* job.wait
  }
  yield* Fiber.join(following)

  const odd = yield* Stream.runCollect(logs.query({ run: 2, match: /line [13]/ }))
  yield* Console.log(`query: ${odd.map((line) => line.text).join(", ")}`)
  const last = yield* Stream.runCollect(logs.tail(2, { stream: "stdout" }))
  yield* Console.log(`tail: ${last.map((line) => line.text).join(", ")}`)
})

Effect.runPromise(Effect.provide(Effect.scoped(main), NodeJobs.layer()))
