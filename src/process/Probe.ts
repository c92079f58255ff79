/**
 * How to find out whether a process serves: a line in its log, a port, an HTTP answer, a program, its memory, or a
 * byte that it writes by itself.
 *
 * The same probes say when a process is ready and whether it is alive. Not being ready fails closed: what is not ready
 * in time is stopped and has failed.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as validate from "../internal/validate.ts"
import { type Command, isCommand, show as showCommand } from "./Command.ts"
import { InvalidOption } from "../SupervisorError.ts"

/**
 * A way to find out whether a process serves.
 *
 * @category models
 * @since 0.1.0
 */
export type Probe =
  | { readonly _tag: "Log"; readonly pattern: RegExp; readonly stream: "stdout" | "stderr" | undefined }
  | { readonly _tag: "Tcp"; readonly port: number; readonly host: string }
  | { readonly _tag: "Http"; readonly url: string; readonly statuses: ReadonlyArray<number> | undefined }
  | { readonly _tag: "Exec"; readonly command: Command }
  | { readonly _tag: "Memory"; readonly maxBytes: number }
  | { readonly _tag: "All"; readonly probes: ReadonlyArray<Tried> }
  | { readonly _tag: "Notify" }

/**
 * A probe that is tried when one wants to know. `Log` and `Notify` are not: what they wait for comes by itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Tried = Exclude<Probe, { readonly _tag: "Log" | "Notify" }>

/**
 * When a process is ready. All but the probe is optional.
 *
 * @category models
 * @since 0.1.0
 */
export interface Readiness {
  readonly probe: Probe
  /** How long it may take until it is ready; then it is stopped and has failed with `NotReady`. Default: "60 seconds". */
  readonly timeout?: Duration.Input | undefined
  /** From the end of one try to the next, where the probe has to try. Default: "100 millis". */
  readonly interval?: Duration.Input | undefined
  /** How long one try may take. Default: "1 second". */
  readonly tryTimeout?: Duration.Input | undefined
}

/**
 * Whether a process is alive. All but the probe is optional; the defaults are Kubernetes'.
 *
 * **Details**
 *
 * It begins when the process is ready. `Log` and `Notify` are alive when a line or byte came since the last try.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/probes/
 * @category models
 * @since 0.1.0
 */
export interface Liveness {
  readonly probe: Probe
  /** From ready to the first try. Default: "0 seconds"; for `Log` and `Notify` the interval. */
  readonly initialDelay?: Duration.Input | undefined
  /** From the end of one try to the next. Default: "10 seconds". */
  readonly interval?: Duration.Input | undefined
  /** How long one try may take. Default: "1 second". */
  readonly timeout?: Duration.Input | undefined
  /** How many failures in a row end the process. Default: 3. */
  readonly failures?: number | undefined
}

/**
 * The defaults of `Readiness`.
 *
 * @category constants
 * @since 0.1.0
 */
export const readinessDefaults: {
  readonly timeout: Duration.Input
  readonly interval: Duration.Input
  readonly tryTimeout: Duration.Input
} = { timeout: "60 seconds", interval: "100 millis", tryTimeout: "1 second" }

/**
 * A line of its output matches. The process needs its logs for that.
 *
 * **Example** (Vite)
 *
 * ```ts
 * import { Probe } from "effect-supervisor/process"
 *
 * const ready = Probe.log(/ready in \d+ ms/)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const log = (
  pattern: RegExp | string,
  options?: { readonly stream?: "stdout" | "stderr" | undefined }
): Probe => ({
  _tag: "Log",
  pattern: typeof pattern === "string" ? new RegExp(pattern) : pattern,
  stream: options?.stream
})

/**
 * A TCP port takes connections. The host is 127.0.0.1 if none is given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tcp = (options: { readonly port: number; readonly host?: string | undefined }): Tried => {
  if (!Number.isInteger(options.port) || options.port < 1 || options.port > 65_535) {
    throw new InvalidOption({
      subject: "Probe.tcp",
      option: "port",
      value: options.port,
      expected: "a port from 1 to 65535"
    })
  }
  return { _tag: "Tcp", port: options.port, host: options.host ?? "127.0.0.1" }
}

/**
 * An HTTP GET is answered with one of these statuses; without `statuses`, with any from 200 to 399, as Kubernetes does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const http = (
  url: string | URL,
  options?: { readonly statuses?: ReadonlyArray<number> | undefined }
): Tried => {
  const text = String(url)
  if (!URL.canParse(text) || !/^https?:/.test(text)) {
    throw new InvalidOption({ subject: "Probe.http", option: "url", value: text, expected: "a URL with http or https" })
  }
  return { _tag: "Http", url: text, statuses: options?.statuses }
}

/**
 * A program ends well, such as `pg_isready`. It gets the surroundings that its own Command says.
 *
 * @category constructors
 * @since 0.1.0
 */
export const exec = (command: Command): Tried => {
  if (isCommand(command) && command.program._tag !== "Script") return { _tag: "Exec", command }
  throw new InvalidOption({
    subject: "Probe.exec",
    option: "command",
    value: isCommand(command) ? showCommand(command) : command,
    expected: "a Command made by Command.make, shell or parse"
  })
}

const mebibyte = 2 ** 20

/**
 * The processes of the group use no more memory than this together: resident, in bytes.
 *
 * **When to use**
 *
 * Use it as `liveness` for a process that leaks: it is stopped with its grace, and its restart policy decides. It is
 * looked at now and then, so it is no limit: for that, use a cgroup, or `ulimit -v` in a `Command.shell`.
 *
 * **Gotchas**
 *
 * Memory that processes share is counted for each of them. Where it cannot be read the process counts as alive.
 *
 * **Example** (Restarted when it has used more than 512 MiB three times in a row)
 *
 * ```ts
 * import { Command, Job, Probe } from "effect-supervisor/process"
 *
 * const web = Job.runnable("web", Command.make("node", ["server.js"]), {
 *   liveness: Probe.all([Probe.http("http://127.0.0.1:8080/"), Probe.memory(512 * 2 ** 20)])
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const memory = (maxBytes: number): Tried => {
  if (Number.isFinite(maxBytes) && maxBytes > 0) return { _tag: "Memory", maxBytes }
  throw new InvalidOption({
    subject: "Probe.memory",
    option: "maxBytes",
    value: maxBytes,
    expected: "a number of bytes, such as 512 * 2 ** 20"
  })
}

const isTried = ({ _tag }: Probe): boolean => _tag !== "Log" && _tag !== "Notify"

/**
 * Each of these says yes. They are tried at once, and the first no counts. At least one, and neither a log line nor a
 * byte, which come by themselves.
 *
 * **Example** (Serves, and does not leak)
 *
 * ```ts
 * import { Probe } from "effect-supervisor/process"
 *
 * const liveness = Probe.all([Probe.tcp({ port: 8080 }), Probe.memory(512 * 2 ** 20)])
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const all = (probes: ReadonlyArray<Tried>): Tried => {
  if (probes.length > 0 && probes.every(isTried)) return { _tag: "All", probes }
  throw new InvalidOption({
    subject: "Probe.all",
    option: "probes",
    value: probes.map(show),
    expected: "at least one probe, and none of Probe.log and Probe.notify"
  })
}

/**
 * The process writes a byte, such as a line feed, to the descriptor whose number it finds in
 * `EFFECT_SUPERVISOR_NOTIFY_FD`: once when it is ready, and again for each sign of life. s6 calls it `notification-fd`.
 *
 * @see https://skarnet.org/software/s6/notifywhenup.html
 * @category constructors
 * @since 0.1.0
 */
export const notify: Probe = { _tag: "Notify" }

/**
 * The probe as a person would name it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const show = (probe: Probe): string => {
  switch (probe._tag) {
    case "Log":
      return `a log line ${probe.pattern}`
    case "Tcp":
      return `TCP port ${probe.host}:${probe.port}`
    case "Http":
      return `GET ${withoutSecrets(probe.url)}`
    case "Exec":
      return `the program ${showCommand(probe.command)}`
    case "Memory":
      return `memory of at most ${Number((probe.maxBytes / mebibyte).toFixed(1))} MiB`
    case "All":
      return probe.probes.map(show).join(" and ")
    case "Notify":
      return "a byte on its notify descriptor"
  }
}

/** What stands before the host, and behind the path, may be a secret. */
const withoutSecrets = (text: string): string => {
  const { origin, pathname } = new URL(text)
  return `${origin}${pathname}`
}

/** @internal */
export interface ReadinessSettings {
  readonly probe: Probe
  readonly timeoutMillis: number
  readonly intervalMillis: number
  readonly tryTimeoutMillis: number
}

/** @internal */
export const settleReadiness = (subject: string, given: Probe | Readiness): ReadinessSettings => {
  const ready: Readiness = "_tag" in given ? { probe: given } : given
  return {
    probe: ready.probe,
    timeoutMillis: validate.positiveMillis(subject, "ready.timeout", ready.timeout ?? readinessDefaults.timeout),
    intervalMillis: validate.positiveMillis(subject, "ready.interval", ready.interval ?? readinessDefaults.interval),
    tryTimeoutMillis: validate.positiveMillis(
      subject,
      "ready.tryTimeout",
      ready.tryTimeout ?? readinessDefaults.tryTimeout
    )
  }
}
