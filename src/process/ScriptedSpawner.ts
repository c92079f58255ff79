/**
 * A Spawner that starts no processes: what each command does is an Effect, written in the test.
 *
 * Everything above it is the real thing, also signals, process groups and output, and obeys TestClock.
 *
 * **Gotchas**
 *
 * Provide TestClock around the layer of jobs, not within it. Logs go to the FileSystem in the context (`logs: false` needs
 * none), and `Probe.http` and `Probe.tcp` reach for the network: script what they ask, or use `Probe.log`.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Command from "./Command.ts"
import * as ExitStatus from "./ExitStatus.ts"
import { SignalFailed, SpawnFailed, type SpawnFailedReason } from "./ProcessError.ts"
import { type Signal, signalNumber } from "./Signal.ts"
import { type Member, type Process, Spawner } from "./Spawner.ts"

/**
 * What a scripted process can do.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptedProcess {
  readonly pid: number
  /** Writes to its standard output. */
  readonly stdout: (text: string) => Effect.Effect<void>
  /** Writes to its standard error. */
  readonly stderr: (text: string) => Effect.Effect<void>
  /** What it is sent on its standard input. */
  readonly stdin: Stream.Stream<Uint8Array>
  /** What it is sent on a further descriptor. */
  readonly read: (descriptor: number) => Stream.Stream<Uint8Array>
  /** Writes to a further descriptor. */
  readonly write: (descriptor: number, bytes: Uint8Array) => Effect.Effect<void>
  /** From now on this signal does this, instead of ending the process. SIGKILL and SIGSTOP cannot be caught. */
  readonly on: (signal: Signal, handler: Effect.Effect<unknown>) => Effect.Effect<void>
  /** Starts another process in the same group, which may outlive this one. */
  readonly fork: (script: Script) => Effect.Effect<ScriptedProcess>
}

/**
 * What a process does. Its result is its end: an exit code (none: 0), or a whole `ExitStatus`. A signal that it does not
 * handle interrupts it.
 *
 * @category models
 * @since 0.1.0
 */
export type Script = (process: ScriptedProcess) => Effect.Effect<ExitStatus.ExitStatus | number | void>

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What the commands do. */
  readonly script: (command: Command.Command) => Script
  /** Which commands cannot be started, and why. Default: all can. */
  readonly refuse?: ((command: Command.Command) => SpawnFailedReason | undefined) | undefined
}

/**
 * Runs each command as its script says.
 *
 * **Example** (A server that obeys SIGTERM after a second)
 *
 * ```ts
 * import { Deferred, Effect } from "effect"
 * import { ScriptedSpawner } from "effect-supervisor/process"
 *
 * const spawner = ScriptedSpawner.layer({
 *   script: () => (process) =>
 *     Effect.gen(function*() {
 *       const asked = yield* Deferred.make<void>()
 *       yield* process.on("SIGTERM", Deferred.succeed(asked, undefined))
 *       yield* process.stdout("listening\n")
 *       yield* Deferred.await(asked)
 *       yield* Effect.sleep("1 second")
 *       return 0
 *     })
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Spawner> =>
  Layer.effect(
    Spawner,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new Set<Group>()),
        (groups) => Effect.forEach(groups, (group) => group.signal("SIGKILL"), { discard: true })
      ),
      (groups) => ({
        spawn: (command) => {
          const reason = options.refuse?.(command)
          return reason === undefined
            ? Effect.map(Group.start(command, options.script(command), groups), toProcess)
            : Effect.fail(
              new SpawnFailed({
                command: Command.show(command),
                reason,
                detail: "the script says so",
                cause: undefined
              })
            )
        }
      })
    )
  )

/** Above what any system gives to a process: should such a number ever reach one, it means nobody. */
let lastPid = 2 ** 30

const ignoredByDefault: ReadonlySet<Signal> = new Set([
  "SIGCONT",
  "SIGCHLD",
  "SIGWINCH",
  "SIGURG",
  "SIGSTOP",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU"
])

interface Live extends Member {
  readonly handlers: Map<Signal, Effect.Effect<unknown>>
  readonly ended: Deferred.Deferred<ExitStatus.ExitStatus>
  /** The handlers that run; they end with their process. */
  readonly handling: Set<Fiber.Fiber<unknown, unknown>>
  signaled: Signal | undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

type Pipe = Queue.Queue<Uint8Array, Cause.Done>

const encoder = new TextEncoder()

class Group {
  readonly command: Command.Command
  readonly live: Set<Live> = new Set()
  readonly emptied: Latch.Latch = Latch.makeUnsafe(false)
  /** By descriptor: what it wrote, and what it is to read. */
  private readonly outputs = new Map<number, Pipe>()
  private readonly inputs = new Map<number, Pipe>()
  leader: Live | undefined

  constructor(command: Command.Command) {
    this.command = command
  }

  static start(command: Command.Command, script: Script, groups: Set<Group>): Effect.Effect<Group> {
    return Effect.suspend(() => {
      const group = new Group(command)
      groups.add(group)
      return Effect.map(group.fork(Command.show(command).split(" ")[0]!, script), (leader) => {
        group.leader = leader
        return group
      })
    })
  }

  private fork(name: string, script: Script): Effect.Effect<Live> {
    return Effect.suspend(() => {
      const live: Live = {
        pid: ++lastPid,
        command: name,
        state: "S",
        handlers: new Map(),
        ended: Deferred.makeUnsafe(),
        handling: new Set(),
        signaled: undefined,
        fiber: undefined
      }
      this.live.add(live)
      return Effect.map(Effect.forkDetach(Effect.suspend(() => script(this.view(live)))), (fiber) => {
        live.fiber = fiber
        fiber.addObserver((exit) => this.ended(live, exit))
        return live
      })
    })
  }

  private ended(live: Live, exit: Exit.Exit<ExitStatus.ExitStatus | number | void>): void {
    this.live.delete(live)
    for (const fiber of live.handling) fiber.interruptUnsafe()
    if (this.live.size === 0) {
      // As with real pipes: they end when nobody can write to them any more.
      for (const pipe of this.outputs.values()) Queue.endUnsafe(pipe)
      this.emptied.openUnsafe()
    }
    Deferred.doneUnsafe(live.ended, Exit.succeed(statusOf(live, exit)))
  }

  private view(live: Live): ScriptedProcess {
    return {
      pid: live.pid,
      stdout: (text) => this.write(1, encoder.encode(text)),
      stderr: (text) => this.write(2, encoder.encode(text)),
      stdin: this.read(0),
      read: (descriptor) => this.read(descriptor),
      write: (descriptor, bytes) => this.write(descriptor, bytes),
      on: (signal, handler) =>
        Effect.sync(() => {
          live.handlers.set(signal, handler)
        }),
      fork: (script) => Effect.map(this.fork("forked", script), (live) => this.view(live))
    }
  }

  private pipe(pipes: Map<number, Pipe>, descriptor: number): Effect.Effect<Pipe> {
    return Effect.suspend(() => {
      const pipe = pipes.get(descriptor)
      if (pipe !== undefined) return Effect.succeed(pipe)
      return Effect.tap(Queue.unbounded<Uint8Array, Cause.Done>(), (pipe) =>
        Effect.sync(() => {
          pipes.set(descriptor, pipe)
          const isEnded = pipes === this.outputs
            ? this.live.size === 0
            : descriptor === 0 && this.command.settings.stdin === "ignore"
          if (isEnded) Queue.endUnsafe(pipe)
        }))
    })
  }

  private write(descriptor: number, bytes: Uint8Array): Effect.Effect<void> {
    return Effect.flatMap(this.pipe(this.outputs, descriptor), (pipe) => Effect.asVoid(Queue.offer(pipe, bytes)))
  }

  private read(descriptor: number): Stream.Stream<Uint8Array> {
    return Stream.unwrap(Effect.map(this.pipe(this.inputs, descriptor), Stream.fromQueue))
  }

  output(descriptor: number): Stream.Stream<Uint8Array> {
    return Stream.unwrap(Effect.map(this.pipe(this.outputs, descriptor), Stream.fromQueue))
  }

  input(descriptor: number): Sink.Sink<void, Uint8Array> {
    return Sink.unwrap(
      Effect.map(this.pipe(this.inputs, descriptor), (pipe) =>
        Sink.mapEffect(
          Sink.forEach((bytes: Uint8Array) => Queue.offer(pipe, bytes)),
          () => Effect.asVoid(Queue.end(pipe))
        ))
    )
  }

  signal(signal: Signal): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const reached = [...this.live]
      return Effect.as(
        Effect.forEach(reached, (live) => this.deliver(live, signal), { discard: true }),
        reached.length > 0
      )
    })
  }

  private deliver(live: Live, signal: Signal): Effect.Effect<void> {
    const handler = signal === "SIGKILL" || signal === "SIGSTOP" ? undefined : live.handlers.get(signal)
    if (handler !== undefined) {
      return Effect.map(Effect.forkDetach(handler), (fiber) => {
        live.handling.add(fiber)
        fiber.addObserver(() => live.handling.delete(fiber))
      })
    }
    if (ignoredByDefault.has(signal)) return Effect.void
    return Effect.sync(() => {
      live.signaled = signal
      live.fiber?.interruptUnsafe()
    })
  }
}

const statusOf = (live: Live, exit: Exit.Exit<ExitStatus.ExitStatus | number | void>): ExitStatus.ExitStatus => {
  if (Exit.isSuccess(exit)) {
    return typeof exit.value === "object" ? exit.value : ExitStatus.Exited({ code: exit.value ?? 0 })
  }
  // A script that dies is a program that crashes.
  return live.signaled === undefined
    ? ExitStatus.Signaled({ signal: "SIGABRT", coreDumped: false })
    : ExitStatus.Signaled({ signal: live.signaled, coreDumped: false })
}

const toProcess = (group: Group): Process => ({
  pid: group.leader!.pid,
  status: Deferred.await(group.leader!.ended),
  isRunning: Effect.sync(() => group.live.has(group.leader!)),
  members: Effect.sync(() => [...group.live].map(({ command, pid, state }) => ({ pid, command, state }))),
  empty: group.emptied.await,
  usage: Effect.sync(() => ({ cpuMillis: 0, memoryBytes: 0, processes: group.live.size })),
  signal: (signal) =>
    signalNumber(signal) === undefined
      ? Effect.fail(
        new SignalFailed({ command: Command.show(group.command), signal, detail: "this platform has no such signal" })
      )
      : group.signal(signal),
  stdin: group.input(0),
  stdout: group.command.settings.stdout === "capture" ? group.output(1) : Stream.empty,
  stderr: group.command.settings.stderr === "capture" ? group.output(2) : Stream.empty,
  input: (descriptor) => group.input(descriptor),
  output: (descriptor) => group.output(descriptor),
  emptied: Effect.void,
  release: Effect.void
})
