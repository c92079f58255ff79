/**
 * A child as its supervisor keeps it: its description, its state, and what has to survive its restarts.
 *
 * Floor 2.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import type * as Runnable from "../Runnable.ts"
import type { ExitRecord } from "../Snapshot.ts"
import { causeInfo, exitInfo, type State } from "../State.ts"
import type { Driver } from "./driver.ts"
import type { Incarnation } from "./incarnation.ts"

/** What becomes of a child when its stop is done. The latest wish wins. */
export type Wish =
  | "stop"
  | "hold"
  | "remove"
  /** Start it again at once. */
  | "restart"
  /** Start it again in its turn: a group restart. */
  | "pend"
  /** It was ended because it failed: ask its policy. */
  | "fail"
  /** It was ended because it may not go on. */
  | "giveUp"

/** The state of a child, with the fibers and scopes that are valid only in it. */
export type CellState =
  | { readonly _tag: "Pending" }
  | { readonly _tag: "Starting"; readonly run: Incarnation }
  | { readonly _tag: "Running"; readonly run: Incarnation }
  | Backoff
  | Stopping
  | { readonly _tag: "Stopped" }
  | { readonly _tag: "Held" }
  | { readonly _tag: "Completed" }
  | { readonly _tag: "GaveUp"; readonly cause: Cause.Cause<unknown> }
  | {
    readonly _tag: "Abandoned"
    readonly run: Incarnation
    /** How it had ended, if that was for good: then nobody restarts it any more. */
    readonly end: Exit.Exit<unknown, unknown> | undefined
  }

export interface Backoff {
  readonly _tag: "Backoff"
  readonly until: number
  readonly delayMillis: number
  readonly attempt: number
  readonly exit: Exit.Exit<unknown, unknown>
  /** Ends the wait without a restart. */
  cancel(): void
  /** Ends the wait with the restart. */
  wake(): void
}

export interface Stopping {
  readonly _tag: "Stopping"
  readonly run: Incarnation
  readonly until: number | undefined
  wish: Wish
  /** Stops waiting for the grace. */
  hurry: () => void
}

export const pending: CellState = { _tag: "Pending" }
export const stopped: CellState = { _tag: "Stopped" }
export const held: CellState = { _tag: "Held" }
export const completed: CellState = { _tag: "Completed" }

const starting: State = { _tag: "Starting" }
const running: State = { _tag: "Running" }
const abandoned: State = { _tag: "Abandoned" }

/** A child in such a state has failed for good. */
export const isLost = (state: CellState): boolean =>
  state._tag === "GaveUp" || (state._tag === "Abandoned" && state.end?._tag === "Failure")

/** A child in such a state has done its work. */
export const isDone = (state: CellState): boolean =>
  state._tag === "Completed" || (state._tag === "Abandoned" && state.end?._tag === "Success")

/** A child in such a state is running or will without anybody's help. */
export const isActive = (tag: State["_tag"]): boolean => {
  switch (tag) {
    case "Pending":
    case "Starting":
    case "Running":
    case "Backoff":
    case "Stopping":
      return true
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
    case "Abandoned":
      return false
  }
}

/** A child in such a state is not on its way to being ready: it is, or it will not be. */
export const isSettled = (tag: State["_tag"]): boolean => {
  switch (tag) {
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

/** A child that comes back with its group: it is up, and nobody wants it down. */
export const comesBack = ({ state }: Cell): boolean => {
  switch (state._tag) {
    case "Starting":
    case "Running":
    case "Backoff":
      return true
    case "Stopping":
      return state.wish === "restart" || state.wish === "pend" || state.wish === "fail"
    case "Pending":
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
    case "Abandoned":
      return false
  }
}

/** The last moment of the calendar, in milliseconds: a back-off for ever lasts until then, and stays a number in JSON. */
const endOfTime = 8.64e15

/** How many ended incarnations a child remembers. */
const historySize = 8

/** One ended incarnation, rendered only when somebody asks. */
interface Ended {
  readonly incarnation: number
  readonly startedAt: number
  readonly endedAt: number
  readonly exit: Exit.Exit<unknown, unknown>
  readonly decision: ExitRecord["decision"]
}

/** Who waits for a change of a child's state. */
interface Watchers {
  readonly callbacks: Array<() => void>
  /** They will be told soon. */
  notifying: boolean
}

/** What some children leave behind for their next incarnation. */
interface Past {
  /** Kept through restarts, so that a back-off goes on where it was. */
  driver: Driver<never> | undefined
  /** Bounds the wait for readiness, restarts included. */
  startTimer: Fiber.Fiber<unknown, unknown> | undefined
  /** The span of the incarnation before, for the next one's link. */
  span: Tracer.AnySpan | undefined
  history: ReadonlyArray<Ended>
}

export class Cell {
  runnable: Runnable.Any
  /** The services of whoever added it at run time; `undefined`: those of its supervisor. */
  base: Context.Context<never> | undefined
  state: CellState = pending
  incarnation = 0
  restarts = 0
  private past: Past | undefined = undefined
  /** Its start is over: it was ready once since it was last started from rest, or it is at rest again. */
  settled = false
  private watchers: Watchers | undefined = undefined

  constructor(runnable: Runnable.Any, base: Context.Context<never> | undefined) {
    this.runnable = runnable
    this.base = base
  }

  get name(): string {
    return this.runnable.name
  }

  get settings(): Runnable.Settings {
    return this.runnable.settings
  }

  /** The incarnation that is up or on its way down, if there is one. */
  get run(): Incarnation | undefined {
    switch (this.state._tag) {
      case "Starting":
      case "Running":
      case "Stopping":
      case "Abandoned":
        return this.state.run
      case "Pending":
      case "Backoff":
      case "Stopped":
      case "Held":
      case "Completed":
      case "GaveUp":
        return undefined
    }
  }

  /** What an earlier incarnation has left. */
  get left(): Past | undefined {
    return this.past
  }

  /** What this incarnation leaves, made on first use. */
  get leaves(): Past {
    return this.past ??= { driver: undefined, startTimer: undefined, span: undefined, history: nothing }
  }

  /** Its state as plain data. */
  get publicState(): State {
    const state = this.state
    switch (state._tag) {
      case "Starting":
        return starting
      case "Running":
        return running
      case "Abandoned":
        return abandoned
      case "Backoff":
        return {
          _tag: "Backoff",
          until: Math.min(state.until, endOfTime),
          attempt: state.attempt,
          cause: state.exit._tag === "Failure" ? causeInfo(state.exit.cause) : undefined
        }
      case "Stopping":
        return { _tag: "Stopping", until: state.until }
      case "GaveUp":
        return { _tag: "GaveUp", cause: causeInfo(state.cause) }
      case "Pending":
      case "Stopped":
      case "Held":
      case "Completed":
        return state
    }
  }

  /** Remembers an ended incarnation; the eldest of them is forgotten. */
  remember(
    run: Incarnation,
    exit: Exit.Exit<unknown, unknown>,
    endedAfter: number,
    decision: ExitRecord["decision"]
  ): void {
    const { epoch } = run.engine
    const { leaves } = this
    const ended: Ended = {
      incarnation: this.incarnation,
      startedAt: epoch + run.startedAfter,
      endedAt: epoch + endedAfter,
      exit,
      decision
    }
    leaves.history = leaves.history.length === 0 ? [ended] : [...leaves.history.slice(1 - historySize), ended]
  }

  get records(): ReadonlyArray<ExitRecord> {
    return this.past === undefined ? none : this.past.history.map((ended) => ({ ...ended, exit: exitInfo(ended.exit) }))
  }

  /** Calls back after every change of its state, until the returned function is called. */
  watch(callback: () => void): () => void {
    const { callbacks } = this.watchers ??= { callbacks: [], notifying: false }
    callbacks.push(callback)
    return () => {
      const index = callbacks.indexOf(callback)
      if (index >= 0) callbacks.splice(index, 1)
    }
  }

  /**
   * Tells those who wait that something has changed, after everything that changes with it has: in the middle of a step
   * they would find it half done.
   */
  notify(): void {
    const { watchers } = this
    if (watchers === undefined || watchers.notifying) return
    watchers.notifying = true
    queueMicrotask(() => {
      watchers.notifying = false
      for (const callback of watchers.callbacks.slice()) callback()
      if (watchers.callbacks.length === 0 && this.watchers === watchers) this.watchers = undefined
    })
  }
}

const none: ReadonlyArray<ExitRecord> = []
const nothing: ReadonlyArray<Ended> = []
