/** The cluster as the lines that are shown, in order: every node with what is on it, and last what is on none. */
import type { ClusterChild, ClusterSnapshot } from "./wire.ts"
import { brief, isState, markOf, saidOf, type StateTag, type Tone, tones, toneWords } from "./words.ts"

/** How a child is, as it is said, and what is drawn before it. */
export interface Standing {
  readonly word: string
  readonly tone: Tone
  readonly mark: StateTag
}

export interface ChildLine {
  readonly _tag: "Child"
  readonly name: string
  readonly standing: Standing
  readonly kind: string
  readonly token: number
  readonly restarts: number
  /** Why it is down, in one line; empty if it is not. */
  readonly cause: string
}

export interface NodeLine {
  readonly _tag: "Node"
  /** `undefined`: no node that lives. */
  readonly node: string | undefined
  readonly seenMillisAgo: number | undefined
  readonly children: number
}

export type Line = NodeLine | ChildLine

export interface ClusterView {
  readonly lines: ReadonlyArray<Line>
  readonly nodes: number
  readonly children: number
  /** Of all, whatever the filter is. */
  readonly counts: Readonly<Record<Tone, number>>
}

/** The states that only a cluster knows. */
const ofCluster: ReadonlyMap<string, readonly [word: string, tone: Tone]> = new Map([
  ["Released", ["released", "rest"]],
  ["Spent", ["budget spent", "bad"]]
])

/** "NotKnownYet" as "not known yet". */
const inWords = (tag: string): string => tag.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase()

const notWanted: Standing = { word: "not wanted", tone: "rest", mark: "Stopped" }

/** What a node that is gone has told last is not how it is: nothing runs there. */
export const standingOf = ({ state, wanted }: ClusterChild, isLost: boolean): Standing => {
  const [word, tone] = isState(state) ? saidOf(state) : ofCluster.get(state) ?? [inWords(state), "rest"]
  const isUp = tone === "good" || tone === "busy"
  if (!wanted && (isLost || !isUp)) return notWanted
  if (isLost && (isUp || tone === "warn")) return { word: `was ${word}`, tone: "bad", mark: markOf.bad }
  return { word, tone, mark: isState(state) ? state : markOf[tone] }
}

interface Placed {
  readonly child: ClusterChild
  readonly standing: Standing
}

const { compare } = new Intl.Collator("en", { numeric: true })

/** By the child's name, its node, its kind, the word for its state, or the word for states like it. */
const matches = ({ child, standing }: Placed, filter: string): boolean =>
  toneWords[standing.tone] === filter ||
  [child.name, child.node, child.kind, standing.word].some((text) => text.toLowerCase().includes(filter))

const lineOf = ({ child, standing }: Placed): ChildLine => ({
  _tag: "Child",
  name: child.name,
  standing,
  kind: child.kind,
  token: child.token,
  restarts: child.restarts,
  cause: child.cause === undefined ? "" : brief(child.cause.message).split("\n", 1)[0]!
})

/** The same snapshot in another order is the same view, so that nothing moves but what has changed. */
export const viewOf = ({ children, nodes }: ClusterSnapshot, filter = ""): ClusterView => {
  const wanted = filter.toLowerCase()
  const counts = Object.fromEntries(tones.map((tone) => [tone, 0])) as Record<Tone, number>
  const on = new Map<string, Array<Placed>>(nodes.map(({ node }) => [node, []]))
  const lost: Array<Placed> = []
  for (const child of children.toSorted((a, b) => compare(a.name, b.name))) {
    const there = on.get(child.node)
    const placed = { child, standing: standingOf(child, there === undefined) }
    counts[placed.standing.tone]++
    if (wanted === "" || matches(placed, wanted)) (there ?? lost).push(placed)
  }
  const group = (
    node: string | undefined,
    seenMillisAgo: number | undefined,
    shown: ReadonlyArray<Placed>
  ): ReadonlyArray<Line> => [{ _tag: "Node", node, seenMillisAgo, children: shown.length }, ...shown.map(lineOf)]
  const isShown = (node: string): boolean => wanted === "" || node.toLowerCase().includes(wanted)
  return {
    lines: [
      ...nodes.toSorted((a, b) => compare(a.node, b.node)).flatMap(({ node, seenMillisAgo }) => {
        const there = on.get(node) ?? []
        return there.length > 0 || isShown(node) ? group(node, seenMillisAgo, there) : []
      }),
      ...(lost.length === 0 ? [] : group(undefined, undefined, lost))
    ],
    nodes: nodes.length,
    children: children.length,
    counts
  }
}
