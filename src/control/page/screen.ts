/** How much place there is. */
import { type ReadonlySignal, signal } from "@preact/signals"

const matches = (query: string): ReadonlySignal<boolean> => {
  const list = matchMedia(query)
  const found = signal(list.matches)
  list.addEventListener("change", () => {
    found.value = list.matches
  })
  return found
}

/** One column: a phone. */
export const isNarrow: ReadonlySignal<boolean> = matches("(max-width: 719px)")

/** Place for the timeline beside everything else. */
export const isWide: ReadonlySignal<boolean> = matches("(min-width: 1120px)")
