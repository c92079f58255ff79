/**
 * A command as a Runnable: each incarnation starts the job of its child, waits for the end of its run, and sees to it
 * that nobody of that run lives when it ends itself.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Control from "../../Control.ts"
import * as Runnable from "../../Runnable.ts"
import { Supervisor } from "../../Supervisor.ts"
import { InvalidOption } from "../../SupervisorError.ts"
import * as Command from "../Command.ts"
import * as ExitStatus from "../ExitStatus.ts"
import type { JobError, Outcome, RunnableError, RunnableOptions, Settings } from "../Job.ts"
import { Jobs } from "../Jobs.ts"
import * as LogStore from "../LogStore.ts"
import * as Probe from "../Probe.ts"
import { NotReady, ProcessFailed } from "../ProcessError.ts"
import type { Signal } from "../Signal.ts"
import * as Verb from "../Verb.ts"
import type { Handle } from "./jobHandle.ts"
import { adopt, endIfRemoved } from "./jobHost.ts"
import * as probing from "./probing.ts"

export const make = <R>(
  name: string,
  command: Command.Command,
  settings: Settings,
  options: RunnableOptions<R>
): Runnable.Runnable<RunnableError, Jobs | Runnable.Given<R>> => {
  const subject = `Job "${name}"`
  const plan: Plan<R> = {
    name,
    command,
    settings,
    options,
    liveness: options.liveness !== undefined && "_tag" in options.liveness
      ? { probe: options.liveness }
      : options.liveness,
    ready: options.ready === undefined ? undefined : Probe.settleReadiness(subject, options.ready)
  }
  for (const probe of [plan.ready?.probe, plan.liveness?.probe]) {
    if (probe?._tag !== "Log" || settings.logs !== false) continue
    throw new InvalidOption({ subject, option: "logs", value: false, expected: `kept, for ${Probe.show(probe)}` })
  }
  const { graceMillis, killMillis, drainMillis } = settings
  return Runnable.make(name, incarnation(plan), {
    restart: options.restart,
    startTimeout: options.startTimeout,
    significant: options.significant,
    watchdog: options.watchdog,
    reloadTimeout: options.reloadTimeout,
    overlap: options.overlap,
    version: options.version,
    ready: "signal",
    // The job itself kills when its grace is over. If nobody is gone by then, what comes is a whole sequence.
    grace: Duration.millis(graceMillis + killedMillis),
    abandonAfter: Duration.millis(killMillis + 2 * drainMillis + 1000),
    health: plan.liveness === undefined ? undefined : healthOf(plan.liveness)
  })
}

/** SIGKILL takes less, unless the kernel does not let go. */
const killedMillis = 250

interface Plan<R> {
  readonly name: string
  readonly command: Command.Command
  readonly settings: Settings
  readonly options: RunnableOptions<R>
  readonly ready: Probe.ReadinessSettings | undefined
  readonly liveness: Probe.Liveness | undefined
}

/** The liveness probe of an incarnation, for the health check that the supervisor runs beside it. */
const alive = new WeakMap<Control.Control, Effect.Effect<void, unknown>>()

const healthOf = ({ failures, initialDelay, interval, probe, timeout }: Probe.Liveness): Runnable.HealthCheck => ({
  check: Effect.withFiber((fiber) => alive.get(fiber.getRef(Control.Current)) ?? Effect.void),
  // What comes by itself has to get the time to come.
  initialDelay: initialDelay ??
    (probe._tag === "Log" || probe._tag === "Notify" ? interval ?? "10 seconds" : undefined),
  interval,
  timeout,
  failures
})

const incarnation = <R>(plan: Plan<R>): Effect.Effect<void, RunnableError, Jobs | R | Scope.Scope> =>
  Effect.gen(function*() {
    const handle = yield* own(plan)
    yield* Effect.addFinalizer(() => handle.engine.halt)
    const isAsked = yield* Effect.raceFirst(
      Effect.as(live(plan, handle), false),
      Effect.as(Control.shutdown, true)
    )
    if (!isAsked) return
    const ended = yield* handle.engine.halt
    if (ended?.forced === true) {
      yield* Effect.logWarning(
        `Job "${handle.id}" did not end within its grace of ${plan.settings.graceMillis} ms and was killed`
      )
    }
    const { host } = yield* Jobs
    yield* Effect.forkDetach(endIfRemoved(host, handle.id))
  })

/** The job of this child. Outside of a supervisor, one that ends with this run. */
const own = Effect.fnUntraced(function*<R>({ command, name, settings }: Plan<R>) {
  const { host } = yield* Jobs
  const path = yield* Control.path
  const supervisor = Option.getOrUndefined(yield* Effect.serviceOption(Supervisor))
  return yield* adopt(host, { name, path: path ?? name, supervisor }, command, settings)
})

/** From the start of its run to the end of that. */
const live = Effect.fnUntraced(function*<R>(plan: Plan<R>, handle: Handle) {
  const started = yield* handle.engine.send(Verb.start).outcome
  if (started._tag === "Failed") return yield* notStarted(plan, started.error)
  const wait = handle.engine.send(Verb.wait).outcome
  let isReady = false
  const listening = [...yield* converse(plan, handle), ...yield* forward(plan, handle, wait)]
  // What the process said last is still to be heard.
  const heard = listening.length === 0
    ? Effect.void
    : Effect.timeoutOption(Effect.all(listening, { concurrency: "unbounded" }), plan.settings.drainMillis)
  const over = Effect.flatMap(Effect.tap(wait, heard), (outcome) => judge(plan, handle, outcome, isReady))
  const serving = serve(plan, handle, () => {
    isReady = true
  })
  if (plan.ready !== undefined || plan.liveness !== undefined) {
    return yield* Effect.raceFirst(over, Effect.andThen(serving, Effect.never))
  }
  // Nothing in it waits: only a probe does, for ever where the run has ended.
  yield* serving
  return yield* over
})

/** What to wait for when the process has ended. */
type Listening = ReadonlyArray<Effect.Effect<unknown>>

/** So long may a conversation go on that listens no more: it may never end by itself. */
const lastWordMillis = 50

/** What goes wrong in a conversation is the end of it, and no reason to end a process that may do well without. */
const converse = Effect.fnUntraced(function*<R>({ options }: Plan<R>, handle: Handle) {
  if (options.onConnect === undefined) return []
  const { channel, talk } = options.onConnect
  const { heard } = handle
  const talking = yield* handle.connect(channel).pipe(
    Effect.flatMap(talk),
    Effect.catchCause((cause) => Effect.logWarning(`The conversation with job "${handle.id}" ended`, cause)),
    Effect.forkScoped
  )
  const talked = Fiber.await(talking)
  const listening: Listening = [
    Effect.raceFirst(talked, Effect.andThen(heard, Effect.timeoutOption(talked, lastWordMillis)))
  ]
  return listening
})

const forward = Effect.fnUntraced(function*<R>({ options }: Plan<R>, handle: Handle, until: Effect.Effect<unknown>) {
  if (options.forward !== true || handle.logs === undefined) return []
  const annotations = { child: handle.id }
  const forwarding = LogStore.forward(handle.logs, { run: handle.runNumber, from: "start", until, annotations })
  const listening: Listening = [Fiber.await(yield* Effect.forkScoped(Effect.ignore(forwarding, { log: "Warn" })))]
  return listening
})

/** What goes on beside its run. */
const serve = Effect.fnUntraced(
  function*<R>({ liveness, options, ready }: Plan<R>, handle: Handle, onReady: () => void) {
    const { reloadSignal } = options
    if (reloadSignal !== undefined) yield* Control.onReload(reload(handle, reloadSignal))
    const first = ready === undefined ? undefined : yield* probe(handle, ready.probe)
    if (first !== undefined && ready !== undefined) yield* first.ready(ready)
    onReady()
    if (liveness !== undefined) {
      // A descriptor has one reader: what says that it is ready by it says by the same that it is alive.
      const { check } = first !== undefined && ready?.probe._tag === "Notify" && liveness.probe._tag === "Notify"
        ? first
        : yield* probe(handle, liveness.probe)
      const { context } = (yield* Jobs).host
      const control = yield* Effect.withFiber((fiber) => Effect.succeed(fiber.getRef(Control.Current)))
      alive.set(control, Effect.provideContext(check, context))
    }
    yield* Control.ready
  }
)

/** Fails, because the process is not to be had. */
const notStarted = <R>(plan: Plan<R>, error: JobError): Effect.Effect<never, RunnableError> => {
  switch (error._tag) {
    case "SpawnFailed":
      return failed(plan, ExitStatus.SpawnFailed({ error }), [])
    case "HookFailed":
    case "StillAlive":
      return Effect.fail(error)
    case "SignalFailed":
    case "Superseded":
    case "JobDeleted":
    case "SupervisedJob":
    case "OutputCut":
      return Effect.die(error)
  }
}

const failed = <R>({ command }: Plan<R>, status: ExitStatus.ExitStatus, lastLines: ReadonlyArray<string>) =>
  Effect.fail(new ProcessFailed({ command: Command.show(command), status, lastLines }))

/** What the end of a run that nobody asked for means. */
const judge = <R>(
  plan: Plan<R>,
  handle: Handle,
  outcome: Outcome,
  isReady: boolean
): Effect.Effect<void, ProcessFailed | NotReady> => {
  if (outcome._tag !== "Done" || outcome.status === undefined) {
    return Effect.die(new Error(`The end of job "${handle.id}" is not known: ${outcome._tag}`))
  }
  const { status } = outcome
  if (!ExitStatus.isSuccess(status, plan.settings.successCodes)) return failed(plan, status, handle.lastWords.lines)
  if (isReady || plan.ready === undefined) return Effect.void
  // As systemd has it for services that are to say that they are ready: whoever waits for it must not be told so.
  const { probe, timeoutMillis } = plan.ready
  const detail = `it ${ExitStatus.show(status)} before`
  return Effect.fail(
    new NotReady({ command: Command.show(plan.command), probe: Probe.show(probe), timeoutMillis, detail })
  )
}

const reload = ({ engine }: Handle, signal: Signal): Effect.Effect<void, JobError> =>
  Effect.flatMap(
    // Sent by each reload, and not when its handler is made.
    Effect.suspend(() => engine.send(Verb.signal(signal)).outcome),
    (outcome) => outcome._tag === "Failed" ? Effect.fail(outcome.error) : Effect.void
  )

const probe = Effect.fnUntraced(function*(handle: Handle, what: Probe.Probe) {
  const { run } = handle.engine
  // It has ended already, which is told by other means.
  if (run === undefined) return yield* Effect.never
  const { context } = (yield* Jobs).host
  const target: probing.Target = {
    run,
    lines: ({ pattern, stream }) =>
      handle.logs === undefined ? Stream.empty : Stream.catch(
        handle.logs.follow({ from: "start", run: handle.runNumber, match: pattern, stream }),
        () => Stream.empty
      ),
    notifications: handle.notifications
  }
  const probing_ = yield* probing.start(target, what)
  return {
    check: probing_.check,
    ready: (settings: Probe.ReadinessSettings) => Effect.provideContext(probing_.ready(settings), context)
  }
})
