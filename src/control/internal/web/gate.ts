/**
 * Who may speak to the server at all, whatever is asked for: a page or program that calls it by a name it knows, and no
 * page of another site. It is what keeps a name that was pointed here (DNS rebinding) and a form on a foreign page out.
 *
 * Floor 4.
 */
import { badRequest, forbidden, type Refusal } from "./refusal.ts"

/** What the gate looks at. */
export interface Knock {
  /** The request target, as it came. */
  readonly target: string
  /** Names and values in turn, as they came: a name that comes twice is seen twice. */
  readonly rawHeaders: ReadonlyArray<string>
}

/** The names that the server is called by: of this machine, and those that a proxy in front of it is called by. */
export const hostsOf = (port: number, more: ReadonlyArray<string>): ReadonlySet<string> =>
  new Set([`127.0.0.1:${port}`, `localhost:${port}`, ...more.map((host) => host.toLowerCase())])

const valuesOf = (name: string, { rawHeaders }: Knock): ReadonlyArray<string> =>
  rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === name)

const originPattern = /^https?:\/\/([^/]+)$/

/** Why a request is turned away; `undefined` if it is not. */
export const turnAway = (knock: Knock, hosts: ReadonlySet<string>): Refusal | undefined => {
  // The other forms name a host of their own, and are for proxies.
  if (!knock.target.startsWith("/")) return badRequest("Ask for a path of this server.")
  const [host, ...others] = valuesOf("host", knock)
  if (host === undefined || others.length > 0 || !hosts.has(host.toLowerCase())) {
    return forbidden(
      "This server is not known by that name. Open it by 127.0.0.1 and its port, or name the host in allowedHosts."
    )
  }
  for (const origin of valuesOf("origin", knock)) {
    const from = originPattern.exec(origin.toLowerCase())?.[1]
    if (from === undefined || !hosts.has(from)) return forbidden("Pages of another origin are not answered.")
  }
  // "same-site" is another port of this machine: somebody else's server.
  for (const site of valuesOf("sec-fetch-site", knock)) {
    if (site !== "same-origin" && site !== "none") {
      return forbidden("Pages of another site are not answered. Who followed a link: paste its address instead.")
    }
  }
  if (valuesOf("upgrade", knock).length > 0) return badRequest("This server speaks HTTP and nothing else.")
  return undefined
}
