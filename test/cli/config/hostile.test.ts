/** Files that somebody wrote to do harm, or by a mistake that comes to the same. */
// oxlint-disable no-control-regex -- control characters are what is looked for
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { execFileSync } from "node:child_process"
import * as Config from "../../../src/cli/config/Config.ts"
import * as ConfigError from "../../../src/cli/config/ConfigError.ts"
import * as DotEnv from "../../../src/cli/config/DotEnv.ts"
import { childOf, commandOf, compose, load, onNode, problems, withFiles } from "./support.ts"

const moduleOf = (text: string) => ({ "supervisor.config.mjs": text })
const yamlOf = (text: string) => ({ "process-compose.yaml": text })
const doubled = (line: (name: string, value: string) => string) =>
  Array.from({ length: 40 }, (_, index) => line(`A${index + 1}`, `$A${index}$A${index}`)).join("\n")

describe("Names", () => {
  it.effect("in parentheses are those of the supervisor's own children, and are refused in every format", () =>
    Effect.gen(function*() {
      for (const name of ["(control)", "(signals)", "(console)", "(dashboard)", "(starting)", "(reloading)", "(x)"]) {
        const advice = "Take one without the parentheses: with them they are the supervisor's own."
        assert.deepStrictEqual(yield* problems(moduleOf(`export default { children: {\n "${name}": "x" } }`)), [
          `supervisor.config.mjs:2: children.${name}: "${name}" cannot be a name. ${advice}`
        ])
        assert.deepStrictEqual(yield* problems(compose(`ok: {command: x}\n"${name}": {command: x, replicas: 2}`)), [
          `process-compose.yaml:3: processes.${name}: "${name}" cannot be a name. ${advice}`
        ])
        assert.match((yield* problems({ Procfile: `${name}: x` }))[0]!, /^Procfile:1: this line names no process/)
      }
      assert.deepStrictEqual(yield* problems(moduleOf(`export default { children: { "web (old)": "x" } }`)), [])
    }))

  it.effect("with what a terminal acts on are refused, and no problem holds it", () =>
    Effect.gen(function*() {
      const text = `export default { children: {
        "we\\u001b]0;x\\u0007b\\u202e": "x",
        a: { command: "x", ["k\\u001b[2J\\n"]: 1 },
        b: { command: "x", dependsOn: ["n\\u202e\\no"] }
      } }`
      const found = yield* problems(moduleOf(text))
      assert.lengthOf(found, 3)
      assert.isTrue(found.some((line) => line.includes("cannot be a name")))
      assert.isTrue(found.some((line) => line.includes(`there is no "n\\u{202e}␊o"`)))
      for (const line of found) assert.notMatch(line, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
      const problem = { kind: "File", file: "a\u001b[2Jb\n", line: 1, path: "", message: "m", advice: "a" } as const
      assert.strictEqual(ConfigError.show(problem), "a␛[2Jb␊:1: m. a.")
    }))

  it.effect("that every object inherits are names as others, also of variables", () =>
    Effect.gen(function*() {
      const { entries } = DotEnv.parse(
        "A=${hasOwnProperty}\nB=$constructor\ntoString=x\n__proto__=y\nC=$toString$__proto__"
      )
      assert.deepStrictEqual(entries.map(({ name, value }) => `${name}=${value}`), [
        "A=",
        "B=",
        "toString=x",
        "__proto__=y",
        "C=xy"
      ])
      const config = yield* load({
        ".env": "toString=x\n__proto__=y",
        ...compose(`
a: {command: x, environment: {__proto__: "1", valueOf: "$valueOf", B: $toString$__proto__}, depends_on: {__proto__: }}
__proto__: {command: z}`)
      })
      const { env } = commandOf(config, "a")
      const shown = Object.entries(env).map(([name, word]) =>
        `${name}=${Redacted.isRedacted(word) ? Redacted.value(word) : word}`
      )
      assert.includeMembers(shown, ["toString=x", "__proto__=1", "valueOf=", "B=x1"])
      assert.deepStrictEqual(childOf(config, "a").dependsOn.map(({ child }) => child), ["__proto__"])
      const found = yield* problems(compose("a: {command: x, toString: 1, depends_on: {constructor: }}"))
      assert.match(found[0]!, /"toString" is not known here\. There are command, /)
      assert.match(found[1]!, /there is no "constructor"\./)
    }))
})

describe("What a file expands to", () => {
  it.effect("is at most 1 MiB, by line", () =>
    Effect.gen(function*() {
      const env = `A0=aaaaaaaaaa\n${doubled((name, value) => `${name}=${value}`)}`
      const found = yield* problems({ Procfile: "a: x", ".env": env })
      assert.match(found[0]!, /^\.env:17: A16: .* longer than 1 MiB in all\./)
      const list = `a:\n  command: x\n  environment:\n    - A0=aaaaaaaaaa\n${
        doubled((name, value) => `    - ${name}=${value}`)
      }`
      assert.match(
        (yield* problems(compose(list)))[0]!,
        /^\S+yaml:21: \S+environment\.16: .* longer than 1 MiB in all\./
      )
    }))

  it.effect("has defaults in defaults at most 100 deep, and takes no long time to say so", () =>
    Effect.gen(function*() {
      const nested = (depth: number) => "${X:-".repeat(depth) + "end" + "}".repeat(depth)
      assert.strictEqual(DotEnv.parse(`A=${nested(100)}`).entries[0]!.value, "end")
      for (const depth of [101, 3000, 100_000]) {
        const { entries, problems } = DotEnv.parse(`OK=1\nA=${nested(depth)}`)
        assert.lengthOf(entries, 1)
        assert.deepStrictEqual(problems.map(({ line }) => line), [2])
        assert.match(problems[0]!.message, /more than 100 deep/)
      }
      const found = yield* problems(compose(`a: {command: x, working_dir: '${nested(3000)}'}`))
      assert.match(found[0]!, /^\S+yaml:2: \S+working_dir: .* more than 100 deep/)
    }))
})

describe("A file", () => {
  it.live("that is a pipe, a device or a directory is refused, not waited for", () =>
    withFiles({ Procfile: "a: x" }, (directory) =>
      onNode(Effect.gen(function*() {
        const messages = (file: string) =>
          Effect.map(Config.check({ file, environment: {} }), (found) => found.map(ConfigError.show))
        yield* Effect.sync(() => execFileSync("mkfifo", [`${directory}/.env`, `${directory}/x.yaml`]))
        yield* Effect.sync(() => execFileSync("ln", ["-s", "/dev/zero", `${directory}/zero.yaml`]))
        assert.match((yield* messages(directory))[0]!, /Procfile: the file .*\.env is no ordinary file\./)
        for (const name of ["x.yaml", "zero.yaml"]) {
          assert.match((yield* messages(`${directory}/${name}`))[0]!, /yaml: it is no ordinary file\./)
        }
      }))))

  it.effect("that is larger than 1 MiB is refused", () =>
    Effect.gen(function*() {
      const large = `#${"x".repeat(1024 * 1024)}`
      assert.deepStrictEqual(yield* problems({ Procfile: `a: x\n${large}` }), [
        "Procfile: it is larger than 1 MiB. Make it smaller."
      ])
      assert.deepStrictEqual(yield* problems({ Procfile: "a: x", ".env": large }), [
        "Procfile: the file .env is larger than 1 MiB. Make it smaller, or remove its name."
      ])
    }))

  it.live(
    "with a chain of 20 000 dependencies is read in a time that grows with its length",
    () =>
      Effect.gen(function*() {
        const chain = (length: number) =>
          yamlOf(
            `processes:\n${
              Array.from(
                { length },
                (_, index) => `  p${index}: {command: x${index === 0 ? "" : `, depends_on: {p${index - 1}: }`}}`
              ).join("\n")
            }`
          )
        assert.deepStrictEqual(yield* problems(chain(20_000)), [])
        const unknown = yield* problems(yamlOf(chain(2000)["process-compose.yaml"].replaceAll("{p", "{q")))
        assert.lengthOf(unknown, 1999)
      }),
    30_000
  )

  it.effect("with more cycles than anybody reads tells the first of them, without their middle", () =>
    Effect.gen(function*() {
      const text = Array.from(
        { length: 1000 },
        (_, index) => `p${index}: {command: x, depends_on: {p${index + 1}: , p0: }}`
      )
      const found = yield* problems(compose(`${text.join("\n")}\np1000: {command: x}`))
      assert.lengthOf(found, 100)
      for (const line of found) assert.isBelow(line.length, 400)
    }))
})

describe("A module", () => {
  const first = (text: string) => Effect.map(problems(moduleOf(text)), ([line]) => line!)

  it.effect("whose export throws when it is looked at is told so", () =>
    Effect.gen(function*() {
      const bad = "its default export cannot be read"
      assert.include(yield* first(`export default { get children() { throw 1 } }`), `${bad}: 1. Export plain values.`)
      assert.match(
        yield* first(`export default {\n  get children() {\n    throw new Error("no luck")\n  }\n}`),
        /^supervisor\.config\.mjs(:3)?: its default export cannot be read: no luck\./
      )
      assert.include(yield* first(`class C { get children() { throw 1 } }\nexport default new C()`), bad)
      assert.include(yield* first(`export default new Proxy({}, { getPrototypeOf() { throw 1 } })`), bad)
      assert.include(
        yield* first(`class C { get command() { throw 1 } }\nexport default { children: { a: new C() } }`),
        "children.a: it cannot be read."
      )
      assert.include(yield* first(`throw Object.create(null)`), "it cannot be loaded: what was thrown cannot be shown.")
    }))

  it.effect("whose export holds itself is told so", () =>
    Effect.gen(function*() {
      const holds = "its default export cannot be read: it holds itself, or things that stand too deep in each other."
      assert.include(yield* first(`const c = {}; c.children = c; export default { children: c }`), holds)
      assert.include(yield* first(`const c = []; c.push(c); export default { children: { a: { command: c } } }`), holds)
    }))

  it.effect("is told of an unknown dependency also of a child that is wrong elsewhere", () =>
    Effect.gen(function*() {
      const found = yield* problems(moduleOf(`export default { children: {\n a: { command: 5, dependsOn: ["nowhere"] },
        b: { command: "x", dependsOn: ["a"] } } }`))
      assert.lengthOf(found, 2)
      assert.match(
        found[0]! + found[1]!,
        /a\.command: it is not what this takes\..*a\.dependsOn\.nowhere: there is no "nowhere"\./
      )
      const yaml = yield* problems(compose("a: {command: 5, depends_on: {nowhere: }}\nb: {command: x}"))
      assert.lengthOf(yaml, 2)
      assert.match(yaml[1]!, /^\S+yaml:2: processes\.a\.depends_on\.nowhere: there is no "nowhere"\./)
    }))

  it.effect("is refused where a word, a path or a variable has a NUL character", () =>
    Effect.gen(function*() {
      const nul = ": there is a NUL character in it. Take it out: no program can be given one."
      const found = yield* problems(moduleOf(`export default { children: {
        a: { command: ["sleep\\0", "1"], cwd: "x\\0", env: { A: "b\\0" }, stop: { command: "x\\0" } },
        b: "x\\0y",
        c: { command: { shell: "x\\0" } },
        d: { command: "x", ready: { exec: ["x", "\\0"] } }
      } }`))
      assert.sameMembers(
        found.map((line) => line.replace(/^supervisor\.config\.mjs(:\d+)?: children\./, "")),
        ["a.command", "a.cwd", "a.env.A", "a.stop", "b.command", "c.command", "d.command"].map((path) => path + nul)
      )
      assert.deepStrictEqual(yield* problems(compose(`a: {command: "x \\0", log_location: "a\\0"}`)), [
        `process-compose.yaml:2: processes.a.log_location${nul}`,
        `process-compose.yaml:2: processes.a.command${nul}`
      ])
    }))
})

describe("YAML", () => {
  it.effect("that merges what is no map is told so, by line", () =>
    Effect.gen(function*() {
      const wrong = [`process-compose.yaml:4: "<<" takes a map, or a list of maps. Write an alias of a map after it.`]
      for (const value of ["5", "*a", "[*a]"]) {
        const text = `x-a: &a [1]\nprocesses:\n  a:\n    <<: ${value}\n    command: x`
        assert.deepStrictEqual(yield* problems(yamlOf(text)), wrong)
      }
      const config = yield* load(
        yamlOf("x-a: &a {command: z}\nprocesses:\n  a:\n    <<: *a\n  b: {<<: [*a, {description: d}]}\n  c: {'<<': 5}")
      ).pipe(Effect.flip)
      assert.match(config.message, /^\S+yaml:6: processes\.c\.<<: "<<" is not known here\./m)
    }))

  it.effect("that merges more and more is refused in time", () =>
    Effect.gen(function*() {
      const text = Array.from({ length: 9 }, (_, n) =>
        `x${n}: &x${n} {a${n}: 1${n === 0 ? "" : `, <<: [${Array(9).fill(`*x${n - 1}`).join(",")}]`}}`)
      assert.deepStrictEqual(yield* problems(yamlOf(text.join("\n"))), [
        "process-compose.yaml:6: its aliases stand for too much. Write it with fewer aliases."
      ])
    }))

  it.effect("with an alias of nothing, or deeper than can be read, is refused", () =>
    Effect.gen(function*() {
      assert.match((yield* problems(yamlOf("x: *b\nprocesses: {a: {command: x}}")))[0]!, /an alias stands for /)
      assert.match(
        (yield* problems(yamlOf(`x: &a {<<: *a}\nprocesses: {a: {command: x}}`)))[0]!,
        /an alias stands for /
      )
      assert.match((yield* problems(yamlOf(`x: ${"[".repeat(50_000)}`)))[0]!, /resource exhaustion|too deep/)
    }))
})
