/**
 * The verbs of a job, one at a time in their order, and who waits: for the outcome of one, or for the end of a run.
 *
 * No fiber runs while nothing is to be done. `busy` is the verb being carried out, in a fiber of the job's own, so that
 * whoever sent it may go away.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Done, JobError, NoOp, Outcome, State } from "../Job.ts"
import { HookFailed, JobDeleted, Superseded } from "../ProcessError.ts"
import type { Spawner } from "../Spawner.ts"
import * as Verb from "../Verb.ts"
import type * as Run from "./run.ts"

/** Who carries the verbs out. */
export interface Subject {
  readonly name: string
  /** The run that goes on. */
  readonly run: Run.Run | undefined
  readonly state: State
  readonly perform: (entry: Entry) => Effect.Effect<Outcome, never, Spawner>
  /** Hears of every error, also of those that a ticket tells. */
  readonly onError: (error: JobError) => Effect.Effect<void>
}

/** A verb that was sent. */
export interface Entry {
  readonly verb: Verb.Verb
  readonly outcome: Deferred.Deferred<Outcome>
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  step: Step
  /** Its fiber is to be interrupted, which may not be known yet: it may be in its first step. */
  isAborted: boolean
  /** What came after it and is not to find it going on. */
  supersededBy: Verb.Verb | undefined
}

/** How far a verb is: "ending" a run, of which a stop may take away the grace, or "spawning" one, which is not undone. */
type Step = "waiting" | "begun" | "ending" | "spawning"

/** Who waits for the end of the run: of the one that goes on, or of the one that this verb is to start. */
interface Waiter {
  readonly entry: Entry
  after: Entry | undefined
}

export const entryOf = (verb: Verb.Verb): Entry => ({
  verb,
  outcome: Deferred.makeUnsafe(),
  fiber: undefined,
  step: "waiting",
  isAborted: false,
  supersededBy: undefined
})

export class JobQueue {
  /** What is being carried out. */
  busy: Entry | undefined = undefined
  private readonly subject: Subject
  private readonly context: Context.Context<Spawner>
  private readonly queue: Array<Entry> = []
  private isPumping = false
  private waiters: Array<Waiter> = []

  constructor(subject: Subject, context: Context.Context<Spawner>) {
    this.subject = subject
    this.context = context
  }

  /** It waits its turn. */
  push(entry: Entry): void {
    this.queue.push(entry)
    this.pump()
  }

  /** Carries out what is in the queue, one verb after the other. */
  private pump(): void {
    // A verb that is carried out in the same instant comes back here: a loop, not a deeper and deeper stack.
    if (this.isPumping) return
    this.isPumping = true
    while (this.busy === undefined && this.queue.length > 0) {
      const entry = this.queue.shift()!
      this.busy = entry
      entry.step = "begun"
      this.detach(entry, this.subject.perform(entry), () => {
        if (this.busy === entry) this.busy = undefined
        this.pump()
      })
    }
    this.isPumping = false
  }

  /** Carries out a verb in a fiber of its own; its outcome is told last. */
  detach(entry: Entry, effect: Effect.Effect<Outcome, never, Spawner>, after?: () => void): void {
    const fiber = Effect.runForkWith(this.context)(effect)
    entry.fiber = fiber
    if (entry.isAborted) fiber.interruptUnsafe()
    fiber.addObserver((exit) => {
      this.tell(entry, Exit.isSuccess(exit) ? exit.value : this.broken(entry, exit.cause))
      after?.()
    })
  }

  /** Tells the outcome, once, to whoever holds the ticket, and an error to the sink as well. */
  tell(entry: Entry, outcome: Outcome): void {
    if (!Deferred.doneUnsafe(entry.outcome, Exit.succeed(outcome))) return
    if (outcome._tag === "Failed") this.report(outcome.error)
    for (const waiter of this.waiters) if (waiter.after === entry) waiter.after = undefined
    if (this.subject.run === undefined) this.answerWaiters()
  }

  report(error: JobError): void {
    // In a turn of its own: a sink that sends a verb which fails at once must not keep everything else from running.
    Effect.runForkWith(this.context)(Effect.andThen(Effect.yieldNow, Effect.suspend(() => this.subject.onError(error))))
  }

  /** It was interrupted because the job ends; anything else is somebody's code that died. */
  private broken(entry: Entry, cause: Cause.Cause<never>): Outcome {
    return entry.isAborted || Cause.hasInterruptsOnly(cause)
      ? this.deleted(entry.verb)
      : failed(entry.verb, new HookFailed({ command: this.subject.name, hook: "run", cause }))
  }

  deleted(verb: Verb.Verb): Outcome {
    return failed(verb, new JobDeleted({ command: this.subject.name, verb: Verb.show(verb) }))
  }

  superseded(verb: Verb.Verb, by: Verb.Verb): Outcome {
    return failed(verb, new Superseded({ command: this.subject.name, verb: Verb.show(verb), by: Verb.show(by) }))
  }

  // ------------------------------------------------------------------------------------------------- waiting

  wait(entry: Entry): void {
    const starting = this.subject.run === undefined
      ? this.queue.findLast(({ verb }) => isStart(verb)) ?? this.starting
      : undefined
    this.waiters.push({ entry, after: starting })
    if (this.subject.run === undefined) this.answerWaiters()
  }

  /** What is being carried out and may start a run. */
  private get starting(): Entry | undefined {
    return this.busy !== undefined && isStart(this.busy.verb) ? this.busy : undefined
  }

  /** Answers those for whom no run goes on and none is to come. */
  answerWaiters(): void {
    const { state } = this.subject
    const ready = this.waiters.filter(({ after }) => after === undefined)
    if (ready.length === 0) return
    this.waiters = this.waiters.filter(({ after }) => after !== undefined)
    for (const { entry } of ready) {
      this.tell(entry, state._tag === "Finished" ? done(entry.verb, state) : noop(entry.verb, "never ran"))
    }
  }

  /** Takes back every start that has not begun to spawn. */
  supersede(by: Verb.Verb): void {
    const { busy, queue } = this
    if (busy !== undefined && isStart(busy.verb)) busy.supersededBy = by
    for (const other of queue.filter(({ verb }) => isStart(verb))) {
      queue.splice(queue.indexOf(other), 1)
      this.tell(other, this.superseded(other.verb, by))
    }
  }

  /** Nothing waits its turn any more. */
  refuseAll(): void {
    for (const entry of this.queue.splice(0)) {
      this.tell(entry, entry.verb._tag === "Delete" ? noop(entry.verb, "already deleted") : this.deleted(entry.verb))
    }
  }

  /** Gives up what is being carried out. */
  readonly abort: Effect.Effect<void> = Effect.suspend(() => {
    const { busy } = this
    if (busy === undefined) return Effect.void
    // It ends the run, as is to be done now, and is told so.
    if (busy.step === "ending" || busy.verb._tag === "Delete") return Effect.void
    // What has been started is not to be lost sight of.
    if (busy.step === "spawning" && busy.fiber !== undefined) return Effect.asVoid(Fiber.await(busy.fiber))
    // Somebody else's code, of which nobody knows how long it takes to be interrupted.
    const by = busy.supersededBy
    this.tell(busy, by === undefined ? this.deleted(busy.verb) : this.superseded(busy.verb, by))
    busy.isAborted = true
    busy.fiber?.interruptUnsafe()
    return Effect.void
  })
}

export const isStart = (verb: Verb.Verb): boolean =>
  verb._tag === "Start" || verb._tag === "Restart" || verb._tag === "TryRestart"

export const done = (verb: Verb.Verb, ended?: Omit<Run.Ended, "startedAt" | "endedAt" | "isCut">): Done => ({
  _tag: "Done",
  verb: Verb.show(verb),
  status: ended?.status,
  forced: ended?.forced ?? false,
  survivors: ended?.survivors ?? []
})

export const noop = (verb: Verb.Verb, reason: NoOp["reason"]): NoOp => ({ _tag: "NoOp", verb: Verb.show(verb), reason })

export const failed = (verb: Verb.Verb, error: JobError): Outcome => ({ _tag: "Failed", verb: Verb.show(verb), error })
