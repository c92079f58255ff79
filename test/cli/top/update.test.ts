import { assert, describe, it } from "@effect/vitest"
import { initial } from "../../../src/cli/top/Model.ts"
import { due, followed, kindOf, rowsOf, selectedOf } from "../../../src/cli/top/Query.ts"
import type { SupervisorEvent } from "../../../src/SupervisorEvent.ts"
import { after, child, job, keys, manager, now, press, server, snapshot, started, told } from "./support.ts"

const pathsOf = (model: Parameters<typeof rowsOf>[0]) => rowsOf(model).map(({ child }) => child.path)

const transition = (path: string, fields: Partial<Extract<SupervisorEvent, { _tag: "ChildTransition" }>>) => ({
  _tag: "ChildTransition" as const,
  at: now,
  path,
  incarnation: 1,
  from: "Running" as const,
  to: { _tag: "Running" as const },
  exit: undefined,
  ...fields
})

describe("selection", () => {
  it("the first child is selected at first, and nothing where there is none", () => {
    assert.strictEqual(started().selected, "mailer")
    assert.isUndefined(started(snapshot("empty", [])).selected)
    assert.isUndefined(initial({ columns: 80, rows: 24 }).selected)
  })

  it("what the command line adds for itself is not seen", () => {
    assert.strictEqual(started(snapshot("shop", [child("(control)"), child("web")])).selected, "web")
  })

  it("moves by arrows and letters, and no further than the ends", () => {
    const model = started()
    assert.strictEqual(press(model, "j", "down").selected, "web/worker-1")
    assert.strictEqual(press(model, "j", "k", "k", "up").selected, "mailer")
    assert.strictEqual(press(model, "G", "j").selected, "done")
    assert.strictEqual(press(model, "end", "home").selected, "mailer")
    assert.strictEqual(press(model, "pagedown", "pagedown", "pagedown").selected, "done")
  })

  it("stays with its child while others come and go", () => {
    const model = press(started(), "j", "j")
    const next = after(model, { _tag: "Changed", changes: [{ _tag: "ChildRemoved", at: now, path: "mailer" }] }).model
    assert.strictEqual(next.selected, "web/worker-1")
  })

  it("goes to the neighbour when its child goes", () => {
    const model = press(started(), "j", "j")
    const gone = { _tag: "ChildRemoved", at: now, path: "web/worker-1" } as const
    assert.strictEqual(after(model, { _tag: "Changed", changes: [gone] }).model.selected, "web/worker-2")
    const last = { _tag: "ChildRemoved", at: now, path: "done" } as const
    assert.strictEqual(after(press(model, "G"), { _tag: "Changed", changes: [last] }).model.selected, "flaky")
  })
})

describe("managers", () => {
  it("enter and space close and open one; a fiber has nothing to close", () => {
    const closed = press(started(), "j", "enter")
    assert.deepStrictEqual(pathsOf(closed), ["mailer", "web", "flaky", "done"])
    assert.deepStrictEqual(pathsOf(press(closed, " ")), pathsOf(started()))
    assert.deepStrictEqual(pathsOf(press(started(), "enter")), pathsOf(started()))
  })

  it("left closes and then goes up; right opens and then goes down", () => {
    const inside = press(started(), "j", "j")
    assert.strictEqual(press(inside, "left").selected, "web")
    const closed = press(inside, "left", "left")
    assert.isTrue(closed.collapsed.has("web"))
    assert.isFalse(press(closed, "right").collapsed.has("web"))
    assert.strictEqual(press(closed, "right", "right").selected, "web/worker-1")
  })
})

describe("filter", () => {
  it("shows what has the text in its path, state or kind, with the whole path", () => {
    assert.deepStrictEqual(pathsOf(press(started(), "/", "W", "o", "r", "k")), ["web/worker-1", "web/worker-2"])
    assert.deepStrictEqual(pathsOf(press(started(), "/", ..."backoff")), ["flaky"])
  })

  it("enter keeps it, escape undoes it, and escape again shows all", () => {
    const typed = press(started(), "/", ..."cache", "enter")
    assert.strictEqual(typed.mode._tag, "Browsing")
    assert.strictEqual(typed.filter, "cache")
    assert.strictEqual(press(started(), "/", ..."cache", "escape").filter, "")
    assert.strictEqual(press(typed, "escape").filter, "")
  })

  it("letters are text and do nothing else", () => {
    const { commands, model } = after(started(), ...keys("/", "q", "x", "y"))
    assert.deepStrictEqual(commands, [])
    assert.strictEqual(model.filter, "qxy")
    assert.isUndefined(model.selected)
    assert.strictEqual(press(model, "backspace", "backspace", "backspace").selected, "mailer")
  })
})

describe("actions", () => {
  const asking = [["x", "stop"], ["r", "restart"], ["h", "hold"], ["d", "remove"]] as const
  for (const [key, verb] of asking) {
    it(`${verb} is asked before, and only y is yes`, () => {
      const model = press(started(), key)
      assert.strictEqual(model.mode._tag, "Confirming")
      for (const other of ["n", "enter", " ", "escape", "x", "q"]) {
        const { commands, model: next } = after(model, ...keys(other))
        assert.deepStrictEqual(commands, [])
        assert.strictEqual(next.mode._tag, "Browsing")
      }
      const { commands } = after(model, ...keys("y"))
      assert.deepStrictEqual(commands, [{ _tag: "Do", id: 1, action: { _tag: "Verb", verb, path: "mailer" } }])
    })
  }

  const harmless = [["s", { _tag: "Verb", verb: "start" }], ["H", { _tag: "Verb", verb: "release" }], ["R", {
    _tag: "Reload"
  }]] as const
  for (const [key, action] of harmless) {
    it(`${key} stops nothing and is done at once`, () => {
      const { commands } = after(started(), ...keys(key))
      assert.deepStrictEqual(commands, [{ _tag: "Do", id: 1, action: { ...action, path: "mailer" } }] as never)
    })
  }

  it("the question says how many are stopped along with it", () => {
    const { mode } = press(started(), "j", "x")
    assert.strictEqual(mode._tag === "Confirming" && mode.question, "Stop web and its 4 children?")
  })

  it("a signal is chosen from a menu, and asked before, but for one that only wakes", () => {
    const menu = press(started(), "K")
    assert.strictEqual(menu.mode._tag, "Signalling")
    const chosen = press(menu, "j", "enter")
    assert.strictEqual(chosen.mode._tag === "Confirming" && chosen.mode.question, "Send SIGINT to mailer?")
    const { commands } = after(menu, ...keys("8"))
    assert.deepStrictEqual(commands, [
      { _tag: "Do", id: 1, action: { _tag: "Signal", path: "mailer", signal: "SIGCONT" } }
    ])
  })

  it("what is asked of a child is asked of that child, also when the selection moves meanwhile", () => {
    const model = press(started(), "x")
    const gone = after(model, { _tag: "Changed", changes: [{ _tag: "ChildRemoved", at: now, path: "mailer" }] }).model
    const { commands } = after(gone, ...keys("y"))
    assert.deepStrictEqual(commands, [{ _tag: "Do", id: 1, action: { _tag: "Verb", verb: "stop", path: "mailer" } }])
  })

  it("nothing is sent while there is no connection, nor to a read-only supervisor: it is said why", () => {
    const lost = after(started(), { _tag: "Lost", reason: "gone", retryAt: now }).model
    const readOnly = after(started(), { _tag: "Connected", server: { ...server, readOnly: true } }).model
    for (const [model, why] of [[lost, /no connection/], [readOnly, /read-only/]] as const) {
      const { commands, model: next } = after(model, ...keys("x", "s", "Q", "C", "R"))
      assert.deepStrictEqual(commands, [])
      assert.match(next.tasks.at(-1)!.outcome!.text, why)
    }
  })

  it("what became of each is kept with it, whichever is first", () => {
    const { model } = after(
      started(),
      ...keys("s", "R"),
      { _tag: "Finished", id: 2, isGood: false, text: "it does not listen" },
      { _tag: "Finished", id: 1, isGood: true, text: "done" },
      { _tag: "Finished", id: 99, isGood: true, text: "of nobody" }
    )
    assert.deepStrictEqual(model.tasks.map(({ outcome }) => outcome?.text), ["done", "it does not listen"])
  })

  it("q and ctrl-c quit; ctrl-c does from everywhere", () => {
    assert.deepStrictEqual(after(started(), ...keys("q")).commands, [{ _tag: "Quit" }])
    for (const before of ["/", "?", "l", "K", "x"]) {
      assert.deepStrictEqual(after(started(), ...keys(before, "ctrl-c")).commands, [{ _tag: "Quit" }])
    }
  })
})

describe("what is asked for", () => {
  const web = child("web")
  const model = () =>
    after(started(snapshot("shop", [web, child("fiber")])), {
      _tag: "Measured",
      details: [told(web, job("web")), told(child("fiber"), undefined)]
    }).model

  it("all that is seen, once; then only processes, every two seconds", () => {
    assert.deepStrictEqual(due(started(snapshot("shop", [web, child("fiber")])), now).map(({ path }) => path), [
      "web",
      "fiber"
    ])
    assert.deepStrictEqual(due(model(), now + 1999), [])
    assert.deepStrictEqual(due(model(), now + 2000).map(({ path }) => path), ["web"])
  })

  it("again when it has changed", () => {
    const to = { _tag: "Stopped" } as const
    const next = after(model(), { _tag: "Changed", changes: [transition("fiber", { to, exit: { _tag: "Success" } })] })
    assert.deepStrictEqual(due(next.model, now), [{ path: "fiber", moment: "1 Stopped" }])
  })

  it("never more than fits on the screen, nor anything without a connection", () => {
    const many = started(snapshot("shop", Array.from({ length: 1000 }, (_, n) => child(`c-${n}`))))
    assert.isAtMost(due(many, now).length, 24)
    assert.deepStrictEqual(due(after(many, { _tag: "Lost", reason: "gone", retryAt: now }).model, now), [])
  })

  it("the log of the selected child is followed if that is a process", () => {
    assert.strictEqual(followed(model()), "web")
    assert.isUndefined(followed(press(model(), "j")))
    assert.isUndefined(followed(after(model(), { _tag: "Lost", reason: "gone", retryAt: now }).model))
  })

  it("how much of a processor is used comes from two answers of one process", () => {
    assert.isUndefined(model().facts.get("web")!.cpu)
    const usage = { cpuMillis: 1500, memoryBytes: 1, processes: 1 }
    const later = (info: ReturnType<typeof job>) =>
      after({
        ...model(),
        facts: new Map(Array.from(model().facts, ([path, facts]) => [path, { ...facts, at: now - 1000 }]))
      }, {
        _tag: "Measured",
        details: [told(web, info)]
      }).model.facts.get("web")!.cpu
    assert.strictEqual(later(job("web", { usage })), 50)
    assert.isUndefined(later(job("web", { usage, pid: 99 })))
    assert.strictEqual(later(job("web", { usage: { ...usage, cpuMillis: 900 } })), 0)
  })

  it("a process is told from a fiber when it has been started", () => {
    const pending = child("web", { state: { _tag: "Pending" }, incarnation: 0 })
    const { model } = after(started(snapshot("shop", [pending])), {
      _tag: "Measured",
      details: [told(pending, undefined)]
    })
    assert.isUndefined(kindOf(model, selectedOf(model)!))
  })

  it("nothing is kept of who has gone", () => {
    const { model: next } = after(model(), {
      _tag: "Changed",
      changes: [{ _tag: "ChildRemoved", at: now, path: "web" }]
    })
    assert.deepStrictEqual(Array.from(next.facts.keys()), ["fiber"])
  })
})

const logLine = (text: string) =>
  ({ _tag: "Line", run: 1, stream: "stdout", time: now, text, continued: false }) as const
const withProcess = () =>
  after(started(snapshot("shop", [child("web"), child("other")])), {
    _tag: "Measured",
    details: [
      told(child("web"), job("web"))
    ]
  }).model

describe("logs", () => {
  it("only those of the selected child are taken, harmless and bounded", () => {
    const entries = [...Array.from({ length: 3000 }, (_, n) => logLine(`line ${n}`)), logLine("\x1b[2Jlast")]
    const { model: next } = after(withProcess(), { _tag: "Logged", path: "web", entries }, {
      _tag: "Logged",
      path: "other",
      entries
    })
    assert.strictEqual(next.logs!.lines.length, 1000)
    assert.strictEqual(next.logs!.lines.at(-1)!.text, "last")
    assert.isUndefined(press(next, "j").logs)
  })

  it("who scrolls back keeps what is read, whatever comes", () => {
    const read = press(
      after(withProcess(), {
        _tag: "Logged",
        path: "web",
        entries: Array.from({ length: 50 }, (_, n) => logLine(`${n}`))
      })
        .model,
      "l",
      "k",
      "k"
    )
    assert.deepStrictEqual(read.mode, { _tag: "Reading", back: 2 })
    const more = after(read, { _tag: "Logged", path: "web", entries: [logLine("a"), logLine("b")] }).model
    assert.deepStrictEqual(more.mode, { _tag: "Reading", back: 4 })
    assert.deepStrictEqual(press(more, "f").mode, { _tag: "Reading", back: 0 })
    assert.deepStrictEqual(press(more, "G", "g").mode, { _tag: "Reading", back: 51 })
  })
})

describe("the connection", () => {
  it("when it is lost what was known stays, and since when is told", () => {
    const first = after(started(), { _tag: "Lost", reason: "gone", retryAt: now + 1000 }).model
    assert.strictEqual(selectedOf(first)?.path, "mailer")
    const again = after(first, { _tag: "Lost", reason: "still gone", retryAt: now + 2000 }).model
    assert.deepStrictEqual(again.link, { _tag: "Lost", server, reason: "still gone", since: now, retryAt: now + 2000 })
  })

  it("another supervisor's tree takes the place of the old one", () => {
    const lost = after(press(started(), "j"), { _tag: "Lost", reason: "gone", retryAt: now }).model
    const { model } = after(lost, { _tag: "Connected", server: { ...server, pid: 2 } }, {
      _tag: "Changed",
      changes: [snapshot("shop", [manager("other", [child("other/one")])])]
    })
    assert.strictEqual(model.selected, "other/one")
    assert.strictEqual(model.link._tag, "Connected")
  })
})
