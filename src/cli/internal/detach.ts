/**
 * Starts a supervisor in the background, and waits until all is ready or it is known why not.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync } from "node:fs"
import { dirname, resolve } from "node:path"
import type { Readable } from "node:stream"
import { Failed } from "../CliError.ts"
import * as stateDirectory from "./stateDirectory.ts"
import { duration } from "./words.ts"

/** What is to be started. */
export interface Detached {
  readonly file: string | undefined
  readonly name: string | undefined
  readonly socket: string | undefined
  readonly dashboard: number | undefined
  readonly port: number | undefined
  /** How long to wait until all is ready, in milliseconds. Default: a minute. */
  readonly timeout: number | undefined
}

/** What the supervisor tells over a pipe of its own when it is ready. */
export interface Ready {
  readonly name: string
  readonly pid: number
  readonly socket: string
  readonly children: number
}

/** Instead of that: a child gave up, so that not all will be ready. */
export interface Stuck {
  readonly pid: number
  readonly path: string
  readonly message: string
}

/** What is told, once. */
export type News = Ready | Stuck

/** What was started. */
export interface Started extends Ready {
  readonly log: string
}

/** The descriptor of that pipe. */
const reportFd = 3

const defaultTimeout = 60_000
/** One that is longer makes place for a new one, and is kept beside it. */
const maxLog = 10 * 1024 * 1024
const lastLines = 20

interface OpenLog {
  readonly fd: number
  /** What was in it before. */
  readonly from: number
}

const openLog = (file: string): OpenLog => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const fd = openSync(file, "a", 0o600)
  const { size } = fstatSync(fd)
  if (size <= maxLog) return { fd, from: size }
  closeSync(fd)
  renameSync(file, `${file}.old`)
  return { fd: openSync(file, "a", 0o600), from: 0 }
}

const launch = ({ dashboard, file, name, port, socket }: Detached, fd: number): ChildProcess =>
  spawn(
    process.execPath,
    [
      ...process.execArgv,
      process.argv[1]!,
      "run",
      ...file === undefined ? [] : [file],
      ...name === undefined ? [] : ["--name", name],
      ...socket === undefined ? [] : ["--socket", socket],
      ...port === undefined ? [] : ["--port", String(port)],
      ...dashboard === undefined ? [] : ["--dashboard", String(dashboard)],
      // Its own words go to a file; what children do with colours is up to them.
      "--no-color",
      "--report",
      String(reportFd)
    ],
    // A session of its own: no terminal ends it.
    { detached: true, stdio: ["ignore", fd, fd, "pipe"] }
  )

type Heard =
  | { readonly _tag: "Told"; readonly news: News }
  | { readonly _tag: "Gone" }
  | { readonly _tag: "NotStarted"; readonly cause: unknown }

/** What it cannot have said is as if it had gone. */
const newsOf = (line: string): Heard =>
  Option.match(Option.liftThrowable(JSON.parse)(line), {
    onNone: (): Heard => ({ _tag: "Gone" }),
    onSome: (news: unknown) =>
      typeof news === "object" && news !== null ? { _tag: "Told", news: news as News } : { _tag: "Gone" }
  })

/** One line, or the end of the pipe, which is that of the process; or that there is no process. */
const listen = (child: ChildProcess): Effect.Effect<Heard> =>
  Effect.callback<Heard>((resume) => {
    let text = ""
    child.once("error", (cause) => resume(Effect.succeed({ _tag: "NotStarted", cause })))
    const pipe = pipeOf(child)
    pipe?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      const end = text.indexOf("\n")
      if (end >= 0) resume(Effect.succeed(newsOf(text.slice(0, end))))
    })
    // Of one that could not be started it closes too.
    pipe?.once("close", () => child.pid !== undefined && resume(Effect.succeed({ _tag: "Gone" })))
    pipe?.on("error", () => {})
  })

/** There is none where no process could be made. */
const pipeOf = (child: ChildProcess): Readable | undefined =>
  (child.stdio as ReadonlyArray<unknown> | undefined)?.[reportFd] as Readable | undefined

const notStarted = (cause: unknown): Failed =>
  new Failed({
    message: `The supervisor could not be started in the background (${reasonOf(cause)}). "esv run" starts it here.`
  })

const reasonOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const noLog = (log: string, cause: unknown): Failed =>
  new Failed({
    message: `Its log ${log} cannot be written (${reasonOf(cause)}). ` +
      "Give permission there, or name another place in XDG_STATE_HOME."
  })

const tailOf = (file: string, from: number): string => {
  const lines = readFileSync(file).subarray(from).toString("utf8").trimEnd().split("\n")
  return lines.slice(-lastLines).map((line) => `  ${line}`).join("\n")
}

export const detach: (what: Detached) => Effect.Effect<Started, Failed> = Effect.fnUntraced(function*(what: Detached) {
  const path = resolve(what.file ?? ".")
  const log = stateDirectory.log(path, what.name, what.socket)
  const { fd, from } = yield* Effect.try({ try: () => openLog(log), catch: (cause) => noLog(log, cause) })
  const process = yield* Effect.ensuring(
    Effect.try({ try: () => launch(what, fd), catch: notStarted }),
    Effect.sync(() => closeSync(fd))
  )
  const timeout = what.timeout ?? defaultTimeout
  const news = yield* Effect.timeoutOption(listen(process), timeout)
  pipeOf(process)?.destroy()
  process.unref()
  if (Option.isNone(news)) {
    return yield* new Failed({
      message: `Not all is ready after ${
        duration(timeout)
      }; it goes on in the background (pid ${process.pid}). See "esv ps", or its log ${log}.`
    })
  }
  if (news.value._tag === "Told") {
    const { news: told } = news.value
    if ("children" in told) return { ...told, log }
    return yield* new Failed({
      message:
        `${told.path} gave up: ${told.message}\nThe others go on in the background (pid ${told.pid}). See "esv why ${told.path}", or the log ${log}.`
    })
  }
  if (news.value._tag === "NotStarted") return yield* notStarted(news.value.cause)
  return yield* new Failed({
    message: `The supervisor did not come up. Its last words, from ${log}:\n${tailOf(log, from)}`
  })
})
