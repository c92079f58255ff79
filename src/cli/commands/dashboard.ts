/**
 * `esv dashboard`: a link for one browser.
 *
 * Floor 4.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { Failed, type Failure } from "../CliError.ts"
import { connect } from "../internal/connection.ts"
import { type Globals, Json } from "../internal/globals.ts"
import { printJson, printLines } from "../internal/output.ts"

const handler = Effect.fnUntraced(function*() {
  const client = yield* connect
  const link = yield* client.dashboard
  if (link === undefined) {
    return yield* new Failed({
      message: `Supervisor "${client.server.name}" serves no dashboard. ` +
        "Say so in its configuration (dashboard: true), or start it by: esv run --dashboard 4790"
    })
  }
  yield* (yield* Json) ? printJson({ link }) : printLines([link])
}, Effect.scoped)

export const dashboard: Command.Command<"dashboard", {}, {}, Failure, Globals> = Command.make("dashboard", {}, handler)
  .pipe(Command.withDescription("Print a link to the web page, good for one browser within an hour"))
