/** Keys that work wherever nobody is writing. */
import { isPossible, ofChild, ofRoot } from "./actions.ts"
import * as app from "./app.ts"

const tabs: ReadonlyArray<app.Tab> = ["logs", "exits", "facts", "events"]

const isWriting = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement

const focus = (selector: string): void => document.querySelector<HTMLElement>(selector)?.focus()

export const listen = (): () => void => {
  document.addEventListener("keydown", onKeyDown)
  return () => document.removeEventListener("keydown", onKeyDown)
}

const onKeyDown = (event: KeyboardEvent): void => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || app.dialog.value !== undefined) return
  if (event.key === "Escape") return escape(event)
  if (isWriting(event.target)) return
  if (press(event.key)) event.preventDefault()
}

/** Out of a field it clears that first. */
const escape = ({ target }: KeyboardEvent): void => {
  if (target instanceof HTMLInputElement && target.id === "filter") app.filter.value = ""
  else if (app.isClusterOpen.value) app.toggleCluster()
  else app.isOpen.value = false
  toMain()
}

/** To the tree or the cluster, whichever is there. */
const toMain = (): void => queueMicrotask(() => focus(".tree [tabindex='0'], .cluster .body"))

const openCluster = (): boolean => {
  if (!app.hasCluster.value) return false
  app.toggleCluster()
  toMain()
  return true
}

const press = (key: string): boolean => {
  if (key === "?") app.dialog.value = { _tag: "Help" }
  else if (key === "/") focus("#filter")
  else if (key === "c") return openCluster()
  // What is selected in the tree is not in sight.
  else if (app.isClusterOpen.value) return false
  else if (key === "f") openFind()
  else if (key >= "1" && key <= "4") openTab(tabs[Number(key) - 1]!)
  else return act(key)
  return true
}

const openTab = (tab: app.Tab): void => {
  app.tab.value = tab
  app.isOpen.value = true
}

const openFind = (): void => {
  openTab("logs")
  requestAnimationFrame(() => focus("#find"))
}

const act = (key: string): boolean => {
  const path = app.selected.value
  const action = (path === "" ? ofRoot : [...ofChild, ...ofRoot.slice(1, 2)]).find((action) => action.key === key)
  if (action === undefined) return false
  const isAboutAll = action.verb === "reconcile"
  if (isAboutAll || isPossible(action, app.model.children.get(path), app.isJob(path))) {
    app.ask(action, isAboutAll ? "" : path)
  }
  return true
}
