/**
 * `esv stop`, `restart`, `reload`, `signal`, `hold`, `release`: what is done to children.
 *
 * Floor 4.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Answer } from "../../control/ControlApi.ts"
import type * as ControlClient from "../../control/ControlClient.ts"
import { together } from "../../control/internal/reports.ts"
import { matching, wildcards } from "../../control/internal/targets.ts"
import { walk } from "../../control/internal/walk.ts"
import type { Signal } from "../../process/Signal.ts"
import type { ChildSnapshot } from "../../Snapshot.ts"
import type { ReconcileReport, ReloadReport } from "../../Supervisor.ts"
import { Exit, exitCodes, Failed, type Failure, UsageError } from "../CliError.ts"
import { select, unknown } from "../internal/children.ts"
import { connect } from "../internal/connection.ts"
import { neutralise } from "../internal/escapes.ts"
import { type Globals, Json, style } from "../internal/globals.ts"
import { invocation } from "../internal/invocation.ts"
import * as nothing from "../internal/nothingDone.ts"
import { note, printJson, printLines } from "../internal/output.ts"
import type { Style } from "../internal/style.ts"
import { flatten, isOwn } from "../internal/words.ts"

type Verb = Exclude<nothing.Verb, "signal">

/** What has been done. */
const done: Readonly<Record<nothing.Verb, string>> = {
  start: "started",
  stop: "stopped",
  restart: "restarted",
  hold: `held: it stays down until "esv release"`,
  release: "released and started",
  signal: "signalled"
}

export interface Targets {
  readonly targets: ReadonlyArray<string>
}

export const targets: Argument.Argument<ReadonlyArray<string>> = Argument.String("child").pipe(
  Argument.withDescription(`Names, paths or globs, such as web, backend/db or "worker-*"; "*" is all`),
  Argument.variadic()
)

/** So many are asked for at once: a connection carries 64 calls. */
const concurrency = 48

/** What can go wrong with a verb; one that is started may have to be added first. */
type Wrong = Effect.Error<ReturnType<ControlClient.Operation>> | Effect.Error<ReturnType<ControlClient.Client["add"]>>

const ask = Effect.fnUntraced(function*(
  client: ControlClient.Client,
  targets: ReadonlyArray<string>,
  operation: (target: string) => Effect.Effect<ReadonlyArray<Answer>, Wrong>
) {
  const asked = Effect.forEach(targets, operation, { concurrency })
  const answers = yield* Effect.catchTag(
    asked,
    "ChildNotFound",
    (error) => Effect.flatMap(client.status, (snapshot) => Effect.fail(unknown(error.child, flatten(snapshot))))
  )
  return answers.flat()
})

/** What became of one, and why nothing if nothing did. */
interface Result {
  readonly answer: Answer
  readonly nothing: nothing.Nothing | undefined
}

const isNothing = (answer: Answer): boolean => answer._tag === "Done" && answer.outcome === "noop"

/** Why nothing was done is seen by what there is now. */
const resultsOf = Effect.fnUntraced(function*(
  client: ControlClient.Client,
  verb: nothing.Verb,
  answers: ReadonlyArray<Answer>
) {
  if (!answers.some(isNothing)) return answers.map((answer): Result => ({ answer, nothing: undefined }))
  const now = new Map(Array.from(walk(yield* client.status), (child) => [child.path, child]))
  return answers.map((answer): Result => ({
    answer,
    nothing: isNothing(answer) ? nothing.nothingDone(verb, answer.path, now.get(answer.path)) : undefined
  }))
})

const jsonOf = ({ answer, nothing }: Result) =>
  answer._tag === "Failed"
    ? { path: answer.path, error: { tag: answer.error._tag, message: answer.error.message } }
    : { path: answer.path, outcome: answer.outcome, ...nothing === undefined ? {} : { why: nothing.text } }

const lineOf = (verb: nothing.Verb, { answer, nothing }: Result, { green, red, yellow }: Style): string =>
  answer._tag === "Failed"
    ? `${answer.path} ${red("failed")}: ${neutralise(answer.error.message)}`
    : `${answer.path} ${nothing === undefined ? green(done[verb]) : yellow(nothing.text)}`

/** Fails if something failed, or if one that was named is not what it was to be; a glob means those that can be. */
const report = Effect.fnUntraced(function*(
  client: ControlClient.Client,
  verb: nothing.Verb,
  targets: ReadonlyArray<string>,
  answers: ReadonlyArray<Answer>
) {
  const results = yield* resultsOf(client, verb, answers)
  if (yield* Json) yield* printJson(results.map(jsonOf))
  else {
    const look = yield* style
    yield* printLines(results.map((result) => lineOf(verb, result, look)))
  }
  const failed = results.filter(({ answer }) => answer._tag === "Failed").length
  if (failed > 0) return yield* new Failed({ message: `${failed} of ${answers.length} failed.` })
  if (results.some(({ answer, nothing }) => nothing?.isMissed === true && targets.includes(answer.path))) {
    return yield* new Exit({ code: exitCodes.failed })
  }
})

/** Does it to all that is meant. */
export const perform: (
  verb: Verb,
  input: Targets
) => Effect.Effect<void, Failure, Globals> = Effect.fnUntraced(
  function*(verb: Verb, { targets }: Targets) {
    if (targets.length === 0) return yield* new UsageError({ message: missing(verb) })
    const client = yield* connect
    const operation = verb === "start" ? startOrAdd(client) : client[verb]
    const meant = yield* withoutOwn(client, targets)
    yield* Effect.forkScoped(Effect.ignore(tellOfWaiting(client, verb, meant)))
    const answers = yield* ask(client, meant, operation)
    yield* report(client, verb, targets, answers)
  },
  Effect.scoped
)

/** After so many ms it is said for whom a verb waits, and then again and again. */
const patience = { firstMillis: 3_000, nextMillis: 30_000 } as const

/** States that a verb waits to be over. */
const passing: Partial<Record<ChildSnapshot["state"]["_tag"], string>> = {
  Pending: "is not started yet",
  Starting: "is not ready yet",
  Backoff: "has failed and waits for its restart",
  Stopping: "is being stopped"
}

/** What is started is waited for until it is ready, which may take long, or for ever. */
const tellOfWaiting = Effect.fnUntraced(function*(
  client: ControlClient.Client,
  verb: Verb,
  targets: ReadonlyArray<string>
) {
  yield* Effect.sleep(patience.firstMillis)
  const esv = yield* invocation
  while (true) {
    const children = yield* select(yield* client.status, targets)
    const [one, ...others] = children.filter(({ state }) => passing[state._tag] !== undefined)
    if (one !== undefined) {
      const more = others.length === 0 ? "" : `, and ${others.length} more`
      const what = `${one.path} ${passing[one.state._tag]} ("${esv} why ${one.path}")${more}`
      yield* note(`Waiting: ${what}. Ctrl-C ends the waiting, and not the ${verb}.`)
    }
    yield* Effect.sleep(patience.nextMillis)
  }
})

/** One that is disabled in the configuration is not there before it is started by hand. */
const startOrAdd = (client: ControlClient.Client) => (target: string) =>
  Effect.catchTag(client.start(target), "ChildNotFound", (notFound) =>
    client.add(target).pipe(
      Effect.as<ReadonlyArray<Answer>>([{ _tag: "Done", path: target, outcome: "done" }]),
      // Whatever else is wrong, such as the configuration, is told as it is.
      Effect.catchTag("NotDeclared", () => Effect.fail(notFound))
    ))

const missing = (verb: Verb): string =>
  `Say which child: "esv ${verb} web", or "esv ${verb} '*'" for all.${
    verb === "stop" ? ` To end the supervisor itself: "esv shutdown".` : ""
  }`

/**
 * The targets to ask for: those children that the command line has added for itself are nobody's to stop, so where they
 * are a glob is what it means of the others.
 */
const withoutOwn = Effect.fnUntraced(function*(client: ControlClient.Client, targets: ReadonlyArray<string>) {
  const snapshot = yield* client.status
  if (!snapshot.children.some(({ name }) => isOwn(name))) return targets
  const meant = new Set<string>()
  for (const target of targets) {
    const isThere = snapshot.children.some(({ name }) => name === target)
    const found = wildcards.test(target) && !isThere ? matching(snapshot, target) : [target]
    const users = found.filter((path) => !isOwn(path))
    if (users.length === 0) return yield* unknown(target, flatten(snapshot))
    for (const path of users) meant.add(path)
  }
  return [...meant]
})

const verbCommand = <const Name extends Verb>(
  name: Name,
  description: string
): Command.Command<Name, Targets, {}, Failure, Globals> =>
  Command.make(name, { targets }, (input: Targets) => perform(name, input)).pipe(
    Command.withDescription(description)
  )

export const stop: Command.Command<"stop", Targets, {}, Failure, Globals> = verbCommand(
  "stop",
  "Stop children, each with its grace; they stay stopped until they are started"
)
export const restart: Command.Command<"restart", Targets, {}, Failure, Globals> = verbCommand(
  "restart",
  "Stop children and start them again"
)
export const hold: Command.Command<"hold", Targets, {}, Failure, Globals> = verbCommand(
  "hold",
  "Stop children for maintenance: nothing but release starts them again"
)
export const release: Command.Command<"release", Targets, {}, Failure, Globals> = verbCommand(
  "release",
  "End a hold and start the children"
)

// -------------------------------------------------------------------------------------------------------------- signal

interface SignalInput extends Targets {
  readonly signal: string
}

/** "usr1", "USR1" and "SIGUSR1" are the same. */
const signalName = (text: string): string => {
  const name = text.toUpperCase()
  return name.startsWith("SIG") ? name : `SIG${name}`
}

export const signal: Command.Command<"signal", SignalInput, {}, Failure, Globals> = Command.make(
  "signal",
  {
    signal: Argument.String("signal").pipe(Argument.withDescription("Such as HUP, USR1 or SIGTERM")),
    targets
  },
  (input: SignalInput) =>
    Effect.gen(function*() {
      if (input.targets.length === 0) {
        return yield* new UsageError({ message: `Say which child: "esv signal ${input.signal} web".` })
      }
      const client = yield* connect
      const name = signalName(input.signal) as Signal
      const answers = yield* ask(
        client,
        yield* withoutOwn(client, input.targets),
        (target) => client.signal(target, name)
      )
      yield* report(client, "signal", input.targets, answers)
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Send a signal to the processes of children"))

// -------------------------------------------------------------------------------------------------------------- reload

const reloadLines = (report: ReloadReport): ReadonlyArray<string> => [
  ...report.handled.map((path) => `${path} reloaded`),
  ...report.failed.map(({ cause, path }) => `${path} failed to reload: ${neutralise(cause.message)}`),
  ...report.timedOut.map((path) => `${path} did not reload in time`)
]

const changeLines = ({ kept, restarted, started, stopped }: ReconcileReport): ReadonlyArray<string> => [
  ...started.map((name) => `${name} is new and started`),
  ...restarted.map((name) => `${name} has changed and is restarted`),
  ...stopped.map((name) => `${name} is gone and stopped`),
  `${kept.filter((name) => !name.startsWith("(")).length} not touched`
]

/** Of one that was not started from a configuration, nothing is read anew. */
const reconciled = (client: ControlClient.Client) =>
  Effect.catchTag(client.reconcile, "NotDeclared", () => Effect.undefined)

const reloadAll = Effect.fnUntraced(function*(client: ControlClient.Client) {
  const changed = yield* reconciled(client)
  const reloaded = yield* client.reload
  if (yield* Json) yield* printJson({ configuration: changed ?? null, reload: reloaded })
  else yield* printLines([...changed === undefined ? [] : changeLines(changed), ...reloadLines(reloaded)])
  return reloaded
})

const reloadSome = Effect.fnUntraced(function*(client: ControlClient.Client, targets: ReadonlyArray<string>) {
  const reports = yield* Effect.forEach(targets, client.reloadChild, { concurrency })
  const all = together(reports)
  if (yield* Json) yield* printJson({ reload: all })
  else yield* printLines([...reloadLines(all), ...all.ignored.map((path) => `${path} has nothing to reload`)])
  return all
})

export const reload: Command.Command<"reload", Targets, {}, Failure, Globals> = Command.make(
  "reload",
  { targets },
  ({ targets }: Targets) =>
    Effect.gen(function*() {
      const client = yield* connect
      const { failed, timedOut } = yield* targets.length === 0 ? reloadAll(client) : reloadSome(client, targets)
      const bad = failed.length + timedOut.length
      if (bad > 0) return yield* new Failed({ message: `${bad} did not reload. See "esv logs" for what they said.` })
    }).pipe(Effect.scoped)
).pipe(
  Command.withDescription("Read the configuration again and touch only what changed; with children: have them reload")
)
