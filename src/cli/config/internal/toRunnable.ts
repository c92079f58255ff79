/**
 * A child of a configuration as a Runnable.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Control from "../../../Control.ts"
import * as Command from "../../../process/Command.ts"
import * as Job from "../../../process/Job.ts"
import * as Probe from "../../../process/Probe.ts"
import * as Runnable from "../../../Runnable.ts"
import { Supervisor } from "../../../Supervisor.ts"
import type { CommandLine, ProbeSpec, Services, StopSpec } from "../ConfigSpec.ts"
import type { ChildConfig, CommandWork } from "../SupervisorConfig.ts"
import { boardOf } from "./board.ts"
import { gate, type Needed } from "./gate.ts"
import { companion } from "./companion.ts"
import { exceptForDependencies, policyOf } from "./restart.ts"

/** What a child has to know of the others. */
export interface Others {
  readonly needed: ReadonlyMap<string, Needed>
  /** Somebody waits until it has been started. */
  readonly isAwaited: ReadonlySet<string>
}

export const othersOf = (children: ReadonlyArray<ChildConfig>): Others => ({
  needed: new Map(children.map(({ name, work }) => [
    name,
    { tells: work._tag === "Command" ? work.ready !== undefined : work.runnable.settings.ready === "signal" }
  ])),
  isAwaited: new Set(
    children.flatMap(({ dependsOn }) =>
      dependsOn.flatMap(({ child, condition }) => condition === "started" ? [child] : [])
    )
  )
})

type Child = Runnable.Runnable<unknown, Services | Supervisor>

export const toRunnable = (child: ChildConfig, others: Others): Child => {
  const inner: Child = child.work._tag === "Command" ? jobOf(child, child.work) : child.work.runnable
  return Runnable.makeProto(Runnable.Proto, child.name, around(child, inner, others), inner.settings, {
    restart: exceptForDependencies(inner.settings.restart),
    significant: child.significant || inner.settings.significant,
    version: child.version
  })
}

/** Its work, when it may begin, with what goes on beside it. */
const around = (child: ChildConfig, inner: Child, { isAwaited, needed }: Others) =>
  Effect.gen(function*() {
    const { endsAllOnFailure, name, work } = child
    const board = boardOf(yield* Supervisor)
    board.versions.set(name, child.version)
    yield* gate(child, needed)
    if (work._tag === "Command" && (isAwaited.has(name) || work.logFile !== undefined)) {
      yield* companion(child, work, () => board.start(name))
    } else board.start(name)
    if (work._tag === "Command" && work.stop.command !== undefined) yield* stopsBy(name, work, work.stop.command)
    return yield* endsAllOnFailure ? Effect.onError(inner.effect, (cause) => endAll(name, cause)) : inner.effect
  })

const endAll = (name: string, cause: Cause.Cause<unknown>): Effect.Effect<void, never, Supervisor> =>
  Effect.gen(function*() {
    if (Cause.hasInterruptsOnly(cause)) return
    const supervisor = yield* Supervisor
    boardOf(supervisor).culprit ??= { child: name, cause }
    yield* supervisor.shutdown
  })

// ----------------------------------------------------------------------------------------------------------- commands

const commandOf = (line: CommandLine, { clearEnv, env }: CommandWork, cwd: string): Command.Command => {
  const options = { cwd, env, clearEnv }
  if (typeof line === "string") return Command.shell(line, options)
  if ("shell" in line) return Command.shell(line.shell, options)
  const [program, ...args] = line
  return Command.make(program, args, options)
}

const probeOf = (spec: ProbeSpec, work: CommandWork): Probe.Probe => {
  if ("log" in spec) return Probe.log(spec.log, { stream: spec.stream })
  if ("tcp" in spec) return Probe.tcp(typeof spec.tcp === "number" ? { port: spec.tcp } : spec.tcp)
  if ("http" in spec) return Probe.http(spec.http, { statuses: spec.statuses })
  if ("exec" in spec) return Probe.exec(commandOf(spec.exec, work, spec.cwd ?? work.cwd))
  if ("memory" in spec) return Probe.memory(spec.memory)
  return Probe.notify
}

const graceOf = ({ command, grace }: StopSpec) => grace ?? (command === undefined ? Job.defaults.grace : "10 seconds")

const jobOf = (child: ChildConfig, work: CommandWork): Child => {
  const { liveness, ready, stop } = work
  return Job.runnable(child.name, commandOf(work.command, work, work.cwd), {
    restart: policyOf(work.restart),
    significant: child.significant,
    // With a command of its own it is not asked by a signal: the grace is for that command.
    stopSignal: stop.signal ?? (stop.command === undefined ? undefined : "SIGCONT"),
    grace: graceOf(stop),
    reloadSignal: work.reloadSignal,
    successCodes: work.successCodes,
    ready: ready === undefined ? undefined : { ...ready, probe: probeOf(ready, work) },
    liveness: liveness === undefined ? undefined : { ...liveness, probe: probeOf(liveness, work) }
  })
}

/** When it is asked to stop, runs the command that makes it stop. */
const stopsBy = (name: string, work: CommandWork, line: CommandLine) =>
  Control.shutdown.pipe(
    Effect.andThen(Effect.gen(function*() {
      const path = (yield* Control.path) ?? name
      const job = yield* Job.make(`${path} (stop)`, commandOf(line, work, work.cwd))
      yield* job.start
      yield* job.wait
    })),
    Effect.scoped,
    Effect.catch((error) => Effect.logWarning(`The command that stops ${name} failed: ${error.message}`)),
    Effect.forkScoped({ startImmediately: true })
  )
