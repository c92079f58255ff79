/** How the last incarnations ended, the latest first, with the whole cause. */
import * as app from "./app.ts"
import { Ago } from "./Clock.tsx"
import { plainText } from "./ansi.ts"
import type { ExitRecord } from "./wire.ts"
import { clock, decisionOf, duration, endOf, isFailure } from "./words.ts"

export const Exits = ({ path }: { readonly path: string }) => {
  void app.tick.value
  const child = app.model.children.get(path)
  if (child === undefined) return <p class="empty">Select a child to see how it ended.</p>
  const { state } = child
  const cause = state._tag === "GaveUp" || state._tag === "Backoff" ? state.cause : undefined
  const history = child.history.toReversed()
  const isTold = history[0]?.exit._tag === "Failure" && history[0].exit.cause.pretty === cause?.pretty
  return (
    <div class="scroll exits">
      {cause === undefined || isTold ? null : <pre class="cause">{plainText(cause.pretty)}</pre>}
      {history.length === 0 ? <p class="empty">It has not ended yet.</p> : null}
      <ol>
        {history.map((record, index) => (
          <Exit key={`${record.incarnation} ${record.endedAt}`} record={record} isOpen={index === 0} />
        ))}
      </ol>
    </div>
  )
}

const Exit = ({ isOpen, record }: { readonly record: ExitRecord; readonly isOpen: boolean }) => {
  const { endedAt, exit, incarnation, startedAt } = record
  const isBad = isFailure(record)
  return (
    <li class="exit">
      <div class="line num">
        <span class="faint">#{incarnation}</span>
        <time dateTime={new Date(endedAt).toISOString()}>{clock(endedAt)}</time>
        <span class="quiet">
          <Ago at={endedAt} />
        </span>
        <span class={isBad ? "failed what" : "what"}>{endOf(record)}</span>
        <span class="quiet">after {duration(endedAt - startedAt)}</span>
        <span class="quiet">{decisionOf(record)}</span>
      </div>
      {isBad && exit._tag === "Failure"
        ? (
          <details open={isOpen}>
            <summary>Cause</summary>
            <pre class="cause">{plainText(exit.cause.pretty)}</pre>
          </details>
        )
        : null}
    </li>
  )
}
