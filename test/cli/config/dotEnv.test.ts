import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { parseEnv } from "node:util"
import * as DotEnv from "../../../src/cli/config/DotEnv.ts"

const values = (text: string, environment: Record<string, string> = {}) => {
  const { entries, problems } = DotEnv.parse(text, environment)
  assert.deepStrictEqual(problems, [])
  return Object.fromEntries(entries.map(({ name, value }) => [name, value]))
}

describe("A .env file", () => {
  it("is lines of NAME=value, with comments, blank lines and export", () => {
    const text = "# all\n\nA=1\n  B = two words \nexport C=3 # three\r\nD=\nE=a#b\n"
    assert.deepStrictEqual(values(text), { A: "1", B: "two words", C: "3", D: "", E: "a#b" })
  })

  it("keeps in single quotes and backticks what is there, also $ and line ends", () => {
    assert.deepStrictEqual(values("A='$B \\n # x'\nC=`it's`\nD='1\n2'"), { A: "$B \\n # x", C: "it's", D: "1\n2" })
  })

  it("knows escapes and line ends in double quotes", () => {
    const text = `A="1\\n2\\t\\"x\\" \\\\ \\$B" # c\nKEY="-----BEGIN\nabc\n-----END"\nB=b`
    assert.deepStrictEqual(values(text), { A: `1\n2\t"x" \\ $B`, KEY: "-----BEGIN\nabc\n-----END", B: "b" })
  })

  it("expands $NAME and ${NAME}, with defaults for what is unset or empty", () => {
    const text = "A=a\nB=$A-${A}\nC=${NO:-x${A}y}\nD=${NO-}\nE=${EMPTY:-z}\nF=${EMPTY-z}\nG=\\$A\nH=$NO!"
    const expected = { A: "a", B: "a-a", C: "xay", D: "", E: "z", F: "", G: "$A", H: "!" }
    assert.deepStrictEqual(values(text, { EMPTY: "" }), expected)
  })

  it("sees the environment, which is over it", () => {
    assert.deepStrictEqual(values("HOME=/x\nBIN=$HOME/bin:$PATH", { HOME: "/home/me", PATH: "/bin" }), {
      HOME: "/x",
      BIN: "/home/me/bin:/bin"
    })
  })

  it("of a name that is set twice the last counts", () => {
    assert.deepStrictEqual(values("A=1\nA=2\nB=$A"), { A: "2", B: "2" })
  })

  it("tells by line what it cannot read, and never what stands there", () => {
    const text = `A=1\nsecret without name\nB="multi\nline" trailing\nC='never closed\nD=\${x!y}\nE=5\n`
    const { entries, problems } = DotEnv.parse(text)
    assert.deepStrictEqual(entries.map(({ line, name }) => [name, line]), [["A", 1], ["E", 7]])
    assert.deepStrictEqual(problems.map(({ line }) => line), [2, 3, 4, 5, 6])
    for (const { advice, message } of problems) assert.notMatch(message + advice, /secret|multi|never|trailing/)
  })

  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)

  it("that was printed reads back as it was, whatever is in it", () => {
    const value = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom("$", "{", "}", "\"", "'", "\\", "\n", "#", "n", " ", "\r") })
    )
    fc.assert(fc.property(fc.dictionary(name, value), (variables) => {
      assert.deepStrictEqual(values(DotEnv.print(variables)), { ...variables })
    }))
  })

  it("is read as Node reads it, where nothing is expanded", () => {
    const value = fc.oneof(
      fc.stringMatching(/^[a-z0-9./:-]{0,8}$/),
      fc.stringMatching(/^"[a-z #'\n]{0,8}"$/),
      fc.stringMatching(/^'[a-z #"\n]{0,8}'$/)
    )
    const line = fc.tuple(name, value, fc.constantFrom("", " # note"))
      .map(([name, value, comment]) => `${name}=${value}${comment}`)
    fc.assert(fc.property(fc.array(line), (lines) => {
      const text = lines.join("\n")
      assert.deepStrictEqual(values(text), { ...parseEnv(text) } as Record<string, string>)
    }))
  })
})
