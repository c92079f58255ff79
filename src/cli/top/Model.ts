/**
 * What the full-screen view knows and shows: plain data, changed by `Update.update` and drawn by `View.render`.
 *
 * @since 0.1.0
 */
import type { Child, Picture } from "../../control/internal/picture.ts"
import type { Details, ServerInfo } from "../../control/ControlApi.ts"
import type { PastRun } from "../../process/Job.ts"
import type { LogEntry } from "../../process/LogStore.ts"
import type { Signal } from "../../process/Signal.ts"
import type { Snapshot } from "../../Snapshot.ts"
import type { SupervisorEvent } from "../../SupervisorEvent.ts"

/**
 * The connection to the supervisor.
 *
 * @category models
 * @since 0.1.0
 */
export type Link =
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Connected"; readonly server: ServerInfo }
  | {
    readonly _tag: "Lost"
    readonly server: ServerInfo | undefined
    readonly reason: string
    readonly since: number
    readonly retryAt: number
  }

/**
 * What a person can have done to a child, or to everything.
 *
 * @category models
 * @since 0.1.0
 */
export type Action =
  | { readonly _tag: "Verb"; readonly verb: Verb; readonly path: string }
  | { readonly _tag: "Reload"; readonly path: string }
  | { readonly _tag: "Signal"; readonly path: string; readonly signal: Signal }
  | { readonly _tag: "Reconcile" }
  | { readonly _tag: "Shutdown" }

/**
 * The operations on one child.
 *
 * @category models
 * @since 0.1.0
 */
export type Verb = "start" | "stop" | "restart" | "hold" | "release" | "remove"

/**
 * What the keys mean.
 *
 * **Details**
 *
 * `Browsing`: they move in the tree. `Reading`: the lower pane has the whole screen and they move in it. `Confirming`:
 * an action waits for `y`. `Signalling`: a signal is chosen. `Filtering`: they are text. `Help`: any key goes back.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode =
  | { readonly _tag: "Browsing" }
  | {
    readonly _tag: "Reading"
    /** So many lines before the end of a log, or after the beginning of what is known. */
    readonly back: number
  }
  | { readonly _tag: "Confirming"; readonly action: Action; readonly question: string }
  | { readonly _tag: "Signalling"; readonly path: string; readonly index: number }
  | { readonly _tag: "Filtering"; readonly before: string }
  | { readonly _tag: "Help" }

/**
 * What is known of a child from asking for it: whether it is a process, and what that uses.
 *
 * @category models
 * @since 0.1.0
 */
export interface Facts {
  readonly kind: "job" | "fiber" | undefined
  /** Of which moment of its life this is. */
  readonly moment: string
  readonly at: number
  readonly pid: number | undefined
  readonly command: string | undefined
  readonly cpuMillis: number | undefined
  /** In percent of one processor, since it was asked the last time. */
  readonly cpu: number | undefined
  readonly memory: number | undefined
  readonly lastRun: PastRun | undefined
  /** What it waits for before it starts, each in words. */
  readonly waitsFor: ReadonlyArray<string>
}

/**
 * The log of the selected child, as far as it is kept here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Logs {
  readonly path: string
  readonly lines: ReadonlyArray<LogRow>
  /** Why there are none. */
  readonly problem: string | undefined
}

/**
 * One line of a log, harmless to print; `mark` is what is not of the child.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogRow {
  readonly kind: "stdout" | "stderr" | "mark"
  readonly time: number | undefined
  readonly text: string
}

/**
 * An action on its way, and what became of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task {
  readonly id: number
  readonly action: Action
  readonly startedAt: number
  readonly outcome: { readonly at: number; readonly isGood: boolean; readonly text: string } | undefined
}

/**
 * Everything that is shown.
 *
 * @category models
 * @since 0.1.0
 */
export interface Model {
  readonly link: Link
  readonly tree: Picture | undefined
  readonly facts: ReadonlyMap<string, Facts>
  readonly selected: string | undefined
  readonly collapsed: ReadonlySet<string>
  readonly filter: string
  readonly mode: Mode
  /** What the lower pane shows of a process: its log, or its facts and how its runs ended. */
  readonly pane: "logs" | "details"
  readonly wraps: boolean
  readonly logs: Logs | undefined
  /** The last one is the one that is told. */
  readonly tasks: ReadonlyArray<Task>
  readonly nextTask: number
  readonly size: Size
}

/**
 * Of the terminal, in characters.
 *
 * @category models
 * @since 0.1.0
 */
export interface Size {
  readonly columns: number
  readonly rows: number
}

/**
 * What happens.
 *
 * @category models
 * @since 0.1.0
 */
export type Message =
  | { readonly _tag: "Tick" }
  | { readonly _tag: "Key"; readonly key: string }
  | { readonly _tag: "Resized"; readonly size: Size }
  | { readonly _tag: "Connected"; readonly server: ServerInfo }
  | { readonly _tag: "Lost"; readonly reason: string; readonly retryAt: number }
  | { readonly _tag: "Changed"; readonly changes: ReadonlyArray<SupervisorEvent | Snapshot> }
  | { readonly _tag: "Measured"; readonly details: ReadonlyArray<Measured> }
  | { readonly _tag: "Logged"; readonly path: string; readonly entries: ReadonlyArray<LogEntry> }
  | { readonly _tag: "Skipped"; readonly path: string }
  | { readonly _tag: "LogsFailed"; readonly path: string; readonly problem: string }
  | { readonly _tag: "Finished"; readonly id: number; readonly isGood: boolean; readonly text: string }

/**
 * What was told of a child that was asked for; `undefined` if it is not there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Measured {
  readonly path: string
  readonly moment: string
  readonly details: Details | undefined
}

/**
 * What is to be done beside showing.
 *
 * @category models
 * @since 0.1.0
 */
export type Command =
  | { readonly _tag: "Quit" }
  | { readonly _tag: "Suspend" }
  | { readonly _tag: "Redraw" }
  | { readonly _tag: "Do"; readonly id: number; readonly action: Action }

/**
 * One line of the tree.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly child: Child
  readonly depth: number
  readonly isCollapsed: boolean
}

/**
 * Before anything is known.
 *
 * @category constructors
 * @since 0.1.0
 */
export const initial = (size: Size): Model => ({
  link: { _tag: "Connecting" },
  tree: undefined,
  facts: new Map(),
  selected: undefined,
  collapsed: new Set(),
  filter: "",
  mode: { _tag: "Browsing" },
  pane: "logs",
  wraps: false,
  logs: undefined,
  tasks: [],
  nextTask: 1,
  size
})
