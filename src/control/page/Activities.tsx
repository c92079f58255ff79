/** What was asked for and how it goes: in a corner, over the page, announced to who cannot see it. */
import * as app from "./app.ts"
import { Waits } from "./Clock.tsx"
import { wordOf } from "./words.ts"

export const Activities = () => (
  <ol class="activities" aria-live="polite" aria-label="Operations">
    {app.activities.value.map((activity) => <Item key={activity.id} activity={activity} />)}
  </ol>
)

const Item = ({ activity }: { readonly activity: app.Activity }) => {
  const { id, outcome } = activity
  const kind = outcome === undefined ? "busy" : outcome._tag === "Done" ? "good" : "bad"
  return (
    <li class={`activity ${kind}`}>
      <div>
        <b>{app.titleOf(activity)}</b>
        {outcome === undefined
          // Not read out every second.
          ? (
            <span aria-hidden="true">
              <Progress path={activity.path} />
            </span>
          )
          : <span>{outcome.text}</span>}
      </div>
      {outcome === undefined
        ? <span class="spinner" aria-hidden="true" />
        : <button type="button" class="plain" aria-label="Dismiss" onClick={() => app.dismiss(id)}>×</button>}
    </li>
  )
}

/** What it waits for, of what is known of the child. */
const Progress = ({ path }: { readonly path: string }) => {
  void app.tick.value
  const child = app.model.children.get(path) ?? firstStopping(path)
  if (child === undefined) return <>under way…</>
  const { state } = child
  if (state._tag === "Stopping") {
    return (
      <>
        {child.path === path ? null : `${child.path}: `}
        <Waits child={child} />
      </>
    )
  }
  return <>{state._tag === "Starting" ? "waiting until it is ready" : `it is ${wordOf(state._tag)}`}</>
}

/** Of the whole tree, the one that is being stopped now. */
const firstStopping = (path: string) => {
  if (path !== "") return undefined
  for (const child of app.model.children.values()) {
    if (child.state._tag === "Stopping" && !app.model.groups.has(child.path)) return child
  }
  return undefined
}
