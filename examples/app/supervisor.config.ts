/**
 * The demo, `npm start`, as a configuration for the command line: code and a command under one supervisor, with the web
 * page on.
 *
 * Observe: the address of the page is printed, for one browser; "jobs/flaky" breaks and comes back after a growing delay,
 * and nobody else notices. Ctrl-C stops everything in reverse order, and the process ends with code 0. `kill -HUP` with the
 * process id, or `npx esv reload`, makes the server read `settings.json` again. In another terminal: `npx esv top`.
 */
import { Effect } from "effect"
import { ProcessManager, RestartPolicy } from "effect-supervisor"
import { defineConfig } from "effect-supervisor/cli/config/Config"
import { flaky, poller, server } from "./children.ts"
import { Site } from "./site.ts"

// The poller needs the server's address, so it is started after the server and restarted with it.
const web = ProcessManager.make("web", [server, poller], { strategy: "rest-for-one" })

export default defineConfig({
  name: "app",
  dashboard: { port: Number(process.env["DASHBOARD"] ?? 4790) },
  children: {
    web: { run: Effect.provide(web, Site.layer), restart: RestartPolicy.supervised },
    jobs: { run: ProcessManager.make("jobs", [flaky]), restart: RestartPolicy.supervised },
    // A process of the operating system, with everything that it starts.
    clock: { command: { shell: "while :; do date; sleep 5; done" }, ready: { log: ":" } }
  }
})
