/**
 * `esv why`: the last exits, what was decided, the next retry, and what is waited for.
 *
 * Floor 4.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Failure } from "../CliError.ts"
import { select } from "../internal/children.ts"
import { connect } from "../internal/connection.ts"
import { type Globals, Json, style } from "../internal/globals.ts"
import { invocation } from "../internal/invocation.ts"
import { print, printJson } from "../internal/output.ts"
import { whyText } from "../internal/whyText.ts"

interface Input {
  readonly targets: ReadonlyArray<string>
}

const handler = Effect.fnUntraced(function*({ targets }: Input) {
  const client = yield* connect
  const children = yield* select(yield* client.status, targets)
  const found = yield* client.infos(children.map(({ path }) => path))
  if (yield* Json) return yield* printJson(found)
  const look = yield* style
  const esv = yield* invocation
  const now = yield* Clock.currentTimeMillis
  yield* print(`${found.map((details) => whyText(details, now, look, esv).join("\n")).join("\n\n\n")}\n`)
}, Effect.scoped)

export const why: Command.Command<"why", Input, {}, Failure, Globals> = Command.make(
  "why",
  {
    targets: Argument.String("child").pipe(
      Argument.withDescription("Names, paths or globs"),
      Argument.atLeast(1)
    )
  },
  handler
).pipe(
  Command.withDescription(
    "Say why a child is as it is: its last exits, the decision, the next retry, what it waits for"
  )
)
