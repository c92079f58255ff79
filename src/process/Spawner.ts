/**
 * Starts processes: the one place where this package meets the operating system's processes, on top of
 * `effect/process`, and the one place where its gaps are filled.
 *
 * The gaps (effect 4.1): an end by signal comes as an error text; the exit of the program is all that is waited for,
 * not that of its group; closing the scope waits for ever without `forceKillAfter`, and a second for zombies that
 * nobody reaps; there is no user to run as; nothing survives a `kill -9` of this process to clean up after it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as PlatformError from "effect/PlatformError"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import * as Command from "./Command.ts"
import type * as ExitStatus from "./ExitStatus.ts"
import { type Piped, withPipes } from "./internal/childPipes.ts"
import * as spawning from "./internal/spawning.ts"
import { spawnTurn } from "./internal/spawnTurn.ts"
import { SignalFailed, type SpawnFailed } from "./ProcessError.ts"
import type { Signal } from "./Signal.ts"

/**
 * A live member of a process group.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member {
  readonly pid: number
  /** The name of its program. */
  readonly command: string
  /** The state letter that `ps` shows: R, S, D, T ... */
  readonly state: string
}

/**
 * What a process group uses: CPU time since its members started, in milliseconds, and resident memory, in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Usage {
  readonly cpuMillis: number
  readonly memoryBytes: number
  readonly processes: number
}

/**
 * A process that was started, with the group that it leads.
 *
 * @category models
 * @since 0.1.0
 */
export interface Process {
  readonly pid: number
  /** How the program ended, as soon as it has; others of its group may live on. */
  readonly status: Effect.Effect<ExitStatus.ExitStatus>
  /** The program itself has not ended. */
  readonly isRunning: Effect.Effect<boolean>
  /** Who lives in its group. Zombies do not. */
  readonly members: Effect.Effect<ReadonlyArray<Member>>
  /** Ends when nobody lives in its group any more. */
  readonly empty: Effect.Effect<void>
  /** What the group uses now; `undefined` where that cannot be seen. */
  readonly usage: Effect.Effect<Usage | undefined>
  /** Sends a signal to the whole group; `false` if nobody is left to get it. */
  readonly signal: (signal: Signal) => Effect.Effect<boolean, SignalFailed>
  /** Its standard input; ends it when the sink is done. */
  readonly stdin: Sink.Sink<void, Uint8Array, never, PlatformError.PlatformError>
  readonly stdout: Stream.Stream<Uint8Array, PlatformError.PlatformError>
  readonly stderr: Stream.Stream<Uint8Array, PlatformError.PlatformError>
  /** Writes to a descriptor of kind "input" or "duplex". */
  readonly input: (descriptor: number) => Sink.Sink<void, Uint8Array, never, PlatformError.PlatformError>
  /** Reads from a descriptor of kind "output" or "duplex". */
  readonly output: (descriptor: number) => Stream.Stream<Uint8Array, PlatformError.PlatformError>
  /** To be called as soon as nobody lives in the group: its number may soon be somebody else's. */
  readonly emptied: Effect.Effect<void>
  /** To be called once its output was read: gives back what belongs to it. */
  readonly release: Effect.Effect<void>
}

const SpawnerBase: Context.ServiceClass<
  Spawner,
  "effect-supervisor/process/Spawner",
  { readonly spawn: (command: Command.Command) => Effect.Effect<Process, SpawnFailed> }
> = Context.Service<
  Spawner,
  { readonly spawn: (command: Command.Command) => Effect.Effect<Process, SpawnFailed> }
>()("effect-supervisor/process/Spawner")

/**
 * Starts processes. Whoever calls `spawn` has to see to the end of what it starts; `Job` does.
 *
 * **When to use**
 *
 * Use it through `Job`. Provide `ScriptedSpawner.layer` instead of `Spawner.layer` to test without processes.
 *
 * @category services
 * @since 0.1.0
 */
export class Spawner extends SpawnerBase {
  /**
   * The Spawner of this machine, by the `ChildProcessSpawner` in the context.
   *
   * **Gotchas**
   *
   * It signals process groups by the pids that the `ChildProcessSpawner` tells: a made-up one would make it signal
   * somebody else's processes. For tests there is `ScriptedSpawner`.
   *
   * @category layers
   * @since 0.1.0
   */
  static readonly layer = (options?: SpawnerOptions): Layer.Layer<Spawner, never, ChildProcessSpawner> => make(options)
}

/**
 * Options of `layer`. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpawnerOptions {
  /**
   * Whether a small shell process watches over this one, to kill all groups within a second if this one dies without a
   * chance to do so (SIGKILL, out of memory). Default: true.
   */
  readonly guardian?: boolean | undefined
}

const make = (options?: SpawnerOptions): Layer.Layer<Spawner, never, ChildProcessSpawner> =>
  Layer.effect(
    Spawner,
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const guard = options?.guardian === false ? spawning.unguarded : yield* spawning.guarded
      return {
        spawn: (command) => Effect.uninterruptible(spawn(spawner, guard, command))
      }
    })
  )

const spawn = Effect.fnUntraced(function*(
  spawner: ChildProcessSpawner["Service"],
  guard: spawning.Guard,
  command: Command.Command
) {
  yield* spawnTurn
  const watch = yield* guard(command)
  const scope = yield* Scope.make()
  const piped = yield* spawning.toChildProcess(command, watch.env).pipe(
    Effect.flatMap((child) =>
      withPipes(spawner.spawn(child)).pipe(
        Effect.mapError((error) => spawning.spawnFailed(command, error)),
        Effect.catchDefect((defect) => Effect.fail(spawning.spawnDied(command, defect)))
      )
    ),
    Scope.provide(scope),
    Effect.onError((cause) => Effect.andThen(watch.failed, Scope.close(scope, Exit.failCause(cause))))
  )
  const { pid } = piped.handle
  yield* watch.started(pid)
  const status = yield* observe(piped)
  return toProcess(command, piped, status, watch.ended(pid), letGo(piped, scope))
})

/** The end of the program, seen from now on whether anybody asks for it or not. */
const observe = Effect.fnUntraced(function*({ child, handle }: Piped) {
  const status = Deferred.makeUnsafe<ExitStatus.ExitStatus>()
  const end = (code: number | null, signal: string | null): void => {
    Deferred.doneUnsafe(status, Exit.succeed(spawning.statusOf(code, signal)))
  }
  if (child === undefined) {
    yield* Effect.forkDetach(
      Effect.onExit(handle.exitCode, (exit) => Deferred.succeed(status, spawning.statusOfExit(exit))),
      { startImmediately: true }
    )
  } else if (child.exitCode === null && child.signalCode === null) child.once("exit", end)
  else end(child.exitCode, child.signalCode)
  return status
})

/**
 * Closes the scope of the handle without what it would do to the process: by now nobody is left in the group, but where
 * zombies are not reaped it would wait a second for them, so it is not waited for either.
 */
const letGo = ({ closePipes, handle }: Piped, scope: Scope.Closeable): Effect.Effect<void> =>
  Effect.ignore(handle.unref).pipe(
    Effect.andThen(closePipes),
    Effect.andThen(Effect.forkDetach(Scope.close(scope, Exit.void), { startImmediately: true })),
    Effect.asVoid
  )

const toProcess = (
  command: Command.Command,
  { handle, stderr, stdout }: Piped,
  status: Deferred.Deferred<ExitStatus.ExitStatus>,
  unwatch: Effect.Effect<void>,
  release: Effect.Effect<void>
): Process => {
  let isEmpty = false
  const ended = Deferred.await(status)
  const group = command.settings.group === "inherit"
    ? spawning.processAlone(handle.pid, Command.show(command), () => Deferred.isDoneUnsafe(status), ended)
    : spawning.groupOf(handle.pid)
  return {
    pid: handle.pid,
    status: ended,
    isRunning: Effect.sync(() => !Deferred.isDoneUnsafe(status)),
    members: Effect.suspend(() => isEmpty ? Effect.succeed([]) : group.members),
    // While the program lives there is nothing to look for, and its end is told without a look.
    empty: Effect.andThen(ended, group.empty),
    usage: group.usage,
    signal: (signal) =>
      Effect.suspend(() => isEmpty ? Effect.succeed(false) : group.signal(signal)).pipe(
        Effect.mapError((detail) => new SignalFailed({ command: Command.show(command), signal, detail }))
      ),
    stdin: handle.stdin,
    stdout,
    stderr,
    input: handle.getInputFd,
    output: handle.getOutputFd,
    emptied: Effect.suspend(() => {
      isEmpty = true
      return unwatch
    }),
    release
  }
}
