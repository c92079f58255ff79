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
  type YAMLMap
} from "yaml"
import type { Problems, Where } from "./problems.ts"
import { check } from "./yamlCheck.ts"

export interface Text {
  readonly value: unknown
  /** The line of what is at a path, or of the nearest thing around it that is there. */
  readonly lineOf: (keys: ReadonlyArray<PropertyKey>) => number | undefined
}

/** How many times aliases may stand for something, all in all: more is an attack on the memory. */
const maxAliasCount = 100

const nowhere: Where = { path: "", line: undefined }

/** The one document of a text; `undefined` if it cannot be read. */
export const parse = (text: string, problems: Problems): Text | undefined => {
  const lineCounter = new LineCounter()
  const options = { lineCounter, prettyErrors: false, merge: true, stringKeys: true, uniqueKeys: false }
  const parsed = Option.liftThrowable(() => parseDocument(text, options))()
  if (Option.isNone(parsed)) {
    problems.add("Syntax", nowhere, "its parts stand too deep in each other", "Write it flatter")
    return undefined
  }
  const document = parsed.value
  const add = (at: number, message: string, advice: string) =>
    problems.add("Syntax", { path: "", line: lineCounter.linePos(at).line }, message, advice)
  for (const { code, pos } of document.errors) {
    // Its own messages quote the text, which may be secret.
    const what = code.toLowerCase().replaceAll("_", " ")
    add(pos[0], `this is not YAML: ${what}`, "Look at the line and the one before it")
  }
  if (document.errors.length > 0) return undefined
  const found = check(document)
  for (const { advice, at, message } of found) add(at, message, advice)
  if (found.length > 0) return undefined
  const value = Result.try({ try: () => document.toJS({ maxAliasCount }) as unknown, catch: String })
  if (Result.isFailure(value)) {
    const [what, advice] = /excessive alias/i.test(value.failure)
      ? ["its aliases stand for too much", "Write it with fewer aliases"] as const
      : ["an alias stands for what it is a part of, or for what is not there", "Write out what is meant"] as const
    problems.add("Syntax", nowhere, what, advice)
    return undefined
  }
  return { value: value.success, lineOf: lineFinder(document, lineCounter) }
}

type Entry = Pair<Node, Node | null>

const lineFinder = (document: Document, counter: LineCounter): Text["lineOf"] => {
  /** By map, its entries by their keys. */
  const known = new WeakMap<object, ReadonlyMap<string, Entry>>()
  const entriesOf = (map: YAMLMap<Node, Node | null>) => {
    const entries = known.get(map) ?? new Map(map.items.map((entry) => [keyOf(entry), entry]))
    known.set(map, entries)
    return entries
  }
  const childAt = (node: Node | null | undefined, key: PropertyKey): Entry | Node | undefined => {
    if (isMap<Node, Node | null>(node)) return entriesOf(node).get(String(key))
    return isSeq<Node>(node) ? node.items[Number(key)] : undefined
  }
  return (keys) => {
    let node: Node | null | undefined = document.contents
    let line: number | undefined
    for (const key of keys) {
      if (isAlias(node)) node = node.resolve(document)
      const found = childAt(node, key)
      if (found === undefined) return line
      const at: Node = "key" in found ? found.key : found
      if (at.range !== undefined && at.range !== null) line = counter.linePos(at.range[0]).line
      node = "key" in found ? found.value : found
    }
    return line
  }
}

const keyOf = ({ key }: Entry): string => isScalar(key) ? String(key.value) : ""
