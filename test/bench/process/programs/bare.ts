/** The same as ours.ts with nothing but `child_process.spawn`: each child in a group of its own, its output read. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { type Child, children, obey, tell } from "./children.ts"

const running = new Map<string, ChildProcess>()
let stopping = false

const start = ({ argv: [program, ...args], name }: Child): Promise<unknown> => {
  const child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] })
  child.stdout.resume()
  child.stderr.resume()
  running.set(name, child)
  child.once("exit", () => {
    running.delete(name)
    if (!stopping) void start({ argv: [program, ...args], name })
  })
  return once(child, "spawn")
}

const stop = (): void => {
  stopping = true
  for (const child of running.values()) child.kill("SIGTERM")
}

const restart = async (name: string): Promise<void> => {
  const child = running.get(name)!
  const from = performance.now()
  child.kill("SIGKILL")
  await once(child, "exit")
  await once(running.get(name)!, "spawn")
  tell("restart", performance.now() - from)
}

const described = children()
const from = performance.now()
process.once("SIGTERM", stop)
await Promise.all(described.map(start))
tell("up", performance.now() - from)
obey({ restart: (name) => void restart(name) })
