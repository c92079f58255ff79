/**
 * process-compose's files: what is supported of them is turned into what a person would write in TypeScript.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import * as Predicate from "effect/Predicate"
import * as compose from "./composeSchema.ts"
import { Converter } from "./composeProcess.ts"
import { decode } from "./decode.ts"
import { type Draft, type Key, namesIn } from "./draft.ts"
import { type Base, type Environment, readBase } from "./environment.ts"
import type { Problems, Where } from "./problems.ts"

/** Keys that begin so are for people and for anchors, as in compose files. */
const isExtension = (key: string): boolean => key.startsWith("x-")

/** Without what is for people and what is left empty. */
const clean = (value: unknown): unknown =>
  Predicate.isObject(value) && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).filter(([key, value]) => !isExtension(key) && value !== null))
    : value

const processesOf = (value: unknown): Readonly<Record<string, unknown>> =>
  Predicate.hasProperty(value, "processes") && Predicate.isObject(value.processes)
    ? value.processes as Readonly<Record<string, unknown>>
    : {}

const cleanAll = (value: unknown): unknown => {
  const whole = clean(value)
  const processes = Object.entries(processesOf(whole)).map(([name, process]) => [name, clean(process)])
  return processes.length === 0 ? whole : { ...whole as object, processes: Object.fromEntries(processes) }
}

/** What a key of a `CommandSpec` is called there. */
const names: Readonly<Record<Key, string>> = {
  command: "command",
  dependsOn: "depends_on",
  env: "environment",
  envFile: "env_file",
  cwd: "working_dir",
  replicas: "replicas",
  endsAllOnFailure: "availability",
  logFile: "log_location",
  stop: "shutdown"
}

interface About {
  readonly file: string
  readonly directory: string
  readonly environment: Environment
  readonly problems: Problems
  readonly dotEnv: boolean
}

export interface Read {
  readonly draft: Draft
  readonly base: Base
}

export const read: (
  text: string,
  about: About
) => Effect.Effect<Read | undefined, never, FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(
  function*(text, about) {
    const { directory, file, problems } = about
    // Loaded only for a file that needs it: no other format pays for it.
    const yaml = yield* Effect.promise(() => import("./yamlText.ts"))
    const parsed = yaml.parse(text, problems)
    if (parsed === undefined) return undefined
    const where = (keys: ReadonlyArray<PropertyKey>): Where => ({
      path: keys.map(String).join("."),
      line: parsed.lineOf(keys)
    })
    const options = { problems, where, reasons: compose.unsupported }
    const value = cleanAll(parsed.value)
    // What is wrong with the whole does not hide what is wrong with its parts.
    const project = decode(compose.project, value, { ...options, at: [] }) ?? { processes: processesOf(value) }
    const processes = new Map<string, compose.Process>()
    const broken = new Map<string, ReadonlyArray<string>>()
    for (const [name, given] of Object.entries(project.processes)) {
      const process = decode(compose.process, given, { ...options, at: ["processes", name] })
      if (process !== undefined) processes.set(name, process)
      else broken.set(name, Predicate.hasProperty(given, "depends_on") ? namesIn(given.depends_on) : [])
    }
    const base = yield* readBase(about, project.env_file ?? (about.dotEnv ? undefined : false), where(["env_file"]))
    const converter = new Converter(project, processes, base, where)
    const draft: Draft = {
      file,
      directory,
      format: "process-compose",
      name: undefined,
      broken,
      children: Array.from(processes, ([group, process]) => ({
        group,
        replicas: process.replicas === 1 ? undefined : process.replicas,
        restart: "never",
        spec: (replica) => converter.command(group, process, replica)
      })),
      env: converter.global,
      options: { escalate: "never" },
      logDirectory: undefined,
      dashboard: undefined,
      telemetry: undefined,
      where: (child, key, name) =>
        where(["processes", child, ...(key === undefined ? [] : [names[key]]), ...(name === undefined ? [] : [name])]),
      version: ""
    }
    if (Object.keys(project.processes).length === 0 && problems.list.length === 0) {
      problems.add("WrongValue", where(["processes"]), "it names no process", "Write at least one")
    }
    return { draft, base }
  }
)
