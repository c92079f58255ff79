/**
 * The lines of many children in one stream, each telling whose it is.
 *
 * Floor 4.
 */
import type { LogStream } from "../../process/LogStore.ts"
import { neutralise } from "./escapes.ts"
import type { Style } from "./style.ts"
import { fit, width as widthOf } from "./width.ts"

/** No prefix is wider, whatever a child is called. */
const widest = 24

/** Options of `Prefixer`. */
export interface PrefixOptions {
  readonly style: Style
  /** Lines are shown as they are, whatever is in them. */
  readonly raw: boolean
  readonly time?: boolean | undefined
}

/** What is shown of a line. */
export interface Shown {
  readonly path: string
  readonly stream: LogStream
  readonly text: string
}

/** Gives each child its colour, in the order in which they come, and all the same width. */
export class Prefixer {
  private readonly options: PrefixOptions
  private readonly colours = new Map<string, number>()
  private width = 0

  constructor(options: PrefixOptions, names: ReadonlyArray<string> = []) {
    this.options = options
    for (const name of names) this.learn(name)
  }

  /** What its lines begin with; the bar tells the stream: "|" is stdout and "!" is stderr. */
  prefix(path: string, stream: LogStream): string {
    const { style } = this.options
    this.learn(path)
    const padded = fit(path, this.width)
    const bar = stream === "stderr" ? style.red("!") : style.dim("|")
    return `${style.child(this.colours.get(path)!)(padded)} ${bar} `
  }

  line({ path, stream, text }: Shown): string {
    return `${this.prefix(path, stream)}${this.options.raw ? text : neutralise(text)}`
  }

  /** A line of the supervisor's own. */
  own(name: string, text: string): string {
    const { style } = this.options
    this.width = Math.max(this.width, Math.min(widest, widthOf(name)))
    return style.dim(`${fit(name, this.width)} · `) + text
  }

  /** Has a child take its colour and its place, before its first line. */
  learn(path: string): void {
    if (this.colours.has(path)) return
    this.colours.set(path, this.colours.size)
    this.width = Math.max(this.width, Math.min(widest, widthOf(path)))
  }
}
