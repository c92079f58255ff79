/** The page: the tree above, what is selected below, the timeline beside it where there is place; or the cluster. */
import { useEffect } from "preact/hooks"
import { Activities } from "./Activities.tsx"
import * as app from "./app.ts"
import { Cluster } from "./Cluster.tsx"
import { Dialogs } from "./Dialogs.tsx"
import { Events } from "./Events.tsx"
import { Panel } from "./Panel.tsx"
import { isNarrow, isWide } from "./screen.ts"
import { listen } from "./shortcuts.ts"
import { Broken, Top } from "./Top.tsx"
import { Tree } from "./Tree.tsx"
import { toneOf } from "./words.ts"

export const App = () => {
  useEffect(listen, [])
  return (
    <>
      <Title />
      <Top />
      <main class={app.status.value._tag === "Live" ? "main" : "main stale"}>
        {app.isClusterOpen.value ? <Cluster /> : <Here />}
      </main>
      <Broken />
      <Activities />
      <Dialogs />
    </>
  )
}

/** What runs in this process. */
const Here = () => {
  const hasTree = !isNarrow.value || !app.isOpen.value
  const hasPanel = !isNarrow.value || app.isOpen.value
  return (
    <>
      {hasTree ? <Tree /> : null}
      {hasPanel ? <Panel /> : null}
      {isWide.value
        ? (
          <aside class="aside" aria-label="Timeline">
            <h2>Timeline</h2>
            <Events />
          </aside>
        )
        : null}
    </>
  )
}

/** The tab of the browser tells whether there is anything to see. */
const Title = () => {
  void app.tick.value
  useEffect(() => {
    let bad = 0
    let warn = 0
    for (const { state } of app.model.children.values()) {
      const tone = toneOf(state._tag)
      if (tone === "bad") bad++
      else if (tone === "warn") warn++
    }
    const name = app.server.value?.name ?? "Supervisor"
    document.title = bad > 0 ? `✕ ${bad} down · ${name}` : warn > 0 ? `▲ ${warn} backing off · ${name}` : name
  })
  return null
}
