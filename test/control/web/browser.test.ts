/**
 * What pages of others can do to a dashboard in a real browser in which somebody is signed in: nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Http from "node:http"
import type * as Net from "node:net"
import type { Page } from "playwright-core"
import { launch } from "../page/support.ts"
import { isWell, page as folder, serve } from "./support.ts"

/** Everything that a page can try, by what became of it. */
const script = String.raw`
  const stop = '{"target":"mailer"}'
  const credentials = "include"
  const ask = (url, init) => fetch(url, { credentials, ...init }).then(({ status }) => String(status), () => "refused")
  const heard = (url) =>
    new Promise((resolve) => {
      const source = new EventSource(url, { withCredentials: true })
      source.addEventListener("hello", () => resolve("heard"))
      source.addEventListener("error", () => resolve("refused"))
    })
  const loaded = (tag, url) =>
    new Promise((resolve) => {
      const element = document.createElement(tag)
      element.addEventListener("load", () => resolve("loaded"))
      element.addEventListener("error", () => resolve("refused"))
      element.src = url
      document.body.append(element)
    })
  const json = { method: "POST", headers: { "content-type": "application/json" }, body: stop }
  window.tries = async (origin) => ({
    read: await ask(origin + "/api/status"),
    change: await ask(origin + "/api/stop", json),
    blind: await ask(origin + "/api/stop", { method: "POST", mode: "no-cors", body: stop }),
    beacon: String(navigator.sendBeacon(origin + "/api/stop", stop)),
    watch: await heard(origin + "/api/watch"),
    script: await loaded("script", origin + "/assets/page.js"),
    image: await loaded("img", origin + "/api/status")
  })
  window.send = (origin) => {
    const field = "<input name='{\"target\":\"mailer\",\"x\":\"' value='\"}'>"
    document.body.innerHTML = "<form method=post enctype=text/plain action=" + origin + "/api/stop>" + field + "</form>"
    document.querySelector("form").submit()
  }`

/** A page on another port. */
const foreign = Effect.map(
  Effect.acquireRelease(
    Effect.callback<Http.Server>((resume) => {
      const server = Http.createServer((_request, response) => {
        response.setHeader("content-type", "text/html").end(`<!doctype html><body><script>${script}</script>`)
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  ),
  (server) => (server.address() as Net.AddressInfo).port
)

const browser = Effect.acquireRelease(Effect.promise(launch), (browser) => Effect.promise(() => browser.close()))

/** What is said in a page, by code that is not of here. */
const told = <A>(page: Page, code: string): Promise<A> => page.evaluate(code)

const visit = async (page: Page, link: string, elsewhere: string) => {
  const { origin } = new URL(link)
  const argument = JSON.stringify(origin)
  await page.goto(link)
  assert.strictEqual(page.url(), `${origin}/`)
  assert.strictEqual(await page.title(), "page")
  const [cookie] = await page.context().cookies()
  assert.deepStrictEqual([cookie!.httpOnly, cookie!.sameSite], [true, "Strict"])
  assert.strictEqual(await told(page, "document.cookie"), "")
  assert.strictEqual(await told(page, `fetch("/api/status").then(({ status }) => status)`), 200)
  await page.goto(elsewhere)
  const seen = await told<Readonly<Record<string, string>>>(page, `tries(${argument})`)
  await told(page, `send(${argument})`)
  await page.waitForURL(`${origin}/**`)
  const form = await told<string>(page, "document.body.textContent")
  await page.goto(elsewhere)
  await told(page, `void (location.href = ${argument} + "/")`)
  await page.waitForURL(`${origin}/`)
  const followed = await told<string>(page, "document.body.textContent")
  return { seen, form, followed }
}

describe("a page of somebody else, in a browser that is signed in", () => {
  for (const name of ["127.0.0.1", "localhost"]) {
    it.live(`on another port of ${name}: reads nothing, hears nothing, changes nothing`, () =>
      Effect.gen(function*() {
        const at = yield* serve({ assets: yield* folder })
        const port = yield* foreign
        const page = yield* Effect.flatMap(browser, (browser) => Effect.promise(() => browser.newPage()))
        const link = yield* at.link
        const before = yield* at.handle.status
        const { followed, form, seen } = yield* Effect.promise(() => visit(page, link, `http://${name}:${port}/`))
        // What is sent blindly tells the page nothing; that it did nothing is seen in the tree.
        const { beacon: _beacon, blind: _blind, ...others } = seen
        for (const [what, became] of Object.entries(others)) assert.strictEqual(became, "refused", what)
        assert.include(form, "Forbidden")
        assert.include(followed, "paste its address")
        assert.deepStrictEqual(yield* at.handle.status, before)
        yield* isWell(at)
      }))
  }
})
