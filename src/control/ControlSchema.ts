/**
 * Schemas of what a supervisor says, for everything that sends or reads it: the control socket, a web page, a file.
 *
 * The types are the core's own, which does not import `Schema` because of what that costs. That each schema describes
 * exactly its type is checked by the compiler. Plain data goes out as it is and is checked where it comes in.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as ExitStatusModule from "../process/ExitStatus.ts"
import type * as Job from "../process/Job.ts"
import type * as LogStore from "../process/LogStore.ts"
import { SpawnFailed, type SpawnFailedReason } from "../process/ProcessError.ts"
import type * as Spawner from "../process/Spawner.ts"
import type * as SnapshotModule from "../Snapshot.ts"
import type * as StateModule from "../State.ts"
import type * as StrategyModule from "../Strategy.ts"
import type {
  Outcome as CoreOutcome,
  ReconcileReport as CoreReconcileReport,
  ReloadReport as CoreReloadReport
} from "../Supervisor.ts"
import type * as Events from "../SupervisorEvent.ts"
import { coded, errorOf, orUndefined, plain } from "./internal/wire.ts"

/**
 * A schema with a JSON form: what `Schema.toCodecJson` takes.
 *
 * @category models
 * @since 0.1.0
 */
export type Wire<T> = Schema.declare<T>

const { Array: List, Boolean, Finite, Literal, Literals, String: Text, Struct, TaggedStruct, Union, optionalKey } =
  Schema

const causeInfo = Struct({
  kind: Literals(["Fail", "Die", "Interrupt"]),
  tag: orUndefined(Text),
  message: Text,
  pretty: Text
})

const exitInfo = Union([TaggedStruct("Success", {}), TaggedStruct("Failure", { cause: causeInfo })])

const state = Union([
  TaggedStruct("Pending", {}),
  TaggedStruct("Starting", {}),
  TaggedStruct("Running", {}),
  TaggedStruct("Backoff", { until: Finite, attempt: Finite, cause: orUndefined(causeInfo) }),
  TaggedStruct("Stopping", { until: orUndefined(Finite) }),
  TaggedStruct("Stopped", {}),
  TaggedStruct("Held", {}),
  TaggedStruct("Completed", {}),
  TaggedStruct("GaveUp", { cause: causeInfo }),
  TaggedStruct("Abandoned", {})
])

const strategy = Literals(["one-for-one", "one-for-all", "rest-for-one"])
const grace = Union([Finite, Literal("infinity")])

const exitRecord = Struct({
  incarnation: Finite,
  startedAt: Finite,
  endedAt: Finite,
  exit: exitInfo,
  decision: Literals(["restart", "complete", "giveUp", "asked"])
})

const childSnapshot = Struct({
  name: Text,
  path: Text,
  state,
  incarnation: Finite,
  restarts: Finite,
  startedAt: orUndefined(Finite),
  readyAt: orUndefined(Finite),
  health: orUndefined(Literals(["healthy", "unhealthy"])),
  grace,
  clampedFrom: orUndefined(grace),
  significant: Boolean,
  history: List(exitRecord),
  supervisor: orUndefined(Schema.suspend((): Schema.Codec<SnapshotModule.Snapshot, unknown> => snapshot as never))
})

const snapshot = Struct({
  name: Text,
  path: Text,
  state: Literals(["Starting", "Running", "Stopping", "Stopped", "Failed"]),
  strategy,
  completed: Finite,
  restarts: Finite,
  abandoned: List(Text),
  children: List(childSnapshot)
})

const about = { at: Finite, path: Text }

const supervisorEvent = Union([
  TaggedStruct("ChildAdded", { ...about, child: childSnapshot }),
  TaggedStruct("ChildRemoved", about),
  TaggedStruct("ChildTransition", {
    ...about,
    incarnation: Finite,
    from: Literals([
      "Pending",
      "Starting",
      "Running",
      "Backoff",
      "Stopping",
      "Stopped",
      "Held",
      "Completed",
      "GaveUp",
      "Abandoned"
    ]),
    to: state,
    exit: orUndefined(exitInfo)
  }),
  TaggedStruct("ChildUnhealthy", { ...about, incarnation: Finite, failures: Finite, cause: causeInfo }),
  TaggedStruct("RestartStorm", { ...about, restarts: Finite, withinMillis: Finite }),
  TaggedStruct("SupervisorTransition", {
    ...about,
    to: Literals(["Starting", "Running", "Stopping", "Stopped", "Failed"]),
    cause: orUndefined(causeInfo)
  }),
  TaggedStruct("EventsLost", { ...about, count: Finite })
])

const outcome = Literals(["done", "noop"])

const reloadReport = Struct({
  handled: List(Text),
  ignored: List(Text),
  failed: List(Struct({ path: Text, cause: causeInfo })),
  timedOut: List(Text)
})

const reconcileReport = Struct({
  started: List(Text),
  stopped: List(Text),
  restarted: List(Text),
  kept: List(Text)
})

// --------------------------------------------------------------------------------------------------- of processes

const spawnFailedReasons: ReadonlyArray<SpawnFailedReason> = [
  "NotFound",
  "PermissionDenied",
  "BadDirectory",
  "BadWorkspace",
  "InvalidArgument",
  "Unsupported",
  "Resources",
  "Unknown"
]

/** What caused it stays where it happened: it may be anything. */
const spawnFailed = errorOf(
  "SpawnFailed",
  (u): u is SpawnFailed => u instanceof SpawnFailed,
  { command: Text, reason: Literals(spawnFailedReasons), detail: Text },
  (fields) => new SpawnFailed({ ...fields, cause: undefined })
)

const exitStatus = Union([
  TaggedStruct("Exited", { code: Finite }),
  TaggedStruct("Signaled", { signal: Text, coreDumped: orUndefined(Boolean) }),
  TaggedStruct("SpawnFailed", { error: spawnFailed })
])

const usage = Struct({ cpuMillis: Finite, memoryBytes: Finite, processes: Finite })

const jobState = Union([
  TaggedStruct("Pending", {}),
  TaggedStruct("Running", { pid: Finite, startedAt: Finite }),
  TaggedStruct("Finished", {
    status: exitStatus,
    startedAt: Finite,
    endedAt: Finite,
    forced: Boolean,
    survivors: List(Text)
  })
])

const jobInfo = Struct({
  name: Text,
  id: Text,
  command: Text,
  state: jobState,
  previous: jobState,
  pid: orUndefined(Finite),
  startedAt: orUndefined(Finite),
  grace,
  runs: Finite,
  history: List(Struct({
    run: Finite,
    pid: Finite,
    startedAt: Finite,
    endedAt: Finite,
    status: exitStatus,
    forced: Boolean
  })),
  usage: orUndefined(usage),
  directory: Text
})

const logStream = Literals(["stdout", "stderr", "unknown"])

const logLine = TaggedStruct("Line", { run: Finite, stream: logStream, time: Finite, text: Text, continued: Boolean })

const logEntry = Union([
  logLine,
  TaggedStruct("RunStarted", { run: Finite, time: Finite, pid: optionalKey(Finite) }),
  TaggedStruct("RunEnded", {
    run: Finite,
    time: Finite,
    code: optionalKey(Finite),
    signal: optionalKey(Text),
    presumed: Boolean
  }),
  TaggedStruct("Lost", { segments: Finite, bytes: Finite, lines: Finite })
])

// -------------------------------------------------------------------------------------------------------- exports

/**
 * Of `State.CauseInfo`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CauseInfo: Wire<StateModule.CauseInfo> = plain<StateModule.CauseInfo>()(causeInfo)

/**
 * Of `State.ExitInfo`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ExitInfo: Wire<StateModule.ExitInfo> = plain<StateModule.ExitInfo>()(exitInfo)

/**
 * Of `State.State`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const State: Wire<StateModule.State> = plain<StateModule.State>()(state)

/**
 * Of `Strategy.Strategy`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Strategy: Wire<StrategyModule.Strategy> = plain<StrategyModule.Strategy>()(strategy)

/**
 * Of `Snapshot.ExitRecord`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ExitRecord: Wire<SnapshotModule.ExitRecord> = plain<SnapshotModule.ExitRecord>()(exitRecord)

/**
 * Of `Snapshot.ChildSnapshot`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChildSnapshot: Wire<SnapshotModule.ChildSnapshot> = plain<SnapshotModule.ChildSnapshot>()(childSnapshot)

/**
 * Of `Snapshot.Snapshot`.
 *
 * **Gotchas**
 *
 * A tree of some thousand supervisors inside each other is deeper than the stack of JSON allows.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Snapshot: Wire<SnapshotModule.Snapshot> = plain<SnapshotModule.Snapshot>()(snapshot)

/**
 * Of `SupervisorEvent`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SupervisorEvent: Wire<Events.SupervisorEvent> = plain<Events.SupervisorEvent>()(supervisorEvent)

/**
 * Of what `Handle.changes` gives: the two are told apart by `_tag`, which a snapshot has not.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Change: Wire<Events.SupervisorEvent | SnapshotModule.Snapshot> = plain<
  Events.SupervisorEvent | SnapshotModule.Snapshot
>()(Union([supervisorEvent, snapshot]))

/**
 * Of `Supervisor.Outcome`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Outcome: Wire<CoreOutcome> = plain<CoreOutcome>()(outcome)

/**
 * Of `Supervisor.ReloadReport`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ReloadReport: Wire<CoreReloadReport> = plain<CoreReloadReport>()(reloadReport)

/**
 * Of `Supervisor.ReconcileReport`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ReconcileReport: Wire<CoreReconcileReport> = plain<CoreReconcileReport>()(reconcileReport)

/**
 * Of `ExitStatus`. What caused a `SpawnFailed` does not go along: it may be anything.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ExitStatus: Wire<ExitStatusModule.ExitStatus> = coded<ExitStatusModule.ExitStatus>()(exitStatus)

/**
 * Of `Spawner.Usage`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Usage: Wire<Spawner.Usage> = plain<Spawner.Usage>()(usage)

/**
 * Of `Job.Info`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const JobInfo: Wire<Job.Info> = coded<Job.Info>()(jobInfo)

/**
 * Of `LogStore.LogLine`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LogLine: Wire<LogStore.LogLine> = plain<LogStore.LogLine>()(logLine)

/**
 * Of `LogStore.LogEntry`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LogEntry: Wire<LogStore.LogEntry> = plain<LogStore.LogEntry>()(logEntry)
