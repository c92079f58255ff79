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

/** A child, with its path as seen from the supervisor whose own path is `from` characters long. */
export const snapshotChild = (engine: Engine, cell: Cell, from: number = 0): ChildSnapshot => {
  const { run } = cell
  const { settings } = cell
  const grace = engine.graceOf(cell)
  return {
    name: cell.name,
    path: from === 0 ? engine.pathOf(cell) : engine.pathOf(cell).slice(from),
    state: cell.publicState,
    incarnation: cell.incarnation,
    restarts: cell.restarts,
    startedAt: run && engine.epoch + run.startedAfter,
    readyAt: run && run.readyAfter >= 0 ? engine.epoch + run.readyAfter : undefined,
    health: settings.health === undefined || run === undefined
      ? undefined
      : run.extras.healthy
      ? "healthy"
      : "unhealthy",
    grace: finite(grace),
    clampedFrom: grace < settings.graceMillis ? finite(settings.graceMillis) : undefined,
    significant: settings.significant,
    history: cell.records,
    supervisor: run?.nested === undefined ? undefined : snapshotOf(run.nested, from)
  }
}

/** A supervisor and everything below it. */
export const snapshotOf = (engine: Engine, from: number = engine.prefix.length): Snapshot => {
  const children: Array<ChildSnapshot> = []
  for (const cell of engine.cells.values()) children.push(snapshotChild(engine, cell, from))
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
