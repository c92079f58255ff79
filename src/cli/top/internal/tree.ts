/**
 * The tree as it is now: a snapshot, and the events since put into it.
 *
 * Floor 4.
 */
import type { ChildSnapshot, ExitRecord, Snapshot } from "../../../Snapshot.ts"
import type { State } from "../../../State.ts"
import { isOwn } from "../../internal/words.ts"
import type { ChildTransition, SupervisorEvent } from "../../../SupervisorEvent.ts"

/** As many ends as a child keeps by itself. */
const maxHistory = 8

/** A child as it is to be; `undefined`: it is no longer there. */
type Change = (child: ChildSnapshot | undefined) => ChildSnapshot | undefined

/** The same tree if nothing is changed. */
const edit = (tree: Snapshot, names: ReadonlyArray<string>, change: Change): Snapshot => {
  const [name, ...below] = names
  const at = tree.children.findIndex((child) => child.name === name)
  const child = tree.children[at]
  const next = below.length === 0 ? change(child) : editBelow(child, below, change)
  if (next === child) return tree
  if (child === undefined) return { ...tree, children: [...tree.children, next!] }
  return { ...tree, children: next === undefined ? tree.children.toSpliced(at, 1) : tree.children.with(at, next) }
}

const editBelow = (
  child: ChildSnapshot | undefined,
  below: ReadonlyArray<string>,
  change: Change
): ChildSnapshot | undefined => {
  if (child?.supervisor === undefined) return child
  const supervisor = edit(child.supervisor, below, change)
  return supervisor === child.supervisor ? child : { ...child, supervisor }
}

const at = (tree: Snapshot, path: string, change: Change): Snapshot => edit(tree, path.split("/"), change)

/** One event later. */
export const advance = (tree: Snapshot, event: SupervisorEvent): Snapshot => {
  switch (event._tag) {
    case "ChildAdded":
      return at(tree, event.path, () => event.child)
    case "ChildRemoved":
      return at(tree, event.path, () => undefined)
    case "ChildTransition":
      return at(tree, event.path, (child) => child && transition(child, event))
    case "ChildUnhealthy":
      return at(tree, event.path, (child) => child && { ...child, health: "unhealthy" })
    case "SupervisorTransition":
      return event.path === ""
        ? { ...tree, state: event.to }
        : at(tree, event.path, (child) => child && { ...child, supervisor: managed(child, event.to) })
    case "RestartStorm":
    case "EventsLost":
      return tree
  }
}

/** The supervisor that a manager is: another one whenever it starts. */
const managed = (child: ChildSnapshot, state: Snapshot["state"]): Snapshot =>
  child.supervisor !== undefined && state !== "Starting"
    ? { ...child.supervisor, state }
    : {
      name: child.name,
      path: child.path,
      state,
      strategy: "one-for-one",
      completed: 0,
      restarts: 0,
      abandoned: [],
      children: []
    }

const transition = (child: ChildSnapshot, event: ChildTransition): ChildSnapshot => {
  const { at, exit, from, incarnation, to } = event
  const isNew = incarnation !== child.incarnation
  const ended = exit === undefined ? child : {
    ...child,
    history: [...child.history, recordOf(child, event, exit)].slice(-maxHistory),
    startedAt: undefined,
    readyAt: undefined,
    supervisor: undefined
  }
  return {
    ...ended,
    state: to,
    incarnation,
    restarts: child.restarts + (isNew && from === "Backoff" ? 1 : 0),
    startedAt: isNew ? at : ended.startedAt,
    readyAt: to._tag === "Running" ? ended.readyAt ?? at : isNew ? undefined : ended.readyAt,
    health: isNew && child.health !== undefined ? "healthy" : child.health
  }
}

const decisions: Readonly<Partial<Record<State["_tag"], ExitRecord["decision"]>>> = {
  Pending: "restart",
  Starting: "restart",
  Backoff: "restart",
  Completed: "complete",
  GaveUp: "giveUp"
}

const recordOf = (child: ChildSnapshot, event: ChildTransition, exit: ExitRecord["exit"]): ExitRecord => ({
  incarnation: child.incarnation,
  startedAt: child.startedAt ?? event.at,
  endedAt: event.at,
  exit,
  decision: decisions[event.to._tag] ?? "asked"
})

/** What only an answer tells, put in unless the child has moved on since. */
export const complete = (tree: Snapshot, told: ChildSnapshot): Snapshot =>
  at(
    tree,
    told.path,
    (child) =>
      child === undefined || child.incarnation !== told.incarnation || child.state._tag !== told.state._tag
        ? child
        : { ...child, restarts: told.restarts, history: told.history, health: told.health }
  )

/** The child at a path. */
export const find = (tree: Snapshot | undefined, path: string): ChildSnapshot | undefined => {
  let children = tree?.children ?? []
  let child: ChildSnapshot | undefined = undefined
  for (const name of path.split("/")) {
    child = children.find((child) => child.name === name)
    children = child?.supervisor?.children ?? []
  }
  return child
}

/**
 * Every child with its depth, each before what is below it, without those that the command line adds for itself. A list
 * and no recursion: a tree may be deeper than the stack.
 */
export const walk = function*(
  tree: Snapshot,
  enters: (child: ChildSnapshot) => boolean = () => true
): Generator<{ readonly child: ChildSnapshot; readonly depth: number }> {
  const open: Array<{ readonly child: ChildSnapshot; readonly depth: number }> = []
  const put = ({ children }: Snapshot, depth: number): void => {
    for (const child of children.toReversed()) if (!isOwn(child.name)) open.push({ child, depth })
  }
  put(tree, 0)
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    yield next
    const { child, depth } = next
    if (child.supervisor !== undefined && enters(child)) put(child.supervisor, depth + 1)
  }
}
