/**
 * What the Spawner says to `effect/process` and how it reads the answers: commands, errors, ends, groups, the guardian.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { accessSync, constants } from "node:fs"
import { delimiter, resolve } from "node:path"
import * as Command from "../Command.ts"
import * as ExitStatus from "../ExitStatus.ts"
import { SpawnFailed, type SpawnFailedReason } from "../ProcessError.ts"
import { type Signal, signalNumber } from "../Signal.ts"
import type { Member, Usage } from "../Spawner.ts"
import * as Guardian from "./guardian.ts"
import { identityOf, isOthers } from "./identity.ts"
import * as ProcessTable from "./processTable.ts"

// ------------------------------------------------------------------------------------------------------ the command

const failed = (command: Command.Command, reason: SpawnFailedReason, detail: string, cause?: unknown): SpawnFailed =>
  new SpawnFailed({ command: Command.show(command), reason, detail, cause })

/** The command in the words of `effect/process`. */
export const toChildProcess = (
  command: Command.Command,
  extra: Readonly<Record<string, string>>
): Effect.Effect<ChildProcess.Command, SpawnFailed> =>
  Effect.suspend(() => {
    const { settings } = command
    const options: ChildProcess.CommandOptions = {
      cwd: settings.cwd,
      env: { ...removed(settings.removeEnv), ...settings.env, ...extra },
      extendEnv: !settings.clearEnv,
      detached: settings.group !== "inherit",
      stdin: typeof settings.stdin === "string" ? settings.stdin : "pipe",
      stdout: settings.stdout === "capture" ? "pipe" : settings.stdout,
      stderr: settings.stderr === "capture" ? "pipe" : settings.stderr,
      additionalFds: Object.fromEntries(
        Object.entries(settings.descriptors).map(([fd, type]) => [`fd${fd}`, { type }])
      )
    }
    return Effect.map(
      words(command),
      ([program, ...args]) => ChildProcess.make(program, args, options)
    )
  })

const removed = (names: ReadonlyArray<string>): Record<string, undefined> =>
  Object.fromEntries(names.map((name) => [name, undefined]))

type Words = readonly [program: string, ...args: ReadonlyArray<Command.Word>]

const words = (command: Command.Command): Effect.Effect<Words, SpawnFailed> => {
  if (process.platform === "win32") {
    return Effect.fail(failed(command, "Unsupported", "Windows has neither process groups nor signals"))
  }
  const plain = plainWords(command)
  if (plain === undefined) {
    return Effect.fail(failed(command, "InvalidArgument", "a script is written to a file by a Job: use one"))
  }
  return isOthers(command) ? asUser(command, plain) : Effect.succeed(plain)
}

const plainWords = ({ program }: Command.Command): Words | undefined => {
  switch (program._tag) {
    case "Exec":
      return [program.program, ...program.args]
    case "Shell":
      return [program.shell, "-c", program.script]
    case "Script":
      return undefined
  }
}

/**
 * Gap: `effect/process` cannot run as somebody else. `setpriv` (util-linux) can, and becomes the program, so that the
 * pid stays. What it cannot find would only be seen as exit code 127, so it is looked for before.
 */
const asUser = (command: Command.Command, plain: Words): Effect.Effect<Words, SpawnFailed> => {
  const fail = (reason: SpawnFailedReason, detail: string) => Effect.fail(failed(command, reason, detail))
  if (process.platform !== "linux") {
    return fail("Unsupported", `uid and gid need Linux's setpriv, this is ${process.platform}`)
  }
  if (process.getuid?.() !== 0) return fail("PermissionDenied", "uid and gid can be set by root only")
  const setpriv = find("setpriv", process.env["PATH"], undefined)
  if (setpriv === undefined) {
    return fail("Unsupported", "uid and gid need the program setpriv, which is not in the PATH")
  }
  if (find(plain[0], pathOf(command), command.settings.cwd) === undefined) {
    return fail("NotFound", `no program ${plain[0]} in the PATH`)
  }
  return Effect.mapBoth(identityOf(command), {
    onFailure: ({ detail }) => failed(command, "InvalidArgument", detail),
    onSuccess: ({ gid, uid, user }): Words => [
      setpriv,
      ...(uid === undefined ? [] : ["--reuid", String(uid)]),
      ...(gid === undefined ? [] : ["--regid", String(gid)]),
      user === undefined || gid === undefined ? "--clear-groups" : "--init-groups",
      "--",
      ...plain
    ]
  })
}

/** The PATH that the command gets; the system's own where it gets none. */
const pathOf = ({ settings }: Command.Command): string => {
  const isInherited = !settings.clearEnv && !settings.removeEnv.includes("PATH")
  const path = settings.env["PATH"] ?? (isInherited ? process.env["PATH"] : undefined)
  return path === undefined ? "/bin:/usr/bin" : Redacted.isRedacted(path) ? String(Redacted.value(path)) : path
}

const find = (program: string, path: string | undefined, cwd: string | undefined): string | undefined => {
  const candidates = program.includes("/")
    ? [resolve(cwd ?? "", program)]
    : (path ?? "").split(delimiter).map((directory) => resolve(cwd ?? "", directory, program))
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

// ------------------------------------------------------------------------------------------------------- the errors

const ofSystem: Readonly<Record<string, SpawnFailedReason>> = {
  EAGAIN: "Resources",
  ENOMEM: "Resources",
  EMFILE: "Resources",
  ENFILE: "Resources",
  E2BIG: "InvalidArgument",
  EINVAL: "InvalidArgument",
  ENOEXEC: "PermissionDenied",
  ENOTDIR: "BadDirectory",
  ENOTSUP: "Unsupported"
}

const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

const reasonOf = ({ reason }: PlatformError.PlatformError): SpawnFailedReason => {
  if (reason._tag === "BadArgument") return "InvalidArgument"
  // The spawner looks at the directory itself, by the file system.
  if (reason.module === "FileSystem" || reason._tag === "BadResource") return "BadDirectory"
  if (reason._tag === "NotFound" || reason._tag === "PermissionDenied") return reason._tag
  return ofSystem[codeOf(reason.cause) ?? ""] ?? "Unknown"
}

export const spawnFailed = (command: Command.Command, error: PlatformError.PlatformError): SpawnFailed => {
  const { reason } = error
  const cause = reason._tag === "BadArgument" ? undefined : reason.cause
  const detail = reason._tag === "BadArgument"
    ? reason.description ?? error.message
    : cause instanceof Error
    ? cause.message
    : error.message
  return failed(command, reasonOf(error), detail, error)
}

/** Node throws some errors of the system instead of telling them by an event. */
export const spawnDied = (command: Command.Command, defect: unknown): SpawnFailed => {
  const detail = defect instanceof Error ? defect.message : String(defect)
  return failed(command, ofSystem[codeOf(defect) ?? ""] ?? "Unknown", detail, defect)
}

// ---------------------------------------------------------------------------------------------------------- the end

/** signal(7): those that end a process with a core dump, if anything allows that. */
const dumping = new Set([
  "SIGABRT",
  "SIGBUS",
  "SIGFPE",
  "SIGILL",
  "SIGQUIT",
  "SIGSEGV",
  "SIGSYS",
  "SIGTRAP",
  "SIGXCPU",
  "SIGXFSZ"
])

/** As Node tells an end: by a code, or else by a signal. */
export const statusOf = (code: number | null, signal: string | null): ExitStatus.ExitStatus =>
  code === null ? ofSignal(signal ?? "SIGKILL") : ExitStatus.Exited({ code })

const ofSignal = (signal: string): ExitStatus.ExitStatus =>
  ExitStatus.Signaled({ signal, coreDumped: dumping.has(signal) ? undefined : false })

const signalIn = /signal: '(SIG[A-Z0-9]+)'/

/** Gap: to `effect/process` an end by signal is an error whose text names it. */
export const statusOfExit = (exit: Exit.Exit<number, PlatformError.PlatformError>): ExitStatus.ExitStatus => {
  if (Exit.isSuccess(exit)) return statusOf(exit.value, null)
  const causes = exit.cause.reasons.map((reason) =>
    reason._tag === "Fail" && reason.error.reason._tag !== "BadArgument" ? reason.error.reason.cause : ""
  )
  return statusOf(null, signalIn.exec(String(causes))?.[1] ?? null)
}

// -------------------------------------------------------------------------------------------------------- the group

/** What can be seen of a process' group and done to it. */
export interface Group {
  readonly members: Effect.Effect<ReadonlyArray<Member>>
  readonly empty: Effect.Effect<void>
  readonly usage: Effect.Effect<Usage | undefined>
  readonly signal: (signal: Signal) => Effect.Effect<boolean, string>
}

/** The group that a process leads. */
export const groupOf = (pid: number): Group => ({
  // Without a look at the table all that is known is whether the group answers, as zombies do too.
  members: Effect.catch(
    ProcessTable.members(pid),
    () => Effect.sync(() => ProcessTable.isGone(pid) ? [] : [{ pid, command: "(unknown)", state: "?" }])
  ),
  empty: untilEmpty(pid),
  usage: ProcessTable.usage(pid).pipe(
    Effect.map(({ cpuMillis, processes, rssBytes }) => ({ cpuMillis, memoryBytes: rssBytes, processes })),
    Effect.orElseSucceed(() => undefined)
  ),
  signal: (signal) =>
    Effect.mapBoth(ProcessTable.signalGroup(pid, signal), {
      onSuccess: (result) => result === "sent",
      onFailure: (error) => error.message
    })
})

const untilEmpty = (pid: number): Effect.Effect<void> =>
  Effect.catch(
    ProcessTable.awaitEmpty(pid),
    () => Effect.andThen(Effect.sleep(ProcessTable.pollMillis.longest), Effect.suspend(() => untilEmpty(pid)))
  )

/** A process without a group of its own: all that can be reached is itself, until it has ended. */
export const processAlone = (
  pid: number,
  program: string,
  hasEnded: () => boolean,
  ended: Effect.Effect<unknown>
): Group => ({
  members: Effect.sync(() => hasEnded() ? [] : [{ pid, command: program, state: "?" }]),
  empty: Effect.asVoid(ended),
  usage: Effect.undefined,
  signal: (signal) =>
    Effect.suspend((): Effect.Effect<boolean, string> => {
      if (hasEnded()) return Effect.succeed(false)
      if (signalNumber(signal) === undefined) return Effect.fail("this platform has no such signal")
      return Effect.try({
        try: () => process.kill(pid, signal),
        catch: (error) => error instanceof Error ? error.message : String(error)
      })
    })
})

// ------------------------------------------------------------------------------------------------------ the guardian

/** What the guardian knows of one spawn. */
export interface Watch {
  /** For the environment of the process. */
  readonly env: Readonly<Record<string, string>>
  readonly started: (pid: number) => Effect.Effect<void>
  readonly failed: Effect.Effect<void>
  readonly ended: (pid: number) => Effect.Effect<void>
}

/** Makes a `Watch` for each spawn. */
export type Guard = (command: Command.Command) => Effect.Effect<Watch>

const unwatched: Watch = { env: {}, started: () => Effect.void, failed: Effect.void, ended: () => Effect.void }

export const unguarded: Guard = () => Effect.succeed(unwatched)

/** Fails open: without a guardian everything works, only nothing cleans up after a `kill -9`. */
export const guarded: Effect.Effect<Guard, never, Scope.Scope> = Effect.gen(function*() {
  const scope = yield* Effect.scope
  // On first use: a layer that nothing is run by starts no process.
  const guardian = yield* Effect.cached(
    Guardian.acquire.pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.catch((error) => Effect.as(Effect.logWarning(error.message), undefined))
    )
  )
  return (command) =>
    Effect.flatMap(guardian, (guardian) => {
      if (guardian === undefined) return Effect.succeed(unwatched)
      const kind = command.settings.group === "inherit" ? "process" : "group"
      return Effect.map(guardian.prepare, (token): Watch => ({
        env: { [Guardian.tokenVariable]: token },
        started: (pid) => guardian.watch(token, pid, kind),
        failed: guardian.cancel(token),
        ended: guardian.unwatch
      }))
    })
})
