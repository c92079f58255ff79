/**
 * One run of a command, from its start until nobody of its process group lives.
 *
 * One fiber sees it through, in this order: the program ends or a stop is asked for; the group is emptied (signal,
 * grace, SIGKILL); the output is read to its end; what belongs to the run is given back. However the run is ended, it is
 * by this one path.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type * as Command from "../Command.ts"
import * as ExitStatus from "../ExitStatus.ts"
import type { SignalFailed, SpawnFailed } from "../ProcessError.ts"
import type { Signal } from "../Signal.ts"
import { type Member, type Process, Spawner } from "../Spawner.ts"

/** How to ask for the end, and how long to wait for it until it is forced. */
export interface Stop {
  readonly signal: Signal
  readonly graceMillis: number
}

/** What a run is done with. */
export interface Limits {
  /** How its group is ended, also what is left of it after the program has ended by itself. */
  readonly stop: Stop
  /** How long SIGKILL may take to empty the group, until what survives is named. */
  readonly killMillis: number
  /** How long its output may still come once the group is empty: somebody outside of it may hold the pipe. */
  readonly drainMillis: number
}

/** How a run ended. */
export interface Ended {
  readonly status: ExitStatus.ExitStatus
  readonly startedAt: number
  readonly endedAt: number
  /** Its group did not end within the grace and was killed. */
  readonly forced: boolean
  /** Who survived even that. */
  readonly survivors: ReadonlyArray<string>
  /** Its output was not read to the end: somebody holds the pipe, or the disk takes nothing. */
  readonly isCut: boolean
}

export interface Run {
  readonly process: Process
  readonly command: Command.Command
  readonly startedAt: number
  /** Waits until the run is over. */
  readonly ended: Effect.Effect<Ended>
  /** Asks for its end, and waits for it; asked again, it is killed at once. */
  readonly stop: (stop: Stop) => Effect.Effect<Ended>
  /** Ends it without grace. */
  readonly kill: Effect.Effect<Ended>
  /** It was asked to end. */
  readonly isStopping: () => boolean
  /** Its program has ended, or it was asked to end. */
  readonly isEnding: () => boolean
}

/** What goes with a run: what reads its output, and who hears of it before anybody who waits for it. */
export interface Attached {
  readonly read: Effect.Effect<void>
  readonly onEnd: (ended: Ended) => Effect.Effect<void>
  /** The signal that asks for the end could not be sent; SIGKILL comes when the grace is over. */
  readonly onSignalFailed: (error: SignalFailed) => Effect.Effect<void>
}

/** Starts a command. `onStart` hears of the run before anything can happen to it. */
export const start = (
  command: Command.Command,
  limits: Limits,
  onStart: (run: Run) => Effect.Effect<Attached>
): Effect.Effect<Run, SpawnFailed, Spawner> =>
  Effect.uninterruptible(Effect.gen(function*() {
    const spawner = yield* Spawner
    const process = yield* spawner.spawn(command)
    const startedAt = yield* Clock.currentTimeMillis
    const asked: Asked = { stop: Deferred.makeUnsafe(), kill: Deferred.makeUnsafe(), isSwept: false }
    const ended = Deferred.makeUnsafe<Ended>()
    const run = make(process, command, startedAt, limits, asked, Deferred.await(ended))
    const attached = yield* Effect.onError(onStart(run), () => discard(process))
    // In fibers of their own: a run is over when its group is, whoever may have lost interest in it.
    const reading = yield* Effect.forkDetach(attached.read, { uninterruptible: false })
    yield* Effect.forkDetach(
      Effect.flatMap(
        live(run, limits, asked, reading, attached.onSignalFailed),
        // Whatever becomes of who hears of it, who waits for it is told.
        (end) => Effect.andThen(Effect.ignoreCause(attached.onEnd(end), { log: "Error" }), Deferred.succeed(ended, end))
      ),
      { uninterruptible: false }
    )
    return run
  }))

/** Nobody has taken it over. */
const discard = (process: Process): Effect.Effect<void> =>
  Effect.ignore(process.signal("SIGKILL")).pipe(
    Effect.andThen(process.empty),
    Effect.andThen(process.emptied),
    Effect.andThen(process.release)
  )

interface Asked {
  readonly stop: Deferred.Deferred<Stop>
  readonly kill: Deferred.Deferred<void>
  /** The program has ended, and what it left behind is being ended. */
  isSwept: boolean
}

const make = (
  process: Process,
  command: Command.Command,
  startedAt: number,
  limits: Limits,
  asked: Asked,
  ended: Effect.Effect<Ended>
): Run => {
  const kill = Effect.suspend(() => {
    Deferred.doneUnsafe(asked.stop, Exit.succeed({ ...limits.stop, graceMillis: 0 }))
    Deferred.doneUnsafe(asked.kill, Exit.void)
    return ended
  })
  return {
    process,
    command,
    startedAt,
    ended,
    stop: (stop) => Effect.suspend(() => Deferred.doneUnsafe(asked.stop, Exit.succeed(stop)) ? ended : kill),
    kill,
    isStopping: () => Deferred.isDoneUnsafe(asked.stop),
    isEnding: () => asked.isSwept || Deferred.isDoneUnsafe(asked.stop)
  }
}

/** The life of a run, from its start to its end. */
const live = Effect.fnUntraced(function*(
  { command, process, startedAt }: Run,
  limits: Limits,
  asked: Asked,
  reading: Fiber.Fiber<void>,
  onSignalFailed: Attached["onSignalFailed"]
) {
  const forks = [reading, ...(yield* feed(command, process))]
  const stop = yield* Effect.raceFirst(Effect.as(process.status, undefined), Deferred.await(asked.stop))
  asked.isSwept = stop === undefined
  const { forced, left } = yield* empty({ process, limits, asked, onSignalFailed }, stop)
  const survivors = left.map(showMember)
  if (survivors.length === 0) yield* process.emptied
  const status = yield* within(process.status, survivors.length === 0 ? Infinity : 0, unkillable)
  const isRead = reading.pollUnsafe() !== undefined ||
    (yield* within(Effect.as(Fiber.await(reading), true), limits.drainMillis, false))
  yield* Fiber.interruptAll(forks)
  yield* process.release
  const endedAt = yield* Clock.currentTimeMillis
  const ended: Ended = { status, startedAt, endedAt, forced, survivors, isCut: !isRead }
  return ended
})

/** A member as a person would look for it. */
export const showMember = (member: Member): string => `${member.command} (pid ${member.pid}, ${member.state})`

/** Not by the spawner: there, a stream that fails would hide how the program ends. */
const feed = ({ settings }: Command.Command, process: Process): Effect.Effect<ReadonlyArray<Fiber.Fiber<void>>> => {
  if (typeof settings.stdin === "string") return Effect.succeed([])
  const input = Stream.tapCause(
    settings.stdin,
    (cause) => Effect.logWarning("The input of a command ended early", cause)
  )
  return Effect.map(
    Effect.forkDetach(Effect.ignore(Stream.run(input, process.stdin)), { startImmediately: true }),
    (fiber) => [fiber]
  )
}

/** What the kernel does not let go of has been sent SIGKILL, and will end by it some day. */
const unkillable = ExitStatus.Signaled({ signal: "SIGKILL", coreDumped: undefined })

const within = <A, B>(effect: Effect.Effect<A>, millis: number, otherwise: B): Effect.Effect<A | B> =>
  millis === Infinity ? effect : Effect.map(
    Effect.timeoutOption(effect, millis),
    Option.getOrElse((): A | B => otherwise)
  )

/** What it takes to empty a group. */
interface Emptying {
  readonly process: Process
  readonly limits: Limits
  readonly asked: Asked
  readonly onSignalFailed: Attached["onSignalFailed"]
}

/** Empties the group; whether that took SIGKILL, and who is left. `stop` is not there if the program has ended by itself. */
const empty = Effect.fnUntraced(function*(emptying: Emptying, stop: Stop | undefined) {
  const { asked, limits, process } = emptying
  // Somebody may still say how it is to be ended.
  let outcome = stop ?? (yield* ask(emptying, limits.stop, Deferred.await(asked.stop)))
  if (typeof outcome === "object") outcome = yield* ask(emptying, outcome, Effect.never)
  if (outcome === "gone") return { forced: false, left: [] }
  const forced = outcome === "over" && ((yield* process.isRunning) || (yield* process.members).length > 0)
  return { forced, left: yield* kill(process, limits.killMillis) }
})

/**
 * The end of every group, also of one that looks empty: who forks and ends may be missed by every look at the process
 * table, but not by a signal to the group. Where zombies are left it reaches them, and does nothing. Who survives it.
 */
const kill = Effect.fnUntraced(function*(process: Process, killMillis: number) {
  // A group that may not be signalled is looked at nevertheless.
  if (!(yield* Effect.orElseSucceed(process.signal("SIGKILL"), () => true))) return []
  // Again and again: a process that was just forked may not have been in the group when the signal was sent.
  const killing = Effect.repeat(Effect.ignore(process.signal("SIGKILL")), Schedule.spaced(20))
  yield* within(Effect.raceFirst(process.empty, killing), killMillis, undefined)
  return yield* process.members
})

/** Asks for the end and waits for it, until the grace is over or something else is asked for. */
const ask = Effect.fnUntraced(function*<A>(
  { asked, onSignalFailed, process }: Emptying,
  { graceMillis, signal }: Stop,
  otherwise: Effect.Effect<A>
) {
  if (graceMillis <= 0) return "over"
  const reached = yield* Effect.catch(process.signal(signal), (error) => Effect.as(onSignalFailed(error), true))
  if (!reached && !(yield* process.isRunning)) return "gone"
  // A stopped process would hear it only once it goes on.
  yield* Effect.ignore(process.signal("SIGCONT"))
  return yield* Effect.raceAllFirst([
    Effect.as(process.empty, "ended" as const),
    Effect.as(Deferred.await(asked.kill), "over" as const),
    otherwise,
    graceMillis === Infinity ? Effect.never : Effect.as(Effect.sleep(graceMillis), "over" as const)
  ])
})
