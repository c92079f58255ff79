import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { join } from "node:path"
import * as Config from "../../../src/cli/config/Config.ts"
import * as Procfile from "../../../src/cli/config/Procfile.ts"
import { childOf, commandOf, fixtures, load, onNode, problems } from "./support.ts"

describe("A Procfile", () => {
  it("is lines of `name: command`; blank lines and comments say nothing", () => {
    assert.deepStrictEqual(Procfile.parse("# c\n\nweb: node a.js\r\nwork_er-2.x:run it\n"), {
      entries: [{ name: "web", command: "node a.js", line: 3 }, { name: "work_er-2.x", command: "run it", line: 4 }],
      problems: []
    })
  })

  it("that was printed reads back as it was", () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}$/)
    const command = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/)
    fc.assert(fc.property(fc.dictionary(name, command), (commands) => {
      const given = Object.entries(commands).map(([name, command]) => ({ name, command }))
      const { entries, problems } = Procfile.parse(Procfile.print(given))
      assert.deepStrictEqual(problems, [])
      assert.deepStrictEqual(entries.map(({ command, name }) => ({ name, command })), given)
    }))
  })

  it.effect("is refused by line: a line that is no process, and a name that is there twice", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* problems({ Procfile: "web: a\n- bad\nweb: b\nnothing:\nworker: c\n" }), [
        `Procfile:2: this line names no process and command. Write "name: command", with a name of letters, digits, ".", "_" and "-".`,
        `Procfile:3: web: "web" is there already, on line 1. Give one of them another name.`,
        `Procfile:4: this line names no process and command. Write "name: command", with a name of letters, digits, ".", "_" and "-".`
      ])
    }))

  it.effect("that is empty is refused", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* problems({ Procfile: "# nothing yet\n" }), [
        `Procfile: it names no process. Write a line such as "web: node server.js".`
      ])
    }))

  it.effect("has foreman's meaning: nobody is restarted, and the end of one is the end of all", () =>
    Effect.gen(function*() {
      const config = yield* onNode(Config.load({ file: join(fixtures, "Procfile"), environment: {} }))
      assert.strictEqual(config.options.autoShutdown, "any-significant")
      assert.deepStrictEqual(config.children.map(({ name, significant }) => [name, significant]), [
        ["web", true],
        ["worker", true],
        ["mail", true]
      ])
      assert.strictEqual(commandOf(config, "web").restart, "never")
    }))

  it.effect("starts a shell only for a line that needs one", () =>
    Effect.gen(function*() {
      const config = yield* onNode(Config.load({ file: join(fixtures, "Procfile"), environment: {} }))
      assert.deepStrictEqual(commandOf(config, "web").command, ["node", "server.js", "--port", "8080"])
      assert.deepStrictEqual(commandOf(config, "worker").command, { shell: "cd jobs && exec node worker.js" })
      const lines = ["A=1 run", "echo $HOME", "run > file", "source x", "a; b", "a &", "ls *.js", "run ~/x", "# x"]
      for (const line of lines) {
        const one = yield* load({ Procfile: `web: ${line}\n` })
        assert.deepStrictEqual(commandOf(one, "web").command, { shell: line })
      }
    }))

  it.effect("gives ports only if asked: from 5000 on, in steps of 100", () =>
    Effect.gen(function*() {
      const files = { Procfile: "web: a\nworker: b\n" }
      assert.deepStrictEqual(commandOf(yield* load(files), "web").env, {})
      const config = yield* load(files, { ports: {} })
      assert.deepStrictEqual(config.children.map(({ name }) => commandOf(config, name).env), [
        { PORT: "5000" },
        { PORT: "5100" }
      ])
      const other = yield* load(files, { ports: { base: 3000, step: 1 } })
      assert.deepStrictEqual(commandOf(other, "worker").env, { PORT: "3001" })
    }))

  it.effect("knows where its children stand", () =>
    Effect.gen(function*() {
      const config = yield* load({ Procfile: "\n\nweb: a\n" })
      assert.strictEqual(childOf(config, "web").line, 3)
    }))
})
