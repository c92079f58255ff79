/**
 * Who is let in: programs by a token, browsers by a session that they get for a link, which is good for one use.
 *
 * Only digests are kept of links and sessions, and compared: how long a comparison takes says nothing about a secret.
 *
 * Floor 4.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

/** 256 bits that nobody can guess. */
export const secret = (): string => randomBytes(32).toString("base64url")

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** So many at once, and for so long: in milliseconds since they were made, or used. */
interface Bounds {
  readonly most: number
  readonly millis: number
}

const linkBounds: Bounds = { most: 16, millis: 60 * 60 * 1000 }
const sessionBounds: Bounds = { most: 64, millis: 7 * 24 * 60 * 60 * 1000 }

/** Secrets that are good for a while; one too many takes the place of the oldest. */
class Secrets {
  private readonly until = new Map<string, number>()
  private readonly bounds: Bounds
  constructor(bounds: Bounds) {
    this.bounds = bounds
  }

  make(now: number): string {
    const text = secret()
    this.keep(digest(text).toString("hex"), now)
    return text
  }

  private keep(key: string, now: number): void {
    this.until.delete(key)
    this.until.set(key, now + this.bounds.millis)
    if (this.until.size > this.bounds.most) this.until.delete(this.until.keys().next().value!)
  }

  /** Whether it is one of them; then it is good for as long again, or for nothing any more. */
  use(text: string, now: number, once: boolean): boolean {
    const key = digest(text).toString("hex")
    const until = this.until.get(key)
    if (until === undefined) return false
    if (once || until <= now) this.until.delete(key)
    else this.keep(key, now)
    return until > now
  }
}

export interface Keys {
  readonly token: Redacted.Redacted
  /** The secret of a new link. */
  readonly invite: Effect.Effect<string>
  /** A new session for the secret of a link; `undefined` if that is not known, or not any more. */
  readonly redeem: (invitation: string) => Effect.Effect<string | undefined>
  readonly isSession: (session: string) => Effect.Effect<boolean>
  readonly isToken: (text: string) => boolean
}

export const make = (token: Redacted.Redacted): Keys => {
  const links = new Secrets(linkBounds)
  const sessions = new Secrets(sessionBounds)
  const expected = digest(Redacted.value(token))
  return {
    token,
    invite: Effect.map(Clock.currentTimeMillis, (now) => links.make(now)),
    redeem: (invitation) =>
      Effect.map(
        Clock.currentTimeMillis,
        (now) => links.use(invitation, now, true) ? sessions.make(now) : undefined
      ),
    isSession: (session) => Effect.map(Clock.currentTimeMillis, (now) => sessions.use(session, now, false)),
    isToken: (text) => timingSafeEqual(digest(text), expected)
  }
}
