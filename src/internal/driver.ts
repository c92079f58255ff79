/**
 * Drives a restart policy: one per child, kept through its restarts, made when the child ends for the first time. The
 * engine and `RestartPolicy.simulate` decide by the same code.
 *
 * Floor 0.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { Decision, RestartPolicy } from "../RestartPolicy.ts"

type Step<E> = (
  now: number,
  exit: Exit.Exit<unknown, E>
) => Pull.Pull<[unknown, Duration.Duration], unknown, unknown>

const complete: Decision = { _tag: "Complete" }

const causeOf = (exit: Exit.Exit<unknown, unknown>): Cause.Cause<unknown> | undefined =>
  Exit.isFailure(exit) ? exit.cause : undefined

const giveUp = (exit: Exit.Exit<unknown, unknown>, because?: Cause.Cause<unknown>): Decision => {
  const cause = causeOf(exit)
  return { _tag: "GiveUp", cause: cause && because ? Cause.combine(cause, because) : cause ?? because }
}

export class Driver<E> {
  /** The restarts granted since the schedule last started afresh. */
  attempt = 0
  private readonly policy: RestartPolicy<E>
  private step: Step<E> | undefined = undefined

  constructor(policy: RestartPolicy<E>) {
    this.policy = policy
  }

  /**
   * Decides about an end at `now`, after `uptimeMillis` of being ready. A policy's own code may throw or fail: then the
   * child gives up, and what went wrong is in the cause.
   */
  next(exit: Exit.Exit<unknown, E>, now: number, uptimeMillis: number): Effect.Effect<Decision> {
    const policy = this.policy
    switch (policy._tag) {
      case "Never":
        return Effect.succeed(Exit.isSuccess(exit) ? complete : giveUp(exit))
      case "OnFailure":
        if (Exit.isSuccess(exit)) return Effect.succeed(complete)
        break
      case "Always":
        break
    }
    if (policy.resetAfterMillis !== undefined && uptimeMillis >= policy.resetAfterMillis) {
      this.step = undefined
      this.attempt = 0
    }
    const asked = Effect.suspend(() => {
      if (policy.while !== undefined && !policy.while(exit)) {
        return Effect.succeed(Exit.isSuccess(exit) ? complete : giveUp(exit))
      }
      if (this.step !== undefined) return this.ask(this.step, exit, now)
      return Effect.flatMap(Schedule.toStep(policy.schedule), (step) => {
        this.step = step
        return this.ask(step, exit, now)
      })
    })
    return Effect.catchCause(asked, (cause) => Effect.succeed(giveUp(exit, cause)))
  }

  private ask(step: Step<E>, exit: Exit.Exit<unknown, E>, now: number): Effect.Effect<Decision> {
    return Effect.matchCause(step(now, exit), {
      onSuccess: ([, delay]): Decision => ({
        _tag: "Restart",
        delayMillis: Math.max(0, Duration.toMillis(delay)),
        attempt: ++this.attempt
      }),
      onFailure: (cause) => giveUp(exit, Pull.isDoneCause(cause) ? undefined : cause)
    })
  }
}
