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
import type { CodeSpec, CommandLine, CommandSpec, ProbeSpec, RestartSpec } from "../ConfigSpec.ts"
import type { ChildConfig, CodeWork, CommandWork, SupervisorConfig } from "../SupervisorConfig.ts"
import { checkNeeds, dependencies, ordered } from "./dependencies.ts"
import type { Draft, DraftChild, Groups, Replica } from "./draft.ts"
import { type Base, listOf, readFiles, wordsOf } from "./environment.ts"
import { checkName, groupOf } from "./groups.ts"
import { hash } from "./hash.ts"
import type { Where } from "./problems.ts"
import { policyOf } from "./restart.ts"
import { reveal } from "./secrets.ts"

type Files = FileSystem.FileSystem | Path.Path

/** The whole configuration. It is of use only if no problem was found. */
export const complete: (draft: Draft, base: Base) => Effect.Effect<SupervisorConfig, never, Files> = Effect.fnUntraced(
  function*(draft, base) {
    const path = yield* Path.Path
    const children: Array<ChildConfig> = []
    const groups: Groups = new Map(draft.children.map((child) => [child.group, groupOf(child)]))
    for (const group of groups.values()) {
      checkName(group, groups, draft, base)
      for (const replica of group.replicas) {
        children.push(yield* completeChild(group.child, replica, groups, draft, base))
      }
    }
    for (const [name, needs] of draft.broken) checkNeeds(name, needs, groups, draft, base)
    const { dashboard } = draft
    return {
      file: draft.file,
      format: draft.format,
      name: draft.name ?? (path.basename(draft.directory) || "supervisor"),
      children: ordered(children, groups, draft, base),
      options: draft.options,
      logDirectory: draft.logDirectory && path.resolve(draft.directory, draft.logDirectory),
      dashboard: dashboard === true ? {} : dashboard === false ? undefined : dashboard,
      telemetry: draft.telemetry
    }
  }
)

const completeChild = Effect.fnUntraced(function*(
  child: DraftChild,
  replica: Replica,
  groups: Groups,
  draft: Draft,
  base: Base
) {
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
    dependsOn: dependencies(child, spec, groups, draft, base),
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
  const texts = { cwd: [spec.cwd], envFile: listOf(spec.envFile), logFile: [spec.logFile] } as const
  for (const [key, values] of Object.entries(texts)) {
    if (values.some(hasNul)) addNul(draft.where(group, key as keyof typeof texts), base)
  }
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
  for (const [name, word] of Object.entries(work.env)) {
    if (hasNul(word)) addNul(draft.where(group, "env", name), base)
  }
  return work
})

const hasNul = (word: Command.Word | undefined): boolean => word !== undefined && String(reveal(word)).includes("\0")

const addNul = (where: Where, { problems }: Base): void =>
  problems.add("WrongValue", where, "there is a NUL character in it", "Take it out: no program can be given one")

/** Words, or a script for a shell. */
const commandLine = (
  given: CommandLine,
  group: string,
  key: "command" | "stop",
  draft: Draft,
  base: Base
): Exclude<CommandLine, string> => {
  if ((typeof given === "string" ? [given] : "shell" in given ? [given.shell] : given).some(hasNul)) {
    addNul(draft.where(group, key), base)
  }
  if (typeof given !== "string") return given
  const parsed = Command.parse(given)
  if (Result.isFailure(parsed)) {
    const detail = parsed.failure.detail.replace(/ in template part \d+/, "")
    const advice = "Quote what is meant literally, or write { shell: ... }"
    base.problems.add(
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
