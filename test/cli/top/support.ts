/** What the tests of the full-screen view share: trees made by hand, keys, and looks at lines. */
import { assert } from "@effect/vitest"
import type { ChildSnapshot, ExitRecord, Snapshot } from "../../../src/Snapshot.ts"
import type { Job } from "effect-supervisor/process"
import { type Command, initial, type Measured, type Message, type Model } from "../../../src/cli/top/Model.ts"
import * as text from "../../../src/cli/top/internal/text.ts"
import { update } from "../../../src/cli/top/Update.ts"
import { type Frame, render } from "../../../src/cli/top/View.ts"
import { stripVTControlCharacters } from "node:util"

export const now = Date.UTC(2026, 0, 2, 3, 4, 5)

export const child = (path: string, options: Partial<ChildSnapshot> = {}): ChildSnapshot => ({
  name: path.slice(path.lastIndexOf("/") + 1),
  path,
  state: { _tag: "Running" },
  incarnation: 1,
  restarts: 0,
  startedAt: now - 90_000,
  readyAt: now - 90_000,
  health: undefined,
  grace: 5000,
  clampedFrom: undefined,
  significant: false,
  history: [],
  supervisor: undefined,
  ...options
})

export const snapshot = (
  name: string,
  children: ReadonlyArray<ChildSnapshot>,
  options: Partial<Snapshot> = {}
): Snapshot => ({
  name,
  path: "",
  state: "Running",
  strategy: "one-for-one",
  completed: 0,
  restarts: 0,
  abandoned: [],
  children,
  ...options
})

export const manager = (path: string, children: ReadonlyArray<ChildSnapshot>): ChildSnapshot =>
  child(path, { supervisor: snapshot(path, children, { path }) })

export const failed = (message: string, options: Partial<ExitRecord> = {}): ExitRecord => ({
  incarnation: 1,
  startedAt: now - 20_000,
  endedAt: now - 10_000,
  exit: { _tag: "Failure", cause: { kind: "Fail", tag: undefined, message, pretty: `Error: ${message}\n    at work` } },
  decision: "restart",
  ...options
})

export const server = {
  name: "shop",
  pid: 4711,
  version: "0.1.0",
  protocol: 1,
  startedAt: now - 3_600_000,
  readOnly: false
}

export const job = (path: string, options: Partial<Job.Info> = {}): Job.Info => ({
  name: path,
  id: path,
  command: "node server.js",
  state: { _tag: "Running", pid: 1234, startedAt: now - 90_000 },
  previous: { _tag: "Pending" },
  pid: 1234,
  startedAt: now - 90_000,
  runs: 1,
  history: [],
  usage: { cpuMillis: 1000, memoryBytes: 64 * 1024 * 1024, processes: 2 },
  directory: "/nowhere",
  grace: 5000,
  ...options
})

/** What was told of a child, of this moment of its life. */
export const told = (of: ChildSnapshot, info: Job.Info | undefined): Measured => ({
  path: of.path,
  moment: `${of.incarnation} ${of.state._tag}`,
  details: { path: of.path, child: of, job: info, waitsFor: [] }
})

export const tree = snapshot("shop", [
  child("mailer"),
  manager("web", [child("web/worker-1"), child("web/worker-2"), manager("web/cache", [child("web/cache/store")])]),
  child("flaky", {
    state: { _tag: "Backoff", until: now + 12_000, attempt: 2, cause: undefined },
    restarts: 3,
    startedAt: undefined,
    history: [failed("no luck")]
  }),
  child("done", { state: { _tag: "Completed" }, startedAt: undefined })
])

/** The model after messages, and what was to be done because of them. */
export const after = (
  model: Model,
  ...messages: ReadonlyArray<Message>
): { readonly model: Model; readonly commands: ReadonlyArray<Command> } => {
  let at = model
  const all: Array<Command> = []
  for (const message of messages) {
    const [next, commands] = update(at, message, now)
    at = next
    all.push(...commands)
  }
  return { model: at, commands: all }
}

export const keys = (...keys: ReadonlyArray<string>): ReadonlyArray<Message> =>
  keys.map((key) => ({ _tag: "Key", key }))

export const press = (model: Model, ...pressed: ReadonlyArray<string>): Model => after(model, ...keys(...pressed)).model

/** Connected, with this tree. */
export const started = (of: Snapshot = tree, size = { columns: 80, rows: 24 }): Model =>
  after(initial(size), { _tag: "Connected", server }, { _tag: "Changed", changes: [of] }).model

export const frame = (model: Model, options: Partial<Frame> = {}): Frame => ({
  ...model.size,
  now,
  colour: false,
  ...options
})

// oxlint-disable-next-line no-control-regex -- these are what is looked for
const looks = /\x1b\[[\d;]*m/g

/** The lines of the screen as text; every one is as wide as the screen, and there is nothing in it but looks. */
export const screen = (model: Model, options: Partial<Frame> = {}): ReadonlyArray<string> => {
  const of = frame(model, options)
  const lines = render(model, of)
  assert.strictEqual(lines.length, of.rows)
  return lines.map((line) => {
    const plain = line.replace(looks, "")
    assert.strictEqual(plain, stripVTControlCharacters(line))
    assert.notMatch(plain, /\p{Cc}/u)
    assert.strictEqual(text.width(plain), of.columns, line)
    return plain
  })
}

export const shown = (model: Model, options?: Partial<Frame>): string =>
  screen(model, options).map((line) => line.trimEnd()).join("\n")
