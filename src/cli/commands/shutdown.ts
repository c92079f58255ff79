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

const handler = Effect.fnUntraced(function*({ now }: Input) {
  const client = yield* connect
  const json = yield* Json
  yield* now ? client.shutdownNow : client.shutdown
  if (!json) yield* Effect.forkScoped(progress(client))
  yield* client.closed
  const { name, pid } = client.server
  yield* json ? printJson({ name, pid, stopped: true }) : print(`Supervisor "${name}" (pid ${pid}) has stopped.\n`)
}, Effect.scoped)

export const shutdown: Command.Command<"shutdown", Input, {}, Failure, Globals> = Command.make(
  "shutdown",
  {
    now: present("now", "Do not wait for any grace")
  },
  handler
).pipe(Command.withDescription("Stop everything in order, and the supervisor with it; waits for the end"))
