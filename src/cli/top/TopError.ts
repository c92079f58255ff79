/**
 * Why the full-screen view does not begin.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { Tagged } from "../../internal/tagged.ts"

const NoTerminalBase: Tagged<"NoTerminal", {
  readonly problem: string
}> = Data.TaggedError("NoTerminal")

/**
 * There is no terminal that could be drawn in.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoTerminal extends NoTerminalBase {
  override get message(): string {
    return `top needs a terminal of its own, but ${this.problem}. Use "esv ps" for the same as plain text, or "esv events" to follow it.`
  }
}
