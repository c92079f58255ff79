/**
 * What to do when a child ends: a restart policy is data, and deciding by it is a function of the child's `Exit`.
 *
 * A policy answers "again, or not", its `Schedule` answers "when, and until when". The schedule's input is the `Exit`
 * of the incarnation that ended, its delay is how long to wait, and `Done` means: give up.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import { Driver } from "./internal/driver.ts"
import * as validate from "./internal/validate.ts"
import { Window } from "./internal/window.ts"

/**
 * A schedule of restarts. Any schedule whose input is an `Exit`, or that does not look at its input, will do. If it
 * fails, the child gives up, with that failure in the cause. If it takes its time to decide, the child waits in
 * `Backoff`.
 *
 * **Gotchas**
 *
 * `Schedule.exponential` alone has no cap: after some fifty doublings the child practically never comes back. Cap it
 * with `Schedule.modifyDelay`, or take `supervised`.
 *
 * The type of a schedule's input is not inferred from the child that it will be for. A schedule that looks at its input
 * says what it is, by `Schedule.setInputType` and `Runnable.ExitOf`.
 *
 * **Example** (A delay that depends on the error)
 *
 * ```ts
 * import { Cause, Data, type Duration, Effect, Exit, Option, Schedule } from "effect"
 * import { Runnable } from "effect-supervisor"
 *
 * class RateLimited extends Data.TaggedError("RateLimited")<{ readonly retryAfter: Duration.Input }> {}
 *
 * const client = Runnable.make("client", Effect.fail(new RateLimited({ retryAfter: "3 seconds" })))
 *
 * const asTheServerSays = Schedule.exponential("100 millis").pipe(
 *   Schedule.setInputType<Runnable.ExitOf<typeof client>>(),
 *   Schedule.modifyDelay(({ duration, input }) => {
 *     const error = Exit.isFailure(input) ? Cause.findErrorOption(input.cause) : Option.none()
 *     return Effect.succeed(Option.isSome(error) ? error.value.retryAfter : duration)
 *   })
 * )
 * const supervised = client.pipe(Runnable.restart(asTheServerSays))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type RestartSchedule<E> = Schedule.Schedule<unknown, Exit.Exit<unknown, E>, unknown>

/**
 * Options of `onFailure` and `always`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in E> {
  /**
   * After so much healthy uptime, measured from ready, the schedule starts afresh at the next failure. Default: never.
   */
  readonly resetAfter?: Duration.Input | undefined
  /** Whether this end may be followed by a restart at all. Default: every one. */
  readonly while?: ((exit: Exit.Exit<unknown, E>) => boolean) | undefined
}

interface Restarting<in E> {
  readonly schedule: RestartSchedule<E>
  readonly resetAfterMillis: number | undefined
  readonly while: ((exit: Exit.Exit<unknown, E>) => boolean) | undefined
}

/**
 * Whether a child that has ended runs again, as data. `E` is what the child can fail with, as far as the policy looks
 * at it.
 *
 * **Details**
 *
 * Made by `never`, `onFailure` and `always`; `supervised` is the recommended one.
 *
 * @category models
 * @since 0.1.0
 */
export type RestartPolicy<E = unknown> =
  | { readonly _tag: "Never" }
  | { readonly _tag: "OnFailure" } & Restarting<E>
  | { readonly _tag: "Always" } & Restarting<E>

/**
 * What a policy decides about one end.
 *
 * @category models
 * @since 0.1.0
 */
export type Decision =
  | { readonly _tag: "Restart"; readonly delayMillis: number; readonly attempt: number }
  | { readonly _tag: "Complete" }
  /** `cause` is `undefined` when the child ended well, but had to go on and may not. */
  | { readonly _tag: "GiveUp"; readonly cause: Cause.Cause<unknown> | undefined }

/**
 * The first end is final: success completes the child, a failure gives up at once. The default.
 *
 * **Details**
 *
 * OTP's `temporary`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const never: RestartPolicy = { _tag: "Never" }

const restarting = <E>(
  subject: string,
  schedule: RestartSchedule<E>,
  options: Options<E> | undefined
): Restarting<E> => ({
  schedule: validate.schedule(subject, "schedule", schedule),
  resetAfterMillis: options?.resetAfter === undefined
    ? undefined
    : validate.millis(subject, "resetAfter", options.resetAfter),
  while: options?.while
})

/**
 * Restart on failure, on a defect and on a foreign interruption; success completes the child.
 *
 * **Details**
 *
 * OTP's `transient`. Throws `InvalidOption` if `resetAfter` is not a duration.
 *
 * **Example** (Only what may heal is tried again)
 *
 * ```ts
 * import { Cause, Exit, Schedule } from "effect"
 * import { RestartPolicy } from "effect-supervisor"
 *
 * const policy = RestartPolicy.onFailure(Schedule.exponential("100 millis"), {
 *   resetAfter: "10 seconds",
 *   while: (exit) => Exit.isFailure(exit) && !Cause.hasDies(exit.cause)
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const onFailure = <E = unknown>(schedule: RestartSchedule<E>, options?: Options<E>): RestartPolicy<E> => ({
  _tag: "OnFailure",
  ...restarting("RestartPolicy.onFailure", schedule, options)
})

/**
 * Restart on every end, also a good one. When the schedule is done the child gives up, whatever the last end was: what
 * has to run always and may not is a failure.
 *
 * **When to use**
 *
 * Use for work that ends well and has to come again: a job by the clock, a connection that the other side closes.
 *
 * **Details**
 *
 * OTP's `permanent`. Throws `InvalidOption` if `resetAfter` is not a duration. A child that ended well and may not go
 * on gives up with `RestartsExhausted`.
 *
 * **Example** (A job once a minute)
 *
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { RestartPolicy, Runnable } from "effect-supervisor"
 *
 * const report = Runnable.make("report", Effect.log("reporting"), {
 *   restart: RestartPolicy.always(Schedule.spaced("1 minute"))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const always = <E = unknown>(schedule: RestartSchedule<E>, options?: Options<E>): RestartPolicy<E> => ({
  _tag: "Always",
  ...restarting("RestartPolicy.always", schedule, options)
})

/**
 * A schedule without delay that is done when more than `restarts` fall inside any stretch of `within`.
 *
 * **When to use**
 *
 * Use with `Schedule.max` to bound any other schedule, or as a manager's `intensity`.
 *
 * **Details**
 *
 * Its output counts the restarts. OTP's `intensity` and `period`. One restart costs constant time; memory is `restarts`
 * numbers at most. Throws `InvalidOption` if `restarts` is not a whole number of at least 1 (no restart at all is
 * `RestartPolicy.never`), or if `within` is not a finite duration above zero.
 *
 * **Gotchas**
 *
 * Under a policy with `resetAfter` it starts afresh with the rest of its schedule. A budget that nothing resets is the
 * manager's `intensity`.
 *
 * **Example** (Back off, but give up on a storm)
 *
 * ```ts
 * import { Schedule } from "effect"
 * import { RestartPolicy } from "effect-supervisor"
 *
 * const schedule = Schedule.max([
 *   Schedule.exponential("100 millis"),
 *   RestartPolicy.intensity({ restarts: 5, within: "60 seconds" })
 * ])
 * ```
 *
 * @see https://www.erlang.org/doc/system/sup_princ.html#tuning-the-intensity-and-period
 * @category schedules
 * @since 0.1.0
 */
export const intensity = (options: {
  readonly restarts: number
  readonly within: Duration.Input
}): Schedule.Schedule<number> => {
  const limit = {
    restarts: validate.count("RestartPolicy.intensity", "restarts", options.restarts),
    withinMillis: validate.positiveMillis("RestartPolicy.intensity", "within", options.within)
  }
  return Schedule.fromStep(Effect.sync(() => {
    const window = new Window(limit)
    let count = 0
    return (now: number) => {
      const restart: [number, Duration.Duration] = [++count, Duration.zero]
      return window.record(now) ? Effect.succeed(restart) : Cause.done(count)
    }
  }))
}

/**
 * The recommended policy for what has to stay up: restart on failure after 100 ms, doubling up to 30 s, jittered by a
 * fifth either way (so 36 s is the longest), afresh after 10 s of healthy uptime. It never gives up.
 *
 * @category constructors
 * @since 0.1.0
 */
export const supervised: RestartPolicy = onFailure(
  Schedule.exponential("100 millis").pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(30)))),
    Schedule.jittered
  ),
  { resetAfter: "10 seconds" }
)

/**
 * Whether a value is a policy, as opposed to a bare schedule.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRestartPolicy = (u: object): u is RestartPolicy<never> =>
  "_tag" in u && (u._tag === "Never" || u._tag === "OnFailure" || u._tag === "Always")

/**
 * A policy from what the option `restart` takes: a schedule alone means `onFailure(schedule)`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromInput = <E>(input: RestartPolicy<E> | RestartSchedule<E>): RestartPolicy<E> =>
  Schedule.isSchedule(input) ? onFailure(input) : input

/**
 * One end of an imagined child: how it ended and how long it had been up.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedExit<out E> {
  readonly exit: Exit.Exit<unknown, E>
  readonly uptime?: Duration.Input | undefined
}

/**
 * What the policy did about it, `atMillis` after the start of the simulation.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedStep<out E> {
  readonly atMillis: number
  readonly exit: Exit.Exit<unknown, E>
  readonly decision: Decision
}

/**
 * The decisions and delays that a policy would take, without running anything.
 *
 * **When to use**
 *
 * Use to print or to test a policy's timeline. It is the code that the engine decides by, on imagined time.
 *
 * **Details**
 *
 * An exit alone stands for an uptime of zero. The simulation ends with the first decision that is not a restart. Only
 * `jittered` schedules need the `Random` service, which has a default.
 *
 * **Example** (A timeline)
 *
 * ```ts
 * import { Effect, Exit, Schedule } from "effect"
 * import { RestartPolicy } from "effect-supervisor"
 *
 * const policy = RestartPolicy.onFailure(Schedule.exponential("1 second"), { resetAfter: "1 minute" })
 * const timeline = RestartPolicy.simulate(policy, [
 *   Exit.fail("a"),
 *   Exit.fail("b"),
 *   { exit: Exit.fail("c"), uptime: "2 minutes" }
 * ])
 * Effect.runSync(timeline).map((step) => step.decision)
 * // delays of 1000, 2000 and, after two healthy minutes, 1000 ms again
 * ```
 *
 * @category simulation
 * @since 0.1.0
 */
export const simulate: <E>(
  policy: RestartPolicy<E> | RestartSchedule<E>,
  exits: Iterable<Exit.Exit<unknown, E> | SimulatedExit<E>>
) => Effect.Effect<ReadonlyArray<SimulatedStep<E>>> = Effect.fnUntraced(function*<E>(
  policy: RestartPolicy<E> | RestartSchedule<E>,
  exits: Iterable<Exit.Exit<unknown, E> | SimulatedExit<E>>
) {
  const driver = new Driver(fromInput(policy))
  const steps: Array<SimulatedStep<E>> = []
  let now = 0
  for (const input of exits) {
    const { exit, uptime } = "exit" in input ? input : { exit: input, uptime: undefined }
    const uptimeMillis = validate.millis("RestartPolicy.simulate", "uptime", uptime ?? 0)
    now += uptimeMillis
    driver.served(uptimeMillis)
    const decision = yield* driver.next(exit, now)
    steps.push({ atMillis: now, exit, decision })
    if (decision._tag !== "Restart") break
    now += decision.delayMillis
  }
  return steps
})
