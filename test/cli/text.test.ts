// oxlint-disable no-control-regex, unicorn/consistent-function-scoping -- control characters are what is looked for
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { choose, coloured, plain as noColours } from "../../src/cli/internal/style.ts"
import { neutralise, neutraliseAll } from "../../src/cli/internal/escapes.ts"
import type { ClusterSchema } from "effect-supervisor/control"
import { clusterTable, clusterTree } from "../../src/cli/internal/clusterText.ts"
import { sentence } from "../../src/cli/internal/eventText.ts"
import { merge } from "../../src/cli/internal/merge.ts"
import { Prefixer } from "../../src/cli/internal/prefix.ts"
import { nothingDone, type Verb } from "../../src/cli/internal/nothingDone.ts"
import { noteOf, table, toRow } from "../../src/cli/internal/rows.ts"
import { statusText, tally } from "../../src/cli/internal/statusText.ts"
import { layout } from "../../src/cli/internal/table.ts"
import { cut, width as widthOf } from "../../src/cli/internal/width.ts"
import { treeText } from "../../src/cli/internal/treeText.ts"
import { nearest } from "../../src/cli/internal/which.ts"
import { whyText } from "../../src/cli/internal/whyText.ts"
import * as words from "../../src/cli/internal/words.ts"
import { bytes } from "../../src/control/internal/words.ts"
import type { ChildSnapshot, Snapshot } from "../../src/Snapshot.ts"
import type { CauseInfo, State } from "../../src/State.ts"

const now = 1_000_000_000

const child = (path: string, state: State, more: Partial<ChildSnapshot> = {}): ChildSnapshot => ({
  name: path.split("/").at(-1)!,
  path,
  state,
  incarnation: 1,
  restarts: 0,
  startedAt: now - 65_000,
  readyAt: now - 64_000,
  health: undefined,
  grace: 5000,
  clampedFrom: undefined,
  significant: false,
  history: [],
  supervisor: undefined,
  ...more
})

const supervisor = (children: ReadonlyArray<ChildSnapshot>, more: Partial<Snapshot> = {}): Snapshot => ({
  name: "shop",
  path: "",
  state: "Running",
  strategy: "one-for-one",
  completed: 0,
  restarts: 0,
  abandoned: [],
  children,
  ...more
})

const failed = (message: string): CauseInfo => ({ kind: "Fail", tag: "ProcessFailed", message, pretty: message })

const running: State = { _tag: "Running" }
const backoff: State = {
  _tag: "Backoff",
  until: now + 2400,
  attempt: 3,
  cause: failed(`Command "node "x" y.js" exited with code 3. It said: oops`)
}

describe("times, sizes and numbers in words", () => {
  const durations: ReadonlyArray<readonly [number, string]> = [
    [-5, "0ms"],
    [0, "0ms"],
    [999, "999ms"],
    [1000, "1s"],
    [2449, "2.4s"],
    [59_999, "59s"],
    [60_000, "1m"],
    [65_000, "1m 5s"],
    [3_600_000, "1h"],
    [3_725_000, "1h 2m"],
    [90_000_000, "1d 1h"]
  ]
  for (const [millis, text] of durations) {
    it(`${millis} ms is ${text}`, () => assert.strictEqual(words.duration(millis), text))
  }

  const typed: ReadonlyArray<readonly [string, number | undefined]> = [
    ["250ms", 250],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1h 30m", 5_400_000],
    ["1.5s", 1500],
    ["10", 10_000],
    ["2d", 172_800_000],
    ["", undefined],
    ["soon", undefined],
    ["-5m", undefined],
    ["5 parsecs", undefined]
  ]
  for (const [text, millis] of typed) {
    it(`who types "${text}" means ${millis}`, () => assert.strictEqual(words.parseDuration(text), millis))
  }

  it("a moment is so long ago, or a date", () => {
    assert.strictEqual(words.parseSince("5m", now), now - 300_000)
    assert.strictEqual(words.parseSince("2026-01-31T08:00:00Z", now), Date.UTC(2026, 0, 31, 8))
    assert.strictEqual(words.parseSince("2026-01-31T08:00+02:00", now), Date.UTC(2026, 0, 31, 6))
    assert.strictEqual(words.parseSince("2026-01-31 08:00", now), new Date(2026, 0, 31, 8).getTime())
    for (const text of ["31.1.2026", "January", "2026-13-01", "tomorrow"]) {
      assert.isUndefined(words.parseSince(text, now), text)
    }
  })

  it("sizes are in steps of 1024", () => {
    assert.deepStrictEqual(
      [0, 999, 1023, 1024, 1536, 10_240, 1024 ** 2 - 1, 123 * 1024 ** 2, 5 * 1024 ** 3].map(bytes),
      ["0 B", "999 B", "1.0 KiB", "1.0 KiB", "1.5 KiB", "10.0 KiB", "1.0 MiB", "123 MiB", "5.0 GiB"]
    )
  })
})

describe("what children write", () => {
  const lines: ReadonlyArray<readonly [what: string, line: string, shown: string]> = [
    ["plain text stays", "hällo\twörld ✓", "hällo\twörld ✓"],
    ["colours go", "\x1b[1;31mred\x1b[0m \x1b[38;5;10mx\x1b[m", "red x"],
    ["moving the cursor is made visible", "a\x1b[2Jb\x1b[1;1Hc", "a␛[2Jb␛[1;1Hc"],
    ["titles and links are made visible", "\x1b]0;x\x07\x1b]8;;http://a\x1b\\", "␛]0;x␇␛]8;;http://a␛\\"],
    ["a carriage return hides nothing", "secret\rharmless", "secret␍harmless"],
    ["that of a line end is no part of the line", "line\r", "line"],
    ["control characters of the second kind are made visible", "\u009b31mx\u0085", "\\u{9b}31mx\\u{85}"],
    ["what turns the order around is made visible", "a\u202eb\u2066c", "a\\u{202e}b\\u{2066}c"],
    ["backspaces and deletes are made visible", "a\b\x7f", "a␈␡"]
  ]
  for (const [what, line, shown] of lines) it(what, () => assert.strictEqual(neutralise(line), shown))

  it("nothing that a terminal acts on is left, whatever comes", () => {
    for (let code = 0; code < 0x300; code++) {
      const text = neutralise(`\x1b[3${String.fromCharCode(code)}x\x1b`)
      assert.notMatch(text, /[\x00-\x08\x0a-\x1f\x7f-\x9f]/, `after character ${code}`)
    }
  })

  it("of several lines each is for itself", () => assert.strictEqual(neutraliseAll("a\r\n\x07"), "a\n␇"))

  it("a prefix has the width of the longest name, and the bar tells the stream", () => {
    const prefixer = new Prefixer({ style: noColours, raw: false }, ["web", "worker"])
    assert.strictEqual(prefixer.line({ path: "web", stream: "stdout", text: "x\x07" }), "web    | x␇")
    assert.strictEqual(prefixer.line({ path: "worker", stream: "stderr", text: "y" }), "worker ! y")
    assert.strictEqual(prefixer.own("esv", "hello"), "esv    · hello")
    assert.strictEqual(
      new Prefixer({ style: noColours, raw: true }).line({ path: "a", stream: "stdout", text: "\x1b[31m" }),
      "a | \x1b[31m"
    )
    const long = new Prefixer({ style: noColours, raw: false }, ["x".repeat(40)])
    assert.strictEqual(long.prefix("x".repeat(40), "stdout"), `${"x".repeat(23)}… | `)
  })

  it("each child has a colour of its own that stays", () => {
    const prefixer = new Prefixer({ style: coloured, raw: false }, ["a", "b"])
    const colourOf = (path: string) => /\x1b\[(\d+)m/.exec(prefixer.prefix(path, "stdout"))![1]
    assert.notStrictEqual(colourOf("a"), colourOf("b"))
    assert.strictEqual(colourOf("a"), colourOf("a"))
  })
})

describe("colours", () => {
  const cases: ReadonlyArray<
    readonly [flag: boolean | undefined, isTTY: boolean, environment: Record<string, string>, boolean]
  > = [
    [undefined, true, {}, true],
    [undefined, false, {}, false],
    [undefined, true, { TERM: "dumb" }, false],
    [undefined, true, { NO_COLOR: "1" }, false],
    [undefined, true, { NO_COLOR: "" }, true],
    [undefined, false, { FORCE_COLOR: "1" }, true],
    [undefined, true, { FORCE_COLOR: "0" }, false],
    [undefined, false, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
    [true, false, { NO_COLOR: "1" }, true],
    [false, true, { FORCE_COLOR: "1" }, false]
  ]
  for (const [flag, isTTY, environment, wanted] of cases) {
    it(`flag ${flag}, terminal ${isTTY}, ${JSON.stringify(environment)}: ${wanted}`, () =>
      assert.strictEqual(choose({ flag, isTTY, environment }).enabled, wanted))
  }
})

describe("tables", () => {
  const draw = (rows: ReadonlyArray<ReadonlyArray<string>>, width: number) =>
    layout({
      columns: [{ title: "NAME", min: 6 }, { title: "PID", align: "right" }, { title: "NOTE", min: 5, dropAt: 1 }],
      rows,
      width,
      heading: (text) => text,
      paint: (_row, _column, text) => text
    })

  it("columns are as wide as what is in them", () =>
    assert.deepStrictEqual(draw([["web", "12", "fine"], ["worker-10", "3456", ""]], 80), [
      "NAME        PID  NOTE",
      "web          12  fine",
      "worker-10  3456"
    ]))

  it("the widest gives way first, and what is cut is told", () =>
    assert.deepStrictEqual(draw([["web", "12", "a long story about nothing"]], 24), [
      "NAME  PID  NOTE",
      "web    12  a long story…"
    ]))

  it("where there is no room at all a column is left out, and a name is cut last", () =>
    assert.deepStrictEqual(draw([["a-long-name", "12", "a story"]], 12), ["NAME     PID", "a-long…   12"]))

  it("an empty column is left out", () => assert.deepStrictEqual(draw([["web", "", ""]], 80), ["NAME", "web"]))

  it("wide characters take two places, colours none", () => {
    assert.strictEqual(widthOf("日本\x1b[31m!\x1b[0m"), 5)
    assert.strictEqual(cut("日本語", 5), "日本…")
    assert.strictEqual(cut("abc", 3), "abc")
    assert.strictEqual(cut("abc", 0), "")
    assert.strictEqual(new Prefixer({ style: noColours, raw: false }, ["日本語"]).own("日本", "up"), "日本   · up")
  })
})

describe("ps", () => {
  const notes: ReadonlyArray<readonly [string, ChildSnapshot, string]> = [
    ["one that runs needs no words", child("a", running), ""],
    ["a back-off tells when and why", child("a", backoff), "restart 3 in 2.4s: exited with code 3. It said: oops"],
    ["one that gave up tells why", child("a", { _tag: "GaveUp", cause: failed("boom\nmore") }), "boom"],
    ["one that is stopped by force tells when", child("a", { _tag: "Stopping", until: now + 4000 }), "killed in 4s"],
    ["an unhealthy one says so", child("a", running, { health: "unhealthy" }), "its liveness check fails"]
  ]
  for (const [rule, snapshot, note] of notes) {
    it(rule, () => assert.strictEqual(noteOf(snapshot, undefined, now), note))
  }

  it("what a child waits for is told, and it has no uptime before it runs", () => {
    const known = { job: undefined, waitsFor: ["db to be ready (it is starting)"] }
    const row = toRow(child("a", { _tag: "Starting" }), known, now)
    assert.strictEqual(row.note, "waits for db to be ready (it is starting)")
    assert.isNull(row.startedAt)
  })

  it("fits 80 columns with the longest names and notes", () => {
    const rows = [
      child(`${"deep/".repeat(20)}worker`, backoff, { restarts: 12_345 }),
      child("web", running, { restarts: 1 })
    ].map((one) => toRow(one, undefined, now))
    for (const width of [80, 60, 40]) {
      const lines = table(rows, now, width, noColours)
      assert.isTrue(lines.every((line) => widthOf(line) <= width), lines.join("\n"))
    }
  })

  it("a message of a child cannot move the cursor", () =>
    assert.strictEqual(noteOf(child("a", { _tag: "GaveUp", cause: failed("\x1b[2Jx") }), undefined, now), "␛[2Jx"))
})

describe("the tree", () => {
  const root = supervisor([
    child("(control)", running),
    child("db", running),
    child("web", running, {
      supervisor: supervisor([child("web/a", running, { restarts: 2 }), child("web/b", backoff)], {
        strategy: "rest-for-one"
      })
    })
  ])

  it("is drawn without what the command line adds", () =>
    assert.deepStrictEqual(treeText(root, new Map(), now, 80, noColours), [
      "shop running, one-for-one",
      "├─ db running",
      "└─ web running rest-for-one",
      "   ├─ a running, 2 restarts",
      "   └─ b backoff: restart 3 in 2.4s: exited with code 3. It said: oops"
    ]))

  it("a very deep one does not overflow the stack", () => {
    let snapshot = supervisor([])
    for (let depth = 0; depth < 5_000; depth++) snapshot = supervisor([child("a", running, { supervisor: snapshot })])
    assert.strictEqual(words.flatten(snapshot).length, 5_000)
  })

  it("the status line counts the states of those without children, and fits", () => {
    assert.strictEqual(tally(words.flatten(root)), "2 running, 1 backoff")
    assert.strictEqual(
      statusText(root, new Map(), now, 80, noColours),
      "shop · 2 running, 1 backoff · Ctrl-C: stop"
    )
    assert.isAtMost(widthOf(statusText(root, new Map(), now, 20, noColours)), 20)
  })

  it("while it stops, the status line says who is waited for and until when", () => {
    const stopping = supervisor([child("web", { _tag: "Stopping", until: now + 4000 }), child("db", running)], {
      state: "Stopping"
    })
    assert.strictEqual(
      statusText(stopping, new Map([["web", 123]]), now, 100, noColours),
      "shop · stopping · waiting for web (pid 123, killed in 4s) · Ctrl-C again: kill now"
    )
  })
})

describe("why", () => {
  const details = (one: ChildSnapshot, waitsFor: ReadonlyArray<string> = []) => ({
    path: one.path,
    child: one,
    job: undefined,
    waitsFor
  })

  const firstLines: ReadonlyArray<readonly [State, string]> = [
    [{ _tag: "Pending" }, "a is not started yet: those before it in the order are to be ready first"],
    [{ _tag: "Starting" }, "a is starting: it runs for 1m 5s and is not ready yet"],
    [running, "a is running for 1m 5s"],
    [backoff, "a waits for its restart: attempt 3 in 2.4s"],
    [{ _tag: "Stopping", until: now + 1000 }, "a is being stopped: it is killed in 1s"],
    [{ _tag: "Stopped" }, "a is stopped, because somebody asked for it"],
    [{ _tag: "Held" }, "a is held: nothing starts it until it is released"],
    [{ _tag: "Completed" }, "a has completed: it ended well, and its policy does not start it again"],
    [{ _tag: "GaveUp", cause: failed("x") }, "a has given up: it failed, and its policy grants no more restarts"],
    [{ _tag: "Abandoned" }, "a was abandoned: it did not end when it was stopped, and may still run"]
  ]
  for (const [state, line] of firstLines) {
    it(`${state._tag} is told in a sentence`, () =>
      assert.strictEqual(whyText(details(child("a", state)), now, noColours, "esv")[0], line))
  }

  it("the last exits are told, the newest first, with what was decided", () => {
    const exit = (incarnation: number, decision: "restart" | "giveUp" | "asked") => ({
      incarnation,
      startedAt: now - 10_000,
      endedAt: now - 8_000,
      exit: { _tag: "Failure" as const, cause: failed(`boom ${incarnation}`) },
      decision
    })
    const history = [1, 2, 3, 4, 5, 6].map((n) => exit(n, n === 6 ? "giveUp" : "restart"))
    const text = whyText(
      details(child("a", { _tag: "GaveUp", cause: failed("boom 6") }, { history })),
      now,
      noColours,
      "esv -n shop"
    )
    const exits = text.filter((line) => line.includes(" run "))
    assert.strictEqual(exits.length, 5)
    assert.match(exits[0]!, /run 6 boom 6 after 2s; no more restarts were granted, so it gave up/)
    assert.include(text.join("\n"), "esv -n shop start a")
  })

  it("who waits is told for what", () => {
    const text = whyText(
      details(child("a", { _tag: "Starting" }), ["db to be ready (it is starting)"]),
      now,
      noColours,
      "esv"
    )
    assert.deepStrictEqual(text, [
      "a waits for what it depends on, and is not started before that",
      "",
      "Waits for",
      "  db to be ready (it is starting)"
    ])
  })
})

describe("an operation with nothing to do", () => {
  const cause: CauseInfo = { kind: "Fail", tag: undefined, message: "broke", pretty: "Error: broke" }
  const cases: ReadonlyArray<readonly [verb: Verb, state: State, text: string, isMissed: boolean]> = [
    ["start", { _tag: "Running" }, "is up already", false],
    ["start", { _tag: "Starting" }, "is starting already", false],
    ["start", { _tag: "Pending" }, "is pending: it starts when those before it are ready", false],
    ["start", { _tag: "Held" }, `is held: it stays down until "esv release a"`, true],
    ["start", { _tag: "Stopping", until: 0 }, `is being stopped for a hold: it stays down until "esv release a"`, true],
    [
      "start",
      { _tag: "Abandoned" },
      "was stopped before but would not end, and still runs: nothing is started beside it",
      true
    ],
    ["restart", { _tag: "Held" }, `is held: it stays down until "esv release a"`, true],
    ["stop", { _tag: "Stopped" }, "is stopped already", false],
    ["stop", { _tag: "Held" }, "is held, and so stopped already", false],
    ["stop", { _tag: "Completed" }, "has completed, and is not running", false],
    ["stop", { _tag: "GaveUp", cause }, "has given up, and is not running", false],
    ["stop", { _tag: "Abandoned" }, "was stopped before but would not end, and still runs", true],
    ["hold", { _tag: "Held" }, "is held already", false],
    ["release", { _tag: "Running" }, "is not held: it is up already", false],
    ["release", { _tag: "Stopped" }, `is not held but stopped: "esv start a" starts it`, true],
    ["signal", { _tag: "Pending" }, "is not running: it was not started yet", false]
  ]
  for (const [verb, state, text, isMissed] of cases) {
    it(`${verb} of one that is ${state._tag} says so`, () =>
      assert.deepStrictEqual(nothingDone(verb, "a", child("a", state)), { text, isMissed }))
  }

  it("of one that has gone says so", () => assert.isTrue(nothingDone("stop", "a", undefined).isMissed))
})

describe("events", () => {
  it("each kind is a word and what there is to say", () => {
    const about = { at: now, path: "web" }
    assert.deepStrictEqual(
      sentence({
        _tag: "ChildTransition",
        ...about,
        incarnation: 2,
        from: "Running",
        to: backoff,
        exit: { _tag: "Failure", cause: failed("boom") }
      }),
      { word: "backoff", text: "restart 3 in 2.4s: boom" }
    )
    assert.deepStrictEqual(sentence({ _tag: "EventsLost", ...about, count: 3 }), {
      word: "lost",
      text: "3 events came faster than they were read"
    })
    assert.deepStrictEqual(sentence({ _tag: "RestartStorm", ...about, restarts: 100, withinMillis: 1000 }), {
      word: "storm",
      text: "100 restarts within 1s"
    })
  })
})

describe("which supervisor", () => {
  const at = (name: string, directory: string) => ({
    name,
    pid: 1,
    socket: `/run/${name}`,
    file: "Procfile",
    directory
  })

  it("the one of this directory, or of the nearest above it", () => {
    const running = [at("root", "/a"), at("inner", "/a/b"), at("other", "/x"), at("similar", "/a/bc")]
    const found = (directory: string) => nearest(running, directory).map(({ name }) => name)
    assert.deepStrictEqual(found("/a/b"), ["inner"])
    assert.deepStrictEqual(found("/a/b/c/d"), ["inner"])
    assert.deepStrictEqual(found("/a/c"), ["root"])
    assert.deepStrictEqual(found("/y"), [])
  })
})

describe("merging", () => {
  it.effect("streams in order come out in order, however they are cut into chunks", () =>
    Effect.gen(function*() {
      const a = Stream.fromArray([1, 4, 4, 9]).pipe(Stream.rechunk(1))
      const b = Stream.fromArray([2, 3, 5, 6, 7]).pipe(Stream.rechunk(2))
      const merged = yield* Stream.runCollect(merge([a, b, Stream.empty], (n) => n))
      assert.deepStrictEqual(merged, [1, 2, 3, 4, 4, 5, 6, 7, 9])
      assert.deepStrictEqual(yield* Stream.runCollect(merge<number, never>([], (n) => n)), [])
      assert.deepStrictEqual(
        yield* Stream.runCollect(Stream.take(merge([Stream.iterate(1, (n) => n + 2), b], (n) => n), 5)),
        [1, 2, 3, 3, 5]
      )
    }))

  it.effect("one that fails fails the whole", () =>
    Effect.gen(function*() {
      const bad = Stream.concat(Stream.make(1), Stream.fail("boom"))
      const error = yield* Effect.flip(Stream.runCollect(merge([bad, Stream.make(2, 3)], (n) => n)))
      assert.strictEqual(error, "boom")
    }))
})

describe("a cluster", () => {
  const child = (name: string, node: string, more: Partial<ClusterSchema.ClusterChild> = {}) => ({
    name,
    kind: "replica",
    node,
    state: "Running",
    token: 3,
    restarts: 0,
    claimedAt: 0,
    updatedAt: 0,
    wanted: true,
    cause: undefined,
    ...more
  })
  const cause = { kind: "Fail", tag: undefined, message: "no route\x1b[2J to it", pretty: "" } as const
  const snapshot: ClusterSchema.ClusterSnapshot = {
    nodes: [{ node: "a:1", startedAt: 0, seenMillisAgo: 200 }, { node: "b:1", startedAt: 0, seenMillisAgo: 1500 }],
    children: [
      child("mailer", "a:1", { restarts: 2 }),
      child("poison", "c:1", { state: "GaveUp", cause }),
      child("idle", "a:1", { wanted: false })
    ]
  }

  it("is a tree of nodes, and what is on none comes last", () => {
    assert.deepStrictEqual(clusterTree(snapshot, noColours), [
      "a:1 seen 200ms ago",
      "├─ mailer running token 3, 2 restarts",
      "└─ idle not wanted token 3",
      "b:1 seen 1.5s ago",
      "on no node that lives",
      "└─ poison gave up token 3: no route␛[2J to it"
    ])
  })

  it("is a table that fits, whatever is said in it", () => {
    for (const width of [60, 80, 160]) {
      const lines = clusterTable(snapshot, width, noColours)
      assert.lengthOf(lines, 4)
      for (const line of lines) assert.isAtMost(line.length, width)
      assert.isFalse(lines.some((line) => line.includes("\x1b")))
    }
  })
})
