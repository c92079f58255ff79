/**
 * The terminal of `run`: lines that go by, and a line at the bottom that stays.
 *
 * Floor 4.
 */
import * as Effect from "effect/Effect"
import { fstatSync, writeSync } from "node:fs"

type Out = NodeJS.WriteStream & { readonly fd: 1 }

const eraseLine = "\r\x1b[2K"

/** A stream ends with its first error, and a file on a full disk takes more when there is room again. */
const isFile = (fd: number): boolean => {
  try {
    return fstatSync(fd).isFile()
  } catch {
    return false
  }
}

const take = (_text: string, done?: () => void): boolean => {
  done?.()
  return true
}

export class Screen {
  private readonly out: Out
  private readonly hasStatus: boolean
  private status = ""
  private isGone = false
  private readonly toFile: boolean
  /** How many writes a file has not taken. */
  private dropped = 0
  /** How many writes were taken. */
  taken = 0

  /** Without a status line what is written is only lines. */
  constructor(out: Out, hasStatus: boolean, onGone: () => void) {
    this.out = out
    this.hasStatus = hasStatus && out.isTTY === true
    this.toFile = isFile(out.fd)
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
    const taken = () => {
      this.taken++
      done?.()
    }
    if (this.toFile) this.append(text, taken)
    else this.out.write(this.hasStatus ? `${eraseLine}${text}${this.status}` : text, taken)
  }

  /** What a disk does not take is counted, and told when it takes something again: nobody ends for it. */
  private append(text: string, done: () => void): void {
    try {
      const lost = this.dropped === 0 ? "" : `(${this.dropped} writes before this one found no room)\n`
      writeSync(this.out.fd, lost + text)
      this.dropped = 0
    } catch {
      this.dropped++
    }
    done()
  }

  /** Replaces the line at the bottom. */
  show(status: string): void {
    if (!this.hasStatus || this.isGone || status === this.status) return
    this.status = status
    this.out.write(eraseLine + status)
  }

  /** Nobody reads: from now on the stream takes all and keeps nothing, so that nobody waits for it, nor the exit. */
  abandon(): void {
    this.isGone = true
    this.out.write = take as Out["write"]
  }

  /** Whatever waits is written, or never will be. */
  get flush(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.isGone) return resume(Effect.void)
      this.out.write("", () => resume(Effect.void))
    })
  }
}
