/**
 * The dashboard's server: the parts put together, and its end.
 *
 * Floor 4.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as Latch from "effect/Latch"
import type { Scope } from "effect/Scope"
import * as Control from "../../../Control.ts"
import type { Supervisor } from "../../../Supervisor.ts"
import type { PortUnavailable } from "../../ControlError.ts"
import type { Listening } from "../../Dashboard.ts"
import { farewell } from "../farewell.ts"
import { service, type Terms } from "../serving.ts"
import * as assets from "./assets.ts"
import { caller } from "./calls.ts"
import { hostsOf } from "./gate.ts"
import type { Keys } from "./keys.ts"
import { announce } from "./links.ts"
import { host, listen } from "./listen.ts"
import * as rates from "./rates.ts"
import * as routes from "./routes.ts"
import * as usage from "./usage.ts"

/** The options, with defaults filled in. */
export interface Settings extends Terms {
  readonly port: number
  /** Of all incarnations: who was let in stays so when the server is restarted. */
  readonly keys: Keys
  readonly metrics: boolean
  readonly health: boolean
  readonly allowedHosts: ReadonlyArray<string>
  readonly assets: string | undefined
  readonly onListening: (listening: Listening) => Effect.Effect<unknown>
  readonly maxRequestBytes: number
  readonly maxPerSecond: number
  readonly maxConnections: number
  readonly maxStreams: number
  readonly requestMillis: number
  readonly stallMillis: number
}

/** How often it is looked anew how everything is: who checks is answered also while others ask without end. */
const looksPerSecond = 20
/** Often enough for somebody who mistypes. */
const strangersPerSecond = 20

const ratesOf = (settings: Settings) =>
  Effect.all({
    strangers: rates.make(strangersPerSecond, "Too many have come without the token. Come again in a second."),
    known: rates.make(settings.maxPerSecond, "These are too many requests. Go on in a second.")
  })

/** How many requests are under way, open streams included. */
const counter = () => {
  let underWay = 0
  const count = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope> =>
    Effect.suspend(() => {
      underWay++
      return Effect.andThen(Effect.addFinalizer(() => Effect.sync(() => underWay--)), effect)
    })
  return { count, underWay: () => underWay }
}

/** Requests make no spans: they are about the tree, and none of its work; and a link is a secret. */
const untraced = Context.make(HttpMiddleware.TracerDisabledWhen, () => true)

export const serve: (settings: Settings) => Effect.Effect<void, PortUnavailable, Supervisor | Scope> = Effect
  .fnUntraced(function*(settings: Settings) {
    const leaving = Latch.makeUnsafe(false)
    const { calls, handle } = yield* service(settings, leaving.await)
    const { close, open, port, server } = yield* listen(settings)
    const { keys } = settings
    const { count, underWay } = counter()
    const app = yield* routes.app({
      caller: caller(calls),
      keys,
      hosts: hostsOf(port, settings.allowedHosts),
      // Ports share the cookies of a host.
      cookie: `effect-supervisor-${port}`,
      pages: yield* Effect.cached(assets.load(settings.assets)),
      usage: yield* usage.shared,
      rates: yield* ratesOf(settings),
      status: yield* rates.sparing(looksPerSecond, handle.status),
      maxRequestBytes: settings.maxRequestBytes,
      maxStreams: settings.maxStreams,
      stallMillis: settings.stallMillis,
      metrics: settings.metrics,
      health: settings.health
    })
    yield* Effect.provideContext(server.serve(count(app)), Context.merge(yield* Effect.context<Scope>(), untraced))
    const origin = `http://${host}:${port}`
    const at: Listening = {
      origin,
      port,
      link: Effect.map(keys.invite, (invitation) => `${origin}/?token=${invitation}`),
      token: keys.token
    }
    yield* announce(handle, at)
    // The last that is added is the first that is done.
    yield* Effect.addFinalizer(() => close.pipe(Effect.andThen(leaving.open), Effect.andThen(farewell(open, underWay))))
    yield* settings.onListening(at)
    yield* Control.ready
    yield* Control.shutdown
  })
