/**
 * Which supervisor a command is for.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { existsSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import { byName } from "../../control/internal/socketPath.ts"
import { NoneFound } from "../CliError.ts"
import { fileNames } from "../config/internal/fileNames.ts"
import * as records from "./records.ts"
import * as stateDirectory from "./stateDirectory.ts"

/** What was said about it. */
export interface Wish {
  readonly socket: string | undefined
  readonly name: string | undefined
  /** `EFFECT_SUPERVISOR_SOCKET`. */
  readonly fromEnvironment: string | undefined
  readonly directory: string
}

/** Whether a directory is another one or in it, and how far below. */
const depthBelow = (directory: string, above: string): number | undefined => {
  const path = relative(above, directory)
  if (path === "") return 0
  return path.startsWith("..") || path.startsWith("/") ? undefined : path.split(/[\\/]/).length
}

/** Those of the nearest directory upwards whose configuration one is running. */
export const nearest = (
  running: ReadonlyArray<records.Running>,
  directory: string
): ReadonlyArray<records.Running> => {
  const near = running.flatMap((one) => {
    const depth = depthBelow(directory, one.directory)
    return depth === undefined ? [] : [{ one, depth }]
  })
  const least = Math.min(...near.map(({ depth }) => depth))
  return near.filter(({ depth }) => depth === least).map(({ one }) => one)
}

/** Whether somebody answers at a socket. */
export const answers = (socket: string): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const connection = Net.createConnection({ path: socket })
    const end = (answer: boolean) => {
      connection.destroy()
      resume(Effect.succeed(answer))
    }
    connection.once("connect", () => end(true))
    connection.once("error", () => end(false))
    return Effect.sync(() => connection.destroy())
  })

/** The nearest configuration, in a directory or above it. */
export const configurationAbove = (directory: string): string | undefined => {
  for (let at = directory;; at = dirname(at)) {
    const file = fileNames.map((name) => join(at, name)).find((file) => existsSync(file))
    if (file !== undefined || at === dirname(at)) return file
  }
}

/** What the last supervisor of a configuration has said in the background, named by its directory or itself. */
const logOf = (configuration: string): string | undefined =>
  [dirname(configuration), configuration].map((path) => stateDirectory.log(path)).find((log) => existsSync(log))

const nameOf = (socket: string): string => basename(socket, ".sock")

/**
 * The path of its socket: what was said, else the environment, else the one whose configuration is in this directory or
 * the nearest above it, else, where there is no configuration, the only one that runs.
 */
export const which: (wish: Wish) => Effect.Effect<string, NoneFound> = Effect.fnUntraced(function*(wish: Wish) {
  if (wish.socket !== undefined) return wish.socket
  if (wish.name !== undefined) return named(wish.name)
  if (wish.fromEnvironment !== undefined && wish.fromEnvironment !== "") return wish.fromEnvironment
  const running = records.list()
  const here = nearest(running, wish.directory)
  const configuration = configurationAbove(wish.directory)
  // Nobody wants another one where there is a configuration: neither that of somewhere else, nor one from further up.
  const isMeant = (one: records.Running) =>
    configuration === undefined || depthBelow(one.directory, dirname(configuration)) !== undefined
  if (here.length === 1 && isMeant(here[0]!)) return here[0]!.socket
  const candidates = here.length > 1
    ? here.map(({ socket }) => socket)
    : [...new Set([...running.map(({ socket }) => socket), ...records.sockets()])]
  const up = yield* Effect.filter(candidates, answers, { concurrency: 16 })
  if (up.length === 1 && configuration === undefined) return up[0]!
  const names = new Map(running.map(({ name, socket }) => [socket, name]))
  return yield* new NoneFound({
    directory: wish.directory,
    configuration,
    log: configuration === undefined ? undefined : logOf(configuration),
    running: up.map((socket) => names.get(socket) ?? nameOf(socket))
  })
})

/** One that was started with a socket of its own is found by its note. */
const named = (name: string): string => records.list().find((one) => one.name === name)?.socket ?? byName(name)
