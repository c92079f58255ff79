/**
 * What the guardian is told, line by line: see its script for what they mean. It outlives a guardian: the next one is told
 * what holds.
 *
 * Floor 3.
 */
import { randomBytes } from "node:crypto"
import type { Writable } from "node:stream"

/** The guardian's journal may be longer than what holds by that many lines, before a new one is sent. */
const slack = 256

/** How many tokens are told at once, for spawns to come. */
const stock = 8

/** Of a fixed length, so that no token is the beginning of another. */
const tokenPrefix = randomBytes(8).toString("hex")
let tokens = 0

export class Journal {
  /** The standard input of the guardian, while there is one. */
  private output: Writable | undefined = undefined
  /** What holds: the entries of a journal that was just rewritten. */
  private readonly entries = new Set<string>()
  /** How many lines the guardian has. */
  private lines = 0
  /** Lines that are yet to be written: each write wakes the guardian. */
  private pending = ""
  /** Tokens that it was told, for spawns to come. */
  private spares: Array<string> = []

  /** From now on this one is told; first all that holds. */
  tell(output: Writable | undefined): void {
    this.output = output
    if (this.entries.size > 0) this.rewrite()
  }

  /** A token that the guardian has been told. */
  token(): string {
    if (this.spares.length === 0) {
      this.stockUp()
      this.flush()
    }
    return this.spares.pop()!
  }

  /** The spawn of that token failed. */
  cancel(token: string): void {
    if (this.entries.delete(`?${token}`)) this.note(`! ${token}\n`)
  }

  /** The process of that token is this target from now on. */
  watch(token: string, target: string): void {
    this.entries.delete(`?${token}`)
    this.entries.add(`+${target}`)
    this.note(`+ ${token} ${target}\n`)
    // With the same write, so that the next spawn finds one.
    if (this.spares.length === 0) this.stockUp()
    // At once: it may throw its environment away, and its token with that.
    this.flush()
  }

  /** The target is gone. */
  unwatch(target: string): void {
    // A number that has become free is nobody else's before the end of the turn.
    if (this.entries.delete(`+${target}`)) this.note(`- ${target}\n`)
  }

  /** No spawns are to come, and nobody is told anything any more. */
  close(): void {
    for (const token of this.spares) this.entries.delete(`?${token}`)
    this.spares = []
    this.rewrite()
    this.output = undefined
  }

  /** Whether lines wait in this process because the pipe is full. */
  get isBehind(): boolean {
    return (this.output?.writableLength ?? 0) > 0
  }

  /** Calls this when the kernel has all that was written. */
  whenTaken(then: () => void): void {
    // An empty line says nothing, and is written when all others are.
    this.output?.write("\n", then)
  }

  private stockUp(): void {
    this.spares = Array.from({ length: stock }, () => {
      const token = `${tokenPrefix}${(++tokens).toString(16).padStart(8, "0")}`
      this.entries.add(`?${token}`)
      return token
    })
    for (const token of this.spares) this.note(`? ${token}\n`)
  }

  /** To be written with what comes next, at the latest at the end of this turn of the event loop. */
  private note(line: string): void {
    this.lines++
    if (this.lines > 2 * this.entries.size + slack) return this.rewrite()
    if (this.pending === "") setImmediate(() => this.flush())
    this.pending += line
  }

  /**
   * Node hands what is written to a pipe to the kernel before `write` returns, unless the pipe is full (some 200 writes
   * that the guardian has not read yet): it will be read even if this process is killed in the next instant.
   */
  private flush(): void {
    const { pending } = this
    this.pending = ""
    if (pending !== "") this.output?.write(pending)
  }

  private rewrite(): void {
    this.lines = this.entries.size
    this.pending = ""
    this.output?.write(`= ${[...this.entries].join(" ")}\n`)
  }
}
