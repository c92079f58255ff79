/** The figures of the process benchmark, from what was measured. */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { atLeastTimes, atMost, atMostTimes, type Bound, type Figure, median } from "../harness.ts"
import { count, type Life, live, type What } from "./hold.ts"
import { markVariable, NotMeasured, until } from "./processes.ts"
import * as subjects from "./subjects.ts"
import type { Subject } from "./subjects.ts"
import { type Case, cases, survivors } from "./survivors.ts"
import { mark, type World } from "./world.ts"

/** How much to run. */
export interface Settings {
  /** Lives of ours and of bare spawns; of the others only the last few. */
  readonly rounds: number
  readonly roundsOfOthers: number
  readonly kills: number
  readonly idleMillis: number
  /** Runs of `cat`, in each of which two million lines are read. */
  readonly reads: number
  /** Runs of each of ten sizes, and for how long to begin another. */
  readonly completeness: { readonly times: number; readonly seconds: number }
}

export const full: Settings = {
  rounds: 5,
  roundsOfOthers: 2,
  kills: 10,
  idleMillis: 10_000,
  reads: 9,
  completeness: { times: 10, seconds: 60 }
}

export const quick: Settings = {
  rounds: 2,
  roundsOfOthers: 1,
  kills: 5,
  idleMillis: 2_000,
  reads: 3,
  completeness: { times: 1, seconds: 20 }
}

/** Those who are compared in a run. */
export interface Run {
  readonly world: World
  readonly settings: Settings
  readonly others: ReadonlyArray<Subject>
}

export interface Scenario {
  readonly name: string
  readonly run: (run: Run) => Effect.Effect<ReadonlyArray<Figure>, NotMeasured>
}

/** No slower than any of those that were measured, but for bare spawns. */
const noSlowerThan = (others: ReadonlyArray<Subject>): ReadonlyArray<Bound> =>
  others.map(({ name }) => atMostTimes(1, name))

/** One that fails does not take the others with it: its figures are NaN. */
const orFailed = <A>(what: string, effect: Effect.Effect<A, NotMeasured>, failed: A): Effect.Effect<A> =>
  Effect.catch(effect, (error) => {
    console.error(`${what}: ${error.message}`)
    return Effect.succeed(failed)
  })

// ------------------------------------------------------------------------------------------------ a hundred, held

const noLife: Life = {
  up: NaN,
  upInside: undefined,
  restart: NaN,
  restartInside: undefined,
  memory: NaN,
  cpu: NaN,
  stop: NaN
}

/** The medians of what was measured. */
const ofLives = (lives: ReadonlyArray<Life>): Life => {
  const of = (metric: keyof Life): number | undefined => {
    const values = lives.flatMap((life) => life[metric] ?? [])
    return values.length === 0 ? undefined : median(values)
  }
  return {
    up: of("up") ?? NaN,
    upInside: of("upInside"),
    restart: of("restart"),
    restartInside: of("restartInside"),
    memory: of("memory"),
    cpu: of("cpu"),
    stop: of("stop") ?? NaN
  }
}

const mebi = 1024 * 1024

const hold: Scenario = {
  name: "hold",
  run: Effect.fnUntraced(function*({ others, settings, world }) {
    const { idleMillis, kills, rounds, roundsOfOthers } = settings
    const { bare, loaded, ours, oursParallel, spawner } = subjects
    const bases = [bare, loaded, spawner]
    const lives = new Map<Subject, Array<Life>>([ours, ...bases, oursParallel, ...others].map((one) => [one, []]))
    const idleOf = (subject: Subject): number => {
      if (subject === ours || subject === bare) return idleMillis
      return others.includes(subject) ? idleMillis / 3 : 0
    }
    for (let left = rounds; left > 0; left--) {
      const isLast = left === 1
      for (const subject of lives.keys()) {
        const isOther = others.includes(subject)
        if (isOther && left > roundsOfOthers) continue
        const what: What = {
          tells: !isOther,
          kills: subject !== oursParallel && (isLast || !isOther) ? kills : 0,
          idleMillis: isLast ? idleOf(subject) : 0
        }
        lives.get(subject)!.push(yield* orFailed(subject.name, live(world, subject, what), noLife))
      }
    }
    const medians = new Map(Array.from(lives, ([subject, lives]) => [subject, ofLives(lives)]))
    const figure = (
      label: string,
      unit: string,
      metric: keyof Life,
      of: ReadonlyArray<Subject>,
      bounds: ReadonlyArray<Bound>,
      scale = 1,
      who = ours
    ): Figure => {
      const value = (subject: Subject): number => (medians.get(subject)![metric] ?? NaN) / scale
      const against = Object.fromEntries(of.map((subject) => [subject.name, value(subject)]))
      return { label, n: count, unit, ours: value(who), against, bounds }
    }
    const there = (...names: ReadonlyArray<Subject>) => names.filter((subject) => others.includes(subject))
    const all = [bare, ...others]
    const stopBounds = [atMost(200, "200 ms"), ...noSlowerThan(others)]
    return [
      figure("up, from the call", "ms", "upInside", bases, [atMostTimes(1.5, bare.name)]),
      figure("up, from the command line", "ms", "up", all, noSlowerThan(there(subjects.pm2, subjects.supervisord))),
      figure("restart after kill -9, from inside", "ms", "restartInside", bases, [atMostTimes(1.5, bare.name)]),
      figure("restart after kill -9, seen from outside", "ms", "restart", all, noSlowerThan(there(subjects.pm2))),
      figure("stop of all, one after the other", "ms", "stop", all, stopBounds),
      figure("stop of all, in parallel", "ms", "stop", all, stopBounds, 1, oursParallel),
      figure("memory of the supervisor (PSS)", "MiB", "memory", all, [atMost(130e6 / mebi, "130 MB")], mebi),
      figure("CPU while idle", "%", "cpu", all, [atMost(0.2, "0.2 %")])
    ]
  })
}

// -------------------------------------------------------------------------------------------------------------- logs

/** Runs one of our programs; the numbers that it tells. */
const tellOf = (world: World, args: ReadonlyArray<string>, timeout: number) =>
  Effect.callback<Readonly<Record<string, number>>, NotMeasured>((resume) => {
    const env = { ...process.env, TMPDIR: world.directory, [markVariable]: `${mark}0.` }
    const child = execFile(world.node, args, { timeout, killSignal: "SIGKILL", env }, (error, stdout) =>
      resume(
        error === null
          ? Effect.sync(() => Object.assign({}, ...stdout.trim().split("\n").map((line) => JSON.parse(line))))
          : Effect.fail(new NotMeasured({ message: error.message }))
      ))
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

const twoMillion = 2_000_000

/** Lines of up to eight bytes, in a file: the program that writes them is `cat`, and not the slowest. */
const writeLines = (path: string): void => {
  const parts: Array<string> = []
  for (let from = 1; from <= twoMillion; from += 10_000) {
    parts.push(Array.from({ length: 10_000 }, (_, index) => `${from + index}\n`).join(""))
  }
  writeFileSync(path, parts.join(""))
}

const throughput = Effect.fnUntraced(function*({ settings, world }: Run) {
  const file = join(world.directory, "lines")
  writeLines(file)
  // In turns, a process each.
  const times = { ours: [] as Array<number>, raw: [] as Array<number> }
  for (let turn = 0; turn < 3; turn++) {
    for (const subject of ["raw", "ours"] as const) {
      const args = [world.program("throughput"), subject, file, String(Math.ceil(settings.reads / 3))]
      times[subject].push((yield* tellOf(world, args, 30_000))["millis"]!)
    }
  }
  const rate = (millis: ReadonlyArray<number>) => twoMillion / median(millis) / 1_000
  const figure: Figure = {
    label: "log capture, lines",
    n: twoMillion,
    unit: "M/s",
    ours: rate(times.ours),
    against: { "raw pipe": rate(times.raw) },
    bounds: [atLeastTimes(0.5, "raw pipe")]
  }
  return figure
})

const sizes = [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000]

/** The lines that pm2 did not write into the files of one run of each size. */
const lostByPm2 = (world: World) =>
  Effect.scoped(Effect.gen(function*() {
    const children = sizes.map((size) => ({ name: `n${size}`, argv: ["seq", String(size)] } as const))
    const instance = yield* subjects.launch(world, subjects.pm2Once, children)
    const written = () =>
      readdirSync(instance.directory).filter((name) => name.startsWith("out-"))
        .reduce(
          (total, name) => total + readFileSync(join(instance.directory, name), "latin1").split("\n").length - 1,
          0
        )
    let last = -1
    // Until nothing has come for a second.
    yield* until(
      () => {
        const now = written()
        const isOver = now === last && now > 0
        last = now
        return isOver || undefined
      },
      20_000,
      1_000
    )
    return sizes.reduce((total, size) => total + size, 0) - last
  }))

const completeness = Effect.fnUntraced(function*({ others, settings, world }: Run) {
  const { seconds, times } = settings.completeness
  const args = [world.program("completeness"), String(times), String(seconds), ...sizes.map(String)]
  const { lost = NaN, runs = 0 } = yield* tellOf(world, args, 2 * seconds * 1_000)
  const pm2 = others.includes(subjects.pm2)
    ? { "pm2 (of 10 runs)": yield* orFailed("pm2", lostByPm2(world), NaN) }
    : {}
  const figure: Figure = {
    label: "lines lost, in runs of 1 k to 1 M lines",
    n: runs,
    unit: "",
    ours: lost,
    against: pm2,
    bounds: [atMost(0, "0")]
  }
  return figure
})

const logs: Scenario = {
  name: "logs",
  run: (run) => Effect.all([throughput(run), completeness(run)])
}

// --------------------------------------------------------------------------------------------------------- survivors

const none = { crashes: NaN, obeys: NaN, wrapper: NaN, ignores: NaN, killed: NaN }

const byDefault = (subject: Subject): Subject =>
  subject === subjects.concurrently ? subjects.concurrentlyByDefault : subject

const left: Scenario = {
  name: "survivors",
  run: Effect.fnUntraced(function*({ others, world }) {
    const compared = [subjects.ours, subjects.bare, ...others.map(byDefault)]
    // At the same time: nothing is timed but how long to wait for those that never stop.
    const counts = yield* Effect.forEach(
      compared,
      (subject) => orFailed(subject.name, survivors(world, subject), none),
      { concurrency: "unbounded" }
    )
    return Object.entries(cases).map(([name, label]): Figure => ({
      label: `left: ${label}`,
      n: name === "crashes" ? 2 : name === "killed" ? 5 : 1,
      unit: "",
      ours: counts[0]![name as Case],
      against: Object.fromEntries(compared.slice(1).map((subject, i) => [subject.name, counts[i + 1]![name as Case]])),
      bounds: [atMost(0, "0")]
    }))
  })
}

export const scenarios: ReadonlyArray<Scenario> = [hold, logs, left]
