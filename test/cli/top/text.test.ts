import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { bytes, cut, duration, fit, printable, width, wrap } from "../../../src/cli/top/internal/text.ts"
import { paint, span } from "../../../src/cli/top/internal/style.ts"

describe("text of others", () => {
  const cases: ReadonlyArray<readonly [what: string, from: string, to: string]> = [
    ["plain text stays as it is", "hello, world", "hello, world"],
    ["colours are left out", "\x1b[31mred\x1b[0m", "red"],
    ["what clears the screen is left out", "\x1b[2J\x1b[Hhome", "home"],
    ["a title of the window is left out", "\x1b]0;owned\x07text", "text"],
    ["a link is its text", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"],
    ["an escape that is not complete does nothing", "a\x1b", "a"],
    ["controls of the second kind do nothing", "a\x9b2Jb\x90c", "abc"],
    ["of what is written over the last is left", "10%\r50%\r100%", "100%"],
    ["a line of Windows is not empty", "text\r", "text"],
    ["a tab is space", "a\tb", "a    b"],
    ["a bell and a backspace are nothing", "a\x07\x08b", "ab"],
    ["what turns the direction is left out", "a\u202Eb\u2066c", "abc"],
    ["pictures that are joined stand side by side", "\u{1f469}\u200d\u{1f467}", "\u{1f469}\u{1f467}"],
    ["half a character is shown as one that is not known", "a\ud83d", "a\ufffd"],
    ["lines of a message are one", "a\nb", "a b"]
  ]
  for (const [what, from, to] of cases) {
    it(what, () => assert.strictEqual(printable(from), to))
  }

  it("nothing of it steers a terminal, whatever it is", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      assert.notMatch(printable(text), /[\p{Cc}\p{Cf}\p{Surrogate}]/u)
      assert.strictEqual(printable(printable(text)), printable(text))
    }))
  })

  it("a line of a megabyte costs no more than its beginning", () => {
    assert.isAtMost(printable("é".repeat(1_000_000)).length, 4096)
  })
})

describe("a painted line", () => {
  it("has nothing in it that steers a terminal, also where somebody has forgotten to see to that", () => {
    assert.strictEqual(paint([span("a\x1b[2J\x07b", "bad")], 4, false), "\x1b[1mab\x1b[0m  ")
  })

  it("has colours beside what is always there", () => {
    assert.strictEqual(paint([span("ab", "bad"), span("cd")], 3, true), "\x1b[1;31mab\x1b[0m…")
  })
})

describe("width", () => {
  const cases: ReadonlyArray<readonly [text: string, columns: number]> = [
    ["abc", 3],
    ["日本語", 6],
    ["한국어", 6],
    ["ｆｕｌｌ", 8],
    ["é", 1],
    ["e\u0301", 1],
    ["👍", 2],
    ["✓●▾─…", 5],
    ["⌚", 2],
    ["🇩🇪", 2],
    ["Ω", 1],
    ["", 0]
  ]
  for (const [text, columns] of cases) {
    it(`"${text}" is ${columns} wide`, () => assert.strictEqual(width(text), columns))
  }

  it("a cell is exactly as wide as it is to be, and its beginning is that of the text", () => {
    const any = fc.string({ unit: "binary", maxLength: 30 }).map(printable)
    fc.assert(
      fc.property(any, fc.integer({ min: 0, max: 40 }), fc.constantFrom("left", "right"), (text, columns, align) => {
        assert.strictEqual(width(fit(text, columns, align)), columns)
        assert.isAtMost(width(cut(text, columns)), columns)
        if (width(text) <= columns) assert.strictEqual(cut(text, columns), text)
      })
    )
  })

  it("wrapping loses nothing where there is space for a character", () => {
    const any = fc.string({ unit: "binary", maxLength: 60 }).map(printable)
    fc.assert(fc.property(any, fc.integer({ min: 2, max: 40 }), (text, columns) => {
      const pieces = wrap(text, columns)
      assert.strictEqual(pieces.join(""), text)
      for (const piece of pieces) assert.isAtMost(width(piece), columns)
    }))
  })
})

describe("figures", () => {
  const durations: ReadonlyArray<readonly [millis: number, shown: string]> = [
    [-5, "0s"],
    [999, "0s"],
    [59_999, "59s"],
    [60_000, "1m00s"],
    [3_599_000, "59m59s"],
    [3_600_000, "1h00m"],
    [86_399_000, "23h59m"],
    [86_400_000, "1d00h"],
    [99 * 86_400_000, "99d00h"],
    [4000 * 86_400_000, "4000d"]
  ]
  for (const [millis, expected] of durations) {
    it(`${millis} ms are ${expected}`, () => assert.strictEqual(duration(millis), expected))
  }

  const sizes: ReadonlyArray<readonly [count: number, shown: string]> = [
    [0, "0B"],
    [999, "999B"],
    [1000, "1K"],
    [64 * 1024 * 1024, "64M"],
    [1.5 * 1024 ** 3, "1.5G"],
    [9.96 * 1024 ** 3, "10G"],
    [999.6 * 1024 ** 2, "1.0G"]
  ]
  for (const [count, expected] of sizes) {
    it(`${count} bytes are ${expected}`, () => assert.strictEqual(bytes(count), expected))
  }

  it("no figure is wider than its column", () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1e17, noNaN: true }), (n) => {
      assert.isAtMost(bytes(n).length, 5)
      assert.isAtMost(duration(Math.min(n, 8e12)).length, 6)
    }))
  })
})
