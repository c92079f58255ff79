/** What each event makes of the picture that somebody has of a tree. */
import { assert, describe, it } from "@effect/vitest"
import type { ChildSnapshot, ExitRecord, Snapshot, SupervisorEvent } from "effect-supervisor"
import { type Change, correct, empty, type Picture, reduce, snapshotOf } from "../../src/control/internal/picture.ts"

const child = (path: string, more: Partial<ChildSnapshot> = {}): ChildSnapshot => ({
  name: path.slice(path.lastIndexOf("/") + 1),
  path,
  state: { _tag: "Running" },
  incarnation: 1,
  restarts: 0,
  startedAt: 100,
  readyAt: 110,
  health: undefined,
  grace: 5000,
  clampedFrom: undefined,
  significant: false,
  history: [],
  supervisor: undefined,
  ...more
})

const group = (path: string, children: ReadonlyArray<ChildSnapshot>): Snapshot => ({
  name: path === "" ? "shop" : path,
  path,
  state: "Running",
  strategy: "one-for-one",
  completed: 0,
  restarts: 0,
  abandoned: [],
  children
})

const backoff = { _tag: "Backoff", until: 2000, attempt: 2, cause: undefined } as const

const shop = group("", [
  child("mailer"),
  child("web", { supervisor: group("web", [child("web/a"), child("web/b")]) }),
  child("flaky", { state: backoff, incarnation: 3, restarts: 3, startedAt: undefined, readyAt: undefined })
])

const start = reduce(empty, [shop])
const after = (...changes: ReadonlyArray<Change>): Picture => reduce(start, changes)

const about = (path: string) => ({ at: 1000, path })

type Transition = Extract<SupervisorEvent, { _tag: "ChildTransition" }>

const transition = (path: string, to: Transition["to"], more: Partial<Transition> = {}): Transition => ({
  _tag: "ChildTransition",
  ...about(path),
  incarnation: 1,
  from: "Running",
  to,
  exit: undefined,
  ...more
})

const supervisor = (path: string, to: Snapshot["state"]): SupervisorEvent => ({
  _tag: "SupervisorTransition",
  ...about(path),
  to,
  cause: undefined
})

const cause = { kind: "Fail", tag: undefined, message: "broke", pretty: "Error: broke" } as const
const broke: ExitRecord["exit"] = { _tag: "Failure", cause }

const namesOf = (picture: Picture, path: string) => picture.order.get(path)

describe("Which children there are", () => {
  it("those of the last snapshot: nothing is left of the one before", () => {
    assert.deepStrictEqual(snapshotOf(start), shop)
    const other = group("", [child("other")])
    assert.deepStrictEqual(snapshotOf(after(other)), other)
  })

  it("one that is added is the last of its supervisor", () => {
    const next = after({ _tag: "ChildAdded", ...about("web/c"), child: child("web/c") })
    assert.deepStrictEqual(namesOf(next, "web"), ["web/a", "web/b", "web/c"])
  })

  it("one that is added again takes its place", () => {
    const next = after({ _tag: "ChildAdded", ...about("mailer"), child: child("mailer", { restarts: 9 }) })
    assert.deepStrictEqual(namesOf(next, ""), ["mailer", "web", "flaky"])
    assert.strictEqual(next.children.get("mailer")!.restarts, 9)
  })

  it("one that is removed is gone, and so is everything below it", () => {
    const next = after({ _tag: "ChildRemoved", ...about("web") })
    assert.deepStrictEqual(Array.from(next.children.keys()), ["mailer", "flaky"])
    assert.deepStrictEqual(Array.from(next.groups.keys()), [""])
  })

  it("a supervisor that ends has nobody below it, and begins with nobody", () => {
    const ended = after(supervisor("web", "Stopped"))
    assert.isFalse(ended.groups.has("web"))
    assert.isFalse(ended.children.has("web/a"))
    const begun = reduce(ended, [supervisor("web", "Starting")])
    assert.deepStrictEqual(namesOf(begun, "web"), [])
    assert.strictEqual(begun.groups.get("web")!.state, "Starting")
  })

  it("of a supervisor that is seen for the first time somebody has to ask: its event does not say its strategy", () => {
    assert.isTrue(after(supervisor("mailer", "Starting")).unsure.has("mailer"))
    assert.isFalse(after(supervisor("web", "Stopped"), supervisor("web", "Starting")).unsure.has("web"))
  })

  it("the state of the root is that of the tree", () => {
    assert.strictEqual(after(supervisor("", "Stopping")).groups.get("")!.state, "Stopping")
    assert.strictEqual(after(supervisor("", "Stopped")).children.size, start.children.size)
  })
})

describe("What a child does", () => {
  it("an end is remembered with what was decided, and the child waits", () => {
    const next = after(transition("mailer", backoff, { exit: broke })).children.get("mailer")!
    assert.deepStrictEqual(next.history, [
      { incarnation: 1, startedAt: 100, endedAt: 1000, exit: broke, decision: "restart" }
    ])
    assert.deepStrictEqual([next.startedAt, next.readyAt, next.restarts, next.since], [undefined, undefined, 1, 1000])
  })

  it("a restart is counted when it is granted, not again when it happens", () => {
    const up = transition("flaky", { _tag: "Starting" }, { from: "Backoff", incarnation: 4 })
    const ready = transition("flaky", { _tag: "Running" }, { from: "Starting", incarnation: 4, at: 1005 })
    const next = after(up, ready).children.get("flaky")!
    assert.deepStrictEqual([next.restarts, next.incarnation, next.startedAt, next.readyAt], [3, 4, 1000, 1005])
  })

  it.each(
    [
      ["Completed", { _tag: "Completed" }, "Running", "complete"],
      ["GaveUp", { _tag: "GaveUp", cause }, "Running", "giveUp"],
      ["Stopped", { _tag: "Stopped" }, "Stopping", "asked"],
      ["Held", { _tag: "Held" }, "Stopping", "asked"],
      ["Stopped", { _tag: "Stopped" }, "Abandoned", "asked"]
    ] as const
  )("an end in %s is remembered as such", (_, to, from, decision) => {
    const next = after(transition("mailer", to, { from, exit: broke })).children.get("mailer")!
    assert.strictEqual(next.history[0]!.decision, decision)
  })

  it("no more ends are kept than a child keeps", () => {
    const end = transition("mailer", { _tag: "Starting" }, { exit: broke })
    assert.strictEqual(after(...Array.from({ length: 20 }, () => end)).children.get("mailer")!.history.length, 8)
  })

  it("its supervisor counts what it has restarted and what has completed", () => {
    const next = after(
      transition("web/a", backoff, { exit: broke }),
      transition("web/b", { _tag: "Completed" }, { exit: { _tag: "Success" } })
    )
    const { completed, restarts } = next.groups.get("web")!
    assert.deepStrictEqual([completed, restarts], [1, 1])
    assert.strictEqual(next.groups.get(""), start.groups.get(""))
  })

  it("every supervisor above it knows of one that would not end, until it has", () => {
    const abandoned = after(transition("web/a", { _tag: "Abandoned" }, { from: "Stopping" }))
    assert.deepStrictEqual(abandoned.groups.get("")!.abandoned, ["web/a"])
    assert.deepStrictEqual(abandoned.groups.get("web")!.abandoned, ["web/a"])
    const ended = reduce(abandoned, [transition("web/a", { _tag: "Stopped" }, { from: "Abandoned" })])
    assert.deepStrictEqual(ended.groups.get("")!.abandoned, [])
  })

  it("a failed check makes it unhealthy, and a new life healthy again", () => {
    const sick = after({ _tag: "ChildUnhealthy", ...about("mailer"), incarnation: 1, failures: 1, cause })
    assert.strictEqual(sick.children.get("mailer")!.health, "unhealthy")
    assert.isTrue(sick.unsure.has("mailer"))
    const again = reduce(sick, [transition("mailer", { _tag: "Starting" }, { incarnation: 2 })])
    assert.strictEqual(again.children.get("mailer")!.health, "healthy")
  })
})

describe("What is not changed", () => {
  it("an event about who is not there changes nothing", () => {
    assert.strictEqual(after({ _tag: "ChildRemoved", ...about("nobody") }), start)
    assert.strictEqual(after(transition("web/nobody", { _tag: "Running" })), start)
    assert.strictEqual(after({ _tag: "ChildAdded", ...about("mailer/below"), child: child("mailer/below") }), start)
    assert.strictEqual(after(supervisor("nobody", "Starting")), start)
  })

  it("nor does one that is only to be told", () => {
    assert.strictEqual(after({ _tag: "EventsLost", ...about(""), count: 3 }), start)
    assert.strictEqual(after({ _tag: "RestartStorm", ...about("mailer"), restarts: 9, withinMillis: 9 }), start)
  })

  it("an event replaces the record of its child and of nobody else, and the picture before it is as it was", () => {
    const before = start.children.get("mailer")
    const next = after(transition("mailer", { _tag: "Stopping", until: undefined }))
    assert.notStrictEqual(next.children.get("mailer"), before)
    assert.strictEqual(next.children.get("web"), start.children.get("web"))
    assert.strictEqual(next.order, start.order)
    assert.strictEqual(start.children.get("mailer"), before)
  })

  it("nor is the picture before when children come and go", () => {
    after({ _tag: "ChildAdded", ...about("web/c"), child: child("web/c") }, {
      _tag: "ChildRemoved",
      ...about("mailer")
    })
    assert.deepStrictEqual(snapshotOf(start), shop)
  })

  it("an answer that is older or newer than what is known is not believed", () => {
    assert.strictEqual(correct(start, child("mailer", { incarnation: 2, restarts: 9 })), start)
    assert.strictEqual(correct(start, child("mailer", { state: { _tag: "Stopped" } })), start)
    assert.strictEqual(correct(start, child("nobody")), start)
    assert.strictEqual(correct(start, child("mailer", { restarts: 9 })).children.get("mailer")!.restarts, 9)
  })

  it("who was asked for is not unsure any more, unless its health may change at any time", () => {
    const sick = after({ _tag: "ChildUnhealthy", ...about("mailer"), incarnation: 1, failures: 1, cause })
    assert.isTrue(correct(sick, child("mailer", { health: "unhealthy" })).unsure.has("mailer"))
    assert.isFalse(correct(sick, child("mailer", { health: "healthy" })).unsure.has("mailer"))
  })
})
