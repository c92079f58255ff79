/**
 * `supervisor.config.ts` and its like: imported afresh whenever the text has changed.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { pathToFileURL } from "node:url"
import { managerSettings } from "../../../ManagerOptions.ts"
import { InvalidOption } from "../../../SupervisorError.ts"
import type { CodeSpec, CommandSpec } from "../ConfigSpec.ts"
import type { SupervisorConfig } from "../SupervisorConfig.ts"
import type { Read } from "./composeReader.ts"
import { decode } from "./decode.ts"
import { type Draft, type DraftChild, namesIn } from "./draft.ts"
import { type Environment, readBase, wordsOf } from "./environment.ts"
import { hash } from "./hash.ts"
import * as schema from "./moduleSchema.ts"
import type { Problems, Where } from "./problems.ts"

interface About {
  readonly file: string
  readonly directory: string
  readonly environment: Environment
  readonly problems: Problems
  readonly dotEnv: boolean
}

/** So deep may things stand in things: more is something that holds itself. */
const maxDepth = 100

/**
 * Undefined values say nothing. Only plain objects are looked into: an Effect is an object too. It throws what a getter
 * throws.
 */
const clean = (value: unknown, depth: number): unknown => {
  if (depth > maxDepth) throw new Error("it holds itself, or things that stand too deep in each other")
  if (Array.isArray(value)) return value.map((one) => clean(one, depth + 1))
  if (!Predicate.isObject(value) || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).filter(([, value]) => value !== undefined).map(([key, value]) => [
      key,
      clean(value, depth + 1)
    ])
  )
}

/** What was thrown, in a line. Anything can be thrown, also what cannot be shown. */
const said = (error: unknown): string =>
  Result.getOrElse(
    Result.try(() => String(error instanceof Error ? error.message : error).split("\n")[0]!),
    () => "what was thrown cannot be shown"
  )

/** By key, the line on which it is written; `undefined` for one that is written on several. */
const linesOf = (text: string): ReadonlyMap<string, number | undefined> => {
  const lines = new Map<string, number | undefined>()
  for (const [index, line] of text.split("\n").entries()) {
    const [, double, single, bare] = /^[\s{,]*(?:"([^"]+)"|'([^']+)'|([^\s"'{},:()]+))\s*[:,(]/.exec(line) ?? []
    const key = double ?? single ?? bare
    if (key !== undefined) lines.set(key, lines.has(key) ? undefined : index + 1)
  }
  return lines
}

/** Where a module broke off, by the stack of what it threw. */
const lineOfError = (error: unknown, file: string): number | undefined => {
  const stack = error instanceof Error && typeof error.stack === "string" ? error.stack : ""
  const at = stack.indexOf(file)
  const match = at < 0 ? null : /^[^\s:)]*:(\d+)/.exec(stack.slice(at + file.length))
  return match === null ? undefined : Number(match[1])
}

const load = (about: About, text: string): Effect.Effect<unknown> => {
  const { file, problems } = about
  const url = pathToFileURL(file)
  // The same text is the same module: its Effects are then the same too.
  url.searchParams.set("version", hash(text))
  return Effect.tryPromise(() => import(/* @vite-ignore */ url.href) as Promise<{ readonly default?: unknown }>).pipe(
    Effect.matchEffect({
      onFailure: ({ cause: error }) =>
        Effect.sync(() => {
          const what = said(error).replaceAll(url.href, file)
          const place = { path: "", line: lineOfError(error, file) }
          problems.add("Syntax", place, `it cannot be loaded: ${what}`, "Correct it there, or in what it imports")
          return undefined
        }),
      onSuccess: (module) =>
        Effect.sync(() => {
          if (module.default === undefined) {
            const advice = "Write `export default defineConfig({ children: { ... } })`"
            problems.add("WrongValue", { path: "", line: undefined }, "it has no default export", advice)
          }
          return module.default
        })
    })
  )
}

export const read: (
  text: string,
  about: About
) => Effect.Effect<Read | undefined, never, FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(
  function*(text, about) {
    const { directory, file, problems } = about
    const value = yield* load(about, text)
    if (value === undefined) return undefined
    const lines = linesOf(text)
    const where = (keys: ReadonlyArray<PropertyKey>): Where => ({
      path: keys.map(String).join("."),
      line: keys.map((key) => lines.get(String(key))).findLast((line) => line !== undefined)
    })
    const readable = Result.try({
      try: () => {
        const given = clean(value, 0)
        return { given, part: partOf(given) }
      },
      catch: (error) => error
    })
    if (Result.isFailure(readable)) {
      const { failure } = readable
      const place = { path: "", line: lineOfError(failure, file) }
      problems.add("WrongValue", place, `its default export cannot be read: ${said(failure)}`, "Export plain values")
      return undefined
    }
    const { given, part } = readable.success
    // What is wrong with the whole does not hide what is wrong with its parts.
    const config: schema.LooseConfig = decode(schema.config, given, { problems, where, at: [] }) ?? part
    const children = Object.entries(config.children).flatMap(([name, child]) => readChild(name, child, problems, where))
    const understood = new Set(children.map(({ group }) => group))
    if (children.length === 0 && problems.list.length === 0) {
      problems.add("WrongValue", where(["children"]), "it names no child", "Write at least one")
    }
    const base = yield* readBase(about, config.envFile ?? (about.dotEnv ? undefined : false), where(["envFile"]))
    const draft: Draft = {
      file,
      directory,
      format: "module",
      name: config.name,
      children,
      broken: new Map(
        Object.entries(config.children).filter(([name]) => !understood.has(name)).map(([name, child]) => [
          name,
          Predicate.hasProperty(child, "dependsOn") ? namesIn(child.dependsOn) : []
        ])
      ),
      env: wordsOf(config.env),
      options: readOptions(config, problems, where),
      logDirectory: config.logDirectory,
      dashboard: config.dashboard,
      telemetry: config.telemetry,
      where: (child, key, name) =>
        where(["children", child, ...(key === undefined ? [] : [key]), ...(name === undefined ? [] : [name])]),
      version: hash(text)
    }
    return { draft, base }
  }
)

/** What can be looked at of something that is no configuration. */
const partOf = (value: unknown): schema.LooseConfig => ({
  ...(Predicate.hasProperty(value, "strategy") ? { strategy: value.strategy } : {}),
  children: Predicate.hasProperty(value, "children") && Predicate.isObject(value.children)
    ? value.children as Readonly<Record<string, unknown>>
    : {}
})

const readChild = (
  name: string,
  given: unknown,
  problems: Problems,
  where: (keys: ReadonlyArray<PropertyKey>) => Where
): ReadonlyArray<DraftChild> => {
  const at = ["children", name]
  const value = typeof given === "string" ? { command: given } : schema.isCode(given) ? { run: given } : given
  const child = (spec: CommandSpec | CodeSpec | undefined, replicas?: number): ReadonlyArray<DraftChild> =>
    spec === undefined
      ? []
      : [{ group: name, replicas, spec: () => spec, restart: "run" in spec ? "never" : "on-failure" }]
  if (Predicate.hasProperty(value, "run")) return child(decode(schema.code, value, { problems, where, at }))
  if (Predicate.hasProperty(value, "command")) {
    const spec = decode(schema.command, value, { problems, where, at })
    const hasProbes = spec !== undefined && [...["ready", "liveness"] as const].every((key) => {
      const kinds = schema.probeKinds.filter((kind) => spec[key] !== undefined && kind in spec[key])
      if (spec[key] === undefined || kinds.length === 1) return true
      const advice = `Write one of ${schema.probeKinds.join(", ")}`
      problems.add("WrongValue", where([...at, key]), "it needs one way to find out", advice)
      return false
    })
    return hasProbes ? child(spec as CommandSpec, spec.replicas === 1 ? undefined : spec.replicas) : []
  }
  const advice = "Write a command line, { command: ... }, { run: ... }, or an Effect, a Layer or a Runnable"
  problems.add("WrongValue", where(at), "it is no child", advice)
  return []
}

/** The options of the manager, by the checks that the manager itself makes. */
const readOptions = (
  config: schema.LooseConfig,
  problems: Problems,
  where: (keys: ReadonlyArray<PropertyKey>) => Where
): SupervisorConfig["options"] => {
  const { autoShutdown, escalate, intensity, shutdownOrder, strategy } = config
  const options = { autoShutdown, escalate, intensity, shutdownOrder, strategy } as SupervisorConfig["options"]
  const checked = Result.try({ try: () => managerSettings("config", options), catch: (error) => error })
  if (Result.isFailure(checked)) {
    const { failure } = checked
    if (!(failure instanceof InvalidOption)) throw failure
    problems.add("WrongValue", where([failure.option]), "it is not what this takes", `Write ${failure.expected}`)
  }
  return options
}
