import { type StateTag as Tag, type Tone, toneOf, wordOf } from "./words.ts"

/** Every state has a shape of its own: colour is not all that tells them apart. */
const shapes: Readonly<Record<Tag, string>> = {
  Pending: "M6 2.2a3.8 3.8 0 1 0 0 7.6a3.8 3.8 0 1 0 0-7.6z",
  Starting: "M6 2.2a3.8 3.8 0 1 0 0 7.6a3.8 3.8 0 1 0 0-7.6z M6 2.2a3.8 3.8 0 0 1 0 7.6z",
  Running: "M6 2a4 4 0 1 0 0 8a4 4 0 1 0 0-8z",
  Backoff: "M6 1.8 10.6 10H1.4z",
  Stopping: "M2.4 2.4h7.2v7.2H2.4z M2.4 6h7.2v3.6H2.4z",
  Stopped: "M2.6 2.6h6.8v6.8H2.6z",
  Held: "M3 2.2h2.1v7.6H3z M6.9 2.2H9v7.6H6.9z",
  Completed: "M2.2 6.4 4.9 9 9.8 3.2",
  GaveUp: "M2.6 2.6l6.8 6.8M9.4 2.6 2.6 9.4",
  Abandoned: "M6 1.4 10.6 6 6 10.6 1.4 6z",
  Failed: "M2.6 2.6l6.8 6.8M9.4 2.6 2.6 9.4"
}

const hollow: ReadonlySet<Tag> = new Set<Tag>(["Pending", "Stopped", "Starting", "Stopping"])
const lines: ReadonlySet<Tag> = new Set<Tag>(["Completed", "GaveUp", "Failed"])

const fillOf = (tag: Tag): string => lines.has(tag) ? "line" : hollow.has(tag) ? "hollow" : "solid"

export const Mark = ({ tag }: { readonly tag: Tag }) => {
  const [outline, ...filled] = shapes[tag].split(" M").map((path, index) => index === 0 ? path : `M${path}`)
  return (
    <svg class={`mark ${toneOf(tag)} ${fillOf(tag)}`} viewBox="0 0 12 12" aria-hidden="true">
      <path d={outline} />
      {filled.map((path) => <path key={path} class="part" d={path} />)}
    </svg>
  )
}

export const StateWord = ({ tag }: { readonly tag: Tag }) => <Said word={wordOf(tag)} tone={toneOf(tag)} mark={tag} />

/** A state in other words than its own. */
export const Said = ({ mark, tone, word }: { readonly word: string; readonly tone: Tone; readonly mark: Tag }) => (
  <span class={`state ${tone}`}>
    <Mark tag={mark} />
    {word}
  </span>
)
