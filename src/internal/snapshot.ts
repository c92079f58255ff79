/**
 * Renders an engine and its children as plain data, at once and whatever they are doing.
 *
 * Floor 2.
 */
import type { ChildSnapshot, Snapshot } from "../Snapshot.ts"
import type { Cell } from "./cell.ts"
import type { Engine } from "./engine.ts"

/** A time that survives JSON. */
const finite = (millis: number): number | "infinity" => millis === Number.POSITIVE_INFINITY ? "infinity" : millis

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/** Subtrees that are still to be rendered. A list and no recursion: a tree may be deeper than the stack. */
type Below = Array<{ readonly into: Mutable<ChildSnapshot>; readonly engine: Engine }>

const descend = (below: Below, from: number): void => {
  for (let next = below.pop(); next !== undefined; next = below.pop()) {
    next.into.supervisor = level(next.engine, from, below)
  }
}

/** A child, with its path as seen from the supervisor whose own path is `from` characters long. */
export const snapshotChild = (engine: Engine, cell: Cell, from: number = 0): ChildSnapshot => {
  const below: Below = []
  const child = childOf(engine, cell, from, below)
  descend(below, from)
  return child
}

/** A supervisor and everything below it. */
export const snapshotOf = (engine: Engine, from: number = engine.prefix.length): Snapshot => {
  const below: Below = []
  const snapshot = level(engine, from, below)
  descend(below, from)
  return snapshot
}

const childOf = (engine: Engine, cell: Cell, from: number, below: Below): ChildSnapshot => {
  const { run, settings } = cell
  const grace = engine.graceOf(cell)
  const child: Mutable<ChildSnapshot> = {
    name: cell.name,
    path: from === 0 ? engine.pathOf(cell) : engine.pathOf(cell).slice(from),
    state: cell.publicState,
    incarnation: cell.incarnation,
    restarts: cell.restarts,
    startedAt: run && engine.epoch + run.startedAfter,
    readyAt: run?.readyAfter === undefined ? undefined : engine.epoch + run.readyAfter,
    health: settings.health === undefined || run === undefined
      ? undefined
      : run.extras.healthy
      ? "healthy"
      : "unhealthy",
    grace: finite(grace),
    clampedFrom: grace < settings.graceMillis ? finite(settings.graceMillis) : undefined,
    significant: settings.significant,
    history: cell.records,
    supervisor: undefined
  }
  if (run?.nested !== undefined) below.push({ into: child, engine: run.nested })
  return child
}

const level = (engine: Engine, from: number, below: Below): Snapshot => {
  const children: Array<ChildSnapshot> = []
  for (const cell of engine.cells.values()) children.push(childOf(engine, cell, from, below))
  return {
    name: engine.name,
    path: engine.path.slice(from),
    state: stateOf(engine),
    strategy: engine.settings.strategy,
    completed: engine.completed,
    restarts: engine.restarts,
    abandoned: abandonedBelow(engine, from),
    children
  }
}

const none: ReadonlyArray<string> = []

const abandonedBelow = (engine: Engine, from: number): ReadonlyArray<string> => {
  const { abandoned } = engine.tree
  if (abandoned.size === 0) return none
  const { prefix } = engine
  return Array.from(abandoned.values()).filter((path) => path.startsWith(prefix)).map((path) => path.slice(from))
    .toSorted()
}

const stateOf = (engine: Engine): Snapshot["state"] => {
  const { phase } = engine
  switch (phase._tag) {
    case "Open":
      return phase.ready ? "Running" : "Starting"
    case "Closing":
      return "Stopping"
    case "Closed":
      return phase.exit._tag === "Success" ? "Stopped" : "Failed"
  }
}
