/** What jobs use, over the last two minutes: for each a few numbers that grow no further. */
import type { Usages } from "./wire.ts"

/** How many samples a chart shows. */
export const samples = 60

export interface Series {
  readonly pid: number | undefined
  readonly processes: number
  readonly killAfterMillis: number | undefined
  /** In percent of one core. */
  readonly cpu: ReadonlyArray<number>
  readonly memory: ReadonlyArray<number>
  readonly last: { readonly at: number; readonly cpuMillis: number } | undefined
}

export type Usage = ReadonlyMap<string, Series>

export const none: Usage = new Map()

/** One more sample of each. Who is not in it is no job any more. */
export const next = (usage: Usage, sample: Usages, at: number): Usage =>
  new Map(
    Object.entries(sample).map(([path, now]) => {
      const before = usage.get(path)
      const { cpuMillis, killAfterMillis, memoryBytes, pid, processes } = now
      const runs = typeof cpuMillis === "number" && typeof memoryBytes === "number"
      const isSame = before?.last !== undefined && runs && before.last.cpuMillis <= cpuMillis &&
        (pid === undefined || pid === before.pid)
      const cpu = isSame ? 100 * (cpuMillis - before.last!.cpuMillis) / Math.max(1, at - before.last!.at) : 0
      const series: Series = {
        pid: pid ?? undefined,
        processes: processes ?? 0,
        killAfterMillis: killAfterMillis ?? undefined,
        cpu: isSame || !runs ? append(before?.cpu, cpu) : before?.cpu ?? [],
        memory: append(before?.memory, memoryBytes ?? 0),
        last: runs ? { at, cpuMillis } : undefined
      }
      return [path, series]
    })
  )

const append = (series: ReadonlyArray<number> = [], value: number): ReadonlyArray<number> =>
  [...series, value].slice(-samples)

/** The points of a line through the samples, the newest at the right edge, in a box of this size. */
export const points = (series: ReadonlyArray<number>, width: number, height: number, atLeast: number): string => {
  const top = 1.15 * Math.max(atLeast, ...series)
  const step = width / (samples - 1)
  const from = samples - series.length
  return series
    .map((value, index) => `${((from + index) * step).toFixed(1)},${(height - (height * value) / top).toFixed(1)}`)
    .join(" ")
}
