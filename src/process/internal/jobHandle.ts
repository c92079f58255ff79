/**
 * One job: an engine for the verbs, and around it what a run is connected to: logs, input, messages, history.
 */
import type * as Cause from "effect/Cause"
import type { Context } from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Command from "../Command.ts"
import type { Info, JobError, Settings, State } from "../Job.ts"
import type * as LogStore from "../LogStore.ts"
import type * as Messages from "../Messages.ts"
import { InputClosed, NotRunning, OutputCut, SpawnFailed } from "../ProcessError.ts"
import type { Spawner } from "../Spawner.ts"
import * as Verb from "../Verb.ts"
import { overheard } from "./childPipes.ts"
import { type Config, JobEngine } from "./jobEngine.ts"
import { LastWords } from "./lastWords.ts"
import * as record from "./jobRecord.ts"
import { type OpenConnection, openConnection } from "./messagesConnection.ts"
import type * as Run from "./run.ts"

/** The descriptors that this package uses, and the variables that tell them to the process. */
const descriptors = { messages: 3, notify: 4 } as const
const variables = {
  data: "EFFECT_SUPERVISOR_DATA_DIR",
  messages: "EFFECT_SUPERVISOR_MESSAGES_FD",
  format: "EFFECT_SUPERVISOR_MESSAGES_FORMAT",
  notify: "EFFECT_SUPERVISOR_NOTIFY_FD"
} as const

type Input = Queue.Queue<Uint8Array, Cause.Done>

/** What a run has beside its process: made when it starts, gone when it has ended. */
interface Line {
  readonly run: Run.Run
  readonly scope: Scope.Closeable
  readonly input: Input | undefined
  readonly connection: OpenConnection<unknown, never> | undefined
  /** Its number in the logs. */
  readonly number: number
  /** On stderr. */
  readonly lastWords: LastWords
}

/** How many writes to the standard input wait for the process to read. */
const inputCapacity = 64

const encoder = new TextEncoder()

/** Where a job keeps what stays from run to run. */
export interface Storage {
  readonly workspace: record.Workspace
  readonly isSupervised: boolean
  /** Removes what is not to stay. */
  readonly release: Effect.Effect<void>
}

/** Where its output goes, and as whose options say. */
export interface Logging {
  readonly options: Settings["logs"]
  readonly store: LogStore.LogStore | undefined
  readonly close: Effect.Effect<void>
}

export const noLogs: Logging = { options: false, store: undefined, close: Effect.void }

export class Handle implements Config {
  readonly name: string
  readonly id: string
  readonly storage: Storage
  readonly engine: JobEngine
  logging: Logging
  command: Command.Command
  private settings: Settings
  private readonly history: record.History
  private runs = 0
  private line: Line | undefined = undefined
  /** Of the current run, or of the last one. */
  lastWords: LastWords = new LastWords()
  private readonly listeners = new Set<Queue.Enqueue<State, Cause.Done>>()

  constructor(
    context: Context<Spawner>,
    name: string,
    id: string,
    storage: Storage,
    logging: Logging,
    command: Command.Command,
    settings: Settings
  ) {
    this.name = name
    this.id = id
    this.storage = storage
    this.logging = logging
    this.command = command
    this.settings = settings
    this.history = new record.History(settings.history)
    this.engine = new JobEngine(this, context)
  }

  /** From the next start on, the job is this. */
  configure(command: Command.Command, settings: Settings): void {
    this.command = command
    this.settings = settings
  }

  get workspace(): record.Workspace {
    return this.storage.workspace
  }

  get logs(): LogStore.LogStore | undefined {
    return this.logging.store
  }

  // -- what the engine asks

  get limits(): Run.Limits {
    const { drainMillis, killMillis } = this.settings
    return { stop: this.toStop({}), killMillis, drainMillis }
  }

  toStop(options: Verb.StopOptions): Run.Stop {
    return {
      signal: options.signal ?? this.settings.stopSignal,
      graceMillis: Verb.graceMillis(options) ?? this.settings.graceMillis
    }
  }

  onSpawn(view: Verb.View): Effect.Effect<Command.Command, unknown> {
    return this.settings.onSpawn?.(view) ?? Effect.succeed(this.command)
  }

  equip(command: Command.Command): Effect.Effect<Command.Command, SpawnFailed> {
    return Effect.mapBoth(this.workspace.prepare(command), {
      onSuccess: (written) => this.surround(written),
      onFailure: (cause) => {
        const reason = cause._tag === "UnknownUser" ? "InvalidArgument" : "BadWorkspace"
        return new SpawnFailed({ command: Command.show(command), reason, detail: cause.message, cause })
      }
    })
  }

  /** What every process of a job gets. */
  private surround(command: Command.Command): Command.Command {
    const { messages } = this.settings
    const env: Record<string, string> = { [variables.data]: this.workspace.directory }
    const added: Record<number, Command.Descriptor> = {}
    if (messages !== undefined) {
      env[variables.messages] = String(descriptors.messages)
      env[variables.format] = messages.format
      added[descriptors.messages] = "duplex"
    }
    if (this.settings.notifies) {
      env[variables.notify] = String(descriptors.notify)
      added[descriptors.notify] = "output"
    }
    return Command.withOptions(command, {
      env: { ...command.settings.env, ...env },
      descriptors: { ...command.settings.descriptors, ...added }
    })
  }

  onError(error: JobError): Effect.Effect<void> {
    if (this.settings.onError !== undefined) return this.settings.onError(error)
    return this.storage.isSupervised && isToldBySupervisor(error)
      ? Effect.void
      : Effect.annotateLogs(Effect.logWarning(error.message), { job: this.id })
  }

  onChange(state: State): void {
    for (const queue of this.listeners) Queue.offerUnsafe(queue, state)
  }

  readonly onDeleted: Effect.Effect<void> = Effect.suspend(() => {
    for (const queue of this.listeners) Queue.endUnsafe(queue)
    return this.storage.release
  })

  /** Connects a run that has just been started. */
  attach(run: Run.Run): ReturnType<Config["attach"]> {
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.make()
      const input = run.command.settings.stdin === "pipe"
        ? yield* Queue.bounded<Uint8Array, Cause.Done>(inputCapacity)
        : undefined
      this.lastWords = new LastWords()
      const line: Line = {
        run,
        lastWords: this.lastWords,
        scope,
        input,
        connection: yield* Scope.provide(this.open(run), scope),
        number: this.logs === undefined ? this.runs + 1 : yield* this.logs.begin({ pid: run.process.pid })
      }
      this.runs++
      this.line = line
      if (input !== undefined) yield* Effect.forkIn(pour(input, run), scope)
      return { read: this.read(line), onEnd: (ended) => this.finish(line, ended) }
    })
  }

  private open(run: Run.Run): Effect.Effect<Line["connection"], never, Scope.Scope> {
    const { messages } = this.settings
    if (messages === undefined) return Effect.undefined
    return openConnection(messages, {
      bytes: run.process.output(descriptors.messages),
      sink: run.process.input(descriptors.messages),
      command: Command.show(run.command)
    })
  }

  /** Its output and its messages, to their ends. */
  private read(line: Line): Effect.Effect<void> {
    const { stdout } = line.run.process
    const stderr = overheard(line.run.process.stderr, line.lastWords.hear)
    const { logs } = this
    const output = logs === undefined
      ? [Stream.runDrain(stdout), Stream.runDrain(stderr)]
      : [logs.capture(line.number, "stdout", stdout), logs.capture(line.number, "stderr", stderr)]
    return Effect.all([...output, line.connection?.closed ?? Effect.void], { concurrency: "unbounded" }).pipe(
      Effect.catch((error) => Effect.annotateLogs(Effect.logError(error.message), { job: this.id }))
    )
  }

  private finish(line: Line, ended: Run.Ended): Effect.Effect<void> {
    const { endedAt, forced, startedAt, status } = ended
    return Effect.gen({ self: this }, function*() {
      if (this.line === line) this.line = undefined
      this.history.add({ run: line.number, pid: line.run.process.pid, startedAt, endedAt, status, forced })
      if (line.input !== undefined) yield* Queue.shutdown(line.input)
      if (this.logs !== undefined) {
        yield* this.logs.end(line.number, {
          code: status._tag === "Exited" ? status.code : undefined,
          signal: status._tag === "Signaled" ? status.signal : undefined
        })
      }
      if (ended.isCut) yield* this.tellCut()
      yield* Scope.close(line.scope, Exit.void)
    })
  }

  /** The end of a run waits for its output only so long. */
  private tellCut(): Effect.Effect<void> {
    return Effect.flatMap(this.logs?.problem ?? Effect.undefined, (problem) =>
      this.onError(
        new OutputCut({
          command: Command.show(this.command),
          drainMillis: this.settings.drainMillis,
          detail: problem === undefined
            ? "a process that left its group holds the pipe, or nobody reads its messages"
            : problem.message
        })
      ))
  }

  // -- what a job offers

  readonly info: Effect.Effect<Info> = Effect.gen({ self: this }, function*() {
    const { previous, state } = this.engine
    const { run } = this.engine
    const { graceMillis } = this.settings
    return {
      name: this.name,
      id: this.id,
      command: Command.show(this.command),
      state,
      previous,
      pid: state._tag === "Running" ? state.pid : undefined,
      startedAt: state._tag === "Pending" ? undefined : state.startedAt,
      grace: graceMillis === Number.POSITIVE_INFINITY ? "infinity" : graceMillis,
      runs: this.runs,
      history: this.history.list,
      usage: run === undefined ? undefined : yield* run.process.usage,
      directory: this.workspace.directory
    }
  })

  readonly changes: Stream.Stream<State> = Stream.callback<State>((queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        Queue.offerUnsafe(queue, this.engine.state)
        if (this.engine.isOpen) this.listeners.add(queue)
        else Queue.endUnsafe(queue)
      }),
      () => Effect.sync(() => this.listeners.delete(queue))
    ), { bufferSize: 64, strategy: "sliding" })

  write(data: string | Uint8Array): Effect.Effect<void, InputClosed> {
    return Effect.suspend(() => {
      const fail = (reason: InputClosed["reason"]) =>
        Effect.fail(new InputClosed({ command: Command.show(this.command), reason }))
      if (this.line === undefined) return fail("not running")
      const { input } = this.line
      if (input === undefined) return fail("not a pipe")
      return Effect.flatMap(
        Queue.offer(input, typeof data === "string" ? encoder.encode(data) : data),
        (accepted) => accepted ? Effect.void : fail("closed")
      )
    })
  }

  readonly endInput: Effect.Effect<void> = Effect.suspend(() =>
    this.line?.input === undefined ? Effect.void : Effect.asVoid(Queue.end(this.line.input))
  )

  connect<In, Out>(channel: Messages.Channel<In, Out>): Effect.Effect<Messages.Connection<In, Out>, NotRunning> {
    return Effect.suspend(() => {
      const connection = this.line?.connection
      if (connection === undefined || this.settings.messages !== channel) {
        const operation = this.settings.messages === channel
          ? "connect"
          : "connect (the job was made with other messages)"
        return Effect.fail(new NotRunning({ command: Command.show(this.command), operation }))
      }
      // The channel is the one that the connection was opened with, so these are its types.
      return Effect.succeed(connection as Messages.Connection<unknown, never> as Messages.Connection<In, Out>)
    })
  }

  /** Ends when nobody listens to the messages of the current run. */
  get heard(): Effect.Effect<void> {
    return this.line?.connection?.heard ?? Effect.void
  }

  /** What the current run writes to its notify descriptor. */
  get notifications(): Stream.Stream<unknown> {
    return this.line === undefined
      ? Stream.empty
      : Stream.catch(this.line.run.process.output(descriptors.notify), () => Stream.empty)
  }

  /** The number of the current run in the logs, or of the last one. */
  get runNumber(): number {
    return this.line?.number ?? this.history.list.at(-1)?.run ?? 0
  }
}

/** What goes wrong with a verb of a supervisor is the failure of its child; what goes wrong beside it is not. */
const isToldBySupervisor = ({ _tag }: JobError): boolean => _tag !== "OutputCut" && _tag !== "SignalFailed"

/** Writes what `Job.write` was given, until the process reads no more. */
const pour = (input: Input, { process }: Run.Run): Effect.Effect<void> =>
  Stream.run(Stream.fromQueue(input), process.stdin).pipe(
    Effect.ignore,
    Effect.andThen(Queue.shutdown(input)),
    Effect.asVoid
  )
