/**
 * How long it takes to take in what `cat` writes of a file, in ms: `raw` through a pipe that is only read, `ours` by a job
 * that stores it. `throughput.js ours|raw <file> <rounds>`
 */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { Command, Job, NodeJobs } from "effect-supervisor/process"
import { tell } from "./children.ts"

const [subject = "", file = "", rounds = ""] = process.argv.slice(2)
/** Rounds before those that count: code that was not optimised yet. */
const warmUps = 2

const raw = Effect.promise(async () => {
  const child = spawn("cat", [file], { detached: true, stdio: ["ignore", "pipe", "pipe"] })
  child.stderr.resume()
  child.stdout.on("data", () => {})
  await once(child, "close")
})

const ours = Effect.scoped(Effect.gen(function*() {
  const job = yield* Job.make("cat", Command.make("cat", [file]))
  const from = performance.now()
  yield* job.start
  yield* job.wait
  return performance.now() - from
}))

const timed = Effect.gen(function*() {
  const from = performance.now()
  const inside = subject === "ours" ? yield* ours : yield* raw
  return inside ?? performance.now() - from
})

const main = Effect.gen(function*() {
  const times: Array<number> = []
  for (let round = 0; round < warmUps + Number(rounds); round++) {
    const time = yield* timed
    if (round >= warmUps) times.push(time)
  }
  tell("millis", times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!)
})

await Effect.runPromise(Effect.provide(main, NodeJobs.layer()))
