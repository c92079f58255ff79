import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { ProcessManager } from "effect-supervisor"
import { Job, Jobs, NodeJobs, ProcessError } from "effect-supervisor/process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, isAbsolute, join } from "node:path"
import { ran, real, sh, started, stdoutOf, until } from "../fixtures/process/job-support.ts"
import { removeFolder } from "../fixtures/removeFolder.ts"

const inPlace = <A, E>(directory: string | undefined, effect: Effect.Effect<A, E, Jobs | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Layer.fresh(NodeJobs.layer({ directory }))))

const web = (logs: Job.LogOptions | false) => [Job.runnable("web", sh("echo up; exec sleep 600"), { logs })]
/** A temporary place, as another program has left it. */
const placeOf = (owner: string) => {
  const directory = mkdtempSync(join(tmpdir(), "effect-supervisor-"))
  mkdirSync(join(directory, "web"))
  writeFileSync(join(directory, "owner"), owner)
  return directory
}

const refusal = Effect.flip(Job.make("job", sh("true")))

describe("Jobs: whose place it is", () => {
  real("a place belongs to one at a time", ({ file }) =>
    inPlace(
      file("kept"),
      Effect.gen(function*() {
        yield* Job.make("a", sh("true"))
        const error = yield* inPlace(file("kept"), refusal)
        assert.instanceOf(error, ProcessError.WorkspaceFailed)
        assert.include(error.message, "is in use by other jobs of this program")
      })
    ))

  real("of another process it is said which", ({ file }) =>
    Effect.gen(function*() {
      mkdirSync(file("kept"))
      const other = yield* started(sh("exec sleep 600"))
      const { pid } = yield* other.info
      // When it started may not be known, but that it lives is.
      writeFileSync(file("kept/owner"), `${pid} 0\n`)
      assert.include((yield* inPlace(file("kept"), refusal)).message, `is in use by the process ${pid}`)
      // A number that is somebody else's by now: the owner began at another time.
      writeFileSync(file("kept/owner"), `${pid} 1\n`)
      yield* inPlace(file("kept"), Job.make("job", sh("true")))
    }))

  real("who has gone, or was killed, owns nothing", ({ file }) =>
    Effect.gen(function*() {
      yield* inPlace(file("kept"), Job.make("job", sh("true")))
      assert.isFalse(existsSync(file("kept/owner")))
      writeFileSync(file("kept/owner"), "99999999 1\n")
      yield* inPlace(
        file("kept"),
        Effect.gen(function*() {
          yield* Job.make("job", sh("true"))
          assert.isTrue(readFileSync(file("kept/owner"), "utf8").startsWith(`${process.pid} `))
        })
      )
    }))

  it.live("what a program that was killed has left in the temporary directory is removed by the next", () =>
    inPlace(
      undefined,
      Effect.gen(function*() {
        const [dead, alive] = [placeOf("99999999 1\n"), placeOf(`${process.ppid} 0\n`)]
        yield* Effect.addFinalizer(() => Effect.sync(() => removeFolder(alive)))
        yield* Job.make("job", sh("true"))
        yield* until("it is removed", () => !existsSync(dead))
        assert.isTrue(existsSync(alive))
      })
    ))

  real("a relative place is one place, wherever the program goes", ({ directory }) =>
    inPlace(
      "relative/jobs",
      Effect.gen(function*() {
        const job = yield* Job.make("a", sh("true"))
        const place = (yield* job.info).directory
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => rmSync(dirname(dirname(place)), { recursive: true, force: true }))
        )
        assert.isTrue(isAbsolute(place))
        assert.isFalse(place.startsWith(directory))
      })
    ))

  it.live("when the layer has ended, nothing is made any more", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Layer.fresh(NodeJobs.layer()), scope)
      yield* Scope.close(scope, Exit.void)
      const error = yield* refusal.pipe(Effect.scoped, Effect.provide(context))
      assert.include(error.message, "Provide it around the whole life of the manager")
      const run = yield* Effect.exit(
        Effect.provide(ProcessManager.make("app", [Job.runnable("a", sh("true"))]), context)
      )
      assert.isTrue(Exit.isFailure(run))
    }))

  it.live("what is being made when the layer ends is ended with it", () =>
    Effect.gen(function*() {
      for (let turns = 0; turns < 8; turns++) {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(Layer.fresh(NodeJobs.layer()), scope)
        const inner = yield* Scope.make()
        const making = yield* Effect.forkChild(
          Effect.exit(Scope.provide(Effect.provide(Job.make("job", sh("true")), context), inner)),
          { startImmediately: true }
        )
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Effect.timeout(Scope.close(scope, Exit.void), "3 seconds")
        yield* Fiber.await(making)
        yield* Scope.close(inner, Exit.void)
      }
    }))
})

describe("Jobs: what is in a place", () => {
  real("a directory that somebody has cleaned up is made again, and the logs go on", () =>
    Effect.gen(function*() {
      const { job } = yield* ran(sh("echo one; echo x > \"$EFFECT_SUPERVISOR_DATA_DIR/file\""))
      const { directory } = yield* job.info
      for (const place of [directory, job.logs!.directory]) removeFolder(place)
      yield* job.start
      yield* job.wait
      assert.deepStrictEqual(yield* stdoutOf(job), ["one"])
      assert.deepStrictEqual(readdirSync(directory), ["file"])
    }))

  real("how its logs are kept may change from run to run", () =>
    Effect.gen(function*() {
      const handle = yield* ProcessManager.start(ProcessManager.make("app", web(false)))
      const job = yield* (yield* Jobs).get("web")
      assert.isUndefined(job.logs)
      for (const logs of [{}, { maxFiles: 3 }]) {
        yield* handle.reconcile(web(logs))
        const store = job.logs!
        yield* until("it is kept", () => existsSync(join(store.directory, "00000001.log")))
      }
      yield* handle.reconcile(web(false))
      assert.isUndefined(job.logs)
    }))
})
