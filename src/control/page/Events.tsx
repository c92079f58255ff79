/** What has happened, the latest first. */
import * as app from "./app.ts"
import { Mark } from "./StateMark.tsx"
import type { Moment } from "./timeline.ts"
import { at, inSight, useView } from "./virtual.ts"
import { clock, markOf } from "./words.ts"

const height = 22

export const Events = () => {
  const view = useView()
  const moments = app.moments.value
  const [from, to] = inSight(view, height, moments.length)
  const shown: Array<Moment> = []
  for (let index = from; index < to; index++) shown.push(moments[moments.length - 1 - index]!)
  return (
    <div
      class="scroll events"
      ref={view.ref}
      onScroll={view.onScroll}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Events"
    >
      <ol class="space" style={{ height: `${moments.length * height}px` }}>
        {shown.map((moment, index) => (
          <li key={moment.id} style={at((from + index) * height)} title={`${moment.path} ${moment.text}`}>
            <time class="num faint" dateTime={new Date(moment.at).toISOString()}>{clock(moment.at)}</time>
            <Mark tag={markOf[moment.tone]} />
            <button
              type="button"
              class="plain path"
              tabIndex={-1}
              onClick={() =>
                app.select(moment.path)}
            >
              {moment.path === "" ? app.server.value?.name : moment.path}
            </button>
            <span class="quiet">{moment.text}</span>
          </li>
        ))}
      </ol>
      {moments.length === 0 ? <p class="empty">Nothing has happened since this page was opened.</p> : null}
    </div>
  )
}
