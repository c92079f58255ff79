/** What can be done about a child or about the whole, when, and what is asked before it is. */
import type { Verb } from "./api.ts"
import type { Child } from "../internal/picture.ts"

export interface Action {
  readonly verb: Verb
  readonly label: string
  /** The key that begins it, if there is one. */
  readonly key: string | undefined
  /** What it does, for the question. */
  readonly question: string
  /** It ends something. */
  readonly isHard: boolean
  /** What has to be said with it. */
  readonly field: "signal" | "name" | undefined
}

const action = (
  verb: Verb,
  label: string,
  key: string | undefined,
  question: string,
  more: { readonly isHard?: boolean; readonly field?: Action["field"] } = {}
): Action => ({ verb, label, key, question, isHard: more.isHard ?? false, field: more.field })

const start = action("start", "Start", "s", "Starts it now, with a fresh restart schedule.")
const stop = action("stop", "Stop", "x", "Asks it to end, and ends it when its grace is over.", { isHard: true })
const restart = action("restart", "Restart", "r", "Stops it within its grace and starts it again.", { isHard: true })
const hold = action("hold", "Hold", "h", "Stops it and keeps it down until it is released.", { isHard: true })
const release = action("release", "Release", "u", "Lets it start again.")
const signal = action("signal", "Signal…", "k", "Sends a signal to its process group.", {
  isHard: true,
  field: "signal"
})
const reload = action("reloadChild", "Reload", "g", "Lets it, and all below it, read its settings again.")
const remove = action("remove", "Remove", undefined, "Stops it and takes it out of the tree.", { isHard: true })

const reloadAll = action("reload", "Reload all", "g", "Lets every child of the tree read its settings again.")
const reconcile = action(
  "reconcile",
  "Apply config",
  "a",
  "Reads the configuration again: starts, stops and restarts what has changed, and leaves the rest alone."
)
const add = action("add", "Add…", undefined, "Starts a child that the configuration declares.", { field: "name" })
const shutdown = action(
  "shutdown",
  "Shut down",
  undefined,
  "Stops every child in reverse order and ends the supervisor. This page ends with it.",
  { isHard: true }
)

export const ofRoot: ReadonlyArray<Action> = [reloadAll, reconcile, add, shutdown]

export const ofChild: ReadonlyArray<Action> = [start, stop, restart, hold, release, reload, signal, remove]

/** Whether there is anything for it to do now. */
export const isPossible = ({ verb }: Action, child: Child | undefined, isJob: boolean): boolean => {
  if (child === undefined) return true
  const tag = child.state._tag
  const isUp = tag === "Starting" || tag === "Running"
  switch (verb) {
    case "start":
      return !isUp && tag !== "Held" && tag !== "Abandoned"
    case "stop":
      return isUp || tag === "Backoff" || tag === "Pending"
    case "restart":
      return isUp
    case "hold":
      return tag !== "Held" && tag !== "Abandoned"
    case "release":
      return tag === "Held"
    case "reloadChild":
      return isUp
    case "signal":
      return isJob && (isUp || tag === "Stopping")
    case "remove":
    case "reload":
    case "reconcile":
    case "add":
    case "shutdown":
      return true
  }
}

export const signals: ReadonlyArray<string> = [
  "SIGTERM",
  "SIGINT",
  "SIGHUP",
  "SIGUSR1",
  "SIGUSR2",
  "SIGQUIT",
  "SIGWINCH",
  "SIGSTOP",
  "SIGCONT",
  "SIGKILL"
]

/** `Stopping`, while it is under way. */
export const doing: Readonly<Record<Verb, string>> = {
  start: "Starting",
  stop: "Stopping",
  restart: "Restarting",
  hold: "Holding",
  release: "Releasing",
  remove: "Removing",
  signal: "Signalling",
  reload: "Reloading",
  reloadChild: "Reloading",
  add: "Adding",
  reconcile: "Applying the configuration",
  shutdown: "Shutting down"
}
