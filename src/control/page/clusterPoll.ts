/** The cluster, asked for while somebody looks at it: one question at a time, none while the page is hidden. */
import { type Signal, signal } from "@preact/signals"
import * as api from "./api.ts"
import type { ClusterSnapshot } from "./wire.ts"

/** Between an answer and the next question. */
const pauseMillis = 2000
/** A storage that hangs is one that does not answer. */
const patienceMillis = 10_000

export interface Seen {
  readonly _tag: "Seen"
  readonly snapshot: ClusterSnapshot
  /** When it was told. */
  readonly at: number
}

export type Cluster =
  | { readonly _tag: "Asking" }
  | Seen
  /** It cannot be shown as it is now; `last` is how it was. */
  | { readonly _tag: "Away"; readonly why: string; readonly last: Seen | undefined }

export const cluster: Signal<Cluster> = signal({ _tag: "Asking" })

export const lastSeen = (cluster: Cluster): Seen | undefined => {
  switch (cluster._tag) {
    case "Asking":
      return undefined
    case "Seen":
      return cluster
    case "Away":
      return cluster.last
  }
}

/** When it is looked at again, how it was is of no use. */
export const forget = (): void => {
  cluster.value = { _tag: "Asking" }
}

/** Asks until what it answers with is called. `onNone`: this is no node of a cluster any more. */
export const poll = (onNone: () => void): () => void => {
  const closing = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isAsking = false

  const ask = async (): Promise<void> => {
    clearTimeout(timer)
    if (isAsking || document.hidden) return
    isAsking = true
    const answer = await api.cluster(AbortSignal.any([closing.signal, AbortSignal.timeout(patienceMillis)]))
    isAsking = false
    if (closing.signal.aborted) return
    take(answer)
    timer = setTimeout(() => void ask(), pauseMillis)
  }

  const take = (answer: api.ClusterAnswer): void => {
    if (answer._tag === "None") onNone()
    else if (answer._tag === "Snapshot") {
      cluster.value = { _tag: "Seen", snapshot: answer.snapshot, at: Date.now() }
    } else cluster.value = { _tag: "Away", why: answer.why, last: lastSeen(cluster.value) }
  }

  const onVisibility = (): void => void ask()

  document.addEventListener("visibilitychange", onVisibility)
  void ask()
  return () => {
    closing.abort()
    clearTimeout(timer)
    document.removeEventListener("visibilitychange", onVisibility)
  }
}
