/**
 * What all benchmarks share: which sizes to run, how to time, how to compare. Subjects are measured in turns within one
 * run, so that whatever slows the machine down slows all of them down, and figures are medians over the rounds.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"

/** How much to run. */
export interface Settings {
  /** The numbers of children. */
  readonly sizes: ReadonlyArray<number>
  readonly rounds: number
  /** Rounds before those, which do not count. */
  readonly warmUps: number
  /** Small sizes are repeated within a round until about so many children were measured. */
  readonly childrenPerRound: number
  /** Restarts in a row. */
  readonly restarts: number
  /** Live siblings, where they are only the background; also the size of a snapshot. */
  readonly siblings: number
  /** Crashes of one child among its siblings, per round. */
  readonly crashes: number
  /** Children added and taken out again, per round. */
  readonly churn: number
  /** Levels of nested managers. */
  readonly depths: ReadonlyArray<number>
  /** Fresh processes per figure that takes one. */
  readonly processes: number
  /** Fresh processes per entry point. */
  readonly imports: number
}

export const full: Settings = {
  sizes: [1_000, 10_000, 100_000],
  rounds: 5,
  warmUps: 4,
  childrenPerRound: 40_000,
  restarts: 100_000,
  siblings: 10_000,
  crashes: 2_000,
  churn: 20_000,
  depths: [1_000, 10_000],
  processes: 5,
  imports: 9
}

export const quick: Settings = {
  sizes: [1_000, 10_000],
  rounds: 3,
  warmUps: 2,
  childrenPerRound: 2_000,
  restarts: 30_000,
  siblings: 10_000,
  crashes: 500,
  churn: 5_000,
  depths: [1_000],
  processes: 1,
  imports: 3
}

/** Only to see that everything runs. */
export const tiny: Settings = {
  sizes: [10],
  rounds: 1,
  warmUps: 0,
  childrenPerRound: 10,
  restarts: 20,
  siblings: 10,
  crashes: 5,
  churn: 5,
  depths: [5],
  processes: 1,
  imports: 1
}

/** What must hold of a figure: what the project sets itself as its goals. */
export interface Bound {
  readonly text: string
  readonly holds: (figure: Omit<Figure, "bounds">) => boolean
}

export interface Figure {
  readonly label: string
  readonly n: number
  readonly unit: string
  readonly ours: number
  /** What it is compared with, by name; the ratio is to the first. */
  readonly against: Readonly<Record<string, number>>
  readonly bounds: ReadonlyArray<Bound>
}

/** One benchmark. It returns its figures and checks nothing. */
export interface Scenario {
  readonly name: string
  readonly run: (settings: Settings) => Effect.Effect<ReadonlyArray<Figure>>
}

/** What one measurement of one subject yields, by metric. */
export type Sample<Metric extends string> = Readonly<Record<Metric, number>>

/** Sets up, measures and cleans up. Each measurement is a world of its own. */
export type Subject<Metric extends string> = Effect.Effect<Sample<Metric>, unknown>

/** Ours divided by what it is compared with. */
export const ratio = (figure: Omit<Figure, "bounds">, against = Object.keys(figure.against)[0]): number | undefined =>
  against === undefined ? undefined : figure.ours / figure.against[against]!

const relative = (limit: number, against: string, sign: string, holds: (ratio: number) => boolean): Bound => ({
  text: `${sign}${limit}x ${against}`,
  holds: (figure) => holds(ratio(figure, against)!)
})

export const atMostTimes = (limit: number, against: string): Bound =>
  relative(limit, against, "<=", (ratio) => ratio <= limit)

export const atLeastTimes = (limit: number, against: string): Bound =>
  relative(limit, against, ">=", (ratio) => ratio >= limit)

export const atMost = (limit: number, text: string): Bound => ({
  text: `<=${text}`,
  holds: (figure) => figure.ours <= limit
})

export const atLeast = (limit: number, text: string): Bound => ({
  text: `>=${text}`,
  holds: (figure) => figure.ours >= limit
})

/** The value that the given part of the values does not exceed. */
export const percentile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
}

export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

/** Collects garbage, if node was started with `--expose-gc`. */
export const collect: Effect.Effect<void> = Effect.sync(() => globalThis.gc?.())

/** How long an effect takes, in microseconds. */
export const micros = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const from = performance.now()
    return Effect.map(effect, () => (performance.now() - from) * 1_000)
  })

/** Lets the event loop turn once. */
export const turn: Effect.Effect<void> = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Without logs: what is measured is what runs without them. */
export const quietly = Effect.provideService(References.MinimumLogLevel, "None")

/** One measurement, in a fiber of its own, with a clean heap before it. */
const visit = <Metric extends string>(subject: Subject<Metric>, repeats: number) =>
  Effect.gen(function*() {
    yield* turn
    yield* collect
    const samples: Array<Sample<Metric>> = []
    for (let i = 0; i < repeats; i++) {
      samples.push(yield* Fiber.join(yield* Effect.forkDetach(quietly(Effect.orDie(subject)))))
    }
    return samples
  })

const medians = <Metric extends string>(samples: ReadonlyArray<Sample<Metric>>): Sample<Metric> => {
  const metrics = Object.keys(samples[0]!) as Array<Metric>
  return Object.fromEntries(
    metrics.map((metric) => [metric, median(samples.map((sample) => sample[metric]))])
  ) as Sample<Metric>
}

/** Measures all subjects in every round, each round beginning with another one. */
export const compare = <Name extends string, Metric extends string>(
  settings: Settings,
  subjects: Readonly<Record<Name, Subject<Metric>>>,
  n: number = settings.childrenPerRound
): Effect.Effect<Readonly<Record<Name, Sample<Metric>>>> =>
  Effect.gen(function*() {
    const names = Object.keys(subjects) as Array<Name>
    const repeats = Math.max(1, Math.ceil(settings.childrenPerRound / n))
    const samples = new Map(names.map((name) => [name, [] as Array<Sample<Metric>>]))
    for (let round = -settings.warmUps; round < settings.rounds; round++) {
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round + settings.warmUps) % names.length]!
        const measured = yield* visit(subjects[name], repeats)
        if (round >= 0) samples.get(name)!.push(...measured)
      }
    }
    return Object.fromEntries(names.map((name) => [name, medians(samples.get(name)!)])) as Record<Name, Sample<Metric>>
  })

/** One figure from what `compare` returned: the subject "ours" against all the others. */
export const figure = <Name extends string, Metric extends string>(
  label: string,
  n: number,
  unit: string,
  compared: Readonly<Record<Name | "ours", Sample<Metric>>>,
  metric: Metric,
  bounds: ReadonlyArray<Bound> = []
): Figure => ({
  label,
  n,
  unit,
  ours: compared.ours[metric],
  against: Object.fromEntries(
    Object.entries<Sample<Metric>>(compared).filter(([name]) => name !== "ours").map((
      [name, sample]
    ) => [name, sample[metric]])
  ),
  bounds
})
