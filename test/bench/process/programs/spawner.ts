/** Nothing but the spawner of Effect, on which ours.ts stands, with the same modules loaded. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Scope, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import type { Child } from "./children.ts"
import { keep, type Started } from "./loop.ts"

const start = Effect.fnUntraced(function*({ argv: [program, ...args] }: Child) {
  const { spawn } = yield* ChildProcessSpawner.ChildProcessSpawner
  const { exitCode, pid, stderr, stdout } = yield* spawn(ChildProcess.make(program, args, { stdin: "ignore" }))
  for (const output of [stdout, stderr]) yield* Effect.forkScoped(Stream.runDrain(output))
  // An end by signal is a failure to it.
  const ended = new Promise<unknown>((resolve) => Effect.runForkWith(context)(exitCode).addObserver(resolve))
  const started: Started = { kill: (signal) => process.kill(-pid, signal), ended }
  return started
})

const context = await Effect.runPromise(
  Effect.context<ChildProcessSpawner.ChildProcessSpawner | Scope.Scope>().pipe(
    Effect.provide(NodeServices.layer),
    Scope.provide(Scope.makeUnsafe())
  )
)
await Promise.all([import("effect-supervisor"), import("effect-supervisor/process")])
const run = Effect.runPromiseWith(context)
await keep((child) => run(start(child)))
