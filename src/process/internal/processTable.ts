/**
 * What the operating system says about the processes of a group: who is alive in it, what it uses, when it is empty.
 *
 * A group is more than its leader, and signal 0 is not enough to look at it: where nobody reaps orphans (a container
 * whose first process is no init) the dead stay in their group as zombies and still answer. So emptiness is read from
 * the process table, and only a group that does not answer at all is taken to be empty without a look.
 *
 * Floor 3. Sources: proc(5), kill(2), ps(1).
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { type Signal, signalNumber } from "../Signal.ts"
import { fieldsOf, parsePs, parseStat, type ProcessEntry, psColumns, readEntry, readStat } from "./processEntry.ts"
import type { Tagged } from "../../internal/tagged.ts"

export { parsePs, parseStat, type ProcessEntry } from "./processEntry.ts"

const UnsupportedBase: Tagged<"Unsupported", { readonly operation: string }> = Data.TaggedError("Unsupported")

/** The platform has no process groups: Windows. */
export class Unsupported extends UnsupportedBase {
  override get message(): string {
    return `${this.operation} needs process groups, which ${process.platform} does not have. Run it on Linux or macOS.`
  }
}

const TableUnreadableBase: Tagged<"TableUnreadable", { readonly detail: string; readonly cause: unknown }> = Data
  .TaggedError("TableUnreadable")

/** Neither /proc nor `ps` says which processes there are. */
export class TableUnreadable extends TableUnreadableBase {
  override get message(): string {
    return `The process table cannot be read (${this.detail}). Mount /proc, or make sure that ps is in the PATH.`
  }
}

const GroupSignalErrorBase: Tagged<"GroupSignalError", {
  readonly pgid: number
  readonly signal: string
  readonly reason: "PermissionDenied" | "UnknownSignal" | "InvalidGroup"
}> = Data.TaggedError("GroupSignalError")

/** A signal was not sent to a group. */
export class GroupSignalError extends GroupSignalErrorBase {
  override get message(): string {
    const what = {
      PermissionDenied: "this user may not signal any of its processes",
      UnknownSignal: "this platform has no such signal: see `kill -l`",
      InvalidGroup: "that is not the number of a process group: it has to be an integer above 1"
    }
    return `${this.signal} was not sent to process group ${this.pgid}, because ${what[this.reason]}.`
  }
}

/** Why the process table says nothing. */
export type TableError = Unsupported | TableUnreadable

/** What the live members of a group use together. */
export interface GroupUsage {
  readonly processes: number
  readonly cpuMillis: number
  readonly rssBytes: number
}

type Visit = (entry: ProcessEntry) => void
type Done = (error?: TableUnreadable) => void

const runPs = (args: ReadonlyArray<string>, visit: Visit, done: Done): void => {
  const options = { env: { ...process.env, LC_ALL: "C" }, maxBuffer: 2 ** 26 }
  execFile("ps", [...args, ...psColumns], options, (cause, stdout) => {
    let isWhole = false
    for (const line of stdout.split("\n")) {
      const entry = parsePs(line)
      if (entry === undefined) continue
      visit(entry)
      isWhole ||= entry.pid === process.pid
    }
    // A list without the one who asks is not to be believed, whatever made it so: "nobody is left" would be the answer.
    if (cause === null && isWhole) return done()
    done(new TableUnreadable({ detail: `ps: ${cause?.message ?? "it does not list this process"}`, cause }))
  })
}

// -------------------------------------------------------------------------------------------------------------- scans

/** So many processes are read in one go, 3 ms or so: the event loop of a crowded machine has others to serve. */
const chunkSize = 200

const scanProc = (wanted: ReadonlySet<number>, visit: Visit, done: Done): void => {
  const unreadable = (cause: unknown): void =>
    done(new TableUnreadable({ detail: cause instanceof Error ? cause.message : String(cause), cause }))
  let names: ReadonlyArray<string> = []
  const readFrom = (start: number): void => {
    try {
      read(start)
    } catch (cause) {
      // No descriptor left, say: an answer, and not the end of this process.
      unreadable(cause)
    }
  }
  const read = (start: number): void => {
    if (start === 0) names = readdirSync("/proc")
    const end = Math.min(start + chunkSize, names.length)
    for (let index = start; index < end; index++) {
      const first = names[index]!.charCodeAt(0)
      if (first < 48 || first > 57) continue
      const stat = readStat(names[index]!)
      if (stat === undefined || !wanted.has(Number(fieldsOf(stat)[2]))) continue
      const entry = parseStat(stat)
      if (entry !== undefined) visit(entry)
    }
    if (end < names.length) setImmediate(readFrom, end)
    else done()
  }
  readFrom(0)
}

/** Read once, when first asked: whether this system has the /proc of Linux. */
let proc: boolean | undefined
const hasProc = (): boolean => proc ??= process.platform === "linux" && existsSync("/proc/self/stat")

type Answer = Effect.Effect<ReadonlyArray<ProcessEntry>, TableUnreadable>

interface Question {
  readonly pgid: number
  readonly answer: (answer: Answer) => void
}

/**
 * Those who ask share a scan, but only one that starts after they asked: an older one may not yet know what they did.
 * After a scan comes a pause of twice its length, so that no number of askers takes more than a third of the time.
 */
let waiting = new Set<Question>()
let busy = false
let idleFrom = 0

/** How many scans there were, for those who test that they are shared. */
export const scans: { count: number } = { count: 0 }

const scan = (): void => {
  const asked = waiting
  waiting = new Set()
  const groups = new Map<number, Array<ProcessEntry>>()
  for (const { pgid } of asked) groups.set(pgid, [])
  // This is about the machine's time and not about that of the program, which a test may stop.
  const begun = performance.now()
  const visit: Visit = (entry) => groups.get(entry.pgid)?.push(entry)
  const done: Done = (error) => {
    const ended = performance.now()
    idleFrom = ended + 2 * (ended - begun)
    busy = false
    for (const { answer, pgid } of asked) {
      answer(error === undefined ? Effect.succeed(groups.get(pgid)!) : Effect.fail(error))
    }
    if (waiting.size > 0) schedule()
  }
  if (asked.size === 0) {
    busy = false
    return
  }
  scans.count++
  if (hasProc()) scanProc(new Set(groups.keys()), visit, done)
  else runPs(["-A"], visit, done)
}

const schedule = (): void => {
  if (busy) return
  busy = true
  const pause = idleFrom - performance.now()
  if (pause > 0) setTimeout(scan, pause)
  else setImmediate(scan)
}

const unsupported = (operation: string): Effect.Effect<never, Unsupported> =>
  Effect.fail(new Unsupported({ operation }))

const onWindows = process.platform === "win32"

// --------------------------------------------------------------------------------------------------------- operations

/**
 * Nobody is in the group, not even a zombie: the cheap test (one system call), exact where it says yes. Anything else needs a look, also
 * EPERM: those processes are somebody else's, or on macOS zombies.
 */
export const isGone = (pgid: number): boolean => {
  try {
    process.kill(-pgid, 0)
    return false
  } catch (error) {
    return codeOf(error) === "ESRCH"
  }
}

const codeOf = (error: unknown): unknown => error instanceof Error && "code" in error ? error.code : undefined

/**
 * The live members of a process group, zombies not among them. Whoever asks at about the same time shares one scan of
 * the process table, which starts after each of them asked.
 *
 * **Gotchas**
 *
 * A scan takes a while, and a process that forks and ends during it may be missed together with its child: `awaitEmpty`
 * looks twice for that reason.
 */
export const members = (pgid: number): Effect.Effect<ReadonlyArray<ProcessEntry>, TableError> =>
  onWindows ? unsupported("Listing the processes of a command") : Effect.callback((resume) => {
    if (isGone(pgid)) return resume(Effect.succeed([]))
    const question: Question = { pgid, answer: resume }
    waiting.add(question)
    schedule()
    return Effect.sync(() => waiting.delete(question))
  })

/** A member that was seen alive is looked at alone; only when it is gone are the others searched for. */
const stillIn = (pgid: number, pid: number): boolean => {
  try {
    return hasProc() && readEntry(pid)?.pgid === pgid
  } catch {
    // It cannot be looked at just now; the next look will tell.
    return true
  }
}

/** The first pause between two looks at a group and the longest, in milliseconds. */
export const pollMillis: { readonly first: number; readonly longest: number } = { first: 1, longest: 20 }

/**
 * Ends when no live member is left in the group. Interrupt it, or give it a timeout, to stop waiting.
 *
 * **Details**
 *
 * It looks after 1 ms, 2 ms, 4 ms and so on, at last every 20 ms. A look is one system call while somebody is known to
 * be alive or when the group is gone altogether; the whole process table is read only to tell zombies from the living.
 */
export const awaitEmpty = (pgid: number): Effect.Effect<void, TableError> =>
  onWindows ? unsupported("Waiting for the processes of a command") : poll(pgid)

const poll = Effect.fnUntraced(function*(pgid: number) {
  let known = pgid
  let seenEmpty = false
  let pause = pollMillis.first
  while (!isGone(pgid)) {
    if (!stillIn(pgid, known)) {
      const alive = yield* members(pgid)
      // Twice, since a member may have forked and ended between the two places where a scan would have met them.
      if (alive.length === 0 && seenEmpty) return
      seenEmpty = alive.length === 0
      if (seenEmpty) continue
      known = alive[0]!.pid
    }
    yield* Effect.sleep(pause)
    pause = Math.min(pause * 2, pollMillis.longest)
  }
})

/** What the live members of a group use together. Memory that they share is counted for each of them. */
export const usage = (pgid: number): Effect.Effect<GroupUsage, TableError> =>
  Effect.map(members(pgid), (entries) => ({
    processes: entries.length,
    cpuMillis: entries.reduce((total, entry) => total + entry.cpuMillis, 0),
    rssBytes: entries.reduce((total, entry) => total + entry.rssBytes, 0)
  }))

/** Sends a signal to every process of a group. "gone" if there is none, not even a zombie. */
export const signalGroup = (
  pgid: number,
  signal: Signal
): Effect.Effect<"sent" | "gone", GroupSignalError | Unsupported> =>
  Effect.suspend((): Effect.Effect<"sent" | "gone", GroupSignalError | Unsupported> => {
    const fail = (reason: GroupSignalError["reason"]) => Effect.fail(new GroupSignalError({ pgid, signal, reason }))
    if (onWindows) return unsupported(`Sending ${signal} to a command`)
    // 0 and 1 would reach our own group and everybody.
    if (!Number.isSafeInteger(pgid) || pgid <= 1) return fail("InvalidGroup")
    if (signalNumber(signal) === undefined) return fail("UnknownSignal")
    return Effect.try({
      try: () => {
        process.kill(-pgid, signal)
        return "sent" as const
      },
      catch: (error) => codeOf(error) === "ESRCH"
    }).pipe(Effect.catch((gone) => gone ? Effect.succeed("gone" as const) : fail("PermissionDenied")))
  })

/**
 * When a process started, to be compared with what was read before: a number that is another one then belongs to
 * another process. `undefined` if there is no live process with that number. See `ProcessEntry.startTime`.
 */
export const startTime = (pid: number): Effect.Effect<number | undefined, TableError> =>
  Effect.suspend((): Effect.Effect<number | undefined, TableError> => {
    if (onWindows) return unsupported("Reading when a process started")
    if (hasProc()) {
      return Effect.try({
        try: () => readEntry(pid)?.startTime,
        catch: (cause) => new TableUnreadable({ detail: String(cause), cause })
      })
    }
    return Effect.callback((resume) => {
      let found: number | undefined
      const done: Done = (error) => resume(error === undefined ? Effect.succeed(found) : Effect.fail(error))
      runPs(["-A"], (entry) => {
        if (entry.pid === pid) found = entry.startTime
      }, done)
    })
  })
