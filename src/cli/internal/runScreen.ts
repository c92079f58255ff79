/**
 * The terminal of `run`: lines that go by, and a line at the bottom that stays.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"

type Out = NodeJS.WriteStream & { readonly fd: 1 }

const eraseLine = "\r\x1b[2K"

export class Screen {
  private readonly out: Out
  private readonly hasStatus: boolean
  private status = ""
  private isGone = false

  /** Without a status line what is written is only lines. */
  constructor(out: Out, hasStatus: boolean, onGone: () => void) {
    this.out = out
    this.hasStatus = hasStatus && out.isTTY === true
    out.on("error", () => {
      if (this.isGone) return
      this.isGone = true
      onGone()
    })
  }

  get width(): number {
    return this.out.columns || 80
  }

  get showsStatus(): boolean {
    return this.hasStatus
  }

  /** Done when they are taken: who reads slowly is waited for. */
  print(lines: ReadonlyArray<string>): Effect.Effect<void> {
    return lines.length === 0 || this.isGone ? Effect.void : Effect.callback<void>((resume) => {
      this.write(lines, () => resume(Effect.void))
    })
  }

  /** For what cannot wait. */
  write(lines: ReadonlyArray<string>, done?: () => void): void {
    if (this.isGone) return done?.()
    const text = `${lines.join("\n")}\n`
    this.out.write(this.hasStatus ? `${eraseLine}${text}${this.status}` : text, () => done?.())
  }

  /** Replaces the line at the bottom. */
  show(status: string): void {
    if (!this.hasStatus || this.isGone || status === this.status) return
    this.status = status
    this.out.write(eraseLine + status)
  }

  /** Whatever waits is written, or never will be. */
  get flush(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.isGone) return resume(Effect.void)
      this.out.write("", () => resume(Effect.void))
    })
  }
}
