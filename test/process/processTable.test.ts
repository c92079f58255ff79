import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, existsSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ProcessTable from "../../src/process/internal/processTable.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

/** The groups of all tests, for the last one. */
const known = new Set<number>()

/** A shell line that leads a group of its own, which is gone at the end of the test. */
const group = (script: string) => program("/bin/sh", ["-c", script])

const program = (path: string, args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(path, args, { detached: true, stdio: ["ignore", "pipe", "ignore"] })
      known.add(child.pid!)
      return { pid: child.pid!, child, said: once(child.stdout, "data"), exit: once(child, "exit") }
    }),
    ({ pid }) => Effect.ignore(ProcessTable.signalGroup(pid, "SIGKILL"))
  )

const hasProc = existsSync("/proc/self/stat")

/** Starts a group that ends, and stands still without reaping it. */
const negligent = `
const { pid } = require("node:child_process").spawn("sleep", ["0"], { detached: true })
require("node:fs").writeSync(1, String(pid))
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)`

/** A group with zombies only. Gives its number. */
const zombies = Effect.gen(function*() {
  const parent = yield* program(process.execPath, ["-e", negligent])
  const [output] = yield* Effect.promise(() => parent.said)
  const pgid = Number(output)
  known.add(pgid)
  while ((yield* ProcessTable.startTime(pgid)) !== undefined) yield* Effect.sleep(1)
  return pgid
})

const stat = (state: string, threads: number) =>
  `4242 (a b) c) ${state} 1 4242 4242 0 -1 4194560 155 0 0 0 7 3 90 80 20 0 ${threads} 0 2000 5873664 250 18446744073709551615 0`

describe("The process table", () => {
  it.live("knows all members of a group, with what they use", () =>
    Effect.gen(function*() {
      const { pid, said } = yield* group("sleep 600 & i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo; wait")
      yield* Effect.promise(() => said)
      const members = yield* ProcessTable.members(pid)
      assert.deepStrictEqual(members.map(({ command }) => command).toSorted(), ["sh", "sleep"])
      const leader = members.find((member) => member.pid === pid)!
      assert.strictEqual(leader.ppid, process.pid)
      assert.isAtLeast(leader.cpuMillis, 10)
      assert.isAtLeast(leader.rssBytes, 100_000)
      assert.isBelow(leader.rssBytes, 100_000_000)
      assert.isTrue(members.every((member) => member.pgid === pid && /^[SR]/.test(member.state)))
      const usage = yield* ProcessTable.usage(pid)
      assert.strictEqual(usage.processes, 2)
      assert.isAtLeast(usage.cpuMillis, leader.cpuMillis)
      assert.isAbove(usage.rssBytes, leader.rssBytes)
    }))

  it.live("agrees with ps about memory", () =>
    Effect.gen(function*() {
      const [self] = yield* ProcessTable.members(
        Number(execFileSync("ps", ["-o", "pgid=", "-p", String(process.pid)], { encoding: "utf8" }))
      ).pipe(Effect.map((members) => members.filter(({ pid }) => pid === process.pid)))
      const ps = execFileSync("ps", ["-o", "rss=", "-p", String(process.pid)], { encoding: "utf8" })
      assert.approximately(self!.rssBytes / (Number(ps) * 1024), 1, 0.2)
    }))

  it.live("knows members of a group whose leader has gone", () =>
    Effect.gen(function*() {
      const { exit, pid } = yield* group("sleep 600 & exit 3")
      yield* Effect.promise(() => exit)
      // The shell that was forked for it may not have become it yet.
      const members = yield* Effect.repeat(ProcessTable.members(pid), { until: ([first]) => first?.command !== "sh" })
      assert.deepStrictEqual(members.map(({ command }) => command), ["sleep"])
    }))

  it.live("is not misled by the name of a program", () =>
    Effect.gen(function*() {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "process-table-"))),
        (path) => Effect.sync(() => removeFolder(path))
      )
      const path = join(directory, "a) Z 1 (b")
      copyFileSync(execFileSync("/bin/sh", ["-c", "command -v sleep"], { encoding: "utf8" }).trim(), path)
      const { pid } = yield* program(path, ["600"])
      const [member] = yield* ProcessTable.members(pid)
      assert.strictEqual(member!.command, "a) Z 1 (b")
      assert.strictEqual(member!.ppid, process.pid)
    }))

  it.live("does not count zombies, which still answer to signal 0", () =>
    Effect.gen(function*() {
      const pgid = yield* zombies
      assert.isFalse(ProcessTable.isGone(pgid))
      assert.deepStrictEqual(yield* ProcessTable.members(pgid), [])
      yield* ProcessTable.awaitEmpty(pgid)
    }))

  it.live("is read from ps where there is no /proc, as on macOS", () =>
    Effect.gen(function*() {
      const platform = Object.getOwnPropertyDescriptor(process, "platform")!
      yield* Effect.addFinalizer(() => Effect.sync(() => Object.defineProperty(process, "platform", platform)))
      Object.defineProperty(process, "platform", { ...platform, value: "darwin" })
      vi.resetModules()
      const table = yield* Effect.promise(() => import("../../src/process/internal/processTable.ts"))
      const { exit, pid } = yield* group("sleep 600 & sleep 600; :")
      while ((yield* table.members(pid)).length < 3) yield* Effect.sleep(1)
      const members = yield* table.members(pid)
      assert.deepStrictEqual(members.map(({ command }) => command).toSorted(), ["sh", "sleep", "sleep"])
      assert.strictEqual(members.find((member) => member.pid === pid)!.ppid, process.pid)
      assert.isTrue(members.every((member) => member.pgid === pid && member.rssBytes > 100_000))
      const time = yield* table.startTime(pid)
      assert.approximately(time!, Date.now(), 10_000)
      assert.deepStrictEqual(yield* table.members(yield* zombies), [])
      const waiting = yield* Effect.forkChild(table.awaitEmpty(pid), { startImmediately: true })
      yield* table.signalGroup(pid, "SIGKILL")
      yield* Effect.promise(() => exit)
      yield* Effect.timeout(Fiber.join(waiting), "2 seconds")
      assert.isUndefined(yield* table.startTime(pid))
    }))

  it.live("is refused on Windows, with the reason", () =>
    Effect.gen(function*() {
      const platform = Object.getOwnPropertyDescriptor(process, "platform")!
      yield* Effect.addFinalizer(() => Effect.sync(() => Object.defineProperty(process, "platform", platform)))
      Object.defineProperty(process, "platform", { ...platform, value: "win32" })
      vi.resetModules()
      const table = yield* Effect.promise(() => import("../../src/process/internal/processTable.ts"))
      const { pid } = process
      for (const operation of [table.members(pid), table.awaitEmpty(pid), table.usage(pid), table.startTime(pid)]) {
        assert.strictEqual(
          (yield* Effect.flip(operation as typeof operation & ReturnType<typeof table.usage>))._tag,
          "Unsupported"
        )
      }
      const signal = yield* Effect.flip(table.signalGroup(pid, "SIGTERM"))
      assert.match(signal.message, /^Sending SIGTERM .* needs process groups, which win32 does not have/)
    }))

  it.live("shares one scan among all who ask at the same time, and each sees what it did before it asked", () =>
    Effect.gen(function*() {
      const groups = yield* Effect.forEach(Array.from({ length: 30 }), () => group("sleep 600"))
      const before = ProcessTable.scans.count
      const members = yield* Effect.forEach(groups, ({ pid }) => ProcessTable.members(pid), {
        concurrency: "unbounded"
      })
      assert.strictEqual(ProcessTable.scans.count - before, 1)
      assert.deepStrictEqual(members.map((all) => all[0]?.pgid), groups.map(({ pid }) => pid))
      for (let index = 0; index < 10; index++) {
        const other = yield* Effect.forkChild(ProcessTable.members(groups[0]!.pid), { startImmediately: true })
        const { pid } = yield* group("sleep 600")
        assert.strictEqual((yield* ProcessTable.members(pid))[0]?.pid, pid)
        yield* Fiber.join(other)
      }
    }))

  it.live("answers for a group that does not exist without a scan", () =>
    Effect.gen(function*() {
      const before = ProcessTable.scans.count
      assert.deepStrictEqual(yield* ProcessTable.members(99_999_999), [])
      yield* ProcessTable.awaitEmpty(99_999_999)
      assert.deepStrictEqual(yield* ProcessTable.usage(99_999_999), { processes: 0, cpuMillis: 0, rssBytes: 0 })
      assert.strictEqual(ProcessTable.scans.count, before)
    }))

  it.live("tells a process from another one with its number by the time when it started", () =>
    Effect.gen(function*() {
      const first = yield* group("sleep 600")
      yield* Effect.sleep(50)
      const second = yield* group("sleep 600")
      const time = yield* ProcessTable.startTime(first.pid)
      assert.strictEqual(yield* ProcessTable.startTime(first.pid), time)
      if (hasProc) assert.isAbove((yield* ProcessTable.startTime(second.pid))!, time!)
      yield* ProcessTable.signalGroup(first.pid, "SIGKILL")
      yield* Effect.promise(() => first.exit)
      assert.isUndefined(yield* ProcessTable.startTime(first.pid))
    }))
})

describe("Waiting for a group to be empty", () => {
  it.live("ends when the last member has gone, and not with its leader", () =>
    Effect.gen(function*() {
      const { exit, pid } = yield* group("sleep 600 & exit 0")
      yield* Effect.promise(() => exit)
      const waiting = yield* Effect.forkChild(ProcessTable.awaitEmpty(pid), { startImmediately: true })
      yield* Effect.sleep(50)
      assert.isUndefined(waiting.pollUnsafe())
      yield* ProcessTable.signalGroup(pid, "SIGKILL")
      yield* Effect.timeout(Fiber.join(waiting), "1 second")
      assert.deepStrictEqual(yield* ProcessTable.members(pid), [])
    }))

  it.live("costs no scan while somebody in it is known to live", () =>
    Effect.gen(function*() {
      if (!hasProc) return
      const { pid } = yield* group("sleep 600")
      const before = ProcessTable.scans.count
      yield* Effect.timeoutOption(ProcessTable.awaitEmpty(pid), "100 millis")
      assert.strictEqual(ProcessTable.scans.count, before)
    }))

  it.live("of a hundred groups at once takes no longer than their end, and few scans", () =>
    Effect.gen(function*() {
      const groups = yield* Effect.forEach(Array.from({ length: 100 }), () => group("sleep 600"))
      const before = ProcessTable.scans.count
      yield* Effect.forEach(groups, ({ pid }) =>
        Effect.andThen(ProcessTable.signalGroup(pid, "SIGTERM"), ProcessTable.awaitEmpty(pid)), {
        concurrency: "unbounded"
      }).pipe(Effect.timeout("2 seconds"))
      assert.isBelow(ProcessTable.scans.count - before, 25)
    }))
})

describe("A signal to a group", () => {
  it.live("reaches every member; nobody is left to get it when they are gone", () =>
    Effect.gen(function*() {
      const { exit, pid } = yield* group("sleep 600 & sleep 600 & wait")
      assert.strictEqual(yield* ProcessTable.signalGroup(pid, "SIGTERM"), "sent")
      assert.deepStrictEqual(yield* Effect.promise(() => exit), [null, "SIGTERM"])
      yield* Effect.timeout(ProcessTable.awaitEmpty(pid), "1 second")
      assert.strictEqual(yield* ProcessTable.signalGroup(99_999_999, "SIGTERM"), "gone")
    }))

  it.effect("that the platform does not know, or to what is no group, is refused with the reason", () =>
    Effect.gen(function*() {
      const unknown = yield* Effect.flip(ProcessTable.signalGroup(99_999_999, "SIGNONE" as "SIGTERM"))
      assert.strictEqual(unknown._tag, "GroupSignalError")
      assert.match(unknown.message, /SIGNONE was not sent to process group 99999999, because .* no such signal/)
      for (const pgid of [0, 1, -1, 1.5, Number.NaN]) {
        const invalid = yield* Effect.flip(ProcessTable.signalGroup(pgid, "SIGTERM"))
        assert.match(invalid.message, /integer above 1/)
      }
    }))
})

describe("The lines of the process table", () => {
  it("of /proc give the process", () => {
    assert.deepStrictEqual(ProcessTable.parseStat(stat("S", 1)), {
      pid: 4242,
      ppid: 1,
      pgid: 4242,
      state: "S",
      command: "a b) c",
      startTime: 20_000,
      rssBytes: 250 * 4096,
      cpuMillis: 100
    })
  })

  it("of /proc tell the dead, and those of whom only the first thread has ended", () => {
    assert.isUndefined(ProcessTable.parseStat(stat("Z", 1)))
    assert.isUndefined(ProcessTable.parseStat(stat("X", 0)))
    assert.strictEqual(ProcessTable.parseStat(stat("Z", 3))?.pid, 4242)
  })

  it("of ps give the process, on macOS and on Linux", () => {
    const started = Date.parse("Sat Nov 1 03:13:40 2025")
    assert.deepStrictEqual(
      ProcessTable.parsePs("  501     1   501 Ss     1024   1:02.50 Sat Nov  1 03:13:40 2025     /usr/bin/a b"),
      {
        pid: 501,
        ppid: 1,
        pgid: 501,
        state: "Ss",
        command: "/usr/bin/a b",
        startTime: started,
        rssBytes: 1024 * 1024,
        cpuMillis: 62_500
      }
    )
    assert.strictEqual(
      ProcessTable.parsePs("501 1 501 S+ 0 2-01:00:01 Sat Nov  1 03:13:40 2025 sleep")?.cpuMillis,
      ((2 * 24 + 1) * 3600 + 1) * 1000
    )
    assert.isUndefined(ProcessTable.parsePs("501 1 501 Z 0 00:00:00 Sat Nov  1 03:13:40 2025 sleep <defunct>"))
    assert.isUndefined(ProcessTable.parsePs(""))
  })
})

describe("These tests", () => {
  it.live("leave no process behind", () =>
    Effect.gen(function*() {
      assert.isAbove(known.size, 100)
      yield* Effect.timeout(Effect.forEach(known, ProcessTable.awaitEmpty, { concurrency: 10 }), "2 seconds")
    }))
})
