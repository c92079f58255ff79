/**
 * `esv shutdown`: the end of everything.
 *
 * Floor 4.
 */
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as ControlClient from "../../control/ControlClient.ts"
import type { Failure } from "../CliError.ts"
import { details } from "../internal/children.ts"
import { connect } from "../internal/connection.ts"
import { present } from "../internal/flags.ts"
import { type Globals, Json } from "../internal/globals.ts"
import { note, print, printJson } from "../internal/output.ts"
import { list } from "../internal/records.ts"
import { waitingFor } from "../internal/statusText.ts"
import { flatten } from "../internal/words.ts"

interface Input {
  readonly now: boolean
}

/** Whom it waits for, told when that changes. */
const progress = (client: ControlClient.Client) => {
  let last = ""
  return Effect.gen(function*() {
    const children = flatten(yield* client.status)
    const stopping = children.filter(({ state }) => state._tag === "Stopping")
    const pids = new Map(
      Array.from(
        yield* details(client, stopping),
        ([path, { job }]) => job?.pid === undefined ? [] : [[path, job.pid] as const]
      ).flat()
    )
    const text = waitingFor(children, pids, yield* Clock.currentTimeMillis)
    // The time that is left is not news.
    const key = text.replaceAll(/killed in [^),]+/g, "")
    if (text !== "" && key !== last) yield* note(text)
    last = key
  }).pipe(
    Effect.repeat(Schedule.spaced("200 millis")),
    Effect.delay("500 millis"),
    Effect.ignore
  )
}

/** When a process began. `undefined` if it is gone, or if the table cannot be read. */
const began = (pid: number) =>
  Effect.flatMap(
    Effect.promise(() => import("../../process/internal/processTable.ts")),
    ({ startTime }) => Effect.orElseSucceed(startTime(pid), () => undefined)
  )

/**
 * Until a process that began then is gone: whoever is told so may remove its directory, or start the next one. One
 * that does not end by itself has stopped supervising all the same, so it is not waited for without end.
 */
const processEnds = (pid: number, start: number) =>
  began(pid).pipe(
    Effect.repeat({ until: (now) => now !== start, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOption("10 seconds")
  )

const handler = Effect.fnUntraced(function*({ now }: Input) {
  const client = yield* connect
  const json = yield* Json
  // A supervisor that the command line has not started may end long before the program that it is in.
  const start = list().some(({ pid }) => pid === client.server.pid) ? yield* began(client.server.pid) : undefined
  yield* now ? client.shutdownNow : client.shutdown
  if (!json) yield* Effect.forkScoped(progress(client))
  yield* client.closed
  const { name, pid } = client.server
  if (start !== undefined) yield* processEnds(pid, start)
  yield* json ? printJson({ name, pid, stopped: true }) : print(`Supervisor "${name}" (pid ${pid}) has stopped.\n`)
}, Effect.scoped)

export const shutdown: Command.Command<"shutdown", Input, {}, Failure, Globals> = Command.make(
  "shutdown",
  {
    now: present("now", "Do not wait for any grace")
  },
  handler
).pipe(Command.withDescription("Stop everything in order, and the supervisor with it; waits for the end"))
