/** The log of a job: it follows, until somebody scrolls away from its end. */
import { useSignal } from "@preact/signals"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import { plainText } from "./ansi.ts"
import * as app from "./app.ts"
import { LogLine } from "./LogLine.tsx"
import { LogSession, type StreamChoice, textOf } from "./logSession.ts"
import { inSight, useView } from "./virtual.ts"
import { plural } from "./words.ts"

export const Logs = ({ path }: { readonly path: string }) => {
  const stream = useSignal<StreamChoice>("all")
  const match = useSignal("")
  const session = useSession(path, stream.value, match.value)
  return (
    <div class="logs">
      {session === undefined ? null : (
        <Reader key={path} session={session} path={path}>
          <fieldset class="choice">
            <legend class="hidden">Stream</legend>
            {(["all", "stdout", "stderr"] as const).map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={stream.value === name}
                onClick={() => {
                  stream.value = name
                }}
              >
                {name}
              </button>
            ))}
          </fieldset>
          <input
            id="match"
            type="search"
            placeholder="Filter lines"
            aria-label="Show only lines that contain this"
            onInput={({ currentTarget }) => {
              match.value = currentTarget.value
            }}
          />
        </Reader>
      )}
    </div>
  )
}

/** Opens when somebody stays on a child, not when they pass it by. */
const settleMillis = 180

const useSession = (path: string, stream: StreamChoice, match: string): LogSession | undefined => {
  const [session, setSession] = useState<LogSession | undefined>(undefined)
  const isJob = app.isJob(path)
  useEffect(() => {
    if (!isJob) return setSession(undefined)
    let opened: LogSession | undefined
    const timer = setTimeout(() => setSession(opened = new LogSession(path, stream, match)), settleMillis)
    return () => {
      clearTimeout(timer)
      opened?.close()
    }
  }, [path, stream, match, isJob])
  return session
}

const height = 18

const Reader = ({ children, path, session }: {
  readonly session: LogSession
  readonly path: string
  readonly children: preact.ComponentChildren
}) => {
  const view = useView()
  const find = useSignal("")
  const current = useSignal<number | undefined>(undefined)
  const { buffer } = session
  void session.tick.value
  const dropped = useRef(buffer.dropped)

  // At the end it stays there; further up the same lines stay in sight.
  useLayoutEffect(() => {
    const element = view.ref.current!
    if (!buffer.isPaused) element.scrollTop = element.scrollHeight
    else if (buffer.dropped > dropped.current) element.scrollTop -= (buffer.dropped - dropped.current) * height
    dropped.current = buffer.dropped
  })

  const onScroll = (): void => {
    if (view.ref.current === null) return
    view.onScroll()
    const { clientHeight, scrollHeight, scrollTop } = view.ref.current
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - height
    if (!isAtEnd && !buffer.isPaused && scrollTop < lastTop.current) session.pause()
    else if (isAtEnd && buffer.isPaused && buffer.missed === 0) session.follow()
    lastTop.current = scrollTop
  }
  const lastTop = useRef(0)

  const seek = (step: 1 | -1): void => {
    const index = search(session, find.value.toLowerCase(), current.value, step)
    if (index === undefined) return
    session.pause()
    current.value = buffer.dropped + index
    const element = view.ref.current!
    element.scrollTop = Math.max(0, index * height - element.clientHeight / 2)
  }

  const [from, to] = inSight(view, height, buffer.length)
  const lines = []
  const word = find.value.toLowerCase()
  for (let index = from; index < to; index++) {
    const { entry, id } = buffer.at(index)!
    lines.push(<LogLine key={id} entry={entry} offset={index * height} find={word} isCurrent={id === current.value} />)
  }
  return (
    <>
      <div class="tools">
        {children}
        <span class="find">
          <input
            id="find"
            type="search"
            placeholder="Find"
            aria-label="Find in the log"
            onInput={({ currentTarget }) => {
              find.value = currentTarget.value
              current.value = undefined
            }}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return
              event.preventDefault()
              seek(event.shiftKey ? 1 : -1)
            }}
          />
          <button
            type="button"
            class="plain"
            aria-label="Previous match"
            title="Previous (Enter)"
            onClick={() => seek(-1)}
          >
            ↑
          </button>
          <button
            type="button"
            class="plain"
            aria-label="Next match"
            title="Next (Shift Enter)"
            onClick={() => seek(1)}
          >
            ↓
          </button>
        </span>
        <span class="grow" />
        <Copy session={session} />
        <button
          type="button"
          class="follow"
          aria-pressed={!buffer.isPaused}
          onClick={() => buffer.isPaused ? session.follow() : session.pause()}
        >
          {buffer.isPaused ? "Follow" : "Following"}
        </button>
      </div>
      <div
        class="scroll lines"
        ref={view.ref}
        onScroll={onScroll}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={`Log of ${path}`}
      >
        <div class="space" style={{ height: `${buffer.length * height}px` }}>{lines}</div>
        {buffer.length === 0 ? <p class="empty">{session.problem.value ?? "No lines yet."}</p> : null}
      </div>
      {buffer.isPaused && buffer.unread > 0
        ? (
          <button type="button" class="unread num" onClick={() => session.follow()}>
            {plural(buffer.unread, "new line")}
            {buffer.missed > 0 ? ", too many to keep" : ""} ↓
          </button>
        )
        : null}
    </>
  )
}

/** The next line up or down that has it, from the current one or the end. */
const search = (
  { buffer }: LogSession,
  word: string,
  current: number | undefined,
  step: 1 | -1
): number | undefined => {
  if (word === "" || buffer.length === 0) return undefined
  const count = buffer.length
  const start = current === undefined ? (step === -1 ? count : -1) : current - buffer.dropped
  for (let offset = 1; offset <= count; offset++) {
    const index = (((start + step * offset) % count) + count) % count
    const { entry } = buffer.at(index)!
    if (entry._tag === "Line" && plainText(entry.text).toLowerCase().includes(word)) return index
  }
  return undefined
}

const Copy = ({ session }: { readonly session: LogSession }) => {
  const said = useSignal<string | undefined>(undefined)
  const copy = async (): Promise<void> => {
    const count = session.buffer.length
    try {
      await navigator.clipboard.writeText(textOf(session.buffer))
      said.value = `Copied ${plural(count, "line")}`
    } catch {
      said.value = "Not allowed"
    }
    setTimeout(() => {
      said.value = undefined
    }, 2000)
  }
  return (
    <button type="button" class="copy" title="Copy all lines that are kept here" onClick={() => void copy()}>
      <span aria-live="polite">{said.value ?? "Copy"}</span>
    </button>
  )
}
