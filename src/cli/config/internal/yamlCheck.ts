/**
 * What is wrong with a document that can be read as YAML: a key that is there twice, and what is merged by `<<`.
 *
 * The package finds keys that are there twice by comparing each with each, which takes minutes for a large file; it does
 * not say where something is merged that is no map; and it does not count what is merged.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, visit } from "yaml"

export interface Finding {
  /** Where it is in the text. */
  readonly at: number
  readonly message: string
  readonly advice: string
}

/** How many maps may be merged, all in all: maps of merged maps grow with every step. */
const maxMerges = 10_000

const atOf = (node: unknown): number => (node as Node).range?.[0] ?? 0

const isMerge = ({ key }: Pair): boolean => isScalar(key) && key.type === "PLAIN" && key.source === "<<"

export const check = (document: Document): ReadonlyArray<Finding> => {
  const found: Array<Finding> = []
  /** How many maps each map merges, those that they merge themselves included. */
  const merged = new Map<unknown, number>()
  const target = (node: unknown): unknown => isAlias(node) ? node.resolve(document) : node
  visit(document, {
    Map(_, map) {
      for (const key of repeated(map.items)) {
        found.push({
          at: atOf(key),
          message: "this is not YAML: duplicate key",
          advice: "Look at the line and the one before it"
        })
      }
    },
    Pair(_, pair, path) {
      if (!isMerge(pair)) return undefined
      const value = target(pair.value)
      const sources = isSeq(value) ? value.items.map(target) : [value]
      if (!sources.every((source) => isMap(source))) {
        const message = `"<<" takes a map, or a list of maps`
        found.push({ at: atOf(pair.key), message, advice: "Write an alias of a map after it" })
      }
      // What has an anchor stands before its aliases, so that its own count is complete.
      const count = sources.reduce<number>((sum, source) => sum + 1 + (merged.get(source) ?? 0), 0)
      for (const around of path) if (isMap(around)) merged.set(around, (merged.get(around) ?? 0) + count)
      if (count <= maxMerges) return undefined
      found.push({
        at: atOf(pair.key),
        message: "its aliases stand for too much",
        advice: "Write it with fewer aliases"
      })
      return visit.BREAK
    }
  })
  return found
}

const repeated = (pairs: ReadonlyArray<Pair>): ReadonlyArray<unknown> => {
  const seen = new Set<unknown>()
  return pairs.flatMap((pair) => {
    const { key } = pair
    if (!isScalar(key) || isMerge(pair)) return []
    if (seen.has(key.value)) return [key]
    seen.add(key.value)
    return []
  })
}
