/** One line of the tree. */
import * as app from "./app.ts"
import { Ago, Restarts, Since, WaitsBriefly } from "./Clock.tsx"
import { memo } from "./memo.ts"
import type { Child, Group } from "../internal/picture.ts"
import type { Row as RowData } from "./rows.ts"
import { Sparkline } from "./Sparkline.tsx"
import { StateWord } from "./StateMark.tsx"
import type { Series } from "./usage.ts"
import { at } from "./virtual.ts"
import { bytes, endOf, isFailure, percent } from "./words.ts"

interface Props {
  readonly row: RowData
  readonly index: number
  readonly height: number
  readonly child: Child | undefined
  readonly group: Group | undefined
  readonly series: Series | undefined
  readonly kind: app.Kind
  readonly pid: number | undefined
  readonly isSelected: boolean
  readonly isCollapsed: boolean
}

/** Nothing is moved in further than this. */
const deepest = 8

export const Row = memo((props: Props) => {
  const { child, group, height, index, isCollapsed, isSelected, kind, pid, row, series } = props
  const state = child?.state._tag ?? group?.state ?? "Pending"
  const startedAt = row.path === "" ? app.server.value?.startedAt : child?.startedAt
  return (
    <div
      class={`row${isSelected ? " selected" : ""}`}
      role="row"
      data-path={row.path}
      data-index={index}
      tabIndex={isSelected ? 0 : -1}
      aria-selected={isSelected}
      aria-level={row.level}
      aria-posinset={row.place}
      aria-setsize={row.siblings}
      aria-rowindex={index + 2}
      aria-expanded={row.hasChildren ? !isCollapsed : undefined}
      style={at(index * height)}
    >
      <div
        class="cell name"
        role="gridcell"
        style={{ paddingInlineStart: `${Math.min(row.level - 1, deepest) * 16}px` }}
      >
        <span class={`twisty${row.hasChildren ? isCollapsed ? " closed" : " open" : ""}`} aria-hidden="true" />
        <span class="label" title={row.path}>{child?.name ?? group?.name}</span>
        {group !== undefined ? <span class="note strategy">{group.strategy}</span> : null}
      </div>
      <div class="cell status" role="gridcell">
        <StateWord tag={state} />
        {child === undefined ? null : <WaitsBriefly child={child} />}
      </div>
      <div class="cell kind" role="gridcell">{kind}</div>
      <div class="cell pid num" role="gridcell">{pid}</div>
      <div class="cell up num" role="gridcell">
        <Since at={startedAt} />
      </div>
      <div class="cell restarts num" role="gridcell">
        {child === undefined ? <span class="faint">{group?.restarts}</span> : <Restarts child={child} />}
      </div>
      <div class="cell last" role="gridcell">
        <LastExit child={child} />
      </div>
      <div class={`cell health ${child?.health ?? ""}`} role="gridcell">{child?.health}</div>
      <Usage name="cpu" series={series} value={(last) => percent(last.cpu.at(-1) ?? 0)} atLeast={10} />
      <Usage name="memory" series={series} value={(last) => bytes(last.memory.at(-1) ?? 0)} atLeast={1e6} />
    </div>
  )
})

const LastExit = ({ child }: { readonly child: Child | undefined }) => {
  const last = child?.history.at(-1)
  if (last === undefined) return null
  const text = endOf(last)
  return (
    <>
      <span class={`text${isFailure(last) ? " failed" : ""}`} title={text}>{text}</span>
      <span class="note">
        <Ago at={last.endedAt} />
      </span>
    </>
  )
}

const Usage = ({ atLeast, name, series, value }: {
  readonly name: "cpu" | "memory"
  readonly series: Series | undefined
  readonly value: (series: Series) => string
  readonly atLeast: number
}) => (
  <div class={`cell ${name} num`} role="gridcell">
    {series?.last === undefined ? null : (
      <>
        {series[name].length > 1 ? <Sparkline series={series[name]} atLeast={atLeast} /> : null}
        {series[name].length > 0 ? <span>{value(series)}</span> : null}
      </>
    )}
  </div>
)
