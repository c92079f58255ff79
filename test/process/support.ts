/** What the tests of jobs share: jobs on scripted processes, a log of what happens to these, and outcomes in words. */
import { assert } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, FileSystem, Layer, Path, type Scope } from "effect"
import { Command, ExitStatus, Job, Jobs, ScriptedSpawner, Spawner, type Verb } from "effect-supervisor/process"
import { settle } from "../support.ts"

/**
 * Directories that are there at once: jobs without logs need no more, and no time of the machine passes. Adds them, and
 * takes them out, with what is in them.
 */
const filesIn = (directories: Set<string>): Layer.Layer<FileSystem.FileSystem> => {
  const add = (path: string) =>
    Effect.sync(() => {
      directories.add(path)
    })
  const remove = (path: string) =>
    Effect.sync(() => {
      for (const one of directories) if (one === path || one.startsWith(`${path}/`)) directories.delete(one)
    })
  return FileSystem.layerNoop({
    chmod: () => Effect.void,
    makeTempDirectoryScoped: () =>
      Effect.acquireRelease(Effect.as(add("/nowhere"), "/nowhere"), () => remove("/nowhere")),
    makeDirectory: add,
    remove
  })
}

type Script = ScriptedSpawner.Script

// ----------------------------------------------------------------------------------------------------------- programs

/** Runs until a signal ends it. */
export const idle: Script = () => Effect.never

/** Ends by itself after this time, with a code. */
export const lasting = (millis: number, code = 0): Script => () => Effect.as(Effect.sleep(millis), code)

/** Takes its time to end when it is asked to, and ends with this code. */
export const polite = (millis: number, code = 0): Script => (process) =>
  Effect.gen(function*() {
    const asked = Deferred.makeUnsafe<void>()
    const ask = Deferred.succeed(asked, undefined)
    for (const signal of ["SIGTERM", "SIGINT"] as const) yield* process.on(signal, ask)
    yield* Deferred.await(asked)
    yield* Effect.sleep(millis)
    return code
  })

/** Does not end but by SIGKILL. */
export const stubborn: Script = (process) =>
  Effect.gen(function*() {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) yield* process.on(signal, Effect.void)
    return yield* Effect.never
  })

/** Does not end even by that, as one that waits for a dead disk; it ends when the gate is opened. */
export const unkillable = (gate: Deferred.Deferred<void>): Script => () => Effect.uninterruptible(Deferred.await(gate))

// -------------------------------------------------------------------------------------------------------------- world

export interface WorldOptions {
  /** What the processes do; the first run is 1. Default: `idle`. */
  readonly script?: ((run: number, command: Command.Command) => Script) | undefined
  readonly refuse?: ScriptedSpawner.Options["refuse"]
  /** How many turns it takes to hear from a process or to reach it; default: 0. */
  readonly slow?: number | undefined
  /** Whether a process has come to handle its signals when its spawner answers, which no real one has. */
  readonly eager?: true | undefined
  /** Whether the log says when. */
  readonly timed?: true | undefined
}

/**
 * Jobs on scripted processes. The log has "+1" when the first run starts, "-1" when nobody of its group lives, and
 * "TERM 1" for each signal that reaches it but the SIGCONT that goes with every stop.
 */
export const makeWorld = (options: WorldOptions = {}) => {
  const log: Array<string> = []
  const commands: Array<Command.Command> = []
  const directories = new Set<string>()
  const ends: Array<Deferred.Deferred<number>> = []
  let living = 0

  const note = (entry: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      log.push(options.timed === true ? `${entry}@${now}` : entry)
    })

  const scripted = ScriptedSpawner.layer({
    refuse: options.refuse,
    script: (command) => {
      commands.push(command)
      const run = commands.length
      const end = Deferred.makeUnsafe<number>()
      ends.push(end)
      const script = options.script?.(run, command) ?? idle
      return (process) => Effect.raceFirst(script(process), Deferred.await(end))
    }
  })

  const hop = Effect.forEach(Array.from({ length: options.slow ?? 0 }), () => Effect.yieldNow, { discard: true })

  const spawner = Layer.effect(
    Spawner,
    Effect.map(Spawner, (inner) => ({
      spawn: Effect.fnUntraced(function*(command: Command.Command) {
        yield* hop
        const process = yield* inner.spawn(command)
        const run = commands.length
        if (options.eager === true) yield* Effect.repeat(Effect.yieldNow, { times: 4 })
        living++
        assert.strictEqual(living, 1, "two runs of one job live at once")
        yield* note(`+${run}`)
        yield* Effect.forkDetach(
          Effect.andThen(
            process.empty,
            Effect.suspend(() => {
              living--
              return note(`-${run}`)
            })
          ),
          { startImmediately: true }
        )
        return {
          ...process,
          status: Effect.tap(process.status, () => hop),
          members: Effect.andThen(hop, process.members),
          empty: Effect.tap(process.empty, () => hop),
          signal: (signal) =>
            hop.pipe(
              Effect.andThen(process.members),
              Effect.flatMap((members) =>
                signal === "SIGCONT" || members.length === 0 ? Effect.void : note(`${signal.slice(3)} ${run}`)
              ),
              Effect.andThen(process.signal(signal))
            )
        }
      })
    }))
  )

  return {
    /** What jobs need; with the clock of the test, so it is to be provided within that. */
    layer: Jobs.layer().pipe(
      Layer.provideMerge(spawner.pipe(Layer.provide(scripted))),
      Layer.provideMerge(Layer.mergeAll(filesIn(directories), Path.layer)),
      Layer.fresh
    ),
    log,
    /** Whether there is something at or under this path. */
    has: (path: unknown): boolean => [...directories].some((one) => one === path || one.startsWith(`${String(path)}/`)),
    /** The commands that were started. */
    commands,
    /** What was logged since the last time. */
    take: (): string => log.splice(0).join(" "),
    /** How many process groups live. */
    living: () => living,
    /** The last program that was started ends by itself. */
    exitNow: (code: number): void => {
      Deferred.doneUnsafe(ends.at(-1)!, Exit.succeed(code))
    },
    exit: (code: number): Effect.Effect<void> =>
      Effect.suspend(() => Effect.andThen(Deferred.succeed(ends.at(-1)!, code), settle))
  }
}

export type World = ReturnType<typeof makeWorld>

/** Errors are looked at by their tickets, so nobody has to be warned of them. */
const silent = () => Effect.void

export const command = Command.make("server", ["--port", "8080"])

export interface JobOptions extends Job.Options {
  readonly command?: Command.Command | undefined
  readonly name?: string | undefined
}

/** A job until its scope closes, which gives what runs its grace. */
export const openJob = (options?: JobOptions): Effect.Effect<Job.Job, never, Jobs | Scope.Scope> =>
  Effect.orDie(
    Job.make(options?.name ?? "job", options?.command ?? command, { logs: false, onError: silent, ...options })
  )

/** A job that no test has to end: at the end of the test it is deleted, for which no time has to pass. */
export const makeJob = (options?: JobOptions): Effect.Effect<Job.Job, never, Jobs | Scope.Scope> =>
  Effect.tap(openJob(options), (job) => Effect.addFinalizer(() => job.send({ _tag: "DeleteNow" })))

/** A test of one job in a world of its own. */
export const withJob = <A, E, R>(
  options: WorldOptions & { readonly job?: JobOptions | undefined },
  test: (job: Job.Job, world: World) => Effect.Effect<A, E, R>
) => {
  const world = makeWorld(options)
  return makeJob(options.job).pipe(
    Effect.flatMap((job) => test(job, world)),
    Effect.scoped,
    Effect.provide(world.layer)
  )
}

// ----------------------------------------------------------------------------------------------------------- outcomes

/** An outcome in words: "done", "done: exited with code 0", "noop: not running", "failed: JobDeleted". */
export const told = (outcome: Job.Outcome): string => {
  switch (outcome._tag) {
    case "Done":
      return [
        `done${outcome.status === undefined ? "" : `: ${ExitStatus.show(outcome.status)}`}`,
        ...(outcome.forced ? ["(forced)"] : []),
        ...(outcome.survivors.length > 0 ? [`survivors: ${outcome.survivors.length}`] : [])
      ].join(" ")
    case "NoOp":
      return `noop: ${outcome.reason}`
    case "Failed":
      return `failed: ${outcome.error._tag}`
  }
}

/** What was sent, and what its ticket has said so far. */
export interface Sent {
  readonly ticket: Job.Ticket
  readonly verb: string
  readonly said: () => string
  readonly error: () => Job.JobError
}

/** Sends a verb and lets everything go on that can without time passing. */
export const send = (job: Job.Job, verb: Verb.Verb): Effect.Effect<Sent> => Effect.tap(post(job, verb), () => settle)

/** Sends a verb, and nothing more. */
export const post = Effect.fnUntraced(function*(job: Job.Job, verb: Verb.Verb) {
  const ticket = yield* job.send(verb)
  let outcome: Job.Outcome | undefined
  yield* Effect.forkDetach(
    Effect.map(ticket.outcome, (value) => {
      outcome = value
    })
  )
  const sent: Sent = {
    ticket,
    verb: verb._tag,
    said: () => outcome === undefined ? "waiting" : told(outcome),
    error: () => {
      if (outcome?._tag === "Failed") return outcome.error
      throw new Error(`it should have failed, but is ${sent.said()}`)
    }
  }
  return sent
})

/** The state in words. */
export const stateOf = (job: Job.Job): Effect.Effect<string> => Effect.map(job.state, shown)

export const shown = (state: Job.State): string =>
  state._tag === "Finished" ? `Finished: ${ExitStatus.show(state.status)}` : state._tag
