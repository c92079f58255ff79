/**
 * What the children of one running supervisor tell each other: who was started, and who waits for whom.
 */
import type * as Cause from "effect/Cause"
import * as Semaphore from "effect/Semaphore"
import type { ChildConfig, Dependency } from "../SupervisorConfig.ts"

/** Something that has to be so before a child starts, and is not so yet. */
export interface Unmet extends Dependency {
  /** What the other one is doing, in words. */
  readonly now: string
}

/** The child by which everything ended. */
export interface Culprit {
  readonly child: string
  readonly cause: Cause.Cause<unknown>
}

export class Board {
  readonly waiting: Map<string, ReadonlyArray<Unmet>> = new Map()
  /** What each child is that was started last. */
  readonly versions: Map<string, unknown> = new Map()
  /** One change of the configuration at a time. */
  readonly reloading: Semaphore.Semaphore = Semaphore.makeUnsafe(1)
  culprit: Culprit | undefined = undefined
  private readonly started = new Set<string>()
  private readonly listeners = new Set<() => void>()

  hasStarted({ name }: Pick<ChildConfig, "name">): boolean {
    return this.started.has(name)
  }

  start(name: string): void {
    if (this.started.has(name)) return
    this.started.add(name)
    for (const listener of this.listeners) listener()
  }

  listen(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

/** By the supervisor that the children have in common: its end is that of its board. */
const boards = new WeakMap<object, Board>()

export const boardOf = (supervisor: object): Board => {
  const board = boards.get(supervisor) ?? new Board()
  boards.set(supervisor, board)
  return board
}
