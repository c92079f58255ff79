/**
 * One stay of a child on this node: a child of the node's supervisor, each of whose incarnations takes a token before it
 * does anything. When it comes and when it has to go is for its home to say: the entry, or the key.
 *
 * Floor 5.
 */
import type { ShardId } from "effect/cluster/ShardId"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type { SqlError } from "effect/sql/SqlError"
import * as Runnable from "../../Runnable.ts"
import type { CauseInfo, State } from "../../State.ts"
import type { DuplicateChild, MaxChildrenReached, SupervisorClosed } from "../../SupervisorError.ts"
import * as Fencing from "../Fencing.ts"
import type { Budget, Placed } from "./ledger.ts"
import type { ClusterNode } from "./node.ts"

/** What those that were described together have in common. */
export interface Terms {
  readonly node: ClusterNode
  readonly kind: string
  /** What their work needs, from where they were described. */
  readonly context: Context.Context<never>
  readonly budget: Budget
  readonly escalate: boolean
  readonly group: string
}

/** What is to run in the cluster, as it was described on this node. */
export interface Spec {
  readonly name: string
  readonly runnable: Runnable.Any
  readonly terms: Terms
}

/** How a child has ended for good, here. */
export type Ended =
  | { readonly _tag: "GaveUp"; readonly cause: CauseInfo }
  | { readonly _tag: "Completed" }
  /** It is not to run here: its claim was refused. */
  | { readonly _tag: "Refused" }

/** A description, and who sees to the stays of its child here. */
export interface Home extends Spec {
  /** Whoever it is that has ended: maybe one that is not here any more, or that has ended before. */
  ended(hosted: Hosted, how: Ended): void
}

/** It is the Runnable that is added to the supervisor, too: the described one, with a token for each incarnation. */
export class Hosted implements Placed {
  readonly home: Home
  readonly shardId: ShardId
  readonly attempt: number
  /** That of its latest incarnation; 0 before the first. */
  token = 0
  restarts = 0
  state: State | undefined = undefined
  /** Runs the incarnation. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined

  constructor(home: Home, shardId: ShardId, attempt: number) {
    this.home = home
    this.shardId = shardId
    this.attempt = attempt
    this.node.reporter.hosted.set(this.name, this)
  }

  get _tag(): "Here" {
    return "Here"
  }

  get name(): string {
    return this.home.name
  }

  get kind(): string {
    return this.home.terms.kind
  }

  get node(): ClusterNode {
    return this.home.terms.node
  }

  get settings(): Runnable.Settings {
    return this.home.runnable.settings
  }

  get work(): unknown {
    return this
  }

  /** Made for each incarnation: there are many children, and most begin once. */
  get effect(): Effect.Effect<unknown, unknown, unknown> {
    return incarnation(this)
  }

  /** It is not to be reported any more, unless it has been replaced already. */
  forget(): void {
    const { hosted, stopping } = this.node.reporter
    stopping.delete(this)
    if (hosted.get(this.name) === this) hosted.delete(this.name)
  }

  static {
    Object.setPrototypeOf(this.prototype, Runnable.Proto)
  }
}

/** Until the storage answers. It is stopped by whoever takes the child away. */
export const untilItAnswers = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A> =>
  effect.pipe(
    Effect.sandbox,
    Effect.tapError((cause) => Effect.logDebug("The storage of the cluster does not answer", cause)),
    Effect.retry(Schedule.spaced("250 millis")),
    Effect.orDie
  )

/** The next token, or no end: then it is not to run here. */
const claim: (hosted: Hosted) => Effect.Effect<number> = Effect.fnUntraced(function*(hosted) {
  const { home, node, shardId } = hosted
  // A node that was frozen may believe that it still holds the lock: ask whoever keeps it.
  while (!(yield* node.confirm(shardId))) yield* Effect.sleep("250 millis")
  const answer = yield* untilItAnswers(node.ledger.claim(hosted, home.terms.budget))
  if (answer._tag === "Claimed") return hosted.token = answer.token
  home.ended(hosted, { _tag: "Refused" })
  return yield* Effect.never
})

/** By a fiber of its own: the child's would keep the room that it took, for as long as it runs. */
const claimed = (hosted: Hosted): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const claiming = hosted.node.fork(claim(hosted))
    claiming.addObserver(resume)
    return Fiber.interrupt(claiming)
  })

const incarnation = (hosted: Hosted): Effect.Effect<unknown, unknown, unknown> =>
  Effect.withFiber((fiber) => {
    hosted.fiber = fiber
    return Effect.flatMap(claimed(hosted), (value) => {
      const { home, name, node } = hosted
      // For good, and so without the way back that `provideService` keeps.
      fiber.setContext(Context.add(fiber.context, Fencing.Current, { name, value, node: node.name }))
      return home.runnable.effect
    })
  })

/** Adds the child to the supervisor, which lends it the services that are there where it is added. */
export const bringUp = (
  hosted: Hosted
): Effect.Effect<void, DuplicateChild | MaxChildrenReached | SupervisorClosed> =>
  Effect.updateContext(
    hosted.node.pool.add(hosted as unknown as Runnable.Runnable<never>),
    () => hosted.home.terms.context
  )

const active = new Set<string>(["Pending", "Starting", "Running", "Backoff", "Stopping"] satisfies Array<State["_tag"]>)

/** Waits while the supervisor stops it by itself, since the node is being stopped. */
const untilStopped = (node: ClusterNode, name: string): Effect.Effect<void> =>
  Effect.flatMap(node.pool.child(name), ({ state }) => active.has(state._tag) ? Effect.fail("not yet") : Effect.void)
    .pipe(
      Effect.catchTag("ChildNotFound", () => Effect.void),
      Effect.retry(Schedule.spaced("20 millis")),
      Effect.orDie
    )

/** Stops the child, with its grace, and takes it out of the supervisor. */
export const takeOut = ({ name, terms: { node } }: Spec): Effect.Effect<void> =>
  node.pool.remove(name).pipe(
    Effect.catchTags({
      ChildNotFound: () => Effect.void,
      SupervisorClosed: () => untilStopped(node, name)
    }),
    Effect.asVoid
  )

/** Writes down that the child has stopped here, after all that was before; then the engine may give its lock back. */
export const letGo: (hosted: Hosted) => Effect.Effect<void> = Effect.fnUntraced(function*(hosted) {
  const { name, node: { ledger, reporter }, token } = hosted
  // Its last event is on the way to the reporter.
  yield* Effect.sleep("2 millis")
  yield* Effect.ignore(Effect.timeout(reporter.flush, "1 second"))
  hosted.forget()
  // A storage that is away may be more than a failure. Whoever has the lock next finds the state of before.
  if (token !== 0) yield* Effect.exit(Effect.timeout(ledger.released(name, token), "1 second"))
})
