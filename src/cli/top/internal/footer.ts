/**
 * The two lines at the bottom: what is going on, and which keys there are.
 *
 * Floor 4.
 */
import type { Model, Task } from "../Model.ts"
import { selectedOf } from "../Query.ts"
import type { Frame } from "../View.ts"
import { pathOf, title } from "./actions.ts"
import { type Line, type Span, span, widthOf } from "./style.ts"
import * as text from "./text.ts"
import { looks, until, why } from "./words.ts"

/** How long the outcome of an action is shown. */
const shownFor = 8000

export const footer = (
  model: Model,
  frame: Frame
): readonly [Line, Line] => [status(model, frame), prompt(model, frame)]

const status = (model: Model, { now }: Frame): Line => {
  if (model.link._tag === "Lost") return [span(` ${model.link.reason}`, "bad")]
  const task = model.tasks.at(-1)
  if (task !== undefined && (task.outcome === undefined || now - task.outcome.at < shownFor)) {
    return progress(model, task, now)
  }
  const child = selectedOf(model)
  if (child === undefined) return []
  return [
    span(` ${text.printable(child.path)} `, "strong"),
    span(why(child, model.facts.get(child.path), now), child.state._tag === "GaveUp" ? "bad" : "plain")
  ]
}

const progress = (model: Model, task: Task, now: number): Line => {
  const others = model.tasks.filter(({ id, outcome }) => outcome === undefined && id !== task.id).length
  const also = others === 0 ? [] : [span(`  (${others} more under way)`, "faint")]
  const what = span(` ${title(task.action)}: `, "strong")
  if (task.outcome !== undefined) {
    const { isGood, text } = task.outcome
    return [what, span(`${isGood ? "✓" : "✗"} ${text}`, isGood ? "good" : "bad"), ...also]
  }
  return [what, span(doing(model, task, now), "busy"), ...also]
}

const doing = (model: Model, { action, startedAt }: Task, now: number): string => {
  const path = pathOf(action)
  const state = path === undefined ? undefined : model.tree?.children.get(path)?.state
  const lasted = now - startedAt < 1000 ? "" : ` for ${text.duration(now - startedAt)}`
  const word = state?._tag === "Stopping" || state?._tag === "Starting" ? looks[state._tag].word : "under way"
  const left = state?._tag === "Stopping" && state.until !== undefined
    ? `, at most ${until(state.until, now)} more`
    : ""
  return `${word}${lasted}${left}`
}

const prompt = (model: Model, frame: Frame): Line => {
  const { mode } = model
  switch (mode._tag) {
    case "Confirming": {
      const keys = "  y yes  n no"
      return [span(text.cut(` ${mode.question}`, frame.columns - keys.length), "warn"), span(keys, "strong")]
    }
    case "Filtering":
      return [
        span(" / ", "accent"),
        span(text.printable(model.filter)),
        span(" ", "reverse"),
        ...hints([["enter", "keep"], ["esc", "undo"]], frame, 40)
      ]
    case "Signalling":
      return hints([["↑↓ 1-9", "choose"], ["enter", "send"], ["esc", "back"]], frame)
    case "Help":
      return hints([["any key", "back"]], frame)
    case "Reading":
      return hints([["↑↓", "scroll"], ["f", "follow"], ["i", "logs/about"], ["w", "wrap"], ["l", "back"], [
        "?",
        "help"
      ]], frame)
    case "Browsing":
      return [
        ...model.filter === "" ? [] : [span(` /${text.cut(text.printable(model.filter), 12)}`, "warn")],
        ...hints(browsing, frame, model.filter === "" ? 0 : 15)
      ]
  }
}

/** Those at the front stay the longest. */
const browsing: ReadonlyArray<Hint> = [
  ["?", "help"],
  ["q", "quit"],
  ["s", "start"],
  ["x", "stop"],
  ["r", "restart"],
  ["R", "reload"],
  ["l", "log"],
  ["/", "filter"],
  ["K", "signal"],
  ["i", "about"],
  ["h", "hold"],
  ["H", "release"],
  ["d", "remove"]
]

type Hint = readonly [key: string, word: string]

const hints = (all: ReadonlyArray<Hint>, { columns }: Frame, taken = 0): Line => {
  const shown: Array<Span> = []
  for (const [key, word] of all) {
    const next = [span(`${shown.length === 0 ? " " : "  "}${key}`, "strong"), span(` ${word}`, "faint")]
    if (taken + widthOf([...shown, ...next]) > columns) break
    shown.push(...next)
  }
  return shown
}
