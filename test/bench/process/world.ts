/**
 * What a run of the benchmark stands on: a temporary directory, a node of its own, our programs as they are published (type
 * stripping would be in their memory), and the packages of others, which are installed outside of the repository. At the
 * end nothing of it runs.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"
import { endAll, marked } from "./processes.ts"
import { removeFolder } from "../../fixtures/removeFolder.ts"

export const root = fileURLToPath(new URL("../../../", import.meta.url))

const programFiles = ["ours", "bare", "loaded", "spawner", "throughput", "completeness"].map((name) =>
  fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
)

/** The versions that are compared with. */
export const versions = { pm2: "7.0.4", concurrently: "9.2.5" } as const

/** With this the marks of all processes of this run begin. */
export const mark = `${process.pid}.`

export interface World {
  readonly directory: string
  /** A copy: pages of the program that are shared with this process would count half. */
  readonly node: string
  /** One of our programs, built. */
  readonly program: (name: string) => string
  /** Why an npm package is not there, or where it is. */
  readonly packages: { readonly [Name in keyof typeof versions]: string | undefined }
  readonly has: (program: string) => boolean
}

const has = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((directory) => existsSync(join(directory, program)))

/** The library as it is published, and our programs, below `node_modules`, where they find the same `effect`. */
const build = async (folder: string): Promise<void> => {
  execFileSync(process.execPath, [".ci/bundle.ts", join(folder, "dist")], { cwd: root })
  const exports = { ".": "./dist/index.js", "./process": "./dist/process/index.js" }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "effect-supervisor", type: "module", exports }))
  const programs = await rolldown({ input: programFiles, external: /^[^./]/ })
  await programs.write({ dir: join(folder, "programs") })
  await programs.close()
}

/** Installs it once into the cache of this user; `undefined` if that cannot be done. */
const install = (name: keyof typeof versions): string | undefined => {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache")
  const folder = join(cache, "effect-supervisor-bench", `${name}-${versions[name]}`)
  const installed = join(folder, "node_modules", name)
  if (existsSync(join(folder, "complete"))) return installed
  try {
    mkdirSync(folder, { recursive: true })
    const args = [
      "install",
      "--prefix",
      folder,
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
      `${name}@${versions[name]}`
    ]
    execFileSync("npm", args, { stdio: "ignore", timeout: 120_000 })
    writeFileSync(join(folder, "complete"), "")
    return installed
  } catch {
    return undefined
  }
}

/** Debian's packages of those that are programs of the system. */
const installDebian = (): void => {
  const missing = Object.entries({ supervisord: "supervisor", "s6-svscan": "s6", runsvdir: "runit" })
    .filter(([program]) => !has(program)).map(([, name]) => name)
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync("/etc/debian_version") || !has("apt-get")) return
  const options = {
    stdio: "ignore",
    timeout: 120_000,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  } as const
  try {
    execFileSync("apt-get", ["update"], options)
    // Their services must not be started by being installed, which Debian does where there is an init system.
    execFileSync("apt-get", ["install", "-y", "--no-install-recommends", ...missing], options)
  } catch {
    // Then they are skipped.
  }
}

export const make: Effect.Effect<World, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    installDebian()
    const directory = mkdtempSync(join(tmpdir(), "effect-supervisor-process-bench-"))
    const cache = join(root, "node_modules/.cache")
    mkdirSync(cache, { recursive: true })
    const built = mkdtempSync(join(cache, "effect-supervisor-process-bench-"))
    await build(built)
    const node = join(directory, "node")
    copyFileSync(process.execPath, node)
    return {
      directory,
      built,
      node,
      program: (name: string) => join(built, "programs", `${name}.js`),
      packages: { pm2: install("pm2"), concurrently: install("concurrently") },
      has
    }
  }),
  ({ built, directory }) =>
    Effect.sync(() => {
      endAll(() => marked(mark))
      removeFolder(directory)
      removeFolder(built)
    })
)
