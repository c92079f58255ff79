/** All nodes of the cluster, and what runs where, as this one knows it. */
import { useEffect, useMemo } from "preact/hooks"
import { plainText } from "./ansi.ts"
import * as app from "./app.ts"
import { type ChildLine, type Line, type NodeLine, viewOf } from "./cluster.ts"
import { cluster, forget, lastSeen, poll } from "./clusterPoll.ts"
import { isNarrow } from "./screen.ts"
import { Said } from "./StateMark.tsx"
import { at, inSight, useView } from "./virtual.ts"
import { ago, plural, tones, toneWords } from "./words.ts"

const columns = [
  ["Name", "name"],
  ["State", "status"],
  ["Kind", "kind"],
  ["Token", "token num"],
  ["Restarts", "restarts num"],
  ["Cause", "why"]
] as const

export const Cluster = () => {
  const isLive = app.status.value._tag === "Live"
  useEffect(() => isLive ? poll(app.leaveCluster) : undefined, [isLive])
  useEffect(() => forget, [])
  const seen = lastSeen(cluster.value)
  const filter = app.filter.value
  const view = useMemo(() => seen === undefined ? undefined : viewOf(seen.snapshot, filter), [seen, filter])
  return (
    <section class="cluster" aria-label="Cluster">
      <div class="about">
        <div class="headline">
          <h2>Cluster</h2>
          {view === undefined ? null : (
            <>
              <span class="num">{plural(view.nodes, "node")}</span>
              <span class="num">{plural(view.children, "child", "children")}</span>
            </>
          )}
        </div>
        {view === undefined ? null : (
          <ul class="sums num" aria-label="Children of the cluster by state">
            {tones.map((tone) => (
              <li key={tone} class={view.counts[tone] === 0 ? "faint" : tone}>
                <b>{view.counts[tone]}</b> {toneWords[tone]}
              </li>
            ))}
          </ul>
        )}
      </div>
      <Lines lines={view?.lines ?? []} at={seen?.at ?? 0} />
      <Trouble />
    </section>
  )
}

/** Over the page, so that it moves nothing. That there is no connection is told elsewhere. */
const Trouble = () => {
  const { value } = cluster
  if (value._tag !== "Away" || app.status.value._tag !== "Live") return null
  return (
    <div class="broken below" role="alert">
      <span>
        The cluster cannot be shown: {plainText(value.why)}{" "}
        {value.last === undefined ? "" : "What you see is as it was."}
      </span>
    </div>
  )
}

const Lines = ({ at: told, lines }: { readonly lines: ReadonlyArray<Line>; readonly at: number }) => {
  const view = useView()
  const height = isNarrow.value ? 52 : 27
  const [from, to] = inSight(view, height, lines.length)
  return (
    <div class="table" role="table" aria-label="Nodes and their children" aria-rowcount={lines.length + 1}>
      <div class="head" role="rowgroup">
        <div class="row" role="row" aria-rowindex={1}>
          {columns.map(([name, style]) => <div key={name} class={`cell ${style}`} role="columnheader">{name}</div>)}
        </div>
      </div>
      <div
        class={`body${cluster.value._tag === "Away" ? " stale" : ""}`}
        role="rowgroup"
        ref={view.ref}
        onScroll={view.onScroll}
        tabIndex={0}
      >
        <div class="space" role="presentation" style={{ height: `${lines.length * height}px` }}>
          {lines.slice(from, to).map((line, index) => {
            const place = { index: from + index, height }
            return line._tag === "Node"
              ? <OfNode key={`node ${line.node}`} line={line} told={told} {...place} />
              : <OfChild key={`child ${line.name}`} line={line} {...place} />
          })}
        </div>
        {lines.length === 0 ? <Empty /> : null}
      </div>
    </div>
  )
}

const Empty = () => {
  switch (cluster.value._tag) {
    case "Asking":
      return <p class="empty">Asking…</p>
    case "Away":
      return null
    case "Seen":
      return (
        <p class="empty">{app.filter.value === "" ? "There is no node." : `Nothing matches “${app.filter.value}”.`}</p>
      )
  }
}

interface Place {
  readonly index: number
  readonly height: number
}

const OfNode = ({ height, index, line, told }: Place & { readonly line: NodeLine; readonly told: number }) => (
  <div class="row node" role="row" data-node={line.node ?? ""} aria-rowindex={index + 2} style={at(index * height)}>
    <div class="cell name" role="rowheader" aria-colspan={6}>
      <b class="label" title={line.node}>{line.node ?? "on no node that lives"}</b>
      {line.seenMillisAgo === undefined ? null : (
        <span class="note seen">
          seen <SeenAgo at={told - line.seenMillisAgo} />
        </span>
      )}
      <span class="note">{plural(line.children, "child", "children")}</span>
    </div>
  </div>
)

/** The only thing that changes with time. */
const SeenAgo = ({ at }: { readonly at: number }) => <>{ago(app.now() - at)}</>

const OfChild = ({ height, index, line }: Place & { readonly line: ChildLine }) => {
  const { cause, kind, name, restarts, standing, token } = line
  return (
    <div class="row child" role="row" data-child={name} aria-rowindex={index + 2} style={at(index * height)}>
      <div class="cell name" role="rowheader">
        <span class="label" title={name}>{name}</span>
      </div>
      <div class="cell status" role="cell">
        <Said {...standing} />
      </div>
      <div class="cell kind" role="cell">{kind}</div>
      <div class="cell token num" role="cell">{token}</div>
      <div class={`cell restarts num${restarts === 0 ? " faint" : ""}`} role="cell">{restarts}</div>
      <div class="cell why" role="cell" title={cause}>{cause}</div>
    </div>
  )
}
