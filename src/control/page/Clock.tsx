/** Texts that change with time: only they are drawn every second. */
import * as app from "./app.ts"
import type { Child } from "../internal/picture.ts"
import { ago, duration, left, recentRestarts, untilOf, waitsFor } from "./words.ts"

export const Since = ({ at }: { readonly at: number | undefined }) => (
  <>{at === undefined ? "" : duration(app.now() - at)}</>
)

export const Ago = ({ at }: { readonly at: number }) => <>{ago(app.now() - at)}</>

/** What a child waits for, in full. */
export const Waits = ({ child }: { readonly child: Child }) => <>{waitsFor(child, jobOf(child.path), app.now())}</>

export const jobOf = (path: string) => {
  if (!app.isJob(path)) return undefined
  const grace = app.details.value?.path === path ? app.details.value.job?.grace : undefined
  const killAfterMillis = app.usages.value.get(path)?.killAfterMillis ?? (grace === "infinity" ? undefined : grace)
  return { pid: app.pidOf(path), killAfterMillis }
}

/** What a child waits for, where there is little place. */
export const WaitsBriefly = ({ child }: { readonly child: Child }) => {
  const { state } = child
  if (state._tag !== "Backoff" && state._tag !== "Stopping") return null
  const until = untilOf(child, jobOf(child.path))
  if (until === undefined) return null
  const rest = until - app.now()
  if (state._tag === "Stopping") return <span class="note">{rest > 0 ? `${left(rest)} left` : "forced"}</span>
  return <span class="note">{rest > 0 ? `in ${left(rest)}` : "now"}</span>
}

/** How often, in all and lately. */
export const Restarts = ({ child }: { readonly child: Child }) => {
  if (child.restarts === 0) return <span class="faint">0</span>
  const recent = recentRestarts(child, app.now())
  return (
    <>
      <span class="note warn">{recent > 0 ? `${recent >= 8 ? "8+" : recent} in 60 s` : ""}</span>
      <span class="grow">{child.restarts}</span>
    </>
  )
}
