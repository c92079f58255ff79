/**
 * Where the command line keeps what is to outlive a supervisor: the output of children, and its own.
 *
 * Floor 4.
 */
import { createHash } from "node:crypto"
import { homedir } from "node:os"
import { basename, join } from "node:path"

const root = (): string => {
  const state = process.env["XDG_STATE_HOME"]
  return join(state === undefined || state === "" ? join(homedir(), ".local", "state") : state, "effect-supervisor")
}

const short = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 10)

/** Directories of the same name are told apart. */
const place = (path: string, rest: string): string => `${basename(path) || "root"}-${short(`${path}\0${rest}`)}`

/** The output of the children of a configuration, by the directory that it is in. */
export const jobs = (directory: string, name: string): string => join(root(), place(directory, name), "jobs")

/** What a supervisor in the background says itself: by what it was started with. */
export const log = (fileOrDirectory: string, name: string = "", socket: string = ""): string =>
  join(root(), `${place(fileOrDirectory, `${name}\0${socket}`)}.log`)
