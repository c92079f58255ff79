/**
 * What a process wrote last: kept in memory, so that its failure can tell it without a look into files.
 */
import { stripVTControlCharacters } from "node:util"
import { copyOf } from "./logBytes.ts"

/** So many lines, and so much of each. */
const lines = 5
const longest = 500
/** So many bytes are kept, in which these are most likely to be found. */
const capacity = 4096

export class LastWords {
  private kept: ReadonlyArray<Uint8Array> = []
  private size = 0

  /** Takes what was read. */
  readonly hear = (chunk: Uint8Array): void => {
    // A copy: a part of a large chunk would keep all of that.
    const last = copyOf(chunk.length > capacity ? chunk.subarray(-capacity) : chunk)
    let excess = this.size + last.length - capacity
    let first = 0
    while (first < this.kept.length && excess >= this.kept[first]!.length) excess -= this.kept[first++]!.length
    this.kept = [...this.kept.slice(first), last]
    this.size = this.kept.reduce((size, { length }) => size + length, 0)
  }

  get lines(): ReadonlyArray<string> {
    if (this.size === 0) return []
    // They go into errors, and with these into terminals.
    const text = stripVTControlCharacters(new TextDecoder().decode(Buffer.concat(this.kept)))
    return text.trimEnd().split("\n").slice(-lines).map((line) => line.trimEnd().slice(0, longest))
  }
}
