import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { tiny } from "./bench/harness.ts"
import { scenarios } from "./bench/scenarios.ts"
import { header, render, row, toJson } from "./bench/table.ts"

describe("every benchmark runs and measures something", () => {
  for (const scenario of scenarios) {
    it.live(scenario.name, () =>
      Effect.gen(function*() {
        const figures = yield* scenario.run(tiny)
        assert.isNotEmpty(figures)
        for (const figure of figures) {
          for (const value of [figure.ours, ...Object.values(figure.against)]) {
            assert.isTrue(Number.isFinite(value), `${figure.label}: ${value}`)
          }
        }
        assert.strictEqual(render([header, ...figures.map(row)]).split("\n").length, figures.length + 1)
        assert.deepStrictEqual(JSON.parse(JSON.stringify(figures.map(toJson))).length, figures.length)
      }))
  }
})
