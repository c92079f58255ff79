/**
 * Where one message ends and the next begins, without looking into it: bytes in any pieces come in, whole bodies go out.
 *
 * Two ways: lines (a body ends with a line feed) and length-prefixed (four bytes, big-endian, then the body). A body
 * that is too large is given up at once and its bytes are skipped as they come, so that it costs no memory and the one
 * after it is found.
 *
 * Floor 3.
 */

/** A body, or one that has to be given up. `head` is how it begins, for the one who has to find out whose it was. */
export type Frame =
  | { readonly _tag: "Body"; readonly bytes: Uint8Array }
  | { readonly _tag: "TooLarge"; readonly size: number | undefined; readonly head: Uint8Array }
  | { readonly _tag: "Truncated"; readonly size: number; readonly head: Uint8Array }

export interface Deframer {
  /** The bodies that are whole with this piece. They may share its memory. */
  push(piece: Uint8Array): ReadonlyArray<Frame>
  /** Nothing comes any more: what was left unfinished. */
  end(): ReadonlyArray<Frame>
}

/** How much of a bad body is kept to show. */
const headBytes = 120

const lineFeed = 0x0a
const space = 0x20
const prefixBytes = 4

/** Pieces of one body until it is whole: joined once, not per piece. */
class Pieces {
  size = 0
  private list: Array<Uint8Array> = []

  add(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.list.push(piece)
    this.size += piece.length
  }

  take(): Uint8Array {
    const joined = this.list.length === 1 ? this.list[0]! : Buffer.concat(this.list, this.size)
    this.list = []
    this.size = 0
    return joined
  }

  /** As `take`, but only how it begins, in memory of its own: the rest can be forgotten. */
  takeHead(): Uint8Array {
    const head = new Uint8Array(Math.min(this.size, headBytes))
    let at = 0
    for (const piece of this.list) {
      if (at === head.length) break
      const part = piece.subarray(0, head.length - at)
      head.set(part, at)
      at += part.length
    }
    this.list = []
    this.size = 0
    return head
  }
}

const isBlank = (bytes: Uint8Array): boolean => bytes.length < 1024 && bytes.every((byte) => byte <= space)

/** Newline-delimited. Blank lines are nothing, so that `\r\n` and a trailing empty line do no harm. */
class Lines implements Deframer {
  private readonly pending = new Pieces()
  private skipping = false
  private readonly maxBytes: number

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  push(piece: Uint8Array): ReadonlyArray<Frame> {
    const out: Array<Frame> = []
    let from = 0
    for (let to = piece.indexOf(lineFeed); to >= 0; to = piece.indexOf(lineFeed, from)) {
      this.part(piece.subarray(from, to), out)
      this.finish(out)
      from = to + 1
    }
    this.part(piece.subarray(from), out)
    return out
  }

  end(): ReadonlyArray<Frame> {
    const { size } = this.pending
    const rest = this.pending.take()
    if (this.skipping || isBlank(rest)) return []
    this.pending.add(rest)
    return [{ _tag: "Truncated", size, head: this.pending.takeHead() }]
  }

  private part(bytes: Uint8Array, out: Array<Frame>): void {
    if (this.skipping) return
    this.pending.add(bytes)
    // One more for the carriage return that may end the line.
    if (this.pending.size <= this.maxBytes + 1) return
    this.skipping = true
    out.push({ _tag: "TooLarge", size: undefined, head: this.pending.takeHead() })
  }

  private finish(out: Array<Frame>): void {
    if (this.skipping) {
      this.skipping = false
      return
    }
    const line = this.pending.take()
    const bytes = line.at(-1) === 0x0d ? line.subarray(0, -1) : line
    if (bytes.length > this.maxBytes) {
      out.push({ _tag: "TooLarge", size: bytes.length, head: Uint8Array.from(bytes.subarray(0, headBytes)) })
    } else if (!isBlank(bytes)) {
      out.push({ _tag: "Body", bytes })
    }
  }
}

/** Length-prefixed. */
class Lengths implements Deframer {
  private readonly pending = new Pieces()
  /** The length of the body that comes, when its prefix is known. */
  private expected: number | undefined = undefined
  private skip = 0
  private readonly maxBytes: number

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  push(piece: Uint8Array): ReadonlyArray<Frame> {
    const out: Array<Frame> = []
    let at = 0
    while (at < piece.length) {
      if (this.skip > 0) {
        const skipped = Math.min(this.skip, piece.length - at)
        this.skip -= skipped
        at += skipped
        continue
      }
      const wanted = (this.expected ?? prefixBytes) - this.pending.size
      const part = piece.subarray(at, at + wanted)
      this.pending.add(part)
      at += part.length
      if (part.length === wanted) this.whole(out)
    }
    return out
  }

  end(): ReadonlyArray<Frame> {
    const size = this.pending.size
    if (size === 0 && this.expected === undefined) return []
    return [{ _tag: "Truncated", size, head: this.pending.takeHead() }]
  }

  /** What was waited for is there: a prefix or a body. */
  private whole(out: Array<Frame>): void {
    const bytes = this.pending.take()
    if (this.expected !== undefined) {
      this.expected = undefined
      out.push({ _tag: "Body", bytes })
      return
    }
    const size = Buffer.from(bytes.buffer, bytes.byteOffset, prefixBytes).readUInt32BE(0)
    if (size > this.maxBytes) {
      this.skip = size
      out.push({ _tag: "TooLarge", size, head: new Uint8Array(0) })
    } else if (size === 0) {
      out.push({ _tag: "Body", bytes: new Uint8Array(0) })
    } else {
      this.expected = size
    }
  }
}

export const lines = (maxBytes: number): Deframer => new Lines(maxBytes)

export const lengths = (maxBytes: number): Deframer => new Lengths(maxBytes)

/** A body with its length before it. */
export const withLength = (body: Uint8Array): Uint8Array => {
  const frame = Buffer.allocUnsafe(prefixBytes + body.length)
  frame.writeUInt32BE(body.length, 0)
  frame.set(body, prefixBytes)
  return frame
}
