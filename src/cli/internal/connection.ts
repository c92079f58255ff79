/**
 * The connection that a command works on.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import type * as ControlClient from "../../control/ControlClient.ts"
import type { NoSupervisor, ProtocolMismatch } from "../../control/ControlError.ts"
import type { NoneFound } from "../CliError.ts"
import { type Globals, Name, Socket } from "./globals.ts"
import { which } from "./which.ts"

/** The socket of the supervisor that is meant. */
export const socket: Effect.Effect<string, NoneFound, Globals> = Effect.gen(function*() {
  return yield* which({
    socket: Option.getOrUndefined(yield* Socket),
    name: Option.getOrUndefined(yield* Name),
    fromEnvironment: process.env["EFFECT_SUPERVISOR_SOCKET"],
    directory: process.cwd()
  })
})

/** What it takes to speak to a supervisor is loaded when one is spoken to. */
export const open = (socket: string): Effect.Effect<ControlClient.Client, NoSupervisor | ProtocolMismatch, Scope> =>
  Effect.flatMap(
    Effect.promise(() => import("../../control/ControlClient.ts")),
    ({ make }) => make({ socket })
  )

/** A connection to the supervisor that is meant. */
export const connect: Effect.Effect<
  ControlClient.Client,
  NoneFound | NoSupervisor | ProtocolMismatch,
  Globals | Scope
> = Effect.flatMap(socket, open)
