/**
 * Makes the picture of the dashboard for the README from a running program: `npm run build && node
 * test/control/page/picture.ts [file]`. It takes a minute, so that there is something to see.
 */
import { Effect, Schedule } from "effect"
import { ProcessManager, RestartPolicy, Runnable } from "effect-supervisor"
import { Command, Job } from "effect-supervisor/process"
import { build, launch, open, row, serve } from "./support.ts"

const [file = "examples/dashboard.png", seconds = "60"] = process.argv.slice(2)

const node = (script: string) => Command.make(process.execPath, ["-e", script])

/** Works now more, now less, and says so. */
const api = node(`
  let id = 4200
  const dim = (s) => "\\x1b[2m" + s + "\\x1b[0m", green = (s) => "\\x1b[32m" + s + "\\x1b[0m"
  const routes = ["/orders", "/orders/77", "/cart", "/search?q=lamp", "/health"]
  setInterval(() => {
    const until = Date.now() + 60 * Math.random() * (1 + Math.sin(Date.now() / 9000))
    while (Date.now() < until);
    console.log(dim("req " + id++) + " " + green("200") + " GET " + routes[id % 5] + dim(" " + (id * 7 % 40 + 3) + " ms"))
    if (id % 11 === 0) console.error("\\x1b[33mslow\\x1b[0m query took " + (id % 300 + 200) + " ms: select from orders")
  }, 400)`)

const steady = (mb: number) =>
  node(`const a = Buffer.alloc(${mb}e6, 1); setInterval(() => console.log("ok", a.length), 2000)`)
const supervised = { restart: RestartPolicy.supervised }

const children = [
  ProcessManager.make("web", [
    Job.runnable("api", api, supervised),
    Job.runnable("assets", steady(12), supervised)
  ], { strategy: "rest-for-one" }),
  ProcessManager.make("jobs", [
    Job.runnable("mailer", Command.shell("sleep 3; echo 'connect ECONNREFUSED 127.0.0.1:25' >&2; exit 3"), {
      restart: RestartPolicy.onFailure(Schedule.spaced("12 seconds"))
    }),
    Job.runnable("thumbnails", steady(40), supervised),
    Job.runnable("import", Command.shell("echo 'no such file: orders.csv' >&2; sleep 1; exit 2")),
    Job.runnable("migrate", Command.shell("sleep 1; echo migrated"))
  ], { escalate: "never", autoCleanup: false }),
  Runnable.idle("cache"),
  Runnable.idle("metrics")
]

const browser = await launch()
const assets = await build()
const served = await serve(assets.assets, children)
const { close, page } = await open(browser, served, {
  viewport: { width: 1280, height: 720 },
  colorScheme: "dark",
  deviceScaleFactor: 1
})
await row(page, "web/api").click()
await Effect.runPromise(Effect.sleep(`${Number(seconds)} seconds`))
await served.run(served.handle.hold("metrics"))
await page.mouse.move(0, 0)
await page.waitForTimeout(300)
await page.screenshot({ path: file })
await close()
await browser.close()
await served.close()
assets.remove()
