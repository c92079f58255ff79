/**
 * The tree as somebody knows it who watches it: a snapshot, and what the events since have made of it.
 *
 * Pure, and without anything of Effect's at run time, since a browser loads it too. A picture is never changed: what an
 * event is about is replaced, everything else is the same as before, so that whoever shows it can tell by identity what
 * there is to do. It is flat, by paths: a tree may be deeper than the stack.
 *
 * **Gotchas**
 *
 * An event does not say everything: how a child ended that is started again by hand, or that it is healthy again. Such a
 * child is `unsure` until somebody asks the server for it and tells `correct`. What a reconciliation does to children
 * that it keeps, their order and their settings, is no event at all: it is seen with the next snapshot.
 *
 * Floor 4.
 */
import type { ChildSnapshot, Snapshot } from "../../Snapshot.ts"
import type { ChildTransition, SupervisorEvent, SupervisorTransition } from "../../SupervisorEvent.ts"
import * as rules from "./pictureRules.ts"
import type { Child, Group } from "./pictureRules.ts"

export type { Child, Group } from "./pictureRules.ts"

export type Change = SupervisorEvent | Snapshot

export interface Picture {
  readonly children: ReadonlyMap<string, Child>
  /** The supervisors that run, by path; the root's is empty. */
  readonly groups: ReadonlyMap<string, Group>
  /** The paths of the children of each of them, in order. Another one whenever there are other children. */
  readonly order: ReadonlyMap<string, ReadonlyArray<string>>
  /** Every supervisor that was ever seen, also one that does not run now. */
  readonly known: ReadonlyMap<string, Pick<Group, "name" | "strategy">>
  /** Who has a health check. */
  readonly checked: ReadonlySet<string>
  readonly unsure: ReadonlySet<string>
}

/** Before the first snapshot. */
export const empty: Picture = {
  children: new Map(),
  groups: new Map(),
  order: new Map(),
  known: new Map(),
  checked: new Set(),
  unsure: new Set()
}

export const isSnapshot = (change: Change): change is Snapshot => !("_tag" in change)

/** The path of the supervisor that a child is under. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")))

/** The picture after all of these. The same one if nothing is changed by them. */
export const reduce = (picture: Picture, changes: Iterable<Change>): Picture => {
  const draft = new Draft(picture)
  for (const change of changes) apply(draft, change)
  return draft.picture
}

/**
 * Puts in what the server says of a child. It is believed if it is about the very moment that the picture knows:
 * otherwise events are on their way that would count twice. The same picture if it is not.
 */
export const correct = (picture: Picture, said: ChildSnapshot): Picture => {
  const child = picture.children.get(said.path)
  if (child?.incarnation !== said.incarnation || child.state._tag !== said.state._tag) return picture
  const draft = new Draft(picture)
  const { supervisor, ...rest } = said
  const group = picture.groups.get(said.path)
  if (supervisor && group !== undefined) {
    setGroup(draft, { ...group, name: supervisor.name, strategy: supervisor.strategy })
  }
  draft.children.edit().set(said.path, { ...rest, since: child.since })
  if (said.health) draft.mark("checked", said.path)
  if (said.health !== "unhealthy") draft.unmark("unsure", said.path)
  return draft.picture
}

/** The picture as a snapshot: what the server would say. */
export const snapshotOf = (picture: Picture, path: string = ""): Snapshot => ({
  ...picture.groups.get(path)!,
  children: (picture.order.get(path) ?? []).map((path) => childOf(picture, picture.children.get(path)!))
})

const childOf = (picture: Picture, { since: _seen, ...child }: Child): ChildSnapshot => ({
  ...child,
  supervisor: picture.groups.has(child.path) ? snapshotOf(picture, child.path) : undefined
})

// ------------------------------------------------------------------------------------------------- what is changed

/** One part of a picture, copied when it is first changed. */
class Part<A, B extends A> {
  private made: B | undefined = undefined
  private readonly before: A
  private readonly copy: (before: A) => B
  constructor(before: A, copy: (before: A) => B) {
    this.before = before
    this.copy = copy
  }
  get now(): A {
    return this.made ?? this.before
  }
  edit(): B {
    return this.made ??= this.copy(this.before)
  }
}

const mapOf = <A>(before: ReadonlyMap<string, A>) =>
  new Part<ReadonlyMap<string, A>, Map<string, A>>(before, (map) => new Map(map))
const setOf = (before: ReadonlySet<string>) => new Part<ReadonlySet<string>, Set<string>>(before, (set) => new Set(set))

/** A picture in the making. */
class Draft {
  readonly children
  readonly groups
  readonly order
  readonly known
  readonly checked
  readonly unsure
  /** The lists of children that are this draft's own. */
  private readonly lists = new Set<unknown>()
  private readonly before: Picture

  constructor(before: Picture) {
    this.before = before
    this.children = mapOf(before.children)
    this.groups = mapOf(before.groups)
    this.order = mapOf(before.order)
    this.known = mapOf(before.known)
    this.checked = setOf(before.checked)
    this.unsure = setOf(before.unsure)
  }

  get picture(): Picture {
    const picture = {
      children: this.children.now,
      groups: this.groups.now,
      order: this.order.now,
      known: this.known.now,
      checked: this.checked.now,
      unsure: this.unsure.now
    }
    return isEqual(picture, this.before) ? this.before : picture
  }

  mark(part: "checked" | "unsure", path: string): void {
    if (!this[part].now.has(path)) this[part].edit().add(path)
  }

  unmark(part: "checked" | "unsure", path: string): void {
    if (this[part].now.has(path)) this[part].edit().delete(path)
  }

  place(path: string, siblings: Array<string>): Array<string> {
    this.lists.add(siblings)
    this.order.edit().set(path, siblings)
    return siblings
  }

  /** The children of a supervisor, to be changed. */
  siblings(path: string): Array<string> {
    const siblings = this.order.now.get(path) ?? []
    return this.lists.has(siblings) ? siblings as Array<string> : this.place(path, siblings.slice())
  }
}

const isEqual = (a: Picture, b: Picture): boolean =>
  (Object.keys(a) as Array<keyof Picture>).every((part) => a[part] === b[part])

const apply = (draft: Draft, change: Change): void => {
  if (isSnapshot(change)) return begin(draft, change)
  switch (change._tag) {
    case "ChildAdded":
      return added(draft, change.child)
    case "ChildRemoved":
      return removed(draft, change.path)
    case "ChildTransition":
      return transition(draft, change)
    case "ChildUnhealthy":
      return unhealthy(draft, change.path)
    case "SupervisorTransition":
      return supervisor(draft, change)
    case "RestartStorm":
    case "EventsLost":
      return
  }
}

// ------------------------------------------------------------------------------------------- which children there are

/** Nothing of before is of use but who was a supervisor, and who has a health check. */
const begin = (draft: Draft, snapshot: Snapshot): void => {
  for (const part of [draft.children, draft.groups, draft.order, draft.unsure]) part.edit().clear()
  put(draft, "", snapshot)
}

const put = (draft: Draft, at: string, snapshot: Snapshot): void => {
  const open: Array<readonly [path: string, snapshot: Snapshot]> = [[at, snapshot]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [path, { children, ...group }] = next
    setGroup(draft, { ...group, path })
    draft.place(path, children.map((child) => child.path))
    for (const child of children) {
      setChild(draft, child)
      if (child.supervisor) open.push([child.path, child.supervisor])
    }
  }
}

const setGroup = (draft: Draft, group: Group): void => {
  const { name, path, strategy } = group
  draft.groups.edit().set(path, group)
  draft.known.edit().set(path, { name, strategy })
}

const setChild = (draft: Draft, { supervisor: _below, ...child }: ChildSnapshot): void => {
  if (child.health) draft.mark("checked", child.path)
  draft.children.edit().set(child.path, { ...child, since: undefined })
}

const added = (draft: Draft, child: ChildSnapshot): void => {
  const parent = parentOf(child.path)
  if (!draft.order.now.has(parent)) return
  if (!draft.children.now.has(child.path)) draft.siblings(parent).push(child.path)
  setChild(draft, child)
  if (child.supervisor) put(draft, child.path, child.supervisor)
}

const removed = (draft: Draft, path: string): void => {
  if (!draft.children.now.has(path)) return
  clear(draft, path)
  forget(draft, path)
  const siblings = draft.order.now.get(parentOf(path)) ?? []
  draft.place(parentOf(path), siblings.filter((other) => other !== path))
}

const forget = (draft: Draft, path: string): void => {
  draft.children.edit().delete(path)
  draft.known.edit().delete(path)
  draft.unmark("unsure", path)
  draft.unmark("checked", path)
}

/** Takes away what is below a supervisor that has ended. */
const clear = (draft: Draft, path: string): void => {
  if (!draft.order.now.has(path)) return
  const open = [path]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const children = draft.order.now.get(next)
    if (children === undefined) continue
    draft.order.edit().delete(next)
    draft.groups.edit().delete(next)
    for (const child of children) {
      forget(draft, child)
      open.push(child)
    }
  }
}

// ------------------------------------------------------------------------------------------------ what a child does

const transition = (draft: Draft, event: ChildTransition): void => {
  const { path } = event
  const child = draft.children.now.get(path)
  if (child === undefined) return
  const group = draft.groups.now.get(parentOf(path))
  if (rules.isGuessed(event, group?.strategy)) draft.mark("unsure", path)
  draft.children.edit().set(path, rules.childAfter(child, event, draft.checked.now.has(path)))
  const next = group && rules.groupAfter(group, child, event)
  if (next !== undefined && next !== group) draft.groups.edit().set(next.path, next)
  if (event.from === "Abandoned" || event.to._tag === "Abandoned") abandoned(draft, event)
}

/** Every supervisor above it knows. */
const abandoned = (draft: Draft, event: ChildTransition): void => {
  for (let at = event.path; at !== "";) {
    at = parentOf(at)
    const group = draft.groups.now.get(at)
    if (group === undefined) return
    draft.groups.edit().set(at, { ...group, abandoned: rules.abandonedAfter(group.abandoned, event) })
  }
}

const unhealthy = (draft: Draft, path: string): void => {
  const child = draft.children.now.get(path)
  if (child === undefined) return
  draft.mark("checked", path)
  draft.mark("unsure", path)
  draft.children.edit().set(path, { ...child, health: "unhealthy" })
}

// -------------------------------------------------------------------------------------------- what a supervisor does

const supervisor = (draft: Draft, { path, to }: SupervisorTransition): void => {
  const isEnd = to === "Stopped" || to === "Failed"
  if (path !== "" && isEnd) return clear(draft, path)
  if (path !== "" && to === "Starting") return began(draft, path)
  const group = draft.groups.now.get(path)
  if (group !== undefined) draft.groups.edit().set(path, { ...group, state: to })
}

/** A supervisor has begun anew: it has the children that it is going to tell of. */
const began = (draft: Draft, path: string): void => {
  const child = draft.children.now.get(path)
  if (child === undefined) return
  clear(draft, path)
  const known = draft.known.now.get(path)
  if (known === undefined) draft.mark("unsure", path)
  const { name, strategy } = known ?? { name: child.name, strategy: "one-for-one" as const }
  setGroup(draft, { name, path, state: "Starting", strategy, completed: 0, restarts: 0, abandoned: [] })
  draft.place(path, [])
}
