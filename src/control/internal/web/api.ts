/**
 * The control API by HTTP: questions and streams by GET, changes by POST.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import * as ByteSize from "effect/ByteSize"
import * as Stream from "effect/Stream"
import type { LogEntry, LogLine } from "../../../process/LogStore.ts"
import type { Snapshot } from "../../../Snapshot.ts"
import type { SupervisorEvent } from "../../../SupervisorEvent.ts"
import type { ServerInfo } from "../../ControlApi.ts"
import * as clusters from "../clusters.ts"
import * as answers from "./answers.ts"
import type { CallTag, Failure } from "./calls.ts"
import { badRequest, notJson, type Refusal, tooLarge, tooMany } from "./refusal.ts"
import type { Answer, Options } from "./routes.ts"
import * as sse from "./sse.ts"
import { interval } from "./usage.ts"

type Named = ReadonlyArray<readonly [name: string, answer: Answer]>

// ------------------------------------------------------------------------------------------------- what is asked for

const { FiniteFromString, Literals, Struct, optionalKey } = Schema
const count = (most: number) => FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: most }))

/** What may be looked at in one answer. */
const mostLines = 10_000

const lines = {
  path: Schema.String,
  stream: optionalKey(Literals(["stdout", "stderr", "unknown"])),
  run: optionalKey(FiniteFromString),
  match: optionalKey(Schema.String)
}

const follow = Struct({ ...lines, tail: optionalKey(count(mostLines)) })

const search = Struct({
  ...lines,
  since: optionalKey(FiniteFromString),
  until: optionalKey(FiniteFromString),
  limit: optionalKey(count(mostLines)),
  reverse: optionalKey(Literals(["true", "false"]))
})

const path = Struct({ path: Schema.String })

const parameters = <A>(
  schema: Schema.Codec<A, unknown>
): Effect.Effect<A, Refusal, HttpServerRequest.ParsedSearchParams> => {
  const decode = SchemaParser.decodeUnknownEffect(schema)
  return Effect.flatMap(
    HttpServerRequest.ParsedSearchParams,
    (given) =>
      Effect.mapError(
        decode(given),
        () => badRequest("The parameters of this address are not what it takes: a path, and numbers where such are.")
      )
  )
}

/** Without its parameters, such as a charset. */
const mediaType = (contentType: string | undefined): string | undefined =>
  contentType?.split(";", 1)[0]!.trim().toLowerCase()

/** The body, if it is JSON and not too much of it. */
const body = (limit: number): Effect.Effect<unknown, Refusal, HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request): Effect.Effect<unknown, Refusal> => {
    // Nothing that a form can send.
    if (mediaType(request.headers["content-type"]) !== "application/json") return Effect.fail(notJson)
    if (Number(request.headers["content-length"] ?? 0) > limit) return Effect.fail(tooLarge(limit))
    return request.text.pipe(
      Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limit)),
      Effect.mapError(({ reason }) =>
        "reason" in reason && reason.reason === "BodyTooLarge"
          ? tooLarge(limit)
          : badRequest("The body could not be read.")
      ),
      Effect.flatMap((text) =>
        Effect.try({ try: (): unknown => JSON.parse(text), catch: () => badRequest("The body is not JSON.") })
      )
    )
  })

// ------------------------------------------------------------------------------------------------------------ streams

/** So many streams at once. */
const limited = (most: number): (answer: Answer) => Answer => {
  let open = 0
  return (answer) =>
    Effect.suspend(() => {
      if (open >= most) return Effect.fail(tooMany(`There are ${most} streams open already. Close one of them.`))
      open++
      // Until the answer has been sent to its end.
      const counted = Effect.addFinalizer(() => Effect.sync(() => open--))
      return Effect.andThen(counted, answer)
    })
}

const failed = ({ _tag, message }: Failure) => Stream.succeed(sse.message("failed", { _tag, message }))

/** A tree is served before it has joined its cluster: this tells who looks already. */
const joined = (isNode: boolean): Stream.Stream<string> =>
  Stream.tick(interval).pipe(
    Stream.mapEffect(() => clusters.isNode),
    (later) => Stream.concat(Stream.succeed(isNode), later),
    Stream.changes,
    Stream.drop(1),
    Stream.map((isNode) => sse.message("cluster", { isNode }))
  )

const watch = ({ caller, usage }: Options): Answer =>
  Effect.gen(function*() {
    const server = (yield* caller.call("server", {})) as ServerInfo
    const feed = yield* caller.feed<SupervisorEvent | Snapshot>("watch", {})
    const changes = sse.paced(feed, (changes) => sse.message("change", changes), sse.rest)
    const isNode = yield* clusters.isNode
    const hello = Stream.succeed(sse.message("hello", { server, readOnly: server.readOnly, isNode }))
    return sse.response(Stream.catch(Stream.concat(hello, changes), failed), Stream.merge(usage, joined(isNode)))
  })

const logs = ({ caller }: Options): Answer =>
  Effect.gen(function*() {
    const { tail = 200, ...rest } = yield* parameters(follow)
    const from = tail === 0 ? "now" : { last: tail }
    const feed = yield* caller.feed<LogEntry>("logs.follow", { ...rest, from, markers: true })
    const entries = sse.paced(feed, (lines) => sse.message("lines", lines))
    return sse.response(Stream.catch(entries, failed))
  })

export const feeds = (options: Options): Named => {
  const bound = limited(options.maxStreams)
  return [["watch", bound(watch(options))], ["logs", bound(logs(options))]]
}

// ---------------------------------------------------------------------------------------------------------- questions

const found = ({ caller }: Options): Answer =>
  Effect.gen(function*() {
    const { limit = 1000, reverse, ...rest } = yield* parameters(search)
    const feed = yield* caller.feed<LogLine>("logs.query", { ...rest, limit, reverse: reverse === "true" })
    return answers.json(yield* Stream.runCollect(feed))
  })

export const questions = (options: Options): Named => {
  const ask = (tag: CallTag, payload: unknown): Answer =>
    Effect.map(options.caller.call(tag, payload), (value) => answers.json(value))
  return [
    ["server", ask("server", {})],
    ["status", ask("status", {})],
    ["cluster", ask("cluster", {})],
    ["info", Effect.flatMap(parameters(path), (payload) => ask("info", payload))],
    ["lines", found(options)]
  ]
}

// ------------------------------------------------------------------------------------------------------------ changes

const verbs: ReadonlyArray<CallTag> = [
  "start",
  "stop",
  "restart",
  "hold",
  "release",
  "remove",
  "signal",
  "reload",
  "reloadChild",
  "add",
  "reconcile",
  "shutdown",
  "shutdownNow"
]

export const changes = (options: Options): Named =>
  verbs.map((tag) => [
    tag,
    Effect.flatMap(
      body(options.maxRequestBytes),
      (payload) => Effect.map(options.caller.call(tag, payload), (value) => answers.json(value))
    )
  ])
