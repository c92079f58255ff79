import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build, root } from "./fixtures/build.ts"
import { removeFolder } from "./fixtures/removeFolder.ts"

/** What each example prints, in this order, among whatever else it prints. */
const promises: Record<string, ReadonlyArray<string | RegExp>> = {
  "01-hello.ts": [
    /^store opened$/,
    /worker failed \(run 1 broke\); restart 1 in 100 ms/,
    /worker failed \(run 2 broke\); restart 2 in 200 ms/,
    /^run 3 worked$/,
    /^store closed$/
  ],
  "02-dynamic-add.ts": [
    "+ connection-1",
    "+ connection-2",
    `refused: DuplicateChild "connection-2"`,
    "+ connection-3",
    "refused: MaxChildrenReached (4)",
    "- connection-1",
    "- connection-2",
    "left: acceptor, connection-3; completed: 1",
    "- connection-3",
    "+ job-1",
    "- job-1",
    "the pool failed: JobFailed job-1"
  ],
  "03-restart-with-backoff.ts": [
    /ms  run 1$/,
    /restart 1 in 50 ms/,
    /ms  run 2$/,
    /restart 2 in 100 ms/,
    /ms  run 3$/,
    /restart 1 in 50 ms/,
    /ms  run 6$/,
    /ms  worker gave up after 6 runs$/
  ],
  "04-strategies.ts": [
    "one-for-one   +a +b +c -b +b -c -b -a",
    "one-for-all   +a +b +c -b -c -a +a +b +c -c -b -a",
    "rest-for-one  +a +b +c -b -c +b +c -c -b -a"
  ],
  "05-nested-managers.ts": [
    "+ database",
    "+   web/cache",
    "+   web/listener",
    "-   web/listener",
    "+   web/listener",
    "-   web/listener",
    "-   web/cache",
    "+   web/cache",
    "+   web/listener",
    "-   web/listener",
    "+   web/listener",
    "-   web/listener",
    "-   web/cache",
    "- database",
    "gave up: web/listener",
    "caught: PortInUse 80"
  ],
  "06-graceful-drain.ts": [
    "shutdown",
    "quick: has done job 2",
    "quick: asked to stop, nothing in flight",
    "slow: puts job 1 back",
    "all stopped"
  ],
  "07-readiness-and-dependencies.ts": [
    "+ config",
    "database is ready after 3 attempts",
    "+ api",
    "all are ready",
    "- api",
    "- config",
    "",
    "+ config",
    "- config",
    /^Child "database" was not ready within 500 ms/,
    ""
  ],
  "08-reload.ts": [
    "handled: poller, web/cache, web/server",
    "ignored: idle",
    "failed:  web/certificates (certificate has expired)"
  ],
  "09-supervised-layers.ts": [
    "+ database",
    "+ reporter",
    "+ poller",
    "saved a reading",
    "- poller",
    "+ poller",
    "saved a reading",
    "- poller",
    "- reporter",
    "- database",
    "failed: Unreachable sensor.local"
  ],
  "10-watchdog.ts": [
    "+ worker",
    "job 3",
    "- worker",
    /^Unresponsive: Child "worker" gave no heartbeat for 200 ms.*then Backoff$/,
    "+ worker",
    "job 4",
    "- worker"
  ],
  "11-custom-policy.ts": [
    "RateLimited: restart in 300 ms",
    "Unavailable: restart in 10 ms",
    "BadRequest: GiveUp",
    "the client gave up in run 3: no such field"
  ],
  "12-status-and-events.ts": [
    "snapshot:",
    "    worker     Running, run 1",
    "event: web/worker Running -> Backoff",
    "status:",
    "    worker     Backoff, run 1",
    "stop, stop, start: done, noop, done",
    "web/worker: 1 restart(s), last exit: Failure"
  ],
  "13-unit-testing.ts": [/pass 3$/, /fail 0$/],
  "14-hello-in-plain-effect.ts": ["store opened", /run 1 broke/, /run 2 broke/, "run 3 worked", "store closed"],
  "15-processes.ts": [
    /WARN .*exited with code 3. It said: no luck.*; restart 1 in 100 ms/,
    /INFO .*the server says hello/,
    "all stopped"
  ],
  "16-messages.ts": ["python 1: HELLO", "python 2: GOODBYE"],
  "17-logs.ts": [
    "--- run 1",
    "stdout: no line end",
    "--- exit code 7",
    "--- run 2",
    "--- exit code 7",
    "query: line 1, line 3",
    "tail: line 3, no line end"
  ],
  "18-job-by-hand.ts": [
    "wait: nothing (never ran)",
    "start: done",
    "start: nothing (already running)",
    "its group has 3 processes",
    "sent: restart",
    "its outcome: Done",
    "stop: done, it was ended by SIGKILL",
    "try-restart: nothing (not running)"
  ],
  "19-reload-by-signal.ts": ["same process: true", "serving", "settings, version 2", "stopped in order"],
  "20-testing-processes.ts": [/pass 1$/, /fail 0$/],
  "21-control-server.ts": [
    `supervisor "app", same process: true`,
    "restart web-1: Done",
    "restart web-2: Done",
    "add miner: NotDeclared",
    "ready: true",
    "snapshot: control, web-1, web-2, store, mailer",
    "event: mailer is stopped",
    "event: web-2 is stopped",
    "event: web-1 is stopped",
    "the tree has ended"
  ],
  "22-dashboard.ts": [
    "the link: 303, and once more: 401",
    "a stranger: 401",
    "is it ready? 200",
    `restart: [{"_tag":"Done","path":"web-1","outcome":"done"},{"_tag":"Done","path":"web-2","outcome":"done"}]`,
    "the tree has ended"
  ],
  "30-cluster.ts": [
    "3 nodes, 7 children, each once",
    "kill the node of the mailer",
    "moved: true, higher token: true",
    "all stopped"
  ]
}

/** Those that end with a failure, for the shell to see. */
const failing = new Set(["03"])

/** Examples of which every line is promised. */
const complete = new Set(["02", "04", "05", "07", "09", "11", "18", "30"])

const directory = join(root, "examples")
const names = readdirSync(directory).filter((name) => name.endsWith(".ts")).toSorted()
const read = (name: string): string => readFileSync(join(directory, name), "utf8")
const codeOf = (name: string): string => read(name).replace(/^\/\*\*[^]*?\*\/\n/, "")

interface Run {
  readonly name: string
  readonly code: number | null
  readonly lines: ReadonlyArray<string>
  readonly errors: string
}

const run = (name: string): Promise<Run> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(directory, name)], { timeout: 30_000, killSignal: "SIGKILL" })
    let output = ""
    let errors = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => output += text)
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text)
    child.on("error", reject)
    child.on("close", (code) => {
      resolve({ name, code, lines: output.split("\n").slice(0, -1), errors })
    })
  })

const matches = (line: string, promise: string | RegExp): boolean =>
  typeof promise === "string" ? line === promise : promise.test(line)

const assertPromise = (lines: ReadonlyArray<string>, promise: ReadonlyArray<string | RegExp>): void => {
  let from = 0
  for (const expected of promise) {
    const at = lines.findIndex((line, index) => index >= from && matches(line, expected))
    assert.isTrue(at >= 0, `no line ${expected} after line ${from} of\n${lines.join("\n")}`)
    from = at + 1
  }
}

describe("the examples", () => {
  const runs = new Map<string, Run>()

  beforeAll(async () => {
    await build()
    const twoAtATime = Effect.forEach(names, (name) => Effect.promise(() => run(name)), { concurrency: 2 })
    for (const ran of await Effect.runPromise(twoAtATime)) runs.set(ran.name, ran)
  }, 120_000)

  it("are all promised something, and nothing is promised of what is not there", () => {
    assert.deepEqual(names, Object.keys(promises))
  })

  for (const name of names) {
    it(`${name} ends as it should and prints what its header promises`, () => {
      const { code, errors, lines } = runs.get(name)!
      assert.strictEqual(errors, "")
      assert.strictEqual(code, failing.has(name.slice(0, 2)) ? 1 : 0)
      assertPromise(lines, promises[name]!)
      if (complete.has(name.slice(0, 2))) assert.strictEqual(lines.length, promises[name]!.length, lines.join("\n"))
    })

    it(`${name} is one idea in at most 60 lines, and its header says what to observe`, () => {
      assert.isAtMost(read(name).trimEnd().split("\n").length, 60)
      assert.match(read(name), /^\/\*\*[^]*?\n \* Observe: [^]*?\*\/\n/)
    })
  }
})

describe("the README", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8")
  const snippets = Array.from(readme.matchAll(/```ts\n([^]*?)```/g), (match) => match[1]!)

  it("begins with the first example", () => {
    assert.strictEqual(snippets[0], codeOf(names[0]!))
  })

  it("shows no code that is not in an example that runs", () => {
    for (const snippet of snippets) {
      assert.isTrue(
        [...names, "cluster/node.ts", "app/supervisor.config.ts"].some((name) => codeOf(name).includes(snippet)),
        `in no example:\n${snippet}`
      )
    }
  })

  it("has between 100 and 200 lines, beside the section of each subpath", () => {
    const core = readme.replaceAll(/^## (?:Processes|Operating it|Across machines)\n[^]*?(?=^## )/gm, "")
    const lines = core.trimEnd().split("\n").length
    assert.isTrue(lines >= 100 && lines <= 200, `${lines} lines`)
  })
})

/** What the compiler says about these modules, each on its own. */
const typeCheck = async (modules: ReadonlyMap<string, string>): Promise<string> => {
  const project = mkdtempSync(join(tmpdir(), "effect-supervisor-docs-"))
  try {
    symlinkSync(join(root, "node_modules"), join(project, "node_modules"))
    writeFileSync(join(project, "package.json"), `{ "type": "module" }`)
    for (const [name, code] of modules) writeFileSync(join(project, name), code)
    writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({
        extends: join(root, "tsconfig.json"),
        include: ["*.ts"],
        compilerOptions: {
          // An example makes things and leaves them to the reader.
          noUnusedLocals: false,
          paths: {
            "effect-supervisor": [join(root, "src", "index.ts")],
            "effect-supervisor/process": [join(root, "src", "process", "index.ts")],
            "effect-supervisor/process/*": [join(root, "src", "process", "*.ts")],
            "effect-supervisor/control": [join(root, "src", "control", "index.ts")],
            "effect-supervisor/control/*": [join(root, "src", "control", "*.ts")],
            "effect-supervisor/cluster": [join(root, "src", "cluster", "index.ts")],
            "effect-supervisor/cluster/*": [join(root, "src", "cluster", "*.ts")]
          }
        }
      })
    )
    const compiler = join(root, "node_modules", ".bin", "tsc")
    return await new Promise((resolve, reject) =>
      execFile(compiler, [], { cwd: project, timeout: 60_000 }, (error, stdout, stderr) => {
        if (error !== null && stdout === "") reject(error)
        else resolve(stdout + stderr)
      })
    )
  } finally {
    removeFolder(project)
  }
}

const sources = ["", "process/", "control/", "cluster/"].flatMap((folder) =>
  readdirSync(join(root, "src", folder)).filter((name) => name.endsWith(".ts")).map((name) => `${folder}${name}`)
)
const textOf = (source: string): string => readFileSync(join(root, "src", source), "utf8")

/** The examples in a file's comments, each as a module that is named after the line on which it begins. */
const examplesOf = (source: string): ReadonlyArray<readonly [string, string]> => {
  const text = textOf(source)
  return Array.from(text.matchAll(/^ *\* ```ts\n([^]*?)^ *\* ```$/gm), ({ 1: code, index }) => {
    const line = text.slice(0, index).split("\n").length
    return [`${source.replace(".ts", "").replace("/", "-")}-line-${line}.ts`, code!.replace(/^ *\* ?/gm, "")]
  })
}

describe("the doc comments", () => {
  it("show only code that compiles", { timeout: 70_000 }, async () => {
    const examples = new Map(sources.flatMap(examplesOf))
    assert.isAbove(examples.size, 20)
    assert.strictEqual(await typeCheck(examples), "")
  })

  it("the check finds an example that does not compile", { timeout: 70_000 }, async () => {
    const wrong = `import { Runnable } from "effect-supervisor"\nconst worker = Runnable.make("worker")\n`
    assert.match(await typeCheck(new Map([["wrong.ts", wrong]])), /^wrong\.ts.*TS2554/m)
  })

  for (const source of sources) {
    it(`${source} says of every export what it is, since when, and where it belongs`, () => {
      const isIndex = source.endsWith("index.ts")
      const lines = textOf(source).split("\n")
      for (const [at, line] of lines.entries()) {
        if (!line.startsWith("export ")) continue
        const from = lines.slice(0, at).findLastIndex((line) => line === "/**")
        const comment = lines.slice(from, at)
        if (comment.some((line) => line.includes("@internal")) || lines[at - 1] === "/** @internal */") continue
        const where = `${source}:${at + 1} ${line}`
        assert.strictEqual(comment.at(-1), " */", where)
        assert.match(comment[1]!, /^ \* [^@\s]/, where)
        assert.include(comment, " * @since 0.1.0", where)
        assert.isTrue(isIndex || comment.some((line) => line.startsWith(" * @category ")), where)
      }
    })
  }
})
