/** What is selected: how it is, what can be done about it, and its logs, exits and facts. */
import * as actions from "./actions.ts"
import * as app from "./app.ts"
import { Since, Waits } from "./Clock.tsx"
import { Events } from "./Events.tsx"
import { Exits } from "./Exits.tsx"
import { Facts } from "./Facts.tsx"
import { Logs } from "./Logs.tsx"
import { isNarrow, isWide } from "./screen.ts"
import { StateWord } from "./StateMark.tsx"
import { plural } from "./words.ts"

const names: Readonly<Record<app.Tab, string>> = { logs: "Logs", exits: "Exits", facts: "Facts", events: "Events" }

export const Panel = () => {
  const path = app.selected.value
  return (
    <section class="panel" aria-label={path === "" ? "The whole tree" : `Details of ${path}`}>
      <div class="about">
        {isNarrow.value
          ? (
            <button
              type="button"
              class="plain back"
              onClick={() => {
                app.isOpen.value = false
              }}
            >
              ‹ Tree
            </button>
          )
          : null}
        <Headline path={path} />
        <Actions path={path} />
      </div>
      <Tabs />
      <div class="content" role="tabpanel" aria-label={names[shownTab()]}>
        <Content path={path} />
      </div>
    </section>
  )
}

/** Only a process has a log, and the root does not end while anybody looks. Beside a timeline no tab is needed for it. */
const available = (): ReadonlyArray<app.Tab> => {
  const path = app.selected.value
  const tabs: Array<app.Tab> = path === ""
    ? ["facts"]
    : app.isJob(path)
    ? ["logs", "exits", "facts"]
    : ["exits", "facts"]
  return isWide.value ? tabs : [...tabs, "events"]
}

const shownTab = (): app.Tab => {
  const tabs = available()
  return tabs.includes(app.tab.value) ? app.tab.value : tabs[0]!
}

const Content = ({ path }: { readonly path: string }) => {
  switch (shownTab()) {
    case "logs":
      return <Logs path={path} />
    case "exits":
      return <Exits path={path} />
    case "facts":
      return <Facts path={path} />
    case "events":
      return <Events />
  }
}

const Headline = ({ path }: { readonly path: string }) => {
  void app.tick.value
  const child = app.model.children.get(path)
  const tag = child?.state._tag ?? app.model.groups.get(path)?.state
  return (
    <div class="headline">
      <h2 title={path}>{path === "" ? app.server.value?.name : path}</h2>
      {tag === undefined ? null : <StateWord tag={tag} />}
      {child === undefined ? null : (
        <span class="quiet num sentence">
          <Waits child={child} />
          {child.state._tag === "Running"
            ? (
              <>
                for <Since at={child.startedAt} />
              </>
            )
            : null}
        </span>
      )}
      {child === undefined || child.restarts === 0
        ? null
        : <span class="quiet num">{plural(child.restarts, "restart")}</span>}
    </div>
  )
}

const Actions = ({ path }: { readonly path: string }) => {
  void app.tick.value
  if (app.isReadOnly.value) return null
  const child = app.model.children.get(path)
  const isJob = app.isJob(path)
  const all = path === "" ? actions.ofRoot : actions.ofChild.filter(({ verb }) => verb !== "signal" || isJob)
  return (
    <div class="actions" role="toolbar" aria-label="Actions">
      {all.map((action) => (
        <button
          key={action.verb}
          type="button"
          disabled={!actions.isPossible(action, child, isJob)}
          title={action.key === undefined ? action.question : `${action.question} (${action.key})`}
          onClick={() => app.ask(action, path)}
        >
          {action.label}
        </button>
      ))}
    </div>
  )
}

const Tabs = () => {
  const tabs = available()
  const shown = shownTab()
  const go = (step: number): void => {
    app.tab.value = tabs[(tabs.indexOf(shown) + step + tabs.length) % tabs.length]!
    queueMicrotask(() => document.querySelector<HTMLElement>("[role=tab][aria-selected=true]")?.focus())
  }
  return (
    <div
      class="tabs"
      role="tablist"
      aria-label="About what is selected"
      onKeyDown={({ key }) => key === "ArrowRight" ? go(1) : key === "ArrowLeft" ? go(-1) : undefined}
    >
      {tabs.map((tab) => (
        <button
          key={tab}
          type="button"
          role="tab"
          aria-selected={tab === shown}
          tabIndex={tab === shown ? 0 : -1}
          onClick={() => {
            app.tab.value = tab
          }}
        >
          {names[tab]}
        </button>
      ))}
    </div>
  )
}
