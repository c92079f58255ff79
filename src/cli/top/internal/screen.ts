/**
 * The terminal as a screen that is drawn on: taken when it is opened, and given back whatever happens.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { writeSync } from "node:fs"

/** The other screen, no cursor, no wrapping of what is too long. */
const enter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
const leave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
/** What is between these is shown at once by a terminal that knows them. */
const begin = "\x1b[?2026h"
const end = "\x1b[?2026l"

export interface Screen {
  /** Shows these lines; writes those that have changed. */
  readonly draw: (lines: ReadonlyArray<string>) => void
  /** Everything is to be written again. */
  readonly forget: () => void
  /** Stops this process as Ctrl-Z does, and draws again when it goes on. */
  readonly suspend: () => void
}

/** Signals that end a process which does not listen for them. */
const deadly: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]

class Terminal implements Screen {
  private shown: ReadonlyArray<string> = []
  private isTaken = false
  private readonly resumed: () => void
  constructor(resumed: () => void) {
    this.resumed = resumed
  }

  readonly draw = (lines: ReadonlyArray<string>): void => {
    if (!this.isTaken) return
    let out = ""
    for (const [index, line] of lines.entries()) {
      if (this.shown[index] !== line) out += `\x1b[${index + 1};1H${line}`
    }
    this.shown = lines
    if (out !== "") process.stdout.write(`${begin}${out}${end}`)
  }

  readonly forget = (): void => {
    this.shown = []
    if (this.isTaken) process.stdout.write("\x1b[0m\x1b[2J")
  }

  readonly suspend = (): void => {
    this.giveBack()
    process.stdin.setRawMode(false)
    process.kill(process.pid, "SIGTSTP")
  }

  readonly goOn = (): void => {
    process.stdin.setRawMode(true)
    this.isTaken = false
    this.take()
    this.resumed()
  }

  readonly take = (): void => {
    if (this.isTaken) return
    this.isTaken = true
    this.shown = []
    process.stdout.write(enter)
  }

  /** Written at once: there may be no later. */
  readonly giveBack = (): void => {
    if (!this.isTaken) return
    this.isTaken = false
    // A terminal that has gone need not be given back.
    Effect.runSync(Effect.ignore(Effect.try(() => writeSync(process.stdout.fd, leave))))
  }

  readonly crash = (): void => {
    this.giveBack()
    Effect.runSync(Effect.ignore(Effect.try(() => process.stdin.setRawMode(false))))
  }

  /** Whoever else listens ends the process in order; if nobody does, it ends as it would without us. */
  readonly signalled = (signal: NodeJS.Signals): void => {
    this.crash()
    if (process.listenerCount(signal) > 1) return
    process.off(signal, this.signalled)
    process.kill(process.pid, signal)
  }
}

const listen = (terminal: Terminal, gone: () => void): () => void => {
  process.on("exit", terminal.crash)
  // Before the error is printed: what is printed on the other screen is lost with it.
  process.on("uncaughtExceptionMonitor", terminal.crash)
  process.on("SIGCONT", terminal.goOn)
  process.stdout.on("error", gone)
  for (const signal of deadly) process.on(signal, terminal.signalled)
  return () => {
    process.off("exit", terminal.crash)
    process.off("uncaughtExceptionMonitor", terminal.crash)
    process.off("SIGCONT", terminal.goOn)
    // What was written last may fail a moment later.
    setImmediate(() => process.stdout.off("error", gone))
    for (const signal of deadly) process.off(signal, terminal.signalled)
  }
}

/** Takes the terminal until the scope is closed. `gone` is called when it cannot be written to any more. */
export const open = (on: {
  readonly resumed: () => void
  readonly gone: () => void
}): Effect.Effect<Screen, never, Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const terminal = new Terminal(on.resumed)
        const close = listen(terminal, on.gone)
        terminal.take()
        return { terminal, close }
      }),
      ({ close, terminal }) =>
        Effect.sync(() => {
          terminal.giveBack()
          close()
        })
    ),
    ({ terminal }) => terminal
  )
