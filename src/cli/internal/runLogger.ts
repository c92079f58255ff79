/**
 * What is logged in the supervisor's own process, as lines among those of the children: by children that are code under
 * their own names, and by the supervisor.
 *
 * Floor 4.
 */
import * as Cause from "effect/Cause"
import * as Logger from "effect/Logger"
import type { LogLevel } from "effect/LogLevel"
import * as Control from "../../Control.ts"
import { inspect } from "node:util"
import { neutralise } from "./escapes.ts"
import type { Prefixer } from "./prefix.ts"
import type { Style } from "./style.ts"
import { isOwn } from "./words.ts"

const textOf = (message: unknown): string =>
  (Array.isArray(message) ? message : [message]).map((part) => typeof part === "string" ? part : inspect(part)).join(
    " "
  )

const paint = (level: LogLevel, { red, yellow }: Style, text: string): string =>
  level === "Error" || level === "Fatal" ? red(text) : level === "Warn" ? yellow(text) : text

/** What is told of a cause: that of a child that failed is in the message, so only bugs are told in full. */
const detailsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<string> =>
  Cause.hasDies(cause) ? Cause.pretty(cause).split("\n") : []

/** What somebody's log says, as lines. */
export interface Sink {
  readonly name: string
  readonly prefixer: Prefixer
  readonly style: Style
  readonly json: boolean
  readonly write: (lines: ReadonlyArray<string>) => void
}

/** The child that says it; what the supervisor says itself comes from none. */
const speaker = ({ path }: Control.Control): string | undefined => path === undefined || isOwn(path) ? undefined : path

export const make = ({ json, name, prefixer, style, write }: Sink): Logger.Logger<unknown, void> =>
  Logger.make(({ cause, date, fiber, logLevel, message }) => {
    const path = speaker(fiber.getRef(Control.Current))
    const texts = [...textOf(message).split("\n"), ...detailsOf(cause)]
    if (json) {
      return write([
        JSON.stringify({ path: path ?? null, time: date.getTime(), level: logLevel, text: texts.join("\n") })
      ])
    }
    write(texts.map((text) => {
      const line = paint(logLevel, style, neutralise(text))
      return path === undefined ? prefixer.own(name, line) : `${prefixer.prefix(path, "stdout")}${line}`
    }))
  })
