/**
 * One run of a configuration: the tree, and beside its children those by which it is served, ended and shown.
 *
 * Floor 4.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as ControlServer from "../../control/ControlServer.ts"
import * as Dashboard from "../../control/Dashboard.ts"
import * as Control from "../../Control.ts"
import { Jobs } from "../../process/Jobs.ts"
import * as ExitStatus from "../../process/ExitStatus.ts"
import { turns } from "../../internal/turn.ts"
import * as Runnable from "../../Runnable.ts"
import * as Signals from "../../Signals.ts"
import { type Handle, type ReconcileReport, Supervisor } from "../../Supervisor.ts"
import type { Snapshot } from "../../Snapshot.ts"
import * as SupervisorError from "../../SupervisorError.ts"
import * as Config from "../config/Config.ts"
import type { Services } from "../config/ConfigSpec.ts"
import type { SupervisorConfig } from "../config/SupervisorConfig.ts"
import { exitCodes } from "../CliError.ts"
import { neutraliseAll } from "./escapes.ts"
import { newsOf } from "./eventText.ts"
import { codeOfCause, codeOfSignal } from "./runExit.ts"
import { watchConsole } from "./runConsole.ts"
import type { Output } from "./runOutput.ts"
import type { Screen } from "./runScreen.ts"
import type { Style } from "./style.ts"
import * as terminal from "./runTerminal.ts"

/** What a session is made of. */
export interface SessionOptions {
  /** Reads the configuration, each time anew. */
  readonly load: Effect.Effect<
    SupervisorConfig,
    Effect.Error<ReturnType<typeof Config.load>>,
    FileSystem.FileSystem | Path.Path
  >
  readonly config: SupervisorConfig
  readonly socket: string
  readonly screen: Screen
  readonly style: Style
  /** Of the children; `undefined` if nobody is to see it. */
  readonly output: ((until: Effect.Effect<void>) => Output) | undefined
  /** Says something of the supervisor's own. */
  readonly say: (text: string) => void
  readonly dashboard: DashboardOptions | undefined
  /** Called once when the server listens, and once when all is ready. */
  readonly onListening: Effect.Effect<void>
  readonly settleMillis: number
  readonly onReady: (snapshot: Snapshot, children: number) => Effect.Effect<void>
  /** A child gave up, for whoever waits until all is ready. */
  readonly onStuck: (path: string, message: string) => void
  /** Whether a stop by a signal that went well is a good end. */
  readonly isSignalOk: boolean
}

/** What a person says of the dashboard. */
export type DashboardOptions = Pick<
  Dashboard.Options,
  "port" | "readOnly" | "token" | "metrics" | "allowedHosts"
>

type Root = Handle<unknown>

/** Why it ends, if it was not by a child that failed. */
type Ending = { readonly _tag: "Signal"; readonly signal: string } | { readonly _tag: "Child"; readonly path: string }

export const names = {
  control: "(control)",
  dashboard: "(dashboard)",
  signals: "(signals)",
  console: "(console)"
} as const

const changes = ({ restarted, started, stopped }: ReconcileReport): string => {
  const parts = [
    ["new", started],
    ["changed", restarted],
    ["gone", stopped]
  ] as const
  const text = parts.flatMap(([word, names]) => names.length === 0 ? [] : [`${word}: ${names.join(", ")}`]).join("; ")
  return text === "" ? "nothing has changed" : text
}

/** How long the next of the last lines may take: who reads them may have stopped. */
const drainFor = "10 seconds"

export class Session {
  private readonly options: SessionOptions
  private readonly over = Latch.makeUnsafe(false)
  private readonly output: Output | undefined
  private readonly beside: ReadonlyArray<Config.Child>
  /** As it was read last. */
  private config: SupervisorConfig
  private ending: Ending | undefined = undefined
  private root: Root | undefined = undefined
  /** Who gave up first. */
  private stuck: { readonly path: string; readonly message: string } | undefined = undefined
  /** Nobody reads what is written. */
  private isUnread = false
  /** Why nobody can steer it. */
  private unsteered: unknown = undefined

  constructor(options: SessionOptions) {
    this.options = options
    this.config = options.config
    this.output = options.output?.(this.over.await)
    const { dashboard } = options
    const page = dashboard === undefined ? [] : [this.page(dashboard)]
    this.beside = [this.server(), ...page, this.signals(), this.console()]
  }

  /** Until its end; answers with the exit code. */
  readonly run: Effect.Effect<number, never, Services> = Effect.gen({ self: this }, function*() {
    const exit = yield* Effect.exit(Config.toManager(this.options.config, this.beside))
    yield* this.lastWords
    return yield* Exit.isSuccess(exit) ? this.codeOfEnd : this.codeOfFailure(exit.cause)
  })

  /** What the children said last: they have all ended by now. */
  private get lastWords(): Effect.Effect<void, never, Services> {
    return Effect.gen({ self: this }, function*() {
      if (this.output !== undefined) {
        yield* this.output.look
        yield* this.over.open
        yield* this.drained(this.output)
      }
      this.options.screen.show("")
    })
  }

  /** Until all is shown, as long as somebody reads. */
  private drained(output: Output): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const { screen } = this.options
      for (let before = -1; before !== screen.taken;) {
        before = screen.taken
        if (Option.isSome(yield* Effect.timeoutOption(output.drained, drainFor))) return
      }
      yield* Effect.sync(() => {
        screen.abandon()
        process.stderr.write(
          `Nobody has read for ${drainFor}: the rest of the output is not shown, and is in the logs.\n`
        )
      })
    })
  }

  /** Its output has nowhere to go any more. */
  readonly lostReader = (): void => {
    this.isUnread = true
    this.ending ??= { _tag: "Signal", signal: "SIGPIPE" }
    if (this.root !== undefined) Effect.runFork(this.root.shutdown)
  }

  private failure(cause: Cause.Cause<unknown>): string {
    const path = SupervisorError.childPath(cause)
    const reason = cause.reasons.find((reason) => reason._tag !== "Interrupt")
    const error = reason?._tag === "Fail" ? reason.error : reason?._tag === "Die" ? reason.defect : undefined
    // It may have in it what a child has written.
    const message = neutraliseAll(error instanceof Error ? error.message : String(error ?? "interrupted"))
    return path === undefined || Object.values<string>(names).includes(path) ? message : `${path} gave up: ${message}`
  }

  private codeOfFailure(cause: Cause.Cause<unknown>): Effect.Effect<number> {
    return Effect.sync(() => {
      if (Cause.hasInterruptsOnly(cause)) return codeOfSignal("SIGINT")
      this.options.say(this.options.style.red(this.failure(cause)))
      return codeOfCause(cause)
    })
  }

  private get codeOfEnd(): Effect.Effect<number, never, Services> {
    return Effect.gen({ self: this }, function*() {
      if (this.unsteered !== undefined) return yield* this.codeOfFailure(Cause.fail(this.unsteered))
      const culprit = this.root === undefined ? undefined : yield* Config.culprit(this.root)
      if (culprit !== undefined) {
        const { child, cause } = culprit
        this.options.say(this.options.style.red(`${child} failed, which ends all: ${this.failure(cause)}`))
        return codeOfCause(cause)
      }
      switch (this.ending?._tag) {
        case "Signal":
          return this.options.isSignalOk ? exitCodes.ok : codeOfSignal(this.ending.signal)
        case "Child":
          return yield* lastCode(this.ending.path)
        case undefined:
          return yield* this.codeOfSignificant
      }
    })
  }

  /** A significant child that gave up has ended all, where nobody else was made to. */
  private get codeOfSignificant(): Effect.Effect<number, never, Services> {
    return Effect.gen({ self: this }, function*() {
      if (this.root === undefined) return exitCodes.ok
      const { children } = yield* this.root.status
      const failed = children.find(({ significant, state }) => significant && state._tag === "GaveUp")
      return failed === undefined ? exitCodes.ok : yield* lastCode(failed.path)
    })
  }

  // ------------------------------------------------------------------------------------------------- beside the children

  /** Whatever else may fail and all goes on: without this nobody could steer it, so it ends all. */
  private server(): Config.Child {
    const { socket } = this.options
    const { effect, settings } = ControlServer.runnable<unknown, Services | Supervisor>({
      ...this.application,
      name: names.control,
      socket
    })
    const vital = Effect.tapError(effect, (error) =>
      Effect.map(Supervisor, (root) => {
        this.unsteered = error
        Effect.runFork(root.shutdown)
      }))
    return Runnable.makeProto(Runnable.Proto, names.control, vital, settings, undefined)
  }

  private page(dashboard: DashboardOptions): Config.Child {
    return Dashboard.runnable<unknown, Services | Supervisor>({
      ...this.application,
      ...dashboard,
      name: names.dashboard,
      onListening: ({ link, origin }) =>
        Effect.map(link, (link) => {
          this.options.say(`dashboard on ${origin}, for one browser: ${link}`)
        })
    })
  }

  /** What the servers are told of the application. */
  private get application() {
    const { load } = this.options
    return {
      declare: Effect.map(load, (config) => [
        ...this.beside,
        ...config.children.flatMap(({ name }) => Config.toChild(config, name) ?? [])
      ]),
      reconcile: Effect.suspend(() => this.reconcile),
      // Replicas by what they are replicas of, too.
      groups: (namespace: string) =>
        this.config.children.flatMap((child) =>
          (child.group === namespace && child.name !== namespace) || child.namespaces.includes(namespace)
            ? [child.name]
            : []
        ),
      waitsFor: (path: string) =>
        this.root === undefined ? Effect.succeed([]) : Effect.map(
          Config.waiting(this.root),
          (waiting) => waiting.flatMap((one) => one.child === path ? one.for.map(({ text }) => text) : [])
        )
    } satisfies ControlServer.Options<unknown, Services | Supervisor>
  }

  private readonly reconcile = Effect.gen({ self: this }, function*() {
    const root = (yield* Supervisor) as unknown as Root
    const config = yield* this.options.load
    const report = yield* Config.reconcile(root, config, this.beside)
    this.config = config
    this.options.say(`configuration read again: ${changes(report)}`)
    return report
  })

  /** Beside the end by signals: which one it was, and reading the configuration anew. */
  private signals(): Config.Child {
    const { effect } = Signals.runnable({ name: names.signals, actions: { SIGHUP: "ignore" } })
    const own = Effect.gen({ self: this }, function*() {
      const supervisor = yield* Supervisor
      const run = Effect.runForkWith(yield* Effect.context<Services | Supervisor>())
      const reload = Effect.andThen(this.reconcile, supervisor.reload).pipe(
        Effect.catchCause((cause) => Effect.sync(() => this.options.say(`not reloaded: ${this.failure(cause)}`)))
      )
      const stop = (signal: string) => () => {
        if (this.ending === undefined) this.options.say(`${signal}: stopping; once more to kill`)
        this.ending ??= { _tag: "Signal", signal }
      }
      const listeners: ReadonlyArray<readonly [string, () => void]> = [
        ...["SIGINT", "SIGTERM", "SIGQUIT"].map((signal) => [signal, stop(signal)] as const),
        ["SIGHUP", () => {
          // A terminal that was closed says the same as who wants a reload.
          if (terminal.hasGone()) {
            stop("SIGHUP")()
            run(supervisor.shutdown)
          } else run(reload)
        }]
      ]
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          for (const [signal, listener] of listeners) process.on(signal, listener)
        }),
        () =>
          Effect.sync(() => {
            for (const [signal, listener] of listeners) process.removeListener(signal, listener)
          })
      )
      return yield* effect
    })
    return Runnable.make(names.signals, own)
  }

  private console(): Config.Child {
    const { onListening, onReady, screen, settleMillis, style } = this.options
    const work = Effect.gen({ self: this }, function*() {
      const root = (yield* Supervisor) as unknown as Root
      this.root = root
      yield* onListening
      if (this.isUnread) yield* Effect.forkDetach(root.shutdown)
      const watching = watchConsole({
        root,
        output: this.output,
        screen,
        style,
        settleMillis,
        onReady,
        onEvent: (event) => {
          const news = newsOf(event)
          if (news !== undefined) this.options.say(news)
          if (event._tag === "ChildTransition" && event.to._tag === "GaveUp") {
            this.stuck ??= { path: event.path, message: event.to.cause.message }
          }
        },
        onLook: ({ state }) => {
          // Where it does not end all.
          if (this.stuck !== undefined && state === "Running") this.options.onStuck(this.stuck.path, this.stuck.message)
        },
        onAllEnded: (path) => {
          if (path !== undefined) this.ending ??= { _tag: "Child", path }
          return Effect.asVoid(Effect.forkDetach(root.shutdown))
        }
      })
      // It is the last to be stopped, and the ends of the others are still on their way to it.
      yield* Effect.raceFirst(watching, Effect.andThen(Control.shutdown, turns(10)))
    })
    return Runnable.make(names.console, work)
  }
}

/** The exit code of the command that a child ran last; 1 for what is no command. */
const lastCode = (path: string): Effect.Effect<number, never, Jobs> =>
  Effect.flatMap(Jobs, (jobs) => jobs.get(path)).pipe(
    Effect.flatMap((job) => job.info),
    Effect.map(({ history }) => {
      const last = history.at(-1)
      return last === undefined ? exitCodes.failed : ExitStatus.toShellCode(last.status) || exitCodes.failed
    }),
    Effect.orElseSucceed(() => exitCodes.failed)
  )
