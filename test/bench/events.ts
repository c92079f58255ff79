/**
 * What events cost to start and stop children: nobody ever read them ("ours"), somebody did and went away, somebody does.
 * The first two must not differ; the last says what is saved.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Supervisor } from "../../src/index.ts"
import { atMostTimes, collect, compare, figure, micros, type Scenario } from "./harness.ts"
import { idle, inScope, startOurs } from "./subjects.ts"

type Reader = (handle: Supervisor.Handle) => Effect.Effect<unknown>

const present: Reader = (handle) => Effect.andThen(Effect.forkChild(Stream.runDrain(handle.events)), Effect.yieldNow)

const gone: Reader = (handle) =>
  Effect.gen(function*() {
    const reader = yield* Effect.forkChild(Stream.runDrain(handle.events))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(reader)
  })

export const events: Scenario = {
  name: "events",
  run: Effect.fnUntraced(function*(settings) {
    const n = settings.siblings
    const children = idle(n)
    const measure = (reader: Reader) =>
      inScope((scope) =>
        Effect.gen(function*() {
          const handle = yield* startOurs<never>([], scope, { keepAlive: true })
          yield* reader(handle)
          yield* collect
          const added = yield* micros(Effect.gen(function*() {
            for (const child of children) yield* handle.add(child)
          }))
          const stopped = yield* micros(handle.shutdown)
          return { add: added / n, stop: stopped / n }
        })
      )
    const compared = yield* compare(settings, {
      ours: measure(() => Effect.void),
      "reader gone": measure(gone),
      "with reader": measure(present)
    })
    // Free within noise: what nobody reads costs no more than a tenth over itself.
    const bounds = [atMostTimes(1.1, "reader gone")]
    return [
      figure("add without a reader, per child", n, "us", compared, "add", bounds),
      figure("stop without a reader, per child", n, "us", compared, "stop", bounds)
    ]
  })
}
