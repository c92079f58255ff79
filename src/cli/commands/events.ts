/**
 * `esv events`: what happens, as it happens.
 *
 * Floor 4.
 */
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { SupervisorEvent } from "../../SupervisorEvent.ts"
import type { Failure } from "../CliError.ts"
import { clusterEventText } from "../internal/clusterText.ts"
import { connect } from "../internal/connection.ts"
import * as flags from "../internal/flags.ts"
import { eventText } from "../internal/eventText.ts"
import { type Globals, Json, style } from "../internal/globals.ts"
import { print } from "../internal/output.ts"

const isEvent = (change: object): change is SupervisorEvent => "_tag" in change

const isUsers = ({ path }: SupervisorEvent): boolean => !path.startsWith("(")

interface Input {
  readonly cluster: boolean
}

const handler = Effect.fnUntraced(function*({ cluster }: Input) {
  const client = yield* connect
  const look = yield* style
  const json = yield* Json
  if (cluster) {
    return yield* Stream.runForEach(
      client.cluster.events,
      (event) =>
        Effect.flatMap(
          Clock.currentTimeMillis,
          (now) => print(`${json ? JSON.stringify(event) : clusterEventText(event, now, look)}\n`)
        )
    )
  }
  const show = (event: SupervisorEvent) =>
    Effect.map(
      Clock.currentTimeMillis,
      (now) => json ? JSON.stringify(event) : eventText(event, client.server.name, now, look)
    )
  yield* client.watch.pipe(
    Stream.filter(isEvent),
    Stream.filter(isUsers),
    Stream.mapEffect(show),
    Stream.runForEachArray((lines) => print(`${lines.join("\n")}\n`))
  )
}, Effect.scoped)

export const events: Command.Command<"events", Input, {}, Failure, Globals> = Command.make(
  "events",
  { cluster: flags.cluster("What happens in the whole cluster") },
  handler
).pipe(
  Command.withDescription("Show what happens in the tree, until it ends or Ctrl-C")
)
