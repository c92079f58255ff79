/**
 * A child of the file and the replicas that it stands for, and whether their names can be used.
 */
import { neutralise } from "../../internal/escapes.ts"
import type { Draft, DraftChild, Group, Groups, Replica } from "./draft.ts"
import type { Base } from "./environment.ts"

/** "web-1" and on, or the name alone. */
const replicasOf = ({ group, replicas }: DraftChild): ReadonlyArray<Replica> =>
  replicas === undefined
    ? [{ name: group, index: 0 }]
    : Array.from({ length: replicas }, (_, index) => ({ name: `${group}-${index + 1}`, index }))

export const groupOf = (child: DraftChild): Group => {
  const replicas = replicasOf(child)
  return { child, replicas, spec: child.spec(replicas[0]!) }
}

/** Such names are those of children that no file knows: who starts the others, who listens for signals. */
const isReserved = (name: string): boolean => /^\(.*\)$/s.test(name.trim())

export const checkName = ({ child, replicas }: Group, groups: Groups, draft: Draft, { problems }: Base): void => {
  const { group } = child
  // What a terminal acts on would break every line that names the child.
  if (group.trim() === "" || /[/\t]/.test(group) || neutralise(group) !== group) {
    const advice = `Take a name of one line without "/"`
    problems.add("WrongValue", draft.where(group), `${JSON.stringify(group)} cannot be a name`, advice)
  } else if (isReserved(group)) {
    const advice = "Take one without the parentheses: with them they are the supervisor's own"
    problems.add("WrongValue", draft.where(group), `"${group}" cannot be a name`, advice)
  }
  const taken = child.replicas === undefined
    ? undefined
    : replicas.find(({ name }) => groups.has(name) && groups.get(name)!.child.replicas === undefined)
  if (taken !== undefined) {
    const message = `one of the replicas of "${group}" would be named "${taken.name}", as another child is`
    problems.add("Duplicate", draft.where(group, "replicas"), message, "Give one of them another name")
  }
}
