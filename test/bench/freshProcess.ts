/** Runs a piece in a node process of its own and returns the numbers that it prints, as JSON. */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import type { Sample } from "./harness.ts"

const timeout = 30_000

export const inFreshProcess = <Metric extends string>(
  args: ReadonlyArray<string>
): Effect.Effect<Sample<Metric>, Error> =>
  Effect.callback<Sample<Metric>, Error>((resume) => {
    const child = execFile(process.execPath, args, { timeout, killSignal: "SIGKILL" }, (error, stdout) =>
      resume(error === null ? Effect.succeed(JSON.parse(stdout)) : Effect.fail(error)))
    return Effect.sync(() =>
      void child.kill("SIGKILL")
    )
  })
