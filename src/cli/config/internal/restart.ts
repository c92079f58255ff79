/**
 * Restart policies from what a configuration says.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as RestartPolicy from "../../../RestartPolicy.ts"
import { isDependencyFailed } from "../ConfigError.ts"
import type { RestartSpec } from "../ConfigSpec.ts"

/** The defaults of a `RestartSpec`: those of `RestartPolicy.supervised`. */
export const defaults: {
  readonly delay: Duration.Input
  readonly factor: number
  readonly maxDelay: Duration.Input
  readonly jitter: boolean
  readonly resetAfter: Duration.Input
} = {
  delay: "100 millis",
  factor: 2,
  maxDelay: "30 seconds",
  jitter: true,
  resetAfter: "10 seconds"
}

const scheduleOf = (spec: RestartSpec): Schedule.Schedule<unknown> => {
  const { delay = defaults.delay, factor = defaults.factor, jitter = defaults.jitter } = spec
  const longest = Duration.fromInputUnsafe(spec.maxDelay ?? defaults.maxDelay)
  const growing = Schedule.exponential(delay, factor).pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, longest)))
  )
  const waiting: Schedule.Schedule<unknown> = jitter ? Schedule.jittered(growing) : growing
  return spec.maxRestarts === undefined ? waiting : Schedule.max([waiting, Schedule.recurs(spec.maxRestarts)])
}

/** The policy that a configuration means. */
export const policyOf = (spec: "never" | RestartSpec): RestartPolicy.RestartPolicy => {
  if (spec === "never") return RestartPolicy.never
  const { resetAfter = defaults.resetAfter } = spec
  const options = resetAfter === false ? {} : { resetAfter }
  return spec.policy === "always"
    ? RestartPolicy.always(scheduleOf(spec), options)
    : RestartPolicy.onFailure(scheduleOf(spec), options)
}

/** The same policy, but what was not started because of another child is not tried again. */
export const exceptForDependencies = <E>(policy: RestartPolicy.RestartPolicy<E>): RestartPolicy.RestartPolicy<E> => {
  if (policy._tag === "Never") return policy
  const { while: before } = policy
  return {
    ...policy,
    while: (exit) =>
      !Option.exists(Exit.findErrorOption(exit), isDependencyFailed) && (before === undefined || before(exit))
  }
}
