/**
 * A running supervisor: an ordered map of children, the one place where their states change, and the beginning and the
 * end of the whole.
 *
 * Everything between two suspensions is atomic in one thread, so there is no lock and no mailbox: a state changes where
 * it is decided, and whoever has to wait watches it change. What takes longer than a moment (a bring-up, a stop with its
 * grace, a back-off) is a fiber that the supervisor owns, so that a caller who is interrupted leaves nothing half done
 * and a child can ask for its own stop.
 *
 * What happens to a child is in `starting`, `ending`, `restarting` and `stopping`; they reach each other through here.
 *
 * Floor 2.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type * as Runnable from "../Runnable.ts"
import { causeInfo, exitInfo, type State } from "../State.ts"
import { DuplicateChild, SupervisorClosed } from "../SupervisorError.ts"
import type { SupervisorEvent } from "../SupervisorEvent.ts"
import { together } from "./causes.ts"
import { type Cell, type CellState, isSettled, type Stopping, type Wish } from "./cell.ts"
import * as children from "./children.ts"
import * as ending from "./ending.ts"
import { Incarnation } from "./incarnation.ts"
import type { ManagerSettings } from "../ManagerOptions.ts"
import * as restarting from "./restarting.ts"
import * as starting from "./starting.ts"
import { supervisorKey } from "./serviceKeys.ts"
import * as stopping from "./stopping.ts"
import { Telemetry } from "./telemetry.ts"
import { bounce, Turns } from "./trampoline.ts"
import { Tree } from "./tree.ts"

/** Until when a stop may take: `grace` for asking, `hard` for all of it. Milliseconds since the epoch. */
export interface Limits {
  readonly grace: number
  readonly hard: number
}

/** What the whole supervisor is doing. */
export type Phase =
  | {
    readonly _tag: "Open"
    /** All children have been ready once. */
    ready: boolean
    /** What works through the children in order: the bring-up, or the recovery of a group. */
    sequence: Fiber.Fiber<unknown, unknown> | undefined
  }
  | {
    readonly _tag: "Closing"
    readonly exit: Exit.Exit<void, unknown>
    limits: Limits
    /** It waits for no grace any more. */
    hurried: boolean
    /** What failed while children were being stopped. */
    readonly failures: Array<Cause.Cause<unknown>>
  }
  | { readonly _tag: "Closed"; readonly exit: Exit.Exit<void, unknown> }

type SupervisorState = "Starting" | "Running" | "Stopping" | "Stopped" | "Failed"

export class Engine {
  readonly name: string
  /** From the root of the tree; the root's own is empty. */
  readonly path: string
  /** How many supervisors are above it. */
  readonly depth: number
  readonly tree: Tree
  readonly settings: ManagerSettings
  /** The incarnation that this supervisor runs in, if it is not a root. */
  readonly parent: Incarnation | undefined
  /** Its parent's run is over when it is: a request to stop the one is for the other. */
  readonly isFollowed: boolean
  /** Its being ready is its parent's. */
  readonly speaks: boolean
  /** The services of its children. */
  readonly base: Context.Context<never>
  /** What this supervisor may take for stopping: what its own parent gives it. */
  readonly budgetMillis: number
  /** When it was made; the times of its children are kept relative to it. */
  readonly epoch: number
  readonly telemetry: Telemetry
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly intensity: restarting.Intensity | undefined
  readonly cells: Map<string, Cell> = new Map()
  /** What has to outlive the children: closed when all of them have been stopped. */
  readonly scope: Scope.Closeable = Scope.makeUnsafe()
  phase: Phase = { _tag: "Open", ready: false, sequence: undefined }
  /** Counts of children: completed ever, completed and gone, given up, left to run, and those that are significant and active. */
  completed = 0
  cleaned = 0
  gaveUp = 0
  left = 0
  significantLeft = 0
  restarts = 0
  recovery: restarting.Recovery | undefined = undefined
  /** Counts the sequences, so that an older one finds out that it was replaced. */
  sequences = 0
  /** Somebody is exchanging children, so that for a moment there may be none. */
  pins = 0
  /** The reconciliation that is under way. */
  reconciling: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private keepAlive: boolean
  private madeTurns: Turns | undefined = undefined
  private readonly clock: Clock.Clock
  private readonly timer: ReturnType<typeof setInterval> | undefined
  private readonly onReady: Array<() => void> = []
  private readonly onClosed: Array<(exit: Exit.Exit<void, unknown>) => void> = []
  borrowed: { readonly from: Context.Context<never>; readonly base: Context.Context<never> } | undefined

  constructor(options: {
    readonly name: string
    readonly settings: ManagerSettings
    readonly budgetMillis: number
    readonly parent: Incarnation | undefined
    readonly isFollowed: boolean
    readonly speaks: boolean
    readonly context: Context.Context<never>
    /** What children find as their `Supervisor`. */
    readonly handle: (engine: Engine) => unknown
  }) {
    const { parent } = options
    this.name = options.name
    this.settings = options.settings
    this.keepAlive = options.settings.keepAlive
    this.parent = parent
    this.path = parent === undefined ? "" : parent.engine.pathOf(parent.cell)
    this.depth = parent === undefined ? 0 : parent.engine.depth + 1
    this.isFollowed = options.isFollowed
    this.speaks = options.speaks
    this.budgetMillis = parent === undefined ? options.budgetMillis : this.budgetUnder(parent)
    // Flat, so that what is added for each child stays a small difference to it.
    this.base = Context.makeUnsafe(
      Context.addUnsafe(options.context, supervisorKey, options.handle(this)).mapUnsafe
    )
    this.fork = Effect.runForkWith(this.base)
    this.clock = Context.get(this.base, Clock.Clock)
    this.epoch = this.now
    this.tree = parent === undefined
      ? new Tree(Context.get(this.base, Scheduler.Scheduler).makeDispatcher())
      : parent.engine.tree
    this.telemetry = new Telemetry(this.base, this.dispatcher)
    this.intensity = restarting.makeIntensity(options.settings)
    // Effect 4's runtime does not keep the process alive for a fiber that only waits; a timer does. One per tree.
    this.timer = parent === undefined ? setInterval(() => {}, 2 ** 31 - 1) : undefined
    if (parent !== undefined) parent.extras.nested = this
  }

  // -- Facts

  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  get prefix(): string {
    return this.path === "" ? "" : `${this.path}/`
  }

  get dispatcher(): Scheduler.SchedulerDispatcher {
    return this.tree.dispatcher
  }

  get turns(): Turns {
    return this.madeTurns ??= new Turns(this.dispatcher)
  }

  pathOf(cell: Cell): string {
    return this.path === "" ? cell.name : `${this.path}/${cell.name}`
  }

  /** A child's own grace, as far as this supervisor has so much to give. */
  graceOf(cell: Cell): number {
    return Math.min(cell.settings.graceMillis, this.budgetMillis)
  }

  /** If its parent does not wait for it, it is stopped in the parent's finalizers: while the parent is waited for. */
  private budgetUnder(parent: Incarnation): number {
    const { cell, engine } = parent
    return this.isFollowed ? engine.graceOf(cell) : 0.9 * cell.settings.abandonAfterMillis
  }

  get hadChildren(): boolean {
    return this.cells.size > 0 || this.cleaned > 0
  }

  /** Whether `control` is the line of something that runs below this supervisor: its waiting for it would be waiting for itself. */
  contains(control: unknown): boolean {
    for (let run = control; run instanceof Incarnation && run.engine.depth >= this.depth; run = run.engine.parent) {
      if (run.engine === this) return true
    }
    return false
  }

  closedError(operation: string): SupervisorClosed {
    return new SupervisorClosed({ supervisor: this.name, operation })
  }

  duplicateError(name: string): DuplicateChild {
    return new DuplicateChild({ child: name, path: `${this.prefix}${name}`, supervisor: this.name })
  }

  // -- Transitions

  /** The one place where the state of a child changes. */
  transition(cell: Cell, next: CellState, exit?: Exit.Exit<unknown, unknown>): void {
    const before = cell.state
    const from = before._tag
    cell.state = next
    children.count(this, cell, before, -1)
    children.count(this, cell, next, 1)
    this.telemetry.transition(this, cell, from)
    if (this.tree.observed) this.publishTransition(cell, from, exit)
    if (isSettled(next._tag)) {
      cell.settled = true
      if (cell.left?.startTimer !== undefined) starting.endStartTimer(cell)
    } else if (next._tag === "Pending" || (next._tag === "Starting" && from !== "Backoff")) {
      cell.settled = false
    }
    cell.notify()
  }

  private publishTransition(cell: Cell, from: State["_tag"], exit: Exit.Exit<unknown, unknown> | undefined): void {
    this.publish({
      _tag: "ChildTransition",
      at: this.now,
      path: this.pathOf(cell),
      incarnation: cell.incarnation,
      from,
      to: cell.publicState,
      exit: exit && exitInfo(exit)
    })
  }

  publish(event: SupervisorEvent): void {
    this.tree.publish(event)
  }

  private supervisorTransition(to: SupervisorState, cause?: Cause.Cause<unknown>): void {
    this.telemetry.supervisor(this, to, cause)
    if (!this.tree.observed) return
    this.publish({
      _tag: "SupervisorTransition",
      at: this.now,
      path: this.path,
      to,
      cause: cause && causeInfo(cause)
    })
  }

  /** Waits until something holds of a child; `undefined` when it does already. */
  until(cell: Cell, holds: () => boolean): Effect.Effect<void> | undefined {
    if (holds()) return undefined
    return Effect.callback<void>((resume) => {
      const check = () => {
        if (!holds()) return
        unwatch()
        resume(Effect.void)
      }
      const unwatch = cell.watch(check)
      check()
      return Effect.sync(unwatch)
    })
  }

  /** Waits until the start of a child is over, one way or the other. */
  settled(cell: Cell): Effect.Effect<void> {
    return this.until(cell, () => cell.settled) ?? Effect.void
  }

  // -- The children, in order

  insert(runnable: Runnable.Any, base?: Context.Context<never>): Cell {
    return children.insert(this, runnable, base)
  }

  discard(cell: Cell): void {
    children.discard(this, cell)
  }

  adopt(cell: Cell, runnable: Runnable.Any, base: Context.Context<never> | undefined): void {
    children.adopt(this, cell, runnable, base)
  }

  reorder(names: ReadonlyArray<string>): void {
    children.reorder(this, names)
  }

  borrow(context: Context.Context<never>): Context.Context<never> {
    return children.borrow(this, context)
  }

  // -- What happens to a child

  launch(cell: Cell): void {
    starting.launch(this, cell)
  }

  started(run: Incarnation): void {
    starting.started(this, run)
  }

  bringUp(): Effect.Effect<void> {
    return starting.bringUp(this)
  }

  ended(run: Incarnation, exit: Exit.Exit<unknown, unknown>): void {
    ending.ended(this, run, exit, this.now)
  }

  decide(run: Incarnation, exit: Exit.Exit<unknown, unknown>): void {
    ending.decide(this, run, exit, this.now)
  }

  giveUp(cell: Cell, cause: Cause.Cause<unknown>, exit?: Exit.Exit<unknown, unknown>): void {
    ending.giveUp(this, cell, cause, exit)
  }

  escalate(cell: Cell, cause: Cause.Cause<unknown>): void {
    ending.escalate(this, cell, cause)
  }

  over(cell: Cell): void {
    ending.over(this, cell)
  }

  exhausted(cell: Cell): Cause.Cause<never> {
    return ending.exhausted(this, cell)
  }

  /** A child takes the manager along. */
  fail(cell: Cell, cause: Cause.Cause<unknown>): void {
    this.close(Exit.failCause(ending.blame(this, cell, cause)))
  }

  stop(cell: Cell, wish: Wish): Effect.Effect<void> | undefined {
    return stopping.stop(this, cell, wish)
  }

  condemn(run: Incarnation, cause: Cause.Cause<never>, wish: "fail" | "giveUp"): void {
    stopping.condemn(this, run, cause, wish)
  }

  finalizing(run: Incarnation, exit: Exit.Exit<unknown, unknown>): void {
    stopping.finalizing(this, run, exit)
  }

  unresponsive(run: Incarnation, watchdogMillis: number): void {
    stopping.unresponsive(this, run, watchdogMillis)
  }

  unhealthy(run: Incarnation, cause: Cause.Cause<unknown>, failures: number, fatal: boolean): void {
    stopping.unhealthy(this, run, cause, failures, fatal)
  }

  // -- The beginning

  /** Starts the described children in order, each after the one before is ready. */
  begin(children: ReadonlyArray<Runnable.Any>): void {
    this.supervisorTransition("Starting")
    for (const child of children) this.insert(child)
    const asked = this.isFollowed ? this.parent?.asked : undefined
    if (asked !== undefined) return this.endWith(asked)
    this.run(this.bringUp())
    this.endIfNoneIsLeft()
  }

  /** What it runs in was asked to stop before it began, and goes on as if it was not. */
  private endWith(asked: Limits): void {
    this.shutdown(asked)
    const { parent } = this
    if (parent?.box?.listening !== true) bounce(this.dispatcher, () => parent?.interrupt(), undefined)
  }

  /** Runs a sequence over the children. A newer one replaces it, and covers what it had left to do. */
  run(sequence: Effect.Effect<void>): void {
    if (this.phase._tag !== "Open") return
    this.phase.sequence?.interruptUnsafe()
    this.phase.sequence = undefined
    const number = ++this.sequences
    const fiber = this.fork(sequence)
    // It may be over, or replaced, before it is known here.
    if (this.sequences === number && this.phase._tag === "Open" && fiber.pollUnsafe() === undefined) {
      this.phase.sequence = fiber
    }
  }

  becomeReady(): void {
    if (this.phase._tag !== "Open" || this.phase.ready) return
    this.phase.ready = true
    this.supervisorTransition("Running")
    if (this.speaks) this.parent?.ready()
    for (const callback of this.onReady.splice(0)) callback()
  }

  // -- The end

  /** From now on it ends when no child is left. */
  endWhenNoneIsLeft(): void {
    this.keepAlive = false
    this.endIfNoneIsLeft()
  }

  endIfNoneIsLeft(): void {
    if (this.left === 0 && this.pins === 0 && !this.keepAlive && this.phase._tag === "Open") this.close(Exit.void)
  }

  /** Stops everything and ends well. Asked again, it only becomes more urgent. */
  shutdown(limits?: Limits): void {
    this.close(Exit.void, limits)
  }

  /** Stops everything without waiting for any grace. A list and no recursion: a tree may be deeper than the stack. */
  hurry(): void {
    const engines: Array<Engine> = [this]
    const waiting: Array<Stopping> = []
    for (let engine = engines.pop(); engine !== undefined; engine = engines.pop()) {
      if (engine.isHurried) continue
      engine.close(Exit.void, { grace: engine.now, hard: Number.POSITIVE_INFINITY })
      if (!engine.beginHurry()) continue
      for (const { state } of engine.cells.values()) {
        if (state._tag !== "Stopping") continue
        waiting.push(state)
        if (state.run.nested !== undefined) engines.push(state.run.nested)
      }
    }
    for (const state of waiting.toReversed()) state.hurry()
  }

  /** `false` if it has ended meanwhile. */
  private beginHurry(): boolean {
    if (this.phase._tag !== "Closing") return false
    this.phase.hurried = true
    return true
  }

  /** It waits for no grace any more. */
  get isHurried(): boolean {
    return this.phase._tag === "Closing" && this.phase.hurried
  }

  /** Until when a stop that begins at `now` may take. */
  limits(now: number): Limits {
    return this.phase._tag === "Closing"
      ? this.phase.limits
      : { grace: now + this.budgetMillis, hard: Number.POSITIVE_INFINITY }
  }

  /** Begins the end. From here on nothing starts. */
  close(exit: Exit.Exit<void, unknown>, limits?: Limits): void {
    const { phase } = this
    switch (phase._tag) {
      case "Closed":
        return
      case "Closing":
        if (limits === undefined) return
        phase.limits = {
          grace: Math.min(phase.limits.grace, limits.grace),
          hard: Math.min(phase.limits.hard, limits.hard)
        }
        return
      case "Open":
        this.phase = { _tag: "Closing", exit, limits: limits ?? this.limits(this.now), hurried: false, failures: [] }
        this.supervisorTransition("Stopping", Exit.isFailure(exit) ? exit.cause : undefined)
        phase.sequence?.interruptUnsafe()
        this.fork(stopping.bringDown(this, exit))
        return
    }
  }

  /** All children are down, and what had to outlive them is closed. */
  end(): void {
    if (this.phase._tag !== "Closing") return
    const { exit, failures } = this.phase
    // What failed during the stop is never first, and never makes a failure of a good end.
    const final = Exit.isFailure(exit) ? Exit.failCause(together(exit.cause, ...failures)) : exit
    if (Exit.isSuccess(final)) { for (const failure of failures) this.parent?.engine.noteFailure(failure) }
    this.phase = { _tag: "Closed", exit: final }
    clearInterval(this.timer)
    if (this.parent?.nested === this) this.parent.extras.nested = undefined
    if (Exit.isFailure(final)) this.supervisorTransition("Failed", final.cause)
    else this.supervisorTransition("Stopped")
    this.telemetry.close(this.cells.values())
    this.tree.end(this.prefix)
    for (const callback of this.onReady.splice(0)) callback()
    for (const callback of this.onClosed.splice(0)) bounce(this.dispatcher, callback, final)
  }

  /** What had to outlive the children failed to close. */
  noteFinalizers(exit: Exit.Exit<unknown, unknown> | undefined): void {
    const about = { supervisor: this.name, path: this.path }
    if (exit === undefined) {
      return this.telemetry.log("Warn", `a finalizer of supervisor ${this.name} would not end and is left`, about)
    }
    if (Exit.isSuccess(exit)) return
    this.telemetry.log("Warn", `a finalizer of supervisor ${this.name} failed`, about, exit.cause)
    this.noteFailure(exit.cause)
  }

  /** Keeps what failed while children are being stopped, for the cause with which this supervisor fails. */
  noteFailure(failure: Cause.Cause<unknown>): void {
    if (this.phase._tag === "Closing" && failure.reasons.length > 0) this.phase.failures.push(failure)
  }

  // -- Waiting for it

  /** Calls back once, when it has ended. */
  whenClosed(callback: (exit: Exit.Exit<void, unknown>) => void): () => void {
    this.onClosed.push(callback)
    return () => {
      const index = this.onClosed.indexOf(callback)
      if (index >= 0) this.onClosed.splice(index, 1)
    }
  }

  /** How it ended, if it has. */
  get outcome(): Exit.Exit<void, unknown> {
    return this.phase._tag === "Closed" ? this.phase.exit : Exit.void
  }

  /** How it ended. Any number may wait, at any time, and all learn the same. */
  get closed(): Effect.Effect<void, unknown> {
    return Effect.suspend(() =>
      this.phase._tag === "Closed"
        ? this.phase.exit
        : Effect.callback<void, unknown>((resume) => Effect.sync(this.whenClosed((exit) => resume(exit))))
    )
  }

  /** Waits until every child has been ready once, or the supervisor has ended. */
  get readied(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.phase._tag === "Closed" || (this.phase._tag === "Open" && this.phase.ready)) return resume(Effect.void)
      const callback = () => resume(Effect.void)
      this.onReady.push(callback)
      return Effect.sync(() => {
        const index = this.onReady.indexOf(callback)
        if (index >= 0) this.onReady.splice(index, 1)
      })
    })
  }
}
