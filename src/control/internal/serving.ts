/**
 * What the socket and the dashboard have in common: the tree that they serve, and what may be asked of it.
 *
 * Floor 4.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Rpc from "effect/rpc/Rpc"
import type * as Runnable from "../../Runnable.ts"
import type { Handle, ReconcileReport, Supervisor } from "../../Supervisor.ts"
import { type Calls, protocolVersion } from "../ControlApi.ts"
import { handlers } from "./handlers.ts"
import { attend, served } from "./root.ts"
import * as turnstile from "./turnstile.ts"
import { version } from "./version.ts"

/** The options that both have, with defaults filled in. */
export interface Terms {
  readonly readOnly: boolean
  readonly declared: ReadonlyArray<Runnable.Any>
  readonly declare: Effect.Effect<ReadonlyArray<Runnable.Any>, unknown> | undefined
  readonly reconcile: Effect.Effect<ReconcileReport, unknown> | undefined
  readonly groups: ((name: string) => ReadonlyArray<string>) | undefined
  readonly waitsFor: ((path: string) => Effect.Effect<ReadonlyArray<string>>) | undefined
  readonly maxEvents: number
}

/** A tree, and the calls that are answered about it. */
export interface Service {
  readonly handle: Handle<never>
  readonly calls: Context.Context<Rpc.ToHandler<Calls>>
}

/** The tree that one stands in, from its root on. Streams end when `leaving` does. */
export const service: (terms: Terms, leaving: Effect.Effect<void>) => Effect.Effect<Service, never, Supervisor> = Effect
  .fnUntraced(function*(terms: Terms, leaving: Effect.Effect<void>) {
    const root = yield* served
    const { handle } = root
    const calls = yield* handlers({
      handle,
      info: {
        name: handle.name,
        pid: process.pid,
        version,
        protocol: protocolVersion,
        startedAt: yield* Clock.currentTimeMillis,
        readOnly: terms.readOnly
      },
      declare: terms.declare,
      declared: terms.declared,
      reconcile: terms.reconcile,
      groups: terms.groups,
      waitsFor: terms.waitsFor,
      complete: attend(root),
      isFitting: root.isFitting,
      context: yield* Effect.context<never>(),
      backlog: terms.maxEvents,
      turnstile: yield* turnstile.make,
      leaving
    })
    return { handle, calls }
  })
