/** The lines of the cluster, which need no browser. */
import { assert, describe, it } from "@effect/vitest"
import { type Line, standingOf, viewOf } from "../../../src/control/page/cluster.ts"
import type { ClusterChild, ClusterSnapshot } from "../../../src/control/page/wire.ts"

const child = (name: string, node: string, more: Partial<ClusterChild> = {}): ClusterChild => ({
  name,
  kind: "singleton",
  node,
  state: "Running",
  token: 1,
  restarts: 0,
  claimedAt: 1,
  updatedAt: 2,
  wanted: true,
  cause: undefined,
  ...more
})

const node = (node: string) => ({ node, startedAt: 1, seenMillisAgo: 40 })

const failed = (message: string) => ({ kind: "Fail", tag: undefined, message, pretty: message }) as const

const text = (line: Line): string =>
  line._tag === "Node"
    ? `${line.node} ${line.seenMillisAgo} ${line.children}`
    : `- ${line.name} ${line.standing.word} ${line.standing.tone}`

const textOf = (snapshot: ClusterSnapshot, filter?: string) => viewOf(snapshot, filter).lines.map(text)

const snapshot: ClusterSnapshot = {
  nodes: [node("b:2"), node("b:10"), node("a:1")],
  children: [
    child("room-10", "b:2"),
    child("lost", "gone:1"),
    child("room-2", "b:2", { state: "Backoff" }),
    child("mailer", "a:1", { state: "Stopping" })
  ]
}

const all = [
  "a:1 40 1",
  "- mailer stopping busy",
  "b:2 40 2",
  "- room-2 backing off warn",
  "- room-10 running good",
  "b:10 40 0",
  "undefined undefined 1",
  "- lost was running bad"
]

describe("The lines of the cluster", () => {
  it("are its nodes with what is on each, by name, and what is on none that lives comes last", () => {
    assert.deepStrictEqual(textOf(snapshot), all)
  })

  it("are the same in whatever order they are told", () => {
    const { children, nodes } = snapshot
    assert.deepStrictEqual(textOf({ nodes: nodes.toReversed(), children: children.toReversed() }), all)
  })

  it("of a cluster without nodes are what is left of it, or none", () => {
    assert.deepStrictEqual(textOf({ nodes: [], children: [] }), [])
    assert.deepStrictEqual(textOf({ nodes: [], children: [child("x", "a:1")] }), [
      "undefined undefined 1",
      "- x was running bad"
    ])
  })

  it("a filter finds names, nodes, kinds and states, and counts all the same", () => {
    assert.deepStrictEqual(textOf(snapshot, "MAIL"), all.slice(0, 2))
    assert.deepStrictEqual(textOf(snapshot, "b:10"), ["b:10 40 0"])
    assert.deepStrictEqual(textOf(snapshot, "down"), all.slice(6))
    assert.deepStrictEqual(textOf(snapshot, "backing off"), ["b:2 40 1", "- room-2 backing off warn"])
    assert.deepStrictEqual(textOf(snapshot, "nothing like it"), [])
    const { children, counts, nodes } = viewOf(snapshot, "nothing like it")
    assert.deepStrictEqual([nodes, children], [3, 4])
    assert.deepStrictEqual(counts, { good: 1, busy: 1, warn: 1, bad: 1, rest: 0 })
  })

  it("tell why a child is down in one line, without the command that it was down in", () => {
    const cause = failed("Command \"node a.js\" exited with code 1.\nand more")
    const [, line] = viewOf({ nodes: [node("a:1")], children: [child("x", "a:1", { cause })] }).lines
    assert.strictEqual(line?._tag === "Child" ? line.cause : undefined, "exited with code 1.")
  })

  it("ten thousand of them are made in no time", () => {
    const children = Array.from({ length: 10_000 }, (_, n) => child(`room-${(n * 7919) % 10_000}`, `n:${n % 50}`))
    const nodes = Array.from({ length: 50 }, (_, n) => node(`n:${n}`))
    const began = performance.now()
    assert.strictEqual(viewOf({ nodes, children }).lines.length, 10_050)
    assert.isBelow(performance.now() - began, 500)
  })
})

describe("How a child of the cluster is", () => {
  const said = (more: Partial<ClusterChild>, isLost = false) => {
    const { tone, word } = standingOf(child("x", "a:1", more), isLost)
    return `${word}, ${tone}`
  }

  it("has a word and a colour, also for states that only a cluster has, or that nobody knows", () => {
    assert.strictEqual(said({ state: "Released" }), "released, rest")
    assert.strictEqual(said({ state: "Spent" }), "budget spent, bad")
    assert.strictEqual(said({ state: "GaveUp" }), "gave up, bad")
    assert.strictEqual(said({ state: "NotKnownYet" }), "not known yet, rest")
    assert.strictEqual(said({ state: "toString" }), "to string, rest")
  })

  it("what was last told by a node that is gone is in the past", () => {
    assert.strictEqual(said({ state: "Running" }, true), "was running, bad")
    assert.strictEqual(said({ state: "Backoff" }, true), "was backing off, bad")
    assert.strictEqual(said({ state: "Released" }, true), "released, rest")
    assert.strictEqual(said({ state: "Spent" }, true), "budget spent, bad")
    assert.strictEqual(said({ state: "Completed" }, true), "completed, rest")
  })

  it("what nobody wants is not amiss when it is down, and is told as it is while it is up", () => {
    assert.strictEqual(said({ state: "GaveUp", wanted: false }), "not wanted, rest")
    assert.strictEqual(said({ state: "Stopping", wanted: false }), "stopping, busy")
    assert.strictEqual(said({ state: "Running", wanted: false }, true), "not wanted, rest")
  })
})
