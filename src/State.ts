/**
 * The state of a supervised child: one tagged union in one field, plain data.
 *
 * `Pending` is described and not yet started. `Starting` runs but is not ready. `Running` is ready. `Backoff` waits
 * for its restart. `Stopping` was asked to end. `Stopped`, `Held`, `Completed`, `GaveUp` are at rest. `Abandoned` was
 * stopped but its fiber would not end.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"

/**
 * Why an incarnation ended, as plain data that can go over the wire.
 *
 * **Details**
 *
 * `kind` is that of the first reason of the cause that is not an interruption; an interruption if there is no other.
 * `tag` is the `_tag` of a tagged error, `message` is one line, `pretty` is the whole cause as Effect renders it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CauseInfo {
  readonly kind: "Fail" | "Die" | "Interrupt"
  readonly tag: string | undefined
  readonly message: string
  readonly pretty: string
}

/**
 * How an incarnation ended.
 *
 * @category models
 * @since 0.1.0
 */
export type ExitInfo = { readonly _tag: "Success" } | { readonly _tag: "Failure"; readonly cause: CauseInfo }

/**
 * What a child is doing now.
 *
 * **Details**
 *
 * Times are milliseconds since the epoch, read from the Effect `Clock`. `Backoff.until` is when the restart is due and
 * `attempt` counts the restarts since the schedule last started afresh. `Stopping.until` is when the child will be
 * interrupted (`undefined`: it gets all the time it wants).
 *
 * @category models
 * @since 0.1.0
 */
export type State =
  | { readonly _tag: "Pending" }
  | { readonly _tag: "Starting" }
  | { readonly _tag: "Running" }
  | {
    readonly _tag: "Backoff"
    readonly until: number
    readonly attempt: number
    readonly cause: CauseInfo | undefined
  }
  | { readonly _tag: "Stopping"; readonly until: number | undefined }
  | { readonly _tag: "Stopped" }
  | { readonly _tag: "Held" }
  | { readonly _tag: "Completed" }
  | { readonly _tag: "GaveUp"; readonly cause: CauseInfo }
  | { readonly _tag: "Abandoned" }

/**
 * The names of the states, in the order of a child's life.
 *
 * @category constants
 * @since 0.1.0
 */
export const tags: ReadonlyArray<State["_tag"]> = [
  "Pending",
  "Starting",
  "Running",
  "Backoff",
  "Stopping",
  "Stopped",
  "Held",
  "Completed",
  "GaveUp",
  "Abandoned"
]

/** What a child fails with is its own, and looking at it may throw: then it is said so, and nothing else suffers. */
const look = <A, B>(f: (a: A) => B, otherwise: B) => (a: A): B =>
  Option.getOrElse(Option.liftThrowable(f)(a), () => otherwise)

const unprintable = "(a value that cannot be shown)"

/** The values of a tagged error, for one that has no message of its own. */
const valuesOf = (error: Error): string => {
  const values = Object.entries(error).filter(([key]) => key !== "_tag" && key !== "name" && key !== "cause")
  return values.length === 0 ? "" : ` ${JSON.stringify(Object.fromEntries(values))}`
}

const messageOf = look((u: unknown): string => {
  if (!(u instanceof Error)) return typeof u === "string" ? u : String(u)
  if (u.message !== "") return u.message
  const because = u.cause instanceof Error ? `: ${u.cause.message}` : ""
  return `${tagOf(u) ?? u.name}${valuesOf(u)}${because}`
}, unprintable)

const tagOf = look(
  (u: unknown): string | undefined =>
    typeof u === "object" && u !== null && "_tag" in u && typeof u._tag === "string" ? u._tag : undefined,
  undefined
)

const prettyOf = look((cause: Cause.Cause<unknown>) => Cause.pretty(cause), unprintable)

/** Nothing but one interruption, of which nobody knows more. */
const isPlain = ({ reasons }: Cause.Cause<unknown>): boolean => {
  const [reason] = reasons
  return reasons.length === 1 && reason?._tag === "Interrupt" && reason.fiberId === undefined &&
    reason.annotations.size === 0
}

/** What every child ends with that was stopped, rendered once: that takes ten times as long as to stop the child. */
let interrupted: CauseInfo | undefined = undefined

/**
 * Renders a `Cause` as plain data.
 *
 * @category conversions
 * @since 0.1.0
 */
export const causeInfo = (cause: Cause.Cause<unknown>): CauseInfo =>
  isPlain(cause) ? interrupted ??= render(cause) : render(cause)

const render = (cause: Cause.Cause<unknown>): CauseInfo => {
  const reason = cause.reasons.find((reason) => reason._tag !== "Interrupt") ?? cause.reasons[0]
  const pretty = prettyOf(cause)
  switch (reason?._tag) {
    case "Fail":
      return { kind: "Fail", tag: tagOf(reason.error), message: messageOf(reason.error), pretty }
    case "Die":
      return { kind: "Die", tag: tagOf(reason.defect), message: messageOf(reason.defect), pretty }
    case "Interrupt":
    case undefined:
      return { kind: "Interrupt", tag: undefined, message: "interrupted", pretty }
  }
}

const success: ExitInfo = { _tag: "Success" }

/**
 * Renders an `Exit` as plain data.
 *
 * @category conversions
 * @since 0.1.0
 */
export const exitInfo = (exit: Exit.Exit<unknown, unknown>): ExitInfo =>
  Option.match(Exit.getCause(exit), {
    onNone: () => success,
    onSome: (cause) => ({ _tag: "Failure", cause: causeInfo(cause) })
  })
