/**
 * A chain of nested managers, against a chain of nested scopes whose fibers start deferred, per level. Each in a process
 * of its own: what a tree that is too deep does to the stack must not end the benchmarks.
 */
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { inFreshProcess } from "./freshProcess.ts"
import { atMostTimes, compare, type Figure, figure, type Sample, type Scenario } from "./harness.ts"

const probe = fileURLToPath(new URL("depthProbe.ts", import.meta.url))

type Metric = "start" | "stop"

const failed: Sample<Metric> = { start: Number.NaN, stop: Number.NaN }

/** Once it failed it is not tried again. */
const measure = (subject: string, depth: number) => {
  let broken = false
  return Effect.suspend(() => broken ? Effect.succeed(failed) : inFreshProcess<Metric>([probe, subject, String(depth)]))
    .pipe(
      Effect.catch((error) =>
        Effect.sync(() => {
          broken = true
          console.error(`depth ${depth} of ${subject}: ${error.message}`)
          return failed
        })
      )
    )
}

export const depth: Scenario = {
  name: "depth",
  run: Effect.fnUntraced(function*(settings) {
    const rounds = { ...settings, warmUps: 0, childrenPerRound: 1, rounds: settings.processes }
    const figures: Array<Figure> = []
    for (const depth of settings.depths) {
      const compared = yield* compare(rounds, { ours: measure("ours", depth), raw: measure("raw", depth) })
      const bounds = [atMostTimes(2, "raw")]
      figures.push(
        figure("start nested, per level", depth, "us", compared, "start", bounds),
        figure("stop nested, per level", depth, "us", compared, "stop", bounds)
      )
    }
    return figures
  })
}
