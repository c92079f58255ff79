/** A stream of server-sent events that is opened again when it breaks, later each time, and that says so. */

export type FeedStatus =
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Live" }
  /** It is tried again at `until`. */
  | { readonly _tag: "Waiting"; readonly until: number; readonly why: string }
  /** Nothing helps but another session. */
  | { readonly _tag: "Refused"; readonly why: string }
  /** Nobody looks at the page. */
  | { readonly _tag: "Resting" }

export interface Feed {
  readonly retryNow: () => void
  readonly rest: () => void
  readonly close: () => void
}

/** How long the nth try waits, in milliseconds: doubling from half a second to ten. */
export const delayOf = (attempt: number): number => Math.min(10_000, 500 * 2 ** Math.min(attempt, 10))

/** Parses what the server says; an absent value may come as null. */
export const parse = <A>(text: string): A =>
  JSON.parse(text, text.includes(":null") ? (_, value) => value ?? undefined : undefined) as A

export const open = (options: {
  readonly url: string
  readonly on: Readonly<Record<string, (data: never) => void>>
  readonly onStatus: (status: FeedStatus) => void
}): Feed => {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempt = 0

  const stop = (): void => {
    clearTimeout(timer)
    source?.close()
    source = undefined
  }

  const connect = (): void => {
    stop()
    options.onStatus({ _tag: "Connecting" })
    const mine = source = new EventSource(options.url)
    for (const [name, hear] of Object.entries(options.on)) {
      mine.addEventListener(name, ({ data }: MessageEvent<string>) => {
        if (source === mine) hear(parse(data) as never)
      })
    }
    mine.addEventListener("open", () => {
      if (source !== mine) return
      attempt = 0
      options.onStatus({ _tag: "Live" })
    })
    mine.addEventListener("error", () => {
      if (source !== mine) return
      stop()
      void whyNot().then((why) => source === undefined ? again(why) : undefined)
    })
  }

  const again = (why: Problem): void => {
    if (why.isFinal) return options.onStatus({ _tag: "Refused", why: why.text })
    const delay = delayOf(attempt++)
    options.onStatus({ _tag: "Waiting", until: Date.now() + delay, why: why.text })
    timer = setTimeout(connect, delay)
  }

  connect()
  return {
    retryNow: connect,
    rest: () => {
      stop()
      options.onStatus({ _tag: "Resting" })
    },
    close: stop
  }
}

interface Problem {
  readonly isFinal: boolean
  readonly text: string
}

/** An event source does not tell why it broke: another request does. */
const whyNot = async (): Promise<Problem> => {
  try {
    const response = await fetch("/api/server", { headers: { accept: "application/json" } })
    if (response.status === 401 || response.status === 403) {
      return { isFinal: true, text: "This page's session is over. Open the address that the supervisor prints." }
    }
    return { isFinal: false, text: response.ok ? "The connection broke." : `The server answers ${response.status}.` }
  } catch {
    return { isFinal: false, text: "The supervisor does not answer." }
  }
}
