/**
 * What a job can be told, as data: systemctl's verbs.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as validate from "../internal/validate.ts"
import type { State } from "./Job.ts"
import type { Command } from "./Command.ts"
import type { Signal } from "./Signal.ts"

/**
 * How a process is asked to end. All of it is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface StopOptions {
  /** The signal that asks for it. Default: the job's `stopSignal`. */
  readonly signal?: Signal | undefined
  /** How long the whole group may take, until it is sent SIGKILL. Default: the job's `grace`. */
  readonly grace?: Duration.Input | "infinity" | undefined
}

/**
 * What a hook sees.
 *
 * @category models
 * @since 0.1.0
 */
export interface View {
  readonly command: Command
  /** The state of the current run, or of the last one. */
  readonly current: State
  /** The state in which the run before it was left. */
  readonly previous: State
}

/**
 * Something that a job is told.
 *
 * @category models
 * @since 0.1.0
 */
export type Verb =
  | { readonly _tag: "Start" }
  | { readonly _tag: "Stop"; readonly options: StopOptions }
  | { readonly _tag: "Restart"; readonly options: StopOptions }
  | { readonly _tag: "TryRestart"; readonly options: StopOptions }
  | { readonly _tag: "Signal"; readonly signal: Signal }
  | { readonly _tag: "Wait" }
  | { readonly _tag: "Run"; readonly hook: (view: View) => Effect.Effect<unknown, unknown> }
  | { readonly _tag: "Delete"; readonly options: StopOptions }
  | { readonly _tag: "DeleteNow" }

/**
 * Starts the command; nothing if it runs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const start: Verb = { _tag: "Start" }

/**
 * The grace in milliseconds. Throws `InvalidOption` if it makes no sense.
 *
 * @internal
 */
export const graceMillis = (options: StopOptions): number | undefined =>
  options.grace === undefined ? undefined : validate.millis("Verb", "grace", options.grace)

const checked = (options: StopOptions): StopOptions => {
  graceMillis(options)
  return options
}

/**
 * Ends the run: signal, grace, SIGKILL, until the group is empty; nothing if none runs. A second stop during the grace
 * of the first ends the grace, and takes back a start that was to follow. Throws `InvalidOption` for a grace that makes
 * no sense.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stop = (options: StopOptions = {}): Verb => ({ _tag: "Stop", options: checked(options) })

/**
 * Stops, if it runs, and starts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const restart = (options: StopOptions = {}): Verb => ({ _tag: "Restart", options: checked(options) })

/**
 * Stops and starts, if it runs; nothing otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tryRestart = (options: StopOptions = {}): Verb => ({ _tag: "TryRestart", options: checked(options) })

/**
 * Sends a signal to the process group; nothing if none runs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const signal = (signal: Signal): Verb => ({ _tag: "Signal", signal })

/**
 * Waits for the end of the run: of the one that runs or that was asked for before; at once for one that has ended. It
 * says so if there never was one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wait: Verb = { _tag: "Wait" }

/**
 * Runs an effect between the verbs before and after it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (hook: (view: View) => Effect.Effect<unknown, unknown>): Verb => ({ _tag: "Run", hook })

/**
 * Stops, and ends the job: it takes no more verbs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const deleteJob = (options: StopOptions = {}): Verb => ({ _tag: "Delete", options: checked(options) })

/**
 * Ends the job at once: no grace, and before everything that waits its turn.
 *
 * @category constructors
 * @since 0.1.0
 */
export const deleteNow: Verb = { _tag: "DeleteNow" }

/**
 * The verb as a person would name it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const show = (verb: Verb): string => {
  switch (verb._tag) {
    case "TryRestart":
      return "try-restart"
    case "DeleteNow":
      return "delete-now"
    case "Signal":
      return `signal ${verb.signal}`
    default:
      return verb._tag.toLowerCase()
  }
}
