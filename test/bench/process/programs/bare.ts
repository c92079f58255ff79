/** The same as ours.ts with nothing but `child_process.spawn`: each child in a group of its own, its output read. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { type Child, children, obey, tell } from "./children.ts"

interface Running {
  readonly process: ChildProcess
  readonly spawned: Promise<unknown>
}

const running = new Map<string, Running>()
let stopping = false

const start = (child: Child): Promise<unknown> => {
  const [program, ...args] = child.argv
  const process = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] })
  process.stdout.resume()
  process.stderr.resume()
  const spawned = once(process, "spawn")
  running.set(child.name, { process, spawned })
  process.once("exit", () => {
    running.delete(child.name)
    if (!stopping) void start(child)
  })
  return spawned
}

const stop = (): void => {
  stopping = true
  for (const { process } of running.values()) process.kill("SIGTERM")
}

const restart = async (name: string): Promise<void> => {
  const { process } = running.get(name)!
  const from = performance.now()
  process.kill("SIGKILL")
  await once(process, "exit")
  await running.get(name)!.spawned
  tell("restart", performance.now() - from)
}

const described = children()
const from = performance.now()
process.once("SIGTERM", stop)
await Promise.all(described.map(start))
tell("up", performance.now() - from)
obey({ restart: (name) => void restart(name) })
