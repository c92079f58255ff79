import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Logger, type Scope } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as Guardian from "../../src/process/internal/guardian.ts"
import * as ProcessTable from "../../src/process/internal/processTable.ts"

const fixture = fileURLToPath(new URL("../fixtures/process/guardian-supervisor.ts", import.meta.url))

interface Line {
  readonly guardian?: number
  readonly groups?: ReadonlyArray<number>
  readonly replaced?: number
  readonly storm?: boolean
}

/** All that the tests ever heard of, for the last test: supervisors, guardians and groups lead groups of their pid. */
const known = new Set<number>()
/** In the environment of everything that a test starts, guardians excepted. */
const mark = `GUARDIAN_TEST=${process.pid}.${Math.random()}`

/** A process that runs the fixture. Whatever becomes of the test, it is gone in the end. */
class Fixture {
  readonly pid: number
  readonly ended: Promise<number | NodeJS.Signals | null>
  private readonly child: ChildProcess
  private readonly lines: AsyncIterator<string>

  constructor(what: string, count: number) {
    const [name, value] = mark.split("=")
    this.child = spawn(process.execPath, [fixture, what, String(count)], {
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: "", [name!]: value }
    })
    this.pid = this.child.pid!
    known.add(this.pid)
    this.ended = new Promise((resolve) => this.child.once("exit", (code, signal) => resolve(signal ?? code)))
    this.lines = createInterface(this.child.stdout!)[Symbol.asyncIterator]()
  }

  /** The next thing it says. */
  readonly next: Effect.Effect<Line> = Effect.promise(async () => {
    const line = await this.lines.next()
    if (line.done === true) throw new Error("The fixture ended")
    const said: Line = JSON.parse(line.value)
    for (const pid of [said.guardian, said.replaced, ...said.groups ?? []]) if (pid !== undefined) known.add(pid)
    return said
  })

  readonly end = Effect.promise(() => this.ended)

  readonly kill: Effect.Effect<void> = Effect.asVoid(
    Effect.andThen(Effect.sync(() => this.child.kill("SIGKILL")), this.end)
  )
}

const run = (what: string, count = 1): Effect.Effect<Fixture, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(() => new Fixture(what, count)), (fixture) => fixture.kill)

/** All of these groups are empty within a second, or this names who is not. Says how long it took. */
const gone = Effect.fnUntraced(function*(groups: ReadonlyArray<number>) {
  const begun = performance.now()
  yield* Effect.forEach(groups, ProcessTable.awaitEmpty, { concurrency: "unbounded" }).pipe(
    Effect.timeoutOption("1 second")
  )
  const took = performance.now() - begun
  const alive = yield* Effect.forEach(groups, ProcessTable.members, { concurrency: "unbounded" })
  assert.deepStrictEqual(alive.flat(), [], `after ${took} ms`)
  return took
})

const isAlive = (pid: number) => Effect.map(ProcessTable.startTime(pid), (time) => time !== undefined)

/** Everything alive that some test started, found by the environment which it inherited. */
const marked = (): ReadonlyArray<string> =>
  readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark)
    } catch {
      return false
    }
  })

const hasProc = existsSync("/proc/self/environ")

const noneMarked = Effect.fnUntraced(function*() {
  const begun = performance.now()
  while (marked().length > 0 && performance.now() - begun < 1000) yield* Effect.sleep(5)
  const took = performance.now() - begun
  assert.deepStrictEqual(marked(), [], `after ${took} ms`)
  return took
})

/** What a broken guardian leaves behind. */
afterAll(() => {
  if (hasProc) { for (const pid of marked()) process.kill(Number(pid), "SIGKILL") }
})

describe("Guardian, when its supervisor is killed with SIGKILL", () => {
  it.live("nobody of any kind of group is alive a second later, in ten out of ten", () =>
    Effect.gen(function*() {
      const times: Array<number> = []
      for (let round = 0; round < 10; round++) {
        const supervisor = yield* run("stay", 8)
        yield* supervisor.next
        const { groups } = yield* supervisor.next
        // They are really there: also in the groups whose leader has gone.
        const alive = yield* Effect.forEach(groups!, ProcessTable.members)
        assert.isTrue(alive.every((members) => members.length > 0))
        yield* supervisor.kill
        times.push(yield* gone(groups!))
      }
      assert.isBelow(Math.max(...times), 1000)
    }), 60_000)

  it.live("a hundred groups are gone within a second", () =>
    Effect.gen(function*() {
      const supervisor = yield* run("stay", 100)
      yield* supervisor.next
      const { groups } = yield* supervisor.next
      yield* supervisor.kill
      yield* gone(groups!)
    }), 30_000)

  it.live("the guardian itself is gone soon after", () =>
    Effect.gen(function*() {
      const supervisor = yield* run("stay", 4)
      const { guardian } = yield* supervisor.next
      yield* supervisor.next
      assert.isTrue(yield* isAlive(guardian!))
      yield* supervisor.kill
      yield* Effect.timeout(ProcessTable.awaitEmpty(guardian!), "3 seconds")
    }))

  it.live("also by itself, in the same instant in which it registered them", () =>
    Effect.gen(function*() {
      if (!hasProc) return
      for (let round = 0; round < 3; round++) {
        const supervisor = yield* run("instant", 20)
        assert.strictEqual(yield* supervisor.end, "SIGKILL")
        yield* noneMarked()
      }
    }), 30_000)

  it.live("between the spawn of a process and its registration, in ten out of ten", () =>
    Effect.gen(function*() {
      if (!hasProc) return
      for (let round = 0; round < 10; round++) {
        const supervisor = yield* run("unregistered", 4)
        assert.strictEqual(yield* supervisor.end, "SIGKILL")
        yield* noneMarked()
      }
    }), 60_000)

  it.live("also one that has thrown its environment away, as soon as it was registered", () =>
    Effect.gen(function*() {
      if (!hasProc) return
      const supervisor = yield* run("stranger")
      yield* supervisor.next
      const { groups } = yield* supervisor.next
      const [pid] = groups!
      while (readFileSync(`/proc/${pid}/environ`, "latin1") !== "") yield* Effect.sleep(1)
      yield* Effect.addFinalizer(() => Effect.ignore(ProcessTable.signalGroup(pid!, "SIGKILL")))
      yield* supervisor.kill
      yield* gone(groups!)
    }))

  it.live(
    "during the spawn after those that cleared their environment, in ten out of ten",
    () =>
      Effect.gen(function*() {
        if (!hasProc) return
        for (let round = 0; round < 10; round++) {
          const supervisor = yield* run("cleared", 4)
          assert.strictEqual(yield* supervisor.end, "SIGKILL")
          yield* noneMarked()
        }
      }),
    60_000
  )

  it.live("although it has just told the guardian more than fits into the pipe", () =>
    Effect.gen(function*() {
      if (!hasProc) return
      for (let round = 0; round < 3; round++) {
        const supervisor = yield* run("burst", 2000)
        assert.strictEqual(yield* supervisor.end, "SIGKILL")
        yield* noneMarked()
      }
    }), 30_000)

  it.live("at any moment while it starts and stops processes, in ten out of ten", () =>
    Effect.gen(function*() {
      if (!hasProc) return
      for (let round = 0; round < 10; round++) {
        const supervisor = yield* run("storm", 5)
        yield* supervisor.next
        yield* supervisor.next
        yield* Effect.sleep(round * 7)
        yield* supervisor.kill
        yield* noneMarked()
      }
    }), 60_000)

  it.live("processes that were seen gone are not touched, whoever has their number now", () =>
    Effect.gen(function*() {
      const bystander = yield* Effect.acquireRelease(
        Effect.sync(() => spawn("sleep", ["600"], { detached: true, stdio: "ignore" })),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      known.add(bystander.pid!)
      const input = `+ abc g${bystander.pid}\n- g${bystander.pid}\n+ abd g${bystander.pid}` // cut short
      runScript("/bin/sh", input)
      assert.isTrue(yield* isAlive(bystander.pid!))
    }))
})

describe("Guardian, when it is attacked itself", () => {
  it.live("another takes its place and knows the same", () =>
    Effect.gen(function*() {
      const supervisor = yield* run("replaced", 8)
      const { guardian } = yield* supervisor.next
      const { groups } = yield* supervisor.next
      process.kill(guardian!, "SIGKILL")
      const { replaced } = yield* supervisor.next
      assert.notStrictEqual(replaced, guardian)
      yield* supervisor.kill
      yield* gone(groups!)
      yield* Effect.timeout(ProcessTable.awaitEmpty(replaced!), "3 seconds")
    }))

  it.live("one that is stopped keeps nothing from being spawned, and ends like any other", () =>
    Effect.gen(function*() {
      const guardian = yield* Guardian.acquire
      const pid = (yield* guardian.pid)!
      known.add(pid)
      process.kill(pid, "SIGSTOP")
      const prepared = Effect.forEach(
        Array.from({ length: 2000 }),
        () => Effect.flatMap(guardian.prepare, guardian.cancel),
        { discard: true }
      )
      yield* Effect.timeout(prepared, "2 seconds")
      return pid
    }).pipe(Effect.scoped, Effect.flatMap(isAlive), Effect.map((alive) => assert.isFalse(alive))))

  it.live("it ignores the signals of a terminal and of a shutdown, and still does its work", () =>
    Effect.gen(function*() {
      const supervisor = yield* run("stay", 4)
      const { guardian } = yield* supervisor.next
      const { groups } = yield* supervisor.next
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE", "SIGTSTP"] as const) {
        assert.strictEqual(yield* ProcessTable.signalGroup(guardian!, signal), "sent")
      }
      assert.isTrue(yield* isAlive(guardian!))
      yield* supervisor.kill
      yield* gone(groups!)
    }))

  it.live("it leads a group of its own, so that ctrl-C does not reach it", () =>
    Effect.gen(function*() {
      const supervisor = yield* run("stay", 1)
      const { guardian } = yield* supervisor.next
      const [member] = yield* ProcessTable.members(guardian!)
      assert.strictEqual(member!.pid, guardian)
      assert.strictEqual(member!.ppid, supervisor.pid)
    }))

  it.live("one that cannot stay alive is given up with one warning, and nothing fails", () => {
    const warnings: Array<string> = []
    const logger = Logger.make(({ message }) => warnings.push(String(message)))
    return Effect.gen(function*() {
      const guardian = yield* Guardian.acquire
      let killed = 0
      for (let pid = yield* guardian.pid; pid !== undefined; pid = yield* another(guardian, pid)) {
        known.add(pid)
        process.kill(pid, "SIGKILL")
        killed++
      }
      assert.strictEqual(killed, 6)
      assert.strictEqual(warnings.length, 1)
      assert.match(warnings[0]!, /died 6 times within a minute.*SIGKILL.*live on/)
      const token = yield* guardian.prepare
      yield* guardian.watch(token, 999_999_999)
      yield* guardian.unwatch(999_999_999)
      assert.strictEqual(warnings.length, 1)
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
  })
})

describe("Guardian, where there can be none", () => {
  it.live("says so, and what that means", () =>
    Effect.gen(function*() {
      const platform = Object.getOwnPropertyDescriptor(process, "platform")!
      yield* Effect.addFinalizer(() => Effect.sync(() => Object.defineProperty(process, "platform", platform)))
      Object.defineProperty(process, "platform", { ...platform, value: "win32" })
      const error = yield* Effect.flip(Guardian.acquire)
      assert.strictEqual(error._tag, "GuardianUnavailable")
      assert.match(error.message, /^No guardian could be started \(.*Windows\): .*SIGKILL.* live on\. Make sure/)
    }))
})

/** The guardian that comes after that one; `undefined` if none does. */
const another = Effect.fnUntraced(function*(guardian: Guardian.Guardian, last: number) {
  yield* ProcessTable.awaitEmpty(last)
  let pid = yield* guardian.pid
  while (pid === last) {
    yield* Effect.sleep(1)
    pid = yield* guardian.pid
  }
  return pid
})

describe("Guardian, when all goes well", () => {
  it.live("there is one for all users, it ends with the last of them, and the next one gets another", () =>
    Effect.gen(function*() {
      const use = Effect.flatMap(Guardian.acquire, (guardian) => guardian.pid)
      const [first, second] = yield* Effect.scoped(Effect.all([use, Effect.scoped(use)]))
      assert.isDefined(first)
      assert.strictEqual(first, second)
      assert.isFalse(yield* isAlive(first!))
      const third = yield* Effect.scoped(use)
      assert.notStrictEqual(third, first)
      assert.isFalse(yield* isAlive(third!))
    }))

  it.live("its supervisor ends, and no guardian is left", () =>
    Effect.gen(function*() {
      const supervisor = yield* run("end", 3)
      const { guardian } = yield* supervisor.next
      yield* supervisor.next
      assert.isFalse(yield* isAlive(guardian!))
      assert.strictEqual(yield* supervisor.end, 0)
    }))

  it.live("what the last user leaves behind is killed", () =>
    Effect.gen(function*() {
      const supervisor = yield* run("leave", 4)
      const { guardian } = yield* supervisor.next
      const { groups } = yield* supervisor.next
      yield* gone([...groups!, guardian!])
    }))

  it.live("it keeps no process alive", () =>
    Effect.gen(function*() {
      const supervisor = yield* run("idle")
      const { guardian } = yield* supervisor.next
      assert.strictEqual(yield* supervisor.end, 0)
      yield* gone([guardian!])
    }))
})

/** Runs the guardian's text to its end, and gives how it ended: "" is well. */
const runScript = (shell: string, input: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(shell, [...args, "-c", Guardian.script, "effect-supervisor-guardian", String(process.pid)], {
    input,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "ignore"],
    env: { PATH: "/usr/bin:/bin" }
  })

describe("The guardian's text", () => {
  const shells = ["/bin/sh", "/bin/dash", "/bin/bash", "/bin/busybox", "/bin/mksh", "/bin/ksh", "/bin/zsh", "/bin/yash"]

  for (const shell of shells.filter(existsSync)) {
    it.live(`does what it says in ${shell}, and nothing to whom it may not touch`, () =>
      Effect.gen(function*() {
        const spared = `exec sleep 600`
        const groups = yield* Effect.acquireRelease(
          Effect.sync(() =>
            Array.from({ length: 5 }, (_, index) => {
              const child = spawn("/bin/sh", ["-c", index === 0 ? "sleep 600 & sleep 600" : spared], {
                detached: true,
                stdio: "ignore",
                env: { ...process.env, [Guardian.tokenVariable]: `abc${index}` }
              })
              known.add(child.pid!)
              return child.pid!
            })
          ),
          (pids) => Effect.forEach(pids, (pid) => Effect.ignore(ProcessTable.signalGroup(pid, "SIGKILL")))
        )
        const [registered, spawned, rewritten, cancelled, unregistered] = groups
        const args = shell.endsWith("busybox") ? ["sh"] : []
        const lines = [
          `+ abc4 g${unregistered}`,
          `= +g${rewritten} ?abc0`,
          `+ abc0 g${registered}`,
          "? abc1",
          "? abc3",
          "! abc3",
          // Nobody's number, everybody's, and what is no number.
          ...["0", "1", "01", "-1", "", "x", "$$"].map((number) => `+ abc0 g${number}`),
          "what is this",
          ""
        ]
        assert.strictEqual(runScript(shell, `${lines.join("\n")}\n`, ...args), "")
        yield* gone([registered!, spawned!, rewritten!])
        assert.isTrue(yield* isAlive(cancelled!))
        assert.isTrue(yield* isAlive(unregistered!))
      }))
  }
})

describe("These tests", () => {
  it.live("leave no process behind", () =>
    Effect.gen(function*() {
      assert.isAbove(known.size, 100)
      yield* gone([...known])
      if (hasProc) assert.deepStrictEqual(marked(), [])
    }))
})
