/** The tree as a grid of lines, of which those in sight are there. Keys as in the WAI-ARIA treegrid pattern. */
import { useLayoutEffect, useRef } from "preact/hooks"
import * as app from "./app.ts"
import { parentOf } from "../internal/picture.ts"
import { Row } from "./Row.tsx"
import type { Row as RowData } from "./rows.ts"
import { isNarrow } from "./screen.ts"
import { inSight, reveal, useView, type View } from "./virtual.ts"

const columns = ["Name", "State", "Kind", "PID", "Uptime", "Restarts", "Last exit", "Health", "CPU", "Memory"] as const
const classes = [
  "name",
  "status",
  "kind",
  "pid num",
  "up num",
  "restarts num",
  "last",
  "health",
  "cpu num",
  "memory num"
]

export const Tree = () => {
  const view = useView()
  const wantsFocus = useRef(false)
  const rows = app.visible.value
  const height = isNarrow.value ? 52 : 27
  const selectedIndex = rows.findIndex(({ path }) => path === app.selected.value)

  useLayoutEffect(() => {
    if (!wantsFocus.current) return
    wantsFocus.current = false
    view.ref.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus({ preventScroll: true })
  })

  const go = (index: number): void => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))]
    if (row === undefined) return
    wantsFocus.current = true
    app.select(row.path)
    reveal(view, height, rows.indexOf(row))
    app.tick.value++
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const to = move(event.key, rows, selectedIndex, Math.max(1, Math.floor(view.height.value / height) - 1))
    if (to === undefined) return
    event.preventDefault()
    if (typeof to === "number") go(to)
  }

  const onClick = (event: MouseEvent): void => {
    const { target } = event
    if (!(target instanceof Element)) return
    const path = target.closest<HTMLElement>(".row")?.dataset["path"]
    if (path === undefined) return
    wantsFocus.current = true
    app.select(path)
    if (target.closest(".twisty") !== null) app.toggle(path)
    else app.isOpen.value = true
  }

  return (
    <section
      class="tree"
      role="treegrid"
      aria-label="Supervision tree"
      aria-rowcount={rows.length + 1}
      aria-colcount={10}
    >
      <div role="rowgroup" class="head">
        <div class="row" role="row" aria-rowindex={1}>
          {columns.map((name, index) => (
            <div key={name} class={`cell ${classes[index]}`} role="columnheader">{name}</div>
          ))}
        </div>
      </div>
      <div
        class="body"
        role="rowgroup"
        ref={view.ref}
        onScroll={view.onScroll}
        onKeyDown={onKeyDown}
        onClick={onClick}
        onDblClick={() => app.toggle(app.selected.value)}
      >
        <div class="space" role="presentation" style={{ height: `${rows.length * height}px` }}>
          <Rows rows={rows} view={view} height={height} selectedIndex={selectedIndex} />
        </div>
        {rows.length === 1 && app.filter.value !== ""
          ? <p class="empty">Nothing matches “{app.filter.value}”.</p>
          : null}
      </div>
    </section>
  )
}

/** Only this is drawn in every frame in which something has changed. */
const Rows = ({ height, rows, selectedIndex, view }: {
  readonly rows: ReadonlyArray<RowData>
  readonly view: View
  readonly height: number
  readonly selectedIndex: number
}) => {
  void app.tick.value
  const [from, to] = inSight(view, height, rows.length)
  const indexes = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index)
  // Focus is not lost when its row is scrolled away.
  if (selectedIndex >= 0 && (selectedIndex < from || selectedIndex >= to)) indexes.push(selectedIndex)
  const usages = app.usages.value
  return (
    <>
      {indexes.map((index) => {
        const row = rows[index]!
        const { path } = row
        return (
          <Row
            key={path}
            row={row}
            index={index}
            height={height}
            child={app.model.children.get(path)}
            group={app.model.groups.get(path)}
            series={usages.get(path)}
            kind={path === "" ? "manager" : app.kindOf(path)}
            pid={app.pidOf(path)}
            isSelected={index === selectedIndex}
            isCollapsed={app.collapsed.value.has(path)}
          />
        )
      })}
    </>
  )
}

/** Where a key leads to; `true`: it has done something else. */
const move = (key: string, rows: ReadonlyArray<RowData>, from: number, page: number): number | true | undefined => {
  const row = rows[from]
  switch (key) {
    case "ArrowDown":
      return from + 1
    case "ArrowUp":
      return from - 1
    case "PageDown":
      return from + page
    case "PageUp":
      return from - page
    case "Home":
      return 0
    case "End":
      return rows.length - 1
    case "ArrowRight":
      return row === undefined ? undefined : inwards(row, from)
    case "ArrowLeft":
      return row === undefined ? undefined : outwards(row, rows)
    case "Enter":
      app.isOpen.value = true
      queueMicrotask(() => document.querySelector<HTMLElement>(".panel [role=tab][aria-selected=true]")?.focus())
      return true
    default:
      return undefined
  }
}

const inwards = ({ hasChildren, path }: RowData, from: number): number | true => {
  if (!hasChildren) return true
  if (!app.collapsed.value.has(path)) return from + 1
  app.toggle(path, false)
  return true
}

const outwards = ({ hasChildren, path }: RowData, rows: ReadonlyArray<RowData>): number | true => {
  if (hasChildren && !app.collapsed.value.has(path)) {
    app.toggle(path, true)
    return true
  }
  return path === "" ? true : rows.findIndex((row) => row.path === parentOf(path))
}
