/**
 * What waits to be written: records in their order, and the bytes of those that are of output.
 *
 * The bytes are copied when they come, so that whoever brings them may use their memory again at once, into blocks that
 * are used again and again as well: new memory for each chunk costs more than the writing, in garbage collections that
 * memory outside of the heap brings about. What was copied lies as it is to be written.
 *
 * Floor 3.
 */
import type { LogRecord } from "./logRecord.ts"

/** One record to be written, and for output where its bytes are. */
export interface Item extends LogRecord {
  length: number
  value: number
  readonly block: Block | undefined
  readonly from: number
}

interface Block {
  readonly bytes: Uint8Array
  used: number
  /** How many items have bytes in it. */
  items: number
}

/** Records that are written together, and their bytes. */
export interface Batch {
  readonly items: ReadonlyArray<Item>
  readonly bytes: Uint8Array
}

/** A few lines are not worth a large block. One of those takes every record there is. */
const smallBlock = 4 * 1024
export const largeBlock: number = 512 * 1024

/** Large blocks that nobody uses, for all stores. */
const spare: Array<Uint8Array> = []
const mostSpare = 4

const nothing = new Uint8Array(0)

export class LogQueue {
  /** How many bytes wait. */
  bytes = 0
  private readonly items: Array<Item> = []
  private inFlight = 0
  private last: Block | undefined = undefined

  get isEmpty(): boolean {
    return this.items.length === 0
  }

  get head(): Item | undefined {
    return this.items[0]
  }

  /** Takes a record and the parts of its bytes. */
  push(record: LogRecord, parts: ReadonlyArray<Uint8Array>): void {
    const block = record.length === 0 ? undefined : this.blockFor(record.length)
    this.items.push({ ...record, block, from: block?.used ?? 0 })
    if (block === undefined) return
    block.items++
    this.copy(block, parts)
  }

  /** The item that was queued last, while so many bytes can still be added to it. */
  open(length: number): Item | undefined {
    const item = this.items.length > this.inFlight ? this.items.at(-1) : undefined
    return item?.block !== undefined && hasRoom(item.block, length) ? item : undefined
  }

  /** Adds to that. */
  grow(item: Item, parts: ReadonlyArray<Uint8Array>, length: number, lines: number): void {
    item.length += length
    item.value += lines
    this.copy(item.block!, parts)
  }

  /** What is to be written next: as much as fits, and lies in one place. It stays until `done`. */
  next(fits: (bytes: number, records: number) => boolean): Batch {
    let count = 0
    let length = 0
    let first: Item | undefined
    for (const item of this.items) {
      if (count > 0 && !fits(length + item.length, count + 1)) break
      if (first !== undefined && item.block !== undefined && item.block !== first.block) break
      if (item.block !== undefined) first ??= item
      length += item.length
      count++
    }
    this.inFlight = count
    return {
      items: this.items.slice(0, count),
      bytes: first === undefined ? nothing : first.block!.bytes.subarray(first.from, first.from + length)
    }
  }

  /** What was next is written. */
  done(): void {
    this.drop(this.inFlight)
  }

  clear(): void {
    this.drop(this.items.length)
  }

  private drop(count: number): void {
    for (const { block, length } of this.items.splice(0, count)) {
      this.bytes -= length
      if (block !== undefined && --block.items === 0) this.free(block)
    }
    this.inFlight = 0
  }

  private blockFor(length: number): Block {
    if (this.last !== undefined && hasRoom(this.last, length)) return this.last
    const isSmall = this.last === undefined && length <= smallBlock
    const bytes = isSmall ? new Uint8Array(smallBlock) : spare.pop() ?? new Uint8Array(largeBlock)
    return this.last = { bytes, used: 0, items: 0 }
  }

  private copy(block: Block, parts: ReadonlyArray<Uint8Array>): void {
    for (const part of parts) {
      block.bytes.set(part, block.used)
      block.used += part.length
      this.bytes += part.length
    }
  }

  private free(block: Block): void {
    if (this.last === block) this.last = undefined
    if (block.bytes.length === largeBlock && spare.length < mostSpare) spare.push(block.bytes)
  }
}

const hasRoom = ({ bytes, used }: Block, length: number): boolean => used + length <= bytes.length
