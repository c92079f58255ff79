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
import { together } from "./causes.ts"

type Step<E> = (now: number, exit: Exit.Exit<unknown, E>) => Asked

/** What a schedule says about one end: a delay, or why there is none. */
export type Asked = Pull.Pull<[unknown, Duration.Duration], unknown, unknown>

export class Driver<E> {
  /** The restarts granted since the schedule last started afresh. */
  attempt = 0
  private readonly policy: RestartPolicy<E>
  private step: Step<E> | undefined = undefined
  /** The policy said no without asking its schedule. */
  private refused = false

  constructor(policy: RestartPolicy<E>) {
    this.policy = policy
  }

  /** An incarnation was ready for so long: after enough of that the schedule starts afresh, whatever ended it. */
  served(uptimeMillis: number): void {
    const { policy } = this
    if (policy._tag === "Never" || policy.resetAfterMillis === undefined || uptimeMillis < policy.resetAfterMillis) {
      return
    }
    this.step = undefined
    this.attempt = 0
  }

  /** Asks about an end at `now`. What it asks may throw, fail or take its time. */
  ask(exit: Exit.Exit<unknown, E>, now: number): Asked {
    return Effect.suspend((): Asked => {
      const { policy } = this
      this.refused = policy._tag === "Never" || (policy._tag === "OnFailure" && Exit.isSuccess(exit)) ||
        (policy.while !== undefined && !policy.while(exit))
      if (policy._tag === "Never" || this.refused) return Cause.done()
      if (this.step !== undefined) return this.step(now, exit)
      return Effect.flatMap(Schedule.toStep(policy.schedule), (step) => {
        this.step = step
        return step(now, exit)
      })
    })
  }

  /**
   * Decides by the answer. If the policy's own code threw or failed, the child gives up, and what went wrong is in the
   * cause.
   */
  decide(exit: Exit.Exit<unknown, E>, answer: Exit.Exit<[unknown, Duration.Duration], unknown>): Decision {
    if (Exit.isSuccess(answer)) {
      return {
        _tag: "Restart",
        delayMillis: Math.max(0, Duration.toMillis(answer.value[1])),
        attempt: ++this.attempt
      }
    }
    const broken = Pull.isDoneCause(answer.cause) ? undefined : answer.cause
    if (Exit.isFailure(exit)) {
      return { _tag: "GiveUp", cause: broken === undefined ? exit.cause : together(exit.cause, broken) }
    }
    if (broken !== undefined) return { _tag: "GiveUp", cause: broken }
    return this.refused ? { _tag: "Complete" } : { _tag: "GiveUp", cause: undefined }
  }

  /** Asks and decides in one. */
  next(exit: Exit.Exit<unknown, E>, now: number): Effect.Effect<Decision> {
    return Effect.map(Effect.exit(this.ask(exit, now)), (answer) => this.decide(exit, answer))
  }
}
