/**
 * `npm run bench`: what a supervised child costs, beside plain fibers in the same run.
 *
 *     npm run bench -- --quick               a short run, for a first look
 *     npm run bench -- --only start,churn    some of it
 *     npm run bench -- --json                for a machine
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { type Figure, full, quick, quietly } from "./harness.ts"
import { scenarios } from "./scenarios.ts"
import { idle, names, startFiberMap, startOurs, startRaw } from "./subjects.ts"
import { header, render, row, toJson } from "./table.ts"

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] }
  }
})

const wanted = values.only.flatMap((names) => names.split(","))
const unknown = wanted.filter((name) => !scenarios.some((scenario) => scenario.name === name))
if (unknown.length > 0) {
  console.error(
    `No benchmark ${unknown.join(", ")}. There are: ${scenarios.map((scenario) => scenario.name).join(", ")}`
  )
  process.exit(2)
}
if (globalThis.gc === undefined) {
  console.error("Run it with node --expose-gc, or by npm run bench: garbage of one subject would be paid by another.")
  process.exit(2)
}

const settings = values.quick ? quick : full

const main = Effect.gen(function*() {
  const figures: Array<Figure> = []
  const from = performance.now()
  for (const scenario of scenarios) {
    if (wanted.length > 0 && !wanted.includes(scenario.name)) continue
    const since = performance.now()
    // One that breaks does not take the figures of the others with it.
    figures.push(
      ...yield* Effect.catchCause(scenario.run(settings), (cause) => {
        process.exitCode = 1
        return Effect.as(Effect.sync(() => console.error(scenario.name, Cause.pretty(cause))), [])
      })
    )
    console.error(`${scenario.name}: ${((performance.now() - since) / 1_000).toFixed(1)} s`)
  }
  if (values.json) {
    const node = process.version
    console.log(JSON.stringify({ node, cpus: availableParallelism(), settings, figures: figures.map(toJson) }, null, 2))
    return
  }
  console.log(render([header, ...figures.map(row)]))
  const seconds = ((performance.now() - from) / 1_000).toFixed(0)
  console.log(
    `\nnode ${process.version}, medians of ${settings.rounds} interleaved rounds, ${seconds} s in all`
  )
})

/**
 * One supervisor and one FiberMap live throughout, as in any program that has them: when the last object of a shape is
 * collected, V8 forgets the code that it had optimised for it, and whoever is measured next pays for that.
 */
const live = Effect.gen(function*() {
  const scope = yield* Effect.scope
  yield* startOurs(idle(2), scope)
  yield* startFiberMap(names(2), yield* FiberMap.make<string>())
  yield* startRaw(2, scope)
})

await Effect.runPromise(Effect.scoped(Effect.andThen(quietly(live), main)))
