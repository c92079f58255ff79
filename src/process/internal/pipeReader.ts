/**
 * Reads a pipe of Node without what its streams do with each chunk.
 *
 * All pipes are read into the same memory, which whoever takes it must have used when it returns: memory of its own for
 * each chunk costs more than the reading, in garbage collections. That is an option of Node's sockets, but not of those
 * that it makes for a child process, so its handle is given to a socket of our own. The handle has an underscore in its
 * name; where there is none, there is no `PipeReader`.
 *
 * Floor 3. Sources: Node's documentation of `net.Socket`, its option `onread`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type PlatformError, systemError } from "effect/PlatformError"
import { Socket, type SocketConstructorOpts } from "node:net"
import { copyOf } from "./logBytes.ts"

/** Takes bytes that are only there until it returns. False: no more for now. */
export type Take = (bytes: Uint8Array) => boolean

interface Reader {
  readonly take: Take
  readonly resume: (exit: Exit.Exit<boolean, PlatformError>) => void
}

/** Declared for what is bound only, and taken as it is. */
type Handle = NonNullable<SocketConstructorOpts["handle"]>

const isHandle = (value: unknown): value is Handle =>
  typeof value === "object" && value !== null && "useUserBuffer" in value

/** What all pipes are read into: as much as the kernel holds of one. */
const memory = new Uint8Array(256 * 1024)

/** Of a pipe that nobody has read from yet. One at a time reads it. */
export class PipeReader {
  private readonly socket: Socket
  private reader: Reader | undefined = undefined
  /** What came while there was no reader. */
  private held: Uint8Array | undefined = undefined
  private end: Exit.Exit<boolean, PlatformError> | undefined = undefined

  private constructor(handle: Handle, name: string) {
    this.socket = new Socket({
      handle,
      readable: true,
      onread: { buffer: memory, callback: (length, buffer) => this.onRead(buffer.subarray(0, length)) }
    })
    const close = () => this.endWith(Exit.succeed(true))
    this.socket.once("end", close)
    this.socket.once("close", close)
    this.socket.once("error", (cause) => {
      this.endWith(Exit.fail(systemError({ _tag: "Unknown", module: "ChildProcess", method: name, cause })))
    })
  }

  /** Takes the pipe away from the socket that Node has made, which is closed. `undefined` if that cannot be done. */
  static of(pipe: Socket & { _handle?: unknown }, name: string): PipeReader | undefined {
    const handle = pipe._handle
    if (!isHandle(handle)) return undefined
    pipe._handle = null
    pipe.destroy()
    return new PipeReader(handle, name)
  }

  /** Reads until `take` wants no more, or to the end: then true. */
  read(take: Take): Effect.Effect<boolean, PlatformError> {
    return Effect.callback((resume) => {
      const { held } = this
      this.held = undefined
      if (held !== undefined && !take(held)) return resume(Exit.succeed(false))
      if (this.end !== undefined) return resume(this.end)
      this.reader = { take, resume }
      this.socket.resume()
      return Effect.sync(() => {
        this.reader = undefined
      })
    })
  }

  /** Closes it on this side. */
  close(): void {
    this.socket.destroy()
  }

  /** Whether to go on reading. */
  private onRead(bytes: Uint8Array): boolean {
    if (this.reader === undefined) this.held = copyOf(bytes)
    else if (!this.reader.take(bytes)) this.finish(Exit.succeed(false))
    // Who has had enough may have come back at once.
    return this.reader !== undefined
  }

  private endWith(exit: Exit.Exit<boolean, PlatformError>): void {
    this.end ??= exit
    this.finish(this.end)
  }

  private finish(exit: Exit.Exit<boolean, PlatformError>): void {
    const { reader } = this
    this.reader = undefined
    reader?.resume(exit)
  }
}
