import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { Runnable } from "effect-supervisor"
import { Jobs } from "effect-supervisor/process"
import * as Config from "../../../src/cli/config/Config.ts"
import * as ConfigError from "../../../src/cli/config/ConfigError.ts"
import type { Code } from "../../../src/cli/config/ConfigSpec.ts"
import { childOf, commandOf, fixtures, load, onNode, problems, withFiles, write } from "./support.ts"

const moduleOf = (children: string, rest = "") => ({
  "supervisor.config.mjs": `export default {\n  children: {\n${children}\n  }${rest}\n}\n`
})

const effect = pathToFileURL(join(import.meta.dirname, "../../../node_modules/effect/dist/index.js")).href

describe("A supervisor.config.ts", () => {
  it.effect("is a configuration, with everything filled in", () =>
    Effect.gen(function*() {
      const config = yield* onNode(Config.load({ file: join(fixtures, "supervisor.config.ts"), environment: {} }))
      assert.strictEqual(config.name, "shop")
      assert.strictEqual(config.options.escalate, "never")
      assert.deepStrictEqual(config.children.map(({ name }) => name), ["migrate", "web-1", "web-2", "heartbeat"])
      const web = commandOf(config, "web-2")
      assert.deepStrictEqual(web.command, ["node", "server.js"])
      assert.strictEqual(web.cwd, fixtures.replace(/\/$/, ""))
      assert.strictEqual(web.env["PORT"], "8080")
      assert.isTrue(Redacted.isRedacted(web.env["API_TOKEN"]))
      assert.notInclude(JSON.stringify(config), "t0p-secret")
      assert.deepStrictEqual(web.restart, { policy: "on-failure" })
      assert.deepStrictEqual(childOf(config, "web-2").dependsOn, [{ child: "migrate", condition: "succeeded" }])
      assert.strictEqual(childOf(config, "heartbeat").work._tag, "Code")
    }))

  it.effect("takes a line, an Effect, a Layer and a Runnable for a child", () =>
    Effect.gen(function*() {
      const text = [
        `import { Effect, Layer } from "${effect}"`,
        `export default { children: {`,
        `  line: "node a.js 'b c'",`,
        `  effect: Effect.never,`,
        `  layer: Layer.empty,`,
        `  more: { run: Effect.never, dependsOn: ["line"], restart: "always", version: 3 }`,
        `} }`
      ].join("\n")
      const config = yield* load({ "supervisor.config.mjs": text })
      assert.deepStrictEqual(commandOf(config, "line").command, ["node", "a.js", "b c"])
      for (const name of ["effect", "layer", "more"]) {
        const { work } = childOf(config, name)
        assert.isTrue(work._tag === "Code" && Runnable.isRunnable(work.runnable) && work.runnable.name === name)
      }
      const { work } = childOf(config, "more")
      assert.strictEqual(work._tag === "Code" ? work.runnable.settings.restart._tag : "", "Always")
    }))

  it.effect("is read again when its text has changed, and the same module when it has not", () =>
    withFiles(moduleOf("a: 'run a'"), (directory) =>
      onNode(Effect.gen(function*() {
        const names = Effect.map(Config.load({ file: directory }), ({ children }) => children.map(({ name }) => name))
        assert.deepStrictEqual(yield* names, ["a"])
        write(directory, moduleOf("b: 'run b'"))
        assert.deepStrictEqual(yield* names, ["b"])
      }))))

  it.effect("is told everything that is wrong at once", () =>
    Effect.gen(function*() {
      const found = yield* problems(moduleOf(
        `    web: {
      command: "run | less",
      comand: "x",
      restart: "sometimes",
      ready: { http: "nowhere" },
      dependsOn: { db: "healthy" },
      stop: { grace: "soon" }
    },
    both: { command: "x", ready: { tcp: 1, log: /x/ } },
    piped: { command: "run | less", dependsOn: ["dbb"] },
    fatal: { command: "x", endsAllOnFailure: true },
    nothing: 5,
    bd: "run"`,
        ",\n  strategy: 'one-for-some',\n  dashbord: true"
      ))
      assert.deepStrictEqual(found.map((line) => line.replace(/^supervisor\.config\.mjs(:\d+)?: /, "")).toSorted(), [
        `children.both.ready: it needs one way to find out. Write one of log, tcp, http, exec, memory, notify.`,
        `children.fatal.endsAllOnFailure: it cannot end everything by a failure and be restarted. Write restart: "never" beside it.`,
        `children.nothing: it is no child. Write a command line, { command: ... }, { run: ... }, or an Effect, a Layer or a Runnable.`,
        `children.piped.command: it cannot be split into words: The operator "|" needs a shell. Quote what is meant literally, or write { shell: ... }.`,
        `children.piped.dependsOn.dbb: there is no "dbb". Perhaps "bd" is meant.`,
        `children.web.comand: "comand" is not known here. Perhaps "command" is meant.`,
        `children.web.dependsOn.db: it is not what this takes. Write "started", "ready", "completed" or "succeeded".`,
        `children.web.dependsOn.db: there is no "db". Perhaps "bd" is meant.`,
        `children.web.ready.http: it is not what this takes. Write a URL with http or https.`,
        `children.web.restart: it is not what this takes. Write "never", "on-failure" or "always".`,
        `children.web.stop.grace: it is not what this takes. Write a duration, such as "5 seconds", or "infinity".`,
        `dashbord: "dashbord" is not known here. Perhaps "dashboard" is meant.`,
        `strategy: it is not what this takes. Write "one-for-one" or "one-for-all" or "rest-for-one".`
      ])
    }))

  it.effect("has its options checked as the manager checks them", () =>
    Effect.gen(function*() {
      const found = yield* problems(moduleOf("a: 'x'", ",\n  strategy: 'one-for-some'"))
      assert.lengthOf(found, 1)
      assert.match(found[0]!, /^supervisor\.config\.mjs:5: strategy: .*"one-for-one" or /)
    }))

  it.effect("is tried out: what only the making of a child finds out is found too", () =>
    Effect.gen(function*() {
      const found = yield* problems(moduleOf(
        `    empty: { command: [" "] },\n    env: { command: "x", env: { "A=B": 1 } },\n    both: { command: "x", restart: "always", significant: true }`
      ))
      assert.deepStrictEqual(found, [
        `supervisor.config.mjs:3: empty: program is not what this takes. Write the name or path of a program.`,
        `supervisor.config.mjs:4: env: env is not what this takes. Write variables with names that are not empty and have no "=".`,
        `supervisor.config.mjs:5: both: significant is not what this takes. Write false for a child that is always restarted, since it never ends: use RestartPolicy.onFailure or never.`
      ])
    }))

  it.effect("says by line where it breaks off", () =>
    Effect.gen(function*() {
      const thrown = yield* problems({ "supervisor.config.mjs": "\n\nthrow new Error('no luck')\n" })
      assert.match(thrown[0]!, /^supervisor\.config\.mjs(:3)?: it cannot be loaded: no luck\. /)
      assert.match((yield* problems({ "supervisor.config.mjs": "export default {" }))[0]!, /it cannot be loaded: /)
      assert.match((yield* problems({ "supervisor.config.mjs": "export const a = 1" }))[0]!, /it has no default export/)
    }))

  it.effect("checks names: two children of one name, and names that are none", () =>
    Effect.gen(function*() {
      const found = yield* problems(moduleOf(`web: { command: "x", replicas: 2 }, "web-2": "y", "a/b": "z"`))
      assert.lengthOf(found, 2)
      assert.isTrue(found.some((line) => line.includes(`would be named "web-2", as another child is`)))
      assert.isTrue(found.some((line) => line.includes(`"a/b" cannot be a name`)))
    }))

  it.effect("takes other files for variables, or none", () =>
    Effect.gen(function*() {
      const files = { ".env": "A=1", "more.env": "B=2\nC=${A:-unset}" }
      const more = yield* load({ ...files, ...moduleOf("a: 'x'", ", envFile: 'more.env'") })
      assert.sameMembers(Object.keys(commandOf(more, "a").env), ["B", "C"])
      const none = yield* load({ ...files, ...moduleOf("a: 'x'", ", envFile: false, env: { D: true }") })
      assert.deepStrictEqual(commandOf(none, "a").env, { D: "true" })
    }))
})

class Database extends Context.Service<Database, { readonly url: string }>()("test/Database") {}

describe("defineConfig", () => {
  it("takes code that needs what whoever runs it has, and does not compile with other code", () => {
    const spec = Config.defineConfig({
      children: {
        jobs: Effect.flatMap(Jobs, ({ list }) => list),
        scoped: Effect.acquireRelease(Effect.void, () => Effect.void),
        layer: Layer.effect(Database, Effect.succeed({ url: "" })),
        runnable: Runnable.idle(),
        // @ts-expect-error -- it is no condition
        web: { command: "x", dependsOn: { jobs: "healthy" } },
        // @ts-expect-error -- it is no way to find out
        probed: { command: "x", ready: { port: 80 } }
      }
    })
    assert.lengthOf(Object.keys(spec.children), 6)
    // Nobody has a Database.
    const takesIt: Effect.Effect<void, never, Database> extends Code ? true : false = false
    assert.isFalse(takesIt)
  })
})

describe("Which file it is", () => {
  it.effect("by its name in the directory, TypeScript first", () =>
    Effect.gen(function*() {
      const files = { Procfile: "p: x", "process-compose.yml": "processes: {c: {command: x}}", ...moduleOf("m: 'x'") }
      assert.strictEqual((yield* load(files)).format, "module")
      const { "supervisor.config.mjs": _, ...two } = files
      assert.strictEqual((yield* load(two)).format, "process-compose")
      assert.strictEqual((yield* load({ Procfile: "p: x" })).format, "procfile")
    }))

  it.effect("none is an error that says what was looked for", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(load({}))
      assert.instanceOf(error, ConfigError.ConfigNotFound)
      assert.include(error.message, "there is no supervisor.config.ts, ")
      const named = yield* Effect.flip(onNode(Config.load({ file: "/nowhere/Procfile.dev" })))
      assert.include(named.message, "in /nowhere: there is no Procfile.dev")
    }))

  it.effect("a name that says nothing about the format is refused", () =>
    withFiles({ "shop.conf": "x" }, (directory) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(onNode(Config.load({ file: join(directory, "shop.conf") })))
        assert.instanceOf(error, ConfigError.ConfigInvalid)
        assert.match(error.message, /shop\.conf: its name does not tell its format/)
      })))
})

const versionIn = (directory: string, text: string, env = "") =>
  Effect.suspend(() => {
    write(directory, { Procfile: text, ".env": env })
    return onNode(
      Effect.map(Config.load({ file: directory, environment: {} }), (config) => childOf(config, "web").version)
    )
  })

const codeVersions = (directory: string, note: string) =>
  Effect.suspend(() => {
    const children = `{ a: Effect.never, b: { run: Effect.never, version: 1 }, c: "run" }`
    write(directory, {
      "supervisor.config.mjs":
        `import { Effect } from "${effect}"\n// ${note}\nexport default { children: ${children} }`
    })
    return onNode(
      Effect.map(Config.load({ file: directory }), ({ children }) => children.map(({ version }) => version))
    )
  })

describe("The version of a child", () => {
  it.effect("is the same for the same work in the same place, and another for other work or another secret", () =>
    withFiles({}, (directory) =>
      Effect.gen(function*() {
        const first = yield* versionIn(directory, "web: run\n")
        assert.strictEqual(yield* versionIn(directory, "other: x\n# here\nweb:   run\n"), first)
        assert.notStrictEqual(yield* versionIn(directory, "web: run fast\n"), first)
        const one = yield* versionIn(directory, "web: run\n", "TOKEN=1")
        assert.notStrictEqual(one, first)
        assert.notStrictEqual(yield* versionIn(directory, "web: run\n", "TOKEN=2"), one)
        assert.notInclude(one, "TOKEN")
      })))

  it.effect("of code is the one it has, or else that of the file's text", () =>
    withFiles({}, (directory) =>
      Effect.gen(function*() {
        const before = yield* codeVersions(directory, "one")
        const after = yield* codeVersions(directory, "two")
        assert.deepStrictEqual(after.map((version, index) => version === before[index]), [false, true, true])
      })))
})
