/**
 * Makes jobs: an engine for the verbs, and around it what a run is connected to: logs, input, messages, history.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as validate from "../../internal/validate.ts"
import * as Command from "../Command.ts"
import type { Done, Info, Job, JobError, NoOp, Outcome, Settings, State, Ticket } from "../Job.ts"
import * as LogStore from "../LogStore.ts"
import * as Messages from "../Messages.ts"
import { DuplicateJob, InputClosed, NotRunning, SpawnFailed, SupervisedJob, WorkspaceFailed } from "../ProcessError.ts"
import type { Supervisor } from "../../Supervisor.ts"
import type { Spawner } from "../Spawner.ts"
import * as Verb from "../Verb.ts"
import { type Config, JobEngine } from "./jobEngine.ts"
import * as record from "./jobRecord.ts"
import * as Run from "./run.ts"

/** What all jobs of a program share. */
export interface Host {
  readonly context: Context.Context<Spawner | FileSystem.FileSystem | Path.Path>
  readonly root: record.Root
  readonly jobs: Map<string, Entry>
  /** The ids of those, and of the ones being made. */
  readonly taken: Set<string>
  sweepAt: number
}

export interface Entry {
  readonly job: Job
  readonly handle: Handle
  /** Ends the job and removes its directory. */
  readonly close: Effect.Effect<void>
  /** Nobody's, if it was made by hand. */
  owner: Owner | undefined
}

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
  readonly connection: Messages.Connection<unknown, never> | undefined
  /** Its number in the logs. */
  readonly number: number
}

/** How many writes to the standard input wait for the process to read. */
const inputCapacity = 64

const encoder = new TextEncoder()

export class Handle implements Config {
  readonly name: string
  readonly id: string
  readonly workspace: record.Workspace
  readonly logs: LogStore.LogStore | undefined
  readonly engine: JobEngine
  command: Command.Command
  private settings: Settings
  private readonly history: record.History
  private runs = 0
  private line: Line | undefined = undefined
  private readonly listeners = new Set<(state: State) => void>()

  constructor(
    host: Host,
    name: string,
    id: string,
    storage: Storage,
    command: Command.Command,
    settings: Settings
  ) {
    this.name = name
    this.id = id
    this.workspace = storage.workspace
    this.logs = storage.logs
    this.command = command
    this.settings = settings
    this.history = new record.History(settings.history)
    this.engine = new JobEngine(this, host.context)
  }

  /** From the next start on, the job is this. */
  configure(command: Command.Command, settings: Settings): void {
    this.command = command
    this.settings = settings
  }

  // -- what the engine asks

  get limits(): Run.Limits {
    const { drainMillis, killMillis } = this.settings
    return { stop: this.toStop({}), killMillis, drainMillis }
  }

  toStop(options: Verb.StopOptions): Run.Stop {
    return {
      signal: options.signal ?? this.settings.stopSignal,
      graceMillis: options.grace === undefined
        ? this.settings.graceMillis
        : validate.millis(`Job "${this.name}"`, "grace", options.grace)
    }
  }

  onSpawn(view: Verb.View): Effect.Effect<Command.Command, unknown> {
    return this.settings.onSpawn?.(view) ?? Effect.succeed(this.command)
  }

  equip(command: Command.Command): Effect.Effect<Command.Command, SpawnFailed> {
    return Effect.mapBoth(this.workspace.writeScript(command), {
      onSuccess: (written) => this.surround(written),
      onFailure: (cause) =>
        new SpawnFailed({ command: Command.show(command), reason: "Resources", detail: cause.message, cause })
    })
  }

  /** What every process of a job gets. */
  private surround(command: Command.Command): Command.Command {
    const { messages } = this.settings
    const env: Record<string, string> = { [variables.data]: this.workspace.data }
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
    return this.settings.onError?.(error) ??
      Effect.annotateLogs(Effect.logWarning(error.message), { job: this.id })
  }

  onChange(state: State): void {
    for (const listener of this.listeners) listener(state)
  }

  /** Connects a run that has just been started. */
  attach(run: Run.Run): Effect.Effect<Run.Attached> {
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.make()
      const input = run.command.settings.stdin === "pipe"
        ? yield* Queue.bounded<Uint8Array, Cause.Done>(inputCapacity)
        : undefined
      const line: Line = {
        run,
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
    return Messages.open(messages, {
      bytes: run.process.output(descriptors.messages),
      sink: run.process.input(descriptors.messages),
      command: Command.show(run.command)
    })
  }

  /** Its output and its messages, to their ends. */
  private read(line: Line): Effect.Effect<void> {
    const { stderr, stdout } = line.run.process
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
      yield* Scope.close(line.scope, Exit.void)
    })
  }

  // -- what a job offers

  readonly info: Effect.Effect<Info> = Effect.gen({ self: this }, function*() {
    const { previous, state } = this.engine
    const { run } = this.engine
    return {
      name: this.name,
      id: this.id,
      command: Command.show(this.command),
      state,
      previous,
      pid: state._tag === "Running" ? state.pid : undefined,
      startedAt: state._tag === "Pending" ? undefined : state.startedAt,
      runs: this.runs,
      history: this.history.list,
      usage: run === undefined ? undefined : yield* run.process.usage,
      directory: this.workspace.directory
    }
  })

  readonly changes: Stream.Stream<State> = Stream.callback<State>((queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = (state: State) => {
          Queue.offerUnsafe(queue, state)
        }
        listener(this.engine.state)
        this.listeners.add(listener)
        return listener
      }),
      (listener) => Effect.sync(() => this.listeners.delete(listener))
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

/** Writes what `Job.write` was given, until the process reads no more. */
const pour = (input: Input, { process }: Run.Run): Effect.Effect<void> =>
  Stream.run(Stream.fromQueue(input), process.stdin).pipe(
    Effect.ignore,
    Effect.andThen(Queue.shutdown(input)),
    Effect.asVoid
  )

// --------------------------------------------------------------------------------------------------------- the job

/** The Job that people hold. */
const toJob = (handle: Handle): Job => {
  const { engine } = handle
  const send = (verb: Verb.Verb): Effect.Effect<Ticket> => Effect.sync(() => engine.send(verb))
  const perform = (verb: Verb.Verb): Effect.Effect<Done | NoOp, JobError> =>
    Effect.flatMap(Effect.flatMap(send(verb), (ticket) => ticket.outcome), orFail)
  return {
    name: handle.name,
    id: handle.id,
    send,
    start: perform(Verb.start),
    stop: (options) => perform(Verb.stop(options)),
    restart: (options) => perform(Verb.restart(options)),
    tryRestart: (options) => perform(Verb.tryRestart(options)),
    signal: (signal) => perform(Verb.signal(signal)),
    wait: perform(Verb.wait),
    run: (hook) => perform(Verb.run(hook)),
    delete: (options) => perform(Verb.deleteJob(options)),
    deleteNow: perform(Verb.deleteNow),
    state: Effect.sync(() => engine.state),
    changes: handle.changes,
    info: handle.info,
    logs: handle.logs,
    write: (data) => handle.write(data),
    endInput: handle.endInput,
    connect: (channel) => handle.connect(channel)
  }
}

/** What is run by a supervisor is started and stopped by that alone: two masters would undo each other's work. */
const toSupervisedJob = (handle: Handle): Job => {
  const job = toJob(handle)
  const refuse = (verb: Verb.Verb) => new SupervisedJob({ job: handle.id, verb: Verb.show(verb) })
  const refused = (verb: Verb.Verb): Effect.Effect<never, SupervisedJob> =>
    Effect.suspend(() => Effect.fail(refuse(verb)))
  return {
    ...job,
    send: (verb) =>
      isForSupervisor(verb)
        ? Effect.sync(() => ({
          verb,
          outcome: Effect.sync(() => ({ _tag: "Failed", verb: Verb.show(verb), error: refuse(verb) }))
        }))
        : job.send(verb),
    start: refused(Verb.start),
    stop: (options) => refused(Verb.stop(options)),
    restart: (options) => refused(Verb.restart(options)),
    tryRestart: (options) => refused(Verb.tryRestart(options)),
    delete: (options) => refused(Verb.deleteJob(options)),
    deleteNow: refused(Verb.deleteNow)
  }
}

const isForSupervisor = (verb: Verb.Verb): boolean =>
  verb._tag !== "Signal" && verb._tag !== "Wait" && verb._tag !== "Run"

const orFail = (outcome: Outcome): Effect.Effect<Done | NoOp, JobError> =>
  outcome._tag === "Failed" ? Effect.fail(outcome.error) : Effect.succeed(outcome)

// ------------------------------------------------------------------------------------------------- making and ending

interface Storage {
  readonly workspace: record.Workspace
  readonly logs: LogStore.LogStore | undefined
}

const openStorage = Effect.fnUntraced(function*(host: Host, id: string, settings: Settings) {
  const workspace = yield* record.openWorkspace(host.root, id)
  const path = yield* Path.Path
  const logs = settings.logs === false
    ? undefined
    : yield* LogStore.make({ ...settings.logs, directory: path.join(workspace.directory, "logs"), name: id })
  const storage: Storage = { workspace, logs }
  return storage
})

/** Makes a job under an id that is free, in a scope of its own. */
const create = Effect.fnUntraced(function*(
  host: Host,
  name: string,
  id: string,
  command: Command.Command,
  settings: Settings,
  owner?: Owner
) {
  host.taken.add(id)
  const scope = yield* Scope.make()
  yield* Scope.addFinalizer(scope, Effect.sync(() => host.taken.delete(id)))
  const storage = yield* openStorage(host, id, settings).pipe(
    Effect.provideContext(Context.add(host.context, Scope.Scope, scope)),
    Effect.mapError((error) => new WorkspaceFailed({ job: id, detail: error.message, cause: error })),
    Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
  )
  const handle = new Handle(host, name, id, storage, command, settings)
  yield* Scope.addFinalizer(scope, handle.engine.shutdown)
  const entry: Entry = {
    job: owner === undefined ? toJob(handle) : toSupervisedJob(handle),
    handle,
    close: Effect.suspend(() => {
      host.jobs.delete(id)
      return Scope.close(scope, Exit.void)
    }),
    owner
  }
  host.jobs.set(id, entry)
  return entry
})

/** A job made by hand, until the scope closes. */
export const open = (
  host: Host,
  name: string,
  command: Command.Command,
  settings: Settings
): Effect.Effect<Job, WorkspaceFailed | DuplicateJob, Scope.Scope> =>
  Effect.suspend((): Effect.Effect<Job, WorkspaceFailed | DuplicateJob, Scope.Scope> =>
    host.taken.has(name)
      ? Effect.fail(new DuplicateJob({ job: name }))
      : Effect.map(
        Effect.acquireRelease(create(host, name, name, command, settings), ({ close }) => close),
        ({ handle }) => toJob(handle)
      )
  )

/** Whose job it is: that of a child, by its name, under its supervisor. */
export interface Owner {
  readonly name: string
  readonly path: string
  readonly supervisor: Supervisor["Service"] | undefined
}

/**
 * The job of a child: the one that its last incarnation had, so that logs and history go on, or a new one. It lives as
 * long as the child does.
 */
export const adopt: (
  host: Host,
  owner: Owner,
  command: Command.Command,
  settings: Settings
) => Effect.Effect<Handle, WorkspaceFailed> = Effect.fnUntraced(function*(host, owner, command, settings) {
  const existing = host.jobs.get(owner.path)
  if (existing !== undefined && existing.owner?.name === owner.name && existing.handle.engine.run === undefined) {
    existing.owner = owner
    existing.handle.configure(command, settings)
    return existing.handle
  }
  yield* sweep(host)
  const entry = yield* create(host, owner.name, freeId(host, owner.path), command, settings, owner)
  return entry.handle
})

/** Two supervisors in one program may have children of the same path. */
const freeId = (host: Host, path: string): string => {
  let id = path
  for (let count = 2; host.taken.has(id); count++) id = `${path}#${count}`
  return id
}

/**
 * Ends the jobs whose children are gone, once there are twice as many as were left the last time: so each costs a
 * look or two in its life, and what is kept is bounded by what lives.
 */
const sweep = Effect.fnUntraced(function*(host: Host) {
  if (host.jobs.size < host.sweepAt) return
  for (const entry of host.jobs.values()) {
    if (entry.owner === undefined || entry.handle.engine.run !== undefined) continue
    const isThere = entry.owner.supervisor === undefined
      ? Effect.succeed(false)
      : Effect.isSuccess(entry.owner.supervisor.child(entry.owner.name))
    if (!(yield* isThere)) yield* entry.close
  }
  host.sweepAt = Math.max(firstSweep, 2 * host.jobs.size)
})

/** So many jobs are kept before it is worth looking for those whose child is gone. */
export const firstSweep = 64
