/** What the log of all nodes proves: when each name was alive, where, and for how long twice or not at all. */
import type { Line } from "./harness.ts"

export interface Interval {
  readonly name: string
  readonly node: string
  readonly token: number
  readonly from: number
  /** `undefined`: it is still alive. */
  readonly to: number | undefined
}

/** From when to when each incarnation was alive. A process that was killed has not written when its children ended. */
export const intervals = (lines: ReadonlyArray<Line>, killed: ReadonlyMap<number, number>): Array<Interval> => {
  const ends = new Map(
    lines.filter(({ what }) => what === "-").map((line) => [`${line.pid} ${line.name} ${line.token}`, line.at])
  )
  return lines.filter(({ what }) => what === "+").map(({ at, name, node, pid, token }) => ({
    name,
    node,
    token,
    from: at,
    to: ends.get(`${pid} ${name} ${token}`) ?? killed.get(pid)
  }))
}

export interface Proof {
  /** The longest time for which a name was alive twice, and for which it was missing between two incarnations. */
  readonly overlap: number
  readonly gap: number
  readonly overlaps: ReadonlyArray<string>
  readonly gaps: ReadonlyArray<string>
  /** Names that are alive at the end. */
  readonly alive: ReadonlyArray<string>
}

const show = (found: ReadonlyArray<readonly [number, string]>) =>
  found.toSorted((a, b) => b[0] - a[0]).map(([millis, what]) => `${millis} ms: ${what}`)

const most = (found: ReadonlyArray<readonly [number, string]>) => Math.max(0, ...found.map(([millis]) => millis))

export const prove = (all: ReadonlyArray<Interval>): Proof => {
  const overlaps: Array<readonly [number, string]> = []
  const gaps: Array<readonly [number, string]> = []
  for (const name of new Set(all.map(({ name }) => name))) {
    const sorted = all.filter((interval) => interval.name === name).toSorted((a, b) => a.from - b.from)
    let until = sorted[0]!.to ?? Number.POSITIVE_INFINITY
    for (const next of sorted.slice(1)) {
      const what = `${next.name} token ${next.token} on ${next.node}`
      if (next.from < until) overlaps.push([Math.min(until, next.to ?? until) - next.from, what])
      else gaps.push([next.from - until, what])
      until = Math.max(until, next.to ?? Number.POSITIVE_INFINITY)
    }
  }
  return {
    overlap: most(overlaps),
    gap: most(gaps),
    overlaps: show(overlaps),
    gaps: show(gaps),
    alive: all.filter(({ to }) => to === undefined).map(({ name }) => name)
  }
}
