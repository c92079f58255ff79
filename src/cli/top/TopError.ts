/**
 * Why the full-screen view does not begin.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"

/** The class of a tagged error, spelled out so that its declaration can be made without inferring it. */
type Tagged<Tag extends string, Fields> = new(
  fields: Fields
) => Cause.YieldableError & { readonly _tag: Tag } & Readonly<Fields>

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
