import { assert, describe, it } from "@effect/vitest"
import { initial, type Model } from "../../../src/cli/top/Model.ts"
import { render } from "../../../src/cli/top/View.ts"
import {
  after,
  child,
  failed,
  frame,
  job,
  manager,
  now,
  press,
  screen,
  server,
  shown,
  snapshot,
  started,
  told,
  tree
} from "./support.ts"

const measured = (model: Model): Model =>
  after(model, {
    _tag: "Measured",
    details: [told(child("web/worker-1"), job("web/worker-1")), told(child("mailer"), undefined)]
  }).model

const line = (text: string, stream: "stdout" | "stderr" = "stdout") =>
  ({ _tag: "Line", run: 1, stream, time: now, text, continued: false }) as const

const withLog = (...texts: ReadonlyArray<string>): Model =>
  after(press(measured(started()), "j", "j"), {
    _tag: "Logged",
    path: "web/worker-1",
    entries: texts.map((text) => line(text))
  }).model

const find = (lines: ReadonlyArray<string>, part: string): string => {
  const found = lines.find((line) => line.includes(part))
  assert.isDefined(found, `no line has "${part}" in it:\n${lines.join("\n")}`)
  return found!
}

const titles = (columns: number) => screen(started(tree, { columns, rows: 24 }))[2]!.trim().split(/ {1,}/).join(" ")

describe("the screen", () => {
  it("is this in 80 columns", () => {
    const time = new Date(now).toTimeString().slice(0, 8)
    const text = shown(withLog("hello")).replaceAll(time, "TT:TT:TT")
    assert.strictEqual(
      text,
      `
 shop  pid 4711  up 1h00m               1 job shown: cpu 0.0% mem 64M  TT:TT:TT
 8 children  1 backoff  6 running  1 completed
 NAME             STATE          KIND      PID  RST  CPU%   MEM     UP LAST EXIT
   mailer         ● running      fiber            0              1m30s
 ▾ web            ● running      mgr              0              1m30s
›    worker-1     ● running      job      1234    0         64M  1m30s
     worker-2     ● running                       0              1m30s
   ▾ cache        ● running      mgr              0              1m30s
       store      ● running                       0              1m30s
   flaky          ↻ backoff 12s                   3                    no luck
   done           ✓ completed                     0
── log of web/worker-1 ──────────────────────────────────────────── following ──
TT:TT:TT  hello









 web/worker-1 runs for 1m30s
 ? help  q quit  s start  x stop  r restart  R reload  l log  / filter  K signal`.slice(1)
    )
  })

  const sizes = [[40, 10], [41, 11], [57, 17], [80, 24], [120, 40], [300, 100], [39, 10], [40, 9], [1, 1], [
    5,
    3
  ]] as const
  for (const [columns, rows] of sizes) {
    it(`is exactly ${columns}x${rows}, whatever is shown`, () => {
      const model = {
        ...withLog("日本語".repeat(100), "\u{1f469}".repeat(100), "x".repeat(500)),
        size: { columns, rows }
      }
      for (const keys of [[], ["?"], ["K"], ["x"], ["l"], ["l", "w"], ["/", "日"], ["i"], ["w"]]) {
        screen(press(model, ...keys))
        screen(press(model, ...keys), { colour: true })
      }
    })
  }

  it("says so when there is too little space", () => {
    const text = screen(started(tree, { columns: 30, rows: 8 })).map((line) => line.trimEnd()).join("")
    assert.include(text, "30x8")
    assert.include(text, "40x10")
  })

  it("gives up columns from the least to the most needed", () => {
    assert.strictEqual(titles(120), "NAME STATE KIND PID RST CPU% MEM UP LAST EXIT")
    assert.strictEqual(titles(80), "NAME STATE KIND PID RST CPU% MEM UP LAST EXIT")
    assert.strictEqual(titles(70), "NAME STATE KIND PID RST CPU% MEM UP")
    assert.strictEqual(titles(40), "NAME STATE RST")
  })

  it("has colours only when it is to have them", () => {
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    const colours = /\x1b\[[\d;]*(?:3[0-7]|;2|\[2)m/
    assert.match(render(started(), frame(started(), { colour: true })).join(""), colours)
    assert.notMatch(render(started(), frame(started())).join(""), colours)
  })

  it("marks what is selected also without colours", () => {
    assert.match(find(screen(press(started(), "j")), "web "), /^› ?▾/)
  })

  it("is drawn before anything is known", () => {
    assert.include(shown(initial({ columns: 80, rows: 24 })), "connecting")
  })
})

describe("states", () => {
  const cases = [
    [{ _tag: "Pending" }, "· pending"],
    [{ _tag: "Starting" }, "◐ starting"],
    [{ _tag: "Running" }, "● running"],
    [{ _tag: "Backoff", until: now + 2500, attempt: 1, cause: undefined }, "↻ backoff 3s"],
    [{ _tag: "Stopping", until: now + 4000 }, "◑ stopping 4s"],
    [{ _tag: "Stopping", until: undefined }, "◑ stopping"],
    [{ _tag: "Stopped" }, "○ stopped"],
    [{ _tag: "Held" }, "■ held"],
    [{ _tag: "Completed" }, "✓ completed"],
    [{ _tag: "GaveUp", cause: { kind: "Fail", tag: undefined, message: "no", pretty: "no" } }, "✗ gave up"],
    [{ _tag: "Abandoned" }, "! abandoned"]
  ] as const
  for (const [state, word] of cases) {
    it(`${word} is a sign and a word`, () => {
      assert.include(find(screen(started(snapshot("shop", [child("it", { state })]))), " it "), ` ${word} `)
    })
  }

  it("who runs and is not well is shown so", () => {
    const sick = started(snapshot("shop", [child("it", { health: "unhealthy" })]))
    assert.include(shown(sick), "! unhealthy")
    assert.include(shown(sick), "its health check fails")
  })

  it("a process says how it ended by code or signal, and when, where there is space", () => {
    const it = child("it", { state: { _tag: "Stopped" }, history: [failed("exited")], startedAt: undefined })
    const run = { run: 1, pid: 1, startedAt: now - 20_000, endedAt: now - 10_000, forced: false }
    const model = (status: unknown) =>
      after(started(snapshot("shop", [it])), {
        _tag: "Measured",
        details: [told(it, job("it", { history: [{ ...run, status: status as never }] }))]
      }).model
    assert.include(shown(model({ _tag: "Exited", code: 3 })), "exit 3")
    assert.include(
      shown(model({ _tag: "Signaled", signal: "SIGKILL", coreDumped: undefined }), { columns: 120 }),
      "SIGKILL, 10s ago"
    )
  })
})

describe("the lower pane", () => {
  it("has the last lines of the log, errors and runs marked", () => {
    const model = after(withLog("one"), {
      _tag: "Logged",
      path: "web/worker-1",
      entries: [line("two", "stderr"), { _tag: "RunEnded", run: 1, time: now, signal: "SIGKILL", presumed: false }]
    }).model
    assert.match(shown(model), /\d  one\n.* !two\n── run 1 ended by SIGKILL ──/)
  })

  it("is the whole screen with l, scrolls back, and wraps", () => {
    const model = press(withLog(...Array.from({ length: 100 }, (_, n) => `line ${n}.`)), "l")
    assert.include(shown(model), "line 99.")
    assert.notInclude(shown(model), "● running")
    const back = shown(press(model, "k", "k"))
    assert.include(back, "2 lines back")
    assert.include(back, "line 97.")
    assert.notInclude(back, "line 98.")
    const long = press(withLog(`${"x".repeat(100)}end`), "l")
    assert.notInclude(shown(long), "end\n")
    assert.include(shown(press(long, "w")), "xend\n")
  })

  it("says why there is no log", () => {
    const model = after(withLog(), { _tag: "LogsFailed", path: "web/worker-1", problem: "it keeps none" }).model
    assert.include(shown(model), "it keeps none")
  })

  it("shows of a fiber how it ended, the last one with its cause", () => {
    const it = child("it", { history: [failed("first", { incarnation: 1 }), failed("second", { incarnation: 2 })] })
    const text = shown(started(snapshot("shop", [it])))
    assert.match(
      text,
      /run 2 after 10s failed: second → restart\n +Error: second\n +at work\n.*run 1 after 10s failed: first/
    )
  })

  it("scrolls through what is known of a child from its beginning, and no further than its end", () => {
    const history = Array.from({ length: 8 }, (_, n) => failed(`failure ${n}`, { incarnation: n }))
    const model = press(started(snapshot("shop", [child("it", { history })]), { columns: 80, rows: 10 }), "l")
    assert.include(shown(model), "failure 7")
    assert.notInclude(shown(model), "failure 0")
    assert.include(shown(press(model, "G")), "failure 0")
    assert.strictEqual(shown(press(model, "j", "k")), shown(model))
  })

  it("says of a process how it ended, not what was run", () => {
    const message = `Command "sh -c 'echo "x"'" exited with code 3. It said: no luck`
    const cause = { kind: "Fail", tag: "ProcessFailed", message, pretty: message } as const
    const history = [failed("", { exit: { _tag: "Failure", cause } })]
    const state = { _tag: "Backoff", until: now + 5000, attempt: 1, cause } as const
    const text = shown(started(snapshot("shop", [child("it", { history, state })])))
    assert.match(text, /^ it starts again in 5s, attempt 1: exited with code 3. It said: no luck$/m)
    assert.match(text, /run 1 after 10s exited with code 3. It said: no luck → restart$/m)
  })

  it("shows of a manager what it manages", () => {
    assert.include(shown(press(started(), "j")), "3 children, one-for-one")
  })
})

describe("the last two lines", () => {
  it("say why the selected child is as it is", () => {
    const text = shown(press(started(), "G", "k"))
    assert.include(text, "flaky starts again in 12s, attempt 2: it failed: no luck")
  })

  it("ask before something is stopped", () => {
    assert.include(shown(press(started(), "j", "x")), "Stop web and its 4 children?  y yes  n no")
  })

  it("tell of an action how it goes, and what became of it, for a while", () => {
    const stopping = { _tag: "Stopping", until: now + 4000 } as const
    const going = after(press(started(), "x", "y"), {
      _tag: "Changed",
      changes: [{
        _tag: "ChildTransition",
        at: now,
        path: "mailer",
        incarnation: 1,
        from: "Running",
        to: stopping,
        exit: undefined
      }]
    }).model
    assert.include(shown(going), "stop mailer: stopping, at most 4s more")
    assert.include(shown(going, { now: now + 3000 }), "stop mailer: stopping for 3s, at most 1s more")
    const done = after(going, { _tag: "Finished", id: 1, isGood: true, text: "done in 1.0 s" }).model
    assert.include(shown(done), "stop mailer: ✓ done in 1.0 s")
    assert.notInclude(shown(done, { now: now + 10_000 }), "done in 1.0 s")
  })

  it("say that the connection is lost, and when it is tried again", () => {
    const text = shown(after(started(), { _tag: "Lost", reason: "It has ended", retryAt: now + 900 }).model)
    assert.include(text, "connection lost, again in 1s")
    assert.include(text, "It has ended")
  })

  it("the help names every key, also in 80x24", () => {
    const text = shown(press(started(), "?"))
    for (const word of ["start", "stop", "restart", "reload", "hold", "signal", "remove", "filter", "quit"]) {
      assert.include(text, word)
    }
  })

  it("the menu of signals keeps the chosen one in sight in ten lines", () => {
    const model = press(started(tree, { columns: 40, rows: 10 }), "K", "k")
    assert.include(shown(model), "SIGKILL")
  })
})

describe("what others write", () => {
  it("steers nothing, wherever it is shown", () => {
    const evil = "\x1b[2J\x1b]0;owned\x07\u202e日本\r\nx"
    const it = child(evil, {
      history: [failed(evil)],
      state: { _tag: "GaveUp", cause: { kind: "Die", tag: evil, message: evil, pretty: evil } }
    })
    const model = after(
      started(snapshot(evil, [it, manager("m", [it])])),
      { _tag: "Connected", server: { ...server, name: evil } },
      {
        _tag: "Measured",
        details: [told(it, job(evil, { command: evil }))]
      },
      { _tag: "Logged", path: evil, entries: [line(evil)] },
      { _tag: "LogsFailed", path: evil, problem: evil }
    ).model
    for (const keys of [[], ["x"], ["K"], ["/", "\u202e"], ["i"], ["l"], ["s"]]) {
      assert.notInclude(shown(press(model, ...keys)), "owned")
    }
    screen(after(model, { _tag: "Lost", reason: evil, retryAt: now }).model)
  })
})
