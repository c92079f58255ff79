/** Who is left behind, by supervisors as they are by default. */
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type NotMeasured, pids, sleepers, sleepOf, until } from "./processes.ts"
import type { Child } from "./programs/children.ts"
import { launch, type Subject } from "./subjects.ts"
import type { World } from "./world.ts"

export const cases = {
  crashes: "a leader crashed, twice, leaving a child in its group",
  obeys: "a leader obeyed TERM, its child ignored it",
  wrapper: "stop of `sh -c`",
  ignores: "stop of a child that ignores TERM",
  killed: "kill -9 of the supervisor of 5"
} as const

export type Case = keyof typeof cases

const leader = fileURLToPath(new URL("leader.sh", import.meta.url))

/** How long a stop may take: longer than the 10 s that supervisord gives by default. */
const stopMillis = 13_000
/** How long the third run of the one that crashes may take to come. */
const crashMillis = 10_000

let lives = 0

const prefixOf = () => `1000.${process.pid}${String(900 + ++lives)}`

/** How many sleep for a time that begins like this. */
const count = (prefix: string): number => pids().filter((pid) => sleepOf(pid)?.startsWith(prefix) === true).length

const numbers: Readonly<Record<Exclude<Case, "killed">, string>> = {
  crashes: "1",
  obeys: "2",
  wrapper: "3",
  ignores: "4"
}

/** Four of the cases, under one supervisor. The sleep of a child ends with 1, that of a leader with 2. */
const stopped = (world: World, subject: Subject) =>
  Effect.scoped(Effect.gen(function*() {
    const prefix = prefixOf()
    const sleep = (name: keyof typeof numbers, who: 1 | 2) => `${prefix}${numbers[name]}${who}`
    const file = join(world.directory, `crashes-${prefix}`)
    const ofLeader = (name: keyof typeof numbers): Child => ({
      name,
      argv: ["/bin/sh", leader, name, sleep(name, 1), sleep(name, 2), file]
    })
    const wrapper: Child = { name: "wrapper", argv: ["/bin/sh", "-c", `/bin/sleep ${sleep("wrapper", 1)}; true`] }
    const children = [ofLeader("crashes"), ofLeader("obeys"), wrapper, ofLeader("ignores")]
    const instance = yield* launch(world, subject, children)
    const wanted = [sleep("crashes", 2), sleep("obeys", 1), sleep("obeys", 2), sleep("wrapper", 1), sleep("ignores", 1)]
    // What is swept with the crash has had its time when its successor runs; some wait for its child and never run one.
    yield* Effect.ignore(until(
      () => {
        const there = sleepers(prefix)
        return wanted.every((sleep) => there.has(sleep)) || undefined
      },
      crashMillis,
      20
    ))
    const crashes = count(sleep("crashes", 1))
    instance.stop()
    yield* Effect.ignore(until(() => count(prefix) <= crashes || undefined, stopMillis, 50))
    const left = (name: keyof typeof numbers) => count(`${prefix}${numbers[name]}`)
    return { crashes, obeys: left("obeys"), wrapper: left("wrapper"), ignores: left("ignores") }
  }))

/** The fifth, which is the end of a supervisor. */
const killed = (world: World, subject: Subject) =>
  Effect.scoped(Effect.gen(function*() {
    const prefix = prefixOf()
    const children = Array.from({ length: 5 }, (_, index): Child => ({
      name: `c${index}`,
      argv: ["/bin/sleep", `${prefix}${index}`]
    }))
    const instance = yield* launch(world, subject, children)
    yield* until(() => count(prefix) === children.length || undefined, crashMillis, 20)
    yield* Effect.sleep("200 millis")
    process.kill(instance.pid(), "SIGKILL")
    yield* Effect.sleep("1 second")
    const left = count(prefix)
    // Nobody may be left who only watched, either.
    const watchers = instance.family().filter((pid) => sleepOf(pid) === undefined).length
    return { killed: left, watchers }
  }))

/** How many survive, by case. */
export const survivors = (world: World, subject: Subject): Effect.Effect<Readonly<Record<Case, number>>, NotMeasured> =>
  Effect.map(
    Effect.all([stopped(world, subject), killed(world, subject)], { concurrency: 2 }),
    ([stopped, killed]) => ({ ...stopped, ...killed })
  )
