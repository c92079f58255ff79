/** Nodes as real processes, a PostgreSQL of their own, and what their children wrote down. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { Settings } from "../fixtures/cluster/node.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const script = fileURLToPath(new URL("postgres.sh", import.meta.url))
const program = fileURLToPath(new URL("../fixtures/cluster/node.ts", import.meta.url))

/** A port that is free at this moment. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

export interface Line {
  readonly at: number
  readonly node: string
  readonly pid: number
  readonly what: string
  readonly name: string
  readonly token: number
}

/** Polls until there is something. */
export const until = <A>(what: string, f: () => A | undefined | false, millis = 15_000): Promise<A> => {
  const end = Date.now() + millis
  const look = async (): Promise<A> => {
    const found = f()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new Error(`not within ${millis} ms: ${what}`)
    await sleep(10)
    return look()
  }
  return look()
}

export class NodeProcess {
  readonly port: number
  readonly child: ChildProcess
  output = ""
  /** When it was seen to have ended. */
  endedAt: number | undefined = undefined
  readonly ended: Promise<number | null>
  constructor(settings: Settings) {
    this.port = settings.port
    this.child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, JSON.stringify(settings)])
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => this.output += text)
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => this.output += text)
    this.ended = new Promise((resolve) =>
      this.child.once("close", (code) => {
        this.endedAt = Date.now()
        resolve(code)
      })
    )
  }
  get name(): string {
    return `localhost:${this.port}`
  }
  get isUp(): boolean {
    return this.endedAt === undefined
  }
  kill(signal: NodeJS.Signals): number {
    const at = Date.now()
    this.child.kill(signal)
    return at
  }
}

export class Cluster {
  readonly dir = mkdtempSync(join(tmpdir(), "effect-cluster-"))
  readonly log = join(this.dir, "log")
  readonly nodes: Array<NodeProcess> = []
  storage = join(this.dir, "cluster.db")
  private postgres: number | undefined = undefined
  constructor() {
    writeFileSync(this.log, "")
    execFileSync("chmod", ["755", this.dir])
  }

  async startPostgres(): Promise<string> {
    this.postgres ??= await freePort()
    const url = execFileSync(script, ["start", join(this.dir, "postgres"), String(this.postgres)], { encoding: "utf8" })
    return this.storage = url.trim()
  }

  stopPostgres(how: "stop" | "crash"): void {
    execFileSync(script, [how, join(this.dir, "postgres")])
  }

  async start(settings: Omit<Settings, "port" | "storage" | "log"> & Partial<Settings>): Promise<NodeProcess> {
    const port = settings.port ?? await freePort()
    const node = new NodeProcess({ storage: this.storage, log: this.log, ...settings, port })
    this.nodes.push(node)
    return node
  }

  /** As many nodes, all up. */
  async startAll(count: number, settings: Omit<Settings, "port" | "storage" | "log">): Promise<Array<NodeProcess>> {
    const nodes = await Promise.all(Array.from({ length: count }, () => this.start(settings)))
    await until("all nodes are up", () => nodes.every(({ output }) => output.includes("up\n")), 30_000).catch(
      (error) => {
        throw new Error(`${error.message}\n${nodes.map(({ output }) => output).join("\n")}`)
      }
    )
    return nodes
  }

  get lines(): Array<Line> {
    return readFileSync(this.log, "utf8").split("\n").filter((line) => line.endsWith("}")).map((line) =>
      JSON.parse(line)
    )
  }

  /** Waits for a line of the log, after a moment. */
  line(what: string, name: string, after = 0, millis = 15_000, not?: string): Promise<Line> {
    return until(
      `${what}${name}`,
      () =>
        this.lines.find((line) => line.what === what && line.name === name && line.at >= after && line.node !== not),
      millis
    ).catch((error) => {
      throw new Error(
        `${error.message}\n${this.lines.map((line) => JSON.stringify(line)).join("\n")}\n${
          this.nodes.map(({ name, output }) => `${name}:\n${output}`).join("\n")
        }`
      )
    })
  }

  /** Where it runs, when it has not moved for two seconds. Nodes that come up after each other pass it on. */
  settled(name: string): Promise<Line> {
    return until(`${name} has settled`, () => {
      const last = this.lines.findLast((line) => line.name === name)
      return last?.what === "+" && Date.now() - last.at > 2000 && last
    }, 40_000)
  }

  nodeOf(name: string): NodeProcess {
    return this.nodes.findLast((node) => node.name === name)!
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = this.nodes.filter(({ isUp }) => isUp)
    for (const node of left) node.kill("SIGKILL")
    await Promise.all(left.map(({ ended }) => ended))
    if (this.postgres !== undefined) {
      try {
        this.stopPostgres("crash")
      } catch {
        // It is stopped already.
      }
    }
    removeFolder(this.dir)
  }
}
