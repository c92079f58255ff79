/**
 * `npm run bench:process`: what it costs to supervise processes, beside bare spawns and other process managers.
 *
 *     npm run bench:process -- --quick            a short run, for a first look
 *     npm run bench:process -- --only hold,logs   some of it
 *     npm run bench:process -- --without pm2      not beside that one
 *     npm run bench:process -- --json             for a machine
 *
 * On Linux. Others are installed where they are missing: those from npm into a cache of this user, those of Debian by apt if
 * that may be done. All processes are local ones, and none is left.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import type { Figure } from "../harness.ts"
import { header, render, row, toJson } from "../table.ts"
import { marked } from "./processes.ts"
import { full, quick, scenarios } from "./scenarios.ts"
import { others } from "./subjects.ts"
import * as World from "./world.ts"

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    without: { type: "string", multiple: true, default: [] }
  }
})

const split = (lists: ReadonlyArray<string>) => lists.flatMap((names) => names.split(","))

/** What was asked for, of what there is. */
const check = (
  asked: ReadonlyArray<string>,
  there: ReadonlyArray<{ readonly name: string }>
): ReadonlyArray<string> => {
  const unknown = asked.filter((name) => !there.some((one) => one.name === name))
  if (unknown.length === 0) return asked
  console.error(`No ${unknown.join(", ")}. There are: ${there.map(({ name }) => name).join(", ")}`)
  process.exit(2)
}

const wanted = check(split(values.only), scenarios)
const without = check(split(values.without), others)
if (process.platform !== "linux") {
  console.error("The process benchmark reads /proc: run it on Linux.")
  process.exit(2)
}

const settings = values.quick ? quick : full
/** All in all; what is not measured by then is not there. */
const limit = "290 seconds"

const main = Effect.gen(function*() {
  const from = performance.now()
  const world = yield* World.make
  const there = others.filter((subject) => !without.includes(subject.name) && subject.isThere(world))
  const figures: Array<Figure> = []
  const measure = Effect.gen(function*() {
    for (const scenario of scenarios) {
      if (wanted.length > 0 && !wanted.includes(scenario.name)) continue
      const since = performance.now()
      figures.push(
        ...yield* Effect.catchCause(scenario.run({ world, settings, others: there }), (cause) => {
          process.exitCode = 1
          return Effect.as(Effect.sync(() => console.error(scenario.name, Cause.pretty(cause))), [])
        })
      )
      console.error(`${scenario.name}: ${((performance.now() - since) / 1_000).toFixed(1)} s`)
    }
  })
  yield* Effect.timeoutOrElse(measure, {
    duration: limit,
    orElse: () =>
      Effect.sync(() => {
        process.exitCode = 1
        console.error(`Not all was measured within ${limit}.`)
      })
  })
  const missing = others.filter((subject) => !there.includes(subject)).map(({ name }) => name)
  const node = process.version
  if (values.json) {
    const cpus = availableParallelism()
    console.log(JSON.stringify({ node, cpus, missing, settings, figures: figures.map(toJson) }, null, 2))
    return
  }
  console.log(render([header, ...figures.map(row)]))
  const seconds = ((performance.now() - from) / 1_000).toFixed(0)
  console.log(
    `\nnode ${node}, medians, ${seconds} s in all. A stop is given up after 12 s. From outside: looked for every 1 to 10 ms.`
  )
  if (missing.length > 0) console.log(`Not there: ${missing.join(", ")}.`)
})

// A Ctrl-C ends what was started, too.
const controller = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort())
const exit = await Effect.runPromiseExit(Effect.scoped(main), { signal: controller.signal })
if (Exit.isFailure(exit)) {
  process.exitCode = 1
  console.error(Cause.hasInterruptsOnly(exit.cause) ? "Interrupted." : Cause.pretty(exit.cause))
}
const left = marked(World.mark)
if (left.length > 0) {
  process.exitCode = 1
  console.error(`Processes are left: ${left.join(", ")}`)
}
