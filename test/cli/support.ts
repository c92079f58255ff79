// oxlint-disable eslint/no-await-in-loop -- what is looked at happens one after the other
/** What the tests of the command line share: the real program, in a directory of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root } from "../fixtures/build.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

export interface Result {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** A run of the program, with what it says as it comes. */
export class Run {
  readonly process: ChildProcessWithoutNullStreams
  readonly ended: Promise<Result>
  stdout = ""
  stderr = ""
  private readonly watchers = new Set<() => void>()

  constructor(
    place: Place,
    args: ReadonlyArray<string>,
    env: Readonly<Record<string, string>>,
    directory: string = place.directory
  ) {
    this.process = spawn(process.execPath, [join(root, "dist", "cli", "main.js"), ...args], {
      cwd: directory,
      env: { ...place.environment, ...env }
    })
    this.process.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text
      for (const watcher of this.watchers) watcher()
    })
    this.process.stderr.setEncoding("utf8").on("data", (text: string) => this.stderr += text)
    this.ended = new Promise((resolve) =>
      this.process.on("close", (code, signal) => {
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
        for (const watcher of this.watchers) watcher()
      })
    )
  }

  /** Waits until it has said something. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.stdout.match(pattern)
        if (found === null && this.process.exitCode === null) return
        this.watchers.delete(look)
        if (found !== null) resolve(found)
        else reject(new Error(`it ended without ${pattern}:\n${this.stdout}\n${this.stderr}`))
      }
      this.watchers.add(look)
      look()
    })
  }

  get lines(): ReadonlyArray<string> {
    return this.stdout.split("\n").slice(0, -1)
  }
}

/** A directory with files, whose supervisors nobody else sees. */
export class Place {
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  private readonly home: string
  private readonly runs: Array<Run> = []

  constructor(files: Readonly<Record<string, string>>) {
    this.home = mkdtempSync(join(tmpdir(), "esv-"))
    this.directory = join(this.home, "shop")
    this.environment = {
      PATH: process.env["PATH"]!,
      HOME: this.home,
      XDG_RUNTIME_DIR: join(this.home, "run"),
      XDG_STATE_HOME: join(this.home, "state")
    }
    mkdirSync(join(this.home, "run"), { mode: 0o700 })
    mkdirSync(this.directory)
    this.write(files)
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.directory, name), text)
  }

  /** Begins a run. */
  begin(...args: ReadonlyArray<string>): Run {
    return this.beginWith({}, ...args)
  }

  beginWith(env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>): Run {
    const run = new Run(this, args, env)
    this.runs.push(run)
    return run
  }

  /** As `begin`, somewhere else. */
  beginIn(directory: string, ...args: ReadonlyArray<string>): Run {
    const run = new Run(this, args, {}, directory)
    this.runs.push(run)
    return run
  }

  /** Runs it to its end. */
  esv(...args: ReadonlyArray<string>): Promise<Result> {
    return this.begin(...args).ended
  }

  /** What a command says as JSON. */
  async json<A>(...args: ReadonlyArray<string>): Promise<A> {
    const { stderr, stdout } = await this.esv(...args, "--json")
    if (stdout === "") throw new Error(stderr)
    return JSON.parse(stdout) as A
  }

  /** Ends whatever is left. */
  async close(): Promise<void> {
    await this.esv("shutdown", "--now")
    for (const run of this.runs) if (run.process.exitCode === null) run.process.kill("SIGKILL")
    await Promise.all(this.runs.map(({ ended }) => ended))
    removeFolder(this.home)
  }
}

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Looks again until it holds. */
export const until = async (holds: () => boolean | Promise<boolean>, what: string, within = 5000): Promise<void> => {
  const end = Date.now() + within
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
