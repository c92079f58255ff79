/**
 * What runs on this machine for this user: a supervisor that the command line has started leaves a note beside the
 * sockets, by which it is found from the directory of its configuration.
 *
 * Floor 4.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { directory, isSafe } from "../../control/internal/socketPath.ts"

/** Who runs. */
export interface Running {
  readonly name: string
  readonly pid: number
  readonly socket: string
  /** The configuration, and the directory it is in. */
  readonly file: string
  readonly directory: string
}

const suffix = ".json"

const fileOf = ({ name, pid }: Pick<Running, "name" | "pid">): string =>
  join(directory(), `${name.replaceAll("/", "_")}.${pid}${suffix}`)

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** What others may have put there is not believed. */
const names = (): ReadonlyArray<string> => isSafe(directory()) ? readdirSync(directory()) : []

const read = (name: string): Running | undefined => {
  try {
    const found: unknown = JSON.parse(readFileSync(join(directory(), name), "utf8"))
    return isRunning(found) ? found : undefined
  } catch {
    // Taken away in between, or not ours.
    return undefined
  }
}

const isRunning = (value: unknown): value is Running => {
  if (typeof value !== "object" || value === null) return false
  const { directory, file, name, pid, socket } = value as Record<string, unknown>
  return typeof pid === "number" && [directory, file, name, socket].every((text) => typeof text === "string")
}

/** Those that run, as far as their notes tell; whether they answer is another question. */
export const list = (): ReadonlyArray<Running> =>
  names().filter((name) => name.endsWith(suffix)).flatMap((name) => {
    const found = read(name)
    return found !== undefined && isAlive(found.pid) ? [found] : []
  })

/** The sockets that are there, whoever has made them. */
export const sockets = (): ReadonlyArray<string> =>
  names().filter((name) => name.endsWith(".sock")).map((name) => join(directory(), name))

/** Leaves a note, and removes those of processes that are gone. */
export const write = (running: Running): void => {
  // A socket may be elsewhere.
  mkdirSync(directory(), { recursive: true, mode: 0o700 })
  for (const name of names().filter((name) => name.endsWith(suffix))) {
    const found = read(name)
    if (found !== undefined && !isAlive(found.pid)) rmSync(join(directory(), name), { force: true })
  }
  const file = fileOf(running)
  writeFileSync(`${file}.new`, JSON.stringify(running), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

export const remove = (running: Pick<Running, "name" | "pid">): void => rmSync(fileOf(running), { force: true })
