/** Everything else there is to know. */
import type { ComponentChildren } from "preact"
import { plainText } from "./ansi.ts"
import * as app from "./app.ts"
import { Since } from "./Clock.tsx"
import type { Child } from "../internal/picture.ts"
import type { Details } from "./wire.ts"
import { bytes, clock, duration, percent, plural } from "./words.ts"

type JobInfo = NonNullable<Details["job"]>
type JobState = JobInfo["previous"]

export const Facts = ({ path }: { readonly path: string }) => {
  void app.tick.value
  const child = app.model.children.get(path)
  const details = app.details.value?.path === path ? app.details.value : undefined
  return (
    <div class="scroll">
      <dl class="facts">
        {path === "" ? <Root /> : null}
        {child === undefined ? null : <OfChild child={child} />}
        <OfGroup path={path} />
        {details?.job === undefined ? null : <OfJob job={details.job} />}
        <OfUsage path={path} />
      </dl>
    </div>
  )
}

const Fact = ({ children, name }: { readonly name: string; readonly children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

const Root = () => {
  const server = app.server.value
  if (server === undefined) return null
  return (
    <>
      <Fact name="Supervisor">{server.name}</Fact>
      <Fact name="Process">
        pid {server.pid}, serving for <Since at={server.startedAt} />
      </Fact>
      <Fact name="Version">effect-supervisor {server.version}, protocol {server.protocol}</Fact>
      <Fact name="This page may">{server.readOnly ? "look only" : "look and change"}</Fact>
    </>
  )
}

const graceOf = (grace: number | "infinity"): string => grace === "infinity" ? "as long as it wants" : duration(grace)

const OfChild = ({ child }: { readonly child: Child }) => (
  <>
    <Fact name="Path">
      <code>{child.path}</code>
    </Fact>
    <Fact name="Kind">{app.kindOf(child.path)}{child.significant ? ", significant" : ""}</Fact>
    <Fact name="Incarnation">
      {child.incarnation === 0 ? "never started" : `number ${child.incarnation}`}
      {child.startedAt === undefined ? "" : `, since ${clock(child.startedAt)}`}
      {child.readyAt === undefined || child.startedAt === undefined
        ? ""
        : `, ready after ${((child.readyAt - child.startedAt) / 1000).toFixed(2)} s`}
    </Fact>
    <Fact name="Restarts">{plural(child.restarts, "restart")} by its policy or its group</Fact>
    <Fact name="Health">{child.health ?? "no health check, or it does not run"}</Fact>
    <Fact name="To stop it gets">
      {graceOf(child.grace)}
      {child.clampedFrom === undefined
        ? ""
        : ` (its supervisor has no more than that; it wants ${graceOf(child.clampedFrom)})`}
    </Fact>
  </>
)

const OfGroup = ({ path }: { readonly path: string }) => {
  const group = app.model.groups.get(path)
  if (group === undefined) return null
  return (
    <>
      <Fact name="Strategy">{group.strategy}</Fact>
      <Fact name="Children">
        {plural(app.model.order.get(path)?.length ?? 0, "child", "children")}, {group.completed} completed,{" "}
        {plural(group.restarts, "restart")}
      </Fact>
      {group.abandoned.length === 0 ? null : <Fact name="Would not end">{group.abandoned.join(", ")}</Fact>}
    </>
  )
}

const OfJob = ({ job }: { readonly job: JobInfo }) => (
  <>
    <Fact name="Command">
      <code>{plainText(job.command)}</code>
    </Fact>
    <Fact name="Directory">
      <code>{job.directory}</code>
    </Fact>
    <Fact name="Process">{processOf(job.state)}</Fact>
    {job.history.length === 0 ? null : (
      <Fact name="Past runs">
        <ol class="runs num">
          {job.history.toReversed().map((run) => (
            <li key={run.run}>
              {clock(run.endedAt)} pid {run.pid} {statusOf(run.status)} after {duration(run.endedAt - run.startedAt)}
              {run.forced ? ", by force" : ""}
            </li>
          ))}
        </ol>
      </Fact>
    )}
  </>
)

const processOf = (state: JobState): string => {
  switch (state._tag) {
    case "Pending":
      return "was never started"
    case "Running":
      return `pid ${state.pid} since ${clock(state.startedAt)}`
    case "Finished":
      return `${statusOf(state.status)} at ${clock(state.endedAt)}${state.forced ? ", by force" : ""}${
        state.survivors.length === 0 ? "" : `; still there: ${state.survivors.join(", ")}`
      }`
  }
}

const statusOf = (status: Extract<JobState, { readonly _tag: "Finished" }>["status"]): string => {
  switch (status._tag) {
    case "Exited":
      return `exited with code ${status.code}`
    case "Signaled":
      return `was ended by ${status.signal}`
    case "SpawnFailed":
      return `could not be started: ${status.error.detail}`
  }
}

const OfUsage = ({ path }: { readonly path: string }) => {
  const series = app.usages.value.get(path)
  if (series?.last === undefined) return null
  return (
    <Fact name="Uses">
      {plural(series.processes, "process", "processes")}, {percent(series.cpu.at(-1) ?? 0)} of a core,{" "}
      {bytes(series.memory.at(-1) ?? 0)}
    </Fact>
  )
}
