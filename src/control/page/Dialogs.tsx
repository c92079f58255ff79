/** What is asked before anything is done, and the list of keys. The browser's own dialogs: they keep the focus and close on Escape. */
import type { ComponentChildren } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"
import { type Action, signals } from "./actions.ts"
import * as app from "./app.ts"
import { StateWord } from "./StateMark.tsx"
import { plural } from "./words.ts"

export const Dialogs = () => {
  const dialog = app.dialog.value
  if (dialog === undefined) return null
  switch (dialog._tag) {
    case "Help":
      return <Help />
    case "Confirm":
      return <Confirm key={`${dialog.action.verb} ${dialog.path}`} action={dialog.action} path={dialog.path} />
  }
}

const Modal = ({ children, label }: { readonly label: string; readonly children: ComponentChildren }) => {
  const ref = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const before = document.activeElement
    ref.current!.showModal()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={ref}
      aria-label={label}
      onClose={close}
      onClick={(event) => event.target === ref.current ? close() : undefined}
    >
      {children}
    </dialog>
  )
}

const close = (): void => {
  app.dialog.value = undefined
}

const Confirm = ({ action, path }: { readonly action: Action; readonly path: string }) => {
  const field = useRef<HTMLInputElement & HTMLSelectElement>(null)
  const label = action.label.replace("…", "")
  const whom = path === "" ? app.server.value?.name ?? "the supervisor" : path
  return (
    <Modal label={`${label} ${whom}?`}>
      <form
        method="dialog"
        onSubmit={() => void app.perform(action, path, field.current?.value ?? "")}
      >
        <h2>
          {action.field === "name" ? "Add a child?" : (
            <>
              {label} <code>{whom}</code>?
            </>
          )}
        </h2>
        <p>{action.question}</p>
        <Now path={path} />
        {action.field === "signal"
          ? (
            <label>
              Signal
              <select ref={field} autofocus>
                {signals.map((name) => <option key={name}>{name}</option>)}
              </select>
            </label>
          )
          : null}
        {action.field === "name"
          ? (
            <label>
              Name <input ref={field} required autofocus autocomplete="off" spellcheck={false} />
            </label>
          )
          : null}
        <div class="buttons">
          <button type="button" onClick={close}>Cancel</button>
          <button type="submit" class={action.isHard ? "hard" : "soft"} autofocus={action.field === undefined}>
            {label}
          </button>
        </div>
      </form>
    </Modal>
  )
}

/** How it is at this moment, which may not be any more what made somebody press the button. */
const Now = ({ path }: { readonly path: string }) => {
  void app.tick.value
  const child = app.model.children.get(path)
  const below = app.model.order.get(path)?.length ?? 0
  const tag = child?.state._tag ?? app.model.groups.get(path)?.state
  const pid = app.pidOf(path)
  return (
    <p class="facts">
      {tag === undefined ? null : <StateWord tag={tag} />}
      {pid === undefined ? null : <span>pid {pid}</span>}
      {below === 0 ? null : <span>{plural(below, "child", "children")}</span>}
    </p>
  )
}

export const keys: ReadonlyArray<readonly [key: string, what: string]> = [
  ["↑ ↓ Home End", "move in the tree"],
  ["→ ←", "open and close a branch, go in and out"],
  ["Enter", "to what is selected"],
  ["Esc", "back to the tree; close a dialog"],
  ["/", "filter the tree"],
  ["f", "find in the log"],
  ["1 2 3 4", "logs, exits, facts, events"],
  ["s x r", "start, stop, restart"],
  ["h u", "hold, release"],
  ["k", "send a signal"],
  ["g", "reload"],
  ["a", "apply the configuration"],
  ["?", "this list"]
]

/** Only where there is one. */
const clusterKey = ["c", "the cluster, or the tree"] as const

const Help = () => (
  <Modal label="Keyboard shortcuts">
    <form method="dialog">
      <h2>Keyboard</h2>
      <dl class="keys">
        {(app.hasCluster.value ? [clusterKey, ...keys] : keys).map(([key, what]) => (
          <div key={key}>
            <dt>{key.split(" ").map((one) => <kbd key={one}>{one}</kbd>)}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet">Everything that changes something asks first.</p>
      <div class="buttons">
        <button type="submit" autofocus>Close</button>
      </div>
    </form>
  </Modal>
)
