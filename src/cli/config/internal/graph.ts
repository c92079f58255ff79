/**
 * Who needs whom: an order in which each comes after those that it needs, and the cycles that leave no order.
 */

/** By name, the names of those that each needs. Names that do not exist are passed over. */
export type Graph = ReadonlyMap<string, ReadonlyArray<string>>

export interface Order {
  /** Each after those that it needs, else as they were. */
  readonly names: ReadonlyArray<string>
  /** Each as its names in order, the first again at the end. */
  readonly cycles: ReadonlyArray<ReadonlyArray<string>>
}

/** So many cycles are told: there can be more of them than there are names, and each as long as all names. */
const maxCycles = 100

/** Goes down with a list of its own: the graph may be deeper than the stack. */
export const order = (graph: Graph): Order => {
  const names: Array<string> = []
  const cycles: Array<ReadonlyArray<string>> = []
  const done = new Set<string>()
  for (const root of graph.keys()) {
    if (done.has(root)) continue
    const trail: Array<{ readonly name: string; next: number }> = [{ name: root, next: 0 }]
    const open = new Set([root])
    for (let at = trail.at(-1); at !== undefined; at = trail.at(-1)) {
      const needs = graph.get(at.name)!
      const name = needs[at.next++]
      if (name === undefined) {
        trail.pop()
        open.delete(at.name)
        done.add(at.name)
        names.push(at.name)
      } else if (open.has(name)) {
        if (cycles.length === maxCycles) continue
        const from = trail.findIndex((step) => step.name === name)
        cycles.push([...trail.slice(from).map((step) => step.name), name])
      } else if (!done.has(name) && graph.has(name)) {
        trail.push({ name, next: 0 })
        open.add(name)
      }
    }
  }
  return { names, cycles }
}
