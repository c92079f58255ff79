/**
 * Ways through a snapshot.
 *
 * Floor 4.
 */
import type { ChildSnapshot, Snapshot } from "../../Snapshot.ts"

/**
 * All children of a tree in their order, each before those below it; below one only if `enters` says so. A list and no
 * recursion: a tree may be deeper than the stack.
 */
export const walk = function*(
  root: Snapshot,
  enters: (child: ChildSnapshot) => boolean = () => true
): Generator<ChildSnapshot> {
  const open: Array<ChildSnapshot> = []
  const put = (children: ReadonlyArray<ChildSnapshot>): void => {
    for (let index = children.length - 1; index >= 0; index--) open.push(children[index]!)
  }
  put(root.children)
  for (let child = open.pop(); child !== undefined; child = open.pop()) {
    yield child
    if (child.supervisor !== undefined && enters(child)) put(child.supervisor.children)
  }
}
