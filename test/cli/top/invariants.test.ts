import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import { initial, type Message } from "../../../src/cli/top/Model.ts"
import { rowsOf, seenOf } from "../../../src/cli/top/Query.ts"
import type { SupervisorEvent } from "../../../src/SupervisorEvent.ts"
import type { State } from "../../../src/State.ts"
import { update } from "../../../src/cli/top/Update.ts"
import { child, job, manager, now, screen, server, snapshot, told } from "./support.ts"

const names = ["a", "b", "web", "日本語", "\x1b[2Jx", "👩‍👧"]
const name = fc.constantFrom(...names)
const path = fc.oneof(
  name,
  fc.tuple(name, name).map((parts) => parts.join("/")),
  fc.tuple(name, name, name).map((parts) => parts.join("/"))
)
const cause = fc.constantFrom("broke", "\x1b[31mred\r\nmore", "長い".repeat(80)).map((message) => ({
  kind: "Fail" as const,
  tag: undefined,
  message,
  pretty: `${message}\n  at it`
}))

const plain = ["Pending", "Starting", "Running", "Stopped", "Held", "Completed", "Abandoned"] as const
const state: fc.Arbitrary<State> = fc.oneof(
  fc.constantFrom(...plain).map((_tag) => ({ _tag })),
  fc.tuple(fc.integer({ min: -1000, max: 100_000 }), cause).map(([in_, cause]) => ({
    _tag: "Backoff" as const,
    until: now + in_,
    attempt: 1,
    cause
  })),
  fc.constant({ _tag: "Stopping" as const, until: now + 3000 }),
  cause.map((cause) => ({ _tag: "GaveUp" as const, cause }))
)

const tree = fc.uniqueArray(name, { maxLength: 5 }).chain((roots) =>
  fc.record({
    nested: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    states: fc.array(state, { minLength: 5, maxLength: 5 })
  }).map(({ nested, states }) =>
    snapshot(
      "shop",
      roots.map((root, index) =>
        nested[index] === true
          ? manager(root, ["a", "b"].map((name) => child(`${root}/${name}`)))
          : child(root, { state: states[index]! })
      )
    )
  )
)

const event: fc.Arbitrary<SupervisorEvent> = fc.oneof(
  path.map((path) => ({ _tag: "ChildAdded" as const, at: now, path, child: child(path) })),
  path.map((path) => ({ _tag: "ChildRemoved" as const, at: now, path })),
  fc.record({
    _tag: fc.constant("ChildTransition" as const),
    at: fc.constant(now),
    path,
    incarnation: fc.integer({ min: 0, max: 3 }),
    from: fc.constantFrom("Running" as const, "Backoff" as const, "Starting" as const),
    to: state,
    exit: fc.option(cause.map((cause) => ({ _tag: "Failure" as const, cause })), { nil: undefined })
  }),
  fc.tuple(path, fc.constantFrom("Starting" as const, "Running" as const, "Failed" as const)).map(([path, to]) => ({
    _tag: "SupervisorTransition" as const,
    at: now,
    path,
    to,
    cause: undefined
  }))
)

const entry = fc.string({ unit: "binary", maxLength: 200 }).map((text) => ({
  _tag: "Line" as const,
  run: 1,
  stream: "stdout" as const,
  time: now,
  text,
  continued: false
}))

const letters = Array.from("jkgGsxrRhHdKlwi/?yn q139CQf日\u200d")
const named = "up down left right enter escape backspace tab pageup pagedown home end f5".split(" ")
const size = fc.record({ columns: fc.integer({ min: 1, max: 150 }), rows: fc.integer({ min: 1, max: 50 }) })

const messages: Readonly<Record<Message["_tag"], fc.Arbitrary<Message>>> = {
  Tick: fc.constant({ _tag: "Tick" }),
  Key: fc.constantFrom("", ...letters, ...named).map((key) => ({ _tag: "Key", key })),
  Changed: fc.oneof(fc.array(event, { maxLength: 4 }), fc.tuple(tree)).map((changes) => ({ _tag: "Changed", changes })),
  Resized: size.map((size) => ({ _tag: "Resized", size })),
  Connected: fc.constant({ _tag: "Connected", server }),
  Lost: fc.constant({ _tag: "Lost", reason: "gone\x1b[2J", retryAt: now }),
  Measured: path.map((path) => ({ _tag: "Measured", details: [told(child(path), job(path))] })),
  Logged: fc.tuple(path, fc.array(entry, { maxLength: 5 })).map(([path, entries]) => ({
    _tag: "Logged",
    path,
    entries
  })),
  Skipped: path.map((path) => ({ _tag: "Skipped", path })),
  LogsFailed: path.map((path) => ({ _tag: "LogsFailed", path, problem: "none\x1b[2J" })),
  Finished: fc.integer({ min: 1, max: 5 }).map((id) => ({ _tag: "Finished", id, isGood: true, text: "ok\x07" }))
}

const message = fc.oneof(
  { weight: 9, arbitrary: messages.Key },
  { weight: 4, arbitrary: messages.Changed },
  ...Object.values(messages)
)

it("whatever happens, something that is there is selected and seen, and the screen has its exact size", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 40 }), (messages) => {
      let model = initial({ columns: 80, rows: 24 })
      for (const message of messages) {
        model = update(model, message, now)[0]
        const rows = rowsOf(model)
        assert.strictEqual(rows.some(({ child }) => child.path === model.selected), rows.length > 0)
        assert.strictEqual(model.selected === undefined, rows.length === 0)
        assert.strictEqual(new Set(rows.map(({ child }) => child.path)).size, rows.length)
        if (model.mode._tag !== "Reading" && model.size.rows >= 10) {
          assert.strictEqual(
            seenOf(model, model.size).some(({ child }) => child.path === model.selected),
            rows.length > 0
          )
        }
        screen(model)
        screen(model, { colour: true })
      }
    }),
    { numRuns: 150 }
  )
})
