/**
 * Graceful drain: who listens for the stop gets its grace to finish what is in flight.
 *
 * Observe: both workers are asked to stop in the middle of a job. "quick" finishes it within its grace and takes no
 * other. "slow" cannot: its grace is over first, so it is interrupted, and its job is put back by `onInterrupt`.
 */
import { Console, Effect } from "effect"
import { Control, ProcessManager, Runnable } from "effect-supervisor"

let job = 0
const takeJob = Effect.sync(() => ++job)

const worker = (name: string, millis: number) =>
  Runnable.make(
    name,
    Effect.gen(function*() {
      while (true) {
        const next = yield* Control.tick(takeJob)
        if (next._tag === "Shutdown") return yield* Console.log(`${name}: asked to stop, nothing in flight`)
        if (next._tag !== "Next") continue
        yield* Console.log(`${name}: begins job ${next.value}`)
        yield* Effect.sleep(millis).pipe(
          Effect.onInterrupt(() => Console.log(`${name}: puts job ${next.value} back`))
        )
        yield* Console.log(`${name}: has done job ${next.value}`)
      }
    }),
    { grace: "300 millis" }
  )

const app = ProcessManager.make("app", [worker("slow", 1000), worker("quick", 200)])

const main = Effect.gen(function*() {
  const handle = yield* ProcessManager.start(app)
  yield* Effect.sleep("100 millis")
  yield* Console.log("shutdown")
  yield* handle.shutdown
  yield* Console.log("all stopped")
})

Effect.runPromise(Effect.scoped(main))
