/**
 * Runs jobs that write numbered lines and exit in the same instant, and looks whether all are stored, in their order.
 * `completeness.js <runs of each size> <seconds> <size>...`
 */
import { Effect, Stream } from "effect"
import { Command, Job, NodeJobs } from "effect-supervisor/process"
import { tell } from "./children.ts"

const [times = "", seconds = "", ...sizes] = process.argv.slice(2)

/** How many lines are missing, or out of place. */
const lost = (size: number) =>
  Effect.scoped(Effect.gen(function*() {
    const job = yield* Job.make("seq", Command.make("seq", [String(size)]), { logs: { maxFiles: 1_000 } })
    yield* job.start
    yield* job.wait
    let next = 1
    let wrong = 0
    yield* Stream.runForEachArray(job.logs!.query({ stream: "stdout" }), (lines) =>
      Effect.sync(() => {
        for (const { text } of lines) {
          if (text !== String(next)) wrong++
          next++
        }
      }))
    return wrong + Math.abs(size - next + 1)
  }))

const main = Effect.gen(function*() {
  const from = performance.now()
  const total = { runs: 0, lines: 0, lost: 0 }
  for (let time = 0; time < Number(times); time++) {
    for (const size of sizes.map(Number)) {
      if (performance.now() - from > Number(seconds) * 1_000) continue
      total.lost += yield* lost(size)
      total.lines += size
      total.runs++
    }
  }
  for (const [name, value] of Object.entries(total)) tell(name, value)
})

await Effect.runPromise(Effect.provide(main, NodeJobs.layer()))
