/**
 * What each key does, in each mode.
 *
 * Floor 4.
 */
import type { Action, Model, Verb } from "../Model.ts"
import { groupOf, layoutOf, rowsOf, selectedOf, showsLog, sizeOf } from "../Query.ts"
import * as actions from "./actions.ts"
import { move, type Step, step } from "./steps.ts"

/** The keys with a word for each, as the last line and the help show them. */
export const verbs: ReadonlyArray<readonly [key: string, verb: Verb]> = [
  ["s", "start"],
  ["x", "stop"],
  ["r", "restart"],
  ["h", "hold"],
  ["H", "release"],
  ["d", "remove"]
]

const verbOf: ReadonlyMap<string, Verb> = new Map(verbs)

export const press = (model: Model, key: string, now: number): Step => {
  if (key === "ctrl-c") return step(model, { _tag: "Quit" })
  if (key === "ctrl-l") return step(model, { _tag: "Redraw" })
  if (key === "ctrl-z") return step(model, { _tag: "Suspend" })
  switch (model.mode._tag) {
    case "Browsing":
      return browse(model, key, now)
    case "Reading":
      return read(model, key)
    case "Confirming":
      return confirm(model, model.mode.action, key, now)
    case "Signalling":
      return chooseSignal(model, model.mode, key, now)
    case "Filtering":
      return step(filter(model, model.mode.before, key))
    case "Help":
      return step(browsing(model))
  }
}

const browsing = (model: Model): Model => ({ ...model, mode: { _tag: "Browsing" } })

const browse = (model: Model, key: string, now: number): Step => {
  const verb = verbOf.get(key)
  if (verb !== undefined) return onSelected(model, now, (path) => ({ _tag: "Verb", verb, path }))
  switch (key) {
    case "q":
      return step(model, { _tag: "Quit" })
    case "R":
      return onSelected(model, now, (path) => ({ _tag: "Reload", path }))
    case "C":
      return ask(model, { _tag: "Reconcile" }, now)
    case "Q":
      return ask(model, { _tag: "Shutdown" }, now)
    case "K":
      return model.selected === undefined
        ? step(model)
        : step({ ...model, mode: { _tag: "Signalling", path: model.selected, index: 0 } })
    default:
      return step(look(model, key))
  }
}

const pageOf = (model: Model): number => Math.max(1, layoutOf(model, model.size, rowsOf(model).length).tree - 1)

/** What changes nothing but the view. */
const look = (model: Model, key: string): Model => {
  switch (key) {
    case "down":
    case "j":
      return move(model, 1)
    case "up":
    case "k":
      return move(model, -1)
    case "pagedown":
      return move(model, pageOf(model))
    case "pageup":
      return move(model, -pageOf(model))
    case "home":
    case "g":
      return move(model, Number.NEGATIVE_INFINITY)
    case "end":
    case "G":
      return move(model, Number.MAX_SAFE_INTEGER)
    case "enter":
    case " ":
      return toggle(model)
    case "left":
      return fold(model)
    case "right":
      return unfold(model)
    case "/":
      return { ...model, mode: { _tag: "Filtering", before: model.filter } }
    case "escape":
      return model.filter === "" ? { ...model, tasks: [] } : { ...model, filter: "" }
    case "?":
      return { ...model, mode: { _tag: "Help" } }
    case "l":
      return { ...model, mode: { _tag: "Reading", back: 0 } }
    default:
      return paneKey(model, key)
  }
}

/** What both sizes of the lower pane know. */
const paneKey = (model: Model, key: string): Model => {
  switch (key) {
    case "i":
    case "tab":
      return {
        ...model,
        pane: model.pane === "logs" ? "details" : "logs",
        mode: model.mode._tag === "Reading" ? { _tag: "Reading", back: 0 } : model.mode
      }
    case "w":
      return { ...model, wraps: !model.wraps }
    default:
      return model
  }
}

const collapse = (model: Model, path: string, isCollapsed: boolean): Model => {
  const collapsed = new Set(model.collapsed)
  if (isCollapsed) collapsed.add(path)
  else collapsed.delete(path)
  return { ...model, collapsed }
}

const toggle = (model: Model): Model => {
  const child = selectedOf(model)
  return child === undefined || groupOf(model, child.path) === undefined
    ? model
    : collapse(model, child.path, !model.collapsed.has(child.path))
}

/** An open manager is closed; from anywhere else it goes up. */
const fold = (model: Model): Model => {
  const child = selectedOf(model)
  if (child === undefined) return model
  if (groupOf(model, child.path) !== undefined && !model.collapsed.has(child.path)) {
    return collapse(model, child.path, true)
  }
  const parent = child.path.slice(0, Math.max(0, child.path.lastIndexOf("/")))
  return parent === "" || model.filter !== "" ? model : { ...model, selected: parent }
}

/** A closed manager is opened; from an open one it goes down. */
const unfold = (model: Model): Model => {
  const child = selectedOf(model)
  if (child === undefined || groupOf(model, child.path) === undefined) return model
  if (model.collapsed.has(child.path)) return collapse(model, child.path, false)
  return sizeOf(model, child.path) === 0 || model.filter !== "" ? model : move(model, 1)
}

/** What is known of a child is not longer. */
const mostDetails = 60

const read = (model: Model, key: string): Step => {
  const back = model.mode._tag === "Reading" ? model.mode.back : 0
  const isLog = showsLog(model)
  // A log is read from its end, and everything else from its beginning.
  const scroll = (up: number): Step => {
    const most = isLog ? Math.max(0, (model.logs?.lines.length ?? 0) - 1) : mostDetails
    const next = Math.max(0, Math.min(back + (isLog ? up : -up), most))
    return step({ ...model, mode: { _tag: "Reading", back: next } })
  }
  const page = Math.max(1, layoutOf(model, model.size, 0).pane - 1)
  switch (key) {
    case "q":
    case "l":
    case "escape":
    case "left":
      return step(browsing(model))
    case "up":
    case "k":
      return scroll(1)
    case "down":
    case "j":
      return scroll(-1)
    case "pageup":
      return scroll(page)
    case "pagedown":
    case " ":
      return scroll(-page)
    case "home":
    case "g":
      return scroll(Number.MAX_SAFE_INTEGER)
    case "end":
    case "G":
      return scroll(Number.MIN_SAFE_INTEGER)
    case "f":
      return step({ ...model, mode: { _tag: "Reading", back: 0 } })
    case "?":
      return step({ ...model, mode: { _tag: "Help" } })
    default:
      return step(paneKey(model, key))
  }
}

const onSelected = (model: Model, now: number, action: (path: string) => Action): Step =>
  model.selected === undefined ? step(model) : ask(model, action(model.selected), now)

/** Nothing is asked for that cannot be done. */
const ask = (model: Model, action: Action, now: number): Step => {
  const impossible = model.link._tag !== "Connected"
    ? "there is no connection to the supervisor"
    : model.link.server.readOnly
    ? "the supervisor is read-only"
    : undefined
  if (impossible !== undefined) {
    const outcome = { at: now, isGood: false, text: impossible }
    const task = { id: model.nextTask, action, startedAt: now, outcome }
    return step({ ...browsing(model), nextTask: model.nextTask + 1, tasks: [...model.tasks, task] })
  }
  const question = actions.question(model, action)
  return question === undefined
    ? act(model, action, now)
    : step({ ...model, mode: { _tag: "Confirming", action, question } })
}

const act = (model: Model, action: Action, now: number): Step => {
  const id = model.nextTask
  const tasks = [...model.tasks, { id, action, startedAt: now, outcome: undefined }]
  return step({ ...browsing(model), tasks, nextTask: id + 1 }, { _tag: "Do", id, action })
}

/** Only "y" is yes: what stops something is not to be done by a slip. */
const confirm = (model: Model, action: Action, key: string, now: number): Step =>
  key === "y" || key === "Y" ? act(model, action, now) : step(browsing(model))

const chooseSignal = (
  model: Model,
  { index, path }: Extract<Model["mode"], { _tag: "Signalling" }>,
  key: string,
  now: number
): Step => {
  const to = (index: number) =>
    step({
      ...model,
      mode: { _tag: "Signalling" as const, path, index: (index + actions.signals.length) % actions.signals.length }
    })
  const send = (index: number) => ask(model, { _tag: "Signal", path, signal: actions.signals[index]![0] }, now)
  if (/^[1-9]$/.test(key) && Number(key) <= actions.signals.length) return send(Number(key) - 1)
  switch (key) {
    case "down":
    case "j":
      return to(index + 1)
    case "up":
    case "k":
      return to(index - 1)
    case "enter":
      return send(index)
    case "escape":
    case "q":
    case "K":
      return step(browsing(model))
    default:
      return step(model)
  }
}

const filter = (model: Model, before: string, key: string): Model => {
  switch (key) {
    case "enter":
      return browsing(model)
    case "escape":
      return { ...browsing(model), filter: before }
    case "backspace":
      return model.filter === ""
        ? browsing(model)
        : { ...model, filter: Array.from(model.filter).slice(0, -1).join("") }
    case "ctrl-u":
      return { ...model, filter: "" }
    case "down":
      return move(model, 1)
    case "up":
      return move(model, -1)
    default:
      // Keys with a name are no text.
      return Array.from(key).length === 1 && model.filter.length < 200
        ? { ...model, filter: `${model.filter}${key}` }
        : model
  }
}
