/**
 * What can be asked of a running supervisor, and what it does about it in every state of a child.
 *
 * Floor 2.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Control from "../Control.ts"
import type * as Runnable from "../Runnable.ts"
import type { ChildSnapshot, Snapshot } from "../Snapshot.ts"
import type { Outcome } from "../Supervisor.ts"
import {
  ChildNotFound,
  ChildNotRunning,
  type DuplicateChild,
  MaxChildrenReached,
  MessagesFull,
  type SupervisorClosed
} from "../SupervisorError.ts"
import type { SupervisorEvent } from "../SupervisorEvent.ts"
import { type Cell, held, isActive } from "./cell.ts"
import type { Engine } from "./engine.ts"
import { messageCapacity } from "./inbox.ts"
import type { Incarnation } from "./incarnation.ts"
import { snapshotChild, snapshotOf } from "./snapshot.ts"
import type { Subscription } from "./tree.ts"

/** What an operation did, now or when the effect ends. */
type Done = Outcome | Effect.Effect<Outcome>

/** The outcome of an operation that has to wait: whether it has come to what was wanted, or a later wish has won. */
const after = (wait: Effect.Effect<void> | undefined, achieved: () => boolean = () => true): Done =>
  wait === undefined ? "done" : Effect.map(wait, (): Outcome => achieved() ? "done" : "noop")

/** Its schedule and its counters start afresh: somebody began a new life by hand. */
const launchAnew = (engine: Engine, cell: Cell): Done => {
  if (cell.left !== undefined) cell.left.driver = undefined
  engine.launch(cell)
  return after(engine.settled(cell))
}

export const start = (engine: Engine, cell: Cell): Done => {
  const { state } = cell
  switch (state._tag) {
    case "Pending":
    case "Starting":
    case "Running":
    case "Held":
      return "noop"
    case "Backoff":
      cell.settled = false
      state.wake()
      return after(engine.settled(cell))
    case "Stopping":
      return state.wish === "hold" ? "noop" : again(engine, cell)
    case "Stopped":
    case "Completed":
    case "GaveUp":
      return launchAnew(engine, cell)
    case "Abandoned":
      return cell.settings.overlap ? launchAnew(engine, cell) : "noop"
  }
}

const stop = (engine: Engine, cell: Cell): Done => {
  const { state } = cell
  switch (state._tag) {
    case "Pending":
    case "Starting":
    case "Running":
    case "Backoff":
      return after(engine.stop(cell, "stop"))
    case "Stopping": {
      // A hold is a stop, and stays one.
      const { wish } = state
      const isDown = wish === "stop" || wish === "hold"
      return after(engine.stop(cell, isDown ? wish : "stop"), () => !isDown)
    }
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
    case "Abandoned":
      return "noop"
  }
}

const restart = (engine: Engine, cell: Cell): Done => {
  const { state } = cell
  switch (state._tag) {
    case "Starting":
    case "Running":
      return again(engine, cell)
    case "Pending":
    case "Backoff":
    case "Stopping":
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
    case "Abandoned":
      return start(engine, cell)
  }
}

/** Down, and up again. */
const again = (engine: Engine, cell: Cell): Done => {
  const { incarnation } = cell
  const stopped = engine.stop(cell, "restart") ?? Effect.void
  const started = Effect.andThen(stopped, Effect.suspend(() => engine.settled(cell)))
  return after(started, () => cell.incarnation > incarnation)
}

const hold = (engine: Engine, cell: Cell): Done => {
  const { state } = cell
  switch (state._tag) {
    case "Pending":
    case "Starting":
    case "Running":
    case "Backoff":
    case "Stopping":
      return after(engine.stop(cell, "hold"), () => cell.state._tag === "Held")
    case "Stopped":
    case "Completed":
    case "GaveUp":
      engine.transition(cell, held)
      return "done"
    case "Held":
    case "Abandoned":
      return "noop"
  }
}

const release = (engine: Engine, cell: Cell): Done => {
  const { state } = cell
  if (state._tag === "Held") return launchAnew(engine, cell)
  return state._tag === "Stopping" && state.wish === "hold" ? again(engine, cell) : "noop"
}

export const remove = (engine: Engine, cell: Cell): Done => {
  switch (cell.state._tag) {
    case "Pending":
    case "Starting":
    case "Running":
    case "Backoff":
    case "Stopping":
      return after(engine.stop(cell, "remove"), () => engine.cells.get(cell.name) !== cell)
    case "Stopped":
    case "Held":
    case "Completed":
    case "GaveUp":
    case "Abandoned":
      engine.discard(cell)
      return "done"
  }
}

type Operation = "start" | "stop" | "restart" | "hold" | "release" | "remove"

const operations: Record<Operation, (engine: Engine, cell: Cell) => Done> = {
  start,
  stop,
  restart,
  hold,
  release,
  remove
}

/**
 * Does something to a child by name. A child that asks for something that ends itself does not wait for it: it is told
 * that it is being done, and then ended.
 */
export const operate = (
  engine: Engine,
  operation: Operation,
  path: string
): Effect.Effect<Outcome, ChildNotFound | SupervisorClosed> =>
  Effect.withFiber((fiber) => {
    const found = find(engine, operation, path)
    if (Effect.isEffect(found)) return found
    const { cell } = found
    const { run } = cell
    const done = operations[operation](found.engine, cell)
    if (typeof done === "string") return Effect.succeed(done)
    return isWithin(run, fiber.getRef(Control.Current)) ? Effect.succeed("done") : done
  })

/** A child by its path: its own name, or the names of those above it and its own. */
export const find = (
  engine: Engine,
  operation: string,
  path: string
): { readonly engine: Engine; readonly cell: Cell } | Effect.Effect<never, ChildNotFound | SupervisorClosed> => {
  const found = lookUp(engine, path)
  const at = found?.engine ?? engine
  if (at.phase._tag !== "Open") return Effect.fail(at.closedError(`${operation}("${path}")`))
  return found ?? Effect.fail(new ChildNotFound({ child: path, supervisor: engine.name }))
}

const lookUp = (engine: Engine, path: string): { readonly engine: Engine; readonly cell: Cell } | undefined => {
  let at = engine
  let cell = at.cells.get(path)
  if (cell !== undefined || !path.includes("/")) return cell && { engine, cell }
  for (const name of path.split("/")) {
    if (cell !== undefined) {
      const { nested } = cell.run ?? {}
      if (nested === undefined) return undefined
      at = nested
    }
    cell = at.cells.get(name)
    if (cell === undefined) return undefined
  }
  return cell && { engine: at, cell }
}

export const isWithin = (run: Incarnation | undefined, control: unknown): boolean =>
  run !== undefined && (control === run || run.nested?.contains(control) === true)

export const add = (
  engine: Engine,
  runnable: Runnable.Any
): Effect.Effect<void, DuplicateChild | MaxChildrenReached | SupervisorClosed> =>
  Effect.withFiber((fiber) => addWith(engine, runnable, fiber.context))

/** Adds a child with the services of whoever asks, starts it, and waits until it is ready or has ended. */
export const addWith = (
  engine: Engine,
  runnable: Runnable.Any,
  context: Context.Context<never>
): Effect.Effect<void, DuplicateChild | MaxChildrenReached | SupervisorClosed> => {
  const { name } = runnable
  if (engine.phase._tag !== "Open") return Effect.fail(engine.closedError(`add("${name}")`))
  if (engine.cells.has(name)) return Effect.fail(engine.duplicateError(name))
  const { maxChildren } = engine.settings
  if (engine.cells.size >= maxChildren) {
    return Effect.fail(new MaxChildrenReached({ child: name, supervisor: engine.name, maxChildren }))
  }
  const cell = engine.insert(runnable, engine.borrow(context))
  engine.launch(cell)
  return cell.settled ? Effect.void : engine.settled(cell)
}

export const send = (
  engine: Engine,
  path: string,
  message: unknown
): Effect.Effect<void, ChildNotFound | ChildNotRunning | MessagesFull | SupervisorClosed> =>
  Effect.suspend((): Effect.Effect<void, ChildNotFound | ChildNotRunning | MessagesFull | SupervisorClosed> => {
    const found = find(engine, "send", path)
    if (Effect.isEffect(found)) return found
    const { cell } = found
    const { state } = cell
    const about = { child: cell.name, path: found.engine.pathOf(cell) }
    if (state._tag !== "Starting" && state._tag !== "Running") {
      return Effect.fail(new ChildNotRunning({ ...about, state: state._tag }))
    }
    return state.run.inbox().offer(message)
      ? Effect.void
      : Effect.fail(new MessagesFull({ ...about, capacity: messageCapacity }))
  })

/** Asks everything to stop; waits for the end, unless whoever asks is part of it. */
export const shutdown = (engine: Engine, begin: () => void): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    begin()
    return engine.contains(fiber.getRef(Control.Current)) ? Effect.void : Effect.asVoid(Effect.exit(engine.closed))
  })

// -- Looking

export const status = (engine: Engine): Effect.Effect<Snapshot> => Effect.sync(() => snapshotOf(engine))

export const child = (engine: Engine, path: string): Effect.Effect<ChildSnapshot, ChildNotFound> =>
  Effect.suspend(() => {
    const found = lookUp(engine, path)
    return found === undefined
      ? Effect.fail(new ChildNotFound({ child: path, supervisor: engine.name }))
      : Effect.succeed(snapshotChild(found.engine, found.cell, engine.prefix.length))
  })

const watch = <A>(engine: Engine, how: Subscription<A>): Stream.Stream<A | SupervisorEvent> =>
  Stream.suspend((): Stream.Stream<A | SupervisorEvent> => {
    if (engine.phase._tag !== "Closed") return engine.tree.subscribe(engine.prefix, how)
    return how.snapshot === undefined ? Stream.empty : Stream.sync(how.snapshot)
  })

export const events = (engine: Engine): Stream.Stream<SupervisorEvent> => watch<never>(engine, {})

export const changes = (
  engine: Engine,
  how?: Omit<Subscription<Snapshot>, "snapshot">
): Stream.Stream<Snapshot | SupervisorEvent> => watch(engine, { ...how, snapshot: () => snapshotOf(engine) })

// -- For layers

/**
 * Adds a child as `add` does, for as long as the scope is open, and fails with its cause if it gives up before it is
 * ready.
 */
export const register = <E>(
  engine: Engine,
  runnable: Runnable.Runnable<E, unknown>
): Effect.Effect<void, E | DuplicateChild | MaxChildrenReached | SupervisorClosed, Scope> =>
  Effect.withFiber((fiber) => {
    const wait = addWith(engine, runnable, fiber.context)
    const cell = engine.cells.get(runnable.name)
    // It was refused, or is over and gone.
    if (cell?.runnable !== runnable) return wait
    const added = Effect.suspend(() =>
      cell.state._tag === "GaveUp" ? Effect.failCause(cell.state.cause as Cause.Cause<E>) : Effect.void
    )
    return Effect.andThen(
      Effect.addFinalizer(() => unregister(engine, cell)),
      Effect.andThen(wait, added)
    )
  })

/** Removes a child that was registered, and no other; if everything is being stopped, waits until it has been. */
const unregister = (engine: Engine, cell: Cell): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (engine.cells.get(cell.name) !== cell) return Effect.void
    if (engine.phase._tag === "Open") return Effect.asVoid(Effect.ignore(operate(engine, "remove", cell.name)))
    return engine.until(cell, () => !isActive(cell.state._tag)) ?? Effect.void
  })
