/**
 * YAML with the lines on which things are. Effect's own reader (`effect/encoding/Yaml`) has no positions, so this is the
 * package it is modelled on.
 */
import * as Option from "effect/Option"
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml"
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
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, merge: true, stringKeys: true })
  for (const { code, pos } of document.errors) {
    const place = { path: "", line: counter.linePos(pos[0]).line }
    // Its own messages quote the text, which may be secret.
    const what = code.toLowerCase().replaceAll("_", " ")
    problems.add("Syntax", place, `this is not YAML: ${what}`, "Look at the line and the one before it")
  }
  if (document.errors.length > 0) return undefined
  const value = Option.liftThrowable(() => document.toJS({ maxAliasCount }) as unknown)()
  if (Option.isNone(value)) {
    problems.add(
      "Syntax",
      { path: "", line: undefined },
      "its aliases stand for too much",
      "Write it with fewer aliases"
    )
    return undefined
  }
  return { value: value.value, lineOf: (keys) => lineOf(document, counter, keys) }
}

const lineOf = (document: Document, counter: LineCounter, keys: ReadonlyArray<PropertyKey>): number | undefined => {
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

const childAt = (node: Node | null | undefined, key: PropertyKey): Pair<Node, Node | null> | Node | undefined => {
  if (isMap<Node, Node | null>(node)) {
    return node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(key))
  }
  return isSeq<Node>(node) ? node.items[Number(key)] : undefined
}
