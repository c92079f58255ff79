/**
 * Everything that can go wrong with an operating system's process, each error naming the command and saying what to do.
 * Secrets are not in them: a command is shown with `<redacted>` in their place.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import { causeInfo } from "../State.ts"
import * as ExitStatus from "./ExitStatus.ts"
import type { Tagged } from "../internal/tagged.ts"

/**
 * Why a command could not be started.
 *
 * @category models
 * @since 0.1.0
 */
export type SpawnFailedReason =
  | "NotFound"
  | "PermissionDenied"
  | "BadDirectory"
  | "BadWorkspace"
  | "InvalidArgument"
  | "Unsupported"
  | "Resources"
  | "Unknown"

const adviceFor: Readonly<Record<SpawnFailedReason, string>> = {
  NotFound: "The program was not found: check its name and the PATH that the command gets, or give a full path.",
  PermissionDenied: "This user may not run the program or enter its directory: check their permissions (chmod +x).",
  BadDirectory: "The working directory is not there or is no directory: create it, or set another cwd.",
  BadWorkspace: "The private directory of its job cannot be used: make room there, or give permission.",
  InvalidArgument: "An argument, variable or option cannot be passed to a process: see the cause.",
  Unsupported: "This platform cannot do what the command asks for.",
  Resources: "The machine has no process, memory or file descriptor left for it: try again later, or raise the limit.",
  Unknown: "See the cause."
}

/** How a line begins whose first word only a shell knows. */
const ofShell = /^(?:alias|cd|eval|exec|export|for|if|set|source|ulimit|umask|unset|while|'?\w+=.*)(?:\s|$)/

const shellAdvice = "That is a word of the shell, and this command runs without one: make it a line for a shell."

const SpawnFailedBase: Tagged<"SpawnFailed", {
  readonly command: string
  readonly reason: SpawnFailedReason
  readonly detail: string
  readonly cause: unknown
}> = Data.TaggedError("SpawnFailed")

/**
 * A command could not be started; nothing of it runs.
 *
 * @category errors
 * @since 0.1.0
 */
export class SpawnFailed extends SpawnFailedBase {
  override get message(): string {
    const advice = this.reason === "NotFound" && ofShell.test(this.command) ? shellAdvice : adviceFor[this.reason]
    return `Command "${this.command}" could not be started (${this.detail}). ${advice}`
  }
}

const ProcessFailedBase: Tagged<"ProcessFailed", {
  readonly command: string
  readonly status: ExitStatus.ExitStatus
  readonly lastLines: ReadonlyArray<string>
}> = Data.TaggedError("ProcessFailed")

/**
 * A supervised process ended in a way that is not among its `successCodes`: what a restart policy sees. `status` says
 * how, `lastLines` are the last lines that it wrote to stderr.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProcessFailed extends ProcessFailedBase {
  // It happened in another program: where in this one it was noticed says nothing to who reads a log.
  override readonly stack: string = `ProcessFailed: ${this.message}`

  override get message(): string {
    const said = this.lastLines.length === 0 ? "" : `. It said: ${this.lastLines.join(" | ")}`
    return this.status._tag === "SpawnFailed"
      ? this.status.error.message
      : `Command "${this.command}" ${ExitStatus.show(this.status)}${said}`
  }
}

const NotReadyBase: Tagged<"NotReady", {
  readonly command: string
  readonly probe: string
  readonly timeoutMillis: number
  readonly detail: string
}> = Data.TaggedError("NotReady")

/**
 * A process did not become ready in time and was stopped, or it has ended, well, before it was. `detail` is what the
 * last try said.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotReady extends NotReadyBase {
  override readonly stack: string = `NotReady: ${this.message}`

  override get message(): string {
    return `Command "${this.command}" was not ready within ${this.timeoutMillis} ms by ${this.probe} (${this.detail}). Look into its logs, or raise the probe's timeout.`
  }
}

const ProbeFailedBase: Tagged<"ProbeFailed", {
  readonly command: string
  readonly probe: string
  readonly detail: string
}> = Data.TaggedError("ProbeFailed")

/**
 * One try of a probe found the process not well.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProbeFailed extends ProbeFailedBase {
  override get message(): string {
    // What is wrong comes first: tables have little room.
    return `${this.detail} (probe: ${this.probe}; command "${this.command}")`
  }
}

const SignalFailedBase: Tagged<"SignalFailed", {
  readonly command: string
  readonly signal: string
  readonly detail: string
}> = Data.TaggedError("SignalFailed")

/**
 * A signal could not be sent: the platform does not know it, or this user may not signal that process.
 *
 * @category errors
 * @since 0.1.0
 */
export class SignalFailed extends SignalFailedBase {
  override get message(): string {
    return `Signal ${this.signal} could not be sent to command "${this.command}" (${this.detail}). Use a name that \`kill -l\` lists, and a user who may signal it.`
  }
}

const StillAliveBase: Tagged<"StillAlive", {
  readonly command: string
  readonly survivors: ReadonlyArray<string>
}> = Data.TaggedError("StillAlive")

/**
 * Processes of a command's group outlived even SIGKILL; each is named with its pid and state. The kernel does not let go
 * of them, mostly because of a device or a network file system: nothing can be started in their place.
 *
 * @category errors
 * @since 0.1.0
 */
export class StillAlive extends StillAliveBase {
  override get message(): string {
    return `Command "${this.command}" left processes that SIGKILL does not end: ${
      this.survivors.join(", ")
    }. Look at what they wait for (ps -o pid,stat,wchan), then start it again.`
  }
}

const HookFailedBase: Tagged<"HookFailed", {
  readonly command: string
  readonly hook: "run" | "spawn"
  readonly cause: Cause.Cause<unknown>
}> = Data.TaggedError("HookFailed")

/**
 * A hook of a job failed or died. The job lives on.
 *
 * @category errors
 * @since 0.1.0
 */
export class HookFailed extends HookFailedBase {
  override get message(): string {
    return `The ${this.hook} hook of job "${this.command}" failed: ${
      causeInfo(this.cause).message
    }. The job goes on; mend the hook, or handle its error in it.`
  }
}

const SupersededBase: Tagged<"Superseded", {
  readonly command: string
  readonly verb: string
  readonly by: string
}> = Data.TaggedError("Superseded")

/**
 * A verb was not carried out because a later one was more urgent, such as a restart that waited out its grace when a
 * stop came.
 *
 * @category errors
 * @since 0.1.0
 */
export class Superseded extends SupersededBase {
  override get message(): string {
    return `${this.verb} of job "${this.command}" was not carried out: ${this.by} came after it. Send it again if it is still wanted.`
  }
}

const JobDeletedBase: Tagged<"JobDeleted", {
  readonly command: string
  readonly verb: string
}> = Data.TaggedError("JobDeleted")

/**
 * The job is deleted, or its scope is closed: it takes no more verbs.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobDeleted extends JobDeletedBase {
  override get message(): string {
    return `${this.verb} of job "${this.command}" was not carried out, because the job was deleted. Make another one with Job.make.`
  }
}

const NotRunningBase: Tagged<"NotRunning", {
  readonly command: string
  readonly operation: string
}> = Data.TaggedError("NotRunning")

/**
 * The process does not run, so there is nobody to receive what was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotRunning extends NotRunningBase {
  override get message(): string {
    return `Command "${this.command}" is not running, so ${this.operation} was not done. Start it first.`
  }
}

const InvalidCommandLineBase: Tagged<"InvalidCommandLine", {
  readonly command: string
  readonly detail: string
}> = Data.TaggedError("InvalidCommandLine")

/**
 * A command line cannot be split into words: a quote that is not closed, or syntax that needs a shell.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidCommandLine extends InvalidCommandLineBase {
  override get message(): string {
    return `Command line "${this.command}" cannot be split into words: ${this.detail}. Quote what is meant literally, or use Command.shell for what a shell should read.`
  }
}

const WorkspaceFailedBase: Tagged<"WorkspaceFailed", {
  readonly job: string
  readonly detail: string
  readonly advice: string
  readonly cause: unknown
}> = Data.TaggedError("WorkspaceFailed")

/**
 * The place of a job's private directory, or its logs, could not be made.
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkspaceFailed extends WorkspaceFailedBase {
  override get message(): string {
    return `The place of job "${this.job}" could not be made (${this.detail}). ${this.advice}.`
  }
}

const DuplicateJobBase: Tagged<"DuplicateJob", { readonly job: string }> = Data.TaggedError("DuplicateJob")

/**
 * There is a job of that name.
 *
 * @category errors
 * @since 0.1.0
 */
export class DuplicateJob extends DuplicateJobBase {
  override get message(): string {
    return `There already is a job "${this.job}": its directory and logs would be shared. Choose another name, or delete that one first.`
  }
}

const JobNotFoundBase: Tagged<"JobNotFound", {
  readonly id: string
  readonly known: ReadonlyArray<string>
}> = Data.TaggedError("JobNotFound")

/**
 * No job of that id.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobNotFound extends JobNotFoundBase {
  override get message(): string {
    const known = this.known.length === 0 ? "none has been started" : `there are ${this.known.slice(0, 20).join(", ")}`
    return `There is no job "${this.id}": ${known}. A supervised job is known by the path of its child from its first start on.`
  }
}

const InputClosedBase: Tagged<"InputClosed", {
  readonly command: string
  readonly reason: "not running" | "not a pipe" | "closed"
}> = Data.TaggedError("InputClosed")

/**
 * Nothing can be written to the standard input of a process: it does not run, its command has another `stdin` than
 * "pipe", or it was ended, by this side or by the process.
 *
 * @category errors
 * @since 0.1.0
 */
export class InputClosed extends InputClosedBase {
  override get message(): string {
    const advice = {
      "not running": "it is not running: start it first",
      "not a pipe": `it has no pipe there: give its Command stdin: "pipe"`,
      "closed": "it was closed: restart the process to write again"
    }
    return `Nothing was written to the standard input of command "${this.command}", because ${advice[this.reason]}.`
  }
}

const SupervisedJobBase: Tagged<"SupervisedJob", {
  readonly job: string
  readonly verb: string
}> = Data.TaggedError("SupervisedJob")

/**
 * A job that is run by a supervisor was told by hand what its supervisor decides.
 *
 * @category errors
 * @since 0.1.0
 */
export class SupervisedJob extends SupervisedJobBase {
  override get message(): string {
    return `${this.verb} of job "${this.job}" was not carried out, because a supervisor runs it. Use the supervisor's handle: start, stop, restart, hold or remove by the child's path.`
  }
}

const OutputCutBase: Tagged<"OutputCut", {
  readonly command: string
  readonly drainMillis: number
  readonly detail: string
}> = Data.TaggedError("OutputCut")

/**
 * A run is over, and its output was not read to the end within `drainTimeout`: what came after that is not in its logs.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutputCut extends OutputCutBase {
  override get message(): string {
    return `Command "${this.command}" has ended, but its output did not within ${this.drainMillis} ms (${this.detail}): the rest of it is lost. Raise drainTimeout to wait longer.`
  }
}
