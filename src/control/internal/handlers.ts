/**
 * What each call does: the operation of the same name on the supervisor that is served.
 *
 * Floor 4.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Rpc from "effect/rpc/Rpc"
import * as Stream from "effect/Stream"
import { type JobError } from "../../process/Job.ts"
import { SignalFailed } from "../../process/ProcessError.ts"
import { type Signal, signalNumber } from "../../process/Signal.ts"
import type * as Runnable from "../../Runnable.ts"
import { turn } from "../../internal/turn.ts"
import { causeInfo } from "../../State.ts"
import { changesOf, type Handle, type Outcome, type ReconcileReport } from "../../Supervisor.ts"
import type { ChildNotFound, SupervisorClosed } from "../../SupervisorError.ts"
import { type Answer, type AnswerError, type Calls, ControlApi, type Details, type ServerInfo } from "../ControlApi.ts"
import type { Source } from "../ClusterSchema.ts"
import { ClusterUnavailable, DeclareFailed, NotAJob, NotDeclared, ReadOnlyServer } from "../ControlError.ts"
import * as clusters from "./clusters.ts"
import * as logs from "./logs.ts"
import { together } from "./reports.ts"
import { type Groups, resolve } from "./targets.ts"
import type { Turnstile } from "./turnstile.ts"
import { linkOf } from "./web/links.ts"

export interface Options {
  readonly handle: Handle<never>
  readonly info: ServerInfo
  /** What the application declares, read anew; `undefined` if it says nothing. */
  readonly declare: Effect.Effect<ReadonlyArray<Runnable.Any>, unknown> | undefined
  readonly declared: ReadonlyArray<Runnable.Any>
  /** The application's own way to become what it declares. */
  readonly reconcile: Effect.Effect<ReconcileReport, unknown> | undefined
  readonly groups: Groups | undefined
  readonly isFitting: (name: string) => boolean
  readonly waitsFor: ((path: string) => Effect.Effect<ReadonlyArray<string>>) | undefined
  /** Puts what must not be missing into a list of children. */
  readonly complete: (children: ReadonlyArray<Runnable.Any>) => Effect.Effect<ReadonlyArray<Runnable.Any>>
  /** What is added gets these services. */
  readonly context: Context.Context<never>
  readonly backlog: number
  readonly turnstile: Turnstile
  /** Ends when the server begins to end. */
  readonly leaving: Effect.Effect<void>
}

const answer = (
  path: string,
  operation: Effect.Effect<Outcome, AnswerError>
): Effect.Effect<Answer> =>
  Effect.match(operation, {
    onFailure: (error): Answer => ({ _tag: "Failed", path, error }),
    onSuccess: (outcome): Answer => ({ _tag: "Done", path, outcome })
  })

/** All at once: who wants an order asks one after the other, or asks the manager above them. */
const onEach = (
  { groups, handle, isFitting }: Options,
  target: string,
  operation: (path: string) => Effect.Effect<Outcome, AnswerError>
): Effect.Effect<ReadonlyArray<Answer>, ChildNotFound> =>
  Effect.flatMap(
    resolve({ handle, groups, isFitting }, target),
    Effect.forEach((path) => answer(path, operation(path)), { concurrency: "unbounded" })
  )

const toSignalFailed = (path: string, signal: string) => (error: JobError): SignalFailed =>
  error._tag === "SignalFailed" ? error : new SignalFailed({ command: path, signal, detail: error.message })

const signalTo = (path: string, signal: string): Effect.Effect<Outcome, NotAJob | SignalFailed> =>
  Effect.gen(function*() {
    const job = yield* logs.jobAt(path)
    if (job === undefined) return yield* new NotAJob({ path, operation: "signal" })
    if (signalNumber(signal) === undefined) {
      return yield* new SignalFailed({ command: path, signal, detail: "this machine has no such signal" })
    }
    const sent = yield* Effect.mapError(job.signal(signal as Signal), toSignalFailed(path, signal))
    return sent._tag === "Done" ? "done" : "noop"
  })

const details: (options: Options, path: string) => Effect.Effect<Details, ChildNotFound> = Effect.fnUntraced(
  function*({ context, handle, waitsFor }: Options, path: string) {
    const child = yield* Effect.result(handle.child(path))
    const job = yield* logs.jobAt(path)
    if (job === undefined && Result.isFailure(child)) return yield* child.failure
    return {
      path,
      child: Result.getOrUndefined(child),
      job: job && (yield* job.info),
      waitsFor: waitsFor === undefined ? [] : yield* Effect.provideContext(waitsFor(path), context)
    }
  }
)

/** At once, since all of them then share one look at the processes of the machine. Who has gone in between is left out. */
const allDetails = (options: Options, paths: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Details>> =>
  Effect.map(
    Effect.forEach(paths, (path) => Effect.option(details(options, path)), { concurrency: "unbounded" }),
    (found) => found.flatMap((one) => one._tag === "Some" ? [one.value] : [])
  )

/** What the application does for this; whatever goes wrong with it is told as one error. */
const ofApplication = <A>(options: Options, operation: string, effect: Effect.Effect<A, unknown>) =>
  Effect.catchCause(
    Effect.provideContext(effect, options.context),
    (cause): Effect.Effect<never, DeclareFailed> =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.fail(new DeclareFailed({ operation, cause: causeInfo(cause) }))
  )

/** What an application has to declare before it can be added from outside. */
const declarations = (options: Options, operation: string) =>
  options.declare === undefined
    ? Effect.succeed(options.declared)
    : ofApplication(options, operation, options.declare)

const addByName = Effect.fnUntraced(function*(options: Options, name: string) {
  const operation = `add("${name}")`
  const known = yield* declarations(options, operation)
  const runnable = known.find((runnable) => runnable.name === name)
  if (runnable === undefined) {
    return yield* new NotDeclared({ operation, declared: known.map(({ name }) => name) })
  }
  yield* Effect.provideContext(
    options.handle.add(runnable as Runnable.Runnable<never>),
    options.context
  )
})

const reconcile = Effect.fnUntraced(function*(options: Options) {
  const { complete, context, declare, declared, handle } = options
  const operation = "reconcile"
  if (options.reconcile !== undefined) return yield* ofApplication(options, operation, options.reconcile)
  if (declare === undefined) {
    return yield* new NotDeclared({ operation, declared: declared.map(({ name }) => name) })
  }
  const children = yield* complete(yield* declarations(options, operation))
  return yield* Effect.provideContext(
    handle.reconcile(children as ReadonlyArray<Runnable.Runnable<never>>),
    context
  )
})

const unavailable = ({ name }: ServerInfo) => ({ message }: { readonly message: string }) =>
  new ClusterUnavailable({ supervisor: name, detail: message })

/** The cluster that this process is a node of. */
const clusterOf = (info: ServerInfo): Effect.Effect<Source, ClusterUnavailable> =>
  Effect.filterOrFail(
    clusters.current,
    (source) => source !== undefined,
    () => new ClusterUnavailable({ supervisor: info.name, detail: undefined })
  )

/** It takes the server along, so that it is asked for when the answer is on its way. */
const afterAnswer = (effect: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.asVoid(Effect.forkDetach(Effect.andThen(turn, effect)))

type Handlers = Effect.Effect<Context.Context<Rpc.ToHandler<Calls>>>

export const handlers = (options: Options): Handlers => {
  const { backlog, handle, info, leaving, turnstile } = options
  /** Refused where nothing may be changed. */
  const change = <A, E>(operation: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E | ReadOnlyServer> =>
    info.readOnly ? Effect.fail(new ReadOnlyServer({ supervisor: info.name, operation })) : effect
  const verb =
    (operation: "start" | "stop" | "restart" | "hold" | "release" | "remove") =>
    ({ target }: { readonly target: string }) =>
      change(
        `${operation}("${target}")`,
        onEach(options, target, (path): Effect.Effect<Outcome, ChildNotFound | SupervisorClosed> =>
          handle[operation](path))
      )
  return ControlApi.toHandlers({
    server: () => Effect.succeed(info),
    status: () => handle.status,
    child: ({ path }) => handle.child(path),
    info: ({ path }) => details(options, path),
    infos: ({ paths }) => allDetails(options, paths),
    watch: () => changesOf(handle, { capacity: backlog, until: leaving }),
    "logs.query": (payload) => logs.query(payload, turnstile),
    "logs.follow": (payload) => logs.follow(payload, turnstile, leaving),
    start: verb("start"),
    stop: verb("stop"),
    restart: verb("restart"),
    hold: verb("hold"),
    release: verb("release"),
    remove: verb("remove"),
    signal: ({ signal, target }) =>
      change(`signal("${target}", ${signal})`, onEach(options, target, (path) => signalTo(path, signal))),
    reload: () => change("reload", handle.reload),
    reloadChild: ({ target }) =>
      change(
        `reloadChild("${target}")`,
        Effect.map(
          Effect.flatMap(
            resolve(options, target),
            Effect.forEach((path) => handle.reloadChild(path), { concurrency: "unbounded" })
          ),
          together
        )
      ),
    add: ({ name }) => change(`add("${name}")`, addByName(options, name)),
    reconcile: () => change("reconcile", reconcile(options)),
    cluster: () => Effect.flatMap(clusterOf(info), ({ snapshot }) => Effect.mapError(snapshot, unavailable(info))),
    "cluster.watch": () =>
      Stream.unwrap(Effect.map(clusterOf(info), ({ events }) => Stream.mapError(events, unavailable(info)))).pipe(
        Stream.interruptWhen(leaving)
      ),
    dashboard: () => Effect.map(linkOf(handle), (link) => ({ link })),
    shutdown: () => change("shutdown", afterAnswer(handle.shutdown)),
    shutdownNow: () => change("shutdownNow", afterAnswer(handle.shutdownNow))
  })
}
