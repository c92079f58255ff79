/**
 * The index beside each log file: records of 32 bytes, little-endian, one per chunk of output and one per event of a run.
 *
 *     at  0  u8   kind
 *         1  u8   flags
 *         2  u16  check, over all other bytes
 *         4  u32  run (in a header: the last run there was)
 *         8  f64  time, ms since the epoch
 *        16  u32  length, in bytes of the log; 0 unless the record is of output
 *        20  i32  line ends in it | pid | exit code
 *        24  [8]  signal, without its "SIG"
 *
 * A header, which is the first record of every index, has at 16 and 24 how many bytes and lines (f64) were stored before
 * this file, so that a reader that was overtaken by rotation knows how much it missed.
 *
 * Floor 3.
 */

/** What a record is about. */
export const Kind = {
  header: 1,
  /** Output that ends with a line end. */
  lines: 2,
  /** Part of a line, without a line end. */
  piece: 3,
  runStart: 4,
  runEnd: 5
} as const

/** The bits of a record's flags; the lowest two are the stream. */
export const Flag = {
  /** The first bytes go on with a line that an earlier piece began. */
  continues: 4,
  /** The output ended without a line end: the one in the file was added. */
  endless: 8,
  /** A run start that is repeated at the head of a file, because the run went on. */
  repeated: 16,
  hasValue: 32,
  /** A run end that was found out later: the store was not closed while the run went on. */
  presumed: 64
} as const

/** The streams as they are numbered in records; those of bytes that no record speaks of are unknown. */
export const streams = ["unknown", "stdout", "stderr"] as const

export type StreamName = (typeof streams)[number]

export const streamNumber = (stream: StreamName): number => streams.indexOf(stream)

export interface LogRecord {
  readonly kind: number
  readonly flags: number
  readonly run: number
  readonly time: number
  readonly length: number
  readonly value: number
  readonly signal: string
}

export const recordSize = 32

export const isOutput = (record: LogRecord): boolean => record.kind === Kind.lines || record.kind === Kind.piece

export const streamOf = (record: LogRecord): StreamName => streams[record.flags & 3] ?? "unknown"

/** One number per run and stream: lines are continued within it only. */
export const keyOf = (record: LogRecord): number => record.run * 4 + (record.flags & 3)

const seed = 0x4c53

/** Told apart from zeros, from a torn write, and from bytes that are no record at all. */
const checkOf = (view: DataView, at: number): number => {
  let sum = seed
  for (let i = 0; i < recordSize; i += 2) {
    if (i !== 2) sum = (Math.imul(sum, 31) + view.getUint16(at + i, true)) & 0xffff
  }
  return sum
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const encode = (view: DataView, at: number, record: LogRecord): void => {
  view.setUint8(at, record.kind)
  view.setUint8(at + 1, record.flags)
  view.setUint32(at + 4, record.run, true)
  view.setFloat64(at + 8, record.time, true)
  view.setUint32(at + 16, record.length, true)
  view.setInt32(at + 20, record.value, true)
  for (let i = 0; i < 8; i++) view.setUint8(at + 24 + i, record.signal.charCodeAt(i) & 0x7f)
  view.setUint16(at + 2, checkOf(view, at), true)
}

/** The records, after a header if this is the beginning of an index. */
export const encodeAll = (records: ReadonlyArray<LogRecord>, header?: Header): Uint8Array => {
  const first = header === undefined ? 0 : 1
  const bytes = new Uint8Array((first + records.length) * recordSize)
  const view = viewOf(bytes)
  if (header !== undefined) encodeHeader(view, header)
  for (const [index, record] of records.entries()) encode(view, (first + index) * recordSize, record)
  return bytes
}

/** The record there, or undefined if these bytes are none. */
export const decode = (view: DataView, at: number): LogRecord | undefined => {
  const kind = view.getUint8(at)
  if (kind < Kind.header || kind > Kind.runEnd || view.getUint16(at + 2, true) !== checkOf(view, at)) return undefined
  return {
    kind,
    flags: view.getUint8(at + 1),
    run: view.getUint32(at + 4, true),
    time: view.getFloat64(at + 8, true),
    length: kind === Kind.lines || kind === Kind.piece ? view.getUint32(at + 16, true) : 0,
    value: view.getInt32(at + 20, true),
    signal: kind === Kind.runEnd ? signalAt(view, at + 24) : ""
  }
}

const signalAt = (view: DataView, at: number): string => {
  let signal = ""
  for (let i = 0; i < 8; i++) {
    const code = view.getUint8(at + i)
    if (code !== 0) signal += String.fromCharCode(code)
  }
  return signal
}

/** What the head of an index says. */
export interface Header {
  readonly lastRun: number
  readonly time: number
  /** Bytes and lines stored before this file. */
  readonly bytes: number
  readonly lines: number
}

const version = 1

const encodeHeader = (view: DataView, header: Header): void => {
  view.setUint8(0, Kind.header)
  view.setUint8(1, version)
  view.setUint32(4, header.lastRun, true)
  view.setFloat64(8, header.time, true)
  view.setFloat64(16, header.bytes, true)
  view.setFloat64(24, header.lines, true)
  view.setUint16(2, checkOf(view, 0), true)
}

/** The header at the start of an index, or undefined if there is none that this version understands. */
export const decodeHeader = (view: DataView): Header | undefined =>
  view.byteLength < recordSize || view.getUint8(0) !== Kind.header || view.getUint8(1) !== version
    || view.getUint16(2, true) !== checkOf(view, 0)
    ? undefined
    : {
      lastRun: view.getUint32(4, true),
      time: view.getFloat64(8, true),
      bytes: view.getFloat64(16, true),
      lines: view.getFloat64(24, true)
    }
