/**
 * Ways over the tree that is shown.
 *
 * Floor 4.
 */
import type { Child, Picture } from "../../../control/internal/picture.ts"
import { isOwn } from "../../internal/words.ts"

/** A child and how many supervisors it is below. */
interface Place {
  readonly child: Child
  readonly depth: number
}

/**
 * Every child below `from` with its depth, each before what is below it, without those that the command line adds for
 * itself. A list and no recursion: a tree may be deeper than the stack.
 */
export const walk = function*(
  { children, order }: Picture,
  enters: (child: Child) => boolean = () => true,
  from = ""
): Generator<Place> {
  const open: Array<Place> = []
  const put = (path: string, depth: number): void => {
    for (const below of order.get(path)?.toReversed() ?? []) {
      const child = children.get(below)!
      if (!isOwn(child.name)) open.push({ child, depth })
    }
  }
  put(from, 0)
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    yield next
    if (enters(next.child)) put(next.child.path, next.depth + 1)
  }
}
