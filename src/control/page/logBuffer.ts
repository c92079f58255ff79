/**
 * The lines that a log view keeps: the latest, bounded in number and in size. While somebody reads further up, nothing
 * that they read is taken away: what then comes too much is counted and left out, and following starts afresh.
 */
import type { LogEntry } from "./wire.ts"

export interface Kept {
  /** Counts up and is never used again. */
  readonly id: number
  readonly entry: LogEntry
}

export const maxLines = 10_000
export const maxChars = 8_000_000

export class LogBuffer {
  private kept: Array<Kept> = []
  private head = 0
  private chars = 0
  private nextId = 0
  /** Lines that came while nobody followed and there was no place for them. */
  missed = 0
  /** Lines that came since the reader has left the end. */
  unread = 0
  isPaused = false

  get length(): number {
    return this.kept.length - this.head
  }

  /** How many lines have gone at the top, ever. */
  get dropped(): number {
    return this.nextId - this.length
  }

  at(index: number): Kept | undefined {
    return this.kept[this.head + index]
  }

  add(entries: ReadonlyArray<LogEntry>): void {
    for (const entry of entries) {
      if (this.isPaused) {
        this.unread++
        if (this.missed > 0 || this.isFull) {
          this.missed++
          continue
        }
      }
      this.kept.push({ id: this.nextId++, entry })
      this.chars += sizeOf(entry)
    }
    if (!this.isPaused) this.trim()
  }

  private get isFull(): boolean {
    return this.length >= maxLines || this.chars >= maxChars
  }

  private trim(): void {
    while (this.length > maxLines || (this.chars > maxChars && this.length > 1)) {
      this.chars -= sizeOf(this.kept[this.head]!.entry)
      this.head++
    }
    if (this.head > maxLines) {
      this.kept = this.kept.slice(this.head)
      this.head = 0
    }
  }

  pause(): void {
    this.isPaused = true
  }

  /** `true` if lines are missing between what is kept and what comes, so that it has to be read anew. */
  resume(): boolean {
    const hasGap = this.missed > 0
    this.isPaused = false
    this.unread = 0
    if (hasGap) this.clear()
    return hasGap
  }

  clear(): void {
    this.kept = []
    this.head = 0
    this.chars = 0
    this.missed = 0
    this.unread = 0
  }

  *[Symbol.iterator](): IterableIterator<LogEntry> {
    for (let index = this.head; index < this.kept.length; index++) yield this.kept[index]!.entry
  }
}

const sizeOf = (entry: LogEntry): number => entry._tag === "Line" ? entry.text.length + 64 : 64
