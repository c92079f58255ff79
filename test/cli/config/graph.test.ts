import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { order } from "../../../src/cli/config/internal/graph.ts"

const graphs = fc.array(fc.array(fc.nat(9), { maxLength: 3 }), { maxLength: 10 })
  .map((needs) => new Map(needs.map((names, index) => [String(index), names.map(String)])))

describe("The order of dependencies", () => {
  it("has everybody once, and after those that they need where there is no cycle", () => {
    fc.assert(fc.property(graphs, (graph) => {
      const { cycles, names } = order(graph)
      assert.sameMembers([...names], [...graph.keys()])
      if (cycles.length > 0) return
      for (const [name, needs] of graph) {
        for (const need of needs) if (graph.has(need)) assert.isBelow(names.indexOf(need), names.indexOf(name))
      }
    }))
  })

  it("names cycles that are there, each from a name back to it", () => {
    fc.assert(fc.property(graphs, (graph) => {
      for (const cycle of order(graph).cycles) {
        assert.strictEqual(cycle[0], cycle.at(-1))
        for (const [index, name] of cycle.slice(0, -1).entries()) {
          assert.include([...graph.get(name)!], cycle[index + 1]!)
        }
      }
    }))
  })

  it("is that of the file where nobody needs anybody, and is found for a chain as deep as one likes", () => {
    const names = Array.from({ length: 20_000 }, (_, index) => String(index))
    assert.deepStrictEqual(order(new Map(names.map((name) => [name, []]))).names, names)
    const chain = order(new Map(names.map((name, index) => [name, index === 19_999 ? [] : [String(index + 1)]])))
    assert.deepStrictEqual(chain.names, names.toReversed())
  })
})
