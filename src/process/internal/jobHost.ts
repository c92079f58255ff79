/**
 * The jobs of a program: how they are made and found, whose they are, and when they end.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Scope from "effect/Scope"
import { turns } from "../../internal/turn.ts"
import type { Supervisor } from "../../Supervisor.ts"
import type * as Command from "../Command.ts"
import type { Done, Job, JobError, NoOp, Outcome, Settings, Ticket } from "../Job.ts"
import * as LogStore from "../LogStore.ts"
import { DuplicateJob, SupervisedJob, WorkspaceFailed } from "../ProcessError.ts"
import type { Spawner } from "../Spawner.ts"
import * as Verb from "../Verb.ts"
import { Handle, type Logging, noLogs } from "./jobHandle.ts"
import * as record from "./jobRecord.ts"
import type { Root } from "./jobsRoot.ts"

/** What all jobs of a program share. */
export interface Host {
  readonly context: Context.Context<Spawner | FileSystem.FileSystem | Path.Path>
  readonly root: Root
  readonly slots: Map<string, Slot>
  /** Nothing is made any more, and what was made is ended. */
  isClosed: boolean
  sweepAt: number
}

/** The place of an id: taken while its job is made, while it is there, and until its directory is removed. */
export interface Slot {
  entry: Entry | undefined
  /** Until when who wants it has to wait: until it is made, and after that until it is gone. */
  settled: Deferred.Deferred<void>
}

export interface Entry {
  readonly job: Job
  readonly handle: Handle
  readonly scope: Scope.Scope
  /** Ends the job and removes its directory. */
  readonly close: Effect.Effect<void>
  /** Nobody's, if it was made by hand. */
  owner: Owner | undefined
}

/** The jobs there are. */
export const entries = (host: Host): ReadonlyArray<Entry> =>
  Array.from(host.slots.values()).flatMap(({ entry }) => entry === undefined ? [] : [entry])

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
    get logs() {
      return handle.logs
    },
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
    get logs() {
      return handle.logs
    },
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
    run: (hook) => refused(Verb.run(hook)),
    tryRestart: (options) => refused(Verb.tryRestart(options)),
    delete: (options) => refused(Verb.deleteJob(options)),
    deleteNow: refused(Verb.deleteNow)
  }
}

const isForSupervisor = (verb: Verb.Verb): boolean => verb._tag !== "Signal" && verb._tag !== "Wait"

const orFail = (outcome: Outcome): Effect.Effect<Done | NoOp, JobError> =>
  outcome._tag === "Failed" ? Effect.fail(outcome.error) : Effect.succeed(outcome)

// ------------------------------------------------------------------------------------------------- making and ending

/** Its logs as these settings want them, until the scope of the job closes, or they are closed for others. */
const openLogs = Effect.fnUntraced(function*({ root }: Host, id: string, { logs }: Settings) {
  if (logs === false) return noLogs
  const directory = record.logsOf(yield* Path.Path, yield* root.path, id)
  const scope = yield* Scope.fork(yield* Effect.scope)
  const store = yield* Scope.provide(
    LogStore.make({ ...logs, directory, name: id, isNew: !root.isKept }),
    scope
  )
  const logging: Logging = { options: logs, store, close: Scope.close(scope, Exit.void) }
  return logging
})

const openStorage = Effect.fnUntraced(function*(host: Host, id: string, settings: Settings) {
  if (host.isClosed) return yield* new WorkspaceClosed()
  const workspace = yield* record.openWorkspace(host.root, id)
  return { workspace, logging: yield* openLogs(host, id, settings) }
})

/** For the `WorkspaceFailed` of a job that comes too late. */
class WorkspaceClosed extends Data.TaggedError("WorkspaceClosed") {
  override get message(): string {
    return "its Jobs layer has ended"
  }
}

const within = <A, E extends { readonly message: string }, R>(
  host: Host,
  id: string,
  scope: Scope.Scope,
  effect: Effect.Effect<A, E, R>
) =>
  effect.pipe(
    Effect.provideContext(Context.add(host.context, Scope.Scope, scope)),
    Effect.mapError((error) =>
      new WorkspaceFailed({
        job: id,
        detail: error.message,
        advice: error instanceof WorkspaceClosed
          ? "Provide it around the whole life of the manager"
          : "Make room or give permission there, or name another place in the options of Jobs.layer",
        cause: error
      })
    )
  )

/** Makes a job in a slot that is free, in a scope of its own. */
const create = Effect.fnUntraced(function*(
  host: Host,
  name: string,
  id: string,
  command: Command.Command,
  settings: Settings,
  owner?: Owner
) {
  const slot: Slot = { entry: undefined, settled: Deferred.makeUnsafe() }
  host.slots.set(id, slot)
  const scope = yield* Scope.make()
  const free = Effect.sync(() => {
    host.slots.delete(id)
    Deferred.doneUnsafe(slot.settled, Exit.void)
  })
  // Added first, so that it comes when everything else is gone.
  yield* Scope.addFinalizer(scope, free)
  const make = Effect.map(
    within(host, id, scope, openStorage(host, id, settings)),
    ({ logging, workspace }): Entry => {
      const storage = { workspace, isSupervised: owner !== undefined, release: Scope.close(scope, Exit.void) }
      const handle = new Handle(host.context, name, id, storage, logging, command, settings)
      return {
        job: owner === undefined ? toJob(handle) : toSupervisedJob(handle),
        handle,
        scope,
        close: Effect.asVoid(handle.engine.close("gracefully")),
        owner
      }
    }
  )
  const entry = yield* Effect.onError(make, (cause) => Scope.close(scope, Exit.failCause(cause)))
  slot.entry = entry
  const opened = slot.settled
  slot.settled = Deferred.makeUnsafe()
  Deferred.doneUnsafe(opened, Exit.void)
  return entry
}, Effect.uninterruptible)

/** From its next run on, it is this. */
const configure = Effect.fnUntraced(function*(
  host: Host,
  { handle, scope }: Entry,
  command: Command.Command,
  settings: Settings
) {
  if (!Equal.equals(handle.logging.options, settings.logs)) {
    const { close } = handle.logging
    handle.logging = noLogs
    yield* close
    handle.logging = yield* within(host, handle.id, scope, openLogs(host, handle.id, settings))
  }
  handle.configure(command, settings)
}, Effect.uninterruptible)

/** Ends all jobs, also those that are just being made; nothing is made after them. */
export const closeAll = (host: Host): Effect.Effect<void> =>
  Effect.suspend(() => {
    host.isClosed = true
    return Effect.whileLoop({
      while: () => host.slots.size > 0,
      body: () =>
        Effect.forEach(
          host.slots.values(),
          (slot) => Effect.andThen(slot.entry?.close ?? Effect.void, Deferred.await(slot.settled)),
          { concurrency: "unbounded", discard: true }
        ),
      step: () => undefined
    })
  })

/** A job made by hand, until the scope closes. */
export const open = (
  host: Host,
  name: string,
  command: Command.Command,
  settings: Settings
): Effect.Effect<Job, WorkspaceFailed | DuplicateJob, Scope.Scope> =>
  Effect.suspend((): Effect.Effect<Job, WorkspaceFailed | DuplicateJob, Scope.Scope> =>
    host.slots.has(name)
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
export const adopt = (
  host: Host,
  owner: Owner,
  command: Command.Command,
  settings: Settings
): Effect.Effect<Handle, WorkspaceFailed> =>
  Effect.gen(function*() {
    yield* sweep(host)
    // Two supervisors in one program may have children of the same path.
    for (let count = 1;; count++) {
      const id = count === 1 ? owner.path : `${owner.path}#${count}`
      const slot = host.slots.get(id)
      if (slot === undefined) return (yield* create(host, owner.name, id, command, settings, owner)).handle
      const { entry } = slot
      if (entry === undefined || !entry.handle.engine.isOpen) {
        yield* Deferred.await(slot.settled)
        // It may be anybody's by now.
        count = 0
      } else if (yield* mayAdopt(entry, owner)) {
        entry.owner = owner
        yield* configure(host, entry, command, settings)
        return entry.handle
      }
    }
  })

/** Its own, or that of a child whose supervisor has ended: a manager that is restarted has another one. */
const mayAdopt = (entry: Entry, owner: Owner): Effect.Effect<boolean> => {
  if (entry.owner === undefined || entry.handle.engine.run !== undefined) return Effect.succeed(false)
  return entry.owner.supervisor === owner.supervisor ? Effect.succeed(true) : hasEnded(entry.owner)
}

const hasEnded = ({ supervisor }: Owner): Effect.Effect<boolean> =>
  supervisor === undefined
    ? Effect.succeed(true)
    : Effect.map(supervisor.status, ({ state }) => state === "Stopped" || state === "Failed")

/** Whether its supervisor still knows the child. */
const isWanted = (owner: Owner): Effect.Effect<boolean> =>
  Effect.flatMap(hasEnded(owner), (ended) =>
    ended || owner.supervisor === undefined
      ? Effect.succeed(false)
      : Effect.isSuccess(owner.supervisor.child(owner.name)))

/**
 * Ends the jobs whose children are gone, once there are twice as many as were left the last time: so each costs a
 * look or two in its life, and what is kept is bounded by what lives.
 */
const sweep = Effect.fnUntraced(function*(host: Host) {
  if (host.slots.size < host.sweepAt) return
  host.sweepAt = Number.POSITIVE_INFINITY
  for (const { close, handle, owner } of entries(host)) {
    if (owner !== undefined && handle.engine.run === undefined && !(yield* isWanted(owner))) yield* close
  }
  host.sweepAt = Math.max(firstSweep, 2 * host.slots.size)
}, Effect.uninterruptible)

/** So many jobs are kept before it is worth looking for those whose child is gone. */
export const firstSweep = 16

/** Ends the job of a child that was taken out of its supervisor, as soon as that has done so. */
export const endIfRemoved = (host: Host, id: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const entry = host.slots.get(id)?.entry
    if (entry?.owner?.supervisor === undefined) return Effect.void
    const isThere = Effect.isSuccess(entry.owner.supervisor.child(entry.owner.name))
    return aMoment.pipe(
      Effect.andThen(isThere),
      Effect.flatMap((isThere) => isThere || entry.handle.engine.run !== undefined ? Effect.void : entry.close)
    )
  })

/** What ends is first told to its supervisor. That takes turns of the event loop, not time that a test could stop. */
const aMoment: Effect.Effect<void> = turns(10)
