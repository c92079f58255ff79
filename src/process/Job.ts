/**
 * A Job is the lifecycle of one command: start it, stop it, start it again, with systemctl's verbs.
 *
 * It can be steered by hand (`make`), or run under a supervisor (`runnable`), whose restart policy then sees how the
 * process ends. Verbs are carried out one after the other; a `Ticket` tells what became of one, after its effect.
 * Stopping means that the whole process group is gone: signal, grace, SIGKILL.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as validate from "../internal/validate.ts"
import type * as Runnable from "../Runnable.ts"
import { InvalidOption } from "../SupervisorError.ts"
import { type Command, isCommand } from "./Command.ts"
import type { ExitStatus } from "./ExitStatus.ts"
import * as jobHost from "./internal/jobHost.ts"
import * as jobRunnable from "./internal/jobRunnable.ts"
import { Jobs } from "./Jobs.ts"
import type { LogStore, Options as LogStoreOptions } from "./LogStore.ts"
import type * as Messages from "./Messages.ts"
import type * as Probe from "./Probe.ts"
import type {
  DuplicateJob,
  HookFailed,
  InputClosed,
  JobDeleted,
  NotReady,
  NotRunning,
  OutputCut,
  ProcessFailed,
  SignalFailed,
  SpawnFailed,
  StillAlive,
  Superseded,
  SupervisedJob,
  WorkspaceFailed
} from "./ProcessError.ts"
import { type Signal, signalNumber } from "./Signal.ts"
import type { Usage } from "./Spawner.ts"
import type { StopOptions, Verb, View } from "./Verb.ts"

/**
 * What a job is doing.
 *
 * **Details**
 *
 * `Running` until nobody lives in the process group, which may be later than the end of the program. `Finished` says how
 * the program ended, whether its group had to be killed, and who survived that. Times are milliseconds since the epoch.
 *
 * @category models
 * @since 0.1.0
 */
export type State =
  | { readonly _tag: "Pending" }
  | { readonly _tag: "Running"; readonly pid: number; readonly startedAt: number }
  | {
    readonly _tag: "Finished"
    readonly status: ExitStatus
    readonly startedAt: number
    readonly endedAt: number
    readonly forced: boolean
    readonly survivors: ReadonlyArray<string>
  }

/**
 * Why a verb was not carried out; `OutputCut` is told to the error sink alone.
 *
 * @category models
 * @since 0.1.0
 */
export type JobError =
  | SpawnFailed
  | HookFailed
  | SignalFailed
  | StillAlive
  | Superseded
  | JobDeleted
  | SupervisedJob
  | OutputCut

/**
 * A verb was carried out. Where it waited for the end of a run, `status` is how that ended, `forced` whether its group
 * had to be killed, and `survivors` who outlived even that.
 *
 * @category models
 * @since 0.1.0
 */
export interface Done {
  readonly _tag: "Done"
  readonly verb: string
  readonly status: ExitStatus | undefined
  readonly forced: boolean
  readonly survivors: ReadonlyArray<string>
}

/**
 * A verb had nothing to do.
 *
 * @category models
 * @since 0.1.0
 */
export interface NoOp {
  readonly _tag: "NoOp"
  readonly verb: string
  readonly reason: "already running" | "not running" | "never ran" | "already deleted"
}

/**
 * What became of a verb.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = Done | NoOp | { readonly _tag: "Failed"; readonly verb: string; readonly error: JobError }

/**
 * What was sent, and what becomes of it. Anybody may wait for it, any number of times, also after the fact; nobody
 * cancels it by going away. Every ticket is told its outcome, after its effect.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ticket {
  readonly verb: Verb
  readonly outcome: Effect.Effect<Outcome>
}

/**
 * A run that is over.
 *
 * @category models
 * @since 0.1.0
 */
export interface PastRun {
  /** Counted from 1; the number under which its lines are in the logs. */
  readonly run: number
  readonly pid: number
  readonly startedAt: number
  readonly endedAt: number
  readonly status: ExitStatus
  readonly forced: boolean
}

/**
 * Everything there is to know about a job, also after its process has ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface Info {
  readonly name: string
  /** Unique in its `Jobs`: the path of the child, or the name. */
  readonly id: string
  /** As a person would type it, secrets redacted. */
  readonly command: string
  readonly state: State
  readonly previous: State
  readonly pid: number | undefined
  readonly startedAt: number | undefined
  /** How long it gets once it was asked to end, until it is sent SIGKILL. In milliseconds. */
  readonly grace: number | "infinity"
  /** How many runs were started. */
  readonly runs: number
  /** The last runs that are over, oldest first. */
  readonly history: ReadonlyArray<PastRun>
  /** What the whole process group uses now; `undefined` if none runs. */
  readonly usage: Usage | undefined
  /** Its private directory, which the process is told as `EFFECT_SUPERVISOR_DATA_DIR`. */
  readonly directory: string
}

/**
 * How logs are kept: in files that rotate by size and count.
 *
 * @category models
 * @since 0.1.0
 */
export type LogOptions = Omit<LogStoreOptions, "directory" | "name" | "isNew">

/**
 * Everything that can be said about a job. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The signal that asks the process to end. Default: "SIGTERM". */
  readonly stopSignal?: Signal | undefined
  /** How long the process group may take to end once it was asked to, until it is sent SIGKILL. Default: "5 seconds". */
  readonly grace?: Duration.Input | "infinity" | undefined
  /** How long SIGKILL may take to end the group, until those who survive are named. Default: "5 seconds". */
  readonly killTimeout?: Duration.Input | undefined
  /** How long output may still come once the group has ended: a process that left it may hold the pipe. Default: "1 second". */
  readonly drainTimeout?: Duration.Input | undefined
  /** Which exit codes, and which signals by name, are a good end. Default: [0]. */
  readonly successCodes?: ReadonlyArray<number | string> | undefined
  /** How its output is kept; `false`: it is read and dropped. Default: as `LogStore.defaults` says. */
  readonly logs?: LogOptions | false | undefined
  /** How many past runs are remembered. Default: 20. */
  readonly history?: number | undefined
  /** Runs before each start and may change the command. Default: leaves it as it is. */
  readonly onSpawn?: ((view: View) => Effect.Effect<Command, unknown>) | undefined
  /** Hears of every error of a verb, whether or not anybody looks at its ticket. Default: logs a warning, but for what its supervisor logs. */
  readonly onError?: ((error: JobError) => Effect.Effect<void>) | undefined
  /** What is said to the process and heard from it, over a descriptor of its own. Default: nothing. */
  readonly messages?: Messages.Any | undefined
}

/**
 * The defaults of all options.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: {
  readonly stopSignal: Signal
  readonly grace: Duration.Input
  readonly killTimeout: Duration.Input
  readonly drainTimeout: Duration.Input
  readonly successCodes: ReadonlyArray<number | string>
  readonly history: number
} = {
  stopSignal: "SIGTERM",
  grace: "5 seconds",
  killTimeout: "5 seconds",
  drainTimeout: "1 second",
  successCodes: [0],
  history: 20
}

/**
 * The lifecycle of one command.
 *
 * **Details**
 *
 * `start` and its like send a verb and wait for its outcome; those that could not be carried out fail. Interrupting them
 * takes nothing back. Verbs are carried out in order, with these exceptions: `wait` is answered when the run ends,
 * `signal` reaches a process also while it is being stopped, a `stop` during a grace ends that grace, and `deleteNow`
 * comes before everything.
 *
 * **Gotchas**
 *
 * A hook of `run` holds up the verbs after it. Within a hook, `send` verbs and do not wait for them: they come after it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job {
  readonly name: string
  /** Unique in its `Jobs`: the path of the child, or the name. */
  readonly id: string
  /** Queues a verb. */
  readonly send: (verb: Verb) => Effect.Effect<Ticket>
  readonly start: Effect.Effect<Done | NoOp, JobError>
  readonly stop: (options?: StopOptions) => Effect.Effect<Done | NoOp, JobError>
  readonly restart: (options?: StopOptions) => Effect.Effect<Done | NoOp, JobError>
  readonly tryRestart: (options?: StopOptions) => Effect.Effect<Done | NoOp, JobError>
  readonly signal: (signal: Signal) => Effect.Effect<Done | NoOp, JobError>
  readonly wait: Effect.Effect<Done | NoOp, JobError>
  readonly run: (hook: (view: View) => Effect.Effect<unknown, unknown>) => Effect.Effect<Done | NoOp, JobError>
  readonly delete: (options?: StopOptions) => Effect.Effect<Done | NoOp, JobError>
  readonly deleteNow: Effect.Effect<Done | NoOp, JobError>
  /** What it is doing now. */
  readonly state: Effect.Effect<State>
  /**
   * What it does from now on, beginning with what it is doing now, until it is deleted. A reader that falls 64 states
   * behind misses the oldest of them.
   */
  readonly changes: Stream.Stream<State>
  readonly info: Effect.Effect<Info>
  /** What its runs wrote; `undefined` with `logs: false`. */
  readonly logs: LogStore | undefined
  /** Writes to the standard input of the run that goes on, for a command with `stdin: "pipe"`. */
  readonly write: (data: string | Uint8Array) => Effect.Effect<void, InputClosed>
  /** Ends the standard input. */
  readonly endInput: Effect.Effect<void>
  /** The line to the run that goes on, by the channel that the job was made with. */
  readonly connect: <In, Out>(
    channel: Messages.Channel<In, Out>
  ) => Effect.Effect<Messages.Connection<In, Out>, NotRunning>
}

/**
 * A job to be steered by hand, until the scope closes: then its process is stopped with its grace, and its private
 * directory removed. Nothing is started yet.
 *
 * **Example** (Restart a development server by hand)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Command, Job, NodeJobs } from "effect-supervisor/process"
 *
 * const main = Effect.gen(function*() {
 *   const job = yield* Job.make("server", Command.make("node", ["server.js"]))
 *   yield* job.start
 *   yield* Effect.sleep("1 minute")
 *   yield* job.restart({ signal: "SIGINT", grace: "2 seconds" })
 *   const { status } = yield* Effect.filterOrFail(job.wait, (outcome) => outcome._tag === "Done")
 *   yield* Effect.log(status)
 * }).pipe(Effect.scoped, Effect.provide(NodeJobs.layer()))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  name: string,
  command: Command,
  options?: Options
): Effect.Effect<Job, WorkspaceFailed | DuplicateJob, Jobs | Scope.Scope> => {
  const settings = settle(name, command, options)
  return Effect.flatMap(Jobs, (jobs) => jobHost.open(jobs.host, name, command, settings))
}

/** @internal */
export interface Settings {
  readonly stopSignal: Signal
  readonly graceMillis: number
  readonly killMillis: number
  readonly drainMillis: number
  readonly successCodes: ReadonlyArray<number | string>
  readonly logs: LogOptions | false
  readonly history: number
  readonly onSpawn: ((view: View) => Effect.Effect<Command, unknown>) | undefined
  readonly onError: ((error: JobError) => Effect.Effect<void>) | undefined
  readonly messages: Messages.Any | undefined
  /** It gets a descriptor to say that it is ready or alive. */
  readonly notifies: boolean
}

const settle = (name: string, command: Command, options: Options = {}, notifies = false): Settings => {
  const subject = `Job "${validate.name("Job", name)}"`
  if (!isCommand(command)) {
    throw new InvalidOption({
      subject,
      option: "command",
      value: command,
      expected: "what Command.make and the like give"
    })
  }
  const { messages } = options
  const taken = [...(messages === undefined ? [] : [3]), ...(notifies ? [4] : [])]
  for (const descriptor of taken) {
    if (command.settings.descriptors[descriptor] === undefined) continue
    throw new InvalidOption({
      subject,
      option: `descriptors[${descriptor}]`,
      value: command.settings.descriptors[descriptor],
      expected: "left out, since messages (3) or Probe.notify (4) use it: take another number"
    })
  }
  return {
    stopSignal: signal(subject, "stopSignal", options.stopSignal ?? defaults.stopSignal),
    graceMillis: validate.millis(subject, "grace", options.grace ?? defaults.grace),
    killMillis: validate.positiveMillis(subject, "killTimeout", options.killTimeout ?? defaults.killTimeout),
    drainMillis: validate.millis(subject, "drainTimeout", options.drainTimeout ?? defaults.drainTimeout),
    successCodes: successCodes(subject, options.successCodes ?? defaults.successCodes),
    logs: options.logs ?? {},
    history: options.history === 0 ? 0 : validate.count(subject, "history", options.history ?? defaults.history),
    onSpawn: options.onSpawn,
    onError: options.onError,
    messages,
    notifies
  }
}

const signal = (subject: string, option: string, value: Signal): Signal => {
  if (signalNumber(value) !== undefined) return value
  throw new InvalidOption({ subject, option, value, expected: `a signal of this platform, such as "SIGTERM"` })
}

const successCodes = (subject: string, codes: Settings["successCodes"]): Settings["successCodes"] => {
  for (const code of codes) {
    const isKnown = typeof code === "string"
      ? signalNumber(code) !== undefined
      : Number.isInteger(code) && code >= 0 && code <= 255
    if (isKnown) continue
    throw new InvalidOption({
      subject,
      option: "successCodes",
      value: code,
      expected: "codes from 0 to 255, or names of signals"
    })
  }
  return codes
}

/**
 * What a supervised process can fail with.
 *
 * @category models
 * @since 0.1.0
 */
export type RunnableError = ProcessFailed | NotReady | WorkspaceFailed | HookFailed | StillAlive

/**
 * Options of `runnable`: those of a job and those of a Runnable. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunnableOptions<out R = never>
  extends Options, Omit<Runnable.Options<RunnableError>, "grace" | "abandonAfter" | "ready" | "health" | "onReload">
{
  /**
   * When it is ready; one that ends before, however well, has failed with `NotReady`. Default: when its process has been
   * started.
   */
  readonly ready?: Probe.Probe | Probe.Readiness | undefined
  /** Whether it is alive; if not, it is stopped and has failed with `Unhealthy`. Default: while its process runs. */
  readonly liveness?: Probe.Probe | Probe.Liveness | undefined
  /** The signal that a reload sends to its group, such as "SIGHUP". Default: none. */
  readonly reloadSignal?: Signal | undefined
  /** Whether its lines are also logged by Effect's Logger. Default: false. */
  readonly forward?: boolean | undefined
  /**
   * Talks to each run over its `messages`, from its start to its end. When the process has ended, what it said last is
   * still heard, for at most `drainTimeout`. If the conversation ends first, the line stays open: say `Connection.end`
   * to a process that reads until it ends. Default: nobody talks.
   */
  readonly onConnect?: Messages.Conversation<R> | undefined
}

/**
 * A command as a Runnable: started when the supervisor starts it, restarted as the policy says, and stopped when it is
 * stopped, with its whole process group.
 *
 * **Details**
 *
 * An end that is not among `successCodes` is the failure `ProcessFailed`, whose `status` a restart policy can look at.
 * Asked to stop, the process gets its `stopSignal`, its `grace` and then SIGKILL; that is never a failure. If it is
 * interrupted while it is being stopped, its grace ends. A new run starts when nobody of the last one lives.
 *
 * While it is supervised, `Jobs.get` gives its Job by the child's path: for its logs, its `info`, to signal it, to talk
 * to it. Starting and stopping is the supervisor's matter; that Job refuses it.
 *
 * **Example** (A web server that is restarted)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessManager, RestartPolicy, Signals } from "effect-supervisor"
 * import { Command, Job, NodeJobs, Probe } from "effect-supervisor/process"
 *
 * const web = Job.runnable("web", Command.make("node", ["server.js"]), {
 *   restart: RestartPolicy.supervised,
 *   ready: Probe.http("http://127.0.0.1:8080/health"),
 *   reloadSignal: "SIGHUP"
 * })
 * const app = ProcessManager.make("app", [Signals.runnable(), web]).pipe(Effect.provide(NodeJobs.layer()))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const runnable = <R = never>(
  name: string,
  command: Command,
  options?: RunnableOptions<R>
): Runnable.Runnable<RunnableError, Jobs | Runnable.Given<R>> => {
  const notifies = [options?.ready, options?.liveness].some((probe) =>
    probe !== undefined && ("_tag" in probe ? probe : probe.probe)._tag === "Notify"
  )
  const messages = options?.messages ?? options?.onConnect?.channel
  const subject = `Job "${name}"`
  if (options?.reloadSignal !== undefined) signal(subject, "reloadSignal", options.reloadSignal)
  if (options?.onConnect !== undefined && options.onConnect.channel !== messages) {
    throw new InvalidOption({
      subject,
      option: "onConnect",
      value: "another channel",
      expected: "of the channel in messages"
    })
  }
  if (options?.forward === true && options.logs === false) {
    throw new InvalidOption({ subject, option: "logs", value: false, expected: "kept, since forward reads them" })
  }
  return jobRunnable.make<R>(name, command, settle(name, command, { ...options, messages }, notifies), options ?? {})
}
