/**
 * The dashboards that listen, by the supervisor that they serve, so that others of the same tree can ask for a link.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { Scope } from "effect/Scope"
import type { Handle } from "../../../Supervisor.ts"

/** How to reach a server that listens. */
export interface Listening {
  /** Where the page is, such as "http://127.0.0.1:4790". */
  readonly origin: string
  readonly port: number
  /** An address that lets one browser in, once, within an hour. */
  readonly link: Effect.Effect<string>
  /** For programs. */
  readonly token: Redacted.Redacted
}

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
