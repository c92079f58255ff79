/** Calls of the server that answer once. */
import { parse } from "./feed.ts"
import type { Answer, ClusterSnapshot, Details } from "./wire.ts"

export type Outcome =
  | { readonly _tag: "Done"; readonly text: string }
  | { readonly _tag: "Failed"; readonly text: string }

export const verbs = [
  "start",
  "stop",
  "restart",
  "hold",
  "release",
  "remove",
  "signal",
  "reload",
  "reloadChild",
  "add",
  "reconcile",
  "shutdown"
] as const
export type Verb = (typeof verbs)[number]

export const details = async (path: string): Promise<Details | undefined> => {
  try {
    const response = await fetch(`/api/info?path=${encodeURIComponent(path)}`)
    return response.ok ? parse<Details>(await response.text()) : undefined
  } catch {
    return undefined
  }
}

export type ClusterAnswer =
  | { readonly _tag: "Snapshot"; readonly snapshot: ClusterSnapshot }
  /** The application is no node of a cluster. */
  | { readonly _tag: "None" }
  | { readonly _tag: "Failed"; readonly why: string }

export const cluster = async (signal: AbortSignal): Promise<ClusterAnswer> => {
  try {
    const response = await fetch("/api/cluster", { signal })
    const text = await response.text()
    return response.ok ? { _tag: "Snapshot", snapshot: parse(text) } : noCluster(parse(text), response.status)
  } catch {
    return { _tag: "Failed", why: "The supervisor does not answer." }
  }
}

const noCluster = (answer: unknown, status: number): ClusterAnswer =>
  has(answer, "_tag") && answer._tag === "ClusterUnavailable" && !has(answer, "detail")
    ? { _tag: "None" }
    : { _tag: "Failed", why: detailOf(answer) ?? messageOf(answer) ?? `It is refused with ${status}.` }

export const post = async (verb: Verb, body: unknown): Promise<Outcome> => {
  try {
    const response = await fetch(`/api/${verb}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    const text = await response.text()
    const answer: unknown = text === "" ? undefined : parse(text)
    return response.ok ? told(answer) : { _tag: "Failed", text: messageOf(answer) ?? `refused with ${response.status}` }
  } catch {
    return { _tag: "Failed", text: "the supervisor did not answer" }
  }
}

const has = <K extends string>(u: unknown, key: K): u is Record<K, unknown> =>
  typeof u === "object" && u !== null && key in u

const detailOf = (u: unknown): string | undefined => has(u, "detail") ? String(u.detail) : undefined

const messageOf = (u: unknown): string | undefined => has(u, "message") ? String(u.message) : undefined

/** What an operation says when it is done: answers per child, or a report of lists. */
const told = (answer: unknown): Outcome => {
  if (Array.isArray(answer)) return ofAnswers(answer as ReadonlyArray<Answer>)
  if (typeof answer !== "object" || answer === null) return { _tag: "Done", text: "done" }
  const lists = Object.entries(answer).filter((entry): entry is [string, Array<unknown>] => Array.isArray(entry[1]))
  const counts = lists.filter(([, list]) => list.length > 0).map(([name, list]) => `${list.length} ${spaced(name)}`)
  const failed = lists.some(([name, list]) => (name === "failed" || name === "timedOut") && list.length > 0)
  return { _tag: failed ? "Failed" : "Done", text: counts.length === 0 ? "done" : counts.join(", ") }
}

const spaced = (name: string): string => name.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)

const ofAnswers = (answers: ReadonlyArray<Answer>): Outcome => {
  const failed = answers.find((answer) => answer._tag === "Failed")
  if (failed !== undefined) return { _tag: "Failed", text: messageOf(failed.error) ?? failed.error._tag }
  const isNoop = answers.every((answer) => answer._tag === "Done" && answer.outcome === "noop")
  return { _tag: "Done", text: isNoop ? "nothing to do" : "done" }
}
