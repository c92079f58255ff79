/**
 * What children need of each other, whether it can be had, and the order that follows.
 */
import type { CodeSpec, CommandSpec, Condition } from "../ConfigSpec.ts"
import type { ChildConfig, Dependency } from "../SupervisorConfig.ts"
import { type Draft, type DraftChild, type Groups, isNames } from "./draft.ts"
import type { Base } from "./environment.ts"
import * as graph from "./graph.ts"
import { suggest } from "./problems.ts"

const needsOf = ({ dependsOn }: CommandSpec | CodeSpec): ReadonlyArray<readonly [string, Condition]> =>
  isNames(dependsOn) ? dependsOn.map((name) => [name, "ready"] as const) : Object.entries(dependsOn ?? {})

/** Nobody ends for good what is restarted for ever. */
const neverEnds = ({ restart }: CommandSpec | CodeSpec): boolean =>
  restart === "always" ||
  (typeof restart === "object" && "policy" in restart && restart.policy === "always" &&
    restart.maxRestarts === undefined)

/** Among so many names one is looked for that may have been meant: a large file has to be told of in time. */
const maxOthers = 100

/** Tells of names that are not there. */
export const checkNeeds = (
  group: string,
  names: ReadonlyArray<string>,
  groups: Groups,
  draft: Draft,
  { problems }: Base
): void => {
  for (const name of names) {
    if (groups.has(name) || draft.broken.has(name)) continue
    const others = draft.children.slice(0, maxOthers).map((other) => other.group).filter((other) => other !== group)
    problems.add(
      "UnknownDependency",
      draft.where(group, "dependsOn", name),
      `there is no "${name}"`,
      suggest(name, others)
    )
  }
}

/** Those that a child needs, each of their replicas by itself. */
export const dependencies = (
  { group }: DraftChild,
  own: CommandSpec | CodeSpec,
  groups: Groups,
  draft: Draft,
  base: Base
): ReadonlyArray<Dependency> =>
  needsOf(own).flatMap(([name, condition]) => {
    const needed = groups.get(name)
    if (needed === undefined) {
      checkNeeds(group, [name], groups, draft, base)
      return []
    }
    const { problems } = base
    const { replicas, spec } = needed
    const where = draft.where(group, "dependsOn", name)
    if (spec.disabled === true && own.disabled !== true) {
      const advice = `Enable "${name}", or disable "${group}" too`
      problems.add("ImpossibleDependency", where, `"${name}" is disabled`, advice)
    }
    if ((condition === "completed" || condition === "succeeded") && neverEnds(spec)) {
      const message = `"${name}" is always restarted, so it never ends for good`
      problems.add(
        "ImpossibleDependency",
        where,
        message,
        `Restart "${name}" on failure only, or wait for it to be ready`
      )
    }
    return replicas.map(({ name }) => ({ child: name, condition }))
  })

/** A long one without its middle. */
const showCycle = (names: ReadonlyArray<string>): string =>
  (names.length <= 20 ? names : [...names.slice(0, 10), "...", ...names.slice(-9)]).join(" -> ")

/** Each after those that it needs. */
export const ordered = (
  children: ReadonlyArray<ChildConfig>,
  groups: Groups,
  draft: Draft,
  { problems }: Base
): ReadonlyArray<ChildConfig> => {
  const needs = new Map(Array.from(groups, ([group, { spec }]) => [group, needsOf(spec).map(([name]) => name)]))
  const { cycles, names } = graph.order(needs)
  for (const cycle of cycles) {
    const where = draft.where(cycle[0]!, "dependsOn", cycle[1])
    problems.add("Cycle", where, `these need each other: ${showCycle(cycle)}`, "Take one of the dependencies out")
  }
  const rank = new Map(names.map((name, index) => [name, index]))
  return children.toSorted((a, b) => rank.get(a.group)! - rank.get(b.group)!)
}
