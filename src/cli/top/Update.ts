/**
 * What each message changes in what the full-screen view knows.
 *
 * @since 0.1.0
 */
import * as picture from "../../control/internal/picture.ts"
import type { LogEntry } from "../../process/LogStore.ts"
import { press } from "./internal/keys.ts"
import { settle, type Step, step } from "./internal/steps.ts"
import * as text from "./internal/text.ts"
import type { Command, Facts, LogRow, Measured, Message, Model } from "./Model.ts"

/** So many lines of a log are kept. */
const maxLines = 1000
/** So many actions are remembered. */
const maxTasks = 20

/**
 * The view after a message, and what is to be done because of it. `now` is in milliseconds since the epoch.
 *
 * @category combinators
 * @since 0.1.0
 */
export const update = (model: Model, message: Message, now: number): readonly [Model, ReadonlyArray<Command>] => {
  const { commands, model: next } = react(model, message, now)
  return [next === model ? model : settle(model, next), commands]
}

const react = (model: Model, message: Message, now: number): Step => {
  switch (message._tag) {
    case "Tick":
      return step(model)
    case "Key":
      return press(model, message.key, now)
    case "Resized":
      return step({ ...model, size: message.size }, { _tag: "Redraw" })
    case "Connected":
      return step({ ...model, link: { _tag: "Connected", server: message.server }, facts: new Map(), logs: undefined })
    case "Lost":
      return step(lost(model, message.reason, message.retryAt, now))
    case "Changed":
      return step(changed(model, message.changes))
    case "Measured":
      return step(measured(model, message.details, now))
    case "Logged":
      return step(
        message.path === model.selected
          ? logged(model, message.path, message.entries.slice(-maxLines).map(rowOf))
          : model
      )
    case "Skipped":
      return step(message.path === model.selected ? logged(model, message.path, [skipped]) : model)
    case "LogsFailed":
      return step(
        message.path === model.selected
          ? {
            ...model,
            logs: { path: message.path, lines: model.logs?.lines ?? [], problem: text.printable(message.problem) }
          }
          : model
      )
    case "Finished":
      return step({ ...model, tasks: finished(model, message, now) })
  }
}

const lost = (model: Model, reason: string, retryAt: number, now: number): Model => ({
  ...model,
  link: {
    _tag: "Lost",
    server: model.link._tag === "Connecting" ? undefined : model.link.server,
    reason: text.printable(reason),
    since: model.link._tag === "Lost" ? model.link.since : now,
    retryAt
  }
})

const changed = (model: Model, changes: Extract<Message, { _tag: "Changed" }>["changes"]): Model => {
  const before = model.tree ?? picture.empty
  const tree = picture.reduce(before, changes)
  if (tree === before) return model
  const mayHaveGone = changes.some((change) => picture.isSnapshot(change) || change._tag === "ChildRemoved")
  return { ...model, tree, ...(mayHaveGone ? pruned(model, tree) : {}) }
}

/** Nothing is kept of who is no longer there. */
const pruned = (model: Model, { children }: picture.Picture): Pick<Model, "facts" | "collapsed"> => {
  const facts = new Map(Array.from(model.facts).filter(([path]) => children.has(path)))
  // A manager that is down for a moment has nobody below it and stays collapsed.
  const collapsed = new Set(Array.from(model.collapsed).filter((path) => children.has(path)))
  return { facts, collapsed }
}

const measured = (model: Model, details: ReadonlyArray<Measured>, now: number): Model => {
  const facts = new Map(model.facts)
  let tree = model.tree
  for (const one of details) {
    facts.set(one.path, factsOf(one, facts.get(one.path), now))
    if (tree !== undefined && one.details?.child !== undefined) tree = picture.correct(tree, one.details.child)
  }
  return { ...model, facts, tree }
}

const factsOf = ({ details, moment }: Measured, before: Facts | undefined, now: number): Facts => {
  const job = details?.job
  const usage = job?.usage
  const isSame = before?.cpuMillis !== undefined && before.pid === job?.pid && now > before.at
  return {
    // Before its first start a process is not told from a fiber.
    kind: job !== undefined
      ? "job"
      : details?.child === undefined || details.child.incarnation === 0
      ? before?.kind
      : "fiber",
    moment,
    at: now,
    pid: job?.pid,
    command: job && text.printable(job.command),
    cpuMillis: usage?.cpuMillis,
    cpu: usage === undefined
      ? undefined
      : isSame
      ? Math.max(0, usage.cpuMillis - before.cpuMillis!) / (now - before.at) * 100
      : before?.pid === job?.pid
      ? before?.cpu
      : undefined,
    memory: usage?.memoryBytes,
    lastRun: job?.history.at(-1),
    waitsFor: (details?.waitsFor ?? []).map(text.printable)
  }
}

const logged = (model: Model, path: string, added: ReadonlyArray<LogRow>): Model => {
  const before = model.logs?.path === path ? model.logs.lines : []
  const lines = [...before, ...added].slice(-maxLines)
  // Who reads what has been is not carried away by what comes.
  const mode = model.mode._tag === "Reading" && model.mode.back > 0
    ? { ...model.mode, back: Math.min(model.mode.back + added.length, lines.length) }
    : model.mode
  return { ...model, mode, logs: { path, lines, problem: undefined } }
}

const rowOf = (entry: LogEntry): LogRow => {
  switch (entry._tag) {
    case "Line":
      return {
        kind: entry.stream === "stderr" ? "stderr" : "stdout",
        time: entry.time,
        text: text.printable(entry.text)
      }
    case "RunStarted":
      return mark(entry.time, `run ${entry.run} started${entry.pid === undefined ? "" : `, pid ${entry.pid}`}`)
    case "RunEnded":
      return mark(entry.time, `run ${entry.run} ended${how(entry)}`)
    case "Lost":
      return mark(undefined, `${entry.lines} lines were rotated away before they were read`)
  }
}

const mark = (time: number | undefined, text: string): LogRow => ({ kind: "mark", time, text })

const skipped = mark(undefined, "lines were passed over here: they come faster than they can be shown")

const how = ({ code, presumed, signal }: Extract<LogEntry, { _tag: "RunEnded" }>): string =>
  signal !== undefined
    ? ` by ${text.printable(signal)}`
    : code !== undefined
    ? ` with code ${code}`
    : presumed
    ? ", nobody saw how"
    : ""

const finished = (model: Model, message: Extract<Message, { _tag: "Finished" }>, now: number): Model["tasks"] => {
  const outcome = { at: now, isGood: message.isGood, text: text.printable(message.text) }
  const at = model.tasks.findIndex(({ id }) => id === message.id)
  return at < 0 ? model.tasks : model.tasks.with(at, { ...model.tasks[at]!, outcome }).slice(-maxTasks)
}
