/**
 * `esv tree`: who stands under whom.
 *
 * Floor 4.
 */
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Failure } from "../CliError.ts"
import { details } from "../internal/children.ts"
import { clusterTree } from "../internal/clusterText.ts"
import { connect } from "../internal/connection.ts"
import * as flags from "../internal/flags.ts"
import { type Globals, Json, style } from "../internal/globals.ts"
import { printJson, printLines, width } from "../internal/output.ts"
import { treeText } from "../internal/treeText.ts"
import { flatten } from "../internal/words.ts"

interface Input {
  readonly cluster: boolean
}

const handler = Effect.fnUntraced(function*({ cluster }: Input) {
  const client = yield* connect
  if (cluster) {
    const snapshot = yield* client.cluster.snapshot
    if (yield* Json) return yield* printJson(snapshot)
    return yield* printLines(clusterTree(snapshot, yield* style))
  }
  const snapshot = yield* client.status
  if (yield* Json) return yield* printJson(snapshot)
  const known = yield* details(client, flatten(snapshot))
  yield* printLines(treeText(snapshot, known, yield* Clock.currentTimeMillis, width(), yield* style))
}, Effect.scoped)

export const tree: Command.Command<"tree", Input, {}, Failure, Globals> = Command.make(
  "tree",
  { cluster: flags.cluster("The nodes of the cluster, each with what runs on it") },
  handler
).pipe(
  Command.withDescription("Show the tree of supervisors and their children")
)
