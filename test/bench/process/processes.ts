/** What /proc says about the processes of the benchmark: which there are, and what they use. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"

/** Whatever is read of a process that is gone by now. */
const read = (pid: number, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1")
  } catch {
    return ""
  }
}

export const pids = (): ReadonlyArray<number> => readdirSync("/proc").filter((name) => /^\d/.test(name)).map(Number)

/** From the state on: state, parent, group ... */
const stat = (pid: number): ReadonlyArray<string> => {
  const text = read(pid, "stat")
  return text.slice(text.lastIndexOf(")") + 2).split(" ")
}

/** Zombies are not: on some machines nobody reaps them. */
export const isAlive = (pid: number): boolean => {
  const state = stat(pid)[0]!
  return state !== "" && state !== "Z" && state !== "X"
}

const words = (pid: number): ReadonlyArray<string> => read(pid, "cmdline").split("\0")

/** By the last argument, that of a `sleep`. */
export const sleepOf = (pid: number): string | undefined => {
  const [program = "", argument] = words(pid)
  return program.endsWith("sleep") ? argument : undefined
}

/** Those that sleep for a time that begins like this, by that time. */
export const sleepers = (prefix: string, known: ReadonlySet<number> = new Set()): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  for (const pid of pids()) {
    if (known.has(pid)) continue
    const sleep = sleepOf(pid)
    if (sleep?.startsWith(prefix) === true) found.set(sleep, pid)
  }
  return found
}

/** The variable that every process of a run has inherited. */
export const markVariable = "EFFECT_SUPERVISOR_PROCESS_BENCH"

/** Those whose mark begins like this. */
const hasMark = (pid: number, mark: string): boolean =>
  `\0${read(pid, "environ")}`.includes(`\0${markVariable}=${mark}`)

/**
 * Those with the mark, and those below them. A guardian of ours has an environment of its own, and after the death of its
 * supervisor also another parent: it is known by the number of its supervisor, one of the roots.
 */
export const marked = (mark: string, roots: ReadonlyArray<number> = []): ReadonlyArray<number> => {
  const all = pids().filter((pid) => pid !== process.pid && isAlive(pid))
  const family = new Set(all.filter((pid) => hasMark(pid, mark)))
  for (const pid of all) {
    const [, , , program, supervisor] = words(pid)
    if (program === "effect-supervisor-guardian" && roots.includes(Number(supervisor))) family.add(pid)
  }
  for (let size = -1; size !== family.size;) {
    size = family.size
    for (const pid of all) if (family.has(Number(stat(pid)[1]))) family.add(pid)
  }
  return [...family]
}

const killAll = (pids: ReadonlyArray<number>): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // Gone already.
    }
  }
}

/** Until none is left: a supervisor may have started one while it was killed. */
export const endAll = (find: () => ReadonlyArray<number>): void => {
  for (let round = 0; round < 20; round++) {
    const left = find()
    if (left.length === 0) return
    killAll(left)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  }
}

/** Bytes, each shared page divided among those that share it. */
export const proportionalBytes = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(read(pid, "smaps_rollup"))?.[1] ?? 0) * 1024

/** The time that its threads have run. Finer than what `stat` says, which goes by 10 ms. */
export const cpuMillis = (pid: number): number =>
  sum(list(`/proc/${pid}/task`).map((thread) => Number(read(pid, `task/${thread}/schedstat`).split(" ")[0]) / 1e6))

const list = (directory: string): ReadonlyArray<string> => {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

export const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

/** Something was not measured. */
export class NotMeasured extends Data.TaggedError("NotMeasured")<{ readonly message: string }> {}

/** Looks again and again until there is something to see. */
export const until = <A>(
  look: () => A | undefined,
  withinMillis: number,
  everyMillis = 2
): Effect.Effect<A, NotMeasured> =>
  Effect.callback<A, NotMeasured>((resume) => {
    const from = performance.now()
    let timer: NodeJS.Timeout | undefined
    const tick = () => {
      const found = look()
      if (found !== undefined) return resume(Effect.succeed(found))
      if (performance.now() - from > withinMillis) {
        return resume(Effect.fail(new NotMeasured({ message: `nothing within ${withinMillis} ms` })))
      }
      timer = setTimeout(tick, everyMillis)
    }
    tick()
    return Effect.sync(() => clearTimeout(timer))
  })
