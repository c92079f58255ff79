/**
 * The two lines at the top: whose tree this is, and how it is on the whole.
 *
 * Floor 4.
 */
import { clock } from "../../../control/internal/words.ts"
import type { State } from "../../../State.ts"
import type { Link, Model, Row } from "../Model.ts"
import { groupOf } from "../Query.ts"
import type { Frame } from "../View.ts"
import { apart, type Line, type Span, span, widthOf } from "./style.ts"
import * as text from "./text.ts"
import { walk } from "./tree.ts"
import { looks, until } from "./words.ts"

export const header = (model: Model, frame: Frame, seen: ReadonlyArray<Row>): ReadonlyArray<Line> => [
  first(model, frame, seen),
  counts(model)
]

/** What all of it uses is needed more than what time it is. */
const first = (model: Model, frame: Frame, seen: ReadonlyArray<Row>): Line => {
  const left = who(model, frame)
  const used = totals(model, seen)
  const right = link(model.link, frame)
  const both = widthOf(left) + widthOf(used) + widthOf(right) < frame.columns
  return apart(left, both ? [...used, ...right] : model.link._tag === "Connected" ? used : right, frame.columns)
}

const who = (model: Model, { now }: Frame): Line => {
  const { link } = model
  const group = groupOf(model, "")
  const server = link._tag === "Connecting" ? undefined : link.server
  if (server === undefined) return [span(" top", "strong")]
  const state = group === undefined || group.state === "Running" ? [] : [span(`  ${group.state.toLowerCase()}`, "busy")]
  const up = link._tag === "Connected" ? [span(`  up ${text.duration(now - server.startedAt)}`)] : []
  return [
    span(` ${text.cut(text.printable(server.name), 30)}`, "strong"),
    ...state,
    span(`  pid ${server.pid}`, "faint"),
    ...up,
    ...server.readOnly ? [span("  read-only", "warn")] : []
  ]
}

const link = (link: Link, { now }: Frame): Line => {
  switch (link._tag) {
    case "Connecting":
      return [span("connecting ", "busy")]
    case "Connected":
      return [span(`${clock(now)} `, "faint")]
    case "Lost":
      return [span(`✗ connection lost, again in ${until(link.retryAt, now)} `, "bad")]
  }
}

/** The worst first. */
const order: ReadonlyArray<State["_tag"]> = [
  "GaveUp",
  "Abandoned",
  "Backoff",
  "Stopping",
  "Starting",
  "Running",
  "Held",
  "Stopped",
  "Pending",
  "Completed"
]

const counts = (model: Model): Line => {
  if (model.tree === undefined) return [span(" ")]
  const numbers = new Map<State["_tag"], number>()
  let all = 0
  for (const { child } of walk(model.tree)) {
    all += 1
    numbers.set(child.state._tag, (numbers.get(child.state._tag) ?? 0) + 1)
  }
  const parts = order.flatMap((tag): ReadonlyArray<Span> => {
    const number = numbers.get(tag)
    return number === undefined ? [] : [span(`  ${number} ${looks[tag].word}`, looks[tag].style)]
  })
  return [span(` ${all} ${all === 1 ? "child" : "children"}`), ...parts]
}

/** Of those that are asked for: asking all of a thousand would cost more than it tells. */
const totals = ({ facts }: Model, seen: ReadonlyArray<Row>): Line => {
  let cpu = 0
  let memory = 0
  let jobs = 0
  for (const { child } of seen) {
    const known = facts.get(child.path)
    if (known?.memory === undefined) continue
    jobs += 1
    cpu += known.cpu ?? 0
    memory += known.memory
  }
  return jobs === 0
    ? []
    : [span(`${jobs} ${jobs === 1 ? "job" : "jobs"} shown: cpu ${cpu.toFixed(1)}% mem ${text.bytes(memory)}  `)]
}
