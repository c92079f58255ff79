/**
 * One process of a process-compose file as a `CommandSpec`.
 */
import * as Redacted from "effect/Redacted"
import { constants } from "node:os"
import type { Word } from "../../../process/Command.ts"
import type { Signal } from "../../../process/Signal.ts"
import type { CommandSpec, Condition, LivenessSpec, ProbeSpec, ReadinessSpec, RestartSpec } from "../ConfigSpec.ts"
import { conditions, type Probe, type Process, type Project } from "./composeSchema.ts"
import type { Replica } from "./draft.ts"
import type { Base, Words } from "./environment.ts"
import { maxLength, own, scan, tooLong } from "./expand.ts"
import { isPattern, isPort } from "./fields.ts"
import type { Where } from "./problems.ts"
import { hide, isSecret, reveal } from "./secrets.ts"
import { splitShell } from "./shellLine.ts"

type Keys = ReadonlyArray<PropertyKey>
type Variables = Readonly<Record<string, Word>>

/** Kubernetes' and process-compose's. */
const thresholds = { initial_delay_seconds: 0, period_seconds: 10, timeout_seconds: 1, failure_threshold: 3 }

const signalNames = new Map<number, Signal>(
  Object.entries(constants.signals).map(([name, number]) => [number, name as Signal])
)

/** `{{ ... }}` around one of the names that process-compose sets. */
const template = /\{\{[^{}]*\.PC_/

export class Converter {
  /** The variables for every process. */
  readonly global: Words
  private readonly project: Omit<Project, "processes">
  private readonly processes: ReadonlyMap<string, Process>
  private readonly base: Base
  private readonly where: (keys: Keys) => Where

  constructor(
    project: Omit<Project, "processes">,
    processes: ReadonlyMap<string, Process>,
    base: Base,
    where: (keys: Keys) => Where
  ) {
    this.project = project
    this.processes = processes
    this.base = base
    this.where = where
    this.global = this.environment(project.environment, ["environment"], {})
  }

  private problem(
    kind: "WrongValue" | "Unsupported" | "ImpossibleDependency",
    keys: Keys,
    message: string,
    advice: string
  ) {
    this.base.problems.add(kind, this.where(keys), message, advice)
  }

  // -- Texts

  /** The text with the values of its variables. `isShown`: people will see it, so no secret belongs there. */
  private expand(text: string, keys: Keys, variables: Variables, isShown: boolean): Word {
    if (template.test(text)) {
      this.problem(
        "Unsupported",
        keys,
        "templates are not supported",
        "Write $PC_REPLICA_NUM instead of {{.PC_REPLICA_NUM}}"
      )
    }
    if (this.project.disable_env_expansion === true) return text
    let isHidden = false
    const expanded = scan(text, "dollars", (name) => {
      const given = own(variables, name) ?? own(this.base.environment, name) ?? own(this.base.files, name)
      const value = given === undefined ? undefined : reveal(given)
      if (value !== undefined && isSecret(name, value)) {
        isHidden = true
        if (isShown) {
          const advice = "Give it to the process in its environment, and let the process read it there"
          this.problem("WrongValue", keys, `the value of ${name} is secret and would be shown here`, advice)
          // What else is wrong with this text is told with the text.
          return "(secret)"
        }
      }
      if (Redacted.isRedacted(given)) isHidden = true
      return value
    })
    if (typeof expanded !== "string") {
      this.problem("WrongValue", keys, expanded.message, expanded.advice)
      return text
    }
    return isHidden && !isShown ? Redacted.make(expanded) : expanded
  }

  private shown(text: string, keys: Keys, variables: Variables): string {
    return reveal(this.expand(text, keys, variables, true))
  }

  /** Variables are left to the shell, which has the same: so their values are shown nowhere. */
  private line(text: string, keys: Keys): Exclude<CommandSpec["command"], string> {
    if (template.test(text)) {
      this.problem(
        "Unsupported",
        keys,
        "templates are not supported",
        "Write $PC_REPLICA_NUM instead of {{.PC_REPLICA_NUM}}"
      )
    }
    return splitShell(this.project.disable_env_expansion === true ? text : text.replaceAll("$$", "$"))
  }

  private environment(given: Project["environment"], keys: Keys, variables: Variables): Words {
    const words: Record<string, Word> = Object.create(null)
    const known: Record<string, Word> = Object.assign(Object.create(null), variables)
    let left = maxLength
    const pairs = Array.isArray(given)
      ? given.map((entry, index) => [index, ...split(entry)] as const)
      : Object.entries(given ?? {}).map(([name, value]) => [name, name, String(value)] as const)
    for (const [key, name, value] of pairs) {
      if (name === "" || value === undefined) {
        this.problem("WrongValue", [...keys, key], "it is no variable with a value", `Write "NAME=value"`)
        continue
      }
      const expanded = this.expand(value, [...keys, key], known, false)
      left -= reveal(expanded).length
      if (left < 0) {
        this.problem("WrongValue", [...keys, key], tooLong.message, tooLong.advice)
        break
      }
      words[name] = known[name] = Redacted.isRedacted(expanded) ? expanded : hide(name, expanded)
    }
    return words
  }

  // -- A process

  command(group: string, process: Process, replica: Replica): CommandSpec {
    const at = ["processes", group]
    const names = { PC_PROC_NAME: group, PC_REPLICA_NUM: String(replica.index) }
    const variables = { ...this.global, ...names }
    const shown = (text: string, key: string) => this.shown(text, [...at, key], variables)
    const { availability, log_location, ready_log_line, shutdown, working_dir } = process
    const logFile = log_location ?? this.project.log_location
    if (ready_log_line !== undefined && process.readiness_probe !== undefined) {
      this.problem("WrongValue", [...at, "ready_log_line"], "there is a readiness_probe too", "Keep one of the two")
    }
    if (ready_log_line !== undefined && !isPattern(ready_log_line)) {
      this.problem(
        "WrongValue",
        [...at, "ready_log_line"],
        "it is no regular expression",
        "Escape what is meant literally"
      )
    }
    const files = typeof process.env_file === "string" ? [process.env_file] : process.env_file
    return {
      command: this.line(process.command, [...at, "command"]),
      ...(process.is_dotenv_disabled === true ? { dotEnv: false } : {}),
      description: process.description,
      disabled: process.disabled,
      cwd: working_dir === undefined ? undefined : shown(working_dir, "working_dir"),
      env: { ...names, ...this.environment(process.environment, [...at, "environment"], variables) },
      envFile: files?.map((file) => shown(file, "env_file")),
      dependsOn: this.dependsOn(process, [...at, "depends_on"]),
      ready: this.readiness(process, at, variables),
      liveness: this.liveness(process.liveness_probe, [...at, "liveness_probe"], variables),
      restart: restartOf(availability),
      endsAllOnFailure: availability?.restart === "exit_on_failure",
      stop: shutdown === undefined ? undefined : this.stop(shutdown, [...at, "shutdown"]),
      namespace: process.namespace,
      logFile: logFile === undefined
        ? undefined
        : this.shown(logFile, log_location === undefined ? ["log_location"] : [...at, "log_location"], variables)
    }
  }

  private dependsOn(process: Process, at: Keys): Record<string, Condition> {
    const needs: Record<string, Condition> = Object.create(null)
    for (const [name, dependency] of Object.entries(process.depends_on ?? {})) {
      const condition = dependency?.condition ?? "process_started"
      needs[name] = conditions[condition]
      const needed = this.processes.get(name)
      const missing = condition === "process_healthy" && needed?.readiness_probe === undefined
        ? "readiness_probe"
        : condition === "process_log_ready" && needed?.ready_log_line === undefined
        ? "ready_log_line"
        : undefined
      if (needed !== undefined && missing !== undefined) {
        const advice = `Give "${name}" a ${missing}, or wait for process_started`
        this.problem(
          "ImpossibleDependency",
          [...at, name],
          `"${name}" has no ${missing}, so it is never ${condition}`,
          advice
        )
      }
    }
    return needs
  }

  private stop(shutdown: NonNullable<Process["shutdown"]>, at: Keys): CommandSpec["stop"] {
    const { command, signal, timeout_seconds } = shutdown
    const name = signal === undefined ? undefined : signalNames.get(signal)
    if (signal !== undefined && name === undefined) {
      this.problem(
        "WrongValue",
        [...at, "signal"],
        `there is no signal ${signal}`,
        "Write its number, such as 2 for SIGINT"
      )
    }
    return {
      signal: name,
      grace: timeout_seconds === undefined ? undefined : timeout_seconds * 1000,
      command: command === undefined ? undefined : this.line(command, [...at, "command"])
    }
  }

  // -- Probes

  private readiness(process: Process, at: Keys, variables: Variables): ReadinessSpec | undefined {
    const { readiness_probe: probe, ready_log_line: log } = process
    if (log !== undefined) return isPattern(log) ? { log } : undefined
    const spec = probe === undefined ? undefined : this.probe(probe, [...at, "readiness_probe"], variables)
    if (spec === undefined) return undefined
    const seconds = { ...thresholds, ...probe }
    // So long until it would have failed so often in a row, with every try taking all of its time.
    const tries = seconds.failure_threshold * (seconds.period_seconds + seconds.timeout_seconds)
    return {
      ...spec,
      timeout: (seconds.initial_delay_seconds + tries) * 1000,
      interval: seconds.period_seconds * 1000,
      tryTimeout: seconds.timeout_seconds * 1000
    }
  }

  private liveness(probe: Probe | undefined, at: Keys, variables: Variables): LivenessSpec | undefined {
    const spec = probe === undefined ? undefined : this.probe(probe, at, variables)
    if (spec === undefined) return undefined
    const seconds = { ...thresholds, ...probe }
    return {
      ...spec,
      initialDelay: seconds.initial_delay_seconds * 1000,
      interval: seconds.period_seconds * 1000,
      timeout: seconds.timeout_seconds * 1000,
      failures: seconds.failure_threshold
    }
  }

  private probe(probe: Probe, at: Keys, variables: Variables): ProbeSpec | undefined {
    const { exec, http_get, success_threshold = 1 } = probe
    if (success_threshold !== 1) {
      const advice = "Remove it: one success is enough"
      this.problem("Unsupported", [...at, "success_threshold"], "more than one success is not supported", advice)
    }
    if ((exec === undefined) === (http_get === undefined)) {
      this.problem("WrongValue", at, "it needs one way to find out", `Write either "exec" or "http_get"`)
      return undefined
    }
    if (exec === undefined) return this.http(http_get!, [...at, "http_get"], variables)
    const { command, working_dir } = exec
    return {
      exec: this.line(command, [...at, "exec", "command"]),
      cwd: working_dir === undefined ? undefined : this.shown(working_dir, [...at, "exec", "working_dir"], variables)
    }
  }

  private http(get: NonNullable<Probe["http_get"]>, at: Keys, variables: Variables): ProbeSpec | undefined {
    const shown = (value: string | number | undefined, key: string) =>
      value === undefined ? undefined : this.shown(String(value), [...at, key], variables)
    const scheme = (shown(get.scheme, "scheme") ?? "http").toLowerCase()
    const port = shown(get.num_port, "num_port") ?? shown(get.port, "port") ?? (scheme === "https" ? "443" : "80")
    const path = shown(get.path, "path") ?? "/"
    const url = `${scheme}://${shown(get.host, "host") ?? "127.0.0.1"}:${port}${path.startsWith("/") ? "" : "/"}${path}`
    if (!isPort(Number(port)) || !/^https?:/.test(url) || !URL.canParse(url)) {
      this.problem(
        "WrongValue",
        at,
        `${JSON.stringify(url)} is no address`,
        "Write a host, a port from 1 to 65535 and a path"
      )
      return undefined
    }
    return { http: url, statuses: [get.status_code ?? 200] }
  }
}

const split = (entry: string): readonly [string, string | undefined] => {
  const at = entry.indexOf("=")
  return at < 0 ? [entry, undefined] : [entry.slice(0, at).trim(), entry.slice(at + 1)]
}

/** Waits are constant and never begin afresh, as there. */
const restartOf = (availability: Process["availability"]): "never" | RestartSpec => {
  const { backoff_seconds = 1, max_restarts = 0, restart = "no" } = availability ?? {}
  if (restart === "no" || restart === "exit_on_failure") return "never"
  return {
    policy: restart === "always" ? "always" : "on-failure",
    delay: backoff_seconds * 1000,
    factor: 1,
    maxDelay: backoff_seconds * 1000,
    jitter: false,
    maxRestarts: max_restarts === 0 ? undefined : max_restarts,
    resetAfter: false
  }
}
