/**
 * `esv top`: the tree on the whole screen.
 *
 * Floor 4.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Failure } from "../CliError.ts"
import { socket } from "../internal/connection.ts"
import { Color, type Globals } from "../internal/globals.ts"

/** What draws is loaded when it is to be drawn. */
const handler = Effect.fnUntraced(function*() {
  const address = { socket: yield* socket }
  const { run } = yield* Effect.promise(() => import("../top/Top.ts"))
  yield* run({ address, colour: Option.getOrUndefined(yield* Color) })
})

export const top: Command.Command<"top", {}, {}, Failure, Globals> = Command.make("top", {}, handler).pipe(
  Command.withDescription(
    "Watch the tree on the whole screen, with a key for everything that can be done to it; ? shows the keys"
  )
)
