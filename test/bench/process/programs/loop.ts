/**
 * What ours.ts is compared with: a loop that starts each child and starts it again when it ends, and nothing else. Tells in
 * ms how long all took to be up, and, asked `restart <name>`, from a SIGKILL to the next pid.
 */
import { type Child, children, obey, tell } from "./children.ts"

/** A child that has been started. */
export interface Started {
  readonly kill: (signal: NodeJS.Signals) => void
  readonly ended: Promise<unknown>
}

export const keep = async (start: (child: Child) => Promise<Started>): Promise<void> => {
  const running = new Map<string, Promise<Started>>()
  let stopping = false

  const up = (child: Child): Promise<Started> => {
    const started = start(child)
    running.set(child.name, started)
    void started.then(async ({ ended }) => {
      await ended
      running.delete(child.name)
      if (!stopping) void up(child)
    })
    return started
  }

  const restart = async (name: string): Promise<void> => {
    const { ended, kill } = await running.get(name)!
    const from = performance.now()
    kill("SIGKILL")
    await ended
    // Whoever starts it again has waited for the same, and before.
    await running.get(name)!
    tell("restart", performance.now() - from)
  }

  const described = children()
  const from = performance.now()
  process.once("SIGTERM", () => {
    stopping = true
    for (const started of running.values()) void started.then(({ kill }) => kill("SIGTERM"))
  })
  await Promise.all(described.map(up))
  tell("up", performance.now() - from)
  obey({ restart: (name) => void restart(name) })
}
