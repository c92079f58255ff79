/**
 * What must not be shown: everything from `.env` files, and every value whose name or look says that it is secret.
 */
import * as Redacted from "effect/Redacted"
import type { Word } from "../../../process/Command.ts"

/** KEY is a word of its own, so that KEYBOARD and MONKEY are none. */
const secretName =
  /TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE|COOKIE|(?:^|_)(?:[A-Z]*KEYS?|PASS|PWD|PIN|AUTH|DSN|SALT)(?:_|$)|APIKEY/i
const notSecretName = /(?:^|_)(?:MON|TUR|DON|HOT)KEYS?(?:_|$)|^(?:OLD)?PWD$/i

/** `scheme://user:password@host` */
const secretValue = /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i

/** Whether a variable is not to be shown. */
export const isSecret = (name: string, value: string): boolean =>
  (secretName.test(name) && !notSecretName.test(name)) || secretValue.test(value)

/** The value of a variable, hidden if it has to be. */
export const hide = (name: string, value: string): Word => isSecret(name, value) ? Redacted.make(value) : value

/** What a process gets. */
export const reveal = (word: Word): string => Redacted.isRedacted(word) ? Redacted.value(word) : word
