/**
 * The demo, `npm start`: an HTTP server that counts requests, a poller that asks it over real HTTP, and a worker that
 * breaks now and then, in a tree of managers that the terminal shows.
 *
 * Observe: "flaky" breaks and comes back after a growing delay, and nobody else notices. Ctrl-C stops everything in
 * reverse order, and the process ends with code 0. `kill -HUP` with the process id makes the server read
 * `settings.json` again. Environment: PORT (any free one), SETTINGS (a path).
 */
import { Cause, Effect, Exit, Layer } from "effect"
import { ProcessManager, RestartPolicy, Signals } from "effect-supervisor"
import { flaky, poller, server } from "./children.ts"
import { Site } from "./site.ts"
import { logger, Screen, view } from "./view.ts"

// The poller needs the server's address, so it is started after the server and restarted with it.
const web = ProcessManager.make("web", [server, poller], {
  strategy: "rest-for-one",
  restart: RestartPolicy.supervised
})

const jobs = ProcessManager.make("jobs", [flaky], { restart: RestartPolicy.supervised })

const app = ProcessManager.make("app", [view, Signals.runnable(), web, jobs])

const main = Effect.log(`Ctrl-C stops, kill -HUP ${process.pid} reloads`).pipe(
  Effect.andThen(app),
  Effect.andThen(Effect.log("everything has stopped")),
  Effect.provide(Layer.mergeAll(Site.layer, logger).pipe(Layer.provideMerge(Screen.layer)))
)

Effect.runCallback(main, {
  onExit: (exit) => {
    if (Exit.isFailure(exit)) {
      console.error(Cause.pretty(exit.cause))
      process.exitCode = 1
    }
  }
})
