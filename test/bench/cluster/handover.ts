/** How long work is nowhere when its node is stopped, killed or frozen: real processes, times from a log they share. */
import { setTimeout as sleep } from "node:timers/promises"
import { Cluster, until } from "../../cluster/harness.ts"

export const signals = ["SIGTERM", "SIGKILL", "SIGSTOP"] as const
export type Signal = typeof signals[number]

export interface Sample {
  /** From the signal to the start elsewhere, in milliseconds. */
  readonly handover: number
  /** For how long a frozen owner that was woken up ran beside its successor, fences aside. */
  readonly overlap: number
}

const name = "mailer"

/** One owner after another gets the signal, on three nodes. */
export const measure = async (kind: "file" | "postgres", signal: Signal, rounds: number): Promise<Array<Sample>> => {
  await using cluster = new Cluster()
  if (kind === "postgres") await cluster.startPostgres()
  const settings = { singletons: [name] }
  await cluster.startAll(3, settings)

  const once = async (left: number, samples: Array<Sample>): Promise<Array<Sample>> => {
    if (left === 0) return samples
    // Until nothing has moved for a while.
    const last = await until("it has settled", () => {
      const line = cluster.lines.findLast((line) => line.name === name)
      return line?.what === "+" && Date.now() - line.at > 2500 && line
    }, 30_000)
    const owner = cluster.nodeOf(last.node)
    // Not always at the same moment of what is done every so often.
    await sleep(Math.random() * 1000)
    const at = owner.kill(signal)
    const next = await cluster.line("+", name, at, 20_000, owner.name)
    let overlap = 0
    if (signal === "SIGSTOP") {
      owner.kill("SIGCONT")
      const woken = Date.now()
      const end = await until(
        "it has ended there",
        () => cluster.lines.find((line) => line.what === "-" && line.node === owner.name && line.token === last.token),
        10_000
      )
      overlap = Math.max(0, end.at - woken)
    } else {
      await owner.ended
      await cluster.start({ ...settings, port: owner.port })
    }
    return once(left - 1, [...samples, { handover: next.at - at, overlap }])
  }
  return await once(rounds, [])
}
