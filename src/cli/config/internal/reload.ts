/**
 * Makes the children of a running supervisor what a changed configuration says.
 *
 * `Handle.reconcile` by itself starts what is new one after the other, each when the one before is ready: a child that
 * waits for another would hold up all after it. So it is given only what stays, and what is to start is added beside.
 */
import * as Effect from "effect/Effect"
import * as Runnable from "../../../Runnable.ts"
import type { Handle, ReconcileReport, Supervisor } from "../../../Supervisor.ts"
import type { DuplicateChild, MaxChildrenReached, SupervisorClosed } from "../../../SupervisorError.ts"
import type { Services } from "../ConfigSpec.ts"
import { type Board, boardOf } from "./board.ts"
import { starterName } from "./starter.ts"

type Child = Runnable.Runnable<unknown, Services | Supervisor>

/** Keeps a supervisor going while it may have no other child. */
const keeper: Runnable.Runnable = Runnable.idle("(reloading)")

type Failure = DuplicateChild | MaxChildrenReached | SupervisorClosed

/** One at a time. It is done when what is new has been launched, ready or not. */
export const reload = (
  handle: Handle<unknown>,
  beside: ReadonlyArray<Child>,
  children: ReadonlyArray<Child>
): Effect.Effect<ReconcileReport, Failure, Services> => {
  const board = boardOf(handle)
  return Effect.uninterruptible(board.reloading.withPermits(1)(exchange(handle, board, beside, children)))
}

const exchange = Effect.fnUntraced(function*(
  handle: Handle<unknown>,
  board: Board,
  beside: ReadonlyArray<Child>,
  children: ReadonlyArray<Child>
) {
  const before = new Map((yield* handle.status).children.map(({ name, state }) => [name, state._tag]))
  const isDown = (name: string) => before.get(name) === "Stopped" || before.get(name) === "Held"
  const isSame = ({ name, settings }: Child) => before.has(name) && board.versions.get(name) === settings.version
  // Who was stopped by hand gets its new work and stays so, which takes no time.
  const staying = children.filter((child) => isSame(child) || isDown(child.name))
  const starting = children.filter((child) => !staying.includes(child))
  yield* handle.add(keeper)
  const first = yield* handle.reconcile<ReadonlyArray<Child>>([...beside, keeper, ...staying])
  for (const child of starting) {
    const adding = Effect.ignore(handle.add(child), { log: "Warn" })
    yield* Effect.forkDetach(adding, { startImmediately: true })
  }
  const last = yield* handle.reconcile<ReadonlyArray<Child>>([...beside, ...children])
  const started = starting.map(({ name }) => name)
  const restarted = started.filter((name) => before.has(name))
  const report: ReconcileReport = {
    started: started.filter((name) => !before.has(name)),
    stopped: first.stopped.filter((name) => !restarted.includes(name) && name !== starterName),
    restarted: [...first.restarted, ...restarted],
    kept: last.kept.filter((name) => !started.includes(name) && !first.restarted.includes(name))
  }
  return report
})
