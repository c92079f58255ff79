/**
 * The names of signals.
 *
 * @since 0.1.0
 */
import type * as ChildProcess from "effect/process/ChildProcess"
import { constants } from "node:os"

/**
 * A signal by its name, such as "SIGTERM". What a platform does not know is refused when it is sent, and
 * so are real-time signals, for which Node has no names.
 *
 * @category models
 * @since 0.1.0
 */
export type Signal = ChildProcess.Signal

const numbers: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals))

/**
 * The number of a signal on this machine; `undefined` if it does not have that signal.
 *
 * @category conversions
 * @since 0.1.0
 */
export const signalNumber = (signal: string): number | undefined => numbers.get(signal)
