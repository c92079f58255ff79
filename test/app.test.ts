import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it } from "@effect/vitest"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build, root } from "./fixtures/build.ts"
import { removeFolder } from "./fixtures/removeFolder.ts"

/** The demo as a process, with its lines as they come. */
class App {
  readonly lines: Array<string> = []
  readonly ended: Promise<number | null>
  readonly process: ChildProcessWithoutNullStreams
  private readonly waiting = new Set<() => void>()

  constructor(args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) {
    this.process = spawn(process.execPath, args, { env: { ...process.env, ...env } })
    let rest = ""
    this.process.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n")
      rest = lines.pop()!
      this.lines.push(...lines)
      for (const check of this.waiting) check()
    })
    this.process.stderr.setEncoding("utf8").on("data", (text: string) => this.lines.push(`stderr: ${text}`))
    this.ended = new Promise((resolve) => this.process.on("close", resolve))
  }

  /** The first line at or after `from` that matches. */
  line(pattern: RegExp, from: number = 0): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.lines.slice(from).map((line) => line.match(pattern)).find((match) => match !== null)
        if (found === undefined) return
        done()
        resolve(found)
      }
      const timer = setTimeout(() => {
        done()
        reject(new Error(`no line ${pattern} in\n${this.lines.join("\n")}`))
      }, 10_000)
      const done = () => {
        clearTimeout(timer)
        this.waiting.delete(check)
      }
      this.waiting.add(check)
      check()
    })
  }

  /** What was said about children, in order: "jobs/flaky is stopped". */
  get said(): ReadonlyArray<string> {
    return this.lines.flatMap((line) => {
      const match = line.match(/^\d\d:\d\d:\d\d {2}(\S+) +(is .*)$/)
      return match === null ? [] : [`${match[1]} ${match[2]}`]
    })
  }

  /** The times of all lines, in order. */
  get times(): ReadonlyArray<string> {
    return this.lines.flatMap((line) => line.match(/^\d\d:\d\d:\d\d/) ?? [])
  }
}

describe("the demo as a program", () => {
  const directory = mkdtempSync(join(tmpdir(), "effect-supervisor-"))
  const settings = join(directory, "settings.json")
  const apps: Array<App> = []

  const start = (options: { readonly settings?: string; readonly port?: string } = {}): App => {
    const app = new App([join(root, "examples", "app", "main.ts")], {
      PORT: options.port ?? "0",
      SETTINGS: options.settings ?? settings
    })
    apps.push(app)
    return app
  }

  beforeAll(build, 60_000)

  beforeEach(() => writeFileSync(settings, JSON.stringify({ greeting: "good morning" })))

  afterEach(() => {
    for (const app of apps.splice(0)) app.process.kill("SIGKILL")
  })

  afterAll(() => removeFolder(directory))

  it("runs a tree, reloads on SIGHUP, and on Ctrl-C stops everything in reverse order with exit code 0", async () => {
    const app = start()
    const [, url] = await app.line(/the server listens on (http:\S+)/)
    await app.line(/^app +Running$/)
    await app.line(/the poller got: good morning, you are number \d+$/)
    assert.match(await (await fetch(url!)).text(), /^good morning, you are number \d+\n$/)

    await app.line(/jobs\/flaky +failed: out of luck; restart 1 in 0\.5 s$/)
    await app.line(/jobs\/flaky +is running again \(run 2\)$/)

    writeFileSync(settings, JSON.stringify({ greeting: "good evening" }))
    app.process.kill("SIGHUP")
    await app.line(/the server has read its settings again: greeting is "good evening"$/)
    assert.match(await (await fetch(url!)).text(), /^good evening, you are number \d+\n$/)

    app.process.kill("SIGINT")
    assert.strictEqual(await app.ended, 0, app.lines.join("\n"))
    assert.match(app.lines.at(-1)!, /everything has stopped$/)
    const why = app.lines.findIndex((line) => line.endsWith("SIGINT: stopping"))
    assert.match(app.lines[why + 1]!, /app +is stopping$/)
    assert.deepEqual(app.times, app.times.toSorted())

    const { said } = app
    const started = said.slice(0, said.indexOf("app is running"))
    assert.deepEqual(started, [
      "view is running",
      "signals is running",
      "web/server is running",
      "web/poller is running",
      "web is running",
      "jobs/flaky is running",
      "jobs is running"
    ])
    const stopped = said.slice(said.indexOf("app is stopping")).filter((line) => line.endsWith(" is stopped"))
    assert.deepEqual(stopped, [
      "jobs/flaky is stopped",
      "jobs is stopped",
      "web/poller is stopped",
      "web/server is stopped",
      "web is stopped",
      "signals is stopped"
    ])
    assert.isFalse(app.lines.some((line) => line.includes("\x1b") || line.startsWith("stderr")), app.lines.join("\n"))
    assert.isTrue(app.lines.every((line) => line.length <= 80), app.lines.join("\n"))
  })

  it("also on a second Ctrl-C runs every finalizer, in order, and ends with exit code 0", async () => {
    const app = start()
    await app.line(/the poller got/)
    app.process.kill("SIGINT")
    await app.line(/app +is stopping$/)
    app.process.kill("SIGINT")
    assert.strictEqual(await app.ended, 0, app.lines.join("\n"))
    assert.isFalse(app.lines.some((line) => line.includes("abandoned")), app.lines.join("\n"))
    assert.match(app.lines.at(-1)!, /everything has stopped$/)
  })

  it("says what is wrong and ends with exit code 1 when it cannot start", async () => {
    const app = start({ settings: join(directory, "missing.json") })
    assert.strictEqual(await app.ended, 1)
    assert.isTrue(app.lines.some((line) => line.includes("missing.json")), app.lines.join("\n"))
  })

  it("says that its port is in use, and tells nothing of children that never started", async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    try {
      const port = String((taken.address() as AddressInfo).port)
      const app = start({ port })
      await app.line(new RegExp(`web/server +failed: PORT ${port} is in use; restart 2 in 0\\.\\d s$`))
      app.process.kill("SIGTERM")
      assert.strictEqual(await app.ended, 0, app.lines.join("\n"))
      await app.line(/SIGTERM: stopping$/)
      assert.isFalse(app.lines.some((line) => / (jobs|web\/poller)/.test(line)), app.lines.join("\n"))
    } finally {
      taken.close()
    }
  })
})

describe("npm start", () => {
  const directory = mkdtempSync(join(tmpdir(), "effect-supervisor-"))
  const apps: Array<App> = []

  beforeAll(build, 60_000)

  afterEach(() => {
    for (const app of apps.splice(0)) app.process.kill("SIGKILL")
  })

  afterAll(() => removeFolder(directory))

  /** What the script in package.json runs, after the build. */
  const script = (): ReadonlyArray<string> => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>
    }
    return scripts["start"]!.split("exec node ")[1]!.split(" ")
  }

  it("runs the demo by the command line, with the page on, and stops it in reverse with exit code 0", async () => {
    const settings = join(directory, "settings.json")
    writeFileSync(settings, JSON.stringify({ greeting: "good morning" }))
    const [program, ...args] = script()
    const app = new App([join(root, program!), ...args.map((arg) => arg.includes("/") ? join(root, arg) : arg)], {
      DASHBOARD: "0",
      SETTINGS: settings,
      XDG_RUNTIME_DIR: directory,
      XDG_STATE_HOME: directory
    })
    apps.push(app)
    const [, link] = await app.line(/dashboard on http:\S+, for one browser: (http:\S+)$/)
    await app.line(/web\/poller \| the poller got: good morning, you are number 1$/)
    await app.line(/clock +\| .*:/)
    for (const line of ["app running", "├─ web running", "│  ├─ server running", "└─ clock running"]) {
      await app.line(new RegExp(`· ${line}`))
    }

    const page = await fetch(link!, { redirect: "manual" })
    assert.strictEqual(page.status, 303)
    const cookie = page.headers.getSetCookie()[0]!.split(";")[0]!
    const html = await fetch(new URL("/", link), { headers: { cookie } })
    assert.match(await html.text(), /<title>/)

    writeFileSync(settings, JSON.stringify({ greeting: "good evening" }))
    app.process.kill("SIGHUP")
    await app.line(/the server has read its settings again: greeting is "good evening"$/)
    await app.line(/jobs\/flaky failed \(out of luck\); restart 1 in 500 ms$/)
    await app.line(/jobs\/flaky is running again \(run 2\)$/)

    app.process.kill("SIGINT")
    assert.strictEqual(await app.ended, 0, app.lines.join("\n"))
    const stopped = app.lines.flatMap((line) => line.match(/· (\S+) is stopped$/)?.[1] ?? [])
    assert.deepEqual(stopped, ["clock", "jobs/flaky", "jobs", "web/poller", "web/server", "web"])
    assert.isFalse(app.lines.some((line) => line.includes("\x1b") || line.startsWith("stderr")), app.lines.join("\n"))
  })
})
