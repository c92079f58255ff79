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
import { connect } from "../internal/connection.ts"
import { type Globals, Json, style } from "../internal/globals.ts"
import { printJson, printLines, width } from "../internal/output.ts"
import { treeText } from "../internal/treeText.ts"
import { flatten } from "../internal/words.ts"

const handler = Effect.fnUntraced(function*() {
  const client = yield* connect
  const snapshot = yield* client.status
  if (yield* Json) return yield* printJson(snapshot)
  const known = yield* details(client, flatten(snapshot))
  yield* printLines(treeText(snapshot, known, yield* Clock.currentTimeMillis, width(), yield* style))
}, Effect.scoped)

export const tree: Command.Command<"tree", {}, {}, Failure, Globals> = Command.make("tree", {}, handler).pipe(
  Command.withDescription("Show the tree of supervisors and their children")
)
