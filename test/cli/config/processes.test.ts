import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { ProcessManager } from "effect-supervisor"
import { Jobs } from "effect-supervisor/process"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Config from "../../../src/cli/config/Config.ts"
import { linesOf, real, stdoutOf, until } from "../../fixtures/process/job-support.ts"
import { withFiles, write } from "./support.ts"

const jobOf = (name: string) => Effect.flatMap(Jobs, (jobs) => jobs.get(name))

const start = (directory: string, files: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    write(directory, files)
    return yield* ProcessManager.start(Config.toManager(yield* Config.load({ file: directory })))
  })

describe("Real processes from a configuration", () => {
  real(
    "get their directory, their variables, and secrets as they are",
    ({ directory, file }) =>
      Effect.gen(function*() {
        const handle = yield* start(directory, {
          ".env": "FROM_DOT_ENV='hush $x'",
          "sub/.keep": "",
          "process-compose.yaml": `
processes:
  web:
    command: echo "$PWD $FROM_DOT_ENV $API_TOKEN $$HERE" > ../out; exec sleep 600
    working_dir: sub
    environment: [API_TOKEN=t0ken, HERE=here]`
        })
        yield* until("it has written", () => linesOf(file("out")).length === 1)
        assert.deepStrictEqual(linesOf(file("out")), [`${file("sub")} hush $x t0ken here`])
        const { command } = yield* Effect.flatMap(jobOf("web"), ({ info }) => info)
        assert.notMatch(command, /hush|t0ken/)
        yield* handle.shutdown
      })
  )

  real(
    "are stopped by a command of their own, and killed if that does not help",
    ({ directory, file }) =>
      Effect.gen(function*() {
        const handle = yield* start(directory, {
          "process-compose.yaml": `
processes:
  polite:
    command: trap "echo signal >> polite" TERM; echo up; while [ ! -e stop ]; do sleep 0.02; done; echo stopped >> polite
    shutdown: {command: echo asked >> polite; touch stop, timeout_seconds: 8}
  stubborn:
    command: sleep 600
    shutdown: {command: echo asked >> stubborn, timeout_seconds: 1}`
        })
        yield* handle.stop("polite")
        assert.deepStrictEqual(linesOf(file("polite")), ["asked", "stopped"])
        yield* handle.stop("stubborn")
        assert.deepStrictEqual(linesOf(file("stubborn")), ["asked"])
        const { state } = yield* Effect.flatMap(jobOf("stubborn"), ({ info }) => info)
        assert.isTrue(state._tag === "Finished" && state.forced)
        yield* handle.shutdown
      })
  )

  real(
    "have their lines in the file that is named, all of them, of every run, and in their logs too",
    ({ directory, file }) =>
      Effect.gen(function*() {
        const handle = yield* start(directory, {
          "process-compose.yaml": `
log_location: logs/all.log
processes:
  many: {command: seq 5000; printf last}
  own: {command: echo mine, log_location: logs/own.log}
  twice: {command: echo again; exit 1, availability: {restart: on_failure, max_restarts: 1}}
  stays: {command: sleep 600}`
        })
        for (const [name, tag] of [["many", "Completed"], ["own", "Completed"], ["twice", "GaveUp"]] as const) {
          yield* handle.changes.pipe(
            Stream.mapEffect(() => handle.child(name)),
            Stream.takeUntil(({ state }) => state._tag === tag),
            Stream.runDrain
          )
        }
        const all = linesOf(file("logs/all.log"))
        assert.deepStrictEqual(all.filter((line) => line.startsWith("[many]")), [
          ...Array.from({ length: 5000 }, (_, index) => `[many] ${index + 1}`),
          "[many] last"
        ])
        assert.deepStrictEqual(linesOf(file("logs/own.log")), ["[own] mine"])
        assert.deepStrictEqual(all.filter((line) => line.startsWith("[twice]")), ["[twice] again", "[twice] again"])
        assert.deepStrictEqual(yield* Effect.flatMap(jobOf("own"), stdoutOf), ["mine"])
        yield* handle.shutdown
      }),
    { timeout: 15_000 }
  )

  real("wait for each other: a probe, a line in the log, an end", ({ directory, file }) =>
    Effect.gen(function*() {
      const handle = yield* start(directory, {
        "process-compose.yaml": `
processes:
  web:
    command: echo web >> order; exec sleep 600
    depends_on:
      probed: {condition: process_healthy}
      logged: {condition: process_log_ready}
      task: {condition: process_completed_successfully}
  probed:
    command: sleep 0.2; touch ready; echo probed >> order; exec sleep 600
    readiness_probe: {exec: {command: test -e ready}, period_seconds: 1}
  logged: {command: sleep 0.1; echo logged >> order; echo now ready; exec sleep 600, ready_log_line: "now r.ady"}
  task: {command: sleep 0.1; echo task >> order}`
      })
      yield* until("web has started", () => linesOf(file("order")).includes("web"))
      assert.sameMembers(linesOf(file("order")).slice(0, 3), ["probed", "logged", "task"])
      assert.strictEqual(linesOf(file("order"))[3], "web")
      yield* handle.shutdown
    }))
})

const from = (path: string) => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href)

describe("Without a test runner around it", () => {
  it.live("Node loads a supervisor.config.ts, its types stripped, and reads it anew when it has changed", () =>
    withFiles({}, (directory) =>
      Effect.gen(function*() {
        const effect = from("node_modules/effect/dist/Effect.js")
        write(directory, {
          "package.json": `{ "type": "module" }`,
          "main.ts": `
            import * as Effect from ${effect}
            import { NodeServices } from ${from("node_modules/@effect/platform-node/dist/index.js")}
            import * as Config from ${from("src/cli/config/Config.ts")}
            import { writeFileSync } from "node:fs"
            const write = (name: string) => writeFileSync("supervisor.config.ts",
              'import * as Effect from ' + ${JSON.stringify(effect)} + '\\nconst name: string = "' + name + '"\\n' +
              'export default { children: { [name]: "run", code: Effect.never as Effect.Effect<void> } }\\n')
            const load = Effect.map(Config.load(), ({ children }) => console.log(children.map((child) => child.name).join()))
            write("one")
            await Effect.runPromise(Effect.provide(load, NodeServices.layer))
            write("two")
            await Effect.runPromise(Effect.provide(load, NodeServices.layer))
            writeFileSync("supervisor.config.ts", "const a = 1\\nexport default {\\n")
            await Effect.runPromise(Effect.provide(Effect.flip(load), NodeServices.layer)).then((e) => console.log(String(e)))
            writeFileSync("supervisor.config.ts", "\\n\\nthrow new Error('no luck')\\n")
            await Effect.runPromise(Effect.provide(Effect.flip(load), NodeServices.layer)).then((e) => console.log(String(e)))
          `
        })
        const output = yield* Effect.callback<string>((resume) => {
          execFile(process.execPath, ["main.ts"], { cwd: directory, timeout: 15_000 }, (_, stdout, stderr) =>
            resume(Effect.succeed(stdout + stderr)))
        })
        const lines = output.split("\n")
        assert.deepStrictEqual(lines.slice(0, 2), ["one,code", "two,code"], output)
        assert.match(lines[2]!, /supervisor\.config\.ts(:\d+)?: it cannot be loaded: /)
        assert.match(lines[3]!, /supervisor\.config\.ts:3: it cannot be loaded: no luck\. /)
        assert.include(readFileSync(join(directory, "supervisor.config.ts"), "utf8"), "no luck")
      })))
})
