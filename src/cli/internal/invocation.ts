/**
 * What to write to reach the same supervisor again, from the same place.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CommandLine from "effect/process/CommandLine"
import { type Globals, Name, Socket } from "./globals.ts"

/** All before a verb, such as `esv -n shop`. */
export const invocation: Effect.Effect<string, never, Globals> = Effect.gen(function*() {
  const socket = Option.match(yield* Socket, { onNone: () => [], onSome: (path) => ["--socket", path] })
  const name = Option.match(yield* Name, { onNone: () => [], onSome: (name) => ["-n", name] })
  return CommandLine.display(["esv", ...socket, ...name], { format: "posix" })
})
