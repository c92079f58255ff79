/**
 * `esv config check`: what is wrong with a configuration.
 *
 * Floor 4.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Failed, type Failure } from "../CliError.ts"
import { type Globals, Json } from "../internal/globals.ts"
import { print, printJson, printLines } from "../internal/output.ts"
import { runnerOf } from "../internal/runner.ts"
import { plural } from "../../control/internal/words.ts"

interface Input {
  readonly file: Option.Option<string>
}

const handler = Effect.fnUntraced(function*(input: Input) {
  const { check, file } = yield* runnerOf(Option.getOrUndefined(input.file))
  const report = yield* Effect.promise(() => check(file))
  if (yield* Json) yield* printJson(report)
  else if (report.problems.length === 0) {
    yield* print(
      `${report.file}: ${plural(report.children.length, "child", "children")}, and nothing is wrong with it.\n`
    )
  } else yield* printLines(report.problems.map(({ text }) => text))
  if (report.problems.length > 0) {
    return yield* new Failed({ message: `The configuration cannot be run: correct what is told above.` })
  }
})

const check: Command.Command<"check", Input, {}, Failure, Globals> = Command.make(
  "check",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("The file, or a directory with one; default: the working directory"),
      Argument.optional
    )
  },
  handler
).pipe(Command.withDescription("Tell everything that is wrong with a configuration; nothing is started"))

export const config: Command.Command<"config", {}, {}, Failure, Globals> = Command.make("config").pipe(
  Command.withDescription("Look at a configuration"),
  Command.withSubcommands([check])
)
