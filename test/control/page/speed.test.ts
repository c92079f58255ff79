/** How fast the page is, and that it stays so: figures from a real browser. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Random, Schedule } from "effect"
import { ProcessManager, RestartPolicy, Runnable } from "effect-supervisor"
import { Command, Job } from "effect-supervisor/process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import type { Browser, Page } from "playwright-core"
import { build, launch, open, type Opened, row, serve, type Served, until } from "./support.ts"

/** Breaks again and again: some four hundred changes a second from a thousand of them. */
const restless = (name: string) =>
  Runnable.make(
    name,
    Effect.gen(function*() {
      yield* Effect.sleep(yield* Random.nextIntBetween(2000, 8000))
      return yield* Effect.fail("restless")
    }),
    { restart: RestartPolicy.onFailure(Schedule.spaced("1 second")) }
  )

const fleet = Array.from({ length: 20 }, (_, group) =>
  ProcessManager.make(
    `group-${group}`,
    Array.from({ length: 50 }, (_, index) => restless(`worker-${index}`)),
    { escalate: "never" }
  ))

/** Ten thousand lines a second, as one program writes them. */
const flood = `
  let n = 0
  setInterval(() => { let s = ""; for (let i = 0; i < 200; i++) s += "\\x1b[32mline\\x1b[0m " + n++ + " of a flood that does not end\\n"; process.stdout.write(s) }, 20)`

let browser: Browser
let assets: Awaited<ReturnType<typeof build>>
let served: Served

beforeAll(async () => {
  browser = await launch()
  assets = await build()
  served = await serve(assets.assets, [
    ...fleet,
    Job.runnable("flood", Command.make(process.execPath, ["-e", flood]), { restart: RestartPolicy.supervised })
  ])
}, 30_000)

afterAll(async () => {
  await browser?.close()
  await served?.close()
  assets?.remove()
}, 20_000)

interface Frames {
  readonly count: number
  readonly median: number
  readonly p99: number
  readonly worst: number
  /** Milliseconds that the main thread was busy for more than 50 at a time. */
  readonly long: ReadonlyArray<number>
  readonly shift: number
}

/** Looks at frames, long tasks and layout shifts for a while. */
const watch = (page: Page, millis: number): Promise<Frames> =>
  page.evaluate(async (millis) => {
    const long: Array<number> = []
    let shift = 0
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.entryType === "longtask") long.push(Math.round(entry.duration))
        else shift += (entry as PerformanceEntry & { readonly value: number }).value
      }
    })
    observer.observe({ type: "longtask" })
    observer.observe({ type: "layout-shift" })
    const gaps: Array<number> = []
    let before = performance.now()
    const end = before + millis
    while (before < end) {
      const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve))
      gaps.push(now - before)
      before = now
    }
    observer.disconnect()
    gaps.shift()
    const sorted = gaps.toSorted((a, b) => a - b)
    return {
      count: sorted.length,
      median: sorted[Math.floor(sorted.length / 2)]!,
      p99: sorted[Math.floor(sorted.length * 0.99)]!,
      worst: sorted.at(-1)!,
      long,
      shift
    }
  }, millis)

const heap = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const { gc, performance } = globalThis as typeof globalThis & {
      readonly gc?: () => void
      readonly performance: { readonly memory: { readonly usedJSHeapSize: number } }
    }
    gc?.()
    return performance.memory.usedJSHeapSize
  })

const report = (what: string, figures: unknown): void => {
  if (process.env["FIGURES"] !== undefined) console.log(what, JSON.stringify(figures))
}

/** The machine that runs the tests may be busy with something else: what is asked of it is loose, what is reported is not. */
const check = (what: string, frames: Frames): void => {
  report(what, frames)
  assert.isAbove(frames.count, 60, `${what}: too few frames`)
  assert.isBelow(frames.median, 51, `${what}: the usual frame`)
  assert.isBelow(frames.p99, 500, `${what}: nearly every frame`)
  assert.isBelow(frames.shift, 0.0005, `${what}: something has moved`)
}

describe("The page's speed", () => {
  it("all of its files together are under 100 kB, compressed", () => {
    const sizes = readdirSync(assets.assets).map((file) =>
      [
        file,
        gzipSync(readFileSync(join(assets.assets, file)), { level: 9 }).length
      ] as const
    )
    report("assets", sizes)
    assert.isBelow(sizes.reduce((sum, [, size]) => sum + size, 0), 100_000)
  })

  it("the first paint comes within 300 ms, with a thousand children, and nothing moves after it", async () => {
    const times: Array<number> = []
    let shift = 0
    for (let index = 0; index < 5; index++) {
      const { close, faults, page } = await open(browser, served)
      times.push(
        await page.evaluate(() =>
          performance.getEntriesByName("first-contentful-paint")[0]?.startTime ??
            Promise.reject(new Error("nothing was painted"))
        )
      )
      shift = Math.max(
        shift,
        await page.evaluate(() =>
          new Promise<number>((resolve) => {
            let sum = 0
            const add = (entries: ReadonlyArray<PerformanceEntry>) => {
              for (const entry of entries) sum += (entry as PerformanceEntry & { readonly value: number }).value
            }
            const observer = new PerformanceObserver((list) => add(list.getEntries()))
            observer.observe({ type: "layout-shift", buffered: true })
            setTimeout(() => resolve((add(observer.takeRecords()), sum)), 600)
          })
        )
      )
      assert.deepStrictEqual(faults, [])
      await close()
    }
    report("first paint", { times: times.map(Math.round), shift })
    // The best of them: what the page takes, and not what else the machine is doing.
    assert.isBelow(Math.min(...times), 300)
    assert.isBelow(shift, 0.0005)
  }, 20_000)

  describe("while a thousand children break and come back", () => {
    let opened: Opened
    beforeAll(async () => {
      opened = await open(browser, served)
    })
    afterAll(() => opened.close())

    it("frames come in time, and only what is in sight is there", async () => {
      const { page } = opened
      await page.waitForTimeout(1000)
      check("1000 children", await watch(page, 4000))
      assert.isBelow(await page.locator(".tree .row").count(), 60)
      assert.match((await page.locator(".counts").innerText()).replaceAll(/\s+/g, " "), /backing off/)
    }, 20_000)

    it("the whole tree is reached with keys", async () => {
      const { page } = opened
      await row(page, "").click()
      const before = Date.now()
      await page.keyboard.press("End")
      await until("the last", () => page.evaluate(() => document.activeElement?.getAttribute("data-path") === "flood"))
      report("Home to End", { millis: Date.now() - before })
    }, 20_000)

    it("ten thousand lines a second leave frames and memory as they are", async () => {
      const { faults, page } = opened
      await row(page, "flood").click()
      await until("lines", async () => await page.locator(".lines .line").count() > 10)
      await page.waitForTimeout(1000)
      const last = async () =>
        Number(
          (await page.locator(".lines").innerText()).match(/line\s+(\d+) of a flood(?![\s\S]*of a flood)/)?.[1] ?? 0
        )
      const [first, heapBefore, began] = [await last(), await heap(page), Date.now()]
      check("10 000 lines a second", await watch(page, 5000))
      const rate = (await last() - first) / (Date.now() - began) * 1000
      const heapAfter = await heap(page)
      report("flood", { rate: Math.round(rate), heapBefore, heapAfter })
      assert.isAbove(rate, 5000, "lines arrive as fast as they are written")
      assert.isBelow(heapAfter - heapBefore, 15e6, "memory does not grow with what has passed")
      assert.isBelow(await page.locator(".lines .line").count(), 80)
      assert.deepStrictEqual(faults, [])
    }, 20_000)

    it("memory is bounded too while somebody reads further up", async () => {
      const { page } = opened
      await page.evaluate(() => document.querySelector(".lines")!.scrollBy(0, -2000))
      await until("unread", async () => await page.locator(".unread").count() === 1)
      const before = await page.locator(".lines .line").first().innerText()
      await until(
        "there is no place any more",
        async () => (await page.locator(".unread").innerText()).includes("too many")
      )
      assert.strictEqual(await page.locator(".lines .line").first().innerText(), before)
      await page.locator(".unread").click()
      await until("it follows", async () => (await page.locator(".follow").innerText()) === "Following")
      await until("lines", async () => await page.locator(".lines .line").count() > 10)
    }, 20_000)
  })
})
