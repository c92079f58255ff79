/**
 * A custom policy by typed error: the schedule sees the `Exit` of the run that ended, and so the error in it.
 *
 * Observe: `RateLimited` is tried again after as long as the server said, anything else at 10 ms, and `BadRequest` never:
 * `while` refuses it. `simulate` prints the policy's timeline without running anything; then the same policy runs.
 */
import { Cause, Console, Data, type Duration, Effect, Exit, Option, References, Schedule } from "effect"
import { ProcessManager, RestartPolicy, Runnable } from "effect-supervisor"

class RateLimited extends Data.TaggedError("RateLimited")<{ readonly retryAfter: Duration.Input }> {}
class Unavailable extends Data.TaggedError("Unavailable")<{}> {}
class BadRequest extends Data.TaggedError("BadRequest")<{ readonly reason: string }> {}
type ApiError = RateLimited | Unavailable | BadRequest

const errorOf = <E>(exit: Exit.Exit<unknown, E>) =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined

const asTheServerSays = Schedule.spaced("10 millis").pipe(
  Schedule.setInputType<Exit.Exit<unknown, ApiError>>(),
  Schedule.modifyDelay(({ duration, input }) => {
    const error = errorOf(input)
    return Effect.succeed(error?._tag === "RateLimited" ? error.retryAfter : duration)
  })
)

const policy = RestartPolicy.onFailure(asTheServerSays, { while: (exit) => errorOf(exit)?._tag !== "BadRequest" })

const failures: ReadonlyArray<ApiError> = [
  new RateLimited({ retryAfter: "300 millis" }),
  new Unavailable(),
  new BadRequest({ reason: "no such field" })
]

let run = 0
const client = Runnable.make("client", Effect.suspend(() => Effect.fail(failures[run++]!)), { restart: policy })

const main = Effect.gen(function*() {
  for (const { decision, exit } of yield* RestartPolicy.simulate(policy, failures.map((error) => Exit.fail(error)))) {
    const what = decision._tag === "Restart" ? `restart in ${decision.delayMillis} ms` : decision._tag
    yield* Console.log(`${errorOf(exit)?._tag}: ${what}`)
  }
  yield* ProcessManager.make("app", [client]).pipe(
    Effect.catchTag("BadRequest", (error) => Console.log(`the client gave up in run ${run}: ${error.reason}`))
  )
})

Effect.runPromise(main.pipe(Effect.provideService(References.MinimumLogLevel, "None")))
