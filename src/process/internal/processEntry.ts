/**
 * One process as the operating system describes it: a line of /proc/<pid>/stat, or of `ps`.
 *
 * Floor 3. Sources: proc(5), ps(1).
 */
import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs"
import { endianness } from "node:os"

/** A live process. */
export interface ProcessEntry {
  readonly pid: number
  readonly ppid: number
  readonly pgid: number
  /** The state as the system writes it, its first letter being that of proc(5) or ps(1): "R", "S", "D", "T" ... */
  readonly state: string
  /** The name of its program, as short as the system keeps it (15 bytes on Linux). */
  readonly command: string
  /** When it started: milliseconds, since boot on Linux and since 1970 elsewhere, in steps of 10 ms and of 1 s. */
  readonly startTime: number
  /** Memory that is resident, bytes shared with others included. */
  readonly rssBytes: number
  /** CPU time that it used itself, user and system, in milliseconds. That of the children it waited for is not in it. */
  readonly cpuMillis: number
}

// ------------------------------------------------------------------------------------------------------------- Linux

const littleEndian = endianness() === "LE"

/**
 * The size of a page and the ticks per second, as the kernel tells every process when it starts it (getauxval(3)):
 * `getconf` would be two more processes.
 */
const readUnits = (): { readonly pageBytes: number; readonly tickMillis: number } => {
  const units = { pageBytes: 4096, tickMillis: 10 }
  if (!existsSync("/proc/self/auxv")) return units
  const vector = readFileSync("/proc/self/auxv")
  const word = process.arch === "arm" || process.arch === "ia32" || process.arch === "mipsel" ? 4 : 8
  // Every value asked for fits into its low 32 bits.
  const at = (offset: number) => littleEndian ? vector.readUInt32LE(offset) : vector.readUInt32BE(offset + word - 4)
  for (let offset = 0; offset + 2 * word <= vector.length; offset += 2 * word) {
    const value = at(offset + word)
    if (at(offset) === 6 && value > 0) units.pageBytes = value
    if (at(offset) === 17 && value > 0) units.tickMillis = 1000 / value
  }
  return units
}

let units: ReturnType<typeof readUnits> | undefined

/** The fields behind the name, from the state on: the name may hold spaces and parentheses itself. */
export const fieldsOf = (stat: string): ReadonlyArray<string> => stat.slice(stat.lastIndexOf(")") + 2).split(" ")

/**
 * A line of /proc/<pid>/stat. `undefined` for a process that is dead: a zombie, unless only its first thread has ended.
 */
export const parseStat = (stat: string): ProcessEntry | undefined => {
  const fields = fieldsOf(stat)
  const state = fields[0]!
  if ((state === "Z" || state === "X" || state === "x") && !(Number(fields[17]) > 1)) return undefined
  units ??= readUnits()
  return {
    pid: Number.parseInt(stat, 10),
    ppid: Number(fields[1]),
    pgid: Number(fields[2]),
    state,
    command: stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")),
    startTime: Number(fields[19]) * units.tickMillis,
    rssBytes: Number(fields[21]) * units.pageBytes,
    cpuMillis: (Number(fields[11]) + Number(fields[12])) * units.tickMillis
  }
}

const buffer = Buffer.allocUnsafe(4096)

/**
 * That a process is gone is no news here, so no Effect and no error is made of it: this runs for every process. Anything
 * else, such as no descriptor being left, is thrown: it must not be taken for that.
 */
export const readStat = (pid: number | string): string | undefined => {
  let fd: number | undefined
  try {
    fd = openSync(`/proc/${pid}/stat`, "r")
    return buffer.toString("utf8", 0, readSync(fd, buffer, 0, buffer.length, 0))
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined
    if (code === "ENOENT" || code === "ESRCH") return undefined
    throw error
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

export const readEntry = (pid: number): ProcessEntry | undefined => {
  const stat = readStat(pid)
  return stat === undefined ? undefined : parseStat(stat)
}

// --------------------------------------------------------------------------------------------------- macOS and others

/** One option for each: to the `ps` of BSD all behind the first "=" would be a heading. */
export const psColumns: ReadonlyArray<string> = ["pid", "ppid", "pgid", "stat", "rss", "time", "lstart", "comm"]
  .flatMap((name) => ["-o", `${name}=`])

const psLine =
  /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+(?:(\d+)-)?([\d:.]+)\s+(\S+ +\S+ +\d+ +[\d:]+ +\d+)\s+(.*?)\s*$/

/** A line of `ps` with those columns, in the C locale. `undefined` for a zombie, or what is no such line. */
export const parsePs = (line: string): ProcessEntry | undefined => {
  const match = psLine.exec(line)
  if (match === null || match[4]!.startsWith("Z")) return undefined
  const seconds = match[7]!.split(":").reduce((total, part) => total * 60 + Number(part), 0)
  return {
    pid: Number(match[1]),
    ppid: Number(match[2]),
    pgid: Number(match[3]),
    state: match[4]!,
    command: match[9]!,
    startTime: Date.parse(match[8]!),
    rssBytes: Number(match[5]) * 1024,
    cpuMillis: Math.round((Number(match[6] ?? 0) * 86_400 + seconds) * 1000)
  }
}
