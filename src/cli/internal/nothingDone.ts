/**
 * Why an operation had nothing to do, by what its child is now.
 *
 * Floor 4.
 */
import type { ChildSnapshot } from "../../Snapshot.ts"
import type { State } from "../../State.ts"
import { state as stateWord } from "./words.ts"

/** What is asked of a child, by its command. */
export type Verb = "start" | "stop" | "restart" | "hold" | "release" | "signal"

/** In words that the path of the child is put before. */
export interface Nothing {
  readonly text: string
  /** It is not what was asked for: more than this command is needed. */
  readonly isMissed: boolean
}

const fine = (text: string): Nothing => ({ text, isMissed: false })
const missed = (text: string): Nothing => ({ text, isMissed: true })

type Answers = Readonly<Partial<Record<State["_tag"], (path: string) => Nothing>>>

const abandoned = () => missed("was stopped before but would not end, and still runs")

const down: Answers = {
  Stopped: () => fine("is stopped already"),
  Held: () => fine("is held, and so stopped already"),
  Completed: () => fine("has completed, and is not running"),
  GaveUp: () => fine("has given up, and is not running"),
  Pending: () => fine("is not running: it was not started yet"),
  Abandoned: abandoned
}

const up: Answers = {
  Pending: () => fine("is pending: it starts when those before it are ready"),
  Starting: () => fine("is starting already"),
  Running: () => fine("is up already"),
  Stopping: (path) => missed(`is being stopped for a hold: it stays down until "esv release ${path}"`),
  Held: (path) => missed(`is held: it stays down until "esv release ${path}"`),
  Abandoned: () => missed("was stopped before but would not end, and still runs: nothing is started beside it")
}

const answers: Readonly<Record<Verb, Answers>> = {
  start: up,
  restart: { ...up, Starting: () => fine("is starting"), Running: () => fine("is up again, by another operation") },
  stop: down,
  hold: { Held: () => fine("is held already"), Abandoned: abandoned },
  release: {
    Starting: () => fine("is not held: it is starting already"),
    Running: () => fine("is not held: it is up already"),
    Stopped: (path) => missed(`is not held but stopped: "esv start ${path}" starts it`),
    Completed: (path) => missed(`is not held, and has completed: "esv start ${path}" starts it`),
    GaveUp: (path) => missed(`is not held, and has given up: "esv start ${path}" starts it`)
  },
  signal: down
}

/** `child` is what it is now; `undefined` if it has gone. */
export const nothingDone = (verb: Verb, path: string, child: ChildSnapshot | undefined): Nothing => {
  if (child === undefined) return missed("is not there any more")
  const answer = answers[verb][child.state._tag]
  return answer === undefined ? fine(`is ${stateWord(child)}: there was nothing to do`) : answer(path)
}
