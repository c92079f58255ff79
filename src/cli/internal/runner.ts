/**
 * What starts and runs a tree, apart from the commands that only speak to one: it is loaded with the `effect` that the
 * application has, since the children of a configuration are made of that.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import type * as Runner from "../Runner.ts"
import { Failed } from "../CliError.ts"

const missing = (error: unknown): Failed => {
  const text = error instanceof Error ? error.message : String(error)
  const name = /Cannot find package '([^']+)'/.exec(text)?.[1]
  return new Failed({
    message: name === undefined
      ? `What runs a configuration cannot be loaded: ${text}`
      : `To run a configuration, ${name} has to be installed beside effect-supervisor: npm install effect @effect/platform-node`
  })
}

export const runner: Effect.Effect<typeof Runner, Failed> = Effect.tryPromise({
  try: () => import("../Runner.ts"),
  catch: missing
})
