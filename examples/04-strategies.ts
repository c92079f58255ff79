/**
 * Strategies: who else is restarted when one child is.
 *
 * Observe: "b" breaks once. Alone ("one-for-one"), with everyone ("one-for-all"), or with those started after it
 * ("rest-for-one"). Whoever is taken along is stopped in reverse order and started in order; the last "-" are the end
 * of the manager.
 */
import { Console, Effect, References, Schedule } from "effect"
import { ProcessManager, Runnable, type Strategy } from "effect-supervisor"

const demonstrate = Effect.fnUntraced(function*(strategy: Strategy.Strategy) {
  const log: Array<string> = []
  let breaks = 1

  const child = (name: string, work: Effect.Effect<void, string>) =>
    Runnable.make(
      name,
      Effect.acquireRelease(
        Effect.sync(() => log.push(`+${name}`)),
        () => Effect.sync(() => log.push(`-${name}`))
      ).pipe(Effect.andThen(work)),
      { restart: Schedule.spaced("10 millis") }
    )

  const breaksOnce = Effect.suspend(() =>
    breaks-- > 0 ? Effect.andThen(Effect.sleep("20 millis"), Effect.fail("broken")) : Effect.never
  )

  const manager = ProcessManager.make("app", [
    child("a", Effect.never),
    child("b", breaksOnce),
    child("c", Effect.never)
  ], { strategy })

  yield* Effect.scoped(Effect.andThen(ProcessManager.start(manager), Effect.sleep("200 millis")))
  yield* Console.log(`${strategy.padEnd(13)} ${log.join(" ")}`)
})

const main = Effect.forEach(["one-for-one", "one-for-all", "rest-for-one"] as const, demonstrate)

Effect.runPromise(Effect.provideService(main, References.MinimumLogLevel, "None"))
