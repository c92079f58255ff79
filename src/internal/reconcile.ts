/**
 * Exchanging the children of a running supervisor for those of a list.
 *
 * Floor 2.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import * as Control from "../Control.ts"
import type * as Runnable from "../Runnable.ts"
import type { ReconcileReport } from "../Supervisor.ts"
import { type DuplicateChild, MaxChildrenReached, type SupervisorClosed } from "../SupervisorError.ts"
import type { Cell } from "./cell.ts"
import type { Engine } from "./engine.ts"
import * as operations from "./operations.ts"

/** The same work, whatever may have changed about how it is supervised. */
const isSame = (a: Runnable.Any, b: Runnable.Any): boolean =>
  a.settings.version !== undefined && b.settings.version !== undefined
    ? Equal.equals(a.settings.version, b.settings.version)
    : a.work === b.work

/** What has to be done to make the children what the list says. */
const plan = (engine: Engine, wanted: ReadonlyMap<string, Runnable.Any>) => {
  const cells = Array.from(engine.cells.values())
  const isKept = (cell: Cell) => isSame(cell.runnable, wanted.get(cell.name)!)
  const present = cells.filter((cell) => wanted.has(cell.name))
  return {
    stop: cells.filter((cell) => !wanted.has(cell.name)).toReversed(),
    keep: present.filter(isKept),
    exchange: present.filter((cell) => !isKept(cell)),
    start: Array.from(wanted.values()).filter((runnable) => !engine.cells.has(runnable.name))
  }
}

const reportOf = (planned: ReturnType<typeof plan>): ReconcileReport => {
  return {
    started: planned.start.map(nameOf),
    stopped: planned.stop.map(nameOf),
    restarted: planned.exchange.map(nameOf),
    kept: planned.keep.map(nameOf)
  }
}

const nameOf = ({ name }: { readonly name: string }): string => name

/** How somebody wants a child to be down, if somebody does. */
const wantedDown = ({ state }: Cell): "hold" | "stop" | undefined => {
  const isStopping = state._tag === "Stopping"
  if (state._tag === "Held" || (isStopping && state.wish === "hold")) return "hold"
  if (state._tag === "Stopped" || (isStopping && state.wish === "stop")) return "stop"
  return undefined
}

/** Gives a child other work. One that is at rest by hand stays at rest. */
const exchange = Effect.fnUntraced(function*(
  engine: Engine,
  cell: Cell,
  runnable: Runnable.Any,
  base: Context.Context<never>
) {
  const down = wantedDown(cell)
  const stopped = engine.stop(cell, down ?? "stop")
  if (stopped !== undefined) yield* stopped
  engine.adopt(cell, runnable, base)
  const done = down === undefined ? operations.start(engine, cell) : "noop"
  if (typeof done !== "string") yield* done
})

/** Makes the children what the list says, touching only what differs. */
export const reconcile = (
  engine: Engine,
  children: ReadonlyArray<Runnable.Any>
): Effect.Effect<ReconcileReport, DuplicateChild | MaxChildrenReached | SupervisorClosed> =>
  Effect.withFiber(
    (fiber): Effect.Effect<ReconcileReport, DuplicateChild | MaxChildrenReached | SupervisorClosed> => {
      if (engine.phase._tag !== "Open") return Effect.fail(engine.closedError("reconcile"))
      const wanted = new Map<string, Runnable.Any>()
      for (const runnable of children) {
        if (wanted.has(runnable.name)) return Effect.fail(engine.duplicateError(runnable.name))
        wanted.set(runnable.name, runnable)
      }
      const { maxChildren } = engine.settings
      if (children.length > maxChildren) {
        const { name } = children[maxChildren]!
        return Effect.fail(new MaxChildrenReached({ child: name, supervisor: engine.name, maxChildren }))
      }
      const { context } = fiber
      const foreseen = plan(engine, wanted)
      const control = fiber.getRef(Control.Current)
      const endsCaller = [...foreseen.stop, ...foreseen.exchange].some(({ run }) => operations.isWithin(run, control))
      const before = engine.reconciling
      engine.pins++
      // In a fiber of the supervisor: a caller who goes away does not leave half of it done.
      const work = engine.fork(Effect.gen(function*() {
        if (before !== undefined) yield* Fiber.await(before)
        const planned = plan(engine, wanted)
        for (const cell of planned.stop) {
          const done = operations.remove(engine, cell)
          if (typeof done !== "string") yield* done
        }
        for (const cell of planned.keep) engine.adopt(cell, wanted.get(cell.name)!, cell.base)
        for (const cell of planned.exchange) {
          yield* exchange(engine, cell, wanted.get(cell.name)!, engine.borrow(context))
        }
        for (const runnable of planned.start) yield* operations.addWith(engine, runnable, context)
        engine.reorder(Array.from(wanted.keys()))
        return reportOf(planned)
      }))
      engine.reconciling = work
      work.addObserver(() => {
        if (engine.reconciling === work) engine.reconciling = undefined
        engine.pins--
        engine.endIfNoneIsLeft()
      })
      // A child that the reconciliation before this one waits for would wait for itself.
      const isAwaited = before !== undefined && engine.contains(control)
      return endsCaller || isAwaited ? Effect.succeed(reportOf(foreseen)) : Fiber.join(work)
    }
  )
