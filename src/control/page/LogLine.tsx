import { type Span, spans } from "./ansi.ts"
import { markerOf } from "./logSession.ts"
import { memo } from "./memo.ts"
import { at } from "./virtual.ts"
import type { LogEntry } from "./wire.ts"
import { preciseClock } from "./words.ts"

/** What is shown of one line; all of it can be copied. */
const maxShown = 4000

export const LogLine = memo(({ entry, find, isCurrent, offset }: {
  readonly entry: LogEntry
  readonly offset: number
  readonly find: string
  readonly isCurrent: boolean
}) => {
  if (entry._tag !== "Line") return <div class="line marker" style={at(offset)}>{markerOf(entry)}</div>
  const { stream, text, time } = entry
  return (
    <div class={`line ${stream}${isCurrent ? " current" : ""}`} style={at(offset)}>
      <time class="num">{preciseClock(time)}</time>
      {stream === "stderr" ? <span class="err" title="stderr">err</span> : <span class="err" />}
      <span class="text">
        {spans(text.length > maxShown ? text.slice(0, maxShown) : text).map((span, index) => (
          <Piece key={index} span={span} find={find} />
        ))}
        {text.length > maxShown ? <i class="note">{` … ${text.length - maxShown} more`}</i> : null}
      </span>
    </div>
  )
})

const Piece = ({ find, span }: { readonly span: Span; readonly find: string }) => {
  const parts = find === "" ? [span.text] : split(span.text, find)
  const content = parts.map((part, index) => index % 2 === 1 ? <mark key={index}>{part}</mark> : part)
  return span.style === "" ? <>{content}</> : <span class={span.style}>{content}</span>
}

/** At odd places what was looked for, at even ones what is between. */
const split = (text: string, find: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  const lower = text.toLowerCase()
  let from = 0
  for (let index = lower.indexOf(find); index >= 0; index = lower.indexOf(find, from)) {
    parts.push(text.slice(from, index), text.slice(index, index + find.length))
    from = index + find.length
  }
  parts.push(text.slice(from))
  return parts
}
