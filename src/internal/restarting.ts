/**
 * How children come back: alone or with their group, after their delay, within the manager's intensity.
 *
 * Floor 2.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as RestartPolicy from "../RestartPolicy.ts"
import * as Strategy from "../Strategy.ts"
import { type Backoff, type Cell, comesBack, pending } from "./cell.ts"
import { Driver } from "./driver.ts"
import type { Engine } from "./engine.ts"
import type { ManagerSettings } from "../ManagerOptions.ts"
import { storm } from "./telemetry.ts"

/** The budget of failure-caused restarts that all children of a manager share. */
export type Intensity = Driver<unknown>

export const makeIntensity = ({ intensity }: ManagerSettings): Intensity | undefined =>
  intensity && new Driver(RestartPolicy.always(intensity))

/** A restart that was granted: after which end, when, and how long to wait. */
export interface Granted {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly now: number
  readonly delayMillis: number
  readonly attempt: number
}

/** When a restart is due, the child comes back, and whoever its strategy takes along. */
export const restart = (engine: Engine, cell: Cell, granted: Granted): void => {
  cell.restarts++
  engine.restarts++
  if (engine.telemetry.restart(granted.exit, granted.delayMillis, granted.now)) reportStorm(engine, cell)
  const { strategy } = engine.settings
  if (strategy === "one-for-one") return backoff(engine, cell, granted)
  const group = Strategy.affected(strategy, Array.from(engine.cells.values()), cell)
  engine.run(recover(engine, cell, group, granted))
}

const reportStorm = (engine: Engine, cell: Cell): void => {
  const path = engine.pathOf(cell)
  engine.telemetry.log(
    "Warn",
    `restart storm: ${storm.restarts} restarts within ${storm.withinMillis} ms, the last one of ${path}. Give its schedule a delay or a limit.`,
    { child: path, incarnation: cell.incarnation }
  )
  if (engine.tree.observed) engine.publish({ _tag: "RestartStorm", at: engine.now, path, ...storm })
}

/** One child waits for its restart. */
class Alone implements Backoff {
  readonly _tag = "Backoff"
  readonly until: number
  readonly delayMillis: number
  readonly attempt: number
  readonly exit: Exit.Exit<unknown, unknown>
  timer: Fiber.Fiber<void> | undefined = undefined
  private readonly engine: Engine
  private readonly cell: Cell

  constructor(engine: Engine, cell: Cell, { attempt, delayMillis, exit, now }: Granted) {
    this.engine = engine
    this.cell = cell
    this.exit = exit
    this.until = now + delayMillis
    this.delayMillis = delayMillis
    this.attempt = attempt
  }

  cancel(): void {
    this.timer?.interruptUnsafe()
  }

  wake(): void {
    if (this.cell.state !== this) return
    this.engine.launch(this.cell)
    this.cancel()
  }
}

/** Without a delay it still waits for its turn, so that it starves nobody. */
const backoff = (engine: Engine, cell: Cell, granted: Granted): void => {
  const { delayMillis, exit } = granted
  const state = new Alone(engine, cell, granted)
  engine.transition(cell, state, exit)
  if (cell.state !== state) return
  if (delayMillis <= 0) return engine.turns.add(state)
  state.timer = engine.fork(Effect.sleep(delayMillis))
  state.timer.addObserver((slept) => Exit.isSuccess(slept) ? state.wake() : undefined)
}

/** A group that is down and will come back together. */
export interface Recovery {
  readonly cells: Set<Cell>
  /** How many children the widest failure has taken along. */
  readonly width: number
  /** The children whose failures took so many along, with the delays that the group waits for. */
  readonly failed: Map<Cell, Backoff>
}

/**
 * A group is down because of this failure. Where another is already, both become one, and the wider one's delay counts:
 * a child that backs off does not hold up those it would not have taken along.
 */
const join = (down: Recovery | undefined, group: ReadonlyArray<Cell>): Recovery => {
  const cells = new Set([...down?.cells ?? [], ...group])
  if (down === undefined || group.length > down.width) return { cells, width: group.length, failed: new Map() }
  return { ...down, cells }
}

/** Restarts a group: stops the others in reverse, waits, starts all in order. Only those that were up come back. */
const recover = Effect.fnUntraced(function*(
  engine: Engine,
  cell: Cell,
  group: ReadonlyArray<Cell>,
  { attempt, delayMillis, exit, now }: Granted
) {
  const recovery = engine.recovery = join(engine.recovery, group)
  const { failed } = recovery
  if (group.length < recovery.width) {
    engine.transition(cell, pending, exit)
  } else {
    const wake = () => {
      if (cell.state === state) engine.transition(cell, pending)
    }
    const until = now + delayMillis
    const state: Backoff = { _tag: "Backoff", until, delayMillis, attempt, exit, cancel: () => {}, wake }
    failed.set(cell, state)
    engine.transition(cell, state, exit)
  }
  const cells = Array.from(engine.cells.values()).filter((other) => recovery.cells.has(other))
  for (const other of cells.toReversed()) {
    if (other.state !== failed.get(other)) yield* takeDown(engine, other)
  }
  for (const [other, wait] of failed) yield* isDue(engine, other, wait)
  engine.recovery = undefined
  for (const wait of failed.values()) wait.wake()
  yield* engine.bringUp()
})

/** Stops a child so that it comes back with its group, unless somebody wants it down anyway. */
const takeDown = (engine: Engine, cell: Cell): Effect.Effect<void> => {
  const { state } = cell
  if (comesBack(cell)) {
    if (state._tag !== "Stopping" || state.wish !== "pend") cell.restarts++
    return engine.stop(cell, "pend") ?? Effect.void
  }
  return state._tag === "Stopping" ? engine.until(cell, () => cell.state !== state) ?? Effect.void : Effect.void
}

/** Waits for a delay, or until somebody ends it by hand. Also without a delay others get their turn first. */
const isDue = (engine: Engine, cell: Cell, state: Backoff): Effect.Effect<unknown> => {
  const left = state.until - engine.now
  if (left <= 0) return Effect.yieldNow
  const woken = engine.until(cell, () => cell.state !== state)
  return woken === undefined ? Effect.void : Effect.timeoutOption(woken, left)
}
