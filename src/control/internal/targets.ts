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

/** The paths that a glob means. A list and no recursion: a tree may be deeper than the stack. */
export const matching = (root: Snapshot, target: string): ReadonlyArray<string> => {
  // What is below something does not begin with that itself.
  const glob = Glob.make(target.endsWith("/**") ? `${target}/*` : target, { dot: true })
  const found: Array<string> = []
  const open = root.children.toReversed()
  for (let child = open.pop(); child !== undefined; child = open.pop()) {
    if (Glob.match(glob, child.path)) found.push(child.path)
    else if (child.supervisor !== undefined) open.push(...child.supervisor.children.toReversed())
  }
  return found
}
