/**
 * What happens when an incarnation has ended: it was asked to, or its policy decides.
 *
 * Floor 2.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Decision } from "../RestartPolicy.ts"
import type { ExitRecord } from "../Snapshot.ts"
import { ChildPath, RestartsExhausted } from "../SupervisorError.ts"
import { together } from "./causes.ts"
import { type Backoff, type Cell, completed, stopped } from "./cell.ts"
import { Driver } from "./driver.ts"
import type { Engine } from "./engine.ts"
import type { Incarnation } from "./incarnation.ts"
import * as restarting from "./restarting.ts"
import * as stopping from "./stopping.ts"

/** An incarnation has ended, its finalizers included. One that is not the child's any more changes nothing. */
export const ended = (engine: Engine, run: Incarnation, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  const { cell } = run
  engine.telemetry.uptime(now - engine.epoch - run.startedAfter)
  if (engine.tree.abandoned.size > 0) engine.tree.abandoned.delete(run)
  if (cell.run !== run) return engine.telemetry.untraced(run, exit, "stale")
  if (run.readyAfter !== undefined) cell.left?.driver?.served(now - engine.epoch - run.readyAfter)
  conclude(engine, run, exit, now)
}

/** What the state of a child makes of the end of its incarnation. */
const conclude = (engine: Engine, run: Incarnation, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  const { cell } = run
  const { state } = cell
  switch (state._tag) {
    case "Starting":
    case "Running":
      return decide(engine, run, exit, now)
    case "Stopping":
      switch (state.wish) {
        case "fail":
          return decide(engine, run, Exit.failCause(condemned(run, exit)), now)
        case "giveUp": {
          const cause = condemned(run, exit)
          return finish(engine, run, Exit.failCause(cause), now, { _tag: "GiveUp", cause })
        }
        case "stop":
        case "hold":
        case "remove":
        case "restart":
        case "pend":
          record(engine, run, exit, now, "asked")
          // It may have been ended because it failed, before it was asked to.
          noteFailure(engine, cell, run.isCondemned ? Exit.failCause(condemned(run, exit)) : exit)
          return stopping.settle(engine, cell, state.wish, exit)
      }
      return
    case "Abandoned":
      // It was removed meanwhile: who has its name now is another child.
      if (engine.cells.get(cell.name) !== cell) return engine.telemetry.untraced(run, exit, "stale")
      record(engine, run, exit, now, "asked")
      if (state.end?._tag === "Success") return complete(engine, cell, exit)
      return engine.transition(
        cell,
        state.end === undefined ? stopped : { _tag: "GaveUp", cause: state.end.cause },
        exit
      )
    case "Pending":
    case "Backoff":
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
      return
  }
}

/** Why it was ended, then whatever else went wrong on the way. */
const condemned = (run: Incarnation, exit: Exit.Exit<unknown, unknown>): Cause.Cause<unknown> =>
  Exit.isSuccess(exit) ? run.extras.condemned : together(run.extras.condemned, withoutInterrupts(exit.cause))

const withoutInterrupts = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Cause.fromReasons(cause.reasons.filter((reason) => reason._tag !== "Interrupt"))

const record = (
  engine: Engine,
  run: Incarnation,
  exit: Exit.Exit<unknown, unknown>,
  now: number,
  decision: ExitRecord["decision"]
): void => {
  const { state } = run.cell
  // What is about to leave has nobody to remember it for.
  const isLeaving = state._tag === "Stopping" && state.wish === "remove"
  if (!isLeaving) run.cell.remember(run, exit, now - engine.epoch, decision)
  engine.telemetry.untraced(run, exit, decision)
}

/** A child that fails while it is being stopped: not a failure of its own, but not lost either. */
const noteFailure = (engine: Engine, cell: Cell, exit: Exit.Exit<unknown, unknown>): void => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
  const child = engine.pathOf(cell)
  engine.telemetry.log("Warn", `${child} failed while it was stopped`, {
    child,
    incarnation: cell.incarnation
  }, exit.cause)
  engine.noteFailure(blame(engine, cell, withoutInterrupts(exit.cause)))
}

/** The cause with the path of the child that it came from, unless it came from further below. */
export const blame = (engine: Engine, cell: Cell, cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Cause.annotate(cause, Context.make(ChildPath, engine.pathOf(cell)))

/** An incarnation ended although nobody asked it to: its policy decides. */
export const decide = (engine: Engine, run: Incarnation, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  const { cell } = run
  if (engine.phase._tag !== "Open") {
    record(engine, run, exit, now, "asked")
    noteFailure(engine, cell, exit)
    return engine.transition(cell, stopped, exit)
  }
  const policy = cell.settings.restart
  if (policy._tag === "Never") {
    return finish(
      engine,
      run,
      exit,
      now,
      Exit.isSuccess(exit) ? { _tag: "Complete" } : { _tag: "GiveUp", cause: exit.cause }
    )
  }
  const driver = cell.leaves.driver ??= new Driver(policy)
  // A policy only ever sees what its own child failed with; here that type is not known any more.
  const input = exit as Exit.Exit<unknown, never>
  const { intensity } = engine
  if (intensity !== undefined && Exit.isFailure(exit)) {
    const broken = (answer: Exit.Exit<Verdict>): Verdict =>
      Exit.isSuccess(answer) ? answer.value : { _tag: "Exhausted", cause: together(exit.cause, answer.cause) }
    return whenDecided(engine, run, exit, now, driver, spend(driver, intensity, input, now), broken)
  }
  whenDecided(engine, run, exit, now, driver, driver.ask(input, now), (answer) => driver.decide(input, answer))
}

/** Asks the child's policy, and for a restart the manager's intensity too. */
const spend = Effect.fnUntraced(function*(
  driver: Driver<never>,
  intensity: Driver<unknown>,
  exit: Exit.Exit<unknown, never>,
  now: number
): Effect.fn.Return<Verdict> {
  const decision = yield* driver.next(exit, now)
  if (decision._tag !== "Restart") return decision
  const budget = yield* intensity.next(exit, now)
  if (budget._tag !== "Restart") {
    return { _tag: "Exhausted", cause: budget._tag === "GiveUp" ? budget.cause : undefined }
  }
  return { ...decision, delayMillis: Math.max(decision.delayMillis, budget.delayMillis) }
})

/**
 * Follows a decision, which is mostly there at once. Until one that takes its time is there, the child waits for a
 * restart that can come any moment.
 */
const whenDecided = <A, E>(
  engine: Engine,
  run: Incarnation,
  exit: Exit.Exit<unknown, unknown>,
  now: number,
  driver: Driver<never>,
  ask: Effect.Effect<A, E>,
  verdictOf: (answer: Exit.Exit<A, E>) => Verdict
): void => {
  const { cell } = run
  const { state } = cell
  const wish = state._tag === "Stopping" ? state.wish : undefined
  const asked = engine.fork(ask)
  // The policy's own code, a predicate say, may have asked for something else: that is later, and wins.
  if (cell.state !== state || (state._tag === "Stopping" && state.wish !== wish)) {
    asked.interruptUnsafe()
    return cell.run === run ? conclude(engine, run, exit, now) : undefined
  }
  if (engine.phase._tag !== "Open") {
    asked.interruptUnsafe()
    return decide(engine, run, exit, now)
  }
  const answer = asked.pollUnsafe()
  if (answer !== undefined) return finish(engine, run, exit, now, verdictOf(answer))
  const backoff: Backoff = {
    _tag: "Backoff",
    until: now,
    delayMillis: 0,
    attempt: driver.attempt,
    exit,
    cancel() {
      record(engine, run, exit, now, "asked")
      asked.interruptUnsafe()
    },
    wake() {
      record(engine, run, exit, now, "restart")
      engine.launch(cell)
      asked.interruptUnsafe()
    }
  }
  engine.transition(cell, backoff, exit)
  asked.addObserver((late) => {
    if (cell.state === backoff && engine.phase._tag === "Open") finish(engine, run, exit, engine.now, verdictOf(late))
  })
}

/** What becomes of a child that has ended: its policy's decision, or the manager's intensity is spent. */
type Verdict = Decision | { readonly _tag: "Exhausted"; readonly cause: Cause.Cause<unknown> | undefined }

const finish = (
  engine: Engine,
  run: Incarnation,
  exit: Exit.Exit<unknown, unknown>,
  now: number,
  verdict: Verdict
): void => {
  const { cell } = run
  switch (verdict._tag) {
    case "Complete":
      record(engine, run, exit, now, "complete")
      return complete(engine, cell, exit)
    case "GiveUp": {
      record(engine, run, exit, now, "giveUp")
      return giveUp(engine, cell, verdict.cause ?? exhausted(engine, cell), exit)
    }
    case "Exhausted": {
      record(engine, run, exit, now, "giveUp")
      const cause = verdict.cause ?? exhausted(engine, cell)
      engine.telemetry.exhausted(engine, cell)
      engine.transition(cell, { _tag: "GaveUp", cause }, exit)
      return engine.fail(cell, cause)
    }
    case "Restart":
      record(engine, run, exit, now, "restart")
      return restarting.restart(engine, cell, {
        exit,
        now,
        delayMillis: verdict.delayMillis,
        attempt: verdict.attempt
      })
  }
}

export const exhausted = (engine: Engine, cell: Cell): Cause.Cause<never> =>
  Cause.die(new RestartsExhausted({ path: engine.pathOf(cell), restarts: cell.restarts }))

const complete = (engine: Engine, cell: Cell, exit: Exit.Exit<unknown, unknown>): void => {
  engine.completed++
  engine.transition(cell, completed, exit)
  if (engine.settings.autoCleanup) {
    engine.cleaned++
    engine.discard(cell)
  }
  over(engine, cell)
}

/** A child has done its work for good: does that end the manager? */
export const over = (engine: Engine, cell: Cell): void => {
  endIfSignificant(engine, cell)
  engine.endIfNoneIsLeft()
}

export const giveUp = (
  engine: Engine,
  cell: Cell,
  cause: Cause.Cause<unknown>,
  exit?: Exit.Exit<unknown, unknown>
): void => {
  engine.transition(cell, { _tag: "GaveUp", cause }, exit)
  escalate(engine, cell, cause)
}

/** A child is lost: does the manager go with it? */
export const escalate = (engine: Engine, cell: Cell, cause: Cause.Cause<unknown>): void => {
  if (isFatal(engine)) return engine.fail(cell, cause)
  over(engine, cell)
}

const isFatal = (engine: Engine): boolean => {
  const { escalate } = engine.settings
  if (typeof escalate === "string") return escalate === "first"
  const all = engine.cells.size + engine.cleaned
  return engine.gaveUp === all || engine.gaveUp / all > escalate.deadFraction
}

/** A significant child has ended for good, by itself: does that end the manager? */
const endIfSignificant = (engine: Engine, cell: Cell): void => {
  if (!cell.settings.significant) return
  switch (engine.settings.autoShutdown) {
    case "never":
      return
    case "any-significant":
      return engine.shutdown()
    case "all-significant":
      return engine.significantLeft === 0 ? engine.shutdown() : undefined
  }
}
