/**
 * The supervisor at the root of the tree that one runs in. The core tells a child of its own supervisor only, so this
 * climbs by what it keeps inside.
 *
 * Floor 4.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Control from "../../Control.ts"
import { isFitting } from "../../internal/fittings.ts"
import { Incarnation } from "../../internal/incarnation.ts"
import type * as Runnable from "../../Runnable.ts"
import { type Handle, Supervisor } from "../../Supervisor.ts"

/** What is served. */
export interface Served {
  readonly handle: Handle<never>
  /** The server's own description, if it is a direct child of that. */
  readonly self: Runnable.Any | undefined
  /** Whether a child of the root is one by which the tree is operated. */
  readonly isFitting: (name: string) => boolean
}

/** The root, or one's own supervisor where no incarnation leads up to it. */
export const served: Effect.Effect<Served, never, Supervisor> = Effect.gen(function*() {
  const own = yield* Supervisor
  const control = yield* Control.Current
  if (!(control instanceof Incarnation)) return { handle: own, self: undefined, isFitting: () => false }
  let { engine } = control
  while (engine.parent !== undefined) engine = engine.parent.engine
  const root = Context.getOption(engine.base as Context.Context<Supervisor>, Supervisor)
  const { cells } = engine
  return {
    isFitting: (name) => {
      const cell = cells.get(name)
      return cell !== undefined && isFitting(cell.runnable)
    },
    handle: Option.getOrElse(root, () => own),
    self: engine === control.engine ? control.cell.runnable : undefined
  }
})

/** The servers that are direct children of a supervisor, by it. */
const servers = new WeakMap<Handle<never>, Map<string, Runnable.Any>>()

/**
 * Makes known that a server is there, and gives what completes a list of children with all the servers that there are:
 * who says anew what the application consists of does not mean to end what it is said by.
 */
export const attend = (
  { handle, self }: Served
): (children: ReadonlyArray<Runnable.Any>) => Effect.Effect<ReadonlyArray<Runnable.Any>> => {
  const known = servers.get(handle) ?? new Map<string, Runnable.Any>()
  servers.set(handle, known)
  if (self !== undefined) known.set(self.name, self)
  return (children) =>
    Effect.map(handle.status, (snapshot) => {
      const there = snapshot.children.flatMap(({ name }) => known.get(name) ?? [])
      return [...there.filter(({ name }) => !children.some((child) => child.name === name)), ...children]
    })
}
