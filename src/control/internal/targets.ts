/**
 * From what a person types to the paths of children.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as Glob from "effect/Glob"
import type { Handle } from "../../Supervisor.ts"
import type { Snapshot } from "../../Snapshot.ts"
import { ChildNotFound } from "../../SupervisorError.ts"
import { walk } from "./walk.ts"

/** The paths that belong to a name which is none of a child. */
export type Groups = (name: string) => ReadonlyArray<string>

/** What is known of the children that a target may mean. */
export interface Known {
  readonly handle: Handle<never>
  readonly groups: Groups | undefined
  /** Whether a child of the root is one by which the tree is operated, which no wildcard means. */
  readonly isFitting: (name: string) => boolean
}

/** Whether it may mean more than one. */
export const wildcards: RegExp = /[*?[{]/

/**
 * The paths that a target means, in order. Of a child and what is below it only the child: what is done to the one is
 * done to the other.
 */
export const resolve = (
  { groups = () => [], handle, isFitting }: Known,
  target: string
): Effect.Effect<ReadonlyArray<string>, ChildNotFound> =>
  Effect.catchTag(
    // A name may hold a character that is a wildcard elsewhere.
    Effect.as(handle.child(target), [target]),
    "ChildNotFound",
    (notFound) => {
      const group = groups(target)
      if (group.length > 0) return Effect.succeed(group)
      return wildcards.test(target)
        ? Effect.flatMap(handle.status, (snapshot) => {
          const found = matching(snapshot, target).filter((path) => !isFitting(path))
          return found.length === 0
            ? Effect.fail(new ChildNotFound({ child: target, supervisor: handle.name }))
            : Effect.succeed(found)
        })
        : Effect.fail(notFound)
    }
  )

/** The paths that a glob means: of what is below one of them it does not say more. */
export const matching = (root: Snapshot, target: string): ReadonlyArray<string> => {
  // What is below something does not begin with that itself.
  const glob = Glob.make(target.endsWith("/**") ? `${target}/*` : target, { dot: true })
  const found: Array<string> = []
  let isMeant = false
  // Whether to go on below a child is asked after it was looked at.
  for (const { path } of walk(root, () => !isMeant)) {
    isMeant = Glob.match(glob, path)
    if (isMeant) found.push(path)
  }
  return found
}
