/**
 * The files of the page, which come with the package: read once, packed once, and asked for by name, so that there is no
 * path to walk out of.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2"
}

interface Asset {
  readonly type: string
  readonly etag: string
  readonly plain: Uint8Array
  readonly packed: Uint8Array
}

export type Assets = ReadonlyMap<string, Asset>

/** Up from this module to the package: it is in src, or in dist. */
const packaged = (): string | undefined => {
  const from = dirname(fileURLToPath(import.meta.url))
  for (let directory = from; dirname(directory) !== directory; directory = dirname(directory)) {
    const folder = join(directory, "dist", "control", "page")
    if (existsSync(folder)) return folder
  }
  return undefined
}

const read = (path: string, type: string): Asset => {
  const plain = readFileSync(path)
  const etag = `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`
  return { type, etag, plain, packed: gzipSync(plain, { level: 9 }) }
}

/** What is in the folder, of the kinds that a page is made of. Nothing if there is no such folder. */
export const load = (folder: string | undefined): Effect.Effect<Assets> =>
  Effect.sync(() => {
    const directory = folder ?? packaged()
    const found = new Map<string, Asset>()
    if (directory === undefined || !existsSync(directory)) return found
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const type = types[extname(entry.name)]
      if (entry.isFile() && type !== undefined) found.set(entry.name, read(join(directory, entry.name), type))
    }
    return found
  })

/** Names do not change with what is in them, so a browser asks whether they have. */
export const respond = (
  { etag, packed, plain, type }: Asset,
  headers: Readonly<Record<string, string | undefined>>
): HttpServerResponse.HttpServerResponse => {
  const about = { etag, "cache-control": "no-cache", vary: "accept-encoding" }
  if (headers["if-none-match"]?.includes(etag)) return HttpServerResponse.empty({ status: 304, headers: about })
  return /\bgzip\b/.test(headers["accept-encoding"] ?? "")
    ? HttpServerResponse.uint8Array(packed, { contentType: type, headers: { ...about, "content-encoding": "gzip" } })
    : HttpServerResponse.uint8Array(plain, { contentType: type, headers: about })
}
