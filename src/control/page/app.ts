/**
 * What the page knows and what it is doing. Whatever comes is collected and taken over once per frame, however much it is;
 * what shows it looks at `tick`.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals"
import { type Action, doing } from "./actions.ts"
import { type Change, correct, empty, isSnapshot, type Picture, reduce } from "../internal/picture.ts"
import * as api from "./api.ts"
import * as feed from "./feed.ts"
import * as rows from "./rows.ts"
import * as timeline from "./timeline.ts"
import * as usage from "./usage.ts"
import type { ChildSnapshot, Details, ServerInfo, Usages } from "./wire.ts"

export type Tab = "logs" | "exits" | "facts" | "events"

export type Dialog =
  | { readonly _tag: "Confirm"; readonly action: Action; readonly path: string }
  | { readonly _tag: "Help" }

/** An operation that was asked for. */
export interface Activity {
  readonly id: number
  readonly action: Action
  readonly path: string
  readonly outcome: api.Outcome | undefined
}

export let model: Picture = empty
/** Grows with every frame in which the model has changed. */
export const tick: Signal<number> = signal(0)
/** Another one whenever there are other children than before. */
const order: Signal<Picture["order"]> = signal(empty.order)
/** Grows every second; who reads the time is drawn again then. */
const second: Signal<number> = signal(0)
export const now = (): number => {
  void second.value
  return Date.now()
}

export const status: Signal<feed.FeedStatus> = signal({ _tag: "Connecting" })
export const server: Signal<ServerInfo | undefined> = signal(undefined)
export const usages: Signal<usage.Usage> = signal(usage.none)
export const moments: Signal<ReadonlyArray<timeline.Moment>> = signal([])

export const selected: Signal<string> = signal("")
/** On a narrow screen either the tree is shown or what is selected. */
export const isOpen: Signal<boolean> = signal(false)
export const tab: Signal<Tab> = signal("logs")
export const collapsed: Signal<ReadonlySet<string>> = signal(new Set())
export const filter: Signal<string> = signal("")
export const dialog: Signal<Dialog | undefined> = signal(undefined)
export const activities: Signal<ReadonlyArray<Activity>> = signal([])
export const details: Signal<Details | undefined> = signal(undefined)

/** Whether the application is a node of a cluster, and whether that is what is looked at. */
const isNode: Signal<boolean> = signal(false)
const wantsCluster: Signal<boolean> = signal(false)
export const hasCluster: ReadonlySignal<boolean> = isNode
export const isClusterOpen: ReadonlySignal<boolean> = computed(() => isNode.value && wantsCluster.value)

export const isReadOnly: ReadonlySignal<boolean> = computed(() => server.value?.readOnly ?? true)

export const hasTree: ReadonlySignal<boolean> = computed(() => order.value.has(""))

export const visible: ReadonlySignal<ReadonlyArray<rows.Row>> = computed(() => {
  // A filter may be about states, which change without changing the shape.
  if (filter.value !== "") void tick.value
  void order.value
  return rows.rowsOf(model, collapsed.value, filter.value)
})

export type Kind = "job" | "fiber" | "manager"

export const kindOf = (path: string): Kind => model.known.has(path) ? "manager" : isJob(path) ? "job" : "fiber"

/** Who was ever seen to be a process: between two runs it uses nothing. */
const jobs = new Set<string>()

export const isJob = (path: string): boolean => {
  if (path === "") return false
  if (usages.value.has(path) || (details.value?.path === path && details.value.job !== undefined)) jobs.add(path)
  return jobs.has(path)
}

export const pidOf = (path: string): number | undefined => {
  if (path === "") return server.value?.pid
  const series = usages.value.get(path)
  if (series !== undefined && series.pid !== undefined) return series.pid
  return details.value?.path === path ? details.value.job?.pid : undefined
}

// ---------------------------------------------------------------------------------------------------- what comes in

let waiting: Array<Change> = []
let isScheduled = false

/** Does it before the next frame is drawn; nobody draws a page that nobody sees. */
export const beforeFrame = (work: () => void): void => {
  if (document.hidden) setTimeout(work, 250)
  else requestAnimationFrame(work)
}

const hear = (changes: ReadonlyArray<Change>): void => {
  for (const change of changes) waiting.push(change)
  if (isScheduled) return
  isScheduled = true
  beforeFrame(takeOver)
}

const takeOver = (): void => {
  isScheduled = false
  const changes = waiting
  waiting = []
  model = reduce(model, changes)
  batch(() => {
    moments.value = timeline.tell(moments.value, changes)
    if (moments.value.length === 0) moments.value = timeline.recall(model.children.values())
    tick.value++
    if (model.order !== order.value) {
      order.value = model.order
      if (selected.value !== "" && !model.children.has(selected.value)) selected.value = ""
      for (const path of jobs) if (!model.children.has(path)) jobs.delete(path)
    }
  })
  if (changes.some((change) => isSnapshot(change) || change.path === selected.value)) refresh()
}

let connection: feed.Feed | undefined

export const connect = (): void => {
  connection = feed.open({
    url: "/api/watch",
    onStatus: (next) => {
      status.value = next
    },
    on: {
      hello: (hello: { readonly server: ServerInfo; readonly isNode: boolean }) => {
        server.value = hello.server
        isNode.value = hello.isNode
      },
      cluster: (cluster: { readonly isNode: boolean }) => {
        isNode.value = cluster.isNode
      },
      change: hear,
      usage: (sample: Usages) => {
        usages.value = usage.next(usages.value, sample, Date.now())
        void correctSome()
      }
    }
  })
  setInterval(() => {
    second.value++
  }, 1000)
  rest()
}

export const retry = (): void => connection?.retryNow()

/** A page that nobody has looked at for a while costs the server nothing. */
const rest = (): void => {
  let timer: ReturnType<typeof setTimeout> | undefined
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer)
    if (document.hidden) timer = setTimeout(() => connection?.rest(), 30_000)
    else if (status.value._tag === "Resting") retry()
  })
}

// -------------------------------------------------------------------------------------------- what has to be asked

const askedAtOnce = 8

/** What events leave open is asked for, a little at a time. */
const correctSome = async (): Promise<void> => {
  const some = Array.from(model.unsure).slice(0, askedAtOnce)
  const answers = await Promise.all(some.map(api.details))
  for (const said of answers) if (said?.child) believe(said.child)
}

const believe = (said: ChildSnapshot): void => {
  const before = model
  model = correct(model, said)
  if (model !== before) tick.value++
}

let refreshing: ReturnType<typeof setTimeout> | undefined

/** The details of what is selected, not more often than anybody reads them. */
const refresh = (): void => {
  if (refreshing !== undefined) return
  refreshing = setTimeout(() => {
    refreshing = undefined
    void refreshNow()
  }, 150)
}

const refreshNow = async (): Promise<void> => {
  const path = selected.value
  if (path === "") return
  const said = await api.details(path)
  if (selected.value !== path) return
  details.value = said
  if (said?.child) believe(said.child)
}

export const select = (path: string): void => {
  if (selected.value === path) return
  selected.value = path
  details.value = undefined
  void refreshNow()
}

export const toggle = (path: string, isCollapsed: boolean = !collapsed.value.has(path)): void => {
  const next = new Set(collapsed.value)
  if (isCollapsed) next.add(path)
  else next.delete(path)
  collapsed.value = next
}

export const toggleCluster = (): void => {
  if (isNode.value) wantsCluster.value = !wantsCluster.value
}

/** It is no node any more. */
export const leaveCluster = (): void => {
  isNode.value = false
}

// ------------------------------------------------------------------------------------------------------- what is done

export const ask = (action: Action, path: string): void => {
  if (!isReadOnly.value) dialog.value = { _tag: "Confirm", action, path }
}

let activityCount = 0

/** How long an activity that went well stays on the page, in milliseconds. */
const lingerMillis = 6000

export const perform = async (action: Action, path: string, said: string): Promise<void> => {
  const id = ++activityCount
  activities.value = [...activities.value, { id, action, path, outcome: undefined }]
  const outcome = await api.post(action.verb, bodyOf(action, path, said))
  activities.value = activities.value.map((other) => other.id === id ? { ...other, outcome } : other)
  refresh()
  if (outcome._tag === "Done") setTimeout(() => dismiss(id), lingerMillis)
}

export const dismiss = (id: number): void => {
  activities.value = activities.value.filter((other) => other.id !== id)
}

const bodyOf = ({ field }: Action, path: string, said: string): unknown => {
  if (field === "signal") return { target: path, signal: said }
  if (field === "name") return { name: said }
  return path === "" ? {} : { target: path }
}

/** `Stopping web/api`. */
export const titleOf = ({ action, path }: Activity): string =>
  path === "" ? doing[action.verb] : `${doing[action.verb]} ${path}`
