/**
 * Which children are meant, and all that is known of them.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import type * as ControlClient from "../../control/ControlClient.ts"
import type { Details } from "../../control/ControlApi.ts"
import { matching, wildcards } from "../../control/internal/targets.ts"
import type { ChildSnapshot, Snapshot } from "../../Snapshot.ts"
import { Failed } from "../CliError.ts"
import { flatten } from "./words.ts"

/** The paths that some targets mean, each once, in the order of the tree; all, if there is no target. */
export const select = (
  snapshot: Snapshot,
  targets: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<ChildSnapshot>, Failed> => {
  const children = flatten(snapshot)
  if (targets.length === 0) return Effect.succeed(children)
  const wanted = new Set<string>()
  for (const target of targets) {
    const paths = children.some(({ path }) => path === target)
      ? [target]
      : wildcards.test(target)
      ? matching(snapshot, target)
      : []
    if (paths.length === 0) return Effect.fail(unknown(target, children))
    for (const path of paths) wanted.add(path)
  }
  return Effect.succeed(children.filter(({ path }) => isIn(path, wanted)))
}

/** Itself, or below one that is meant. */
const isIn = (path: string, wanted: ReadonlySet<string>): boolean => {
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (wanted.has(path.slice(0, end))) return true
  }
  return false
}

export const unknown = (target: string, children: ReadonlyArray<ChildSnapshot>): Failed => {
  const known = children.slice(0, 20).map(({ path }) => path).join(", ")
  return new Failed({
    message: `There is no child "${target}". ${
      children.length === 0 ? "There are none at all" : `There are: ${known}${children.length > 20 ? ", ..." : ""}`
    }.`
  })
}

/** What the server knows of each, beside its snapshot; nothing of those that have gone in between. */
export const details = (
  client: ControlClient.Client,
  children: ReadonlyArray<ChildSnapshot>
): Effect.Effect<ReadonlyMap<string, Details>, ControlClient.CallError> =>
  Effect.map(
    client.infos(children.map(({ path }) => path)),
    (found) => new Map(found.map((one) => [one.path, one] as const))
  )
