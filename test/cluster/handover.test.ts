/** Nodes that are stopped, killed and frozen while they own work: real processes, on both kinds of storage. */
import { assert, describe, it } from "@effect/vitest"
import { Cluster } from "./harness.ts"

/** Ends the owner of a singleton by a signal; how long until it runs elsewhere. */
const handover = async (cluster: Cluster, name: string, signal: NodeJS.Signals): Promise<number> => {
  const owner = cluster.nodeOf((await cluster.settled(name)).node)
  const at = owner.kill(signal)
  const next = await cluster.line("+", name, at, 15_000, owner.name)
  return next.at - at
}

for (const kind of ["a file", "PostgreSQL"] as const) {
  describe(`a singleton on three nodes and ${kind}`, () => {
    it(
      "moves at once when its node is stopped, and within seconds when it is killed",
      { timeout: 60_000 },
      async () => {
        await using cluster = new Cluster()
        if (kind === "PostgreSQL") await cluster.startPostgres()
        await cluster.startAll(3, { singletons: ["mailer"] })

        assert.isBelow(await handover(cluster, "mailer", "SIGTERM"), 2000)
        // Whoever was asked has stopped before the next one has started.
        assert.deepStrictEqual(cluster.lines.slice(-3).map(({ what }) => what), ["+", "-", "+"])

        assert.isBelow(await handover(cluster, "mailer", "SIGKILL"), 7000)
        const tokens = cluster.lines.filter(({ what }) => what === "+").map(({ token }) => token)
        assert.deepStrictEqual(tokens, tokens.map((_, at) => at + 1))
      }
    )
  })
}
