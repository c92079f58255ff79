/**
 * What a child writes, made harmless for the terminal of whoever reads it: else a log line could move the cursor, rename
 * the window, hide what comes next or answer questions in the reader's name.
 *
 * Floor 4.
 */

import { visible, withoutControls } from "../../control/internal/controls.ts"

/** Colours and other looks: they are left out without a trace. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const looks = /\x1b\[[\d;:]*m/g

/** One line, with looks left out and everything else that a terminal would act on made visible: ESC as ␛. */
export const neutralise = (line: string): string => {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line
  return withoutControls(text.replace(looks, "")).replaceAll("\n", visible)
}

/** As `neutralise`, for text of several lines. */
export const neutraliseAll = (text: string): string => text.split("\n").map(neutralise).join("\n")
