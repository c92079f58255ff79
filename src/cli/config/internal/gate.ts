/**
 * Waits until a child may start, and fails when that cannot be any more.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { ChildSnapshot } from "../../../Snapshot.ts"
import { Supervisor } from "../../../Supervisor.ts"
import { DependencyFailed } from "../ConfigError.ts"
import type { ChildConfig, Dependency } from "../SupervisorConfig.ts"
import { type Board, boardOf, type Unmet } from "./board.ts"

/** How a dependency is: as wanted, on its way, or never to be. */
type Verdict =
  | { readonly _tag: "Met" }
  | { readonly _tag: "Unmet"; readonly now: string }
  | { readonly _tag: "Impossible"; readonly reason: string }

const met: Verdict = { _tag: "Met" }
const unmet = (now: string): Verdict => ({ _tag: "Unmet", now })
const impossible = (reason: string): Verdict => ({ _tag: "Impossible", reason })

/** What is to be known of a child that others need. */
export interface Needed {
  /** It says by itself when it is ready; others are when they have been started. */
  readonly tells: boolean
}

const judge = ({ condition }: Dependency, child: ChildSnapshot, board: Board, needed: Needed): Verdict => {
  const { state } = child
  if (condition === "started" && board.hasStarted(child)) return met
  switch (state._tag) {
    case "Running":
      return condition === "started" || condition === "ready" ? met : unmet("is running")
    case "Completed":
      // One that never says that it is ready was so as soon as it ran, also if it was too quick to be seen.
      return condition === "ready" && needed.tells ? impossible("has ended") : met
    case "GaveUp":
      if (state.cause.tag === "DependencyFailed") return impossible("was not started itself")
      return condition === "completed" ? met : impossible(`has failed: ${state.cause.message}`)
    case "Abandoned":
      return impossible("would not end when it was stopped, and was abandoned")
    case "Pending":
    case "Starting":
      return unmet(board.waiting.has(child.name) ? "waits itself" : "is starting")
    case "Backoff":
      return unmet("waits for its restart")
    case "Stopping":
      return unmet("is being stopped")
    case "Stopped":
      return unmet("is stopped: start it")
    case "Held":
      return unmet("is held: release it")
  }
}

const words: Readonly<Record<Dependency["condition"], string>> = {
  started: "to have been started",
  ready: "to be ready",
  completed: "to have ended",
  succeeded: "to have ended well"
}

type Look = (dependency: Dependency) => Effect.Effect<Verdict>

/** Those that are not met yet, or why they never will be. */
const look = Effect.fnUntraced(function*(child: ChildConfig, see: Look) {
  const open: Array<Unmet> = []
  for (const dependency of child.dependsOn) {
    const verdict = yield* see(dependency)
    switch (verdict._tag) {
      case "Met":
        break
      case "Unmet":
        open.push({ ...dependency, now: verdict.now })
        break
      case "Impossible":
        return yield* new DependencyFailed({
          child: child.name,
          dependency: dependency.child,
          condition: words[dependency.condition],
          reason: verdict.reason
        })
    }
  }
  return open
})

/** Waits for whatever a child needs. It is looked at again before each of its starts. */
export const gate: (
  child: ChildConfig,
  needed: ReadonlyMap<string, Needed>
) => Effect.Effect<void, DependencyFailed, Supervisor> = Effect.fnUntraced(function*(child, needed) {
  if (child.dependsOn.length === 0) return
  const supervisor = yield* Supervisor
  const board = boardOf(supervisor)
  const see: Look = (dependency) =>
    Effect.match(supervisor.child(dependency.child), {
      onFailure: () => impossible("is not there"),
      onSuccess: (snapshot) => judge(dependency, snapshot, board, needed.get(dependency.child) ?? { tells: false })
    })
  const first = yield* look(child, see)
  if (first.length === 0) return
  yield* Effect.scoped(wait(child, board, first, look(child, see)))
})

const wait = Effect.fnUntraced(function*(
  child: ChildConfig,
  board: Board,
  first: ReadonlyArray<Unmet>,
  again: Effect.Effect<ReadonlyArray<Unmet>, DependencyFailed>
) {
  const supervisor = yield* Supervisor
  const news = Latch.makeUnsafe(true)
  const wake = () => {
    news.openUnsafe()
  }
  board.waiting.set(child.name, first)
  yield* Effect.acquireRelease(
    Effect.sync(() => board.listen(wake)),
    (unlisten) =>
      Effect.sync(() => {
        unlisten()
        board.waiting.delete(child.name)
      })
  )
  const names = new Set(child.dependsOn.map((dependency) => dependency.child))
  // The snapshot that comes first is the look at what happened while nobody listened.
  yield* supervisor.changes.pipe(
    Stream.runForEach((event) =>
      "path" in event && "_tag" in event && event._tag !== "EventsLost" && !names.has(event.path)
        ? Effect.void
        : Effect.sync(wake)
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.logDebug(`${child.name} waits for ${first.map(showUnmet).join(", ")}`)
  for (let open = first; open.length > 0;) {
    yield* news.await
    news.closeUnsafe()
    open = yield* again
    board.waiting.set(child.name, open)
  }
})

/** What is waited for, in words, such as "db to be ready (it is starting)". */
export const showUnmet = ({ child, condition, now }: Unmet): string => `${child} ${words[condition]} (it ${now})`
