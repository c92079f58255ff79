/** What the server sends, as types: nothing of the engine is in the page. */
import type { CauseInfo, ExitInfo, State } from "../../State.ts"
import type { ChildSnapshot, ExitRecord, Snapshot } from "../../Snapshot.ts"
import type { Strategy } from "../../Strategy.ts"
import type { SupervisorEvent } from "../../SupervisorEvent.ts"
import type { Answer, Details, ServerInfo } from "../ControlApi.ts"
import type { ClusterChild, ClusterSnapshot } from "../ClusterSchema.ts"
import type { LogEntry, LogLine, LogStream } from "../../process/LogStore.ts"

export type {
  Answer,
  CauseInfo,
  ChildSnapshot,
  ClusterChild,
  ClusterSnapshot,
  Details,
  ExitInfo,
  ExitRecord,
  LogEntry,
  LogLine,
  LogStream,
  ServerInfo,
  Snapshot,
  State,
  Strategy,
  SupervisorEvent
}

/** What a job uses; the numbers are absent while it does not run. `killAfterMillis`: from being asked to SIGKILL. */
export interface Usage {
  readonly pid?: number | null
  readonly cpuMillis?: number
  readonly memoryBytes?: number
  readonly processes?: number
  readonly killAfterMillis?: number | null
}

/** By path; `""` is the supervisor's own process. */
export type Usages = Readonly<Record<string, Usage>>
