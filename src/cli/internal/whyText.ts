/**
 * Why a child is as it is: what `why` says.
 *
 * Floor 4.
 */
import type { Details } from "../../control/ControlApi.ts"
import type { PastRun } from "../../process/Job.ts"
import * as ExitStatus from "../../process/ExitStatus.ts"
import type { ChildSnapshot, ExitRecord } from "../../Snapshot.ts"
import { neutralise } from "./escapes.ts"
import type { Style } from "./style.ts"
import * as words from "./words.ts"

/** So many exits are told. */
const lastExits = 5

const decisions: Readonly<Record<ExitRecord["decision"], string>> = {
  restart: "it was restarted",
  complete: "that completed it",
  giveUp: "no more restarts were granted, so it gave up",
  asked: "it had been asked to"
}

const uptime = (from: number, now: number): string => `for ${words.duration(now - from)}`

/** What it does now, in a sentence. */
const stateSentence = ({ job, waitsFor }: Details, child: ChildSnapshot, now: number): string => {
  const { state } = child
  const pid = job?.pid === undefined ? "" : ` (pid ${job.pid})`
  switch (state._tag) {
    case "Pending":
      return "is not started yet: those before it in the order are to be ready first"
    case "Starting":
      if (waitsFor.length > 0) return "waits for what it depends on, and is not started before that"
      return `is starting${pid}: it runs${
        child.startedAt === undefined ? "" : ` ${uptime(child.startedAt, now)}`
      } and is not ready yet`
    case "Running":
      return child.health === "unhealthy"
        ? `is running${pid}, but its liveness check fails`
        : `is running${pid}${child.startedAt === undefined ? "" : ` ${uptime(child.startedAt, now)}`}`
    case "Backoff":
      return `waits for its restart: attempt ${state.attempt} in ${words.duration(state.until - now)}`
    case "Stopping":
      return `is being stopped${pid}${
        state.until === undefined ? "" : `: it is killed in ${words.duration(state.until - now)}`
      }`
    case "Stopped":
      return "is stopped, because somebody asked for it"
    case "Held":
      return "is held: nothing starts it until it is released"
    case "Completed":
      return "has completed: it ended well, and its policy does not start it again"
    case "GaveUp":
      return "has given up: it failed, and its policy grants no more restarts"
    case "Abandoned":
      return "was abandoned: it did not end when it was stopped, and may still run"
  }
}

/** What to do next. */
export const advice = (
  { path, waitsFor }: Details,
  { state }: ChildSnapshot,
  esv: string
): ReadonlyArray<string> => {
  switch (state._tag) {
    case "Backoff":
      return [`starts it now: ${esv} restart ${path}`, `shows what it said: ${esv} logs ${path}`]
    case "GaveUp":
      return [`shows what it said: ${esv} logs ${path}`, `starts it afresh: ${esv} start ${path}`]
    case "Stopped":
      return [`starts it: ${esv} start ${path}`]
    case "Held":
      return [`starts it: ${esv} release ${path}`]
    case "Starting":
      return waitsFor.length > 0 ? [] : [`shows what it said: ${esv} logs ${path}`]
    case "Pending":
    case "Running":
    case "Stopping":
    case "Completed":
    case "Abandoned":
      return []
  }
}

const runOf = (record: ExitRecord, runs: ReadonlyArray<PastRun>): PastRun | undefined =>
  runs.find(({ endedAt, startedAt }) => startedAt >= record.startedAt && endedAt <= record.endedAt)

const howItEnded = (record: ExitRecord, run: PastRun | undefined): string => {
  if (run !== undefined) return `${ExitStatus.show(run.status)}${run.forced ? " after its grace" : ""}`
  return record.exit._tag === "Success" ? "ended well" : neutralise(words.brief(record.exit.cause.message))
}

const exitLine = (record: ExitRecord, runs: ReadonlyArray<PastRun>, now: number): string => {
  const after = words.duration(record.endedAt - record.startedAt)
  const how = howItEnded(record, runOf(record, runs))
  return `${words.clock(record.endedAt, now)}  run ${record.incarnation} ${how} after ${after}; ${
    decisions[record.decision]
  }`
}

/** The whole message of what it ended with last, from its second line on: for a command, its last words. */
const lastWords = ({ history, state }: ChildSnapshot): ReadonlyArray<string> => {
  const last = history.at(-1)
  const cause = state._tag === "GaveUp" || (state._tag === "Backoff" && state.cause !== undefined)
    ? state.cause
    : last?.exit._tag === "Failure" && last.decision !== "asked"
    ? last.exit.cause
    : undefined
  return cause === undefined ? [] : cause.message.split("\n").map(neutralise)
}

const indented = (lines: ReadonlyArray<string>): ReadonlyArray<string> => lines.map((line) => `  ${line}`)

const section = (title: string, lines: ReadonlyArray<string>, style: Style): ReadonlyArray<string> =>
  lines.length === 0 ? [] : ["", style.bold(title), ...indented(lines)]

/** All of it, in lines. `esv` is what to write before a verb. */
export const whyText = (details: Details, now: number, style: Style, esv: string): ReadonlyArray<string> => {
  const { child, job, path, waitsFor } = details
  if (child === undefined) return [`${path} is a process of the application's own, under no supervisor`]
  const word = words.state(child)
  const exits = child.history.slice(-lastExits).toReversed()
  return [
    `${style.bold(path)} ${words.colourOf(word, style)(stateSentence(details, child, now))}`,
    ...section("Waits for", waitsFor, style),
    ...section("Command", job === undefined ? [] : [neutralise(job.command)], style),
    ...section("Last failure", lastWords(child), style),
    ...section("Last exits", exits.map((record) => exitLine(record, job?.history ?? [], now)), style),
    ...section("What to do", advice(details, child, esv), style)
  ]
}
