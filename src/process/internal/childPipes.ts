/**
 * The pipes of a process that was started by `effect/process`, to close this end of them.
 *
 * Gap: its handle gives them as streams only, and this process goes on reading a pipe that nobody reads the stream of.
 * One that is held by somebody who left the group would keep it alive as long as that lives. Node tells of each child
 * process that it makes; among those made during a spawn, the one with that pid is the one that was started.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import type { ChildProcess } from "node:child_process"
import * as diagnostics from "node:diagnostics_channel"

const channel = "child_process"

/** Runs a spawn; with what it gives comes an effect that closes this end of all pipes to the process. */
export const withPipes = <A extends { readonly pid: number }, E, R>(
  spawn: Effect.Effect<A, E, R>
): Effect.Effect<readonly [spawned: A, closePipes: Effect.Effect<void>], E, R> =>
  Effect.suspend(() => {
    const made: Array<ChildProcess> = []
    const onMade = (message: unknown): void => {
      if (isAboutChild(message)) made.push(message.process)
    }
    diagnostics.subscribe(channel, onMade)
    return Effect.ensuring(
      Effect.map(spawn, (spawned) => {
        const child = made.find(({ pid }) => pid === spawned.pid)
        return [spawned, Effect.sync(() => closeAll(child))] as const
      }),
      Effect.sync(() => diagnostics.unsubscribe(channel, onMade))
    )
  })

const isAboutChild = (message: unknown): message is { readonly process: ChildProcess } =>
  typeof message === "object" && message !== null && "process" in message

const closeAll = (child: ChildProcess | undefined): void => {
  for (const pipe of child?.stdio ?? []) pipe?.destroy()
}
