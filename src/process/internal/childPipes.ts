/**
 * The pipes of a process that was started by `effect/process`, to read them without detour and to close them.
 *
 * Gaps: its handle gives them as streams only, and this process goes on reading a pipe that nobody reads the stream of.
 * One that is held by somebody who left the group would keep it alive as long as that lives. And each stream is read
 * through a second one of Node, which stops and starts the pipe for every 64 kB: half of the time that it takes to
 * read much. Node tells of each child process that it makes; among those made during a spawn, the one with that pid is
 * the one that was started.
 *
 * Floor 3.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type PlatformError, systemError } from "effect/PlatformError"
import type { ChildProcessHandle } from "effect/process/ChildProcessSpawner"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { ChildProcess } from "node:child_process"
import * as diagnostics from "node:diagnostics_channel"
import { Socket } from "node:net"
import type { Readable } from "node:stream"

/** What a process writes. */
export type Output = Stream.Stream<Uint8Array, PlatformError>

/** A process that was started, and its pipes. */
export interface Piped {
  readonly handle: ChildProcessHandle
  readonly stdout: Output
  readonly stderr: Output
  /** Closes this end of all of them. */
  readonly closePipes: Effect.Effect<void>
}

const channel = "child_process"

/** Runs a spawn, and finds the pipes of what it gives. */
export const withPipes = <E, R>(spawn: Effect.Effect<ChildProcessHandle, E, R>): Effect.Effect<Piped, E, R> =>
  Effect.suspend(() => {
    const made: Array<ChildProcess> = []
    const onMade = (message: unknown): void => {
      if (isAboutChild(message)) made.push(message.process)
    }
    diagnostics.subscribe(channel, onMade)
    return Effect.ensuring(
      Effect.map(spawn, (handle): Piped => {
        const child = made.find(({ pid }) => pid === handle.pid)
        return {
          handle,
          stdout: directly(child?.stdout, "stdout") ?? handle.stdout,
          stderr: directly(child?.stderr, "stderr") ?? handle.stderr,
          closePipes: Effect.sync(() => closeAll(child))
        }
      }),
      Effect.sync(() => diagnostics.unsubscribe(channel, onMade))
    )
  })

const isAboutChild = (message: unknown): message is { readonly process: ChildProcess } =>
  typeof message === "object" && message !== null && "process" in message

const closeAll = (child: ChildProcess | undefined): void => {
  for (const pipe of child?.stdio ?? []) pipe?.destroy()
}

/**
 * Takes a pipe away from who has been given it. Not if anything may have been read from it, which would be lost: that is
 * possible only if this fiber was made to wait since the process was started.
 */
const directly = (pipe: Readable | null | undefined, name: string): Output | undefined => {
  if (!(pipe instanceof Socket) || pipe.destroyed || pipe.bytesRead !== pipe.readableLength) return undefined
  pipe.unpipe()
  return outputOf(pipe, name)
}

/** So many bytes wait to be pulled, and what is read in one go, until the pipe is read no more. */
const mostWaiting = 64 * 1024

const nobody = (): void => {}

/** Reads from now on, for one reader. */
const outputOf = (pipe: Socket, name: string): Output => {
  let waiting: Array<Uint8Array> = []
  let size = 0
  let end: Exit.Exit<never, PlatformError | Cause.Done> | undefined
  let wake: () => void = nobody
  const endWith = (exit: Exit.Exit<never, PlatformError | Cause.Done>): void => {
    end ??= exit
    wake()
  }
  pipe.on("data", (chunk: Uint8Array) => {
    waiting.push(chunk)
    size += chunk.length
    // Whoever waits takes it at once. Node itself resumes a pipe when the process ends, so it is stopped each time.
    wake()
    if (size >= mostWaiting) pipe.pause()
  })
  pipe.once("end", () => endWith(Exit.fail(Cause.Done())))
  pipe.once("close", () => endWith(Exit.fail(Cause.Done())))
  pipe.once(
    "error",
    (cause) => endWith(Exit.fail(systemError({ _tag: "Unknown", module: "ChildProcess", method: name, cause })))
  )
  pipe.resume()
  const more = Effect.callback<void>((resume) => {
    wake = () => {
      wake = nobody
      resume(Effect.void)
    }
  })
  const pull: Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>], PlatformError> = Effect.suspend(() => {
    const [first, ...others] = waiting
    if (first === undefined) return end ?? Effect.andThen(more, pull)
    waiting = []
    size = 0
    if (pipe.isPaused()) pipe.resume()
    return Effect.succeed([first, ...others] as const)
  })
  return Stream.fromPull(Effect.succeed(pull))
}
