/**
 * What several operations have told, as one report.
 *
 * Floor 4.
 */
import type { ReloadReport } from "../../Supervisor.ts"

export const together = (reports: ReadonlyArray<ReloadReport>): ReloadReport => ({
  handled: reports.flatMap(({ handled }) => handled),
  ignored: reports.flatMap(({ ignored }) => ignored),
  failed: reports.flatMap(({ failed }) => failed),
  timedOut: reports.flatMap(({ timedOut }) => timedOut)
})
