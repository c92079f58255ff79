/**
 * A real terminal, and what is on it: enough of one for what `top` writes. Whatever it does not know is an error, so that
 * nothing gets to a terminal that is not expected.
 */
import { assert } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as text from "../../../src/cli/top/internal/text.ts"

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/top/${name}`, import.meta.url))

// oxlint-disable-next-line no-control-regex -- this is what a terminal does
const sequence = /\x1b\[([?\d;]*)([A-Za-z])|([^\x1b]+)/y

/** The screen that is seen, and the modes that a program has to put back. */
export class Emulator {
  private cells: Array<Array<string>> = []
  private row = 0
  private column = 0
  private rest = ""
  /** What was written outside of the other screen. */
  plain = ""
  isAlternate = false
  hasCursor = true
  wraps = true
  colours = 0
  written = 0

  feed(chunk: string): void {
    this.written += chunk.length
    const all = this.rest + chunk
    sequence.lastIndex = 0
    let end = 0
    for (let match = sequence.exec(all); match !== null; match = sequence.exec(all)) {
      end = sequence.lastIndex
      if (match[3] === undefined) this.obey(match[1]!, match[2]!)
      else this.write(match[3])
    }
    this.rest = all.slice(end)
    // oxlint-disable-next-line no-control-regex -- as above
    assert.match(this.rest, /^(\x1b(\[[?\d;]*)?)?$/, "a sequence that is not expected")
  }

  private obey(parameters: string, command: string): void {
    const kind = `${parameters.startsWith("?") ? "?" : ""}${command}`
    switch (kind) {
      case "H": {
        const [row = "1", column = "1"] = parameters.split(";")
        this.row = Number(row || 1) - 1
        this.column = Number(column || 1) - 1
        return
      }
      case "J":
        assert.strictEqual(parameters, "2")
        this.cells = []
        return
      case "m":
        this.colours += /(^|;)3\d/.test(parameters) ? 1 : 0
        return
      case "?h":
      case "?l":
        return this.set(parameters, command === "h")
      default:
        assert.fail(`a sequence that is not expected: ${parameters}${command}`)
    }
  }

  private set(mode: string, isOn: boolean): void {
    switch (mode) {
      case "?1049":
        this.isAlternate = isOn
        this.cells = []
        return
      case "?25":
        this.hasCursor = isOn
        return
      case "?7":
        this.wraps = isOn
        return
      case "?2026":
        return
      default:
        assert.fail(`a mode that is not expected: ${mode}`)
    }
  }

  private write(written: string): void {
    if (!this.isAlternate) {
      this.plain += written
      return
    }
    assert.notMatch(written, /\p{Cc}/u)
    const line = this.cells[this.row] ??= []
    for (const character of written) {
      line[this.column] = character
      for (let n = 1; n < text.width(character); n++) line[this.column + n] = ""
      this.column += text.width(character)
    }
  }

  get lines(): ReadonlyArray<string> {
    return Array.from(this.cells, (cells) => Array.from(cells ?? [], (cell) => cell ?? " ").join(""))
  }

  get screen(): string {
    return this.lines.map((line) => line.trimEnd()).join("\n")
  }
}

export interface End {
  readonly code?: number
  readonly signal?: number
  readonly isAsBefore: boolean
}

/** The full-screen view of what is served at a socket, in a terminal of its own. */
export const open = Effect.fnUntraced(function*(
  socket: string,
  { columns = 80, env = {}, rows = 24 }: {
    readonly columns?: number
    readonly rows?: number
    readonly env?: NodeJS.ProcessEnv
  } = {}
) {
  const emulator = new Emulator()
  let told = ""
  const process_ = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const size = [String(columns), String(rows)]
      const child = spawn("python3", [fixture("terminal.py"), ...size, process.execPath, fixture("top.ts"), socket], {
        env: { ...process.env, NO_COLOR: "", TERM: "xterm-256color", ...env }
      })
      child.on("error", () => {
        told = "python3, which makes the terminal, cannot be started"
      })
      child.stdin.on("error", () => {})
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => emulator.feed(chunk))
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => told += chunk)
      return child
    }),
    // Its end of input ends what runs in it.
    (child) => Effect.sync(() => child.stdin.end())
  )
  const order = (order: object) => Effect.sync(() => process_.stdin.write(`${JSON.stringify(order)}\n`))
  const closed = Effect.callback<void>((resume) => {
    if (process_.exitCode !== null) return resume(Effect.void)
    process_.once("close", () => resume(Effect.void))
  })
  /** Waits until the screen is so. */
  const until = (holds: (screen: string) => boolean): Effect.Effect<string> =>
    Effect.callback<string>((resume) => {
      const look = () => {
        if (!holds(emulator.screen)) return
        process_.stdout.off("data", look)
        resume(Effect.succeed(emulator.screen))
      }
      process_.stdout.on("data", look)
      look()
      return Effect.sync(() => process_.stdout.off("data", look))
    })
  const see = (part: string | RegExp) =>
    until((screen) => typeof part === "string" ? screen.includes(part) : part.test(screen)).pipe(
      Effect.timeoutOrElse({
        duration: "15 seconds",
        orElse: () => Effect.die(new Error(`${part} is not seen in\n${emulator.plain}\n${emulator.screen}\n${told}`))
      })
    )
  return {
    emulator,
    see,
    until,
    press: (keys: string) => order({ keys }),
    resize: (columns: number, rows: number) => order({ resize: [columns, rows] }),
    signal: (signal: number) => order({ signal }),
    end: Effect.andThen(closed, Effect.sync((): End => JSON.parse(told)))
  }
})

/** The application to look at, as soon as all of it is up. */
export const application: (
  socket: string
) => Effect.Effect<{ readonly stop: Effect.Effect<void> }, never, Scope.Scope> = Effect.fnUntraced(
  function*(socket: string) {
    const child = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof spawn>>((resume) => {
        const child = spawn(process.execPath, [fixture("app.ts"), socket], { stdio: ["ignore", "pipe", "inherit"] })
        let output = ""
        child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
          output += chunk
          if (/^all are up$/m.test(output)) resume(Effect.succeed(child))
        })
        child.on("close", () => resume(Effect.die(new Error(`the application has ended:\n${output}`))))
      }),
      (child) => stop(child)
    )
    return { stop: stop(child) }
  }
)

const stop = (child: ReturnType<typeof spawn>): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("close", () => resume(Effect.void))
    child.kill("SIGTERM")
  })

/** Run where there is no terminal. */
export const withoutTerminal = (
  socket: string
): Effect.Effect<{ readonly code: number | null; readonly output: string }> =>
  Effect.callback((resume) => {
    const child = spawn(process.execPath, [fixture("top.ts"), socket], { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk) => output += chunk)
    child.on("close", (code) => resume(Effect.succeed({ code, output })))
  })
