/**
 * The terminal that a foreground run was started in.
 *
 * Floor 4.
 */
import { closeSync, openSync } from "node:fs"

const started = process.stdin.isTTY === true || process.stdout.isTTY === true

/** Whether there was one and it was closed: then it cannot be opened any more. */
export const hasGone = (): boolean => {
  if (!started) return false
  try {
    closeSync(openSync("/dev/tty", "r"))
    return false
  } catch {
    return true
  }
}
