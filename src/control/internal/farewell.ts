/**
 * How a server ends: what is under way is answered, streams end, and who does not read is not waited for.
 *
 * Times are of the machine and not of the Effect `Clock`: they bound what the operating system does.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import { turn } from "../../internal/turn.ts"

/** How long what is under way may take, and then what is still to be sent; in milliseconds. */
const patience = 250

/** Until something holds, or for so long. */
const until = (holds: () => boolean, millis: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (holds()) return resume(Effect.void)
    const finish = () => {
      clearInterval(interval)
      clearTimeout(timeout)
      resume(Effect.void)
    }
    const interval = setInterval(() => holds() && finish(), 5)
    const timeout = setTimeout(finish, millis)
  })

export const farewell = (open: ReadonlySet<Net.Socket>, underWay: () => number): Effect.Effect<void> =>
  Effect.gen(function*() {
    if (open.size === 0) return
    yield* until(() => underWay() === 0, patience)
    for (const connection of open) connection.destroySoon()
    yield* until(() => open.size === 0, patience)
    for (const connection of open) connection.destroy()
    // So that everybody has noticed.
    yield* until(() => open.size === 0, patience)
    yield* turn
  })
