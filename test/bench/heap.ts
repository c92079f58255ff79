/** What a running idle child keeps on the heap, each number from a process of its own. */
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { inFreshProcess } from "./freshProcess.ts"
import { atMost, atMostTimes, compare, type Figure, figure, type Scenario } from "./harness.ts"

const probe = fileURLToPath(new URL("heapProbe.ts", import.meta.url))

const measure = (subject: string, n: number) =>
  inFreshProcess<"running" | "described">(["--expose-gc", probe, subject, String(n)])

export const heap: Scenario = {
  name: "heap",
  run: Effect.fnUntraced(function*(settings) {
    // A fresh process has nothing to warm up, and repeats itself to within a few bytes.
    const rounds = { ...settings, warmUps: 0, childrenPerRound: 1, rounds: settings.processes }
    const running: Array<Figure> = []
    const described: Array<Figure> = []
    for (const n of settings.sizes) {
      const subjects = { ours: measure("ours", n), raw: measure("raw", n), FiberMap: measure("FiberMap", n) }
      const compared = yield* compare(rounds, subjects)
      const bounds = [atMostTimes(1.5, "raw"), atMost(1_100, "1.1 kB")]
      running.push(figure("heap, per child", n, "B", compared, "running", bounds))
      described.push(figure("heap with descriptions, per child", n, "B", compared, "described"))
    }
    return [...running, ...described]
  })
}
