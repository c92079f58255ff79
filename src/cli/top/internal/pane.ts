/**
 * The lower pane: the log of the selected process, or what is known of the selected child and how it ended before.
 *
 * Floor 4.
 */
import { clock } from "../../../control/internal/words.ts"
import * as ExitStatus from "../../../process/ExitStatus.ts"
import type { PastRun } from "../../../process/Job.ts"
import type { Child } from "../../../control/internal/picture.ts"
import type { ExitRecord } from "../../../Snapshot.ts"
import type { LogRow, Model } from "../Model.ts"
import { groupOf, kindOf, selectedOf, showsLog, sizeOf } from "../Query.ts"
import type { Frame } from "../View.ts"
import { type Line, type Span, span, type Style, widthOf } from "./style.ts"
import * as text from "./text.ts"
import { decisions, longExit, why } from "./words.ts"

/** Its title and its lines, `height` of them without the title. */
export const pane = (model: Model, frame: Frame, height: number): ReadonlyArray<Line> => {
  const child = selectedOf(model)
  if (child === undefined) return [rule([], [], frame)]
  const isLog = showsLog(model)
  const lines = isLog ? logLines(model, frame, height) : from(details(model, child, frame), model, height)
  const name = text.cut(text.printable(child.path), Math.max(10, frame.columns - 30))
  const left = [span(isLog ? " log of " : " about "), span(`${name} `, "strong")]
  return [rule(left, note(model, isLog), frame), ...lines.slice(0, Math.max(0, height))]
}

/** As far down as was scrolled; the last screen is full. */
const from = (lines: ReadonlyArray<Line>, { mode }: Model, height: number): ReadonlyArray<Line> =>
  mode._tag === "Reading" ? lines.slice(Math.max(0, Math.min(mode.back, lines.length - height))) : lines

const rule = (left: Line, right: Line, { columns }: Frame): Line => {
  const free = Math.max(0, columns - 4 - widthOf(left) - widthOf(right))
  return [span("──", "faint"), ...left, span("─".repeat(free), "faint"), ...right, span("──", "faint")]
}

const note = ({ logs, mode }: Model, isLog: boolean): Line => {
  if (!isLog || logs?.problem !== undefined) return []
  return mode._tag === "Reading" && mode.back > 0
    ? [span(` ${mode.back} lines back, f follows `, "warn")]
    : [span(" following ", "faint")]
}

// ---------------------------------------------------------------------------------------------------------- logs

const styles: Readonly<Record<LogRow["kind"], Style>> = { stdout: "plain", stderr: "warn", mark: "faint" }

/** The last that there is space for, or those so many lines before. */
const logLines = ({ logs, mode, wraps }: Model, { columns }: Frame, height: number): ReadonlyArray<Line> => {
  if (logs?.problem !== undefined) return [[span(` ${logs.problem}`, "warn")]]
  if (logs === undefined || logs.lines.length === 0) return [[span(" It has written nothing yet", "faint")]]
  const back = mode._tag === "Reading" ? mode.back : 0
  const found: Array<Line> = []
  for (let at = logs.lines.length - 1 - back; at >= 0 && found.length < height; at--) {
    found.push(...logLine(logs.lines[at]!, columns, wraps).toReversed())
  }
  return found.slice(0, height).toReversed()
}

const logLine = ({ kind, text: content, time }: LogRow, columns: number, wraps: boolean): ReadonlyArray<Line> => {
  if (kind === "mark") return [[span(`── ${content} ──`, "faint")]]
  const stamp = time === undefined ? "" : `${clock(time)} `
  const space = Math.max(1, columns - stamp.length - 1)
  const sign = span(kind === "stderr" ? "!" : " ", "warn")
  const pieces = wraps ? text.wrap(content, space) : [content]
  return pieces.map((piece, index) => [
    span(index === 0 ? stamp : " ".repeat(stamp.length), "faint"),
    sign,
    span(piece, styles[kind])
  ])
}

// ------------------------------------------------------------------------------------------------------- details

const details = (model: Model, child: Child, { columns, now }: Frame): ReadonlyArray<Line> => {
  const facts = model.facts.get(child.path)
  const { history } = child
  const group = groupOf(model, child.path)
  const told: ReadonlyArray<readonly [name: string, value: string | undefined]> = [
    ["state", why(child, facts, now)],
    [
      "kind",
      `${kindOf(model, child) ?? "not known yet"}, run ${child.incarnation}, ${child.restarts} restarts${
        graceOf(child)
      }`
    ],
    ["command", facts?.command],
    ["last run", facts?.lastRun && runOf(facts.lastRun)],
    [
      "manages",
      group && `${sizeOf(model, child.path)} children, ${group.strategy}, ${group.completed} completed`
    ]
  ]
  const ends = history.toReversed().flatMap((end, index) => endLines(end, index === 0, columns))
  return [
    ...told.flatMap(([name, value]) => value === undefined ? [] : factLines(name, value, columns)),
    ...ends.length === 0 ? [[span(" It has not ended yet", "faint")]] : ends
  ]
}

const runOf = ({ forced, pid, run, status }: PastRun): string =>
  `${run}, pid ${pid}, ${ExitStatus.show(status)}${forced ? ", it had to be killed" : ""}`

const graceOf = ({ grace }: Child): string =>
  grace === "infinity" ? ", no limit to stop" : `, ${text.duration(grace)} to stop`

const factLines = (name: string, value: string, columns: number): ReadonlyArray<Line> =>
  text.wrap(value, columns - 10).map((piece, index) => [
    span(` ${(index === 0 ? name : "").padEnd(9)}`, "faint"),
    span(piece)
  ])

/** One end; of the last one also the whole cause. */
const endLines = (end: ExitRecord, isLast: boolean, columns: number): ReadonlyArray<Line> => {
  const cause = end.exit._tag === "Failure" && end.decision !== "asked" ? end.exit.cause : undefined
  const lived = text.duration(end.endedAt - end.startedAt)
  const head: ReadonlyArray<Span> = [
    span(` ${clock(end.endedAt)} `, "faint"),
    span(`run ${end.incarnation} after ${lived} `),
    span(longExit(end), cause === undefined ? "plain" : "bad"),
    span(` → ${decisions[end.decision]}`, "faint")
  ]
  if (!isLast || cause === undefined) return [head]
  const lines = cause.pretty.split("\n", 40).flatMap((line) =>
    text.wrap(text.printable(line), Math.max(1, columns - 3))
  )
  return [head, ...lines.map((line): Line => [span(`   ${line}`, "faint")])]
}
