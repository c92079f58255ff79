/**
 * What the verbs of a job do, one at a time, but for those that must not wait: `Wait`, `Signal` and a `Stop` during a
 * grace (which ends the grace), and `DeleteNow` (which ends everything) pass the verb that is being carried out.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Command from "../Command.ts"
import * as ExitStatus from "../ExitStatus.ts"
import type { JobError, Outcome, State, Ticket } from "../Job.ts"
import { HookFailed, JobDeleted, SpawnFailed, StillAlive } from "../ProcessError.ts"
import type { Spawner } from "../Spawner.ts"
import * as Verb from "../Verb.ts"
import { done, type Entry, entryOf, failed, isStart, JobQueue, noop, type Subject } from "./jobQueue.ts"
import * as Run from "./run.ts"

/** What a job is made with. */
export interface Config {
  readonly command: Command.Command
  readonly limits: Run.Limits
  /** How this verb wants the run to be ended. */
  readonly toStop: (options: Verb.StopOptions) => Run.Stop
  /** May edit the command before each start. */
  readonly onSpawn: (view: Verb.View) => Effect.Effect<Command.Command, unknown>
  /** Gives the command what every process of the job gets. */
  readonly equip: (command: Command.Command) => Effect.Effect<Command.Command, SpawnFailed>
  /** Hears of every error, also of those that a ticket tells. */
  readonly onError: (error: JobError) => Effect.Effect<void>
  /** Connects what was started. */
  readonly attach: (run: Run.Run) => Effect.Effect<Omit<Run.Attached, "onSignalFailed">>
  /** Hears of every change, after it. */
  readonly onChange: (state: State) => void
  /** Gives back what belongs to the job, once it is deleted and nothing of it runs. */
  readonly onDeleted: Effect.Effect<void>
}

const pending: State = { _tag: "Pending" }

export class JobEngine implements Subject {
  private readonly config: Config
  private readonly verbs: JobQueue
  private readonly aborted = Deferred.makeUnsafe<void>()
  private phase: "open" | "closing" | "deleted" = "open"
  private current: Run.Run | undefined = undefined
  private last: Run.Run | undefined = undefined
  state: State = pending
  previous: State = pending

  constructor(config: Config, context: Context.Context<Spawner>) {
    this.config = config
    this.verbs = new JobQueue(this, context)
  }

  /** The run that goes on. */
  get run(): Run.Run | undefined {
    return this.current
  }

  get isOpen(): boolean {
    return this.phase === "open"
  }

  onError(error: JobError): Effect.Effect<void> {
    return this.config.onError(error)
  }

  private get view(): Verb.View {
    return { command: this.config.command, current: this.state, previous: this.previous }
  }

  get name(): string {
    return Command.show(this.config.command)
  }

  // ------------------------------------------------------------------------------------------------ taking verbs

  /** Takes a verb; what becomes of it is told by the ticket. */
  send(verb: Verb.Verb): Ticket {
    const entry = entryOf(verb)
    this.accept(entry)
    return { verb, outcome: Deferred.await(entry.outcome) }
  }

  private accept(entry: Entry): void {
    const { verb } = entry
    if (this.phase !== "open") return this.acceptLate(entry)
    switch (verb._tag) {
      case "DeleteNow":
        return this.verbs.detach(entry, Effect.map(this.close("now"), (ended) => done(verb, ended)))
      case "Wait":
        return this.verbs.wait(entry)
      case "Signal":
        if (this.verbs.busy?.step === "ending") return this.verbs.detach(entry, this.signal(verb))
        break
      case "Stop":
        if (this.verbs.busy?.step === "ending" && this.current !== undefined) return this.stopNow(entry, this.current)
        break
      default:
        break
    }
    this.verbs.push(entry)
  }

  /** The job is being deleted, or is. */
  private acceptLate(entry: Entry): void {
    const { verb } = entry
    const isDelete = verb._tag === "Delete" || verb._tag === "DeleteNow"
    if (verb._tag === "Wait" && this.current !== undefined) return this.verbs.wait(entry)
    if (!isDelete) return this.verbs.tell(entry, this.verbs.deleted(verb))
    if (this.phase === "deleted") return this.verbs.tell(entry, noop(verb, "already deleted"))
    if (verb._tag === "Delete") this.verbs.wait(entry)
    else this.verbs.detach(entry, Effect.map(this.close("now"), (ended) => done(verb, ended)))
  }

  /** Takes away the grace, and the start that was to come after it: who says stop last finds nothing running. */
  private stopNow(entry: Entry, run: Run.Run): void {
    this.verbs.supersede(entry.verb)
    this.verbs.detach(entry, Effect.map(run.kill, (ended) => done(entry.verb, ended)))
  }

  // ------------------------------------------------------------------------------------------- carrying them out

  perform(entry: Entry): Effect.Effect<Outcome, never, Spawner> {
    const { verb } = entry
    switch (verb._tag) {
      case "Start":
        return this.start(entry)
      case "Stop":
        return Effect.map(
          this.stop(entry, verb.options),
          (ended) => ended === undefined ? noop(verb, "not running") : done(verb, ended)
        )
      case "Restart":
        return this.restart(entry, verb.options)
      case "TryRestart":
        return Effect.suspend(() =>
          this.current === undefined
            ? Effect.succeed(noop(verb, "not running"))
            : this.restart(entry, verb.options)
        )
      case "Signal":
        return this.signal(verb)
      case "Run":
        return this.runHook(verb)
      case "Delete":
        return Effect.flatMap(
          this.stop(entry, verb.options),
          (ended) => Effect.as(this.close("now"), done(verb, ended))
        )
      // Both are carried out when they are sent.
      case "Wait":
      case "DeleteNow":
        return Effect.succeed(done(verb))
    }
  }

  private start(entry: Entry): Effect.Effect<Outcome, never, Spawner> {
    return Effect.suspend(() => {
      if (this.current === undefined) return this.startNow(entry)
      if (!this.current.isEnding()) return Effect.succeed(noop(entry.verb, "already running"))
      // Its program has ended, and what that left behind is being ended: then it is not running.
      entry.step = "ending"
      return Effect.flatMap(this.current.ended, () => this.startUnlessGivenUp(entry))
    })
  }

  private startUnlessGivenUp(entry: Entry): Effect.Effect<Outcome, never, Spawner> {
    return Effect.suspend(() => {
      entry.step = "begun"
      if (this.phase !== "open") return Effect.succeed(this.verbs.deleted(entry.verb))
      if (entry.supersededBy !== undefined) return Effect.succeed(this.verbs.superseded(entry.verb, entry.supersededBy))
      return this.start(entry)
    })
  }

  private startNow(entry: Entry): Effect.Effect<Outcome, never, Spawner> {
    return Effect.match(this.spawn(entry), {
      onSuccess: (): Outcome => done(entry.verb),
      onFailure: (error) => failed(entry.verb, error)
    })
  }

  private readonly spawn = Effect.fnUntraced({ self: this }, function*(entry: Entry) {
    yield* this.checkNobodyIsLeft
    const command = yield* Effect.suspend(() => this.config.onSpawn(this.view)).pipe(
      Effect.filterOrElse(
        Command.isCommand,
        (other) => Effect.die(new Error(`it gave no Command, but ${String(other)}`))
      ),
      Effect.catchCause((cause) => Effect.fail(new HookFailed({ command: this.name, hook: "spawn", cause })))
    )
    // A hook that was not to be interrupted has come back after all.
    if (entry.isAborted) return yield* new JobDeleted({ command: this.name, verb: Verb.show(entry.verb) })
    entry.step = "spawning"
    yield* this.config.equip(command).pipe(
      Effect.flatMap((equipped) => Run.start(equipped, this.config.limits, (run) => this.adopt(run))),
      Effect.catchDefect((cause) =>
        Effect.fail(new SpawnFailed({ command: this.name, reason: "Unknown", detail: String(cause), cause }))
      ),
      Effect.tapError((error) => Effect.map(Clock.currentTimeMillis, (now) => this.to(neverRan(error, now)))),
      Effect.uninterruptible
    )
  })

  /** Takes over a run that was just started. */
  private adopt(run: Run.Run): Effect.Effect<Run.Attached> {
    return Effect.map(this.config.attach(run), (attached) => {
      this.current = run
      this.to({ _tag: "Running", pid: run.process.pid, startedAt: run.startedAt })
      return {
        read: attached.read,
        onEnd: (ended) => Effect.andThen(attached.onEnd(ended), Effect.sync(() => this.ended(run, ended))),
        onSignalFailed: (error) => Effect.sync(() => this.verbs.report(error))
      }
    })
  }

  private ended(run: Run.Run, ended: Run.Ended): void {
    this.current = undefined
    this.last = run
    const { endedAt, forced, startedAt, status, survivors } = ended
    this.to({ _tag: "Finished", status, startedAt, endedAt, forced, survivors })
    this.verbs.answerWaiters()
  }

  private to(state: State): void {
    // Of a run that has ended, what was before it stays what was before it.
    if (this.state._tag !== "Running") this.previous = this.state
    this.state = state
    this.config.onChange(state)
  }

  /** Who survived SIGKILL may be gone by now; if not, nothing may be started beside it. */
  private readonly checkNobodyIsLeft: Effect.Effect<void, StillAlive> = Effect.suspend(() => {
    const { last, state } = this
    if (last === undefined || state._tag !== "Finished" || state.survivors.length === 0) return Effect.void
    return Effect.flatMap(last.process.members, (members) =>
      members.length === 0
        ? Effect.void
        : Effect.fail(new StillAlive({ command: this.name, survivors: members.map(Run.showMember) })))
  })

  /** Ends the run, if there is one. */
  private stop(entry: Entry, options: Verb.StopOptions): Effect.Effect<Run.Ended | undefined> {
    return Effect.suspend(() => {
      if (this.current === undefined) return Effect.undefined
      entry.step = "ending"
      return Effect.tap(this.current.stop(this.config.toStop(options)), () =>
        Effect.sync(() => {
          entry.step = "begun"
        }))
    })
  }

  private restart(entry: Entry, options: Verb.StopOptions): Effect.Effect<Outcome, never, Spawner> {
    return Effect.andThen(this.stop(entry, options), this.startUnlessGivenUp(entry))
  }

  private signal(verb: Verb.Verb & { readonly _tag: "Signal" }): Effect.Effect<Outcome> {
    return Effect.suspend(() => {
      if (this.current === undefined) return Effect.succeed(noop(verb, "not running"))
      return Effect.match(this.current.process.signal(verb.signal), {
        onSuccess: (reached) => reached ? done(verb) : noop(verb, "not running"),
        onFailure: (error) => failed(verb, error)
      })
    })
  }

  private runHook(verb: Verb.Verb & { readonly _tag: "Run" }): Effect.Effect<Outcome> {
    return Effect.suspend(() => verb.hook(this.view)).pipe(
      Effect.matchCause({
        onSuccess: (): Outcome => done(verb),
        onFailure: (cause) => failed(verb, new HookFailed({ command: this.name, hook: "run", cause }))
      })
    )
  }

  // ---------------------------------------------------------------------------------------------- ending the job

  /**
   * Ends the job: what waits its turn is refused, what is being carried out is given up, and the run is ended, now or
   * with its grace. Asked for again, it is ended now. How the run ended, if there was one.
   */
  close(how: "now" | "gracefully"): Effect.Effect<Run.Ended | undefined> {
    return Effect.gen({ self: this }, function*() {
      if (this.phase === "open") {
        this.phase = "closing"
        this.verbs.refuseAll()
        yield* this.verbs.abort
        Deferred.doneUnsafe(this.aborted, Exit.void)
      }
      // Whoever comes later must not overlook a run that is just being started either.
      yield* Deferred.await(this.aborted)
      const ended = this.current === undefined ? undefined : yield* this.end(this.current, how)
      this.verbs.answerWaiters()
      if (this.phase === "closing") {
        this.phase = "deleted"
        yield* this.config.onDeleted
      }
      return ended
    })
  }

  /**
   * Ends what runs or is about to, and leaves the job as it is: for the supervisor that it belongs to. With its grace,
   * which ends when this is interrupted, or asked for again. How the run ended, if there was one.
   */
  readonly halt: Effect.Effect<Run.Ended | undefined> = Effect.gen({ self: this }, function*() {
    this.verbs.supersede(Verb.stop())
    if (this.verbs.busy !== undefined && isStart(this.verbs.busy.verb) && this.verbs.busy.step !== "ending") {
      yield* this.verbs.abort
    }
    const { current } = this
    if (current === undefined) return undefined
    return current.isStopping()
      ? yield* current.kill
      : yield* Effect.onInterrupt(this.end(current, "gracefully"), () => current.kill)
  })

  private end(run: Run.Run, how: "now" | "gracefully"): Effect.Effect<Run.Ended> {
    if (how === "now") return run.kill
    // A grace that has begun is not cut short, nor does it begin anew.
    return run.isEnding() ? run.ended : run.stop(this.config.toStop({}))
  }
}

const neverRan = (error: SpawnFailed, now: number): State => ({
  _tag: "Finished",
  status: ExitStatus.SpawnFailed({ error }),
  startedAt: now,
  endedAt: now,
  forced: false,
  survivors: []
})
