/**
 * Why a request is refused, and the status that says so.
 *
 * Floor 4.
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"

interface Fields {
  readonly status: number
  readonly tag: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

const RefusalBase: new(fields: Fields) => Cause.YieldableError & { readonly _tag: "Refusal" } & Fields = Data
  .TaggedError("Refusal")

/** A refusal of the web server itself, before anything is asked of the supervisor. */
export class Refusal extends RefusalBase {}

export const forbidden = (message: string): Refusal => new Refusal({ status: 403, tag: "Forbidden", message })

export const badRequest = (message: string): Refusal => new Refusal({ status: 400, tag: "BadRequest", message })

export const notFound: Refusal = new Refusal({ status: 404, tag: "NotFound", message: "There is nothing here." })

export const unauthorized = (message: string): Refusal =>
  new Refusal({ status: 401, tag: "Unauthorized", message, headers: { "www-authenticate": "Bearer" } })

export const methodNotAllowed = (allowed: string): Refusal =>
  new Refusal({
    status: 405,
    tag: "MethodNotAllowed",
    message: `Ask for this by ${allowed}.`,
    headers: { allow: allowed }
  })

export const notJson: Refusal = new Refusal({
  status: 415,
  tag: "UnsupportedMediaType",
  message: "Send the body as JSON, with the header Content-Type: application/json."
})

export const tooLarge = (limit: number): Refusal =>
  new Refusal({ status: 413, tag: "TooLarge", message: `A request body has at most ${limit} bytes.` })

/** Ends the connection, so that who does not listen has to make another one for each time. */
export const tooMany = (message: string): Refusal =>
  new Refusal({ status: 429, tag: "TooManyRequests", message, headers: { "retry-after": "1", connection: "close" } })

/** What the supervisor answers in place of what was asked for, by its tag; all others are 400. */
export const statuses: Readonly<Record<string, number>> = {
  ChildNotFound: 404,
  NotDeclared: 404,
  NotAJob: 404,
  LogsUnavailable: 404,
  ReadOnlyServer: 403,
  SupervisorClosed: 409,
  DuplicateChild: 409,
  MaxChildrenReached: 409,
  DeclareFailed: 409,
  TooManyRequests: 429,
  ClusterUnavailable: 503
}
