import { spawn } from "node:child_process"
import { once } from "node:events"
import type { Child } from "./children.ts"
import type { Started } from "./loop.ts"

/** A child in a group of its own, its output read. */
export const start = async ({ argv: [program, ...args] }: Child): Promise<Started> => {
  const child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] })
  child.stdout.resume()
  child.stderr.resume()
  const ended = once(child, "exit")
  await once(child, "spawn")
  return { kill: (signal) => void child.kill(signal), ended }
}
