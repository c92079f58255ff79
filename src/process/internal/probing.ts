/**
 * Carries out probes on a run.
 *
 * Most are tried; `Log` and `Notify` come by themselves, so they are counted as they come.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { connect } from "node:net"
import * as Command from "../Command.ts"
import * as ExitStatus from "../ExitStatus.ts"
import * as Probe from "../Probe.ts"
import { NotReady, ProbeFailed } from "../ProcessError.ts"
import type { Spawner } from "../Spawner.ts"
import * as Run from "./run.ts"

/** What a probe looks at. */
export interface Target {
  readonly run: Run.Run
  /** Its lines, from the first. */
  readonly lines: (probe: Probe.Probe & { readonly _tag: "Log" }) => Stream.Stream<unknown>
  readonly notifications: Stream.Stream<unknown>
}

/** A probe on a run: what it says now, and that it has said yes once. */
export interface Probing {
  readonly check: Effect.Effect<void, ProbeFailed, Spawner>
  readonly ready: (settings: Probe.ReadinessSettings) => Effect.Effect<void, NotReady, Spawner>
}

const failure = (target: Target, probe: Probe.Probe, detail: string): ProbeFailed =>
  new ProbeFailed({ command: Command.show(target.run.command), probe: Probe.show(probe), detail })

/** Begins to probe, until the scope closes. */
export const start = (target: Target, probe: Probe.Probe): Effect.Effect<Probing, never, Scope.Scope> => {
  switch (probe._tag) {
    case "Log":
      return counting(target, probe, target.lines(probe))
    case "Notify":
      return counting(target, probe, target.notifications)
    default:
      return Effect.succeed(trying(target, probe))
  }
}

/** What comes by itself. */
const counting = Effect.fnUntraced(function*(
  target: Target,
  probe: Probe.Probe,
  signs: Stream.Stream<unknown>
) {
  const came = Latch.makeUnsafe(false)
  let isFresh = false
  yield* Effect.forkScoped(
    Stream.runForEach(signs, () =>
      Effect.sync(() => {
        isFresh = true
        came.openUnsafe()
      })),
    { startImmediately: true }
  )
  const probing: Probing = {
    check: Effect.suspend(() => {
      const alive = isFresh
      isFresh = false
      return alive ? Effect.void : Effect.fail(failure(target, probe, "nothing came since the last try"))
    }),
    ready: (settings) =>
      Effect.timeoutOrElse(came.await, {
        duration: settings.timeoutMillis,
        orElse: () => Effect.fail(notReady(target, settings, "nothing came"))
      })
  }
  return probing
})

const notReady = (target: Target, settings: Probe.ReadinessSettings, detail: string): NotReady =>
  new NotReady({
    command: Command.show(target.run.command),
    probe: Probe.show(settings.probe),
    timeoutMillis: settings.timeoutMillis,
    detail
  })

/** What has to be tried, again and again until it is ready. */
const trying = (target: Target, probe: Probe.Tried): Probing => {
  const check = Effect.mapError(attempt(target, probe), (detail) => failure(target, probe, detail))
  return {
    check,
    ready: (settings) =>
      Effect.suspend(() => {
        let last = "no try has ended"
        const once = Effect.timeoutOrElse(check, {
          duration: settings.tryTimeoutMillis,
          orElse: () => Effect.fail(failure(target, probe, `no answer within ${settings.tryTimeoutMillis} ms`))
        })
        const again = (error: ProbeFailed): Effect.Effect<void, never, Spawner> => {
          last = error.detail
          return Effect.andThen(Effect.sleep(settings.intervalMillis), untilReady)
        }
        const untilReady: Effect.Effect<void, never, Spawner> = Effect.suspend(() => Effect.catch(once, again))
        return Effect.timeoutOrElse(untilReady, {
          duration: settings.timeoutMillis,
          orElse: () => Effect.fail(notReady(target, settings, last))
        })
      })
  }
}

const attempt = (target: Target, probe: Probe.Tried): Effect.Effect<void, string, Spawner> => {
  switch (probe._tag) {
    case "Tcp":
      return connects(probe.port, probe.host)
    case "Http":
      return answers(probe.url, probe.statuses)
    case "Exec":
      return endsWell(probe.command)
    case "Memory":
      return usesAtMost(target, probe.maxBytes)
    case "All":
      return Effect.forEach(probe.probes, (one) => attempt(target, one), { concurrency: "unbounded", discard: true })
  }
}

/** What cannot be read is no reason to stop a process. */
const usesAtMost = ({ run }: Target, maxBytes: number): Effect.Effect<void, string> =>
  Effect.flatMap(run.process.usage, (usage) => {
    if (usage === undefined || usage.memoryBytes <= maxBytes) return Effect.void
    return Effect.fail(`it uses ${Math.ceil(usage.memoryBytes / 2 ** 20)} MiB`)
  })

const connects = (port: number, host: string): Effect.Effect<void, string> =>
  Effect.callback((resume) => {
    const socket = connect({ port, host })
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.void)
    })
    socket.once("error", (error) => resume(Effect.fail(error.message)))
    return Effect.sync(() => socket.destroy())
  })

const answers = (url: string, statuses: ReadonlyArray<number> | undefined): Effect.Effect<void, string> =>
  Effect.flatMap(HttpClient.HttpClient, (client) => HttpClient.withScope(client).get(url)).pipe(
    Effect.mapError((error) => error.message),
    Effect.flatMap(({ status }) =>
      (statuses === undefined ? status >= 200 && status < 400 : statuses.includes(status))
        ? Effect.void
        : Effect.fail(`status ${status}`)
    ),
    // Nobody reads the body: what is left of the request ends with the try.
    Effect.scoped,
    Effect.provide(FetchHttpClient.layer)
  )

/** Its output belongs to nobody; it is ended with its group when it is not waited for any more. */
const endsWell = (command: Command.Command): Effect.Effect<void, string, Spawner> =>
  Effect.acquireUseRelease(
    Run.start(
      Command.withOptions(command, { stdout: "ignore", stderr: "ignore" }),
      { stop: { signal: "SIGKILL", graceMillis: 0 }, killMillis: 1000, drainMillis: 0 },
      () => Effect.succeed({ read: Effect.void, onEnd: () => Effect.void, onSignalFailed: () => Effect.void })
    ),
    (run) => run.ended,
    (run) => run.kill
  ).pipe(
    Effect.mapError((error) => error.message),
    Effect.flatMap(({ status }) =>
      ExitStatus.isSuccess(status) ? Effect.void : Effect.fail(`it ${ExitStatus.show(status)}`)
    )
  )
