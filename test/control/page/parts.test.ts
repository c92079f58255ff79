/** The parts of the page that need no browser: text made safe, bounded logs, words, charts, lines of the tree. */
import { assert, describe, it } from "@effect/vitest"
import { isPossible, ofChild } from "../../../src/control/page/actions.ts"
import { plainText, spans } from "../../../src/control/page/ansi.ts"
import { delayOf, parse } from "../../../src/control/page/feed.ts"
import { LogBuffer, maxLines } from "../../../src/control/page/logBuffer.ts"
import { empty, type Picture, reduce } from "../../../src/control/internal/picture.ts"
import { rowsOf } from "../../../src/control/page/rows.ts"
import * as timeline from "../../../src/control/page/timeline.ts"
import * as usage from "../../../src/control/page/usage.ts"
import type { ChildSnapshot, LogEntry, Snapshot, State } from "../../../src/control/page/wire.ts"
import * as words from "../../../src/control/page/words.ts"

const child = (path: string, state: State = { _tag: "Running" }, more: Partial<ChildSnapshot> = {}): ChildSnapshot => ({
  name: path.split("/").at(-1)!,
  path,
  state,
  incarnation: 1,
  restarts: 0,
  startedAt: 0,
  readyAt: 0,
  health: undefined,
  grace: 5000,
  clampedFrom: undefined,
  significant: false,
  history: [],
  supervisor: undefined,
  ...more
})

const group = (path: string, children: ReadonlyArray<ChildSnapshot>): Snapshot => ({
  name: path,
  path,
  state: "Running",
  strategy: "one-for-one",
  completed: 0,
  restarts: 0,
  abandoned: [],
  children
})

const modelOf = (snapshot: Snapshot): Picture => reduce(empty, [snapshot])

const line = (text: string): LogEntry => ({ _tag: "Line", run: 1, stream: "stdout", time: 0, text, continued: false })
const linesOf = (count: number): ReadonlyArray<LogEntry> => Array.from({ length: count }, (_, n) => line(`${n}`))

describe("Text of children", () => {
  it("keeps its colours as classes, and nothing else of its escape sequences", () => {
    assert.deepStrictEqual(spans("a\u001b[1;31mb\u001b[0mc"), [
      { text: "a", style: "" },
      { text: "b", style: "b c1" },
      { text: "c", style: "" }
    ])
    assert.deepStrictEqual(spans("\u001b[38;5;9mx\u001b[38;2;0;200;0my\u001b[39mz").map(({ style }) => style), [
      "c1",
      "c2",
      ""
    ])
    assert.deepStrictEqual(spans("\u001b[48;5;9;4mx"), [{ text: "x", style: "u" }])
  })

  it.each([
    ["a title", "\u001b]0;owned\u0007text", "text"],
    ["a link", "\u001b]8;;http://evil\u001b\\text\u001b]8;;\u001b\\", "text"],
    ["a cleared screen", "\u001b[2J\u001b[Htext", "text"],
    ["a device string that does not end", "text\u001bPq#0;2;0", "text"],
    ["a sequence that is cut off", "text\u001b[31", "text"],
    ["eight-bit control sequences", "\u009b31mtext\u009b0m", "text"],
    ["a lone escape", "text\u001b", "text"],
    ["control characters", "a\u0000b\u0008c\u007f", "a\u2400b\u2408c\u2421"],
    ["a carriage return", "text\r", "text"],
    ["writing turned around", "a\u202eb\u2066c", "a\\u{202e}b\\u{2066}c"],
    ["what looks like markup", "<script>&amp;", "<script>&amp;"],
    ["tabs", "a\tb", "a\tb"]
  ])("%s", (_, text, shown) => {
    assert.strictEqual(plainText(text), shown)
  })

  it("a line of nothing but escapes takes time in proportion to its length", () => {
    const before = performance.now()
    plainText("\u001b]".repeat(200_000))
    plainText("\u001b[1;".repeat(200_000))
    assert.isBelow(performance.now() - before, 2000)
  })
})

describe("The lines that are kept", () => {
  it("are the latest, and never more than so many", () => {
    const buffer = new LogBuffer()
    for (let index = 0; index < 5; index++) buffer.add(linesOf(maxLines / 2))
    assert.strictEqual(buffer.length, maxLines)
    assert.strictEqual(buffer.dropped, maxLines * 1.5)
    assert.strictEqual(buffer.at(0)!.id, buffer.dropped)
    assert.strictEqual(Array.from(buffer).length, maxLines)
  })

  it("are few when they are long", () => {
    const buffer = new LogBuffer()
    buffer.add(Array.from({ length: 100 }, () => line("x".repeat(1e6))))
    assert.isBelow(buffer.length, 10)
  })

  it("stay while somebody reads them: what is too much is counted, and following says that there is a gap", () => {
    const buffer = new LogBuffer()
    buffer.add(linesOf(maxLines - 10))
    buffer.pause()
    buffer.add(linesOf(30))
    assert.deepStrictEqual([buffer.length, buffer.dropped, buffer.unread, buffer.missed], [maxLines, 0, 30, 20])
    assert.isTrue(buffer.resume())
    assert.deepStrictEqual([buffer.length, buffer.unread, buffer.missed], [0, 0, 0])
  })

  it("go on where they were if there was place for all", () => {
    const buffer = new LogBuffer()
    buffer.add(linesOf(5))
    buffer.pause()
    buffer.add(linesOf(5))
    assert.isFalse(buffer.resume())
    assert.strictEqual(buffer.length, 10)
  })
})

describe("Words", () => {
  it.each([[0, "0 s"], [59_999, "59 s"], [192_000, "3 m 12 s"], [7_500_000, "2 h 05 m"], [273_600_000, "3 d 04 h"]])(
    "a time of %i ms is %s",
    (millis, text) => assert.strictEqual(words.duration(millis), text)
  )

  it.each([[0, "0 B"], [999, "999 B"], [1024, "1.0 KiB"], [43_201_331, "41.2 MiB"], [1_048_100_000, "1.0 GiB"]])(
    "%i bytes are %s",
    (count, text) => assert.strictEqual(words.bytes(count), text)
  )

  const at = (state: State) => ({ ...child("a", state), since: 1000 })
  const job = { pid: 123, killAfterMillis: 5000 }

  it.each(
    [
      [{ _tag: "Backoff", until: 4000, attempt: 1, cause: undefined }, undefined, 1100, "next try in 3 s"],
      [{ _tag: "Backoff", until: 8.64e15, attempt: 1, cause: undefined }, undefined, 0, "waits to be started"],
      [{ _tag: "Stopping", until: 14_000 }, job, 2000, "waiting for pid 123, SIGKILL in 4 s"],
      [{ _tag: "Stopping", until: 14_000 }, job, 7000, "waiting for pid 123, SIGKILL was sent"],
      [
        { _tag: "Stopping", until: 14_000 },
        { ...job, killAfterMillis: undefined },
        2000,
        "waiting for pid 123, 12 s at most"
      ],
      [{ _tag: "Stopping", until: 6000 }, undefined, 2000, "waiting for its end, interrupted in 4 s"],
      [{ _tag: "Stopping", until: 1000 }, undefined, 2000, "waiting for its end, interrupted"],
      [{ _tag: "Stopping", until: undefined }, undefined, 2000, "waiting for its end"],
      [{ _tag: "Running" }, job, 2000, undefined]
    ] as const
  )("what a child waits for: %j", (state, job, now, text) => {
    assert.strictEqual(words.waitsFor(at(state), job, now), text)
  })

  it("every state has a word of its own", () => {
    const tags = [
      "Pending",
      "Starting",
      "Running",
      "Backoff",
      "Stopping",
      "Stopped",
      "Held",
      "Completed",
      "GaveUp",
      "Abandoned"
    ] as const
    assert.strictEqual(new Set(tags.map(words.wordOf)).size, tags.length)
  })

  it("an end is told without the command that it is the end of", () => {
    assert.strictEqual(words.brief(`Command "sh -c 'a "b"'" exited with code 3`), "exited with code 3")
    assert.strictEqual(words.brief(`Command "a" exited with code 3. It said: one | two`), "exited with code 3: two")
    assert.strictEqual(words.brief("out of luck"), "out of luck")
  })
})

describe("Charts", () => {
  it("show the share of one core between two samples, and keep two minutes", () => {
    let series = usage.none
    for (let index = 0; index < 100; index++) {
      series = usage.next(
        series,
        { a: { pid: 1, cpuMillis: index * 1000, memoryBytes: 5, processes: 1 } },
        index * 2000
      )
    }
    assert.strictEqual(series.get("a")!.cpu.length, usage.samples)
    assert.strictEqual(series.get("a")!.cpu.at(-1), 50)
  })

  it("a new process begins a new count; who is gone is forgotten", () => {
    const one = usage.next(usage.none, { a: { pid: 1, cpuMillis: 9000, memoryBytes: 5, processes: 1 } }, 0)
    const two = usage.next(one, { a: { pid: 2, cpuMillis: 9500, memoryBytes: 5, processes: 1 } }, 2000)
    assert.deepStrictEqual(two.get("a")!.cpu, [])
    assert.strictEqual(usage.next(two, { a: {} }, 4000).get("a")!.last, undefined)
    assert.strictEqual(usage.next(two, {}, 4000).size, 0)
  })
})

describe("The lines of the tree", () => {
  const tree = modelOf(group("", [
    child("web", undefined, { supervisor: group("web", [child("web/api"), child("web/assets", { _tag: "Stopped" })]) }),
    child("mail", { _tag: "Held" })
  ]))
  const paths = (collapsed: ReadonlyArray<string>, filter: string) =>
    rowsOf(tree, new Set(collapsed), filter).map(({ level, path }) => `${level} ${path}`)

  it("are in the order of the tree, without what is closed", () => {
    assert.deepStrictEqual(paths([], ""), ["1 ", "2 web", "3 web/api", "3 web/assets", "2 mail"])
    assert.deepStrictEqual(paths(["web"], ""), ["1 ", "2 web", "2 mail"])
  })

  it("a filter finds names and states, shows what they are below, and opens what is closed", () => {
    assert.deepStrictEqual(paths(["web"], "API"), ["1 ", "2 web", "3 web/api"])
    assert.deepStrictEqual(paths([], "held"), ["1 ", "2 mail"])
    assert.deepStrictEqual(paths([], "at rest"), ["1 ", "2 web", "3 web/assets", "2 mail"])
  })

  it("ten thousand of them, ten thousand deep, are listed in no time", () => {
    let deep = group("d", [])
    for (let index = 0; index < 10_000; index++) {
      deep = group("d", [child(`d${index}`, undefined, { supervisor: deep })])
    }
    const before = performance.now()
    assert.isAbove(rowsOf(modelOf({ ...deep, path: "" }), new Set(), "").length, 5000)
    assert.isBelow(performance.now() - before, 1000)
  })
})

describe("The timeline", () => {
  it("begins with what children remember, goes on with what happens, and is bounded", () => {
    const exit = {
      _tag: "Failure",
      cause: { kind: "Fail", tag: undefined, message: "out of luck", pretty: "" }
    } as const
    const history = [{ incarnation: 1, startedAt: 0, endedAt: 5, exit, decision: "restart" }] as const
    const recalled = timeline.recall([{ ...child("a", undefined, { history }), since: undefined }])
    assert.deepStrictEqual(recalled.map(({ at, path, text }) => [at, path, text]), [[5, "a", "out of luck; restarted"]])
    const event = { _tag: "ChildRemoved", at: 6, path: "a" } as const
    const more = timeline.tell(recalled, Array.from({ length: 3000 }, () => event))
    assert.strictEqual(more.length, timeline.capacity)
    assert.strictEqual(new Set(more.map(({ id }) => id)).size, timeline.capacity)
  })
})

describe("The connection", () => {
  it("is tried again later each time, up to ten seconds", () => {
    assert.deepStrictEqual([0, 1, 2, 3, 4, 5, 500].map(delayOf), [500, 1000, 2000, 4000, 8000, 10_000, 10_000])
  })

  it("what is absent may come as null", () => {
    assert.deepStrictEqual(parse(`{"a":null,"b":[1]}`), { b: [1] })
  })
})

describe("Operations", () => {
  const possible = (state: State) =>
    ofChild.filter((action) => isPossible(action, { ...child("a", state), since: 0 }, true)).map(({ verb }) => verb)

  it("are offered when there is something for them to do", () => {
    assert.deepStrictEqual(possible({ _tag: "Running" }), [
      "stop",
      "restart",
      "hold",
      "reloadChild",
      "signal",
      "remove"
    ])
    assert.deepStrictEqual(possible({ _tag: "Held" }), ["release", "remove"])
    assert.deepStrictEqual(possible({ _tag: "Stopped" }), ["start", "hold", "remove"])
    assert.deepStrictEqual(possible({ _tag: "Stopping", until: 0 }), ["start", "hold", "signal", "remove"])
  })

  it("no two of them have the same key", () => {
    const keys = ofChild.flatMap(({ key }) => key ?? [])
    assert.strictEqual(new Set(keys).size, keys.length)
  })
})
