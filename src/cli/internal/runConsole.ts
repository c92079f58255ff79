/**
 * Watches a run: finds new output, keeps the line at the bottom true, and sees when all is ready and when all has ended.
 *
 * Floor 4.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { blocking } from "../../control/Health.ts"
import { Jobs } from "../../process/Jobs.ts"
import type { ChildSnapshot, Snapshot } from "../../Snapshot.ts"
import type { Handle } from "../../Supervisor.ts"
import type { SupervisorEvent } from "../../SupervisorEvent.ts"
import { starterName } from "../config/Config.ts"
import type { Output } from "./runOutput.ts"
import type { Screen } from "./runScreen.ts"
import { statusText } from "./statusText.ts"
import type { Style } from "./style.ts"
import { isOwn } from "./words.ts"

/** What is watched, and who is told. */
export interface ConsoleOptions {
  readonly root: Handle<unknown>
  readonly output: Output | undefined
  readonly screen: Screen
  readonly style: Style
  /** All have been ready for this long, in milliseconds: what fails at once has never been ready. */
  readonly settleMillis: number
  readonly onReady: (snapshot: Snapshot, children: number) => Effect.Effect<void>
  readonly onEvent: (event: SupervisorEvent) => void
  /** Called with each look at the tree, a moment after something has happened. */
  readonly onLook: (snapshot: Snapshot) => void
  /** With the path of the first that failed, if one has. */
  readonly onAllEnded: (failed: string | undefined) => Effect.Effect<void>
}

/** Many events are one look. */
const lookEvery = "10 millis"
/** The job of a child is there a moment after its start was told. */
const lookAgainAfter = "20 millis"

const usersOf = ({ children }: Snapshot): ReadonlyArray<ChildSnapshot> => children.filter(({ name }) => !isOwn(name))

const isStarting = ({ children }: Snapshot): boolean =>
  children.some(({ name }) => name === starterName || name === "(reloading)")

export const isReady = (snapshot: Snapshot): boolean =>
  !isStarting(snapshot) && blocking(snapshot).every(({ name }) => isOwn(name))

/** Nothing is left that could go on by itself, and nobody has stopped anything that could be started again. */
export const hasEnded = (snapshot: Snapshot): boolean =>
  !isStarting(snapshot) && usersOf(snapshot).every(({ state }) => state._tag === "Completed" || state._tag === "GaveUp")

/** Who gave up first, among those that have. */
const firstFailed = (snapshot: Snapshot): string | undefined =>
  usersOf(snapshot)
    .filter(({ state }) => state._tag === "GaveUp")
    .toSorted((a, b) => (a.history.at(-1)?.endedAt ?? 0) - (b.history.at(-1)?.endedAt ?? 0))[0]?.path

const pidsOf = Effect.gen(function*() {
  const jobs = yield* (yield* Jobs).list
  const pids = new Map<string, number>()
  for (const job of jobs) {
    const state = yield* job.state
    if (state._tag === "Running") pids.set(job.id, state.pid)
  }
  return pids
})

const isComing = ({ state, supervisor }: ChildSnapshot): boolean =>
  supervisor === undefined && (state._tag === "Starting" || state._tag === "Pending")

/** Never ends by itself. */
export const watchConsole: (options: ConsoleOptions) => Effect.Effect<never, never, Jobs> = Effect.fnUntraced(
  function*(options: ConsoleOptions) {
    const { onAllEnded, onEvent, onLook, onReady, output, root, screen, settleMillis, style } = options
    const news = Latch.makeUnsafe(true)
    let readySince: number | "told" | undefined = undefined
    let isOver = false
    yield* root.events.pipe(
      Stream.runForEachArray((events) =>
        Effect.sync(() => {
          for (const event of events) onEvent(event)
          news.openUnsafe()
        })
      ),
      Effect.forkChild({ startImmediately: true })
    )
    const draw = (snapshot: Snapshot) =>
      Effect.gen(function*() {
        const pids = snapshot.state === "Stopping" ? yield* pidsOf : new Map<string, number>()
        screen.show(statusText(snapshot, pids, yield* Clock.currentTimeMillis, screen.width - 1, style))
      })
    const look = Effect.gen(function*() {
      if (output !== undefined) yield* output.look
      const snapshot = yield* root.status
      onLook(snapshot)
      if (screen.showsStatus) yield* draw(snapshot)
      if (readySince !== "told") {
        const now = yield* Clock.currentTimeMillis
        readySince = isReady(snapshot) ? readySince ?? now : undefined
        if (readySince !== undefined && now - readySince >= settleMillis) {
          readySince = "told"
          yield* onReady(snapshot, usersOf(snapshot).length)
        }
      }
      if (!isOver && snapshot.state === "Running" && hasEnded(snapshot)) {
        isOver = true
        yield* onAllEnded(firstFailed(snapshot))
      }
      return typeof readySince === "number" || (output !== undefined && snapshot.children.some(isComing))
    })
    if (screen.showsStatus) {
      yield* Effect.forkChild(
        Effect.forever(Effect.andThen(Effect.sleep("1 second"), Effect.flatMap(root.status, draw)))
      )
    }
    while (true) {
      yield* news.await
      news.closeUnsafe()
      const again = yield* look
      yield* Effect.sleep(again ? lookAgainAfter : lookEvery)
      if (again) news.openUnsafe()
    }
  }
)
