/** A hundred idle processes: how long until they are up, what it takes to hold them, to bring one back, to stop them. */
import * as Effect from "effect/Effect"
import { median } from "../harness.ts"
import { cpuMillis, NotMeasured, pids, proportionalBytes, sleepers, sleepOf, sum, until } from "./processes.ts"
import type { Child } from "./programs/children.ts"
import { type Instance, launch, type Subject } from "./subjects.ts"
import type { World } from "./world.ts"

export const count = 100

/** What one life of a supervisor yields, as far as it was measured: ms, bytes and percent. */
export interface Life {
  readonly up: number
  /** As the program itself measures it: without the start of its runtime. */
  readonly upInside: number | undefined
  readonly restart: number | undefined
  readonly restartInside: number | undefined
  readonly memory: number | undefined
  readonly cpu: number | undefined
  readonly stop: number
}

export interface What {
  /** How many kills are tried; no more once they have taken `patienceMillis`. */
  readonly kills: number
  /** How long it is left alone; 0: memory and CPU time are not measured. */
  readonly idleMillis: number
  /** The subject tells what it measures itself. */
  readonly tells: boolean
}

const patienceMillis = 4_000
/** Until what was needed to start is given back, and code that is not used any more. */
const settleMillis = 2_000
/** What has not stopped its processes by then counts as this. */
export const longestStop = 12_000

let lives = 0

/** Each sleeps for a time of its own, by which it is known. */
const describe = (): { readonly prefix: string; readonly children: ReadonlyArray<Child> } => {
  const prefix = `1000.${process.pid}${String(++lives).padStart(3, "0")}`
  const children = Array.from({ length: count }, (_, index) => ({
    name: `c${index}`,
    argv: ["/bin/sleep", `${prefix}${String(index).padStart(3, "0")}`]
  } as const))
  return { prefix, children }
}

const kill = (prefix: string, index: number) =>
  Effect.gen(function*() {
    const before = sleepers(prefix)
    // Only what is new is looked at.
    const known = new Set(pids())
    const sleep = `${prefix}${String(index).padStart(3, "0")}`
    const from = performance.now()
    process.kill(before.get(sleep)!, "SIGKILL")
    yield* until(() => sleepers(sleep, known).size > 0 ? true : undefined, 10_000, 1)
    return performance.now() - from
  })

/** The median of some kills. */
const restarts = (kills: number, once: (index: number) => Effect.Effect<number, NotMeasured>) =>
  Effect.gen(function*() {
    const times: Array<number> = []
    for (let index = 0; index < kills && sum(times) < patienceMillis; index++) {
      times.push(yield* once(index))
      yield* Effect.sleep("20 millis")
    }
    return times.length === 0 ? undefined : median(times)
  })

const idle = (instance: Instance, prefix: string, idleMillis: number) =>
  Effect.gen(function*() {
    yield* Effect.sleep(settleMillis)
    const held = new Set(sleepers(prefix).values())
    const family = instance.family().filter((pid) => !held.has(pid))
    const memory = sum(family.map(proportionalBytes))
    const before = sum(family.map(cpuMillis))
    yield* Effect.sleep(idleMillis)
    const cpu = (sum(family.map(cpuMillis)) - before) / idleMillis * 100
    return { memory, cpu }
  })

/**
 * Whether all are gone. One at a time is looked at, and the whole table only when all that are known have ended: to read it
 * takes half a core, which whoever stops them could use.
 */
const untilGone = (prefix: string) => {
  const isThere = (pid: number): boolean => sleepOf(pid)?.startsWith(prefix) === true
  let known = [...sleepers(prefix).values()]
  return (): boolean => {
    while (known.length > 0 && !isThere(known.at(-1)!)) known.pop()
    if (known.length === 0) known = [...sleepers(prefix).values()]
    return known.length === 0
  }
}

export const live = (world: World, subject: Subject, what: What): Effect.Effect<Life, NotMeasured> =>
  Effect.scoped(Effect.gen(function*() {
    const { children, prefix } = describe()
    const from = performance.now()
    const instance = yield* launch(world, subject, children)
    // Who tells is not looked at meanwhile: to read its memory map makes a fork wait, and the look takes half a core.
    const upInside = what.tells ? yield* instance.ask("up") : undefined
    const up = yield* until(
      () => sleepers(prefix).size === count ? performance.now() - from : undefined,
      20_000,
      10
    )
    const idled = what.idleMillis === 0 ? undefined : yield* idle(instance, prefix, what.idleMillis)
    const restart = yield* restarts(what.kills, (index) => kill(prefix, index))
    const restartInside = what.tells
      ? yield* restarts(what.kills, (index) => instance.ask("restart", `restart c${index}`))
      : undefined
    const areGone = untilGone(prefix)
    const asked = performance.now()
    instance.stop()
    const stopped = until(() => areGone() ? performance.now() - asked : undefined, longestStop)
    const stop = yield* Effect.orElseSucceed(stopped, () => longestStop)
    return { up, upInside, restart, restartInside, memory: idled?.memory, cpu: idled?.cpu, stop }
  })).pipe(
    Effect.timeoutOrElse({
      duration: "60 seconds",
      orElse: () => Effect.fail(new NotMeasured({ message: "took more than a minute" }))
    })
  )
