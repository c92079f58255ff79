/**
 * The tree as a table, in as many columns as there is space for.
 *
 * Floor 4.
 */
import type { Facts, Model, Row } from "../Model.ts"
import { groupOf, isUp, kindOf } from "../Query.ts"
import type { Frame } from "../View.ts"
import { type Line, overall, type Span, span, type Style } from "./style.ts"
import * as text from "./text.ts"
import { lastExit, stateOf } from "./words.ts"

interface Subject {
  readonly model: Model
  readonly row: Row
  readonly facts: Facts | undefined
  readonly now: number
}

interface Column {
  readonly title: string
  readonly width: number
  readonly align: "left" | "right"
  /** Columns of a lower rank stay longer when there is less space. */
  readonly rank: number
  readonly cell: (subject: Subject, width: number) => Span
}

const none = span("")

const column = (
  title: string,
  width: number,
  rank: number,
  align: Column["align"],
  cell: Column["cell"]
): Column => ({ title, width, rank, align, cell })

const number = (value: number | undefined, show: (value: number) => string, style?: Style): Span =>
  value === undefined ? none : span(show(value), style)

const percent = (value: number): string => value < 99.95 ? value.toFixed(1) : String(Math.round(value))

const columns: ReadonlyArray<Column> = [
  column("STATE", 14, 1, "left", ({ now, row }) => {
    const { sign, style, word } = stateOf(row.child, now)
    return span(`${sign} ${word}`, style)
  }),
  column("KIND", 5, 7, "left", ({ model, row }) => {
    const kind = kindOf(model, row.child)
    return span(kind === "manager" ? "mgr" : kind ?? "", "faint")
  }),
  column("PID", 7, 6, "right", ({ facts, row }) => isUp(row.child) ? number(facts?.pid, String) : none),
  column("RST", 4, 2, "right", ({ row }) => {
    const { restarts } = row.child
    return restarts === 0 ? span("0", "faint") : span(restarts > 9999 ? "many" : String(restarts), "warn")
  }),
  column("CPU%", 5, 3, "right", ({ facts, row }) => isUp(row.child) ? number(facts?.cpu, percent) : none),
  column("MEM", 5, 4, "right", ({ facts, row }) => isUp(row.child) ? number(facts?.memory, text.bytes) : none),
  column(
    "UP",
    6,
    5,
    "right",
    ({ now, row }) => isUp(row.child) ? number(row.child.startedAt, (since) => text.duration(now - since)) : none
  ),
  column("LAST EXIT", 9, 8, "left", ({ facts, now, row }, width) => {
    const exit = lastExit(row.child, facts)
    if (exit === undefined) return none
    const age = `, ${text.duration(now - exit.at)} ago`
    const isRoomy = text.width(exit.text) + age.length <= width
    return span(isRoomy ? `${exit.text}${age}` : exit.text, exit.style)
  })
]

interface Plan {
  readonly name: number
  readonly columns: ReadonlyArray<Column>
}

const leastName = 16

/** Which columns there are, and how wide: what is left goes to the name and to the last exit. */
const plan = (columnCount: number): Plan => {
  const shown = columns.toSorted((a, b) => a.rank - b.rank)
  const need = () => 1 + leastName + shown.reduce((sum, { width }) => sum + 1 + width, 0)
  while (shown.length > 1 && need() > columnCount) shown.pop()
  const spare = columnCount - need()
  const hasExit = shown.some(({ title }) => title === "LAST EXIT")
  const forName = Math.min(24, hasExit ? Math.floor(spare * 0.4) : spare)
  const widen = (column: Column): Column =>
    column.title === "LAST EXIT" ? { ...column, width: column.width + spare - forName } : column
  return { name: leastName + forName, columns: columns.filter((column) => shown.includes(column)).map(widen) }
}

export const table = (
  model: Model,
  frame: Frame,
  seen: ReadonlyArray<Row>,
  height: number
): ReadonlyArray<Line> => {
  const planned = plan(frame.columns)
  const lines = seen.map((row) => line(planned, model, row, frame))
  const empty = seen.length === 0 && height > 0 ? [[span(` ${emptiness(model)}`, "faint")]] : []
  return [titles(planned), ...lines, ...empty]
}

const emptiness = (model: Model): string =>
  model.tree === undefined
    ? "Waiting for the supervisor"
    : model.filter === ""
    ? "It has no children"
    : `Nothing has "${text.printable(model.filter)}" in its path, state or kind; Esc shows all`

const titles = ({ columns, name }: Plan): Line => [
  span(` ${text.fit("NAME", name)}`, "accent"),
  ...columns.map(({ align, title, width }) => span(` ${text.fit(title, width, align)}`, "accent"))
]

const line = ({ columns, name }: Plan, model: Model, row: Row, { columns: all, now }: Frame): Line => {
  const isSelected = row.child.path === model.selected
  const subject: Subject = { model, row, facts: model.facts.get(row.child.path), now }
  const cells = columns.map(({ align, cell, width }) => {
    const { style, text: content } = cell(subject, width)
    return span(` ${text.fit(content, width, align)}`, style)
  })
  const whole = [span(isSelected ? "›" : " "), span(text.fit(nameOf(model, row, name), name)), ...cells]
  return isSelected ? overall(whole, "reverse", all) : whole
}

/** Where the path is all that says where something is, its end matters most. */
const nameOf = (model: Model, { child, depth, isCollapsed }: Row, width: number): string => {
  if (model.filter !== "") {
    const path = Array.from(text.printable(child.path))
    return text.width(path.join("")) <= width ? path.join("") : `…${path.slice(1 - width).join("")}`
  }
  const sign = groupOf(model, child.path) === undefined ? "  " : isCollapsed ? "▸ " : "▾ "
  const indent = Math.min(depth * 2, Math.max(0, width - 10))
  return `${" ".repeat(indent)}${sign}${text.printable(child.name)}`
}
