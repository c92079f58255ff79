/** The first line: what this is, how it is, whether that is live, and what is about all of it. */
import * as app from "./app.ts"
import { StateWord } from "./StateMark.tsx"
import { bytes, left, percent, plural, type Tone, toneOf, tones, toneWords } from "./words.ts"

export const Top = () =>
  !app.hasTree.value
    ? (
      <header class="top">
        <Connection />
      </header>
    )
    : <Bar />

const Bar = () => (
  <header class="top">
    <h1>
      <span class="name">{app.server.value?.name ?? "Supervisor"}</span>
      <RootState />
    </h1>
    <Counts />
    <Totals />
    <div class="right">
      {app.hasCluster.value
        ? (
          <button
            type="button"
            class="switch"
            aria-pressed={app.isClusterOpen.value}
            title={app.isClusterOpen.value ? "Back to the tree (c)" : "All nodes of the cluster (c)"}
            onClick={app.toggleCluster}
          >
            Cluster
          </button>
        )
        : null}
      {app.server.value?.readOnly
        ? <span class="badge" title="Nothing can be changed from this page">read-only</span>
        : null}
      <Connection />
      <input
        id="filter"
        type="search"
        placeholder="Filter  /"
        aria-label={`Filter the ${app.isClusterOpen.value ? "cluster" : "tree"} by name or state`}
        value={app.filter.value}
        onInput={(event) => {
          app.filter.value = event.currentTarget.value
        }}
      />
      <button
        class="plain"
        type="button"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={() => {
          app.dialog.value = { _tag: "Help" }
        }}
      >
        ?
      </button>
    </div>
  </header>
)

const RootState = () => {
  void app.tick.value
  const root = app.model.groups.get("")
  return root === undefined ? null : <StateWord tag={root.state} />
}

/** How many are how. Always all of them in the same place, so that a glance is enough; a click shows which. */
const Counts = () => {
  void app.tick.value
  const counts = new Map<Tone, number>()
  for (const { state } of app.model.children.values()) {
    const tone = toneOf(state._tag)
    counts.set(tone, (counts.get(tone) ?? 0) + 1)
  }
  const minWidth = `${String(app.model.children.size).length}ch`
  return (
    <ul class="counts" aria-label="Children by state">
      {tones.map((tone) => {
        const word = toneWords[tone]
        const count = counts.get(tone) ?? 0
        const isOn = app.filter.value === word
        return (
          <li key={tone}>
            <button
              type="button"
              class={`count ${count === 0 ? "faint" : tone}`}
              aria-pressed={isOn}
              title={isOn ? "Show all again" : `Show those that are ${word}`}
              onClick={() => {
                app.filter.value = isOn ? "" : word
              }}
            >
              <b style={{ minWidth }}>{count}</b> {word}
            </button>
          </li>
        )
      })}
    </ul>
  )
}

/** What all jobs use together. */
const Totals = () => {
  let cpu = 0
  let memory = 0
  let processes = 0
  for (const series of app.usages.value.values()) {
    if (series.last === undefined) continue
    cpu += series.cpu.at(-1) ?? 0
    memory += series.memory.at(-1) ?? 0
    processes += series.processes
  }
  if (app.usages.value.size === 0) return <span class="totals" />
  return (
    <span class="totals" title="Of the supervisor and all its processes; 100 % is one core">
      {plural(processes, "process", "processes")} · {percent(cpu)} · {bytes(memory)}
    </span>
  )
}

const Connection = () => {
  const status = app.status.value
  switch (status._tag) {
    case "Live":
      return <span class="connection live" role="status">live</span>
    case "Connecting":
      return <span class="connection" role="status">connecting…</span>
    case "Resting":
      return <span class="connection" role="status">paused</span>
    case "Refused":
      return <span class="connection lost" role="status">signed out</span>
    case "Waiting":
      return <span class="connection lost" role="status">reconnecting</span>
  }
}

/** Over the page, so that it moves nothing. */
export const Broken = () => {
  const status = app.status.value
  if (status._tag !== "Waiting" && status._tag !== "Refused") return null
  return (
    <div class="broken" role="alert">
      <span>{status.why} What you see is as it was.</span>
      {status._tag === "Waiting"
        ? (
          <>
            <span class="num" aria-hidden="true">Next try {soon(status.until)}</span>
            <button type="button" onClick={app.retry}>Try now</button>
          </>
        )
        : null}
    </div>
  )
}

const soon = (until: number): string => {
  const rest = until - app.now()
  return rest <= 0 ? "now" : `in ${left(rest)}`
}
