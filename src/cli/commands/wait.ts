/**
 * `esv wait`: for scripts that go on when something is ready, or has ended.
 *
 * Floor 4.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as ControlClient from "../../control/ControlClient.ts"
import * as Health from "../../control/Health.ts"
import type { ChildSnapshot, Snapshot } from "../../Snapshot.ts"
import { Failed, type Failure, UsageError } from "../CliError.ts"
import { select } from "../internal/children.ts"
import { connect } from "../internal/connection.ts"
import { duration, present } from "../internal/flags.ts"
import { type Globals, Json } from "../internal/globals.ts"
import { print, printJson } from "../internal/output.ts"
import { isOwn, parseDuration, state } from "../internal/words.ts"

interface Input {
  readonly ready: boolean
  readonly exit: boolean
  readonly timeout: Option.Option<number>
  readonly targets: ReadonlyArray<string>
}

const defaultTimeout = parseDuration("60s")!

/** So far, or it never will be. */
export type Verdict =
  | { readonly _tag: "Reached" }
  | { readonly _tag: "Never"; readonly why: string }
  | { readonly _tag: "NotYet"; readonly why: string }

const reached: Verdict = { _tag: "Reached" }

const whyNot = (child: ChildSnapshot): string =>
  `${child.path} ${child.state._tag === "GaveUp" ? "has given up" : `is ${state(child)}`}`

const readiness = (child: ChildSnapshot): Verdict => {
  const why = whyNot(child)
  switch (child.state._tag) {
    case "Running":
      return child.health === "unhealthy" ? { _tag: "NotYet", why } : reached
    case "Completed":
      return reached
    case "GaveUp":
    case "Abandoned":
    case "Stopped":
    case "Held":
      return { _tag: "Never", why }
    case "Pending":
    case "Starting":
    case "Backoff":
    case "Stopping":
      return { _tag: "NotYet", why }
  }
}

const ending = (child: ChildSnapshot): Verdict => {
  const why = whyNot(child)
  switch (child.state._tag) {
    case "Completed":
    case "Stopped":
    case "Held":
      return reached
    case "GaveUp":
    case "Abandoned":
      return { _tag: "Never", why }
    case "Pending":
    case "Starting":
    case "Running":
    case "Backoff":
    case "Stopping":
      return { _tag: "NotYet", why }
  }
}

/** All together: never if one never will be, and reached when all are. */
export const judge = (children: ReadonlyArray<ChildSnapshot>, until: "ready" | "exit"): Verdict => {
  const verdicts = children.map(until === "ready" ? readiness : ending)
  return verdicts.find(({ _tag }) => _tag === "Never") ?? verdicts.find(({ _tag }) => _tag === "NotYet") ?? reached
}

const judgeAll = (snapshot: Snapshot, children: ReadonlyArray<ChildSnapshot>, input: Input): Verdict => {
  if (input.targets.length > 0 || input.exit) return judge(children, input.exit ? "exit" : "ready")
  const blocking = Health.blocking(snapshot).filter(({ name }) => !isOwn(name))
  const verdict = judge(blocking.filter(({ state }) => state._tag === "GaveUp"), "ready")
  if (verdict._tag !== "Reached") return verdict
  const starting = snapshot.children.some(({ name }) => name === "(starting)")
  return blocking.length > 0
    ? judge(blocking, "ready")
    : snapshot.state === "Running" && !starting
    ? reached
    : { _tag: "NotYet", why: `supervisor ${snapshot.name} is ${snapshot.state.toLowerCase()}` }
}

/** Looks again whenever something has happened. */
const watch = (client: ControlClient.Client, input: Input, tell: (why: string) => void) =>
  client.watch.pipe(
    Stream.mapEffect(() => client.status),
    Stream.mapEffect((snapshot) =>
      Effect.map(select(snapshot, input.targets), (children) => judgeAll(snapshot, children, input))
    ),
    Stream.tap((verdict) => Effect.sync(() => verdict._tag === "NotYet" && tell(verdict.why))),
    Stream.filter(({ _tag }) => _tag !== "NotYet"),
    Stream.runHead
  )

/** What a try that fails has opened is closed at once, and not when the command ends. */
const tried = Effect.flatMap(Effect.scope, (outer) =>
  Effect.flatMap(Scope.fork(outer), (own) =>
    Effect.onExit(
      Scope.provide(connect, own),
      (exit) => Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void
    )))

/** One that is not there yet may come within the time. */
const connected: Effect.Effect<
  ControlClient.Client,
  Effect.Error<typeof connect>,
  Globals | Scope.Scope
> = Effect.retry(tried, {
  schedule: Schedule.spaced("100 millis"),
  while: ({ _tag }) => _tag === "NoSupervisor" || _tag === "NoneFound"
})

const handler = Effect.fnUntraced(function*(input: Input) {
  if (input.ready && input.exit) return yield* new UsageError({ message: "Say --ready or --exit, not both." })
  if (input.exit && input.targets.length === 0) {
    return yield* new UsageError({ message: `Say which child is to end: "esv wait --exit migrate".` })
  }
  const millis = Option.getOrElse(input.timeout, () => defaultTimeout)
  const before = yield* Clock.currentTimeMillis
  const first = yield* Effect.timeoutOption(connected, millis)
  // Then it fails as it would have at once.
  const client = Option.isSome(first) ? first.value : yield* connect
  let waitsFor = "nothing is known yet"
  const left = Math.max(0, millis - ((yield* Clock.currentTimeMillis) - before))
  const verdict = yield* Effect.timeoutOption(
    watch(client, input, (why) => {
      waitsFor = why
    }),
    left
  )
  const json = yield* Json
  if (Option.isNone(verdict)) return yield* new Failed({ message: `The time is up: ${waitsFor}.` })
  const found = Option.getOrUndefined(verdict.value)
  if (found === undefined) return yield* new Failed({ message: "The supervisor has ended." })
  if (found._tag !== "Reached") {
    const child = input.targets[0] ?? found.why.split(" ")[0]!
    return yield* new Failed({ message: `${found.why}. See "esv why ${child}".` })
  }
  const what = input.exit ? "ended" : "ready"
  yield* json ? printJson({ [what]: true }) : print(input.targets.length === 0 ? `All ${what}.\n` : "")
}, Effect.scoped)

export const wait: Command.Command<"wait", Input, {}, Failure, Globals> = Command.make(
  "wait",
  {
    ready: present("ready", "Until the children, or all that are to run, are ready (the default)"),
    exit: present("exit", "Until the children have ended; fails if one has given up"),
    timeout: duration("timeout", "How long at most, such as 30s; default: 60s"),
    targets: Argument.String("child").pipe(Argument.withDescription("Names, paths or globs"), Argument.variadic())
  },
  handler
).pipe(Command.withDescription("Wait until children are ready or have ended, also for a supervisor that is not up yet"))
