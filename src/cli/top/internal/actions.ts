/**
 * What can be done, in words: what it is called, what it asks before, what became of it.
 *
 * Floor 4.
 */
import type { Signal } from "../../../process/Signal.ts"
import type { Action, Model } from "../Model.ts"
import { groupOf } from "../Query.ts"
import * as text from "./text.ts"
import { walk } from "./tree.ts"

/** The signals of the menu, with what they commonly mean. */
export const signals: ReadonlyArray<readonly [signal: Signal, meaning: string]> = [
  ["SIGTERM", "end, in order"],
  ["SIGINT", "end, as by Ctrl-C"],
  ["SIGHUP", "read the settings again"],
  ["SIGUSR1", "of its own meaning"],
  ["SIGUSR2", "of its own meaning"],
  ["SIGQUIT", "end, with a core"],
  ["SIGSTOP", "freeze"],
  ["SIGCONT", "go on"],
  ["SIGKILL", "end at once, without a word"]
]

export const title = (action: Action): string => {
  switch (action._tag) {
    case "Verb":
      return `${action.verb} ${text.printable(action.path)}`
    case "Reload":
      return `reload ${text.printable(action.path)}`
    case "Signal":
      return `send ${action.signal} to ${text.printable(action.path)}`
    case "Reconcile":
      return "apply the configuration"
    case "Shutdown":
      return "shut down everything"
  }
}

const childrenOf = ({ tree }: Model, path: string): string => {
  const count = tree === undefined ? 0 : Array.from(walk(tree, undefined, path)).length
  return count === 0 ? "" : count === 1 ? " and its child" : ` and its ${count} children`
}

const capital = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}`

/** What is asked before it is done; nothing where nothing is stopped by it. */
export const question = (model: Model, action: Action): string | undefined => {
  switch (action._tag) {
    case "Verb": {
      const isHarmless = action.verb === "start" || action.verb === "release"
      return isHarmless ? undefined : `${capital(title(action))}${childrenOf(model, action.path)}?`
    }
    case "Reload":
      return undefined
    case "Signal":
      return action.signal === "SIGCONT" ? undefined : `${capital(title(action))}?`
    case "Reconcile":
      return `${capital(title(action))}? What differs is stopped and started.`
    case "Shutdown":
      return `${capital(title(action))}: ${text.printable(groupOf(model, "")?.name ?? "")}?`
  }
}

/** What it is about: one child, or the whole tree. */
export const pathOf = (action: Action): string | undefined =>
  action._tag === "Reconcile" || action._tag === "Shutdown" ? undefined : action.path
