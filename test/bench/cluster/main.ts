/**
 * `npm run bench:cluster`: how fast work moves, how much of it, and what that costs.
 *
 *     npm run bench:cluster -- --rounds 20          as the figures in the docs are from; the default is 5
 *     npm run bench:cluster -- --only placement     some of it: placement, idle, load, handover
 *     npm run bench:cluster -- --storage file       handovers on a file instead of PostgreSQL
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as handover from "./handover.ts"
import * as load from "./load.ts"
import { simulate } from "./placement.ts"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", multiple: true, default: [] },
    storage: { type: "string", default: "postgres" }
  }
})
const all = ["placement", "idle", "load", "handover"] as const
const wanted = new Set<string>(values.only.length === 0 ? all : values.only.flatMap((names) => names.split(",")))
const say = (line: string) => process.stdout.write(`${line}\n`)

const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

if (wanted.has("placement")) {
  say("placement                nodes  shards     keys  moved on join  on loss  most loaded  idle nodes  ms to compute")
  for (
    const [nodes, shards, keys] of [
      [2, 300, 100],
      [3, 300, 100],
      [3, 300, 1_000_000],
      [5, 300, 1_000_000],
      [10, 1000, 1_000_000],
      [100, 10_000, 1_000_000],
      [1000, 300, 1_000_000],
      [1000, 100_000, 1_000_000]
    ] as const
  ) {
    const p = simulate(nodes, shards, keys)
    const cells = [nodes, shards, keys].map((n, at) => String(n).padStart([8, 8, 9][at]!)).join("")
    say(
      `                      ${cells}  ${p.joinRatio.toFixed(2).padStart(12)}x ${p.lossRatio.toFixed(2).padStart(7)}x ${
        p.most.toFixed(2).padStart(11)
      }x  ${String(p.idle).padStart(10)}  ${p.millis.toFixed(1).padStart(13)}`
    )
  }
  say("(moved: of the 1/n that has to)")
}

if (wanted.has("idle")) {
  const probe = fileURLToPath(new URL("idle.ts", import.meta.url))
  const out = execFileSync(process.execPath, ["--expose-gc", "--disable-warning=ExperimentalWarning", probe], {
    encoding: "utf8"
  })
  const { cluster, core } = JSON.parse(out)
  say(
    `idle singleton           ${cluster.bytes.toFixed(0)} B, a core child ${core.bytes.toFixed(0)} B: ${
      (cluster.bytes / core.bytes).toFixed(2)
    }x`
  )
  say(
    `                         ${cluster.cpu.toFixed(2)} ms of processor per second and 1000, core ${
      core.cpu.toFixed(2)
    } ms`
  )
}

if (wanted.has("load")) {
  say(`storage                  ${(await load.measure(3, 0)).toFixed(1)} statements per second and idle node`)
  say(`                         ${(await load.measure(3, 100)).toFixed(1)} with 100 replicas`)
}

if (wanted.has("handover")) {
  const storage = values.storage === "file" ? "file" : "postgres"
  const rounds = Number(values.rounds)
  const next = async (left: ReadonlyArray<handover.Signal>): Promise<void> => {
    const [signal, ...rest] = left
    if (signal === undefined) return
    const samples = await handover.measure(storage, signal, rounds)
    const times = samples.map(({ handover }) => handover)
    const overlaps = samples.map(({ overlap }) => overlap)
    say(
      `handover, ${storage.padEnd(8)} ${signal}  median ${median(times)} ms, worst ${
        Math.max(...times)
      } ms of ${rounds}${
        signal === "SIGSTOP"
          ? `; after waking up beside the next ${median(overlaps)} ms, worst ${Math.max(...overlaps)} ms`
          : ""
      }`
    )
    return next(rest)
  }
  await next(handover.signals)
}
