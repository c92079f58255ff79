/**
 * Completes what was read: replicas, paths, variables, dependencies and their order.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Command from "../../../process/Command.ts"
import * as Runnable from "../../../Runnable.ts"
import type { CodeSpec, CommandLine, CommandSpec, Condition, ProbeSpec, RestartSpec } from "../ConfigSpec.ts"
import type { ChildConfig, CodeWork, CommandWork, Dependency, SupervisorConfig } from "../SupervisorConfig.ts"
import type { Draft, DraftChild, Replica } from "./draft.ts"
import { type Base, listOf, readFiles, wordsOf } from "./environment.ts"
import * as graph from "./graph.ts"
import { hash } from "./hash.ts"
import { suggest } from "./problems.ts"
import { policyOf } from "./restart.ts"

type Files = FileSystem.FileSystem | Path.Path

/** The whole configuration. It is of use only if no problem was found. */
export const complete: (draft: Draft, base: Base) => Effect.Effect<SupervisorConfig, never, Files> = Effect.fnUntraced(
  function*(draft, base) {
    const path = yield* Path.Path
    const children: Array<ChildConfig> = []
    for (const child of draft.children) {
      checkName(child, draft, base)
      for (const replica of replicasOf(child)) children.push(yield* completeChild(child, replica, draft, base))
    }
    const { dashboard } = draft
    return {
      file: draft.file,
      format: draft.format,
      name: draft.name ?? (path.basename(draft.directory) || "supervisor"),
      children: ordered(children, draft, base),
      options: draft.options,
      logDirectory: draft.logDirectory && path.resolve(draft.directory, draft.logDirectory),
      dashboard: dashboard === true ? {} : dashboard === false ? undefined : dashboard,
      telemetry: draft.telemetry
    }
  }
)

/** "web-1" and on, or the name alone. */
const replicasOf = ({ group, replicas }: DraftChild): ReadonlyArray<Replica> =>
  replicas === undefined
    ? [{ name: group, index: 0 }]
    : Array.from({ length: replicas }, (_, index) => ({ name: `${group}-${index + 1}`, index }))

const checkName = ({ group, replicas }: DraftChild, draft: Draft, { problems }: Base): void => {
  // oxlint-disable-next-line no-control-regex -- control characters would break every line that names the child
  if (group.trim() === "" || /[/\u0000-\u001f\u007f]/.test(group)) {
    const advice = `Take a name of one line without "/"`
    problems.add("WrongValue", draft.where(group), `${JSON.stringify(group)} cannot be a name`, advice)
  }
  const taken = replicas === undefined ?
    undefined :
    draft.children.find((other) =>
      other.replicas === undefined && replicasOf({ ...other, group, replicas }).some(({ name }) => name === other.group)
    )
  if (taken !== undefined) {
    const message = `one of the replicas of "${group}" would be named "${taken.group}", as another child is`
    problems.add("Duplicate", draft.where(group, "replicas"), message, "Give one of them another name")
  }
}

const completeChild = Effect.fnUntraced(function*(child: DraftChild, replica: Replica, draft: Draft, base: Base) {
  const spec = child.spec(replica)
  const where = draft.where(child.group)
  const work = "run" in spec
    ? codeWork(replica.name, spec)
    : yield* commandWork(child, replica, spec, draft, base)
  if (spec.endsAllOnFailure === true && (spec.restart ?? child.restart) !== "never") {
    const advice = `Write restart: "never" beside it`
    base.problems.add(
      "WrongValue",
      draft.where(child.group, "endsAllOnFailure"),
      "it cannot end everything by a failure and be restarted",
      advice
    )
  }
  const complete: ChildConfig = {
    name: replica.name,
    group: child.group,
    line: where.line,
    namespaces: listOf(spec.namespace),
    description: spec.description,
    disabled: spec.disabled ?? false,
    significant: spec.significant ?? false,
    endsAllOnFailure: spec.endsAllOnFailure ?? false,
    dependsOn: dependencies(child, spec.dependsOn, draft, base),
    work,
    version: ""
  }
  return { ...complete, version: versionOf(complete, spec, draft) }
})

/** What makes it the same child. Where it stands in the file and what it is called for people is no part of it. */
const versionOf = (child: ChildConfig, spec: CommandSpec | CodeSpec, draft: Draft): string => {
  const { dependsOn, endsAllOnFailure, significant, work } = child
  const own = work._tag === "Command"
    ? work
    : spec && "run" in spec && spec.version !== undefined
    ? { version: spec.version }
    : { version: work.runnable.settings.version ?? draft.version }
  return hash({ own, dependsOn, endsAllOnFailure, significant })
}

// ------------------------------------------------------------------------------------------------------------- work

const restartOf = (given: "never" | "on-failure" | "always" | RestartSpec): "never" | RestartSpec =>
  given === "on-failure" || given === "always" ? { policy: given } : given

const codeWork = (name: string, { restart, run, significant }: CodeSpec): CodeWork => {
  const named = Runnable.isRunnable(run) && run.name === name
    ? run
    : Runnable.isRunnable(run)
    ? Runnable.makeProto<unknown, unknown>(Runnable.Proto, name, run.effect, run.settings, {})
    : Layer.isLayer(run)
    ? Runnable.fromLayer(name, run)
    : Runnable.make(name, run as Effect.Effect<unknown, unknown>)
  const options = {
    ...(restart === undefined ? {} : {
      restart: typeof restart === "object" && "_tag" in restart ? restart : policyOf(restartOf(restart))
    }),
    ...(significant === undefined ? {} : { significant })
  }
  return {
    _tag: "Code",
    runnable: Runnable.makeProto(Runnable.Proto, name, named.effect, named.settings, options) as CodeWork["runnable"]
  }
}

const commandWork = Effect.fnUntraced(function*(
  child: DraftChild,
  replica: Replica,
  spec: CommandSpec,
  draft: Draft,
  base: Base
) {
  const path = yield* Path.Path
  const { group } = child
  const cwd = path.resolve(draft.directory, spec.cwd ?? ".")
  const resolve = (file: string | undefined) => file === undefined ? undefined : path.resolve(draft.directory, file)
  const line = (given: CommandLine, key: "command" | "stop") => commandLine(given, group, key, draft, base)
  const probe = <P extends ProbeSpec>(given: P | undefined): P | undefined =>
    given === undefined || !("exec" in given)
      ? given
      : { ...given, exec: line(given.exec, "command"), cwd: resolve(given.cwd) }
  const { stop = {} } = spec
  const work: CommandWork = {
    _tag: "Command",
    command: line(spec.command, "command"),
    cwd,
    env: {
      ...(spec.dotEnv === false ? {} : base.files),
      ...draft.env,
      ...(child.replicas === undefined ? {} : { EFFECT_SUPERVISOR_REPLICA: String(replica.index + 1) }),
      ...yield* readFiles(base, listOf(spec.envFile), draft.where(group, "envFile")),
      ...wordsOf(spec.env)
    },
    clearEnv: spec.clearEnv ?? false,
    ready: probe(spec.ready),
    liveness: probe(spec.liveness),
    restart: restartOf(spec.restart ?? child.restart),
    stop: stop.command === undefined ? stop : { ...stop, command: line(stop.command, "stop") },
    reloadSignal: spec.reloadSignal,
    successCodes: spec.successCodes,
    logFile: resolve(spec.logFile)
  }
  return work
})

/** Words, or a script for a shell. */
const commandLine = (
  given: CommandLine,
  group: string,
  key: "command" | "stop",
  draft: Draft,
  { problems }: Base
): Exclude<CommandLine, string> => {
  if (typeof given !== "string") return given
  const parsed = Command.parse(given)
  if (Result.isFailure(parsed)) {
    const detail = parsed.failure.detail.replace(/ in template part \d+/, "")
    const advice = "Quote what is meant literally, or write { shell: ... }"
    problems.add(
      "WrongValue",
      draft.where(group, key),
      `it cannot be split into words: ${detail}`,
      advice
    )
    return { shell: given }
  }
  const { program } = parsed.success
  return program._tag === "Exec" ? [program.program, ...program.args] : { shell: given }
}

// ----------------------------------------------------------------------------------------------------- dependencies

const needsOf = (given: CommandSpec["dependsOn"]): ReadonlyArray<readonly [string, Condition]> =>
  isNames(given) ? given.map((name) => [name, "ready"] as const) : Object.entries(given ?? {})

const isNames = (given: CommandSpec["dependsOn"]): given is ReadonlyArray<string> => Array.isArray(given)

/** Nobody ends for good what is restarted for ever. */
const neverEnds = ({ restart }: CommandSpec | CodeSpec): boolean =>
  restart === "always" ||
  (typeof restart === "object" && "policy" in restart && restart.policy === "always" &&
    restart.maxRestarts === undefined)

const dependencies = (
  child: DraftChild,
  given: CommandSpec["dependsOn"],
  draft: Draft,
  { problems }: Base
): ReadonlyArray<Dependency> =>
  needsOf(given).flatMap(([name, condition]) => {
    const where = draft.where(child.group, "dependsOn", name)
    const needed = draft.children.find(({ group }) => group === name)
    if (needed === undefined && draft.broken.has(name)) return []
    if (needed === undefined) {
      const others = draft.children.map(({ group }) => group).filter((group) => group !== child.group)
      problems.add("UnknownDependency", where, `there is no "${name}"`, suggest(name, others))
      return []
    }
    const spec = needed.spec(replicasOf(needed)[0]!)
    if (spec.disabled === true) {
      const advice = `Enable "${name}", or disable "${child.group}" too`
      if (child.spec(replicasOf(child)[0]!).disabled !== true) {
        problems.add("ImpossibleDependency", where, `"${name}" is disabled`, advice)
      }
    }
    if ((condition === "completed" || condition === "succeeded") && neverEnds(spec)) {
      const message = `"${name}" is always restarted, so it never ends for good`
      problems.add(
        "ImpossibleDependency",
        where,
        message,
        `Restart "${name}" on failure only, or wait for it to be ready`
      )
    }
    return replicasOf(needed).map(({ name }) => ({ child: name, condition }))
  })

/** Each after those that it needs. */
const ordered = (
  children: ReadonlyArray<ChildConfig>,
  draft: Draft,
  { problems }: Base
): ReadonlyArray<ChildConfig> => {
  const groups = new Map(draft.children.map((child) => [
    child.group,
    needsOf(child.spec(replicasOf(child)[0]!).dependsOn).map(([name]) => name)
  ]))
  const { cycles, names } = graph.order(groups)
  for (const cycle of cycles) {
    const where = draft.where(cycle[0]!, "dependsOn", cycle[1])
    problems.add("Cycle", where, `these need each other: ${cycle.join(" -> ")}`, "Take one of the dependencies out")
  }
  const rank = new Map(names.map((name, index) => [name, index]))
  return children.toSorted((a, b) => rank.get(a.group)! - rank.get(b.group)!)
}
