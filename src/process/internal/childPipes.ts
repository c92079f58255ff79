/**
 * The pipes of a process that was started by `effect/process`, to read them without detour and to close them; its end.
 *
 * Gaps: its handle gives them as streams only, and this process goes on reading a pipe that nobody reads the stream of.
 * One that is held by somebody who left the group would keep it alive as long as that lives. And each stream is read
 * through a second one of Node, which stops and starts the pipe for every 64 kB: half of the time that it takes to
 * read much. An end by signal is told as the text of an error.
 *
 * Node tells of each child process that it makes; among those made during a spawn, the one with that pid is the one that
 * was started.
 *
 * Floor 3.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import type { ChildProcessHandle } from "effect/process/ChildProcessSpawner"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { ChildProcess } from "node:child_process"
import * as diagnostics from "node:diagnostics_channel"
import { Socket } from "node:net"
import type { Readable } from "node:stream"
import { copyOf } from "./logBytes.ts"
import { PipeReader, type Take } from "./pipeReader.ts"

/** What a process writes. */
export type Output = Stream.Stream<Uint8Array, PlatformError>

/** A process that was started, and its pipes. */
export interface Piped {
  readonly handle: ChildProcessHandle
  readonly stdout: Output
  readonly stderr: Output
  /** As Node knows it; `undefined` if all that is known of it is its handle. */
  readonly child: ChildProcess | undefined
  /** Closes this end of all of them. */
  readonly closePipes: Effect.Effect<void>
}

/** How many spawns are going on, and the child processes that were made meanwhile and are nobody's yet. */
let spawns = 0
const made = new Set<ChildProcess>()

const onMade = (message: unknown): void => {
  if (spawns > 0 && isAboutChild(message)) made.add(message.process)
}

let isSubscribed = false

/** Once, and for good: to come and go with each spawn would cost a tenth of it. */
const subscribe = (): void => {
  if (isSubscribed) return
  isSubscribed = true
  diagnostics.subscribe("child_process", onMade)
}

/** Runs a spawn, and finds the pipes of what it gives. */
export const withPipes = <E, R>(spawn: Effect.Effect<ChildProcessHandle, E, R>): Effect.Effect<Piped, E, R> =>
  Effect.suspend(() => {
    subscribe()
    spawns++
    return Effect.ensuring(
      Effect.map(spawn, (handle) => pipedOf(handle, take(handle.pid))),
      Effect.sync(() => {
        if (--spawns === 0) made.clear()
      })
    )
  })

const take = (pid: number): ChildProcess | undefined => {
  for (const child of made) {
    if (child.pid !== pid) continue
    made.delete(child)
    return child
  }
  return undefined
}

const pipedOf = (handle: ChildProcessHandle, child: ChildProcess | undefined): Piped => {
  const stdout = readerOf(child?.stdout, "stdout")
  const stderr = readerOf(child?.stderr, "stderr")
  return {
    handle,
    child,
    stdout: stdout === undefined ? handle.stdout : outputOf(stdout),
    stderr: stderr === undefined ? handle.stderr : outputOf(stderr),
    closePipes: Effect.sync(() => {
      for (const pipe of child?.stdio ?? []) pipe?.destroy()
      stdout?.close()
      stderr?.close()
    })
  }
}

const isAboutChild = (message: unknown): message is { readonly process: ChildProcess } =>
  typeof message === "object" && message !== null && "process" in message

/**
 * Takes a pipe away from who has been given it. Not if anything has been read from it, which would be lost, or its end:
 * that is possible only if this fiber was made to wait since the process was started.
 */
const readerOf = (pipe: Readable | null | undefined, name: string): PipeReader | undefined => {
  if (!(pipe instanceof Socket) || !pipe.readable || pipe.bytesRead > 0) return undefined
  pipe.unpipe()
  return PipeReader.of(pipe, name)
}

/** Reads without a stream, and without memory for each chunk: see `PipeReader.read`. */
type Read<E> = (take: Take) => Effect.Effect<boolean, E>

const reads = new WeakMap<object, Read<PlatformError>>()

/** How a stream of bytes is read without detour, if it is an output that can be. */
export const readOf = <E, R>(output: Stream.Stream<Uint8Array, E, R>): Read<E> | undefined =>
  // What fails as it is read fails as its stream would.
  reads.get(output) as Read<E> | undefined

/** An output as a stream for anybody: its chunks are theirs. */
const outputOf = (reader: PipeReader): Output => {
  const pull: Pull.Pull<readonly [Uint8Array], PlatformError> = Effect.suspend(() => {
    let chunk: Uint8Array | undefined
    const one = reader.read((bytes) => {
      chunk = copyOf(bytes)
      return false
    })
    return Effect.flatMap(one, () => chunk === undefined ? Cause.done() : Effect.succeed([chunk] as const))
  })
  const output = Stream.fromPull(Effect.succeed(pull))
  reads.set(output, (take) => reader.read(take))
  return output
}

/** The same output, of which somebody hears what is read, while it is there. */
export const overheard = (output: Output, hear: (bytes: Uint8Array) => void): Output => {
  const heard = Stream.tap(output, (bytes) => Effect.sync(() => hear(bytes)))
  const read = reads.get(output)
  if (read !== undefined) {
    reads.set(heard, (take) =>
      read((bytes) => {
        hear(bytes)
        return take(bytes)
      }))
  }
  return heard
}
