/**
 * A job's verbs in their order: one at a time, but for those that must not wait.
 *
 * No fiber runs while nothing is to be done. `busy` is the verb being carried out, in a fiber of the job's own, so that
 * whoever sent it may go away. What passes it: `Wait`, `Signal`, a `Stop` during its grace (which ends the grace), and
 * `DeleteNow` (which ends everything).
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Command from "../Command.ts"
import * as ExitStatus from "../ExitStatus.ts"
import type { Done, JobError, NoOp, Outcome, State, Ticket } from "../Job.ts"
import { HookFailed, JobDeleted, type SpawnFailed, StillAlive, Superseded } from "../ProcessError.ts"
import type { Spawner } from "../Spawner.ts"
import * as Verb from "../Verb.ts"
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
  /** Connects what was started; its effect is what reads the output. */
  readonly attach: (run: Run.Run) => Effect.Effect<Run.Attached>
  /** Hears of every change, after it. */
  readonly onChange: (state: State) => void
}

interface Entry {
  readonly verb: Verb.Verb
  readonly outcome: Deferred.Deferred<Outcome>
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** It is ending the run, of which a stop may take away the grace. */
  ending: boolean
  /** What came after it and is not to find it going on. */
  supersededBy: Verb.Verb | undefined
}

const pending: State = { _tag: "Pending" }

export class JobEngine {
  readonly config: Config
  private readonly context: Context.Context<Spawner>
  private readonly queue: Array<Entry> = []
  private busy: Entry | undefined = undefined
  private waiters: Array<Entry> = []
  private isDeleted = false
  private current: Run.Run | undefined = undefined
  private last: Run.Run | undefined = undefined
  state: State = pending
  previous: State = pending

  constructor(config: Config, context: Context.Context<Spawner>) {
    this.config = config
    this.context = context
  }

  /** The run that goes on. */
  get run(): Run.Run | undefined {
    return this.current
  }

  get view(): Verb.View {
    return { command: this.config.command, current: this.state, previous: this.previous }
  }

  /** Takes a verb; what becomes of it is told by the ticket. */
  send(verb: Verb.Verb): Ticket {
    const entry: Entry = {
      verb,
      outcome: Deferred.makeUnsafe(),
      fiber: undefined,
      ending: false,
      supersededBy: undefined
    }
    this.accept(entry)
    return { verb, outcome: Deferred.await(entry.outcome) }
  }

  private accept(entry: Entry): void {
    if (entry.verb._tag === "DeleteNow") return this.detach(entry, Effect.as(this.close("now"), done(entry.verb)))
    if (this.isDeleted) return this.refuse(entry)
    switch (entry.verb._tag) {
      case "Wait":
        this.waiters.push(entry)
        return this.next()
      case "Signal":
        if (this.busy?.ending !== true) break
        return this.detach(entry, this.signal(entry.verb))
      case "Stop":
        if (this.busy?.ending !== true || this.current === undefined) break
        if (this.busy.verb._tag !== "Delete") this.busy.supersededBy = entry.verb
        return this.detach(entry, Effect.map(this.current.kill, (ended) => done(entry.verb, ended)))
      default:
        break
    }
    this.queue.push(entry)
    this.next()
  }

  /** Carries out what is first in the queue, if nothing is being carried out. */
  private next(): void {
    if (this.busy !== undefined) return
    const entry = this.queue.shift()
    if (entry === undefined) return this.answerWaiters()
    this.busy = entry
    this.detach(entry, Effect.suspend(() => this.perform(entry)), () => {
      if (this.busy === entry) this.busy = undefined
      this.next()
    })
  }

  /** Carries out a verb in a fiber of its own; its outcome is told last. */
  private detach(entry: Entry, effect: Effect.Effect<Outcome, never, Spawner>, after: () => void = () => {}): void {
    const fiber = Effect.runForkWith(this.context)(effect)
    entry.fiber = fiber
    fiber.addObserver((exit) => {
      const outcome = Exit.isSuccess(exit) ? exit.value : failed(entry.verb, this.interruptedBy(entry))
      if (outcome._tag === "Failed") Effect.runForkWith(this.context)(this.config.onError(outcome.error))
      Deferred.doneUnsafe(entry.outcome, Exit.succeed(outcome))
      after()
    })
  }

  private interruptedBy(entry: Entry): JobError {
    return entry.supersededBy === undefined
      ? new JobDeleted({ command: this.name, verb: Verb.show(entry.verb) })
      : this.superseded(entry, entry.supersededBy)
  }

  private get name(): string {
    return Command.show(this.config.command)
  }

  private superseded(entry: Entry, by: Verb.Verb): Superseded {
    return new Superseded({ command: this.name, verb: Verb.show(entry.verb), by: Verb.show(by) })
  }

  private refuse(entry: Entry): void {
    const error = new JobDeleted({ command: this.name, verb: Verb.show(entry.verb) })
    Deferred.doneUnsafe(entry.outcome, Exit.succeed(failed(entry.verb, error)))
  }

  private perform(entry: Entry): Effect.Effect<Outcome, never, Spawner> {
    const { verb } = entry
    switch (verb._tag) {
      case "Start":
        return this.start(entry)
      case "Stop":
        return this.stop(entry, verb.options)
      case "Restart":
        return this.restart(entry, verb.options)
      case "TryRestart":
        return this.current === undefined
          ? Effect.succeed(noop(verb, "not running"))
          : this.restart(entry, verb.options)
      case "Signal":
        return this.signal(verb)
      case "Run":
        return Effect.suspend(() => verb.hook(this.view)).pipe(
          Effect.matchCause({
            onSuccess: (): Outcome => done(verb),
            onFailure: (cause) => failed(verb, new HookFailed({ command: this.name, hook: "run", cause }))
          })
        )
      case "Delete":
        return Effect.tap(this.stop(entry, verb.options), () => this.close("now"))
      // Both are carried out when they are sent.
      case "Wait":
      case "DeleteNow":
        return Effect.succeed(done(verb))
    }
  }

  private start(entry: Entry): Effect.Effect<Outcome, never, Spawner> {
    if (this.current !== undefined) return Effect.succeed(noop(entry.verb, "already running"))
    return this.spawn.pipe(
      Effect.match({
        onSuccess: (): Outcome => done(entry.verb),
        onFailure: (error) => failed(entry.verb, error)
      })
    )
  }

  private readonly spawn: Effect.Effect<void, SpawnFailed | HookFailed | StillAlive, Spawner> = Effect.gen({
    self: this
  }, function*() {
    yield* this.checkNobodyIsLeft
    const command = yield* Effect.suspend(() => this.config.onSpawn(this.view)).pipe(
      Effect.catchCause((cause) => Effect.fail(new HookFailed({ command: this.name, hook: "spawn", cause })))
    )
    yield* this.config.equip(command).pipe(
      Effect.flatMap((equipped) => Run.start(equipped, this.config.limits, (run) => this.adopt(run))),
      Effect.tapError((error) => Effect.map(Clock.currentTimeMillis, (now) => this.to(neverRan(error, now))))
    )
  })

  /** Takes over a run that was just started. */
  private adopt(run: Run.Run): Effect.Effect<Run.Attached> {
    return Effect.map(this.config.attach(run), (attached) => {
      this.current = run
      this.to({ _tag: "Running", pid: run.process.pid, startedAt: run.startedAt })
      return {
        read: attached.read,
        onEnd: (ended) => Effect.andThen(attached.onEnd(ended), Effect.sync(() => this.ended(run, ended)))
      }
    })
  }

  /** Who survived SIGKILL may be gone by now; if not, nothing may be started beside it. */
  private readonly checkNobodyIsLeft: Effect.Effect<void, StillAlive> = Effect.suspend(() => {
    if (this.last === undefined || this.state._tag !== "Finished" || this.state.survivors.length === 0) {
      return Effect.void
    }
    return Effect.flatMap(this.last.process.members, (members) =>
      members.length === 0 ? Effect.void : Effect.fail(
        new StillAlive({
          command: this.name,
          survivors: members.map((member) => `${member.command} (pid ${member.pid}, ${member.state})`)
        })
      ))
  })

  private stop(entry: Entry, options: Verb.StopOptions): Effect.Effect<Outcome> {
    const { current } = this
    if (current === undefined) return Effect.succeed(noop(entry.verb, "not running"))
    entry.ending = true
    return current.stop(this.config.toStop(options)).pipe(
      Effect.map((ended) => done(entry.verb, ended)),
      Effect.ensuring(Effect.sync(() => {
        entry.ending = false
      }))
    )
  }

  private restart(entry: Entry, options: Verb.StopOptions): Effect.Effect<Outcome, never, Spawner> {
    return Effect.flatMap(this.stop(entry, options), () =>
      entry.supersededBy === undefined
        ? this.start(entry)
        : Effect.succeed(failed(entry.verb, this.superseded(entry, entry.supersededBy))))
  }

  private signal(verb: Verb.Verb & { readonly _tag: "Signal" }): Effect.Effect<Outcome> {
    const { current } = this
    if (current === undefined) return Effect.succeed(noop(verb, "not running"))
    return Effect.match(current.process.signal(verb.signal), {
      onSuccess: (reached) => reached ? done(verb) : noop(verb, "not running"),
      onFailure: (error) => failed(verb, error)
    })
  }

  /**
   * Ends the job: what waits its turn is refused, what is being carried out is interrupted, and the run is ended, now
   * or with its grace. Asked for twice, it is ended now.
   */
  close(how: "now" | "gracefully"): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isDeleted = true
      for (const entry of this.queue.splice(0)) this.refuse(entry)
      return this.abort.pipe(
        Effect.andThen(Effect.suspend(() => this.current === undefined ? Effect.void : this.end(this.current, how))),
        Effect.andThen(Effect.sync(() => this.answerWaiters()))
      )
    })
  }

  /** Ends the job as its scope does: what runs gets its grace, or what is left of one that has begun. */
  get shutdown(): Effect.Effect<void> {
    return this.close("gracefully")
  }

  private end(run: Run.Run, how: "now" | "gracefully"): Effect.Effect<unknown> {
    if (how === "now") return run.kill
    // A grace that has begun is not cut short, nor does it begin anew.
    return run.isStopping() ? run.ended : run.stop(this.config.toStop({}))
  }

  /** Gives up what is being carried out. */
  private readonly abort: Effect.Effect<void> = Effect.suspend(() => {
    const { busy } = this
    // A Delete closes the job itself, when it has stopped it.
    if (busy?.fiber === undefined || busy.verb._tag === "Delete") return Effect.void
    if (busy.verb._tag !== "Run") return Effect.asVoid(Fiber.interrupt(busy.fiber))
    // Nobody knows how long somebody else's code takes to be interrupted.
    this.refuse(busy)
    return Effect.sync(() => busy.fiber?.interruptUnsafe())
  })

  private ended(run: Run.Run, ended: Run.Ended): void {
    this.current = undefined
    this.last = run
    this.to({ _tag: "Finished", ...ended })
    for (const entry of this.waiters.splice(0)) {
      Deferred.doneUnsafe(entry.outcome, Exit.succeed(done(entry.verb, ended)))
    }
  }

  private to(state: State): void {
    if (this.state._tag !== "Running") this.previous = this.state
    this.state = state
    this.config.onChange(state)
  }

  /** Who waits for a run while none goes on and none is to come. */
  private answerWaiters(): void {
    if (this.current !== undefined) return
    const { state } = this
    for (const entry of this.waiters.splice(0)) {
      const outcome = state._tag === "Finished" ? done(entry.verb, state) : noop(entry.verb, "never ran")
      Deferred.doneUnsafe(entry.outcome, Exit.succeed(outcome))
    }
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

const done = (verb: Verb.Verb, ended?: Omit<Run.Ended, "startedAt" | "endedAt">): Done => ({
  _tag: "Done",
  verb: Verb.show(verb),
  status: ended?.status,
  forced: ended?.forced ?? false,
  survivors: ended?.survivors ?? []
})

const noop = (verb: Verb.Verb, reason: NoOp["reason"]): NoOp => ({ _tag: "NoOp", verb: Verb.show(verb), reason })

const failed = (verb: Verb.Verb, error: JobError): Outcome => ({ _tag: "Failed", verb: Verb.show(verb), error })
