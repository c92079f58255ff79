/**
 * What is answered to which request.
 *
 * Floor 4.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type { Scope } from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Snapshot } from "../../../Snapshot.ts"
import * as Health from "../../Health.ts"
import * as answers from "./answers.ts"
import * as assets from "./assets.ts"
import type { Caller, Failure } from "./calls.ts"
import { turnAway } from "./gate.ts"
import * as api from "./api.ts"
import type { Keys } from "./keys.ts"
import type { Rate } from "./rates.ts"
import { methodNotAllowed, notFound, Refusal, unauthorized } from "./refusal.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

export interface Options {
  /** How everything is, for anybody who asks, however often. */
  readonly status: Effect.Effect<Snapshot>
  readonly caller: Caller
  readonly keys: Keys
  readonly hosts: ReadonlySet<string>
  readonly cookie: string
  readonly pages: Effect.Effect<assets.Assets>
  readonly usage: Stream.Stream<string>
  readonly rates: {
    readonly strangers: Rate
    readonly known: Rate
  }
  readonly maxRequestBytes: number
  readonly maxStreams: number
  readonly stallMillis: number
  readonly metrics: boolean
  readonly health: boolean
}

/** What is answered, and what it has failed with instead. */
export type Answer = Effect.Effect<Response, Failure, HttpRouter.Provided>

const howToGetIn =
  "Open the link that the supervisor printed when it started; it is good for one use. `esv dashboard` prints a new one."

const noPage = "The page is not there: run `npm run build`, or name its folder in the option assets."

// ------------------------------------------------------------------------------------------------------- who it is

const isKnown = ({ cookie, keys }: Options, request: Request): Effect.Effect<boolean> => {
  const session = request.cookies[cookie]
  const token = /^Bearer (\S+)$/i.exec(request.headers["authorization"] ?? "")?.[1]
  return token !== undefined && keys.isToken(token)
    ? Effect.succeed(true)
    : session === undefined
    ? Effect.succeed(false)
    : keys.isSession(session)
}

/** Strangers are turned away at their own rate, so that they do not use up that of others. */
const turnStrangerAway = ({ rates }: Options, message: string): Effect.Effect<never, Refusal> =>
  Effect.andThen(rates.strangers, Effect.fail(unauthorized(message)))

const forKnown = (options: Options, answer: Answer): Answer =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) =>
      Effect.flatMap(isKnown(options, request), (known) =>
        known
          ? Effect.andThen(options.rates.known, answer)
          : turnStrangerAway(options, `This is for those who have the token. ${howToGetIn}`))
  )

// ------------------------------------------------------------------------------------------------------- the page

const toStart = HttpServerResponse.empty({ status: 303, headers: { location: "/" } })

/** A link is taken for a session, and leaves the address bar with that. */
const enter = (options: Options, request: Request, invitation: string): Answer =>
  Effect.gen(function*() {
    // What only asks whether there is something must not use it up.
    const session = request.method === "GET" ? yield* options.keys.redeem(invitation) : undefined
    if (session !== undefined) {
      return HttpServerResponse.setCookieUnsafe(toStart, options.cookie, session, {
        httpOnly: true,
        sameSite: "strict",
        path: "/",
        // Behind a proxy that speaks TLS.
        secure: request.headers["x-forwarded-proto"] === "https"
      })
    }
    if (yield* isKnown(options, request)) return toStart
    return yield* turnStrangerAway(options, `This link has been used, or is not known any more. ${howToGetIn}`)
  })

const assetOf = (options: Options, name: string, missing: Effect.Effect<Response, Refusal>): Answer =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const asset = (yield* options.pages).get(name)
    return asset === undefined ? yield* missing : assets.respond(asset, request.headers)
  })

const start = (options: Options): Answer =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { token } = yield* HttpServerRequest.ParsedSearchParams
    const answer = typeof token === "string"
      ? enter(options, request, token)
      : forKnown(options, assetOf(options, "index.html", Effect.succeed(answers.text(noPage, 503))))
    // A person reads this, so it is text.
    return yield* Effect.catchIf(
      answer,
      (error) => error instanceof Refusal,
      ({ headers, message, status }) =>
        Effect.succeed(HttpServerResponse.setHeaders(answers.text(message, status), headers ?? {}))
    )
  })

const asset = (options: Options): Answer =>
  Effect.flatMap(HttpRouter.params, ({ name }) => assetOf(options, name ?? "", Effect.fail(notFound)))

// ----------------------------------------------------------------------------------------------------- for machines

const health = ({ status }: Options, holds: (snapshot: Snapshot) => boolean): Answer =>
  Effect.map(status, (snapshot) => holds(snapshot) ? answers.text("ok") : answers.text("no", 503))

const metrics: Answer = Effect.map(
  PrometheusMetrics.format(),
  (text) => HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
)

// -------------------------------------------------------------------------------------------------------- the table

type Method = "GET" | "POST"

interface Route {
  readonly method: Method
  readonly path: HttpRouter.PathInput
  readonly answer: Answer
}

const get = (path: HttpRouter.PathInput, answer: Answer): Route => ({ method: "GET", path, answer })

const table = (options: Options): ReadonlyArray<Route> => {
  const known = (method: Method, path: HttpRouter.PathInput, answer: Answer): Route => ({
    method,
    path,
    answer: forKnown(options, answer)
  })
  return [
    ...(options.health
      ? [get("/livez", health(options, Health.live)), get("/readyz", health(options, Health.ready))]
      : []),
    ...(options.metrics ? [known("GET", "/metrics", metrics)] : []),
    get("/", start(options)),
    known("GET", "/assets/:name", asset(options)),
    ...api.feeds(options).map(([name, answer]) => known("GET", `/api/${name}`, answer)),
    ...api.questions(options).map(([name, answer]) => known("GET", `/api/${name}`, answer)),
    ...api.changes(options).map(([name, answer]) => known("POST", `/api/${name}`, answer))
  ]
}

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

/** Whatever goes wrong, it is answered, and by no more than that. */
const settled = (answer: Answer): Effect.Effect<Response, never, HttpRouter.Provided> =>
  Effect.catchCause(
    Effect.catch(answer, (error) => Effect.succeed(answers.failure(error))),
    (cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.as(Effect.logError("The dashboard has a defect", cause), answers.internalError)
  )

const router = (options: Options): Effect.Effect<HttpRouter.HttpRouter> =>
  Effect.gen(function*() {
    const router = yield* HttpRouter.make
    const add = (method: (typeof methods)[number], path: HttpRouter.PathInput, answer: Answer) =>
      router.add(method, path, settled(answer) as Effect.Effect<Response>)
    for (const { answer, method, path } of table(options)) {
      yield* add(method, path, answer)
      for (const other of methods) if (other !== method) yield* add(other, path, Effect.fail(methodNotAllowed(method)))
    }
    return router
  })

/** Everything that is answered. */
export const app = (
  options: Options
): Effect.Effect<Effect.Effect<Response, never, Request | Scope>> =>
  Effect.map(router(options), (router) => {
    const routed = Effect.orElseSucceed(router.asHttpEffect(), () => answers.failure(notFound))
    return Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const { rawHeaders, socket, url } = NodeHttpServerRequest.toIncomingMessage(request)
      // Who takes nothing for so long is cut off. A stream that is read has its heartbeat; a change may take its time.
      if (request.method !== "POST") socket.setTimeout(options.stallMillis)
      const refused = turnAway({ target: url ?? "", rawHeaders }, options.hosts)
      return refused === undefined ? routed : Effect.succeed(answers.failure(refused))
    }).pipe(Effect.map(answers.guarded))
  })
