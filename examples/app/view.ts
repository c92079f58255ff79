/**
 * The view: a child like the others. It prints a line for everything that happens, and the tree: on a terminal below
 * the lines and kept up to date, elsewhere once, when all of it is up.
 */
import { Clock, Context, Effect, Layer, Logger, References, Schedule, Stream } from "effect"
import {
  type ChildSnapshot,
  Control,
  Runnable,
  type Snapshot,
  Supervisor,
  type SupervisorEvent
} from "effect-supervisor"

const isTerminal = process.stdout.isTTY === true

const width = (): number => (process.stdout.columns ?? 81) - 1

const fit = (text: string): string => text.length > width() ? `${text.slice(0, width() - 1)}…` : text

const time = (at: number): string => new Date(at).toTimeString().slice(0, 8)

interface Line {
  readonly at: number
  readonly text: string
  readonly isLog: boolean
}

/** A line with its time, on as many rows as it takes. */
const rowsOfLine = ({ at, text }: Line): ReadonlyArray<string> => {
  const rows = [`${time(at)} `]
  for (const word of text.split("\n").join(" ").split(" ")) {
    const row = `${rows.at(-1)} ${word}`
    if (row.trimEnd().length <= width()) rows[rows.length - 1] = row
    else rows.push(`${" ".repeat(11)} ${word}`)
  }
  return rows.map((row) => row.trimEnd())
}

/**
 * The one way to the terminal: lines scroll, the tree stays at the bottom. What is logged comes at once and events a
 * little later, so lines wait for each other for a moment and come in the order in which things happened, in the same
 * millisecond events first.
 */
export class Screen extends Context.Service<Screen, {
  readonly event: (at: number, text: string) => void
  readonly log: (at: number, text: string) => void
  readonly tree: (rows: ReadonlyArray<string>) => void
  /** Shows what still waits. */
  readonly flush: () => void
}>()("app/Screen") {
  static readonly layer = Layer.sync(Screen, () => {
    let drawn: ReadonlyArray<string> = []
    const waiting: Array<Line> = []
    const draw = (above: ReadonlyArray<string>, rows: ReadonlyArray<string>) => {
      const erase = drawn.length > 0 ? `\x1b[${drawn.length}F\x1b[J` : ""
      drawn = isTerminal ? rows : []
      process.stdout.write(erase + [...above, ...rows.map(fit)].map((row) => `${row}\n`).join(""))
    }
    const flush = () => {
      const lines = waiting.splice(0)
      lines.sort((a, b) => a.at - b.at || Number(a.isLog) - Number(b.isLog))
      if (lines.length > 0) draw(lines.flatMap(rowsOfLine), drawn)
    }
    const add = (line: Line) => {
      if (waiting.push(line) === 1) setTimeout(flush, 20)
    }
    return {
      event: (at, text) => add({ at, text, isLog: false }),
      log: (at, text) => add({ at, text, isLog: true }),
      tree: (rows) => draw([], rows),
      flush
    }
  })
}

/** Sends what is logged to the screen. What the supervisor logs about a child is told by its event already. */
export const logger: Layer.Layer<never, never, Screen> = Logger.layer([
  Effect.map(Screen, (screen) =>
    Logger.make<unknown, void>(({ date, fiber, logLevel, message }) => {
      if ("child" in fiber.getRef(References.CurrentLogAnnotations)) return
      const level = logLevel === "Info" ? "" : `${logLevel}: `
      screen.log(date.getTime(), level + [message].flat().join(" "))
    }))
])

const seconds = (millis: number): string => `${(Math.max(0, millis) / 1000).toFixed(1)} s`

const noteOf = ({ incarnation, readyAt, state, supervisor }: ChildSnapshot, now: number): string => {
  switch (state._tag) {
    case "Running":
      if (supervisor !== undefined) return supervisor.strategy
      return `run ${incarnation}${isTerminal && readyAt !== undefined ? `, up ${seconds(now - readyAt)}` : ""}`
    case "Backoff":
      return `restart ${state.attempt} in ${seconds(state.until - now)}: ${state.cause?.message ?? "it ended"}`
    case "Stopping":
      return state.until === undefined ? "" : `at most ${seconds(state.until - now)} more`
    case "GaveUp":
      return state.cause.message
    case "Pending":
    case "Starting":
    case "Stopped":
    case "Held":
    case "Completed":
    case "Abandoned":
      return ""
  }
}

const rowsOf = (snapshot: Snapshot, now: number, indent: string): ReadonlyArray<string> =>
  snapshot.children.flatMap((child, index) => {
    const isLast = index === snapshot.children.length - 1
    const name = `${indent}${isLast ? "└─" : "├─"} ${child.name}`
    return [
      `${name.padEnd(16)}${child.state._tag.padEnd(10)}${noteOf(child, now)}`.trimEnd(),
      ...child.supervisor === undefined ? [] : rowsOf(child.supervisor, now, `${indent}${isLast ? "   " : "│  "}`)
    ]
  })

const lineOf = (event: SupervisorEvent): string | undefined => {
  if (event._tag === "SupervisorTransition") {
    return event.path === "" ? `${"app".padEnd(14)}is ${event.to.toLowerCase()}` : undefined
  }
  if (event._tag === "EventsLost") return `(${event.count} events were not shown)`
  if (event._tag !== "ChildTransition") return undefined
  const { incarnation, path, to } = event
  // It never started, so there is nothing to tell of its end.
  if (incarnation === 0) return undefined
  const about = path.padEnd(14)
  switch (to._tag) {
    case "Running":
      return `${about}is running${incarnation > 1 ? ` again (run ${incarnation})` : ""}`
    case "Backoff":
      return `${about}failed: ${to.cause?.message}; restart ${to.attempt} in ${seconds(to.until - event.at)}`
    case "GaveUp":
      return `${about}gave up: ${to.cause.message}`
    case "Stopping":
    case "Stopped":
    case "Held":
    case "Completed":
    case "Abandoned":
      return `${about}is ${to._tag.toLowerCase()}`
    case "Pending":
    case "Starting":
      return undefined
  }
}

const isOwnStop = (change: SupervisorEvent | Snapshot): boolean =>
  "_tag" in change && change._tag === "ChildTransition" && change.path === "view" && change.to._tag === "Stopping"

/** Tells why everything stops; the stopping itself is done by `Signals.runnable`. */
const tellSignals = (screen: Screen["Service"]) =>
  Effect.forEach(["SIGINT", "SIGTERM", "SIGQUIT"] as const, (signal) => {
    const tell = () => {
      screen.log(Date.now(), `${signal}: stopping`)
      screen.flush()
    }
    return Effect.acquireRelease(
      Effect.sync(() => process.once(signal, tell)),
      () => Effect.sync(() => process.removeListener(signal, tell))
    )
  })

/** Stands first in the list, so that it is stopped last and sees all the others end. */
export const view = Runnable.make(
  "view",
  Effect.gen(function*() {
    const screen = yield* Screen
    const supervisor = yield* Supervisor
    yield* tellSignals(screen)
    const showTree = Effect.gen(function*() {
      const snapshot = yield* supervisor.status
      const now = yield* Clock.currentTimeMillis
      screen.tree([`${snapshot.name.padEnd(16)}${snapshot.state}`, ...rowsOf(snapshot, now, "")])
    })
    const show = Effect.fnUntraced(function*(change: SupervisorEvent | Snapshot) {
      if (!("_tag" in change)) return isTerminal ? yield* showTree : undefined
      const text = lineOf(change)
      if (text !== undefined) screen.event(change.at, text)
      const isUp = change._tag === "SupervisorTransition" && change.path === "" && change.to === "Running"
      if (isUp) screen.flush()
      if (isTerminal || isUp) yield* showTree
    })
    const watch = Stream.runForEach(Stream.takeUntil(supervisor.changes, isOwnStop), show)
    // Whoever listens for the stop is not interrupted at once: so the view ends with the last event that it can see.
    const listen = Effect.andThen(Control.shutdown, Effect.never)
    const clock = isTerminal ? Effect.repeat(showTree, Schedule.spaced("250 millis")) : Effect.never
    yield* Effect.raceAllFirst([watch, listen, clock])
    screen.flush()
    screen.tree([])
  })
)
