/**
 * YAML with the lines on which things are. Effect's own reader (`effect/encoding/Yaml`) has no positions, so this is the
 * package it is modelled on.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap
} from "yaml"
import type { Problems } from "./problems.ts"

export interface Text {
  readonly value: unknown
  /** The line of what is at a path, or of the nearest thing around it that is there. */
  readonly lineOf: (keys: ReadonlyArray<PropertyKey>) => number | undefined
}

/** How many times aliases may stand for something, all in all: more is an attack on the memory. */
const maxAliasCount = 100

/** The one document of a text; `undefined` if it cannot be read. */
export const parse = (text: string, problems: Problems): Text | undefined => {
  const counter = new LineCounter()
  const options = { lineCounter: counter, prettyErrors: false, merge: true, stringKeys: true }
  const parsed = Option.liftThrowable(() => parseDocument(text, options))()
  if (Option.isNone(parsed)) {
    problems.add("Syntax", nowhere, "its parts stand too deep in each other", "Write it flatter")
    return undefined
  }
  const document = parsed.value
  for (const { code, pos } of document.errors) {
    const place = { path: "", line: counter.linePos(pos[0]).line }
    // Its own messages quote the text, which may be secret.
    const what = code.toLowerCase().replaceAll("_", " ")
    problems.add("Syntax", place, `this is not YAML: ${what}`, "Look at the line and the one before it")
  }
  if (document.errors.length > 0) return undefined
  const merges = wrongMerges(document)
  for (const at of merges) {
    const place = { path: "", line: at === undefined ? undefined : counter.linePos(at).line }
    problems.add("Syntax", place, `"<<" takes a map, or a list of maps`, "Write an alias of a map after it")
  }
  if (merges.length > 0) return undefined
  const value = Result.try({ try: () => document.toJS({ maxAliasCount }) as unknown, catch: String })
  if (Result.isFailure(value)) {
    const [what, advice] = /excessive alias/i.test(value.failure)
      ? ["its aliases stand for too much", "Write it with fewer aliases"] as const
      : ["an alias stands for what it is a part of, or for what is not there", "Write out what is meant"] as const
    problems.add("Syntax", nowhere, what, advice)
    return undefined
  }
  return { value: value.success, lineOf: lineFinder(document, counter) }
}

const nowhere = { path: "", line: undefined }

/** Where something is merged that is no map. */
const wrongMerges = (document: Document): ReadonlyArray<number | undefined> => {
  const found: Array<number | undefined> = []
  const target = (node: unknown): unknown => isAlias(node) ? node.resolve(document) : node
  visit(document, {
    Pair(_, { key, value }) {
      if (!isScalar(key) || key.source !== "<<" || key.type !== "PLAIN") return
      const source = target(value)
      const isRight = isMap(source) || (isSeq(source) && source.items.every((item) => isMap(target(item))))
      if (!isRight) found.push(key.range?.[0])
    }
  })
  return found
}

const lineFinder = (document: Document, counter: LineCounter) => {
  const pairs = new WeakMap<object, ReadonlyMap<string, Pair<Node, Node | null>>>()
  const pairsOf = (map: YAMLMap<Node, Node | null>) => {
    const known = pairs.get(map) ?? new Map(map.items.map((pair) => [keyOf(pair), pair]))
    pairs.set(map, known)
    return known
  }
  const childAt = (node: Node | null | undefined, key: PropertyKey): Pair<Node, Node | null> | Node | undefined => {
    if (isMap<Node, Node | null>(node)) return pairsOf(node).get(String(key))
    return isSeq<Node>(node) ? node.items[Number(key)] : undefined
  }
  return (keys: ReadonlyArray<PropertyKey>): number | undefined => lineOf(document, counter, childAt, keys)
}

const keyOf = ({ key }: Pair<Node, Node | null>): string => isScalar(key) ? String(key.value) : ""

type ChildAt = (node: Node | null | undefined, key: PropertyKey) => Pair<Node, Node | null> | Node | undefined

const lineOf = (
  document: Document,
  counter: LineCounter,
  childAt: ChildAt,
  keys: ReadonlyArray<PropertyKey>
): number | undefined => {
  let node: Node | null | undefined = document.contents
  let line: number | undefined
  for (const key of keys) {
    if (isAlias(node)) node = node.resolve(document)
    const found: Pair<Node, Node | null> | Node | undefined = childAt(node, key)
    if (found === undefined) return line
    const at: Node = "key" in found ? found.key : found
    if (at.range !== undefined && at.range !== null) line = counter.linePos(at.range[0]).line
    node = "key" in found ? found.value : found
  }
  return line
}
