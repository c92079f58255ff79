/**
 * Answers, each with the headers that keep a browser from doing more with it than it was meant for.
 *
 * Floor 4.
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Refusal, statuses } from "./refusal.ts"

type Response = HttpServerResponse.HttpServerResponse

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join("; ")

/** Of every answer. None of it says that another origin may read it. */
const always: Readonly<Record<string, string>> = {
  "content-security-policy": policy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
}

/** What an answer does not say itself. */
const unlessSaid: Readonly<Record<string, string>> = { "cache-control": "no-store" }

export const guarded = (response: Response): Response =>
  HttpServerResponse.setHeaders(response, { ...unlessSaid, ...response.headers, ...always })

export const json = (value: unknown, status = 200): Response => HttpServerResponse.jsonUnsafe(value ?? null, { status })

export const text = (value: string, status = 200): Response =>
  HttpServerResponse.text(`${value}\n`, { status, contentType: "text/plain; charset=utf-8" })

/** Of what a call fails with: its tag, its message, which says what to do, and its detail, which is in the message. */
export const failure = (
  error: { readonly _tag: string; readonly message: string; readonly detail?: unknown }
): Response => {
  if (error instanceof Refusal) {
    const { headers, message, status, tag } = error
    return HttpServerResponse.setHeaders(json({ _tag: tag, message }, status), headers ?? {})
  }
  const { _tag, detail, message } = error
  return json({ _tag, message, detail }, statuses[_tag] ?? 400)
}

export const internalError: Response = json(
  { _tag: "InternalError", message: "The server has a defect. Its log says which." },
  500
)
