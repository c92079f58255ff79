/**
 * The dashboards that listen, by the supervisor that they serve, so that others of the same tree can ask for a link.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { Handle } from "../../../Supervisor.ts"
import type { Listening } from "../../Dashboard.ts"

const all = new WeakMap<Handle<never>, Listening>()

/** A fresh link to the dashboard of a supervisor; `undefined` if it has none. */
export const linkOf = (handle: Handle<never>): Effect.Effect<string | undefined> =>
  Effect.suspend(() => all.get(handle)?.link ?? Effect.undefined)

/** Until the scope is closed. */
export const announce = (handle: Handle<never>, at: Listening): Effect.Effect<void, never, Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => all.set(handle, at)),
    () =>
      Effect.sync(() => {
        if (all.get(handle) === at) all.delete(handle)
      })
  )
