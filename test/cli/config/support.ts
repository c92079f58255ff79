/** What the tests of the configuration share: a directory with files, and problems in words. */
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Effect, type FileSystem, Layer, type Path } from "effect"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Config from "../../../src/cli/config/Config.ts"
import * as ConfigError from "../../../src/cli/config/ConfigError.ts"
import type { ChildConfig, CommandWork, SupervisorConfig } from "../../../src/cli/config/SupervisorConfig.ts"
import { removeFolder } from "../../fixtures/removeFolder.ts"

export const fixtures = fileURLToPath(new URL("../../fixtures/config/", import.meta.url))

type Files = FileSystem.FileSystem | Path.Path

export const onNode = <A, E>(effect: Effect.Effect<A, E, Files>): Effect.Effect<A, E> =>
  Effect.provide(effect, Layer.merge(NodeFileSystem.layer, NodePath.layer))

export const write = (directory: string, files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
}

/** A directory with these files, as long as the effect runs. */
export const withFiles = <A, E, R>(
  files: Readonly<Record<string, string>>,
  effect: (directory: string) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const directory = mkdtempSync(join(tmpdir(), "config-test-"))
      write(directory, files)
      return directory
    }),
    effect,
    (directory) => Effect.sync(() => removeFolder(directory))
  )

const noEnvironment: Config.LoadOptions = { environment: {} }

/** The configuration in these files. */
export const load = (
  files: Readonly<Record<string, string>>,
  options: Config.LoadOptions = {}
): Effect.Effect<SupervisorConfig, ConfigError.ConfigInvalid | ConfigError.ConfigNotFound> =>
  withFiles(files, (file) => onNode(Config.load({ file, ...noEnvironment, ...options })))

/** What is wrong with these files, as a person reads it, without the directory. */
export const problems = (
  files: Readonly<Record<string, string>>,
  options: Config.LoadOptions = {}
): Effect.Effect<ReadonlyArray<string>, ConfigError.ConfigNotFound> =>
  withFiles(files, (file) =>
    onNode(Effect.map(
      Config.check({ file, ...noEnvironment, ...options }),
      (found) => found.map((problem) => ConfigError.show(problem).replaceAll(`${file}/`, ""))
    )))

/** A process-compose file with these processes. */
export const compose = (processes: string): Readonly<Record<string, string>> => ({
  "process-compose.yaml": `processes:\n${processes.replace(/^\n/, "").replaceAll(/^/gm, "  ")}\n`
})

export const childOf = (config: SupervisorConfig, name: string): ChildConfig => {
  const child = config.children.find((child) => child.name === name)
  if (child === undefined) {
    throw new Error(`no child ${name} among ${config.children.map(({ name }) => name).join(", ")}`)
  }
  return child
}

export const commandOf = (config: SupervisorConfig, name: string): CommandWork => {
  const { work } = childOf(config, name)
  if (work._tag === "Code") throw new Error(`${name} is code`)
  return work
}
