/**
 * What `ps` shows of each child.
 *
 * Floor 4.
 */
import { bytes } from "../../control/internal/words.ts"
import type { Details } from "../../control/ControlApi.ts"
import type { ChildSnapshot } from "../../Snapshot.ts"
import { neutralise } from "./escapes.ts"
import type { Style } from "./style.ts"
import { type Column, layout } from "./table.ts"
import * as words from "./words.ts"

/** One child as data: what `--json` prints. Times are milliseconds since the epoch. */
export interface Row {
  readonly path: string
  readonly name: string
  readonly state: string
  readonly pid: number | null
  readonly startedAt: number | null
  readonly readyAt: number | null
  readonly incarnation: number
  readonly restarts: number
  /** The share of one processor that it used on average since it was started, in percent. */
  readonly cpu: number | null
  readonly memoryBytes: number | null
  readonly processes: number | null
  readonly health: string | null
  readonly retryAt: number | null
  readonly waitsFor: ReadonlyArray<string>
  readonly note: string
}

type Known = Pick<Details, "job" | "waitsFor"> | undefined

const pidOf = (known: Known): number | undefined => known?.job?.pid

const cpuOf = (known: Known, now: number): number | null => {
  const usage = known?.job?.usage
  const startedAt = known?.job?.startedAt
  if (usage === undefined || startedAt === undefined || now - startedAt < 100) return null
  return Math.round(usage.cpuMillis / (now - startedAt) * 1000) / 10
}

const causeText = (text: string): string => neutralise(words.brief(text))

/** What has to be said of a child beside its state. */
export const noteOf = ({ health, history, restarts, state }: ChildSnapshot, known: Known, now: number): string => {
  switch (state._tag) {
    case "Backoff": {
      const because = state.cause === undefined ? "it ended" : causeText(state.cause.message)
      return `restart ${state.attempt} in ${words.duration(state.until - now)}: ${because}`
    }
    case "GaveUp":
      return causeText(state.cause.message)
    case "Pending":
    case "Starting":
      if (known !== undefined && known.waitsFor.length > 0) return `waits for ${known.waitsFor.join(", ")}`
      return pidOf(known) === undefined ? "" : "not ready yet"
    case "Stopping":
      return state.until === undefined ? "" : `killed in ${words.duration(state.until - now)}`
    case "Held":
      return "until it is released"
    case "Abandoned":
      return "it did not end when it was stopped"
    case "Running": {
      if (health === "unhealthy") return "its liveness check fails"
      const last = history.at(-1)
      if (last === undefined || restarts === 0 || now - last.endedAt > 60 * 60 * 1000) return ""
      return last.exit._tag === "Failure" && last.decision === "restart"
        ? `${words.ago(last.endedAt, now)}: ${causeText(last.exit.cause.message)}`
        : ""
    }
    case "Stopped":
    case "Completed":
      return ""
  }
}

export const toRow = (child: ChildSnapshot, known: Known, now: number): Row => {
  const { state } = child
  return {
    path: child.path,
    name: child.name,
    state: words.state(child),
    pid: pidOf(known) ?? null,
    startedAt: state._tag === "Starting" && (known?.waitsFor.length ?? 0) > 0 ? null : child.startedAt ?? null,
    readyAt: child.readyAt ?? null,
    incarnation: child.incarnation,
    restarts: child.restarts,
    cpu: cpuOf(known, now),
    memoryBytes: known?.job?.usage?.memoryBytes ?? null,
    processes: known?.job?.usage?.processes ?? null,
    health: child.health ?? null,
    retryAt: state._tag === "Backoff" ? state.until : null,
    waitsFor: known?.waitsFor ?? [],
    note: noteOf(child, known, now)
  }
}

const columns: ReadonlyArray<Column> = [
  { title: "NAME", min: 12 },
  { title: "STATE" },
  { title: "PID", align: "right" },
  { title: "UPTIME", align: "right", dropAt: 2 },
  { title: "RESTARTS", align: "right", dropAt: 3 },
  { title: "CPU", align: "right", dropAt: 4 },
  { title: "MEMORY", align: "right", dropAt: 5 },
  { title: "NOTE", min: 16, dropAt: 1 }
]

const isUp = (state: string): boolean => state === "running" || state === "unhealthy" || state === "starting"

const cellsOf = (row: Row, now: number): ReadonlyArray<string> => [
  row.path,
  row.state,
  row.pid === null ? "" : String(row.pid),
  row.startedAt !== null && isUp(row.state) ? words.duration(now - row.startedAt) : "",
  row.restarts === 0 ? "" : String(row.restarts),
  row.cpu === null ? "" : `${row.cpu < 10 ? row.cpu : Math.round(row.cpu)}%`,
  row.memoryBytes === null ? "" : bytes(row.memoryBytes),
  row.note
]

/** The rows as a table of this width. */
export const table = (rows: ReadonlyArray<Row>, now: number, width: number, style: Style): ReadonlyArray<string> =>
  layout({
    columns,
    rows: rows.map((row) => cellsOf(row, now)),
    width,
    heading: style.dim,
    paint: (row, column, text) => {
      if (column === 1) return words.colourOf(rows[row]!.state, style)(text)
      return column === columns.length - 1 ? style.dim(text) : text
    }
  })
