/**
 * Serves a running tree to browsers and to programs that speak HTTP: a page with everything on it, the control API as
 * JSON and Server-Sent Events, metrics for Prometheus, and health for load balancers.
 *
 * Off unless it is added, on 127.0.0.1 only, for those who have the token.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { fitting } from "../internal/fittings.ts"
import * as validate from "../internal/validate.ts"
import * as RestartPolicy from "../RestartPolicy.ts"
import * as Runnable from "../Runnable.ts"
import type { ReconcileReport, Supervisor } from "../Supervisor.ts"
import { InvalidOption } from "../SupervisorError.ts"
import type { PortUnavailable } from "./ControlError.ts"
import { served } from "./internal/root.ts"
import * as keys from "./internal/web/keys.ts"
import { linkOf } from "./internal/web/links.ts"
import type * as web from "./internal/web/serve.ts"

/**
 * How to reach a dashboard that listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listening {
  /** Where it is, such as "http://127.0.0.1:4790". */
  readonly origin: string
  readonly port: number
  /** An address that lets one browser in, once, within an hour. A new one each time. */
  readonly link: Effect.Effect<string>
  /** For programs: the header `Authorization: Bearer <token>`. */
  readonly token: Redacted.Redacted
}

/**
 * Options of `runnable` and `layer`. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<E = never, R = never> {
  /** The name of the child. Default: "dashboard". */
  readonly name?: string | undefined
  /** Where it listens; 0 is any port that is free. Default: 4790. */
  readonly port?: number | undefined
  /** What programs show, of 32 characters at least. Default: 32 random bytes, new in each process. */
  readonly token?: Redacted.Redacted | undefined
  /** Refuses everything that changes something. Default: false. */
  readonly readOnly?: boolean | undefined
  /** Whether `/metrics` is served, in the text format of Prometheus, for those who have the token. Default: true. */
  readonly metrics?: boolean | undefined
  /** Whether `/livez` and `/readyz` are served, which say "ok" or "no" to anybody. Default: true. */
  readonly health?: boolean | undefined
  /**
   * By which names it may be called beside 127.0.0.1 and localhost with its port: those of a proxy in front of it, such
   * as "ops.example.com", or "localhost:8080" for a tunnel that ends there. Default: none.
   */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
  /** Runs when it listens, in the place of a line in the log with a link. */
  readonly onListening?: ((listening: Listening) => Effect.Effect<unknown>) | undefined
  /** The folder of the page, for programs that are bundled. Default: that of this package. */
  readonly assets?: string | undefined
  /** What may be added from outside, by its name. Default: nothing. */
  readonly declared?: ReadonlyArray<Runnable.Runnable<E, R>> | undefined
  /**
   * Reads anew what the children of the root are to be, for `reconcile` and `add`. The dashboard itself need not be among
   * them, nor a `ControlServer`. Default: none.
   */
  readonly declare?: Effect.Effect<ReadonlyArray<Runnable.Runnable<E, R>>, unknown, R> | undefined
  /** As `ControlServer.Options.reconcile`. Default: none. */
  readonly reconcile?: Effect.Effect<ReconcileReport, unknown, R> | undefined
  /** As `ControlServer.Options.groups`. Default: none. */
  readonly groups?: ((name: string) => ReadonlyArray<string>) | undefined
  /** As `ControlServer.Options.waitsFor`. Default: nothing is known. */
  readonly waitsFor?: ((path: string) => Effect.Effect<ReadonlyArray<string>, never, R>) | undefined
  /** The longest body of a request, in bytes. Default: 64 KiB. */
  readonly maxRequestBytes?: number | undefined
  /** How many requests a second are answered to those who have the token. Default: 200. */
  readonly maxPerSecond?: number | undefined
  /** How many connections there are at once. Default: 512. */
  readonly maxConnections?: number | undefined
  /** How many streams are open at once. Default: 256. */
  readonly maxStreams?: number | undefined
  /** How many events wait for a slow reader, who is then given a fresh snapshot instead. Default: 1024. */
  readonly maxEvents?: number | undefined
  /** How long a request may take to arrive. Default: "10 seconds". */
  readonly requestTimeout?: Duration.Input | undefined
  /** After how long somebody is cut off who takes nothing of what is sent. Default: "1 minute". */
  readonly stallTimeout?: Duration.Input | undefined
}

/**
 * The defaults of all options.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: {
  readonly name: string
  readonly port: number
  readonly readOnly: boolean
  readonly metrics: boolean
  readonly health: boolean
  readonly maxRequestBytes: number
  readonly maxPerSecond: number
  readonly maxConnections: number
  readonly maxStreams: number
  readonly maxEvents: number
  readonly requestTimeout: Duration.Input
  readonly stallTimeout: Duration.Input
} = {
  name: "dashboard",
  port: 4790,
  readOnly: false,
  metrics: true,
  health: true,
  maxRequestBytes: 64 * 1024,
  maxPerSecond: 200,
  maxConnections: 512,
  maxStreams: 256,
  maxEvents: 1024,
  requestTimeout: "10 seconds",
  stallTimeout: "1 minute"
}

const shortestToken = 32

const tokenOf = (subject: string, token: Redacted.Redacted | undefined): Redacted.Redacted => {
  if (token === undefined) return Redacted.make(keys.secret())
  if (Redacted.value(token).length < shortestToken) {
    const expected = `at least ${shortestToken} characters, such as those of: openssl rand -base64 32`
    throw new InvalidOption({ subject, option: "token", value: token, expected })
  }
  return token
}

const portOf = (subject: string, port: number): number => {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidOption({ subject, option: "port", value: port, expected: "a whole number from 0 to 65535" })
  }
  return port
}

const log = ({ link }: Listening): Effect.Effect<void> =>
  Effect.flatMap(link, (link) => Effect.logInfo(`The dashboard is at ${link} (good for one use)`))

/** Loaded when it is run: a program that shows no dashboard does not wait for a web server. */
const serve = (settings: web.Settings): Effect.Effect<void, PortUnavailable, Supervisor | Scope.Scope> =>
  Effect.flatMap(Effect.promise(() => import("./internal/web/serve.ts")), (web) => web.serve(settings))

const settingsOf = <E, R>(subject: string, options: Options<E, R>): web.Settings => {
  const count = (option: "maxRequestBytes" | "maxPerSecond" | "maxConnections" | "maxStreams" | "maxEvents") =>
    validate.count(subject, option, options[option] ?? defaults[option])
  const millis = (option: "requestTimeout" | "stallTimeout") =>
    validate.positiveMillis(subject, option, options[option] ?? defaults[option])
  return {
    port: portOf(subject, options.port ?? defaults.port),
    keys: keys.make(tokenOf(subject, options.token)),
    readOnly: options.readOnly ?? defaults.readOnly,
    metrics: options.metrics ?? defaults.metrics,
    health: options.health ?? defaults.health,
    allowedHosts: options.allowedHosts ?? [],
    assets: options.assets,
    declared: options.declared ?? [],
    declare: options.declare as web.Settings["declare"],
    reconcile: options.reconcile as web.Settings["reconcile"],
    groups: options.groups,
    waitsFor: options.waitsFor as web.Settings["waitsFor"],
    onListening: options.onListening ?? log,
    maxRequestBytes: count("maxRequestBytes"),
    maxPerSecond: count("maxPerSecond"),
    maxConnections: count("maxConnections"),
    maxStreams: count("maxStreams"),
    maxEvents: count("maxEvents"),
    requestMillis: millis("requestTimeout"),
    stallMillis: millis("stallTimeout")
  }
}

/**
 * Serves the tree that it stands in, from its root on.
 *
 * **When to use**
 *
 * Put it first in the list of the manager at the root, so that it is stopped last and whoever looks sees all the others
 * stop.
 *
 * **Details**
 *
 * It listens on 127.0.0.1 and nowhere else, and fails with `PortUnavailable` if it cannot. When it does it logs a link,
 * which lets one browser in, once; `onListening` does something else with it, and `link` makes another. Programs send
 * `Authorization: Bearer <token>`.
 *
 * - `GET /livez`, `GET /readyz`: "ok" (200) or "no" (503), to anybody. `GET /metrics`: for Prometheus.
 * - `GET /api/server`, `status`, `info?path=`, `lines?path=`: JSON. `GET /api/watch`, `logs?path=`: Server-Sent Events.
 * - `POST /api/start` and so on, by the names of `ControlApi`: the payload as JSON, with `Content-Type:
 *   application/json`; what goes wrong is `{ "_tag", "message" }`.
 *
 * Every request has to call it by a name that it knows (`allowedHosts`), pages of other origins are refused, and what
 * changes something is a POST of JSON. While nobody is connected it costs nothing. Who is connected is held to the
 * limits in the options. It ends within a second, whoever is connected.
 *
 * **Gotchas**
 *
 * Who has the token may do everything that `Supervisor.Handle` can. Let others reach it only through something that
 * knows who they are: a tunnel (`ssh -L 4790:127.0.0.1:4790 host`), or a proxy that authenticates and speaks TLS, whose
 * name is in `allowedHosts`. Kubernetes asks from outside of the pod, so let it ask by a command:
 * `wget -qO- http://127.0.0.1:4790/readyz`.
 *
 * Who reads the log first has the link in it. Where logs go to others, print it elsewhere by `onListening`.
 *
 * Browsers share cookies among the ports of a host: open no server of somebody you do not trust on the same 127.0.0.1.
 *
 * **Example** (An application with a dashboard)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, Runnable, Signals } from "effect-supervisor"
 * import { Dashboard } from "effect-supervisor/control"
 *
 * const app = ProcessManager.make("app", [
 *   Dashboard.runnable(),
 *   Signals.runnable(),
 *   Runnable.make("worker", Effect.never)
 * ])
 * const fiber = Effect.runFork(app)
 * ```
 *
 * **Example** (To be looked at only, at any free port)
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Dashboard } from "effect-supervisor/control"
 *
 * const dashboard = Dashboard.runnable({
 *   port: 0,
 *   readOnly: true,
 *   onListening: ({ link }) => Effect.flatMap(link, Console.log)
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const runnable = <E = never, R = never>(
  options?: Options<E, R>
): Runnable.Runnable<PortUnavailable | Runnable.Given<E>, Supervisor | Runnable.Given<R>> => {
  const name = options?.name ?? defaults.name
  const settings = settingsOf(`Dashboard "${name}"`, options ?? {})
  return fitting(Runnable.make(
    name,
    serve(settings) as Effect.Effect<void, PortUnavailable | E, Supervisor | R | Scope.Scope>,
    {
      ready: "signal",
      restart: RestartPolicy.onFailure(Schedule.spaced("1 second"), {
        while: (exit) => Exit.isFailure(exit) && Cause.hasDies(exit.cause)
      })
    }
  )) as Runnable.Runnable<PortUnavailable | Runnable.Given<E>, Supervisor | Runnable.Given<R>>
}

/**
 * As `runnable`, for an application of layers: a child of the supervisor in the context.
 *
 * **Example** (With Supervisor.launch)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Runnable, Supervisor } from "effect-supervisor"
 * import { Dashboard } from "effect-supervisor/control"
 *
 * const worker = Runnable.layer(Runnable.make("worker", Effect.never))
 * const main = Supervisor.launch(Layer.mergeAll(Dashboard.layer(), worker), { name: "app" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never, R = never>(
  options?: Options<E, R>
): Layer.Layer<never, PortUnavailable | Runnable.Given<E>, Supervisor | Runnable.Given<R>> =>
  Runnable.layer(runnable<E, R>(options))

/**
 * A new link to the dashboard of the tree that one runs in, good for one use within an hour; `undefined` if there is no
 * dashboard that listens.
 *
 * @category getters
 * @since 0.1.0
 */
export const link: Effect.Effect<string | undefined, never, Supervisor> = Effect.flatMap(
  served,
  ({ handle }) => linkOf(handle)
)
