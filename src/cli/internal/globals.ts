/**
 * The flags that every command has.
 *
 * Floor 4.
 */
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { choose, type Style } from "./style.ts"

export const Socket: GlobalFlag.Setting<"socket", Option.Option<string>> = GlobalFlag.Setting("socket")({
  flag: Flag.String("socket").pipe(
    Flag.withDescription("The supervisor at this socket (also EFFECT_SUPERVISOR_SOCKET)"),
    Flag.withMetavar("path"),
    Flag.optional
  )
})

export const Name: GlobalFlag.Setting<"name", Option.Option<string>> = GlobalFlag.Setting("name")({
  flag: Flag.String("name").pipe(
    Flag.withAlias("n"),
    Flag.withDescription("The supervisor of this name"),
    Flag.withMetavar("name"),
    Flag.optional
  )
})

export const Json: GlobalFlag.Setting<"json", boolean> = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Print JSON: one value, or one a line where it goes on"),
    Flag.withoutNegation,
    Flag.withDefault(false)
  )
})

export const Color: GlobalFlag.Setting<"color", Option.Option<boolean>> = GlobalFlag.Setting("color")({
  flag: Flag.Boolean("color").pipe(
    Flag.withDescription("Use colours or do not (also NO_COLOR and FORCE_COLOR)"),
    Flag.optional
  )
})

/** What a command needs of what was said for all commands. */
export type Globals =
  | GlobalFlag.Setting.Identifier<"socket">
  | GlobalFlag.Setting.Identifier<"name">
  | GlobalFlag.Setting.Identifier<"json">
  | GlobalFlag.Setting.Identifier<"color">

export const all: readonly [typeof Socket, typeof Name, typeof Json, typeof Color] = [Socket, Name, Json, Color]

/** How what goes to standard output looks. */
export const style: Effect.Effect<Style, never, GlobalFlag.Setting.Identifier<"color">> = Effect.map(
  Color,
  (flag) =>
    choose({
      flag: Option.getOrUndefined(flag),
      isTTY: process.stdout.isTTY === true,
      environment: process.env
    })
)
