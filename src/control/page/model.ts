/**
 * The tree as the page knows it: a snapshot, and what the events since have made of it.
 *
 * Pure but for its own maps: no clock, no document. Each child is one immutable record that is replaced when something
 * about it changes, so that what shows it can tell by identity whether there is anything to do.
 *
 * **Gotchas**
 *
 * An event does not say everything: how a child ended that is started again by hand, or that it is healthy again. Such a
 * child is `unsure` until somebody asks the server for it and tells `correct`.
 */
import { type Change, type ChildSnapshot, type ExitRecord, isSnapshot, type Snapshot, type State } from "./wire.ts"
import type { SupervisorEvent } from "./wire.ts"

/** A child without its subtree. What is below it is in the model under its own path. */
export interface Child extends Omit<ChildSnapshot, "supervisor"> {
  /** When its state was changed last, if that was seen. */
  readonly since: number | undefined
}

/** A supervisor without its children. */
export type Group = Omit<Snapshot, "children">

export interface Model {
  readonly children: Map<string, Child>
  /** The supervisors that run, by path; the root's is empty. */
  readonly groups: Map<string, Group>
  /** The paths of the children of each of them, in order. */
  readonly order: Map<string, Array<string>>
  /** Every supervisor that was ever seen, also one that does not run now. */
  readonly known: Map<string, Pick<Group, "name" | "strategy">>
  /** Who has a health check. */
  readonly checked: Set<string>
  readonly unsure: Set<string>
  /** Grows whenever there are other children than before. */
  shape: number
}

export const make = (): Model => ({
  children: new Map(),
  groups: new Map(),
  order: new Map(),
  known: new Map(),
  checked: new Set(),
  unsure: new Set(),
  shape: 0
})

/** How many ended incarnations a child remembers. */
const historySize = 8

export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")))

/** Makes one change. */
export const apply = (model: Model, change: Change): void => {
  if (isSnapshot(change)) return reset(model, change)
  switch (change._tag) {
    case "ChildAdded":
      return added(model, change.child)
    case "ChildRemoved":
      return removed(model, change.path)
    case "ChildTransition":
      return transition(model, change)
    case "ChildUnhealthy":
      return unhealthy(model, change.path)
    case "SupervisorTransition":
      return supervisor(model, change)
    case "RestartStorm":
    case "EventsLost":
      return
  }
}

const reset = (model: Model, snapshot: Snapshot): void => {
  for (const part of [model.children, model.groups, model.order, model.unsure]) part.clear()
  put(model, "", snapshot)
  model.shape++
}

/** A list and no recursion: a tree may be deeper than the stack. */
const put = (model: Model, at: string, snapshot: Snapshot): void => {
  const open: Array<readonly [path: string, snapshot: Snapshot]> = [[at, snapshot]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [path, { children, ...group }] = next
    setGroup(model, path, group)
    model.order.set(path, children.map((child) => child.path))
    for (const child of children) {
      setChild(model, child)
      if (child.supervisor) open.push([child.path, child.supervisor])
    }
  }
}

const setGroup = (model: Model, path: string, group: Group): void => {
  model.groups.set(path, group)
  model.known.set(path, { name: group.name, strategy: group.strategy })
}

const setChild = (model: Model, { supervisor: _below, ...child }: ChildSnapshot): void => {
  if (child.health) model.checked.add(child.path)
  model.children.set(child.path, { ...child, since: undefined })
}

const added = (model: Model, child: ChildSnapshot): void => {
  const siblings = model.order.get(parentOf(child.path))
  if (siblings === undefined) return
  if (!siblings.includes(child.path)) siblings.push(child.path)
  setChild(model, child)
  if (child.supervisor) put(model, child.path, child.supervisor)
  model.shape++
}

const removed = (model: Model, path: string): void => {
  clear(model, path)
  forget(model, path)
  const siblings = model.order.get(parentOf(path))
  const index = siblings?.indexOf(path) ?? -1
  if (index >= 0) siblings!.splice(index, 1)
  model.shape++
}

const forget = (model: Model, path: string): void => {
  model.children.delete(path)
  model.unsure.delete(path)
  model.known.delete(path)
  model.checked.delete(path)
}

/** Takes away what is below a supervisor that has ended. */
const clear = (model: Model, path: string): void => {
  const open = [path]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const children = model.order.get(next)
    model.order.delete(next)
    model.groups.delete(next)
    for (const child of children ?? []) {
      forget(model, child)
      open.push(child)
    }
  }
}

type Transition = Extract<SupervisorEvent, { readonly _tag: "ChildTransition" }>

const transition = (model: Model, event: Transition): void => {
  const child = model.children.get(event.path)
  if (child === undefined) return
  const { at, from, incarnation, path, to } = event
  const ended = recordOf(child, event)
  const isAlone = model.groups.get(parentOf(path))?.strategy === "one-for-one"
  if (isGuessed(event, isAlone)) model.unsure.add(path)
  const isRestart = countsAsRestart(event)
  model.children.set(path, {
    ...child,
    state: to,
    incarnation,
    since: at,
    restarts: child.restarts + (isRestart ? 1 : 0),
    startedAt: to._tag === "Starting" ? at : hasRun(to) ? child.startedAt : undefined,
    readyAt: to._tag === "Running" ? at : hasRun(to) && to._tag !== "Starting" ? child.readyAt : undefined,
    health: hasRun(to) && model.checked.has(path)
      ? to._tag === "Starting" ? "healthy" : child.health ?? "healthy"
      : undefined,
    history: ended === undefined ? child.history : [...child.history, ended].slice(-historySize)
  })
  const group = model.groups.get(parentOf(path))
  if (group === undefined) return
  const completed = group.completed + (to._tag === "Completed" ? 1 : 0)
  const restarts = group.restarts + (isRestart && from !== "Stopping" || ended?.decision === "restart" ? 1 : 0)
  model.groups.set(group.path, { ...group, completed, restarts, abandoned: abandonedAfter(group.abandoned, event) })
}

const hasRun = ({ _tag }: State): boolean =>
  _tag === "Starting" || _tag === "Running" || _tag === "Stopping" || _tag === "Abandoned"

/** What the event leaves open, somebody has to ask for. */
const isGuessed = ({ exit, from, to }: Transition, isAlone: boolean): boolean =>
  // It may have been taken along by a sibling's failure before somebody wanted it down.
  !isAlone && from === "Stopping" ||
  to._tag === "Pending" && (from === "Stopping" || from === "Backoff") ||
  to._tag === "Starting" && from === "Stopping" && !exit

/** A policy has granted one, or a sibling's failure has taken it along. */
const countsAsRestart = ({ exit, from, to }: Transition): boolean =>
  to._tag === "Backoff" ? from !== "Backoff" : to._tag === "Pending" && Boolean(exit)

const recordOf = (child: Child, event: Transition): ExitRecord | undefined =>
  event.exit && child.startedAt !== undefined && child.startedAt !== null
    ? {
      incarnation: child.incarnation,
      startedAt: child.startedAt,
      endedAt: event.at,
      exit: event.exit,
      decision: decisionOf(event)
    }
    : undefined

const decisionOf = ({ from, to }: Transition): ExitRecord["decision"] => {
  if (from === "Abandoned") return "asked"
  switch (to._tag) {
    case "Backoff":
      return "restart"
    case "Completed":
      return "complete"
    case "GaveUp":
      return "giveUp"
    case "Pending":
      return from === "Stopping" ? "asked" : "restart"
    case "Starting":
    case "Running":
    case "Stopping":
    case "Stopped":
    case "Held":
    case "Abandoned":
      return "asked"
  }
}

const abandonedAfter = (abandoned: ReadonlyArray<string>, { from, path, to }: Transition): ReadonlyArray<string> => {
  if (to._tag === "Abandoned") return [...abandoned, path]
  return from === "Abandoned" ? abandoned.filter((other) => other !== path) : abandoned
}

const unhealthy = (model: Model, path: string): void => {
  const child = model.children.get(path)
  if (child === undefined) return
  model.checked.add(path)
  model.unsure.add(path)
  model.children.set(path, { ...child, health: "unhealthy" })
}

type SupervisorTransition = Extract<SupervisorEvent, { readonly _tag: "SupervisorTransition" }>

const supervisor = (model: Model, { path, to }: SupervisorTransition): void => {
  const group = model.groups.get(path)
  if (path === "") {
    if (group !== undefined) model.groups.set(path, { ...group, state: to })
    return
  }
  switch (to) {
    case "Starting":
      return began(model, path)
    case "Running":
    case "Stopping":
      if (group !== undefined) model.groups.set(path, { ...group, state: to })
      return
    case "Stopped":
    case "Failed":
      clear(model, path)
      model.shape++
      return
  }
}

/** A supervisor has begun anew: it has the children that it is going to tell of. */
const began = (model: Model, path: string): void => {
  const child = model.children.get(path)
  if (child === undefined) return
  clear(model, path)
  const known = model.known.get(path)
  if (known === undefined) model.unsure.add(path)
  const { name, strategy } = known ?? { name: child.name, strategy: "one-for-one" as const }
  setGroup(model, path, { name, path, state: "Starting", strategy, completed: 0, restarts: 0, abandoned: [] })
  model.order.set(path, [])
  model.shape++
}

/**
 * What the server says of a child that the model is unsure of. It is believed if it is about the very moment that the
 * model knows: otherwise events are on their way that would count twice.
 */
export const correct = (model: Model, said: ChildSnapshot): boolean => {
  const child = model.children.get(said.path)
  if (child === undefined) return false
  if (said.incarnation !== child.incarnation || said.state._tag !== child.state._tag) return false
  const { supervisor, ...rest } = said
  const group = model.groups.get(said.path)
  if (supervisor && group !== undefined) {
    setGroup(model, said.path, { ...group, name: supervisor.name, strategy: supervisor.strategy })
  }
  model.children.set(said.path, { ...rest, since: child.since })
  if (said.health) model.checked.add(said.path)
  if (said.health !== "unhealthy") model.unsure.delete(said.path)
  return true
}

/** The model as a snapshot: what the server would say. */
export const snapshotOf = (model: Model, path: string = ""): Snapshot => ({
  ...model.groups.get(path)!,
  children: (model.order.get(path) ?? []).map((path) => childOf(model, model.children.get(path)!))
})

const childOf = (model: Model, { since: _seen, ...child }: Child): ChildSnapshot => ({
  ...child,
  supervisor: model.groups.has(child.path) ? snapshotOf(model, child.path) : undefined
})
