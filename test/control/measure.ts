/**
 * What a control server costs and does, with clients in a process of their own: `node test/control/measure.ts`.
 *
 * Prints the round trip of small calls, what a tree feels of a flood and of 200 followers of one log, and what a server
 * costs while nobody is connected.
 */
import { Effect, Stream } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { ControlClient, ControlServer } from "../../src/control/index.ts"
import { ProcessManager, Runnable } from "../../src/index.ts"
import { Command, Job, Jobs, NodeJobs } from "../../src/process/index.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const followers = 200
const connections = 20

const quantile = (sorted: ReadonlyArray<number>, q: number) => sorted[Math.floor((sorted.length - 1) * q)]!
const summary = (values: Array<number>) => {
  values.sort((a, b) => a - b)
  return `p50 ${quantile(values, 0.5).toFixed(3)} ms, p99 ${quantile(values, 0.99).toFixed(3)} ms (n=${values.length})`
}

// ------------------------------------------------------------------------------------------------- the other process

const client = (what: string, socket: string) =>
  Effect.scoped(Effect.gen(function*() {
    switch (what) {
      case "round-trip": {
        const one = yield* ControlClient.make({ socket })
        for (const [name, call] of [["child", one.child("mailer")], ["status", one.status]] as const) {
          const times: Array<number> = []
          for (let i = 0; i < 5000; i++) {
            const began = performance.now()
            yield* call
            if (i >= 1000) times.push(performance.now() - began)
          }
          console.log(`round trip of ${name}: ${summary(times)}`)
        }
        return
      }
      case "flood": {
        const connection = Net.createConnection({ path: socket })
        const text = Array.from({ length: 1000 }, (_, id) =>
          JSON.stringify({ _tag: "Request", id, tag: "server", payload: {}, headers: [] }) + "\n").join("")
        connection.on("data", () => {}).on("error", () => {})
        const pump = () => {
          while (connection.write(text));
        }
        connection.on("drain", pump)
        pump()
        return yield* Effect.sleep("3 seconds")
      }
      case "follow": {
        const clients = yield* Effect.forEach(Array.from({ length: connections }), () =>
          ControlClient.make({ socket }))
        const counts = Array.from({ length: followers }, () => ({ lines: 0, lost: 0, last: 0, gaps: 0 }))
        yield* Effect.forEach(counts, (count, index) =>
          Effect.forkScoped(Stream.runForEach(
            clients[index % connections]!.logs.follow("writer", { from: "now", wholeLines: true }),
            (entry) =>
              Effect.sync(() => {
                if (entry._tag === "Lost") count.lost += entry.lines
                if (entry._tag !== "Line") return
                const number = Number(entry.text.split(" ")[1])
                if (count.last !== 0 && number !== count.last + 1) count.gaps++
                count.last = number
                count.lines++
              })
          )))
        yield* Effect.sleep("6 seconds")
        const lines = counts.map(({ lines }) => lines).toSorted((a, b) => a - b)
        const lost = counts.reduce((sum, { lost }) => sum + lost, 0)
        const gaps = counts.reduce((sum, { gaps }) => sum + gaps, 0)
        console.log(
          `${followers} followers: lines each ${lines[0]} to ${lines.at(-1)}, together ${
            lines.reduce((a, b) => a + b, 0)
          } in 6 s; told to be lost ${lost}, gaps without a word ${gaps}`
        )
      }
    }
  }))

// ------------------------------------------------------------------------------------------------------- the server

const beside = (what: string, socket: string) =>
  Effect.callback<void>((resume) => {
    const child = spawn(process.execPath, [import.meta.filename, what, socket], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 60_000
    })
    createInterface(child.stdout).on("line", (line) => console.log(`  ${line}`))
    child.once("exit", () => resume(Effect.void))
  })

/** What the tree feels: a restart of a child, and a turn of the event loop after it, again and again. */
const feel = Effect.fnUntraced(function*(
  handle: { readonly restart: (name: string) => Effect.Effect<unknown, unknown> },
  during: Effect.Effect<void>
) {
  const restarts: Array<number> = []
  const turns: Array<number> = []
  const fiber = yield* Effect.forkChild(Effect.forever(Effect.gen(function*() {
    const began = performance.now()
    yield* handle.restart("mailer")
    restarts.push(performance.now() - began)
    const before = performance.now()
    yield* Effect.callback<void>((resume) => {
      setTimeout(() => resume(Effect.void), 5)
    })
    turns.push(Math.max(0, performance.now() - before - 5))
  })))
  yield* during
  fiber.interruptUnsafe()
  return `restart of a child ${summary(restarts)}; a timer is late by ${summary(turns)}`
})

const perSecond = Number(process.env["LINES_PER_SECOND"] ?? 1000)

const server = Effect.scoped(Effect.gen(function*() {
  const directory = mkdtempSync(join(tmpdir(), "es-measure-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => removeFolder(directory)))
  const socket = join(directory, "control.sock")
  const script = `let n = 0; setInterval(() => { let s = ""; for (let i = 0; i < ${perSecond / 20}; i++) ` +
    `s += "line " + ++n + " of some length, as lines of a log are\\n"; process.stdout.write(s) }, 50)`
  const app = ProcessManager.make("app", [
    ControlServer.runnable({ socket }),
    Runnable.idle("mailer"),
    Job.runnable("writer", Command.make(process.execPath, ["-e", script]))
  ])
  const handle = yield* ProcessManager.start(app)
  yield* Jobs
  console.log("round trips, one after the other:")
  yield* beside("round-trip", socket)
  console.log("nobody connected:")
  const cpu = process.cpuUsage()
  console.log(`  ${yield* feel(handle, Effect.sleep("3 seconds"))}`)
  const used = process.cpuUsage(cpu)
  console.log(
    `  cpu of this process: ${((used.user + used.system) / 30_000).toFixed(1)} % (with the restarts and the log)`
  )
  console.log("one connection floods:")
  console.log(`  ${yield* feel(handle, beside("flood", socket))}`)
  console.log(`${followers} followers over ${connections} connections, ${perSecond} lines a second:`)
  console.log(`  ${yield* feel(handle, beside("follow", socket))}`)
})).pipe(Effect.provide(NodeJobs.layer()))

const [what, socket] = process.argv.slice(2)
await (what === undefined ? Effect.runPromise(server) : Effect.runPromise(client(what, socket!)))
process.exit(0)
