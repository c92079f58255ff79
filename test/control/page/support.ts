/** What the tests of the page share: the page as it is published, a tree that serves it, and a real browser. */
import { Deferred, Effect, Exit, Layer, References, Scope } from "effect"
import { ProcessManager, type Runnable, type Supervisor } from "effect-supervisor"
import { Dashboard } from "effect-supervisor/control"
import { type Jobs, NodeJobs } from "effect-supervisor/process"
import { existsSync, mkdtempSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { bundlePage } from "../../../.ci/page.ts"
import { removeFolder } from "../../fixtures/removeFolder.ts"

export const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-precise-memory-info",
  "--js-flags=--expose-gc"
]

export const launch = (): Promise<Browser> => {
  if (!existsSync(executablePath)) {
    throw new Error(
      `No Chromium at ${executablePath}: the tests of the page need a browser. Install it with "apt-get install -y chromium", or say where it is in CHROMIUM.`
    )
  }
  return chromium.launch({ executablePath, args: flags })
}

/** The page, built as it is published. */
export const build = async (): Promise<{ readonly assets: string; readonly remove: () => void }> => {
  const assets = mkdtempSync(join(tmpdir(), "es-dashboard-"))
  await bundlePage(assets)
  return { assets, remove: () => removeFolder(assets) }
}

/** A port that the server can have again when it is restarted. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

type Child = Runnable.Runnable<unknown, Jobs>

export interface Served {
  readonly handle: Supervisor.Handle<unknown>
  readonly origin: string
  readonly port: number
  /** A new address for one browser. */
  readonly link: () => Promise<string>
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>
  readonly close: () => Promise<void>
}

/** A running tree with the dashboard in it. */
export const serve = async (
  assets: string,
  children: ReadonlyArray<Child>,
  options: Dashboard.Options & { readonly strategy?: "one-for-one" | "rest-for-one" } = {}
): Promise<Served> => {
  const scope = Scope.makeUnsafe()
  // A server that is restarted knows nothing of the links of the one before.
  let latest: Dashboard.Listening | undefined
  const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
    Effect.runPromise(Effect.provideService(effect, References.MinimumLogLevel, "None"))
  const start = Effect.gen(function*() {
    const listening = Deferred.makeUnsafe<Dashboard.Listening>()
    const onListening = (at: Dashboard.Listening) =>
      Effect.suspend(() => {
        latest = at
        return Deferred.succeed(listening, at)
      })
    const list = [Dashboard.runnable({ port: 0, assets, ...options, onListening }), ...children]
    const app = ProcessManager.make("shop", list, { autoCleanup: false, escalate: "never", keepAlive: true })
    const handle = yield* ProcessManager.start(app)
    return { handle: handle as Supervisor.Handle<unknown>, at: yield* Deferred.await(listening) }
  })
  const { at, handle } = await run(
    Layer.buildWithScope(NodeJobs.layer(), scope).pipe(
      Effect.flatMap((jobs) => Effect.provide(start, jobs)),
      Effect.provideService(Scope.Scope, scope)
    )
  )
  return {
    handle,
    origin: at.origin,
    port: at.port,
    run,
    link: () => run((latest ?? at).link),
    close: () => run(Effect.andThen(handle.shutdownNow, Scope.close(scope, Exit.void)))
  }
}

/** A page that is open, and everything that went wrong in it. */
export interface Opened {
  readonly page: Page
  /** Errors in the console, requests to elsewhere. */
  readonly faults: Array<string>
  readonly close: () => Promise<void>
}

export const open = async (browser: Browser, served: Served, options: BrowserContextOptions = {}): Promise<Opened> => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(5000)
  const faults: Array<string> = []
  page.on("console", (message) => message.type() === "error" ? faults.push(message.text()) : undefined)
  page.on("pageerror", (error) => faults.push(String(error)))
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on("request", (request) => {
    const url = request.url()
    if (!url.startsWith(`${served.origin}/`) && !url.startsWith("data:")) faults.push(`request: ${url}`)
  })
  await page.goto(await served.link())
  await page.locator("[data-path='']").waitFor()
  return { page, faults, close: () => context.close() }
}

/** The line of a child in the tree. */
export const row = (page: Page, path: string) => page.locator(`.tree [data-path="${path}"]`)

/** Waits until something holds in the page. */
export const until = async (what: string, holds: () => Promise<boolean>, millis: number = 5000): Promise<void> => {
  const end = Date.now() + millis
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${millis} ms`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

export const textOf = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).first().innerText()).replaceAll(/\s+/g, " ").trim()
