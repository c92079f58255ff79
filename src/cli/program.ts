/**
 * The command line: `effect-supervisor`, or `esv` for short.
 *
 * @since 0.1.0
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { basename } from "node:path"
import { version } from "../control/internal/version.ts"
import { Exit as ExitWith, exitCodeOf, exitCodes, type Failure } from "./CliError.ts"
import { root } from "./commands/root.ts"
import { neutraliseAll } from "./internal/escapes.ts"
import { choose } from "./internal/style.ts"

const name = basename(process.argv[1] ?? "").startsWith("effect-supervisor") ? "effect-supervisor" : "esv"
const args = process.argv.slice(2)
const isJson = args.includes("--json")

const style = choose({
  flag: args.includes("--no-color") ? false : args.includes("--color") ? true : undefined,
  isTTY: process.stdout.isTTY === true,
  environment: process.env
})
const errorStyle = choose({
  flag: args.includes("--no-color") ? false : undefined,
  isTTY: process.stderr.isTTY === true,
  environment: process.env
})

const formatter = CliOutput.defaultFormatter({ colors: style.enabled })

/** Help on standard output; what was wrong on standard error, without a page of help that hides it. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    Effect.sync(() => {
      switch (event._tag) {
        case "Help":
          process.stdout.write(`${formatter.formatHelpDoc(event.helpDoc)}\n`)
          return
        case "InvalidInvocation":
          fail(
            "UsageError",
            `${event.errors.map(({ message }) => message).join("\n")}\nSee "${event.commandPath.join(" ")} --help".`
          )
          return
        case "Version":
          process.stdout.write(`${event.name} ${event.version}\n`)
      }
    })
}

const fail = (tag: string, message: string): void => {
  process.stderr.write(
    isJson
      ? `${JSON.stringify({ error: { tag, message } })}\n`
      : `${errorStyle.red("error:")} ${neutraliseAll(message)}\n`
  )
}

const codeOf = (cause: Cause.Cause<CliError.CliError | Failure>): number => {
  const error = Cause.findErrorOption(cause)
  if (error._tag === "None") {
    if (Cause.hasInterruptsOnly(cause)) return 130
    fail("Bug", `This is a bug in effect-supervisor.\n${Cause.pretty(cause)}`)
    return exitCodes.failed
  }
  const { value } = error
  if (CliError.isCliError(value)) return exitCodes.usage
  if (!(value instanceof ExitWith)) fail(value._tag, value.message)
  return exitCodeOf(value)
}

const services = Layer.mergeAll(
  NodeServices.layer,
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel] }),
  CliOutput.layer(formatter),
  CliOutput.layerPresenter(presenter)
)

/** Does what the command line says, and ends the process. */
export const main = async (): Promise<void> => {
  const exit = await Effect.runPromiseExit(
    Effect.provide(Command.runWith(root(name), { version, renderErrors: true })(args), services)
  )
  const code = Exit.isSuccess(exit) ? exitCodes.ok : codeOf(exit.cause)
  // Whatever is still open is not worth waiting for, but what was written is.
  process.stdout.write("", () => process.exit(code))
}
