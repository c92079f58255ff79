/**
 * Where a control socket is, and whether it may be there.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import { tmpdir, userInfo } from "node:os"
import { dirname, join, resolve } from "node:path"
import { ListenFailed, SocketPathTooLong, UnsafeDirectory } from "../ControlError.ts"
import { lstatSync, mkdirSync, type Stats } from "node:fs"

/** `sun_path` has 108 bytes on Linux and 104 elsewhere, the last of which is zero. */
const limit = process.platform === "linux" ? 107 : 103

/** The user's own runtime directory if there is one, which is on no disk and ends with the session; else a temporary one. */
export const directory = (): string => {
  const runtime = process.env["XDG_RUNTIME_DIR"]
  return runtime === undefined || runtime === ""
    ? join(tmpdir(), `effect-supervisor-${userInfo().uid}`)
    : join(runtime, "effect-supervisor")
}

/** The path of the socket of a supervisor. Names of children hold no "/", names from outside might. */
export const byName = (name: string): string => join(directory(), `${name.replaceAll("/", "_")}.sock`)

export const checkLength = (socket: string): Effect.Effect<void, SocketPathTooLong> => {
  const bytes = Buffer.byteLength(socket)
  return bytes > limit ? Effect.fail(new SocketPathTooLong({ socket, bytes, limit })) : Effect.void
}

/** What is at a path, itself and not what it points to. */
export const look = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })

const problemOf = (stats: Stats): string | undefined => {
  if (!stats.isDirectory()) return "is no directory, or a link to one"
  if (stats.uid !== userInfo().uid) return "belongs to another user"
  const mode = stats.mode & 0o777
  return (mode & 0o077) === 0 ? undefined : `can be entered or read by others (its mode is 0${mode.toString(8)})`
}

/** Whether a directory is there and nobody else could have put something into it. */
export const isSafe = (directory: string): boolean => {
  const stats = look(directory)
  return stats !== undefined && problemOf(stats) === undefined
}

/**
 * Makes the directory of a socket, for its owner alone, or checks that one that is there is so. As nobody else can enter
 * it, it does not matter which mode the socket has in the moment between being bound and being restricted.
 */
export const secureDirectory = (socket: string): Effect.Effect<void, UnsafeDirectory | ListenFailed> => {
  const directory = dirname(resolve(socket))
  return Effect.try({
    try: () => {
      if (look(directory) === undefined) mkdirSync(directory, { recursive: true, mode: 0o700 })
      return problemOf(look(directory)!)
    },
    catch: (cause) => new ListenFailed({ socket, detail: String(cause instanceof Error ? cause.message : cause) })
  }).pipe(
    Effect.flatMap((problem) =>
      problem === undefined ? Effect.void : Effect.fail(new UnsafeDirectory({ directory, problem }))
    )
  )
}
