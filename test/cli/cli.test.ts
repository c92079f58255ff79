// oxlint-disable eslint/no-await-in-loop -- what is looked at happens one after the other
import { afterEach, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { ControlClient } from "effect-supervisor/control"
import { build, root } from "../fixtures/build.ts"
import { isAlive, Place, until } from "./support.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

interface Row {
  readonly path: string
  readonly state: string
  readonly pid: number | null
  readonly restarts: number
  readonly note: string
  readonly waitsFor: ReadonlyArray<string>
}

const idle = "exec sleep 1000"

let places: Array<Place> = []
const place = (files: Readonly<Record<string, string>>): Place => {
  const made = new Place(files)
  places.push(made)
  return made
}

// Each is some processes one after the other, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 60_000 })

beforeAll(build, 120_000)
afterEach(async () => {
  await Promise.all(places.map((place) => place.close()))
  places = []
})

const states = async (at: Place): Promise<ReadonlyArray<string>> =>
  (await at.json<ReadonlyArray<Row>>("ps")).map(({ path, state }) => `${path} ${state}`)

const pidOf = async (at: Place, path: string): Promise<number> => {
  const row = (await at.json<ReadonlyArray<Row>>("ps")).find((row) => row.path === path)
  assert.isNumber(row?.pid, `${path} has a pid`)
  return row!.pid!
}

/** Processes of a place that are left. */
const left = ({ environment }: Place): ReadonlyArray<string> =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      // Empty for those that have ended and that nobody has waited for.
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(environment["XDG_RUNTIME_DIR"]!)
    } catch {
      return false
    }
  })

describe("run", () => {
  it("shows the output of all children with their names, and tells stdout from stderr", async () => {
    const at = place({ Procfile: `web: echo out; echo err >&2; ${idle}\nworker: echo work; ${idle}` })
    const run = at.begin("run")
    await run.says(/^worker \| work$/m)
    await run.says(/^web {4}\| out$/m)
    await run.says(/^web {4}! err$/m)
    run.process.kill("SIGINT")
    assert.strictEqual((await run.ended).code, 130)
  })

  it("ends with the exit code of the first child to fail, and stops the others", async () => {
    const at = place({ Procfile: `web: ${idle}\nbad: sleep 0.2; echo "it broke" >&2; exit 7` })
    const { code, stdout } = await at.esv("run")
    assert.strictEqual(code, 7)
    assert.match(stdout, /bad +! it broke/)
    assert.match(stdout, /bad gave up: .*exited with code 7/)
    assert.deepStrictEqual(left(at), [])
  })

  it("ends with 128 + n when a child was ended by a signal", async () => {
    const at = place({ Procfile: "bad: kill -ABRT $$" })
    assert.strictEqual((await at.esv("run")).code, 134)
  })

  it("ends with 128 + n when it is ended by a signal itself, after its children", async () => {
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      const at = place({ Procfile: `web: trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done` })
      const run = at.begin("run")
      await run.says(/web \| up/)
      run.process.kill(signal)
      const result = await run.ended
      assert.strictEqual(result.code, code)
      assert.match(result.stdout, /web \| bye/, "what a child says last is shown")
    }
  })

  it("ends with 0 by a signal where that is a good end, and tells who has stopped, in order", async () => {
    const at = place({ Procfile: `web: ${idle}\nworker: ${idle}` })
    const run = at.begin("run", "--signal-ok")
    await run.says(/all ready/)
    run.process.kill("SIGTERM")
    const { code, stdout } = await run.ended
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(stdout.match(/\w+ is stopped/g), ["worker is stopped", "web is stopped"])
  })

  it("serves the page where that is asked for, and gives links to it, each for one browser", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    const run = at.beginWith({ EFFECT_SUPERVISOR_TOKEN: "0123456789abcdef0123456789abcdef" }, "run", "--dashboard", "0")
    const [, origin, first] = await run.says(/dashboard on (http:\S+), for one browser: (http:\S+)/)
    await run.says(/all ready/)
    const { link } = await at.json<{ readonly link: string }>("dashboard")
    assert.notStrictEqual(link, first)
    for (const status of [303, 403]) {
      assert.strictEqual((await fetch(link, { redirect: "manual" })).status === 303, status === 303)
    }
    const authorization = "Bearer 0123456789abcdef0123456789abcdef"
    const metrics = await fetch(`${origin}/metrics`, { headers: { authorization } })
    assert.match(await metrics.text(), /effect_supervisor_children/)
    assert.strictEqual((await (await fetch(`${origin}/readyz`)).text()).trim(), "ok")
    assert.notInclude(JSON.stringify(await at.json("ps")), "(dashboard)")
  })

  it("says how to have a page where there is none", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    await at.begin("run").says(/all ready/)
    const { code, stderr } = await at.esv("dashboard")
    assert.strictEqual(code, 1)
    assert.match(stderr, /serves no dashboard.*--dashboard/)
  })

  it("serves metrics and sends telemetry as the configuration says", async () => {
    const sent: Array<string> = []
    const collector = createServer((request, response) => {
      sent.push(request.url!)
      request.resume().on("end", () => response.end("{}"))
    })
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve))
    const { port } = collector.address() as AddressInfo
    const at = place({
      "package.json": `{"type":"module"}`,
      "supervisor.config.ts": `export default {
        name: "shop",
        telemetry: { prometheus: true, otlp: "http://127.0.0.1:${port}" },
        dashboard: { port: 0 },
        children: { once: { command: "true", restart: "never" }, web: { command: ["sleep", "1000"] } }
      }`
    })
    symlinkSync(join(root, "node_modules"), join(at.directory, "node_modules"))
    const run = at.begin("run", "--signal-ok")
    await run.says(/dashboard on/)
    await run.says(/all ready/)
    run.process.kill("SIGINT")
    assert.strictEqual((await run.ended).code, 0)
    collector.close()
    for (const signal of ["traces", "metrics"]) assert.include(sent, `/v1/${signal}`)
  })

  it("a second signal kills what takes its time", async () => {
    const at = place({ Procfile: `stubborn: trap '' TERM; echo up; while :; do sleep 0.1; done` })
    const run = at.begin("run")
    await run.says(/stubborn \| up/)
    const before = Date.now()
    run.process.kill("SIGINT")
    await run.says(/SIGINT: stopping/)
    run.process.kill("SIGINT")
    assert.strictEqual((await run.ended).code, 130)
    assert.isBelow(Date.now() - before, 3000)
  })

  it("ends well when every child has", async () => {
    const at = place({
      "process-compose.yaml": "processes:\n  a: {command: echo one}\n  b: {command: sleep 0.1; echo two}\n"
    })
    const { code, stdout } = await at.esv("run")
    assert.strictEqual(code, 0, stdout)
    assert.match(stdout, /^a +\| one$/m)
    assert.match(stdout, /^b +\| two$/m)
  })

  it("loses no line of a child that ends at once", async () => {
    const at = place({ Procfile: "many: seq 1 20000" })
    const { stdout } = await at.esv("run")
    const lines = stdout.split("\n").filter((line) => line.startsWith("many | "))
    assert.deepStrictEqual(lines, Array.from({ length: 20_000 }, (_, i) => `many | ${i + 1}`))
  })

  it("runs Effects and Layers beside commands, and prefixes what they log", async () => {
    const at = place({
      "package.json": `{"type":"module"}`,
      "supervisor.config.ts": `
        import * as Effect from "effect/Effect"
        import * as Layer from "effect/Layer"
        export default {
          name: "mixed",
          children: {
            effect: Effect.andThen(Effect.log("from an effect"), Effect.never),
            layer: Layer.effectDiscard(Effect.log("from a layer")),
            command: { command: { shell: "echo from a command; ${idle}" } }
          }
        }`
    })
    mkdirSync(join(at.directory, "node_modules"))
    symlinkSync(join(root, "node_modules", "effect"), join(at.directory, "node_modules", "effect"))
    const run = at.begin("run")
    await run.says(/^effect +\| from an effect$/m)
    await run.says(/^layer +\| from a layer$/m)
    await run.says(/^command +\| from a command$/m)
    assert.deepStrictEqual(await states(at), ["effect running", "layer running", "command running"])
    run.process.kill("SIGTERM")
    assert.strictEqual((await run.ended).code, 143)
  })

  it("neutralises the terminal escapes of children, unless they are asked for", async () => {
    const files = { Procfile: String.raw`evil: printf '\033]0;owned\007\033[31mred\033[0m \033[2Jgone\n'` }
    const harmless = await place(files).esv("run", "--color")
    assert.include(harmless.stdout, "␛]0;owned␇red ␛[2Jgone")
    const raw = await place(files).esv("run", "--raw")
    assert.include(raw.stdout, "\x1b]0;owned\x07\x1b[31mred")
  })

  it("neutralises them also in the last words by which a child has failed", async () => {
    const { code, stdout } = await place({ Procfile: String.raw`evil: printf 'secret\r\007shown\n' >&2; exit 3` }).esv(
      "run"
    )
    assert.strictEqual(code, 3)
    assert.match(stdout, /evil gave up: .* It said: secret␍␇?shown$/m)
    assert.notInclude(stdout, "\r")
    assert.notInclude(stdout, "\x07")
  })

  it("listens at a socket elsewhere, also where no supervisor has run before", async () => {
    const at = place({ Procfile: "web: sleep 60" })
    const socket = join(at.directory, "private", "esv.sock")
    const run = at.begin("run", "--socket", socket)
    await run.says(/all ready/)
    assert.strictEqual((await at.esv("wait", "--ready")).code, 0)
    assert.strictEqual((await at.esv("shutdown", "--socket", socket)).code, 0)
    assert.strictEqual((await run.ended).code, 0)
  })

  it("says so when it cannot write the log of what runs in the background", async () => {
    const at = place({ Procfile: "web: sleep 60" })
    const { code, stderr } = await at.beginWith({ XDG_STATE_HOME: join(at.directory, "Procfile") }, "up").ended
    assert.strictEqual(code, 1)
    assert.match(stderr, /^error: Its log .* cannot be written \(ENOTDIR/)
  })

  it("has colours when they are asked for, and none with NO_COLOR or without a terminal", async () => {
    const at = place({ Procfile: "a: echo one" })
    assert.include((await at.esv("run", "--color")).stdout, "\x1b[36ma  \x1b[39m")
    assert.notInclude((await at.esv("run")).stdout, "\x1b")
    assert.notInclude((await at.beginWith({ FORCE_COLOR: "1", NO_COLOR: "1" }, "run").ended).stdout, "\x1b")
    assert.notInclude((await at.beginWith({ FORCE_COLOR: "1" }, "run", "--no-color").ended).stdout, "\x1b")
  })

  it("as JSON it has a value a line", async () => {
    const { stdout } = await place({ Procfile: "a: echo one" }).esv("run", "--json")
    const values = stdout.trim().split("\n").map((line) => JSON.parse(line) as { path: string | null; text?: string })
    assert.isTrue(values.some(({ path, text }) => path === "a" && text === "one"))
  })

  it("stops its children when nobody reads what it says any more", async () => {
    const at = place({ Procfile: "web: while :; do echo tick; sleep 0.05; done" })
    const run = at.begin("run")
    await run.says(/tick/)
    const pid = await pidOf(at, "web")
    run.process.stdout.destroy()
    assert.strictEqual((await run.ended).code, 141)
    assert.isFalse(isAlive(pid))
  })

  it("stops its children also when nobody has ever read what it says", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    const run = at.begin("run")
    run.process.stdout.destroy()
    assert.strictEqual((await run.ended).code, 141)
    assert.deepStrictEqual(left(at), [])
  })

  it("tells all that is wrong with a configuration, and starts nothing", async () => {
    const at = place({
      "process-compose.yaml": "processes:\n  a:\n    command: x\n    depends_on: {b: {}}\n    is_tty: true\n"
    })
    const { code, stderr } = await at.esv("run")
    assert.strictEqual(code, 1)
    assert.match(stderr, /process-compose\.yaml:\d+: /)
    const check = await at.esv("config", "check")
    assert.strictEqual(check.code, 1)
    assert.match(check.stdout, /process-compose\.yaml:\d+: /)
  })

  it("ends after a signal also when its output is held by somebody who does not read", async () => {
    const at = place({ Procfile: `a: yes ${"a".repeat(40)} | head -200000; ${idle}` })
    const run = at.begin("run")
    run.process.stdout.pause()
    assert.strictEqual((await at.esv("wait", "--ready")).code, 0)
    run.process.kill("SIGTERM")
    // Its pipe closes when it ends, and what is in it is read only then.
    const [code] = await once(run.process, "exit")
    run.process.stdout.resume()
    assert.strictEqual(code, 143)
    assert.match((await run.ended).stderr, /Nobody has read for 10 seconds/)
  })

  it("refuses a second supervisor of the same name", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    const run = at.begin("run")
    await run.says(/all ready/)
    const second = await at.esv("run")
    assert.strictEqual(second.code, 1)
    assert.match(second.stdout, /answers at .* already/)
    assert.deepStrictEqual(await states(at), ["web running"])
  })

  it("is refused its name by one of another directory, also where all goes on whoever gives up", async () => {
    const at = place({ "process-compose.yaml": `processes: {a: {command: ${idle}}}` })
    const first = at.begin("run")
    await first.says(/all ready/)
    const elsewhere = join(at.directory, "shop")
    mkdirSync(elsewhere)
    writeFileSync(join(elsewhere, "process-compose.yaml"), `processes: {b: {command: ${idle}}}`)
    const second = await at.beginIn(elsewhere, "run").ended
    assert.strictEqual(second.code, 1)
    assert.match(second.stdout, /answers at .* already/)
    assert.deepStrictEqual(await states(at), ["a running"])
    assert.strictEqual((await at.beginIn(elsewhere, "up").ended).code, 1)
  })

  it("nothing of it lives a second after kill -9", async () => {
    const at = place({ Procfile: `web: sleep 1001 & sleep 1002\nshell: (trap "" TERM; sleep 1003) & ${idle}` })
    const run = at.begin("run")
    await run.says(/all ready/)
    assert.isAtLeast(left(at).length, 5)
    run.process.kill("SIGKILL")
    await run.ended
    await until(() => left(at).length === 0, "all of their processes are gone", 1000)
    assert.strictEqual((await at.esv("ps")).code, 3)
    const again = at.begin("run")
    await again.says(/all ready/)
    again.process.kill("SIGTERM")
    assert.strictEqual((await again.ended).code, 143)
  })
})

describe("in the background", () => {
  it("up waits until all is ready, start does the same, and shutdown ends it", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    const up = await at.esv("up")
    assert.strictEqual(up.code, 0, up.stderr)
    const [, pid] = up.stdout.match(/pid (\d+)/)!
    assert.match(up.stdout, /socket +\S+shop\.sock/)
    assert.deepStrictEqual(await states(at), ["web running"])
    assert.strictEqual((await at.esv("shutdown")).code, 0)
    assert.notInclude(left(at), pid)
    const started = await at.json<{ readonly name: string; readonly children: number }>("start")
    assert.strictEqual(started.name, "shop")
    assert.strictEqual(started.children, 1)
  })

  it("up, when it is up, says so and changes nothing", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    assert.strictEqual((await at.esv("up")).code, 0)
    const pid = await pidOf(at, "web")
    const again = await at.esv("up")
    assert.strictEqual(again.code, 0, again.stderr)
    assert.match(again.stdout, /^Supervisor "shop" is up already \(pid \d+\); "esv reload" takes up what has changed/)
    assert.strictEqual(await pidOf(at, "web"), pid)
  })

  it("where there is a configuration that is not up, no other is meant", async () => {
    const at = place({ "Procfile": `web: ${idle}`, "other.procfile": `web: ${idle}` })
    assert.strictEqual((await at.esv("up", "--name", "other")).code, 0)
    const elsewhere = join(at.directory, "elsewhere")
    mkdirSync(elsewhere)
    writeFileSync(join(elsewhere, "Procfile"), "web: sleep 1")
    const run = at.beginIn(elsewhere, "shutdown")
    const { code, stderr } = await run.ended
    assert.strictEqual(code, 3)
    assert.match(stderr, /elsewhere\/Procfile is not running.*--name other/)
  })

  it("what it has said is to be found when it has ended", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    assert.notInclude((await at.esv("ps")).stderr, "in the background is in")
    const { log, pid } = await at.json<{ readonly pid: number; readonly log: string }>("up")
    process.kill(pid, "SIGTERM")
    await until(() => !isAlive(pid), "it has ended")
    const { code, stderr } = await at.esv("ps")
    assert.strictEqual(code, 3)
    assert.include(stderr, ` What the last one said in the background is in ${log}.`)
  })

  it("says why it did not come up, with its last words", async () => {
    const at = place({ Procfile: "bad: echo no such table >&2; exit 4" })
    const { code, stderr } = await at.esv("up")
    assert.strictEqual(code, 1)
    assert.match(stderr, /did not come up/)
    assert.match(stderr, /bad gave up: .*exited with code 4.*no such table/)
  })

  it("says who gave up as soon as that is so, and goes on with the others", async () => {
    const at = place({
      "package.json": `{"type":"module"}`,
      "supervisor.config.ts": `export default { escalate: "never", children: {
        good: { command: ["sleep", "1000"] },
        bad: { command: "false", restart: "never", ready: { log: "never" } }
      } }`
    })
    const before = Date.now()
    const { code, stderr } = await at.esv("up")
    assert.strictEqual(code, 1)
    assert.isBelow(Date.now() - before, 20_000)
    assert.match(stderr, /^error: bad gave up: [\s\S]*The others go on in the background \(pid \d+\)/)
    assert.include(await states(at), "good running")
  })

  it("restarting what it shows by changes nothing for others", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    await at.esv("up")
    const events = at.begin("events", "--json")
    const client = { socket: join(at.environment["XDG_RUNTIME_DIR"]!, "effect-supervisor", "shop.sock") }
    await Effect.runPromise(
      Effect.scoped(Effect.flatMap(ControlClient.make(client), (client) => client.restart("(console)")))
    )
    await until(
      async () => {
        await at.esv("restart", "web")
        return events.stdout.includes("web")
      },
      "events go on",
      15_000
    )
    assert.isTrue(events.lines.every((line) => typeof JSON.parse(line) === "object"))
    assert.strictEqual((await at.esv("shutdown")).code, 0)
  })

  it("says who is not ready when the time is up, and goes on", async () => {
    const at = place({
      "process-compose.yaml": "processes:\n  slow:\n    command: sleep 1000\n    ready_log_line: never\n"
    })
    const { code, stderr } = await at.esv("up", "--timeout", "500ms")
    assert.strictEqual(code, 1)
    assert.match(stderr, /Not all is ready after 500ms/)
    await until(async () => /^slow +starting/m.test((await at.esv("ps")).stdout), "it goes on", 10_000)
  })

  it("is in a session of its own, with a log that is for its owner alone", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    const started = await at.json<{ readonly pid: number; readonly log: string }>("up")
    const session = readFileSync(`/proc/${started.pid}/stat`, "latin1").split(") ")[1]!.split(" ")[3]
    assert.strictEqual(Number(session), started.pid)
    assert.strictEqual(statSync(started.log).mode & 0o777, 0o600)
    assert.match(readFileSync(started.log, "utf8"), /all ready/)
  })
})

const several = {
  "process-compose.yaml": `
processes:
  db: {command: "echo db says hi; echo db is here; ${idle}"}
  web: {command: "echo web says hi; ${idle}", depends_on: {migrate: {condition: process_completed_successfully}}}
  migrate: {command: "echo migrating; test -e go || sleep 1000"}
  flaky: {command: "echo oops >&2; exit 3", availability: {restart: on_failure, backoff_seconds: 60}}
  spare: {command: "${idle}", disabled: true}
`
}

const steered = async (): Promise<Place> => {
  const at = place(several)
  const run = at.begin("run")
  await run.says(/db +\| db is here/)
  await until(async () => (await states(at)).includes("flaky backoff"), "flaky has failed")
  return at
}

describe("seeing", () => {
  it("ps shows states, pids, what is waited for and the next retry, and fits 80 columns", async () => {
    const at = await steered()
    const rows = await at.json<ReadonlyArray<Row>>("ps")
    assert.deepStrictEqual(rows.map(({ path, state }) => `${path} ${state}`), [
      "db running",
      "migrate running",
      "web starting",
      "flaky backoff"
    ])
    assert.deepStrictEqual(rows[2]!.waitsFor, ["migrate to have ended well (it is running)"])
    const { stdout } = await at.beginWith({ COLUMNS: "80" }, "ps").ended
    const lines = stdout.trimEnd().split("\n")
    assert.isTrue(lines.every((line) => line.length <= 80), stdout)
    assert.match(lines[0]!, /^NAME +STATE +PID +UPTIME +RESTARTS/)
    assert.match(stdout, /flaky +backoff .*restart 1 in \d+s: /)
    assert.match((await at.esv("ps", "d*")).stdout, /^NAME.*\ndb .*\n$/)
  })

  it("tree shows who stands under whom", async () => {
    const at = await steered()
    const { stdout } = await at.esv("tree")
    assert.match(stdout, /^shop starting, one-for-one\n├─ db running pid \d+\n/)
    assert.match(stdout, /├─ web starting: waits for migrate to have ended well/)
    assert.strictEqual((await at.json<{ readonly name: string }>("tree")).name, "shop")
  })

  it("why tells the last exits, the decision, the next retry and what is waited for", async () => {
    const at = await steered()
    const flaky = await at.esv("why", "flaky")
    assert.match(flaky.stdout, /^flaky waits for its restart: attempt 1 in \d+s/)
    assert.match(flaky.stdout, /run 1 exited with code 3 after .*; it was restarted/)
    assert.match(flaky.stdout, /It said: oops/)
    assert.match(flaky.stdout, /esv restart flaky/)
    const web = await at.esv("why", "web")
    assert.match(web.stdout, /Waits for\n {2}migrate to have ended well \(it is running\)/)
    const [details] = await at.json<ReadonlyArray<{ readonly waitsFor: ReadonlyArray<string> }>>("why", "web")
    assert.deepStrictEqual(details!.waitsFor, ["migrate to have ended well (it is running)"])
  })

  it("logs shows one child plainly and several with their names", async () => {
    const at = await steered()
    assert.strictEqual((await at.esv("logs", "db")).stdout, "db says hi\ndb is here\n")
    const all = await at.esv("logs")
    assert.match(all.stdout, /^db +\| db is here$/m)
    assert.match(all.stdout, /^flaky +! oops$/m)
    assert.strictEqual((await at.esv("logs", "--tail", "1", "db")).stdout, "db is here\n")
    assert.strictEqual((await at.esv("logs", "--grep", "^db s", "db")).stdout, "db says hi\n")
    assert.strictEqual((await at.esv("logs", "--since", "2001-01-01", "--grep", "hi", "d*")).stdout, "db says hi\n")
    assert.strictEqual((await at.esv("logs", "--since", "0s", "db")).stdout, "")
    const line = await at.json<{ readonly path: string; readonly text: string; readonly stream: string }>(
      "logs",
      "flaky"
    )
    assert.deepStrictEqual([line.path, line.text, line.stream], ["flaky", "oops", "stderr"])
  })

  it("logs follows what comes, also of children that are started later, and ends with the supervisor", async () => {
    const at = await steered()
    const follow = at.begin("logs", "-f")
    await follow.says(/^db +\| db is here$/m)
    await at.esv("restart", "db")
    await follow.says(/db says hi[\s\S]*db says hi/)
    at.write({ go: "" })
    await at.esv("restart", "migrate")
    await follow.says(/^web +\| web says hi$/m)
    await at.esv("shutdown")
    assert.strictEqual((await follow.ended).code, 0)
  })

  it("logs of a supervisor that does not run any more are those that it has left", async () => {
    const at = await steered()
    await at.esv("shutdown")
    const one = await at.esv("logs", "db")
    assert.deepStrictEqual([one.stdout, one.code], ["db says hi\ndb is here\n", 0])
    assert.match(one.stderr, /^The supervisor "shop" of .* is not running: this is what it has left\.\n$/)
    assert.match((await at.esv("logs")).stdout, /^db +\| db is here$/m)
    assert.strictEqual((await at.esv("logs", "--tail", "1", "db")).stdout, "db is here\n")
    assert.strictEqual((await at.esv("logs", "--since", "2001-01-01", "--grep", "hi", "d*")).stdout, "db says hi\n")
    assert.strictEqual((await at.json<{ readonly text: string }>("logs", "--grep", "oops", "flaky")).text, "oops")
    const nobody = await at.esv("logs", "nobody")
    assert.strictEqual(nobody.code, 1)
    assert.match(nobody.stderr, /Nothing is left of nobody\. There is something of db, /)
    const follow = await at.esv("logs", "-f", "db")
    assert.strictEqual(follow.code, 3)
    assert.match(follow.stderr, /is not running|No supervisor is running/)
    // Reading has changed nothing: the next run goes on with what is there.
    assert.strictEqual((await at.esv("logs", "db")).stdout, one.stdout)
  })

  it("logs where nothing ever ran says that nobody runs", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    const { code, stderr } = await at.esv("logs")
    assert.strictEqual(code, 3)
    assert.match(stderr, /[Ii]s (not )?running/)
  })

  it("ends quietly when its reader has enough", async () => {
    const at = place({ Procfile: `web: seq 1 100000; ${idle}` })
    const run = at.begin("run")
    await run.says(/100000/)
    const logs = at.begin("logs", "--tail", "100000")
    await logs.says(/\n/)
    logs.process.stdout.destroy()
    const { code, stderr } = await logs.ended
    assert.strictEqual(stderr, "")
    assert.strictEqual(code, 0)
  })

  it("events tells what happens", async () => {
    const at = await steered()
    const events = at.begin("events")
    const json = at.begin("events", "--json")
    // They may not listen yet.
    const isTold = async () => {
      await at.esv("restart", "db")
      return [events, json].every(({ stdout }) => stdout.includes("db"))
    }
    await until(isTold, "both are told", 15_000)
    // They may have come in the middle of one.
    await at.esv("restart", "db")
    await events.says(/db {2}stopping[\s\S]*db {2}running/)
    await json.says(/"path":"db".*"Running"/)
    assert.isTrue(json.lines.every((line) => typeof JSON.parse(line) === "object"))
  })

  it("wait ends when all is ready, or a child has ended, and fails when that cannot be or the time is up", async () => {
    const at = await steered()
    const early = await at.esv("wait", "--ready", "--timeout", "300ms")
    assert.strictEqual(early.code, 1)
    assert.match(early.stderr, /The time is up: \S+ is (backoff|starting)/)
    assert.strictEqual((await at.esv("wait", "--ready", "db")).code, 0)
    const ended = at.begin("wait", "--exit", "migrate")
    const ready = at.begin("wait", "web")
    at.write({ go: "" })
    await at.esv("restart", "migrate")
    assert.strictEqual((await ended.ended).code, 0)
    assert.strictEqual((await ready.ended).code, 0)
    await at.esv("stop", "db")
    const never = await at.esv("wait", "--ready", "db")
    assert.strictEqual(never.code, 1)
    assert.match(never.stderr, /db is stopped. See "esv why db"/)
  })

  it("wait waits for a supervisor that is not there yet", async () => {
    const at = place({ Procfile: `web: ${idle}` })
    const wait = at.begin("wait", "--ready", "web")
    await until(() => wait.process.pid !== undefined, "it waits")
    at.begin("run")
    assert.strictEqual((await wait.ended).code, 0)
  })
})

describe("steering", () => {
  it("stop, start, restart, hold and release do what they say, and say what they did", async () => {
    const at = await steered()
    const before = await pidOf(at, "db")
    assert.strictEqual((await at.esv("stop", "db")).stdout, "db stopped\n")
    assert.isFalse(isAlive(before))
    assert.strictEqual((await at.esv("stop", "db")).stdout, "db is stopped already\n")
    assert.strictEqual((await at.esv("start", "db")).stdout, "db started\n")
    assert.strictEqual((await at.esv("restart", "d*")).stdout, "db restarted\n")
    assert.match((await at.esv("hold", "db")).stdout, /^db held/)
    const held = await at.esv("start", "db")
    assert.deepStrictEqual([held.stdout, held.code], [`db is held: it stays down until "esv release db"\n`, 1])
    assert.strictEqual((await at.esv("start", "{db,flaky}")).code, 0)
    assert.match((await at.esv("release", "db")).stdout, /^db released/)
    assert.strictEqual((await at.esv("start", "db")).stdout, "db is up already\n")
    assert.deepStrictEqual(await at.json("stop", "db"), [{ path: "db", outcome: "done" }])
    assert.deepStrictEqual(await at.json("stop", "db"), [{ path: "db", outcome: "noop", why: "is stopped already" }])
  })

  it("who waits for long is told for whom, and may leave", async () => {
    const at = place({
      "package.json": `{"type":"module"}`,
      "supervisor.config.js": `export default { children: {
        slow: { command: ["sleep", "600"], ready: { log: "never", timeout: "10 minutes" }, disabled: true },
        quick: { command: ["sleep", "600"] }
      } }`
    })
    await at.begin("run").says(/all ready/)
    const start = at.begin("start", "slow", "quick")
    await until(() => start.stderr !== "", "it says something")
    assert.strictEqual(
      start.stderr,
      `Waiting: slow is not ready yet ("esv why slow"). Ctrl-C ends the waiting, and not the start.\n`
    )
    start.process.kill("SIGINT")
    await start.ended
    assert.include(await states(at), "slow starting")
  })

  it("'*' is all children of the user, and the supervisor goes on", async () => {
    const at = await steered()
    assert.strictEqual((await at.esv("stop", "*")).code, 0)
    assert.isTrue((await states(at)).every((line) => line.endsWith("stopped")), String(await states(at)))
    for (const target of ["(control)", "(*", "[(]signals*"]) {
      assert.match((await at.esv("stop", target)).stderr, /There is no child/)
    }
    assert.strictEqual((await at.esv("start", "{db,flaky}")).code, 0)
  })

  it("a namespace is all of its children", async () => {
    const at = place({
      "process-compose.yaml": `processes:
  a: {command: "${idle}", namespace: front}
  b: {command: "${idle}", namespace: front}
  c: {command: "${idle}", namespace: back}
`
    })
    await at.begin("run").says(/all ready/)
    assert.strictEqual((await at.esv("stop", "front")).code, 0)
    assert.deepStrictEqual(await states(at), ["a stopped", "b stopped", "c running"])
    assert.strictEqual((await at.esv("stop", "nowhere")).code, 1)
  })

  it("processes of a Procfile get ports where that is asked for, and none gets the token", async () => {
    const at = place({
      Procfile: "web: echo port=$PORT token=$EFFECT_SUPERVISOR_TOKEN.; sleep 0.2\napi: echo port=$PORT; sleep 1"
    })
    const run = at.beginWith({ EFFECT_SUPERVISOR_TOKEN: "0123456789abcdef0123456789abcdef" }, "run", "--port", "6000")
    const { stdout } = await run.ended
    assert.match(stdout, /^web \| port=6000 token=\.$/m)
    assert.match(stdout, /^api \| port=6100$/m)
  })

  it("signal reaches the process", async () => {
    const at = place({ Procfile: "web: trap 'echo got it' USR1; echo up; while :; do sleep 0.05; done" })
    const run = at.begin("run")
    await run.says(/\| up/)
    assert.strictEqual((await at.esv("signal", "usr1", "web")).stdout, "web signalled\n")
    await run.says(/\| got it/)
    assert.strictEqual((await at.esv("signal", "nonsense", "web")).code, 1)
  })

  it("a disabled child is started by hand", async () => {
    const at = await steered()
    assert.strictEqual((await at.esv("start", "spare")).stdout, "spare started\n")
    assert.include(await states(at), "spare running")
  })

  it("reload touches only what has changed, by command and by SIGHUP", async () => {
    const at = place({ Procfile: `a: ${idle}\nb: ${idle}` })
    const run = at.begin("run")
    await run.says(/all ready/)
    const a = await pidOf(at, "a")
    const b = await pidOf(at, "b")
    at.write({ Procfile: `a: ${idle}\nb: exec sleep 2000\nc: ${idle}` })
    const { stdout } = await at.esv("reload")
    assert.match(stdout, /c is new and started\nb has changed and is restarted\n1 not touched/)
    assert.strictEqual(await pidOf(at, "a"), a)
    await until(async () => (await states(at)).includes("b running") && await pidOf(at, "b") !== b, "b is another one")
    at.write({ Procfile: `a: ${idle}` })
    run.process.kill("SIGHUP")
    await run.says(/configuration read again: gone: .*/)
    assert.deepStrictEqual(await states(at), ["a running"])
    assert.strictEqual(await pidOf(at, "a"), a)
    at.write({ Procfile: "what is this" })
    const bad = await at.esv("reload")
    assert.strictEqual(bad.code, 1)
    assert.match(bad.stderr, /nothing was changed.*Procfile/s)
    const start = await at.esv("start", "b")
    assert.strictEqual(start.code, 1)
    assert.match(start.stderr, /Procfile/)
    assert.notMatch(start.stderr, /There is no child/)
    assert.deepStrictEqual(await states(at), ["a running"])
  })
})

describe("which supervisor", () => {
  it("none: exit code 3, and what to do", async () => {
    const at = place({})
    for (const args of [["ps"], ["logs"], ["stop", "x"], ["shutdown"]]) {
      const { code, stderr } = await at.esv(...args)
      assert.strictEqual(code, 3)
      assert.match(stderr, /esv run/)
    }
    const error = JSON.parse((await at.esv("ps", "--json")).stderr) as { readonly error: { readonly tag: string } }
    assert.strictEqual(error.error.tag, "NoneFound")
  })

  it("the one of this directory, else by name, socket or environment; several elsewhere are told by name", async () => {
    const at = place({ Procfile: `web: ${idle}`, "other.procfile": `mail: ${idle}` })
    const socket = join(at.environment["XDG_RUNTIME_DIR"]!, "effect-supervisor", "mine.sock")
    assert.strictEqual((await at.esv("up")).code, 0)
    assert.strictEqual((await at.esv("up", "other.procfile", "--name", "post", "--socket", socket)).code, 0)
    const both = await at.esv("ps")
    assert.strictEqual(both.code, 3)
    assert.match(both.stderr, /--name shop or --name post|--name post or --name shop/)
    const names = async (...args: ReadonlyArray<string>) => (await at.json<ReadonlyArray<Row>>("ps", ...args))[0]!.path
    assert.strictEqual(await names("--name", "shop"), "web")
    assert.strictEqual(await names("-n", "post"), "mail")
    assert.strictEqual(await names("--socket", socket), "mail")
    const byEnvironment = await at.beginWith({ EFFECT_SUPERVISOR_SOCKET: socket }, "ps").ended
    assert.match(byEnvironment.stdout, /^mail/m)
    assert.strictEqual((await at.esv("shutdown", "-n", "post")).code, 0)
    assert.strictEqual(await names(), "web")
  })
})

describe("being understood", () => {
  it("what is wrong is said on stderr with exit code 2, and where to look", async () => {
    const at = place({})
    for (
      const args of [["psx"], ["ps", "--nope"], ["why"], ["stop"], ["logs", "--since", "soon"], [
        "wait",
        "--timeout",
        "x"
      ]]
    ) {
      const { code, stderr, stdout } = await at.esv(...args)
      assert.strictEqual(code, 2, `${args.join(" ")}: ${stderr}`)
      assert.strictEqual(stdout, "")
      assert.notStrictEqual(stderr, "")
    }
  })

  it("has help, a version and completions for three shells", async () => {
    const at = place({})
    assert.match((await at.esv("--help")).stdout, /Bring up and down/)
    assert.match((await at.esv("logs", "--help")).stdout, /--since/)
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }
    assert.strictEqual((await at.esv("--version")).stdout, `esv ${version}\n`)
    for (const shell of ["bash", "zsh", "fish"]) {
      assert.match((await at.esv("--completions", shell)).stdout, /esv/)
    }
  })
})

describe("the package", () => {
  it("works from its tarball: text by itself, code with the effect beside it, or it says what is missing", async () => {
    const home = mkdtempSync(join(tmpdir(), "esv-pack-"))
    try {
      const packed = join(home, "packed")
      const project = join(home, "project")
      const modules = join(project, "node_modules")
      mkdirSync(packed)
      mkdirSync(join(modules, "@effect"), { recursive: true })
      execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", packed], { cwd: root })
      execFileSync("tar", ["xzf", join(packed, readdirSync(packed)[0]!), "-C", packed])
      execFileSync("mv", [join(packed, "package"), join(modules, "effect-supervisor")])
      writeFileSync(join(project, "Procfile"), "a: echo packed")
      const bin = join(modules, "effect-supervisor", "dist", "cli", "main.js")
      const env = { PATH: process.env["PATH"]!, XDG_RUNTIME_DIR: home, XDG_STATE_HOME: home, HOME: home }
      const esv = (...args: ReadonlyArray<string>): string => {
        try {
          return execFileSync(process.execPath, [bin, ...args], { cwd: project, env, encoding: "utf8", stdio: "pipe" })
        } catch (error) {
          return (error as { readonly stderr: string }).stderr
        }
      }
      assert.match(esv("--version"), /0\./)
      assert.match(esv("run"), /^a +\| packed$/m)
      writeFileSync(
        join(project, "supervisor.config.mjs"),
        `import { defineConfig } from "effect-supervisor/cli/config/Config"
export default defineConfig({ name: "coded", children: { b: { command: "echo coded", restart: "never" } } })`
      )
      assert.match(esv("run"), /npm install effect @effect\/platform-node/)
      for (const name of ["effect", "@effect/platform-node", "yaml", "@msgpack"]) {
        symlinkSync(join(root, "node_modules", name), join(modules, name))
      }
      assert.match(esv("run"), /^b +\| coded$/m)
    } finally {
      removeFolder(home)
    }
  })
})
