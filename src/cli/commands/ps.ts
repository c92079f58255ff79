/**
 * `esv ps`: what runs.
 *
 * Floor 4.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Failure } from "../CliError.ts"
import { clusterTable } from "../internal/clusterText.ts"
import { details, select } from "../internal/children.ts"
import { connect } from "../internal/connection.ts"
import * as flags from "../internal/flags.ts"
import { type Globals, Json, style } from "../internal/globals.ts"
import { print, printJson, printLines, width } from "../internal/output.ts"
import { table, toRow } from "../internal/rows.ts"

interface Input {
  readonly cluster: boolean
  readonly targets: ReadonlyArray<string>
}

const handler = Effect.fnUntraced(function*({ cluster, targets }: Input) {
  const client = yield* connect
  if (cluster) {
    const snapshot = yield* client.cluster.snapshot
    if (yield* Json) return yield* printJson(snapshot.children)
    return yield* printLines(clusterTable(snapshot, width(), yield* style))
  }
  const children = yield* select(yield* client.status, targets)
  const known = yield* details(client, children)
  const now = yield* Clock.currentTimeMillis
  const rows = children.map((child) => toRow(child, known.get(child.path), now))
  if (yield* Json) return yield* printJson(rows)
  if (rows.length === 0) return yield* print(`Supervisor "${client.server.name}" has no children.\n`)
  yield* printLines(table(rows, now, width(), yield* style))
}, Effect.scoped)

export const ps: Command.Command<"ps", Input, {}, Failure, Globals> = Command.make(
  "ps",
  {
    cluster: flags.cluster("What runs in the whole cluster, and on which node"),
    targets: Argument.String("child").pipe(
      Argument.withDescription(`Only these: names, paths or globs, such as web or "backend/**"`),
      Argument.variadic()
    )
  },
  handler
).pipe(
  Command.withDescription("List the children: state, pid, uptime, restarts, cpu and memory, and what keeps them")
)
