/** The page in a real browser, against the real server and real processes. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, Schedule, Scope, Stream } from "effect"
import { ProcessManager, RestartPolicy, Runnable } from "effect-supervisor"
import type { ClusterSchema } from "effect-supervisor/control"
import { Command, Job } from "effect-supervisor/process"
import type { Browser, Page } from "playwright-core"
import { announce } from "../../../src/control/internal/clusters.ts"
import { build, freePort, launch, open, type Opened, row, serve, type Served, textOf, until } from "./support.ts"

const hostile =
  `\\033[31mred\\033[0m \\033]0;owned\\007\\033[2J<script>document.title = "owned"</script><img src=x onerror=alert(1)>`

const stubborn = `trap "" TERM; echo ready; while :; do sleep 0.2; done`

const talker = `
  printf '${hostile}\\n'
  i=0; while [ $i -lt 300 ]; do echo "line $i of many"; i=$((i+1)); done
  echo "something broke" >&2
  printf 'long %0800d end of it\\n' 7
  while :; do sleep 0.1; i=$((i+1)); echo "tick $i"; done`

/** Turned by the tests. */
let isWell = true

const watched = Runnable.make("watched", Effect.never, {
  health: {
    check: Effect.suspend(() => isWell ? Effect.void : Effect.fail("not well")),
    interval: "100 millis",
    failures: 1000
  }
})

const children = () => [
  watched,
  ProcessManager.make("web", [
    Job.runnable("talker", Command.shell(talker), { restart: RestartPolicy.supervised }),
    Job.runnable("stubborn", Command.shell(stubborn), { grace: "2 seconds", restart: RestartPolicy.supervised })
  ], { strategy: "rest-for-one" }),
  ProcessManager.make("jobs", [
    Runnable.make("flaky", Effect.andThen(Effect.sleep("300 millis"), Effect.fail("out of luck")), {
      restart: RestartPolicy.onFailure(Schedule.spaced("20 seconds"))
    }),
    Runnable.make("lost", Effect.fail("nothing to do"))
  ], { escalate: "never", autoCleanup: false }),
  Runnable.idle("<img src=x onerror=alert(1)>")
]

let browser: Browser
let assets: Awaited<ReturnType<typeof build>>
let served: Served
let opened: Opened
let page: Page

beforeAll(async () => {
  browser = await launch()
  assets = await build()
  served = await serve(assets.assets, children(), { port: await freePort() })
  opened = await open(browser, served)
  page = opened.page
  await row(page, "web/talker").waitFor()
}, 30_000)

afterAll(async () => {
  await browser?.close()
  await served?.close()
  assets?.remove()
}, 20_000)

const state = (path: string) => textOf(page, `.tree [data-path="${path}"] .status`)
const has = async (selector: string, text: string | RegExp) => {
  const found = page.locator(selector)
  if (await found.count() === 0) return false
  const all = (await found.first().innerText()).replaceAll(/\s+/g, " ")
  return typeof text === "string" ? all.includes(text) : text.test(all)
}
const focused = () =>
  page.evaluate(() => document.activeElement?.getAttribute("data-path") ?? document.activeElement?.id ?? "")

/** Of names and roles. */
const problems = (page: Page): Promise<ReadonlyArray<string>> =>
  page.evaluate(() => {
    const found: Array<string> = []
    for (
      const element of document.querySelectorAll("button, input, select, [role=dialog], [role=treegrid], [role=log]")
    ) {
      const label = element.getAttribute("aria-label") ?? element.textContent.trim()
      const labelled = element.closest("label")?.textContent.trim()
      if (label === "" && !labelled) found.push(`no name: ${element.outerHTML.slice(0, 80)}`)
    }
    for (const cell of document.querySelectorAll("[role$=cell], [role$=header]")) {
      if (cell.parentElement?.getAttribute("role") !== "row") found.push("a cell outside of a row")
    }
    for (const row of document.querySelectorAll("[role=row]")) {
      if (row.closest("[role=treegrid], [role=table]") === null) found.push("a row outside of the grid")
    }
    const ids = Array.from(document.querySelectorAll("[id]"), ({ id }) => id)
    if (new Set(ids).size !== ids.length) found.push("an id is there twice")
    if (document.documentElement.lang === "") found.push("no language")
    return found
  })

/** Texts that do not stand out from their ground. */
const tooFaint = (page: Page): Promise<ReadonlyArray<string>> =>
  page.evaluate(() => {
    const channel = (c: number) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
    const parse = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number)
    const luminance = ([r, g, b]: Array<number>) => 0.2126 * channel(r!) + 0.7152 * channel(g!) + 0.0722 * channel(b!)
    const ground = (element: Element | null): Array<number> => {
      for (; element !== null; element = element.parentElement) {
        const color = parse(getComputedStyle(element).backgroundColor)
        if (color.length === 3 || color[3] === 1) return color
      }
      return [255, 255, 255]
    }
    const found = new Set<string>()
    for (const element of document.querySelectorAll("body *")) {
      const own = Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.textContent!.trim() !== "")
      if (!own || element.closest(":disabled, svg") !== null || element.getClientRects().length === 0) continue
      const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(ground(element))]
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
      if (contrast < 4.5) found.add(`${element.className || element.tagName} ${contrast.toFixed(2)}`)
    }
    return Array.from(found)
  })

describe("The page", () => {
  it("shows the tree: every child with its state in words, and where it stands", async () => {
    await until("flaky waits", async () => (await state("jobs/flaky")).startsWith("backing off in"))
    assert.strictEqual(await state("jobs/lost"), "gave up")
    assert.match(await state("web/talker"), /^running/)
    assert.strictEqual(await row(page, "web").getAttribute("aria-level"), "2")
    assert.strictEqual(await row(page, "web/talker").getAttribute("aria-level"), "3")
    assert.strictEqual(await row(page, "web").getAttribute("aria-expanded"), "true")
    assert.match(await textOf(page, `[data-path="web"] .name`), /web rest-for-one/)
    await until("the counts", () => has(".counts", "1 down"))
    await until("usage", () => has(`[data-path="web/talker"] .memory`, "B"))
    assert.strictEqual(await textOf(page, `[data-path="web/talker"] .kind`), "job")
  })

  it("shows what happens while it happens", async () => {
    await served.run(served.handle.stop("<img src=x onerror=alert(1)>"))
    await until("it is stopped", async () => await state("<img src=x onerror=alert(1)>") === "stopped")
    await served.run(served.handle.start("<img src=x onerror=alert(1)>"))
    await until("it is running", async () => await state("<img src=x onerror=alert(1)>") === "running")
    await until("the timeline says so", () => has(".aside", "is stopped"))
    await served.run(served.handle.add(Runnable.idle("late")))
    await row(page, "late").waitFor()
    await served.run(served.handle.remove("late"))
    await row(page, "late").waitFor({ state: "detached" })
  })

  it("shows who is not well, and who is well again", async () => {
    isWell = false
    await until("it is unhealthy", () => has(`[data-path="watched"] .health`, "unhealthy"))
    isWell = true
    await until("it is healthy", () => has(`[data-path="watched"] .health`, /^healthy/))
    await until("the timeline says so", () => has(".aside", /failed its health check/))
  })

  it("logs follow, in colours, and nothing in them is obeyed", async () => {
    await row(page, "web/talker").click()
    await until("the tail", () => has(".lines", "tick"))
    const count = async () => Number((await textOf(page, ".lines")).match(/tick (\d+)(?!.*tick)/)?.[1] ?? 0)
    const before = await count()
    await until("it follows", async () => await count() > before)
    await page.locator(".lines").focus()
    await page.keyboard.press("Home")
    await page.evaluate(() => document.querySelector(".lines")!.scrollTo(0, 0))
    await until("the beginning", () => has(".lines", "<script>"))
    assert.strictEqual(await page.locator(".lines script, .lines img, .tree img").count(), 0)
    assert.strictEqual(await textOf(page, ".lines .c1"), "red")
    assert.notInclude(await textOf(page, ".lines"), "\u001b")
    assert.notInclude(await textOf(page, ".lines"), "owned\u0007")
    assert.notStrictEqual(await page.title(), "owned")
    assert.strictEqual(
      await textOf(page, `[data-path="<img src=x onerror=alert(1)>"] .label`),
      "<img src=x onerror=alert(1)>"
    )
  })

  it("somebody who reads further up is left alone, and told how much has come", async () => {
    const place = () => page.evaluate(() => document.querySelector(".lines")!.scrollTop)
    const before = await place()
    await until("unread lines", () => has(".unread", /[2-9] new lines/))
    assert.strictEqual(await place(), before)
    await page.locator(".unread").click()
    await until("it follows again", () => has(".follow", "Following"))
    await page.locator(".unread").waitFor({ state: "detached" })
  })

  it("lines are filtered by stream and by text, and found", async () => {
    await page.getByRole("button", { name: "stderr" }).click()
    await until("only what broke", async () => /^\S+ err something broke$/.test(await lines()))
    await page.getByRole("button", { name: "all", exact: true }).click()
    await page.fill("#match", "line 12")
    await until(
      "only these",
      async () => /line 12 of many.*line 129 of many/.test(await lines()) && !/line 13 /.test(await lines())
    )
    await page.fill("#match", "end of it")
    await until("a long line", async () => (await lines()).includes("end of it") && !(await lines()).includes("tick"))
    const far = await page.evaluate(() => {
      const log = document.querySelector(".lines")!
      log.scrollLeft = 1e6
      return log.scrollLeft
    })
    assert.isAbove(far, 3000, "its end can be reached")
    await page.fill("#match", "")
    await until("all again", () => has(".lines", "tick"))
    await page.fill("#find", "line 42 of")
    await page.keyboard.press("Enter")
    await until("it is found", () => has(".lines .current", "line 42 of many"))
    assert.strictEqual(await textOf(page, ".lines .current mark"), "line 42 of")
    await page.fill("#find", "")
    await page.locator(".follow").click()
  })

  const lines = async () =>
    (await page.locator(".lines .line:not(.marker)").allInnerTexts()).join(" ").replaceAll(/\s+/g, " ").trim()

  it("a page that nobody sees lets the log be, and goes on with it when somebody looks again", async () => {
    const hide = (isHidden: boolean) =>
      page.evaluate((isHidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden })
        document.dispatchEvent(new Event("visibilitychange"))
      }, isHidden)
    const last = async () => (await page.locator(".lines .line").last().innerText()).trim()
    await hide(true)
    await page.waitForTimeout(300)
    const before = await last()
    await page.waitForTimeout(400)
    assert.strictEqual(await last(), before)
    await hide(false)
    await until("it goes on", async () => await last() !== before)
  })

  it("lines are copied as text", async () => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: served.origin })
    await page.locator(".copy").click()
    await until("it is said", () => has(".copy", "Copied"))
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    assert.include(copied, "line 299 of many")
    assert.notInclude(copied, "\u001b")
  })

  it("an operation asks first, shows what it waits for, and says when it is done", async () => {
    await row(page, "web/stubborn").click()
    const before = await served.run(served.handle.child("web/stubborn"))
    await page.getByRole("button", { name: "Restart", exact: true }).click()
    const dialog = page.getByRole("dialog")
    assert.match(await dialog.innerText(), /web\/stubborn/)
    await page.keyboard.press("Escape")
    await dialog.waitFor({ state: "detached" })
    assert.match(await state("web/stubborn"), /^running/, "nothing is done when it is not confirmed")
    await page.getByRole("button", { name: "Restart", exact: true }).click()
    await dialog.getByRole("button", { name: "Restart" }).click()
    await until(
      "its progress",
      () => has(".activities", /Restarting web\/stubborn waiting for pid \d+, SIGKILL in [12] s/)
    )
    await until("in the tree too", async () => /^stopping .*left/.test(await state("web/stubborn")))
    await until("it is done", () => has(".activities", "done"), 8000)
    await until("it runs again", async () => (await state("web/stubborn")).startsWith("running"))
    const { incarnation } = await served.run(served.handle.child("web/stubborn"))
    assert.strictEqual(incarnation, before.incarnation + 1)
  })

  it("how a child ended is told with its whole cause", async () => {
    await row(page, "jobs/lost").click()
    await page.keyboard.press("2")
    await until("the cause", () => has(".exits .cause", "nothing to do"))
    assert.match(await textOf(page, ".exits .exit"), /given up/)
    await row(page, "web/talker").click()
    await page.keyboard.press("3")
    await until("the command", () => has(".content dl", /Command .*printf/))
    await page.keyboard.press("1")
  })

  it("everything can be done with keys alone", async () => {
    await page.keyboard.press("Escape")
    await page.keyboard.press("Home")
    await until("the root", async () => await focused() === "")
    for (const path of ["dashboard", "watched", "web", "web/talker"]) {
      await page.keyboard.press("ArrowDown")
      await until(`focus on ${path}`, async () => await focused() === path)
    }
    await page.keyboard.press("ArrowLeft")
    await until("focus on its parent", async () => await focused() === "web")
    await page.keyboard.press("ArrowLeft")
    await until("web is closed", async () => await row(page, "web").getAttribute("aria-expanded") === "false")
    assert.strictEqual(await row(page, "web/talker").count(), 0)
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await until("focus on its child", async () => await focused() === "web/talker")
    assert.strictEqual(await page.locator(".tree .body [tabindex='0']").count(), 1)
    await page.keyboard.press("End")
    await until("focus on the last", async () => await focused() === "<img src=x onerror=alert(1)>")
    await page.keyboard.press("x")
    await page.getByRole("dialog").waitFor()
    await page.keyboard.press("Enter")
    await until("it is stopped", async () => await state("<img src=x onerror=alert(1)>") === "stopped")
    await until("focus is back", async () => await focused() === "<img src=x onerror=alert(1)>")
    await page.keyboard.press("/")
    await page.keyboard.type("flak")
    await until("only what matches", async () => await page.locator(".tree .body .row").count() === 3)
    await page.keyboard.press("Escape")
    await until("all again", async () => await page.locator(".tree .body .row").count() > 6)
    await page.keyboard.press("?")
    await until("the keys", () => has("dialog", "Keyboard"))
    await page.keyboard.press("Escape")
    await page.getByRole("dialog").waitFor({ state: "detached" })
  })

  it("everything that can be used has a name, and roles fit together", async () => {
    assert.deepStrictEqual(await problems(page), [])
  })

  it.each(["light", "dark"] as const)(
    "text stands out enough from its ground (%s): 4.5 to 1 at least",
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme })
      assert.deepStrictEqual(await tooFaint(page), [])
    }
  )

  it("nothing has failed in the console, and nothing was asked of another origin", () => {
    assert.deepStrictEqual(opened.faults, [])
  })

  it(
    "a server that goes is missed, one that comes back is found again, and the tree goes on as it is by then",
    async () => {
      await served.run(served.handle.stop("dashboard"))
      await until("it says so", () => has(".broken", "The supervisor does not answer"))
      await until("it says when it tries again", () => has(".broken", "Next try"))
      await served.run(served.handle.stop("web/talker"))
      await served.run(served.handle.start("dashboard"))
      await page.getByRole("button", { name: "Try now" }).click()
      await until("the tree as it is", async () => await state("web/talker") === "stopped")
      await page.locator(".broken").waitFor({ state: "detached" })
      await served.run(served.handle.start("web/talker"))
      await until("what happens now", async () => (await state("web/talker")).startsWith("running"))
    },
    15_000
  )

  it("a page whose session is over says how to get another", async () => {
    await page.context().clearCookies()
    await served.run(served.handle.restart("dashboard"))
    await until("it says so", () => has(".broken", "session is over"), 12_000)
    assert.strictEqual(await textOf(page, ".connection"), "signed out")
  }, 20_000)
})

describe("A page that may only look", () => {
  it("offers nothing to do", async () => {
    const other = await serve(assets.assets, children(), { readOnly: true })
    const { close, faults, page } = await open(browser, other)
    await row(page, "web/talker").click()
    await until("it says so", async () => (await textOf(page, ".top")).includes("read-only"))
    assert.strictEqual(await page.getByRole("toolbar", { name: "Actions" }).count(), 0)
    await page.keyboard.press("x")
    assert.strictEqual(await page.getByRole("dialog").count(), 0)
    assert.deepStrictEqual(faults, [])
    await close()
    await other.close()
  }, 15_000)
})

describe("A narrow page", () => {
  it("shows the tree, or what was chosen in it, and never more than its width", async () => {
    const { close, page } = await open(browser, served, { viewport: { width: 390, height: 844 } })
    const overflow = () =>
      page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.strictEqual(await overflow(), 0)
    await row(page, "web/stubborn").click()
    await page.getByRole("tab", { name: "Logs" }).waitFor()
    assert.strictEqual(await page.locator(".tree").count(), 0)
    assert.strictEqual(await overflow(), 0)
    await page.getByRole("button", { name: "‹ Tree" }).click()
    await row(page, "web/stubborn").waitFor()
    await close()
  }, 15_000)
})

const clusterChild = (name: string, node: string, more: Partial<ClusterSchema.ClusterChild> = {}) => ({
  name,
  kind: "singleton",
  node,
  state: "Running",
  token: 1,
  restarts: 0,
  claimedAt: 1,
  updatedAt: 2,
  wanted: true,
  cause: undefined,
  ...more
})

const clusterNode = (node: string) => ({ node, startedAt: 1, seenMillisAgo: 40 })

const refused = {
  kind: "Fail",
  tag: undefined,
  message: "<img src=x onerror=alert(1)> connect ECONNREFUSED",
  pretty: "Error: connect ECONNREFUSED"
} as const

const twoNodes: ClusterSchema.ClusterSnapshot = {
  nodes: [clusterNode("west:2"), clusterNode("east:1")],
  children: [
    clusterChild("mailer", "east:1", { token: 4, restarts: 3, state: "Backoff", cause: refused }),
    clusterChild("room-10", "west:2", { kind: "keyed" }),
    clusterChild("room-2", "west:2", { kind: "keyed" }),
    clusterChild("billing", "north:3")
  ]
}

describe("A node of a cluster", () => {
  let scope: Scope.Closeable
  let snapshot: ClusterSchema.Source["snapshot"]
  let questions: number
  let other: Opened

  beforeAll(async () => {
    scope = Scope.makeUnsafe()
    snapshot = Effect.succeed(twoNodes)
    questions = 0
    const asked = Effect.suspend(() => {
      questions++
      return snapshot
    })
    const source = { snapshot: asked, events: Stream.never }
    await Effect.runPromise(Effect.provideService(announce(source), Scope.Scope, scope))
    other = await open(browser, served)
  }, 15_000)

  afterAll(async () => {
    await other.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })

  const lines = async () =>
    (await other.page.locator(".cluster .body .row").allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " ").trim())
  const toggle = () => other.page.getByRole("button", { name: "Cluster", exact: true })

  it("shows all nodes and what is on them, once it is asked to by its key", async () => {
    assert.strictEqual(await toggle().getAttribute("aria-pressed"), "false")
    assert.strictEqual(questions, 0, "nobody looks yet")
    await other.page.keyboard.press("?")
    assert.include(await textOf(other.page, "dialog"), "c the cluster, or the tree")
    await other.page.keyboard.press("Escape")
    await other.page.locator("dialog").waitFor({ state: "detached" })
    await other.page.keyboard.press("c")
    await until("the lines", async () => (await lines()).length === 7)
    assert.deepStrictEqual(await lines(), [
      "east:1 seen now 1 child",
      "mailer backing off singleton 4 3 <img src=x onerror=alert(1)> connect ECONNREFUSED",
      "west:2 seen now 2 children",
      "room-2 running keyed 1 0",
      "room-10 running keyed 1 0",
      "on no node that lives 1 child",
      "billing was running singleton 1 0"
    ])
    assert.strictEqual(await textOf(other.page, ".sums"), "2 running 0 moving 1 backing off 1 down 0 at rest")
    assert.strictEqual(await other.page.locator(".tree").count(), 0)
    const focus = await other.page.evaluate(() => document.activeElement?.className)
    assert.strictEqual(focus, "body", "it is scrolled by keys")
  })

  it("goes on with what is there by then, and nothing moves but what has changed", async () => {
    const places = () =>
      other.page.evaluate(() =>
        Array.from(document.querySelectorAll(".cluster .row"), (row) => {
          const { top } = row.getBoundingClientRect()
          return [row.getAttribute("data-child") ?? row.getAttribute("data-node") ?? "", top]
        })
      )
    const before = await places()
    const children = twoNodes.children.map((child) => ({ ...child, state: "Stopping", token: 7, cause: undefined }))
    snapshot = Effect.succeed({ nodes: twoNodes.nodes.toReversed(), children: children.toReversed() })
    await until("the new state", async () => (await lines())[1] === "mailer stopping singleton 7 3")
    assert.deepStrictEqual(await places(), before)
  })

  it("has names, roles and contrast, and on a narrow page is no wider than that", async () => {
    assert.deepStrictEqual(await problems(other.page), [])
    for (const colorScheme of ["light", "dark"] as const) {
      await other.page.emulateMedia({ colorScheme })
      assert.deepStrictEqual(await tooFaint(other.page), [])
    }
    await other.page.setViewportSize({ width: 390, height: 844 })
    const overflow = await other.page.evaluate(() => {
      const { clientWidth, scrollWidth } = document.documentElement
      return scrollWidth - clientWidth
    })
    assert.strictEqual(overflow, 0)
    assert.deepStrictEqual(await tooFaint(other.page), [])
    await other.page.setViewportSize({ width: 1280, height: 800 })
  })

  it("is filtered as the tree is, and keys for what is selected there do nothing here", async () => {
    await other.page.keyboard.press("/")
    await other.page.keyboard.type("billing")
    await until("only what matches", async () => (await lines()).length === 2)
    await other.page.keyboard.press("Escape")
    await until("all again", async () => (await lines()).length === 7)
    await other.page.keyboard.press("x")
    assert.strictEqual(await other.page.getByRole("dialog").count(), 0)
  })

  it("a page that nobody sees asks nothing, and asks one question at a time", async () => {
    const hide = (isHidden: boolean) =>
      other.page.evaluate((isHidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden })
        document.dispatchEvent(new Event("visibilitychange"))
      }, isHidden)
    await hide(true)
    await other.page.waitForTimeout(200)
    const before = questions
    await other.page.waitForTimeout(2300)
    assert.strictEqual(questions, before)
    snapshot = Effect.never
    await hide(false)
    await until("it asks", async () => questions === before + 1)
    await hide(false)
    await other.page.waitForTimeout(2300)
    assert.strictEqual(questions, before + 1)
  })

  it("is left by its key, and what was asked is let go", async () => {
    assert.deepStrictEqual(other.faults, [])
    await other.page.keyboard.press("Escape")
    await other.page.locator(".tree").waitFor()
    const before = questions
    await other.page.waitForTimeout(2300)
    assert.strictEqual(questions, before)
    assert.deepStrictEqual(other.faults, [])
  })

  it("a storage that is away is told with its words, and what was seen stays", async () => {
    snapshot = Effect.succeed(twoNodes)
    const told = async (text: string) =>
      (await other.page.getByRole("alert").allInnerTexts()).some((told) => told.trim() === text)
    await toggle().click()
    await until("the lines", async () => (await lines()).length === 7)
    snapshot = Effect.fail({ message: "the storage is away" })
    await until("its words", () => told("The cluster cannot be shown: the storage is away What you see is as it was."))
    assert.strictEqual((await lines()).length, 7)
  })

  it("a page of what is no node any more shows nothing of it, and the tree again", async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await other.page.locator(".tree").waitFor()
    await toggle().waitFor({ state: "detached" })
    await other.page.keyboard.press("c")
    assert.strictEqual(await other.page.locator(".cluster").count(), 0)
    await other.page.keyboard.press("?")
    assert.notInclude(await textOf(other.page, "dialog"), "cluster")
  })
})
