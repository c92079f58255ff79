/** Those that are compared: how each is told what to run, how it is started, and how it is asked to stop. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { endAll, marked, markVariable } from "./processes.ts"
import type { Child } from "./programs/children.ts"
import { mark, type World } from "./world.ts"

/** One supervisor that was started. */
export interface Instance {
  /** The process that supervises: that of a daemon, where there is one. */
  readonly pid: () => number
  readonly stop: () => void
  /** Where it runs. */
  readonly directory: string
  /** Those it consists of, and what it has started. */
  readonly family: () => ReadonlyArray<number>
  /** Asks one of our programs for a number, and waits for it. */
  readonly ask: (metric: string, line?: string) => Effect.Effect<number>
}

/** Where the measured supervisor finds everything. */
export interface Place {
  readonly world: World
  /** Its own, empty. */
  readonly directory: string
  readonly mark: string
  readonly children: ReadonlyArray<Child>
  readonly env?: Readonly<Record<string, string>> | undefined
}

export interface Subject {
  readonly name: string
  readonly isThere: (world: World) => boolean
  readonly start: (place: Place) => Start
}

/** What is executed to start a supervisor, and what to stop it. */
interface Start {
  readonly argv: readonly [string, ...ReadonlyArray<string>]
  readonly env?: Readonly<Record<string, string>>
  /** A signal for the process, or a command. */
  readonly stop: NodeJS.Signals | readonly [string, ...ReadonlyArray<string>]
  /** The file in which a daemon writes its number. */
  readonly daemon?: () => number
}

const ofNode =
  (program: string, env: Readonly<Record<string, string>> = {}) => ({ children, directory, world }: Place): Start => {
    const file = join(directory, "children.json")
    writeFileSync(file, JSON.stringify(children))
    return { argv: [world.node, world.program(program), file], stop: "SIGTERM", env }
  }

/** With quotes as /bin/sh reads them. */
const quoted = (argv: ReadonlyArray<string>): string =>
  argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ")

/** As supervisord and concurrently read them: plain words are left alone. */
const plain = (argv: ReadonlyArray<string>): string =>
  argv.map((word) => /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`).join(" ")

/** A directory per service, each with a script that becomes its program. */
const serviceDirectories = ({ children, directory }: Place): string => {
  const services = join(directory, "services")
  for (const { argv, name } of children) {
    const run = join(services, name, "run")
    mkdirSync(dirname(run), { recursive: true })
    writeFileSync(run, `#!/bin/sh\nexec ${quoted(argv)}\n`)
    chmodSync(run, 0o755)
  }
  return services
}

export const ours: Subject = { name: "ours", isThere: () => true, start: ofNode("ours") }

/** Ours with its children stopped all at once, and not one after the other in the reverse order of their start. */
export const oursParallel: Subject = {
  name: "ours",
  isThere: () => true,
  start: ofNode("ours", { PROCESS_BENCH_STOP: "parallel" })
}

export const bare: Subject = { name: "bare spawn", isThere: () => true, start: ofNode("bare") }

/** What bare spawns cost in a process as large as ours, and the spawner that ours stands on, without ours. */
export const loaded: Subject = { name: "the same with Effect loaded", isThere: () => true, start: ofNode("loaded") }
export const spawner: Subject = { name: "Effect's spawner alone", isThere: () => true, start: ofNode("spawner") }

const withPm2 = (more: (child: Child) => object): Subject => ({
  name: "pm2",
  isThere: ({ packages }) => packages.pm2 !== undefined,
  start: ({ children, directory, world }) => {
    const file = join(directory, "apps.json")
    const apps = children.map((child) => {
      const { argv: [script, ...args], name } = child
      return { name, script, args, interpreter: "none", ...more(child) }
    })
    writeFileSync(file, JSON.stringify({ apps }))
    const cli = join(world.packages.pm2!, "bin/pm2")
    const home = join(directory, "pm2")
    mkdirSync(home)
    return {
      argv: [world.node, cli, "start", file],
      env: { PM2_HOME: home, PM2_DISCRETE_MODE: "true" },
      stop: [world.node, cli, "stop", "all"],
      daemon: () => Number(readFileSync(join(home, "pm2.pid"), "utf8"))
    }
  }
})

export const pm2: Subject = withPm2(() => ({}))

/** What ends is not started again; the output is in files with the names of the children. */
export const pm2Once: Subject = withPm2(({ name }) => ({ autorestart: false, out_file: `out-${name}` }))

const withConcurrently = (options: ReadonlyArray<string>): Subject => ({
  name: "concurrently",
  isThere: ({ packages }) => packages.concurrently !== undefined,
  start: ({ children, world }) => {
    const cli = join(world.packages.concurrently!, "dist/bin/concurrently.js")
    const commands = children.map(({ argv }) => plain(argv))
    return { argv: [world.node, cli, ...options, ...commands], stop: "SIGTERM" }
  }
})

/** It restarts what it is stopping, so that a stop takes long. */
export const concurrently: Subject = withConcurrently(["--restart-tries", "-1"])

/** Without restarts. */
export const concurrentlyByDefault: Subject = withConcurrently([])

export const supervisord: Subject = {
  name: "supervisord",
  isThere: ({ has }) => has("supervisord"),
  start: ({ children, directory }) => {
    const file = join(directory, "supervisord.conf")
    const programs = children.map(({ argv, name }) =>
      `[program:${name}]\ncommand=${plain(argv).replaceAll("%", "%%")}\nautorestart=true\n`
    )
    const own =
      `[supervisord]\nnodaemon=true\nchildlogdir=${directory}\nlogfile=${directory}/supervisord.log\npidfile=${directory}/pid\n`
    writeFileSync(file, [own, ...programs].join("\n"))
    return { argv: ["supervisord", "-c", file], stop: "SIGTERM" }
  }
}

export const s6: Subject = {
  name: "s6",
  isThere: ({ has }) => has("s6-svscan"),
  start: (place) => ({ argv: ["s6-svscan", serviceDirectories(place)], stop: "SIGTERM" })
}

export const runit: Subject = {
  name: "runit",
  isThere: ({ has }) => has("runsvdir"),
  start: (place) => ({ argv: ["runsvdir", serviceDirectories(place)], stop: "SIGHUP" })
}

export const others: ReadonlyArray<Subject> = [pm2, concurrently, supervisord, s6, runit]

let instances = 0

/** Starts a supervisor. When the scope closes, nothing of it is left. */
export const launch = (
  world: World,
  subject: Subject,
  children: ReadonlyArray<Child>
): Effect.Effect<Instance, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const id = String(++instances)
        const directory = join(world.directory, id)
        mkdirSync(directory)
        return open({ world, directory, mark: `${mark}${id}.`, children }, subject)
      }),
      ({ end }) => end
    ),
    ({ instance }) => instance
  )

/** What a program of ours tells, by the name of the number. */
const listen = (output: Readable) => {
  const waiting = new Map<string, (value: number) => void>()
  const told = new Map<string, number>()
  createInterface({ input: output }).on("line", (line) => {
    if (!line.startsWith("{\"")) return
    for (const [metric, value] of Object.entries<number>(JSON.parse(line))) {
      told.set(metric, value)
      waiting.get(metric)?.(value)
    }
  })
  return (metric: string): Promise<number> =>
    new Promise((resolve) => {
      const give = (value: number) => {
        waiting.delete(metric)
        told.delete(metric)
        resolve(value)
      }
      const value = told.get(metric)
      if (value === undefined) waiting.set(metric, give)
      else give(value)
    })
}

const open = (place: Place, subject: Subject) => {
  const { argv: [program, ...args], daemon, env, stop } = subject.start(place)
  const options = {
    cwd: place.directory,
    env: { ...process.env, TMPDIR: place.directory, ...env, [markVariable]: place.mark },
    detached: true
  }
  const child = spawn(program, args, { ...options, stdio: ["pipe", "pipe", "ignore"] })
  const heard = listen(child.stdout)
  child.stdin.on("error", () => {})
  const pid = daemon ?? (() => child.pid!)
  const family = () => marked(place.mark, [child.pid!])
  const instance: Instance = {
    pid,
    directory: place.directory,
    stop: () => {
      if (typeof stop === "string") process.kill(pid(), stop)
      else spawn(stop[0], stop.slice(1), { ...options, stdio: "ignore" })
    },
    family,
    ask: (metric, line) =>
      Effect.suspend(() => {
        if (line !== undefined) child.stdin.write(`${line}\n`)
        return Effect.promise(() => heard(metric))
      })
  }
  return { instance, end: Effect.sync(() => endAll(family)) }
}
