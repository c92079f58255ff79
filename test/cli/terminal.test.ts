import { afterEach, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { build, root } from "../fixtures/build.ts"
import { Place, until } from "./support.ts"

let places: Array<Place> = []

// Each is some processes one after the other, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 60_000 })

beforeAll(build, 120_000)
afterEach(async () => {
  await Promise.all(places.map((place) => place.close()))
  places = []
})

/** `esv run` in a terminal of 80 columns. */
const inTerminal = (files: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) => {
  const at = new Place(files)
  places.push(at)
  const program = [process.execPath, join(root, "dist", "cli", "main.js"), "run", ...args]
  const child = spawn("python3", [join(root, "test", "fixtures", "top", "terminal.py"), "80", "24", ...program], {
    cwd: at.directory,
    env: { ...at.environment, TERM: "xterm-256color" }
  })
  const screen = { text: "", told: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => screen.text += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => screen.told += text)
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()))
  return {
    at,
    screen,
    press: (keys: string) => child.stdin.write(`${JSON.stringify({ keys })}\n`),
    end: async (): Promise<unknown> => {
      await ended
      return JSON.parse(screen.told)
    }
  }
}

/** What is seen at last: without colours, and of each line what was written last. */
const seen = (text: string): ReadonlyArray<string> =>
  text
    // oxlint-disable-next-line no-control-regex -- this is what a terminal does
    .replaceAll(/\x1b\[[\d;]*m/g, "")
    .split("\r\n")
    .map((line) => line.split("\r\x1b[2K").at(-1)!)

describe("run in a terminal", () => {
  it("has a line at the bottom that tells how all is, and what it waits for after Ctrl-C", async () => {
    const { end, press, screen } = inTerminal({
      Procfile: "web: trap '' TERM; echo up; while :; do sleep 0.1; done"
    })
    await until(() => /web \| up/.test(seen(screen.text).join("\n")), "it is up", 10_000)
    await until(() => seen(screen.text).at(-1) === "shop · 1 running · Ctrl-C: stop", "the line tells what runs")
    press("\x03")
    await until(
      () => /^shop · stopping · waiting for web \(pid \d+, killed in \ds\)/.test(seen(screen.text).at(-1)!),
      "the line tells what is waited for"
    )
    assert.isTrue(seen(screen.text).every((line) => line.length <= 80))
    press("\x03")
    assert.deepStrictEqual(await end(), { code: 130, isAsBefore: true })
    assert.strictEqual(seen(screen.text).at(-1), "", "the line at the bottom is gone at the end")
  })

  it("has colours there, and none of it where it is not wanted", async () => {
    const coloured = inTerminal({ Procfile: "web: echo up" })
    assert.deepStrictEqual(await coloured.end(), { code: 0, isAsBefore: true })
    assert.include(coloured.screen.text, "\x1b[36mweb\x1b[39m")
    const plain = inTerminal({ Procfile: "web: echo up" }, "--no-color", "--no-status")
    await plain.end()
    assert.notInclude(plain.screen.text, "\x1b")
  })
})
