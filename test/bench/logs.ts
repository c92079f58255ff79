/**
 * What it costs to keep the output of a process: two million short lines through a real child's pipe, stored, beside the
 * same pipe that is only read, once from a child that makes them up and once from one that does nothing but copy; then how
 * long it takes to find something in a store of 100 MB.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { closeSync, createReadStream, mkdtempSync, openSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as LogStore from "../../src/process/LogStore.ts"
import { atMost, atMostTimes, compare, figure, micros, type Scenario } from "./harness.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-supervisor-logs-"))),
  (directory) => Effect.sync(() => removeFolder(directory))
)

/** A file of short lines, and of what a store of 100 MB is made of: the child is `cat`, so that it is not the slowest. */
const writeLines = (path: string, n: number, line: (i: number) => string): void => {
  const file = openSync(path, "w")
  for (let from = 0; from < n; from += 10_000) {
    let text = ""
    for (let i = from; i < Math.min(from + 10_000, n); i++) text += line(i)
    writeSync(file, text)
  }
  closeSync(file)
}

/** A program and its arguments. */
type Command = readonly [string, ...Array<string>]

const outputOf = ([program, ...args]: Command) => spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] }).stdout

const bytesOf = (command: Command): Stream.Stream<Uint8Array, Error> =>
  NodeStream.fromReadable({ evaluate: () => outputOf(command), onError: (error) => error as Error })

const rawPipe = (command: Command): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    outputOf(command).on("data", () => undefined).on("end", () => resume(Effect.void))
  })

const capture = (command: Command) =>
  Effect.gen(function*() {
    const store = yield* LogStore.make({ directory: yield* temporary })
    const run = yield* store.begin()
    return yield* micros(store.capture(run, "stdout", bytesOf(command)))
  })

const timed = <E, R>(effect: Effect.Effect<number, E, R>) => Effect.map(effect, (micros) => ({ ms: micros / 1_000 }))

/** What one would do without an index: read it all, line by line. */
const readLines = (path: string, isWanted: (line: string) => boolean): Effect.Effect<number> =>
  Effect.promise(async () => {
    let wanted = 0
    for await (const line of createInterface({ input: createReadStream(path) })) if (isWanted(line)) wanted++
    return wanted
  })

export const logs: Scenario = {
  name: "logs",
  run: Effect.fnUntraced(
    function*(settings) {
      const n = settings.restarts * 20
      const directory = yield* temporary
      const short = join(directory, "short")
      const long = join(directory, "long")
      writeLines(short, n, (i) => `line ${i}\n`)
      writeLines(long, n, (i) => `${String(i).padStart(10)} GET /some/path/of/a/request 200 ok\n`)

      const captured = (command: Command) =>
        compare(
          { ...settings, warmUps: Math.min(settings.warmUps, 2) },
          {
            ours: timed(Effect.provide(Effect.scoped(capture(command)), NodeServices.layer)),
            "raw pipe": timed(micros(rawPipe(command))),
            "Effect's stream": timed(micros(Stream.runDrain(bytesOf(command))))
          },
          n
        )
      const made = yield* captured(["seq", String(n)])
      const copied = yield* captured(["cat", short])

      const store = yield* LogStore.make({ directory: join(directory, "store"), maxFiles: 100 })
      yield* store.capture(yield* store.begin(), "stdout", bytesOf(["cat", long]))
      const read = { rounds: Math.min(settings.rounds, 3), warmUps: Math.min(settings.warmUps, 1) }
      const against = (query: Stream.Stream<unknown, LogStore.LogReadError>, isWanted: (line: string) => boolean) =>
        compare(
          { ...settings, ...read },
          { ours: timed(micros(Stream.runDrain(query))), readline: timed(micros(readLines(long, isWanted))) },
          n
        )
      const all = yield* against(store.query(), () => true)
      const text = yield* against(store.query({ match: " 123 GET" }), (line) => line.includes(" 123 GET"))
      const matched = yield* against(store.query({ match: /^ +123 GET/ }), (line) => /^ +123 GET/.test(line))
      const middle = yield* against(store.query({ offset: Math.floor(n / 2), limit: 100 }), () => false)
      const tail = yield* against(store.tail(100), () => false)
      return [
        figure("capture of short lines", n, "ms", made, "ms", [atMostTimes(2, "raw pipe")]),
        figure("capture of a file that is copied", n, "ms", copied, "ms"),
        figure("every line of a large store", n, "ms", all, "ms"),
        figure("the lines with a text", n, "ms", text, "ms"),
        figure("the lines that match an expression", n, "ms", matched, "ms"),
        figure("100 lines from the middle", n, "ms", middle, "ms"),
        figure("the last 100 lines", n, "ms", tail, "ms", [atMost(50, "50 ms")])
      ]
    },
    Effect.scoped,
    Effect.provide(NodeServices.layer),
    Effect.orDie
  )
}
