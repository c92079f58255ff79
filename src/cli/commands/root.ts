/**
 * All commands.
 *
 * Floor 4.
 */
import * as Command from "effect/cli/Command"
import type { Failure } from "../CliError.ts"
import { all } from "../internal/globals.ts"
import { config } from "./config.ts"
import { dashboard } from "./dashboard.ts"
import { events } from "./events.ts"
import { logs } from "./logs.ts"
import { ps } from "./ps.ts"
import { run, start, up } from "./run.ts"
import { shutdown } from "./shutdown.ts"
import { top } from "./top.ts"
import { tree } from "./tree.ts"
import { hold, release, reload, restart, signal, stop } from "./verbs.ts"
import { wait } from "./wait.ts"
import { why } from "./why.ts"

const description = `Run commands, Effects and Layers under supervision, and see and steer them.

Which supervisor: --socket or --name, else EFFECT_SUPERVISOR_SOCKET, else the one whose configuration is in this directory or above it, else the only one that runs.
Exit codes: 0 ok, 1 failed, 2 usage, 3 no supervisor; run ends with that of the first child to fail, or 128 + n after a signal.`

/** By the name that it is called by. */
export const root = (name: string): Command.Command<string, {}, {}, Failure, never> =>
  Command.make(name).pipe(
    Command.withDescription(description),
    Command.withExamples([
      {
        command: `${name} run`,
        description: "Run the configuration of this directory, with the output of all children"
      },
      { command: `${name} up && ${name} wait --ready`, description: "The same in the background" },
      { command: `${name} logs -f --since 5m 'web*'`, description: "What the web children said, and say" },
      { command: `${name} restart 'backend/**'`, description: "Restart everything below backend" },
      { command: `${name} why web`, description: "Why web does not run" }
    ]),
    Command.withSubcommands([
      { group: "Bring up and down", commands: [run, up, shutdown, config] },
      { group: "See", commands: [ps, tree, top, dashboard, logs, why, events, wait] },
      { group: "Steer (names, paths or globs)", commands: [start, stop, restart, reload, signal, hold, release] }
    ]),
    Command.withGlobalFlags(all)
  )
