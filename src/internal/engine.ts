/**
 * A running supervisor: an ordered map of children, and the sequences that start, restart and stop them.
 *
 * Everything between two suspensions is atomic in one thread, so there is no lock and no mailbox: a state changes where
 * it is decided, and whoever has to wait watches it change. What takes longer than a moment (a bring-up, a stop with its
 * grace, a back-off) is a fiber that the supervisor owns, so that a caller who is interrupted leaves nothing half done
 * and a child can ask for its own stop.
 *
 * Floor 2.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Tracer from "effect/Tracer"
import * as RestartPolicy from "../RestartPolicy.ts"
import type * as Runnable from "../Runnable.ts"
import * as Strategy from "../Strategy.ts"
import {
  ChildPath,
  DuplicateChild,
  MaxChildrenReached,
  RestartsExhausted,
  StartTimeout,
  SupervisorClosed,
  Unhealthy,
  Unresponsive
} from "../SupervisorError.ts"
import type { SupervisorEvent } from "../SupervisorEvent.ts"
import { causeInfo, exitInfo, type State } from "../State.ts"
import { Cell, type CellState, completed, held, pending, stopped, type Stopping, type Wish } from "./cell.ts"
import { Driver } from "./driver.ts"
import { Incarnation } from "./incarnation.ts"
import type { ManagerSettings } from "./managerSettings.ts"
import { snapshotChild } from "./snapshot.ts"
import { Telemetry } from "./telemetry.ts"
import { bounce } from "./trampoline.ts"
import { Tree } from "./tree.ts"

/** Until when a stop may take: `grace` for asking, `hard` for all of it. Milliseconds since the epoch. */
export interface Limits {
  readonly grace: number
  readonly hard: number
}

/** What the whole supervisor is doing. */
type Phase =
  | { readonly _tag: "Open"; ready: boolean; sequence: Fiber.Fiber<unknown, unknown> | undefined }
  | {
    readonly _tag: "Closing"
    readonly exit: Exit.Exit<void, unknown>
    limits: Limits
    /** What failed while children were being stopped. */
    failures: Cause.Cause<unknown>
  }
  | { readonly _tag: "Closed"; readonly exit: Exit.Exit<void, unknown> }

/** How many children are started or stopped in a row before others get a turn. */
const batch = 1024

const shutdownExit: Exit.Exit<void> = Exit.void

/** A child in such a state can still run, now or later, so its manager goes on. */
const isLeft = (tag: State["_tag"]): boolean => tag !== "Completed" && tag !== "GaveUp"

/** The start of a child is over, one way or the other. */
const isSettled = (cell: Cell): boolean => {
  switch (cell.state._tag) {
    case "Pending":
    case "Starting":
    case "Backoff":
    case "Stopping":
      return false
    case "Running":
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
    case "Abandoned":
      return true
  }
}

export class Engine {
  readonly name: string
  /** From the root of the tree; the root's own is empty. */
  readonly path: string
  readonly tree: Tree
  readonly settings: ManagerSettings
  /** The incarnation that this supervisor runs in, if it is not a root. */
  readonly parent: Incarnation | undefined
  readonly base: Context.Context<never>
  readonly telemetry: Telemetry
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly cells = new Map<string, Cell>()
  /** What this supervisor may take at most for stopping, which is what its own parent gives it. */
  readonly budgetMillis: number
  phase: Phase = { _tag: "Open", ready: false, sequence: undefined }
  completed = 0
  restarts = 0
  private readonly clock: Clock.Clock
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly budget: Driver<unknown> | undefined
  private left = 0
  private significantLeft = 0
  private keepAlive: boolean
  private gaveUp = 0
  /** Children that completed and have left the map. */
  private cleaned = 0
  private sequences = 0
  private readonly onReady: Array<() => void> = []
  private readonly onClosed: Array<(exit: Exit.Exit<void, unknown>) => void> = []
  private readonly alive: ReturnType<typeof setInterval> | undefined
  private borrowed: { readonly from: Context.Context<never>; readonly base: Context.Context<never> } | undefined

  constructor(options: {
    readonly name: string
    readonly settings: ManagerSettings
    readonly budgetMillis: number
    readonly parent: Incarnation | undefined
    readonly context: Context.Context<never>
    /** The services that children get beside those of `context`: their supervisor. */
    readonly services: (engine: Engine) => Context.Context<never>
  }) {
    this.name = options.name
    this.settings = options.settings
    this.keepAlive = options.settings.keepAlive
    this.parent = options.parent
    this.path = this.parent === undefined ? "" : this.parent.engine.pathOf(this.parent.cell)
    this.tree = this.parent === undefined ? new Tree() : this.parent.engine.tree
    this.budgetMillis = this.parent === undefined
      ? options.budgetMillis
      : this.parent.engine.graceOf(this.parent.cell)
    this.base = Context.makeUnsafe(
      new Map([...options.context.mapUnsafe, ...options.services(this).mapUnsafe])
    )
    this.clock = Context.get(this.base, Clock.Clock)
    this.dispatcher = Context.get(this.base, Scheduler.Scheduler).makeDispatcher()
    this.telemetry = new Telemetry(this.base, this.dispatcher)
    this.fork = Effect.runForkWith(this.base)
    this.budget = this.settings.intensity && new Driver(RestartPolicy.always(this.settings.intensity))
    // Effect 4's runtime does not keep the process alive for a fiber that only waits; a timer does. One per tree.
    this.alive = this.parent === undefined ? setInterval(() => {}, 2 ** 31 - 1) : undefined
    if (this.parent !== undefined) this.parent.nested = this
  }

  // -- Facts

  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  get prefix(): string {
    return this.path === "" ? "" : `${this.path}/`
  }

  pathOf(cell: Cell): string {
    return this.path === "" ? cell.name : `${this.path}/${cell.name}`
  }

  /** A child's own grace, as far as this supervisor has so much to give. */
  graceOf(cell: Cell): number {
    return Math.min(cell.settings.graceMillis, this.budgetMillis)
  }

  /** Whether `control` belongs to something that runs below this supervisor, so that waiting for it would be waiting for oneself. */
  contains(control: unknown): boolean {
    for (let run = control; run instanceof Incarnation; run = run.engine.parent) {
      if (run.engine === this) return true
    }
    return false
  }

  // -- Transitions

  /** The one place where the state of a child changes. */
  transition(cell: Cell, next: CellState, exit?: Exit.Exit<unknown, unknown>): void {
    const from = cell.state._tag
    cell.state = next
    if (from === "GaveUp") this.gaveUp--
    if (next._tag === "GaveUp") this.gaveUp++
    const delta = Number(isLeft(next._tag)) - Number(isLeft(from))
    if (delta !== 0) this.count(cell, delta)
    this.telemetry.transition(cell, from, () => this.pathOf(cell))
    if (this.tree.observed) {
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
    if (cell.startTimer !== undefined && isSettled(cell)) this.endStartTimer(cell)
    cell.notify()
  }

  private count(cell: Cell, delta: number): void {
    this.left += delta
    if (cell.settings.significant) this.significantLeft += delta
  }

  publish(event: SupervisorEvent): void {
    this.tree.publish(event)
  }

  private supervisorTransition(
    to: "Starting" | "Running" | "Stopping" | "Stopped" | "Failed",
    cause?: Cause.Cause<unknown>
  ): void {
    this.telemetry.log(
      "Debug",
      `supervisor ${this.name} is ${to}`,
      { supervisor: this.name, path: this.path },
      cause
    )
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

  /** Waits until the start of a child is over. */
  settled(cell: Cell): Effect.Effect<void> | undefined {
    return this.until(cell, () => isSettled(cell))
  }

  // -- Children come and go

  /** Puts a child at the end of the order. */
  private insert(cell: Cell): void {
    this.cells.set(cell.name, cell)
    this.count(cell, 1)
    this.telemetry.transition(cell, undefined, () => this.pathOf(cell))
    if (!this.tree.observed) return
    this.publish({ _tag: "ChildAdded", at: this.now, path: this.pathOf(cell), child: snapshotChild(this, cell) })
  }

  /** Takes a child that is at rest out of the map. */
  discard(cell: Cell): void {
    if (this.cells.get(cell.name) !== cell) return
    this.cells.delete(cell.name)
    if (isLeft(cell.state._tag)) this.count(cell, -1)
    if (cell.state._tag === "GaveUp") this.gaveUp--
    this.telemetry.removed(cell.state._tag)
    if (this.tree.observed) this.publish({ _tag: "ChildRemoved", at: this.now, path: this.pathOf(cell) })
    this.endIfNoneIsLeft()
  }

  /** The services for a child that somebody with `context` adds: theirs, under this supervisor. */
  private borrow(context: Context.Context<never>): Context.Context<never> {
    if (this.borrowed?.from !== context) {
      const map = new Map([...this.base.mapUnsafe, ...context.mapUnsafe])
      // A child outlives the call that added it, so it is under the supervisor's span and not under the caller's.
      map.delete(Tracer.ParentSpan.key)
      for (const [key, value] of this.base.mapUnsafe) {
        if (key === Tracer.ParentSpan.key || key === "effect-supervisor/Supervisor") map.set(key, value)
      }
      this.borrowed = { from: context, base: Context.makeUnsafe(map) }
    }
    return this.borrowed.base
  }

  /** Adds a child at run time and starts it. */
  add(
    runnable: Runnable.Any,
    context: Context.Context<never>
  ): Effect.Effect<void, DuplicateChild | MaxChildrenReached | SupervisorClosed> {
    if (this.phase._tag !== "Open") return Effect.fail(this.closedError(`add("${runnable.name}")`))
    const existing = this.cells.get(runnable.name)
    if (existing !== undefined) return Effect.fail(this.duplicateError(runnable.name))
    if (this.cells.size >= this.settings.maxChildren) {
      return Effect.fail(
        new MaxChildrenReached({
          name: runnable.name,
          supervisor: this.name,
          maxChildren: this.settings.maxChildren
        })
      )
    }
    const cell = new Cell(runnable, this.borrow(context))
    this.insert(cell)
    this.launch(cell)
    return this.settled(cell) ?? Effect.void
  }

  /** Brings the children into a new order. */
  reorder(names: ReadonlyArray<string>): void {
    for (const name of names) {
      const cell = this.cells.get(name)
      if (cell === undefined) continue
      this.cells.delete(name)
      this.cells.set(name, cell)
    }
  }

  closedError(operation: string): SupervisorClosed {
    return new SupervisorClosed({ supervisor: this.name, operation })
  }

  duplicateError(name: string): DuplicateChild {
    return new DuplicateChild({ name, path: `${this.prefix}${name}`, supervisor: this.name })
  }

  // -- Starting

  /** Starts the described children in order, each after the one before is ready. */
  begin(children: ReadonlyArray<Runnable.Any>): void {
    for (const child of children) this.insert(new Cell(child, undefined))
    this.supervisorTransition("Starting")
    this.sequence(this.bringUp())
    this.endIfNoneIsLeft()
  }

  /** Runs a sequence over the children; a newer one replaces it, and covers what it had left to do. */
  private sequence(effect: Effect.Effect<void>): void {
    if (this.phase._tag !== "Open") return
    this.phase.sequence?.interruptUnsafe()
    this.phase.sequence = undefined
    const number = ++this.sequences
    const fiber = this.fork(effect)
    // It may be over, or replaced, before it is known here.
    if (this.sequences === number && this.phase._tag === "Open" && fiber.pollUnsafe() === undefined) {
      this.phase.sequence = fiber
    }
  }

  /** Starts every pending child, in order. */
  private bringUp(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const number = this.sequences
      let started = 0
      for (const cell of this.cells.values()) {
        if (cell.state._tag !== "Pending") continue
        this.launch(cell)
        if (this.sequences !== number) return
        const settled = this.settled(cell)
        if (settled !== undefined) yield* settled
        else if (++started % batch === 0) yield* Effect.yieldNow
        if (this.sequences !== number) return
      }
      this.becomeReady()
    })
  }

  private becomeReady(): void {
    if (this.phase._tag !== "Open" || this.phase.ready) return
    this.phase.ready = true
    this.supervisorTransition("Running")
    this.parent?.ready()
    for (const callback of this.onReady.splice(0)) callback()
  }

  /** Starts an incarnation, unless closing has begun: the check and the launch are one step. */
  launch(cell: Cell): void {
    if (this.phase._tag !== "Open" || this.cells.get(cell.name) !== cell) return
    cell.incarnation++
    const run = new Incarnation(this, cell, this.now)
    const { startTimeoutMillis } = cell.settings
    if (startTimeoutMillis !== undefined && cell.startTimer === undefined) {
      this.beginStartTimer(cell, startTimeoutMillis)
    }
    this.transition(cell, { _tag: "Starting", run })
    bounce(this.dispatcher, () => run.start())
  }

  /** An incarnation is ready. */
  started(run: Incarnation): void {
    const { cell } = run
    if (cell.state._tag !== "Starting" || cell.state.run !== run) return
    run.readyAt = this.now
    this.transition(cell, { _tag: "Running", run })
    run.watch()
  }

  private beginStartTimer(cell: Cell, timeoutMillis: number): void {
    cell.startTimer = this.fork(Effect.flatMap(Effect.sleep(timeoutMillis), () =>
      Effect.sync(() => {
        cell.startTimer = undefined
        const cause = Cause.die(new StartTimeout({ path: this.pathOf(cell), timeoutMillis }))
        switch (cell.state._tag) {
          case "Starting":
            return this.condemn(cell.state.run, cause, "giveUp")
          case "Backoff":
            cell.state.cancel()
            return this.giveUp(cell, cause)
          case "Pending":
          case "Running":
          case "Stopping":
          case "Stopped":
          case "Held":
          case "Completed":
          case "GaveUp":
          case "Abandoned":
            return
        }
      })))
  }

  private endStartTimer(cell: Cell): void {
    cell.startTimer?.interruptUnsafe()
    cell.startTimer = undefined
  }

  // -- Ending

  /** An incarnation has ended, its finalizers included. */
  ended(run: Incarnation, exit: Exit.Exit<unknown, unknown>): void {
    const { cell } = run
    const { state } = cell
    this.telemetry.uptime(this.now - run.startedAt)
    if (cell.run !== run) return this.telemetry.untraced(run, exit, "stale")
    switch (state._tag) {
      case "Starting":
      case "Running":
        return this.decide(run, exit)
      case "Stopping": {
        if (state.wish === "fail" || state.wish === "giveUp") {
          const condemned = withoutInterrupts(run.condemned ?? Cause.empty, exit)
          return state.wish === "fail"
            ? this.decide(run, Exit.failCause(condemned))
            : this.finish(run, Exit.failCause(condemned), { _tag: "GiveUp", cause: condemned })
        }
        this.record(run, exit, "asked")
        this.noteFailure(cell, exit)
        return this.settle(cell, state.wish, exit)
      }
      case "Abandoned":
        this.record(run, exit, "asked")
        return this.transition(cell, stopped, exit)
      case "Pending":
      case "Backoff":
      case "Stopped":
      case "Held":
      case "Completed":
      case "GaveUp":
        return
    }
  }

  private record(
    run: Incarnation,
    exit: Exit.Exit<unknown, unknown>,
    decision: "restart" | "complete" | "giveUp" | "asked"
  ): void {
    run.cell.remember({
      incarnation: run.cell.incarnation,
      startedAt: run.startedAt,
      endedAt: this.now,
      exit,
      decision
    })
    this.telemetry.untraced(run, exit, decision)
  }

  /** A child that fails while it is being stopped: not a failure of its own, but not lost either. */
  private noteFailure(cell: Cell, exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
    const path = this.pathOf(cell)
    this.telemetry.log("Warn", `${path} failed while it was stopped`, { child: path }, exit.cause)
    if (this.phase._tag !== "Closing") return
    this.phase.failures = Cause.combine(this.phase.failures, withoutInterrupts(Cause.empty, this.blame(cell, exit)))
  }

  /** The exit with the path of the child that it came from, unless it came from further below. */
  private blame(cell: Cell, exit: Exit.Failure<unknown, unknown>): Exit.Failure<unknown, unknown> {
    const path = Context.make(ChildPath, this.pathOf(cell))
    return Exit.failCause(Cause.annotate(exit.cause, path)) as Exit.Failure<unknown, unknown>
  }

  /** Puts a child that has been stopped where it was wished to be. */
  settle(cell: Cell, wish: Wish, exit?: Exit.Exit<unknown, unknown>): void {
    switch (wish) {
      case "stop":
      case "fail":
      case "giveUp":
        return this.transition(cell, stopped, exit)
      case "hold":
        return this.transition(cell, held, exit)
      case "pend":
        return this.transition(cell, pending, exit)
      case "restart":
        if (this.phase._tag !== "Open") return this.transition(cell, stopped, exit)
        return this.launch(cell)
      case "remove":
        this.transition(cell, stopped, exit)
        return this.discard(cell)
    }
  }

  /** An incarnation ended although nobody asked it to: its policy decides. */
  private decide(run: Incarnation, exit: Exit.Exit<unknown, unknown>): void {
    const { cell } = run
    if (this.phase._tag !== "Open") {
      this.record(run, exit, "asked")
      this.noteFailure(cell, exit)
      return this.transition(cell, stopped, exit)
    }
    const policy = cell.settings.restart
    if (policy._tag === "Never") {
      return this.finish(run, exit, Exit.isSuccess(exit) ? { _tag: "Complete" } : { _tag: "GiveUp", cause: exit.cause })
    }
    const driver = cell.driver ??= new Driver(policy)
    const uptime = run.readyAt === undefined ? 0 : this.now - run.readyAt
    const asked = this.fork(driver.next(exit as Exit.Exit<unknown, never>, this.now, uptime))
    const decided = asked.pollUnsafe()
    const finish = (decided: Exit.Exit<RestartPolicy.Decision>) =>
      this.finish(run, exit, Exit.isSuccess(decided) ? decided.value : { _tag: "GiveUp", cause: decided.cause })
    if (decided !== undefined) return finish(decided)
    // A schedule that takes its time to decide: until then the child waits for a restart that can come any moment.
    const cancel = () => asked.interruptUnsafe()
    const wake = () => {
      this.launch(cell)
      cancel()
    }
    const backoff: CellState = { _tag: "Backoff", until: this.now, attempt: driver.attempt, exit, cancel, wake }
    this.transition(cell, backoff, exit)
    asked.addObserver((decided) => {
      if (cell.state === backoff && this.phase._tag === "Open") finish(decided)
    })
  }

  private finish(run: Incarnation, exit: Exit.Exit<unknown, unknown>, decision: RestartPolicy.Decision): void {
    const { cell } = run
    switch (decision._tag) {
      case "Complete":
        this.record(run, exit, "complete")
        return this.complete(cell, exit)
      case "GiveUp": {
        this.record(run, exit, "giveUp")
        const exhausted = () => Cause.die(new RestartsExhausted({ path: this.pathOf(cell), restarts: cell.restarts }))
        return this.giveUp(cell, decision.cause ?? exhausted(), exit)
      }
      case "Restart":
        this.record(run, exit, "restart")
        return this.restart(cell, exit, decision.delayMillis, decision.attempt)
    }
  }

  private complete(cell: Cell, exit: Exit.Exit<unknown, unknown>): void {
    this.completed++
    this.transition(cell, completed, exit)
    if (this.settings.autoCleanup) {
      this.cleaned++
      this.discard(cell)
    }
    this.endIfSignificant(cell)
    this.endIfNoneIsLeft()
  }

  private giveUp(cell: Cell, cause: Cause.Cause<unknown>, exit?: Exit.Exit<unknown, unknown>): void {
    this.transition(cell, { _tag: "GaveUp", cause }, exit)
    this.escalate(cell, cause)
  }

  /** A child is lost: does the manager go with it? */
  private escalate(cell: Cell, cause: Cause.Cause<unknown>): void {
    const { escalate } = this.settings
    const dead = this.gaveUp / (this.cells.size + this.cleaned)
    const fails = escalate === "first" || (escalate !== "never" && (dead > escalate.deadFraction || dead === 1))
    if (fails) return this.fail(cell, cause)
    this.endIfSignificant(cell)
    this.endIfNoneIsLeft()
  }

  private fail(cell: Cell, cause: Cause.Cause<unknown>): void {
    this.close(this.blame(cell, Exit.failCause(cause) as Exit.Failure<unknown, unknown>))
  }

  private endIfSignificant(cell: Cell): void {
    if (!cell.settings.significant) return
    const { autoShutdown } = this.settings
    if (autoShutdown === "any-significant" || (autoShutdown === "all-significant" && this.significantLeft === 0)) {
      this.shutdown()
    }
  }

  private endIfNoneIsLeft(): void {
    if (this.left === 0 && !this.keepAlive && this.phase._tag === "Open") this.close(shutdownExit)
  }

  /** From now on it ends when no child is left. */
  endWhenNoneIsLeft(): void {
    this.keepAlive = false
    this.endIfNoneIsLeft()
  }

  get hadChildren(): boolean {
    return this.cells.size > 0 || this.cleaned > 0
  }

  // -- Restarting

  /** A restart was granted: when it is due, the child comes back, and whoever its strategy takes along. */
  private restart(cell: Cell, exit: Exit.Exit<unknown, unknown>, delayMillis: number, attempt: number): void {
    cell.restarts++
    this.restarts++
    const delay = this.spend(cell, exit, delayMillis)
    if (delay === undefined) return
    if (this.telemetry.restart(exit, delay, this.now)) this.reportStorm(cell)
    const { strategy } = this.settings
    if (strategy === "one-for-one") return this.backoff(cell, exit, delay, attempt)
    const group = Strategy.affected(strategy, Array.from(this.cells.values()), cell)
    this.sequence(this.recover(cell, group, exit, delay, attempt))
  }

  /** Takes a failure-caused restart from the manager's intensity; `undefined` when that is exceeded and the manager fails. */
  private spend(cell: Cell, exit: Exit.Exit<unknown, unknown>, delayMillis: number): number | undefined {
    if (this.budget === undefined || Exit.isSuccess(exit)) return delayMillis
    const granted = this.fork(this.budget.next(exit, this.now, 0)).pollUnsafe()
    if (granted !== undefined && Exit.isSuccess(granted) && granted.value._tag === "Restart") {
      return Math.max(delayMillis, granted.value.delayMillis)
    }
    this.transition(cell, { _tag: "GaveUp", cause: exit.cause }, exit)
    this.fail(cell, exit.cause)
    return undefined
  }

  private reportStorm(cell: Cell): void {
    const path = this.pathOf(cell)
    const { restarts, withinMillis } = this.telemetry.storm
    this.telemetry.log(
      "Warn",
      `restart storm: ${restarts} restarts within ${withinMillis} ms, the last one of ${path}. Give its schedule a delay or a limit.`,
      { child: path }
    )
    if (this.tree.observed) {
      this.publish({ _tag: "RestartStorm", at: this.now, path, restarts, withinMillis })
    }
  }

  /** Waits for one child's restart. Without a delay it still goes through the scheduler, so that it starves nobody. */
  private backoff(cell: Cell, exit: Exit.Exit<unknown, unknown>, delayMillis: number, attempt: number): void {
    const wake = () => {
      if (cell.state !== state) return
      cancel()
      this.launch(cell)
    }
    let timer: Fiber.Fiber<unknown> | undefined = undefined
    const cancel = () => timer?.interruptUnsafe()
    const state: CellState = {
      _tag: "Backoff",
      until: this.now + delayMillis,
      attempt,
      exit,
      cancel,
      wake
    }
    this.transition(cell, state, exit)
    if (cell.state !== state) return
    if (delayMillis <= 0) return this.dispatcher.scheduleTask(wake, 0)
    timer = this.fork(Effect.sleep(delayMillis))
    timer.addObserver((slept) => Exit.isSuccess(slept) ? wake() : undefined)
  }

  /** Restarts a group: stops the others in reverse, waits, starts all in order. */
  private recover(
    cell: Cell,
    group: ReadonlyArray<Cell>,
    exit: Exit.Exit<unknown, unknown>,
    delayMillis: number,
    attempt: number
  ): Effect.Effect<void> {
    const wake = () => {
      if (cell.state === state) this.transition(cell, pending)
    }
    const state: CellState = {
      _tag: "Backoff",
      until: this.now + delayMillis,
      attempt,
      exit,
      cancel: () => {},
      wake
    }
    return Effect.gen({ self: this }, function*() {
      this.transition(cell, state, exit)
      for (let index = group.length - 1; index >= 0; index--) {
        const other = group[index]!
        if (other === cell || !isUp(other)) continue
        const stopped = this.stop(other, "pend")
        if (stopped !== undefined) yield* stopped
      }
      const left = state.until - this.now
      const woken = this.until(cell, () => cell.state !== state)
      if (woken !== undefined) yield* Effect.timeoutOption(woken, Math.max(0, left))
      // Also without a delay others get their turn first.
      if (left <= 0) yield* Effect.yieldNow
      wake()
      yield* this.bringUp()
    })
  }

  // -- Failing to serve

  /** Ends an incarnation that does not do its work, so that its policy or its end decides. */
  private condemn(run: Incarnation, cause: Cause.Cause<never>, wish: "fail" | "giveUp"): void {
    if (run.cell.run !== run || this.phase._tag !== "Open") return
    run.condemned = cause
    this.stopRun(run.cell, run, wish, true)
  }

  unresponsive(run: Incarnation, watchdogMillis: number): void {
    this.condemn(run, Cause.die(new Unresponsive({ path: this.pathOf(run.cell), watchdogMillis })), "fail")
  }

  unhealthy(run: Incarnation, cause: Cause.Cause<unknown>, failures: number, fatal: boolean): void {
    const { cell } = run
    if (cell.state._tag !== "Running" || cell.state.run !== run) return
    const path = this.pathOf(cell)
    if (failures === 1) {
      this.telemetry.log(
        "Warn",
        `${path} failed its health check`,
        { child: path, incarnation: cell.incarnation },
        cause
      )
    }
    if (this.tree.observed) {
      this.publish({
        _tag: "ChildUnhealthy",
        at: this.now,
        path,
        incarnation: cell.incarnation,
        failures,
        cause: causeInfo(cause)
      })
    }
    if (fatal) this.condemn(run, Cause.die(new Unhealthy({ path, failures, cause })), "fail")
  }

  // -- Stopping

  /** Stops one child; what it is wished to be afterwards, the latest wish decides. `undefined` when it is done already. */
  stop(cell: Cell, wish: Wish): Effect.Effect<void> | undefined {
    const { state } = cell
    switch (state._tag) {
      case "Starting":
      case "Running":
        return this.stopRun(cell, state.run, wish, false)
      case "Stopping":
        state.wish = wish
        return this.until(cell, () => cell.state !== state)
      case "Backoff":
        state.cancel()
        this.settle(cell, wish)
        return undefined
      case "Pending":
        if (wish !== "pend") this.settle(cell, wish)
        return undefined
      case "Stopped":
      case "Held":
      case "Completed":
      case "GaveUp":
      case "Abandoned":
        return undefined
    }
  }

  /**
   * Stops an incarnation: asks it if it listens and waits its grace, interrupts it, waits a last time, and lets go of
   * what would not end. `atOnce` leaves out the asking.
   */
  private stopRun(cell: Cell, run: Incarnation, wish: Wish, atOnce: boolean): Effect.Effect<void> | undefined {
    const { now } = this
    const limits = this.limits(now)
    const asking = run.listening && !atOnce
    const graceEnd = asking ? Math.min(now + cell.settings.graceMillis, limits.grace) : now
    const stopping: Stopping = {
      _tag: "Stopping",
      run,
      until: graceEnd === Number.POSITIVE_INFINITY ? undefined : graceEnd,
      wish,
      hurry: () => {}
    }
    run.unwatch()
    this.transition(cell, stopping)
    if (cell.state !== stopping) return undefined
    if (!asking) {
      bounce(this.dispatcher, () => run.interrupt())
      if (cell.state !== stopping) return undefined
    }
    this.fork(this.stopper(cell, stopping, asking))
    return this.until(cell, () => cell.state !== stopping)
  }

  private stopper(cell: Cell, stopping: Stopping, asking: boolean): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const { run } = stopping
      if (asking) {
        const graceEnd = stopping.until ?? Number.POSITIVE_INFINITY
        const limits = { grace: graceEnd, hard: graceEnd + this.patience(cell, graceEnd) }
        bounce(this.dispatcher, () => run.ask(limits))
        if (yield* this.gone(cell, stopping, graceEnd - this.now)) return
        run.interrupt()
      }
      if (yield* this.gone(cell, stopping, this.patience(cell, this.now))) return
      this.abandon(cell, stopping)
    })
  }

  /** How long an interrupted child is waited for. A tenth of what is left stays for its supervisor to tell about it. */
  private patience(cell: Cell, from: number): number {
    const { hard } = this.limits(from)
    const own = cell.settings.abandonAfterMillis
    return hard === Number.POSITIVE_INFINITY ? own : Math.min(own, Math.max(0, 0.9 * (hard - from)))
  }

  /** Until when a stop that begins now may take, by the budget of this supervisor. */
  private limits(now: number): Limits {
    return this.phase._tag === "Closing"
      ? this.phase.limits
      : { grace: now + this.budgetMillis, hard: Number.POSITIVE_INFINITY }
  }

  /** Waits until a child has left the given state. `false` when the time was over first, or somebody is in a hurry. */
  private gone(cell: Cell, stopping: Stopping, millis: number): Effect.Effect<boolean> {
    const left = this.until(cell, () => cell.state !== stopping)
    if (left === undefined) return Effect.succeed(true)
    const hurried = Effect.callback<void>((resume) => {
      stopping.hurry = () => resume(Effect.void)
    })
    return Effect.raceFirst(left, hurried).pipe(
      Effect.timeoutOption(millis),
      Effect.map(() => cell.state !== stopping)
    )
  }

  private abandon(cell: Cell, stopping: Stopping): void {
    const { run, wish } = stopping
    this.transition(cell, { _tag: "Abandoned", run })
    switch (wish) {
      case "remove":
        return this.discard(cell)
      case "restart":
        return cell.settings.overlap ? this.launch(cell) : undefined
      case "pend":
        return cell.settings.overlap ? this.transition(cell, pending) : undefined
      case "fail":
        if (cell.settings.overlap) return this.decide(run, Exit.failCause(run.condemned ?? Cause.empty))
        return this.escalate(cell, run.condemned ?? Cause.empty)
      case "giveUp":
        return this.escalate(cell, run.condemned ?? Cause.empty)
      case "stop":
      case "hold":
        return
    }
  }

  /** Stops everything and ends well. Asked again, it only becomes more urgent. */
  shutdown(limits?: Limits): void {
    this.close(shutdownExit, limits)
  }

  /** Stops everything without waiting for any grace. */
  hurry(): void {
    if (this.phase._tag === "Closed") return
    const { now } = this
    this.close(shutdownExit, { grace: now, hard: Number.POSITIVE_INFINITY })
    for (const cell of this.cells.values()) {
      if (cell.state._tag !== "Stopping") continue
      cell.state.run.nested?.hurry()
      cell.state.hurry()
    }
  }

  /** Begins the end. From here on nothing starts. */
  close(exit: Exit.Exit<void, unknown>, limits?: Limits): void {
    switch (this.phase._tag) {
      case "Closed":
        return
      case "Closing": {
        const before = this.phase.limits
        if (limits !== undefined) {
          this.phase.limits = { grace: Math.min(before.grace, limits.grace), hard: Math.min(before.hard, limits.hard) }
        }
        return
      }
      case "Open": {
        const { sequence } = this.phase
        this.phase = {
          _tag: "Closing",
          exit,
          limits: limits ?? { grace: this.now + this.budgetMillis, hard: Number.POSITIVE_INFINITY },
          failures: Cause.empty
        }
        this.supervisorTransition("Stopping", Exit.isFailure(exit) ? exit.cause : undefined)
        sequence?.interruptUnsafe()
        this.fork(this.bringDown())
        return
      }
    }
  }

  /** Stops every child in reverse order, one at a time. */
  private bringDown(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const cells = Array.from(this.cells.values()).reverse()
      const parallel: Array<Effect.Effect<void>> = []
      for (let index = 0; index < cells.length; index++) {
        const stopped = this.stop(cells[index]!, "stop")
        if (stopped === undefined) {
          if (index % batch === batch - 1) yield* Effect.yieldNow
        } else if (this.settings.shutdownOrder === "parallel") {
          parallel.push(stopped)
        } else {
          yield* stopped
        }
      }
      for (const stopped of parallel) yield* stopped
      this.end()
    })
  }

  private end(): void {
    if (this.phase._tag !== "Closing") return
    const { exit, failures } = this.phase
    const final = Exit.isFailure(exit) ? Exit.failCause(Cause.combine(exit.cause, failures)) : exit
    this.phase = { _tag: "Closed", exit: final }
    clearInterval(this.alive)
    if (this.parent !== undefined && this.parent.nested === this) this.parent.nested = undefined
    this.supervisorTransition(
      Exit.isFailure(final) ? "Failed" : "Stopped",
      Exit.isFailure(final) ? final.cause : undefined
    )
    this.telemetry.flush()
    this.tree.end(this.prefix)
    for (const callback of this.onReady.splice(0)) callback()
    for (const callback of this.onClosed.splice(0)) bounce(this.dispatcher, () => callback(final))
  }

  // -- Waiting for it

  /** Calls back once, when it has ended. */
  whenClosed(callback: (exit: Exit.Exit<void, unknown>) => void): void {
    if (this.phase._tag === "Closed") return callback(this.phase.exit)
    this.onClosed.push(callback)
  }

  /** How it ended. Any number may wait, at any time, and all learn the same. */
  get closed(): Effect.Effect<void, unknown> {
    return Effect.suspend(() => {
      if (this.phase._tag === "Closed") return this.phase.exit
      return Effect.callback<void, unknown>((resume) => {
        const callback = (exit: Exit.Exit<void, unknown>) => resume(exit)
        this.onClosed.push(callback)
        return Effect.sync(() => {
          const index = this.onClosed.indexOf(callback)
          if (index >= 0) this.onClosed.splice(index, 1)
        })
      })
    })
  }

  /** Every child is ready, or it ended before that. */
  get readied(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.phase._tag === "Closed" || (this.phase._tag === "Open" && this.phase.ready)) return resume(Effect.void)
      this.onReady.push(() => resume(Effect.void))
    })
  }
}

const isUp = (cell: Cell): boolean => {
  switch (cell.state._tag) {
    case "Starting":
    case "Running":
    case "Backoff":
    case "Stopping":
      return true
    case "Pending":
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
    case "Abandoned":
      return false
  }
}

/** `first`, then what else is in the exit beside interruptions. */
const withoutInterrupts = (
  first: Cause.Cause<unknown>,
  exit: Exit.Exit<unknown, unknown>
): Cause.Cause<unknown> =>
  Exit.isSuccess(exit)
    ? first
    : Cause.combine(first, Cause.fromReasons(exit.cause.reasons.filter((reason) => reason._tag !== "Interrupt")))
