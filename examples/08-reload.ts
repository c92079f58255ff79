/**
 * Reload: SIGHUP without a restart. A reload reaches the whole subtree in parallel, and whoever asked learns what each
 * child did about it.
 *
 * Observe: three ways to hear it: the option `onReload`, a handler from within that sees the child's own state, and a
 * turn of the work loop. The report names who handled it, who has no handler, and whose handler failed.
 */
import { Console, Effect, Ref } from "effect"
import { Control, ProcessManager, Runnable } from "effect-supervisor"

const cache = Runnable.make("cache", Effect.never, { onReload: Console.log("cache: emptied") })

const server = Runnable.make(
  "server",
  Effect.gen(function*() {
    const version = yield* Ref.make(1)
    yield* Control.onReload(Effect.gen(function*() {
      yield* Console.log(`server: settings, version ${yield* Ref.updateAndGet(version, (n) => n + 1)}`)
    }))
    return yield* Effect.never
  })
)

const poller = Runnable.make(
  "poller",
  Effect.gen(function*() {
    while (true) {
      const tick = yield* Control.tick(Effect.sleep("1 second"))
      if (tick._tag === "Shutdown") return
      if (tick._tag === "Reload") yield* Console.log("poller: begins a new round")
    }
  })
)

const certificates = Runnable.make("certificates", Effect.never, { onReload: Effect.fail("certificate has expired") })

const app = ProcessManager.make("app", [
  Runnable.idle(),
  ProcessManager.make("web", [cache, server, certificates]),
  poller
])

const main = Effect.gen(function*() {
  const handle = yield* ProcessManager.start(app)
  const report = yield* handle.reload
  yield* Console.log(`handled: ${report.handled.toSorted().join(", ")}`)
  yield* Console.log(`ignored: ${report.ignored.join(", ")}`)
  for (const { path, cause } of report.failed) yield* Console.log(`failed:  ${path} (${cause.message})`)
})

Effect.runPromise(Effect.scoped(main))
