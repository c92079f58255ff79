/**
 * Has an action done, and says what became of it.
 *
 * Floor 4.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Client } from "../../../control/ControlClient.ts"
import type { Answer } from "../../../control/ControlApi.ts"
import type { ReconcileReport, ReloadReport } from "../../../Supervisor.ts"
import type { Action } from "../Model.ts"
import * as text from "./text.ts"
import { looks } from "./words.ts"

export interface Result {
  readonly isGood: boolean
  readonly text: string
}

const good = (text: string): Result => ({ isGood: true, text })
const bad = (text: string): Result => ({ isGood: false, text })

const seconds = (millis: number): string => `${(millis / 1000).toFixed(millis < 10_000 ? 1 : 0)} s`

/** Never fails: that it went wrong is a result too. */
export const perform = (client: Client, action: Action): Effect.Effect<Result> =>
  Effect.gen(function*() {
    const before = yield* Clock.currentTimeMillis
    const result = yield* ask(client, action)
    const lasted = seconds((yield* Clock.currentTimeMillis) - before)
    return typeof result === "string" ? good(`${result} in ${lasted}`) : result
  }).pipe(
    Effect.catchCause((cause) => {
      const error = Cause.squash(cause)
      return Effect.succeed(bad(error instanceof Error ? error.message : String(error)))
    })
  )

/** In words that a duration is put behind, or all of it. */
const ask = (client: Client, action: Action): Effect.Effect<string | Result, Error> => {
  switch (action._tag) {
    case "Verb":
      return Effect.flatMap(client[action.verb](action.path), ([answer]) => verbResult(client, action, answer))
    case "Signal":
      return Effect.map(client.signal(action.path, action.signal), ([answer]): Result =>
        answer?._tag === "Done"
          ? answer.outcome === "done" ? good("sent") : bad("no process runs")
          : bad(answer?.error.message ?? "there was no answer"))
    case "Reload":
      return Effect.map(client.reloadChild(action.path), reloadResult)
    case "Reconcile":
      return Effect.map(client.reconcile, reconcileResult)
    case "Shutdown":
      return Effect.as(client.shutdown, good("all have been asked to stop"))
  }
}

const verbResult = (
  client: Client,
  { path, verb }: Extract<Action, { _tag: "Verb" }>,
  answer: Answer | undefined
): Effect.Effect<string | Result> => {
  if (answer === undefined) return Effect.succeed(bad("there was no answer"))
  if (answer._tag === "Failed") return Effect.succeed(bad(answer.error.message))
  // What was removed can no longer be asked for.
  const info = verb === "remove" ? Effect.undefined : Effect.orElseSucceed(client.info(path), () => undefined)
  return Effect.map(info, (details) => {
    if (answer.outcome === "noop") {
      const state = details?.child?.state._tag
      const how = state === undefined ? "" : `, it is ${looks[state].word}${state === "Held" ? ": H releases it" : ""}`
      return bad(`nothing to do${how}`)
    }
    const hasStopped = verb === "stop" || verb === "hold" || verb === "restart"
    const isForced = hasStopped && details?.job?.history.at(-1)?.forced === true
    return isForced ? `done, it had to be killed,` : "done"
  })
}

const names = (paths: ReadonlyArray<string>): string =>
  paths.length <= 3 ? paths.join(", ") : `${paths.slice(0, 3).join(", ")} and ${paths.length - 3} more`

const reloadResult = ({ failed, handled, ignored, timedOut }: ReloadReport): Result => {
  const [first] = failed
  if (first !== undefined) return bad(`${first.path} failed: ${first.cause.message}`)
  if (timedOut.length > 0) return bad(`not in time: ${names(timedOut)}`)
  if (handled.length > 0) {
    return good(`${handled.length} reloaded${ignored.length === 0 ? "" : `, ${ignored.length} do not listen`}`)
  }
  return bad(ignored.length === 0 ? "nothing of it runs" : "it does not listen for a reload")
}

const reconcileResult = ({ kept, restarted, started, stopped }: ReconcileReport): Result => {
  const parts = [["started", started], ["stopped", stopped], ["restarted", restarted]] as const
  const told = parts.flatMap(([word, paths]) => paths.length === 0 ? [] : [`${word} ${text.printable(names(paths))}`])
  return good(told.length === 0 ? `nothing differed, ${kept.length} kept` : `${told.join(", ")}, ${kept.length} kept`)
}
