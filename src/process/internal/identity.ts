/**
 * Who a command is to run as, in the numbers that files are given away by. The system is asked (`id`), since names may
 * be known to it from elsewhere than a file.
 *
 * Floor 3. Source: id(1).
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import type * as Command from "../Command.ts"
import type { Tagged } from "../../internal/tagged.ts"

/** Numbers, and the name of the user if one was said. */
export interface Identity {
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly user: string | undefined
}

const UnknownUserBase: Tagged<"UnknownUser", { readonly detail: string }> = Data.TaggedError("UnknownUser")

/** The system knows no such user or group. */
export class UnknownUser extends UnknownUserBase {
  override get message(): string {
    return this.detail
  }
}

type User = number | string

const numberOf = (who: User | undefined): number | undefined =>
  typeof who === "string" ? (/^\d+$/.test(who) ? Number(who) : undefined) : who

/** What `id` says of a user; fails with its words. */
const ask = (flag: "-u" | "-g", who: User): Effect.Effect<number, UnknownUser> =>
  Effect.callback((resume) => {
    execFile("id", [flag, "--", String(who)], (error, stdout, stderr) => {
      const number = numberOf(stdout.trim())
      if (error === null && number !== undefined) return resume(Effect.succeed(number))
      const detail = stderr.trim() || error?.message || `id ${flag} ${who} gave ${stdout}`
      resume(Effect.fail(new UnknownUser({ detail })))
    })
  })

/** A group has no such program: the database of groups says its number. */
const askGroup = (group: string): Effect.Effect<number, UnknownUser> =>
  Effect.callback((resume) => {
    execFile("getent", ["group", "--", group], (_, stdout) => {
      const number = numberOf(stdout.split(":")[2])
      resume(
        number === undefined
          ? Effect.fail(new UnknownUser({ detail: `there is no group ${group}` }))
          : Effect.succeed(number)
      )
    })
  })

/**
 * The identity that a command asks for; without a group it is the user's own, where there is such a user. Fails with
 * what is wrong with it.
 */
export const identityOf: (command: Command.Command) => Effect.Effect<Identity, UnknownUser> = Effect.fnUntraced(
  function*({ settings: { gid, uid } }: Command.Command) {
    const number = numberOf(uid) ?? (uid === undefined ? undefined : yield* ask("-u", uid))
    const group = numberOf(gid) ?? (typeof gid === "string" ? yield* askGroup(gid) : yield* ownGroup(uid))
    const identity: Identity = {
      uid: number,
      gid: group,
      user: typeof uid === "string" && numberOf(uid) === undefined ? uid : undefined
    }
    return identity
  }
)

const ownGroup = (uid: User | undefined): Effect.Effect<number | undefined> =>
  uid === undefined ? Effect.undefined : Effect.orElseSucceed(ask("-g", uid), () => undefined)

/** Whether it is to run as somebody else. */
export const isOthers = ({ settings: { gid, uid } }: Command.Command): boolean => uid !== undefined || gid !== undefined
