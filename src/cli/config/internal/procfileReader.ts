/**
 * A Procfile, with foreman's meaning: when one of its processes ends, however that was, all are stopped.
 */
import * as Procfile from "../Procfile.ts"
import type { Draft } from "./draft.ts"
import type { Problems } from "./problems.ts"
import { splitShell } from "./shellLine.ts"

/** The ports that foreman and overmind give to processes as PORT: `base` to the first, `step` more to each next. */
export interface Ports {
  /** Default: 5000. */
  readonly base?: number | undefined
  /** Default: 100. */
  readonly step?: number | undefined
}

export const read = (
  text: string,
  about: {
    readonly file: string
    readonly directory: string
    readonly problems: Problems
    readonly ports: Ports | undefined
  }
): Draft => {
  const { directory, file, ports, problems } = about
  const { entries, problems: bad } = Procfile.parse(text)
  for (const { advice, kind, line, message, name } of bad) problems.add(kind, { path: name, line }, message, advice)
  if (entries.length === 0 && bad.length === 0) {
    problems.add(
      "Syntax",
      { path: "", line: undefined },
      "it names no process",
      `Write a line such as "web: node server.js"`
    )
  }
  const { base = 5000, step = 100 } = ports ?? {}
  const lines = new Map(entries.map(({ line, name }) => [name, line]))
  return {
    file,
    directory,
    format: "procfile",
    name: undefined,
    children: entries.map(({ command, name }, index) => ({
      group: name,
      replicas: undefined,
      restart: "never",
      spec: () => ({
        command: splitShell(command),
        significant: true,
        ...(ports === undefined ? {} : { env: { PORT: String(base + index * step) } })
      })
    })),
    broken: new Map(),
    env: {},
    options: { autoShutdown: "any-significant" },
    logDirectory: undefined,
    dashboard: undefined,
    telemetry: undefined,
    where: (child) => ({ path: child, line: lines.get(child) }),
    version: ""
  }
}
