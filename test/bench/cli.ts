// oxlint-disable eslint/no-await-in-loop -- one at a time, so that they do not disturb each other
/**
 * What the command line costs: `node test/bench/cli.ts [rounds]`, after `npm run build`.
 *
 * From the start of a process until 100 commands run: by `esv run`, and by a program of the library that does the same.
 * And how long the commands take that a person types, with that supervisor running. The median of some rounds each, in
 * turns, since the machine has moods.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseDuration } from "../../src/cli/internal/words.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const rounds = Number(process.argv[2] ?? 5)
const count = 100
const root = fileURLToPath(new URL("../../", import.meta.url))
const main = join(root, "dist", "cli", "main.js")

const home = mkdtempSync(join(tmpdir(), "esv-bench-"))
const directory = join(home, "hundred")
mkdirSync(directory)
mkdirSync(join(home, "run"), { mode: 0o700 })
const env = { ...process.env, XDG_RUNTIME_DIR: join(home, "run"), XDG_STATE_HOME: join(home, "state"), NO_COLOR: "1" }

const names = Array.from({ length: count }, (_, index) => `job-${index}`)
writeFileSync(
  join(directory, "process-compose.yaml"),
  `processes:\n${names.map((name) => `  ${name}: {command: exec sleep 1000}\n`).join("")}`
)
const library = join(directory, "library.ts")
writeFileSync(
  library,
  `import * as Effect from "${root}node_modules/effect/dist/Effect.js"
import * as ProcessManager from "${root}dist/ProcessManager.js"
import * as Signals from "${root}dist/Signals.js"
import { Command, Job, NodeJobs } from "${root}dist/process/index.js"
const begun = performance.now()
const app = ProcessManager.make("app", [
  Signals.runnable(),
  ...${JSON.stringify(names)}.map((name) => Job.runnable(name, Command.shell("exec sleep 1000")))
])
await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const handle = yield* ProcessManager.start(app)
  console.log("all ready after " + Math.round(performance.now() - begun) + "ms")
  yield* handle.await
})).pipe(Effect.provide(NodeJobs.layer())))
`
)

/** In milliseconds. */
interface Span {
  /** From the start of the process. */
  readonly whole: number
  /** From when it knows what to run, as it says itself. */
  readonly own: number
}

/** Until it says that all is ready; then it is ended. */
const untilReady = (args: ReadonlyArray<string>, meanwhile: () => void = () => {}): Promise<Span> =>
  new Promise((resolve, reject) => {
    const before = performance.now()
    let after: Span | undefined
    const child = spawn(process.execPath, args, { cwd: directory, env, stdio: ["ignore", "pipe", "inherit"] })
    let text = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      const said = /all ready after (.*)\n/.exec(text)
      if (after !== undefined || said === null) return
      after = { whole: performance.now() - before, own: parseDuration(said[1]!)! }
      meanwhile()
      child.kill("SIGTERM")
    })
    child.on("close", () => after === undefined ? reject(new Error(text)) : resolve(after))
  })

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const took = (...args: ReadonlyArray<string>): number => {
  const before = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], { cwd: directory, env, encoding: "utf8" })
  if (status !== 0) throw new Error(`esv ${args.join(" ")}: ${stderr}`)
  return performance.now() - before
}

const ms = (value: number): string => `${value.toFixed(0)} ms`

const line = (label: string, value: string, bound: string, ok: boolean): void =>
  console.log(`${label.padEnd(44)} ${value.padStart(14)}  ${bound.padEnd(12)} ${ok ? "ok" : "MISS"}`)

const typed: ReadonlyArray<ReadonlyArray<string>> = [["--version"], ["--help"], ["ps"], ["tree"], ["logs"], [
  "why",
  "job-1"
]]

try {
  const byLibrary: Array<Span> = []
  const byCli: Array<Span> = []
  const times = typed.map((): Array<number> => [])
  for (let round = 0; round < rounds; round++) {
    byLibrary.push(await untilReady([library]))
    byCli.push(
      await untilReady([main, "run"], () => {
        for (const [index, args] of typed.entries()) times[index]!.push(took(...args))
      })
    )
  }
  for (const [span, label] of [["own", "what to run is known"], ["whole", "the process is started"]] as const) {
    const library = median(byLibrary.map((one) => one[span]))
    const cli = median(byCli.map((one) => one[span]))
    console.log(`100 commands up, from when ${label}`)
    console.log(`${"  by the library".padEnd(44)} ${ms(library).padStart(14)}`)
    line("  by esv run", `${ms(cli)} ${(cli / library).toFixed(2)}x`, "<= 1.2x", cli / library <= 1.2)
  }
  for (const [index, args] of typed.entries()) {
    const value = median(times[index]!)
    line(`esv ${args.join(" ")}, 100 children`, ms(value), "<= 300 ms", value <= 300)
  }
} finally {
  removeFolder(home)
}
