/**
 * A dashboard: one line in any manager, and a browser sees and steers what runs; so do programs that speak HTTP.
 *
 * Observe: the address is good for one use, and a stranger gets no further; with the token, what is asked for by POST is
 * what the handle does. Health is for anybody and says yes or no. Run it with --stay to open it in a browser.
 */
import { Console, Effect, Redacted } from "effect"
import { ProcessManager, Runnable, Signals } from "effect-supervisor"
import { Dashboard } from "effect-supervisor/control"

const stay = process.argv.includes("--stay")

const fetched = (origin: string) => (path: string, init?: RequestInit) =>
  Effect.promise(() => fetch(`${origin}${path}`, init))

/** This could be another program. */
const operate = ({ link, origin, token }: Dashboard.Listening) =>
  Effect.gen(function*() {
    const ask = fetched(origin)
    const headers = { authorization: `Bearer ${Redacted.value(token)}`, "content-type": "application/json" }

    const address = new URL(yield* link)
    const path = `${address.pathname}${address.search}`
    const first = yield* ask(path, { redirect: "manual" })
    yield* Console.log(`the link: ${first.status}, and once more: ${(yield* ask(path)).status}`)
    yield* Console.log(`a stranger: ${(yield* ask("/api/status")).status}`)
    yield* Console.log(`is it ready? ${(yield* ask("/readyz")).status}`)

    const restart = { method: "POST", headers, body: JSON.stringify({ target: "web-*" }) }
    const answer = yield* ask("/api/restart", restart)
    yield* Console.log(`restart: ${yield* Effect.promise(() => answer.text())}`)
    yield* ask("/api/shutdown", { method: "POST", headers, body: "{}" })
  })

const onListening = (at: Dashboard.Listening) =>
  stay
    ? Effect.flatMap(at.link, (link) => Console.log(`The dashboard is at ${link}`))
    : Effect.forkDetach(operate(at))

const app = ProcessManager.make("app", [
  // First in the list, it is the last to stop.
  Dashboard.runnable({ port: stay ? Dashboard.defaults.port : 0, onListening }),
  Signals.runnable(),
  Runnable.idle("web-1"),
  Runnable.idle("web-2"),
  Runnable.idle("store")
])

Effect.runFork(Effect.ensuring(app, Console.log("the tree has ended")))
