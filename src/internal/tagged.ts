import type * as Cause from "effect/Cause"

/** The class of a tagged error, spelled out so that the declaration of one can be made without inferring it. */
export type Tagged<Tag extends string, Fields> = new(
  fields: Fields
) => Cause.YieldableError & { readonly _tag: Tag } & Readonly<Fields>
