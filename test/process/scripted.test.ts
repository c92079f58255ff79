/** The scripted Spawner behaves as processes do. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { Command, ExitStatus, type Process, ProcessError, ScriptedSpawner, Spawner } from "effect-supervisor/process"
import { elapse, settle } from "../support.ts"
import { idle, lasting, polite, stubborn } from "./support.ts"

const command = Command.make("server", ["--port", "8080"], { stdin: "pipe" })

/** Runs a test with a process that does this. */
const withProcess = <A, E, R>(
  script: ScriptedSpawner.Script,
  test: (process: Process) => Effect.Effect<A, E, R>,
  given: Command.Command = command
) =>
  Effect.gen(function*() {
    const process = yield* (yield* Spawner).spawn(given)
    yield* settle
    return yield* test(process)
  }).pipe(Effect.provide(Layer.fresh(ScriptedSpawner.layer({ script: () => script }))))

const textOf = (stream: Process["stdout"]) => Stream.mkString(Stream.decodeText(stream))

const bytes = (text: string) => new TextEncoder().encode(text)

/** What was read so far, while it is read. */
const reading = Effect.fnUntraced(function*(stream: Process["stdout"]) {
  const seen: Array<string> = []
  const fiber = yield* Effect.forkChild(
    Stream.runForEach(Stream.decodeText(stream), (text) => Effect.sync(() => seen.push(text))),
    { startImmediately: true }
  )
  yield* settle
  return { seen, hasEnded: () => fiber.pollUnsafe() !== undefined }
})

const members = (process: Process) => Effect.map(process.members, (all) => all.map(({ command }) => command))

describe("The end of a scripted process", () => {
  const ends: Record<string, [ScriptedSpawner.Script, ExitStatus.ExitStatus]> = {
    "without a result: 0": [() => Effect.void, ExitStatus.Exited({ code: 0 })],
    "a number: that code": [() => Effect.succeed(7), ExitStatus.Exited({ code: 7 })],
    "a status: that": [
      () => Effect.succeed(ExitStatus.Signaled({ signal: "SIGSEGV", coreDumped: true })),
      ExitStatus.Signaled({ signal: "SIGSEGV", coreDumped: true })
    ],
    "a defect: a crash": [() => Effect.die("boom"), ExitStatus.Signaled({ signal: "SIGABRT", coreDumped: false })],
    "a throw: a crash": [() => {
      throw new Error("boom")
    }, ExitStatus.Signaled({ signal: "SIGABRT", coreDumped: false })]
  }
  for (const [what, [script, status]] of Object.entries(ends)) {
    it.effect(what, () =>
      withProcess(script, (process) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* process.status, status)
          yield* process.empty
          assert.deepStrictEqual(yield* process.members, [])
        })))
  }

  it.effect("takes as long as the script does, on the clock of the test", () =>
    withProcess(lasting(60_000, 2), (process) =>
      Effect.gen(function*() {
        const ended = yield* Effect.forkChild(process.status)
        yield* elapse("59 seconds")
        assert.isUndefined(ended.pollUnsafe())
        yield* elapse("1 second")
        assert.deepStrictEqual(yield* Fiber.join(ended), ExitStatus.Exited({ code: 2 }))
      })))

  it.effect("the end of the layer ends what runs", () => {
    let interrupted = false
    const script: ScriptedSpawner.Script = () =>
      Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          interrupted = true
        }))
    return Effect.andThen(
      withProcess(script, () => Effect.void),
      Effect.andThen(settle, Effect.sync(() => assert.isTrue(interrupted)))
    )
  })
})

describe("Signals to a scripted process", () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL", "SIGUSR1"] as const) {
    it.effect(`${signal} ends it, if it does not handle it`, () =>
      withProcess(idle, (process) =>
        Effect.gen(function*() {
          assert.isTrue(yield* process.signal(signal))
          assert.deepStrictEqual(yield* process.status, ExitStatus.Signaled({ signal, coreDumped: false }))
        })))
  }

  for (
    const signal of ["SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"] as const
  ) {
    it.effect(`${signal} does not end it`, () =>
      withProcess(idle, (process) =>
        Effect.gen(function*() {
          assert.isTrue(yield* process.signal(signal))
          yield* settle
          assert.deepStrictEqual(yield* members(process), ["server"])
        })))
  }

  it.effect("a handler runs instead, each time", () => {
    let heard = 0
    return withProcess(
      (process) => Effect.andThen(process.on("SIGHUP", Effect.sync(() => heard++)), Effect.never),
      (process) =>
        Effect.gen(function*() {
          yield* process.signal("SIGHUP")
          yield* process.signal("SIGHUP")
          yield* settle
          assert.strictEqual(heard, 2)
          assert.deepStrictEqual(yield* members(process), ["server"])
        })
    )
  })

  it.effect("SIGKILL and SIGSTOP cannot be handled", () => {
    let heard = 0
    return withProcess(
      (process) =>
        process.on("SIGKILL", Effect.sync(() => heard++)).pipe(
          Effect.andThen(process.on("SIGSTOP", Effect.sync(() => heard++))),
          Effect.andThen(Effect.never)
        ),
      (process) =>
        Effect.gen(function*() {
          yield* process.signal("SIGSTOP")
          yield* settle
          yield* process.signal("SIGKILL")
          yield* process.empty
          assert.strictEqual(heard, 0)
        })
    )
  })

  it.effect("what handles SIGTERM and takes its time ends with its own code", () =>
    withProcess(polite(1000, 5), (process) =>
      Effect.gen(function*() {
        yield* process.signal("SIGTERM")
        yield* elapse("1 second")
        assert.deepStrictEqual(yield* process.status, ExitStatus.Exited({ code: 5 }))
      })))

  it.effect("a handler ends with its process", () => {
    let late = false
    return withProcess(
      (process) =>
        Effect.andThen(
          process.on(
            "SIGTERM",
            Effect.delay(
              Effect.sync(() => {
                late = true
              }),
              1000
            )
          ),
          Effect.never
        ),
      (process) =>
        Effect.gen(function*() {
          yield* process.signal("SIGTERM")
          yield* settle
          yield* process.signal("SIGKILL")
          yield* elapse("2 seconds")
          assert.isFalse(late)
        })
    )
  })

  it.effect("nobody is there to get a signal after the end", () =>
    withProcess(() => Effect.void, (process) =>
      Effect.gen(function*() {
        yield* process.empty
        assert.isFalse(yield* process.signal("SIGTERM"))
      })))

  it.effect("one that the platform does not have is refused, and names the command", () =>
    withProcess(idle, (process) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(process.signal("SIGNOPE" as "SIGTERM"))
        assert.instanceOf(error, ProcessError.SignalFailed)
        assert.match(error.message, /SIGNOPE.*"server --port 8080"/)
      })))

  it.effect("a program that cannot be interrupted survives even SIGKILL, until it ends", () => {
    const gate = Deferred.makeUnsafe<void>()
    return withProcess(() => Effect.uninterruptible(Deferred.await(gate)), (process) =>
      Effect.gen(function*() {
        yield* process.signal("SIGKILL")
        yield* settle
        assert.deepStrictEqual(yield* members(process), ["server"])
        yield* Deferred.succeed(gate, undefined)
        yield* process.empty
      }))
  })
})

describe("The group of a scripted process", () => {
  it.effect("what it forks is in its group, which a signal reaches as a whole", () =>
    withProcess((process) => Effect.andThen(process.fork(idle), Effect.never), (process) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* members(process), ["server", "forked"])
        assert.strictEqual((yield* process.usage)?.processes, 2)
        const pids = (yield* process.members).map(({ pid }) => pid)
        assert.strictEqual(new Set(pids).size, 2)
        assert.strictEqual(pids[0], process.pid)
        yield* process.signal("SIGTERM")
        yield* process.empty
        assert.deepStrictEqual(yield* process.members, [])
      })))

  it.effect("it may outlive the leader: the status is told, and the group is not empty", () =>
    withProcess((process) => Effect.as(process.fork(lasting(1000)), 3), (process) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* process.status, ExitStatus.Exited({ code: 3 }))
        assert.deepStrictEqual(yield* members(process), ["forked"])
        const empty = yield* Effect.forkChild(process.empty)
        yield* settle
        assert.isUndefined(empty.pollUnsafe())
        yield* elapse("1 second")
        yield* Fiber.join(empty)
      })))

  it.effect("each has its own handlers", () =>
    withProcess((process) => Effect.andThen(process.fork(stubborn), Effect.never), (process) =>
      Effect.gen(function*() {
        yield* process.signal("SIGTERM")
        yield* settle
        assert.deepStrictEqual(yield* members(process), ["forked"])
        assert.deepStrictEqual(
          yield* process.status,
          ExitStatus.Signaled({ signal: "SIGTERM", coreDumped: false })
        )
      })))

  it.effect("what is forked may fork", () =>
    withProcess(
      (process) =>
        Effect.andThen(process.fork((child) => Effect.andThen(child.fork(idle), Effect.never)), Effect.never),
      (process) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* process.members).length, 3)
          yield* process.signal("SIGKILL")
          yield* process.empty
        })
    ))

  it.effect("two commands have two groups", () =>
    Effect.gen(function*() {
      const spawner = yield* Spawner
      const one = yield* spawner.spawn(command)
      const two = yield* spawner.spawn(command)
      yield* settle
      yield* one.signal("SIGKILL")
      yield* one.empty
      assert.deepStrictEqual(yield* members(two), ["server"])
      assert.notStrictEqual(one.pid, two.pid)
    }).pipe(Effect.provide(Layer.fresh(ScriptedSpawner.layer({ script: () => idle })))))
})

describe("Output and input of a scripted process", () => {
  it.effect("what it writes is read, each on its own stream", () =>
    withProcess(
      (process) =>
        Effect.andThen(process.stdout("one\n"), Effect.andThen(process.stderr("two\n"), process.stdout("three\n"))),
      (process) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* textOf(process.stdout), "one\nthree\n")
          assert.strictEqual(yield* textOf(process.stderr), "two\n")
        })
    ))

  it.effect("what was written before anybody read is not lost, nor by the end", () =>
    withProcess((process) => process.stdout("x".repeat(100_000)), (process) =>
      Effect.gen(function*() {
        yield* process.empty
        assert.strictEqual((yield* textOf(process.stdout)).length, 100_000)
      })))

  it.effect("it is read while it is written", () =>
    withProcess(
      (process) => Effect.andThen(process.stdout("one"), Effect.andThen(Effect.sleep(1000), process.stdout("two"))),
      (process) =>
        Effect.gen(function*() {
          const { hasEnded, seen } = yield* reading(process.stdout)
          assert.deepStrictEqual([seen.join(), hasEnded()], ["one", false])
          yield* elapse("1 second")
          assert.deepStrictEqual([seen.join(), hasEnded()], ["one,two", true])
        })
    ))

  it.effect("pipes end when nobody is left, not with the leader", () =>
    withProcess(
      (process) =>
        Effect.asVoid(
          process.fork((child) => Effect.andThen(Effect.sleep(1000), child.stdout("the last words")))
        ),
      (process) =>
        Effect.gen(function*() {
          yield* process.status
          const { hasEnded, seen } = yield* reading(process.stdout)
          assert.isFalse(hasEnded())
          yield* elapse("1 second")
          assert.isTrue(hasEnded())
          assert.strictEqual(seen.join(), "the last words")
        })
    ))

  it.effect("one that never writes has empty output", () =>
    withProcess(() => Effect.void, (process) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* textOf(process.stdout), "")
        yield* process.empty
        assert.strictEqual(yield* textOf(process.stderr), "")
      })))

  it.effect("it reads what is written to its input, until that ends", () =>
    withProcess(
      (process) =>
        Effect.flatMap(Stream.mkString(Stream.decodeText(process.stdin)), (text) => process.stdout(text.toUpperCase())),
      (process) =>
        Effect.gen(function*() {
          yield* Stream.run(Stream.make(bytes("one "), bytes("two")), process.stdin)
          assert.strictEqual(yield* textOf(process.stdout), "ONE TWO")
        })
    ))

  it.effect("an input that is ignored is at its end at once", () =>
    withProcess(
      (process) => Effect.as(Stream.runDrain(process.stdin), 4),
      (process) =>
        Effect.gen(function*() {
          yield* settle
          assert.deepStrictEqual(yield* members(process), [])
          assert.deepStrictEqual(yield* process.status, ExitStatus.Exited({ code: 4 }))
        }),
      Command.make("cat", [], { stdin: "ignore" })
    ))

  it.effect("output that is not captured is not to be read here", () =>
    withProcess(
      (process) => process.stdout("nobody reads this"),
      (process) => Effect.map(textOf(process.stdout), (text) => assert.strictEqual(text, "")),
      Command.make("server", [], { stdout: "ignore" })
    ))

  it.effect("further descriptors go both ways", () =>
    withProcess(
      (process) =>
        Stream.runForEach(process.read(3), (given) => process.write(3, Uint8Array.from(given, (byte) => byte + 1))),
      (process) =>
        Effect.gen(function*() {
          yield* Stream.run(Stream.make(Uint8Array.of(1, 2), Uint8Array.of(3)), process.input(3))
          const got = yield* Stream.runCollect(process.output(3))
          assert.deepStrictEqual(got.flatMap((piece) => Array.from(piece)), [2, 3, 4])
        }),
      Command.make("server", [], { descriptors: { 3: "duplex" } })
    ))
})

describe("What cannot be started", () => {
  const refusing = ScriptedSpawner.layer({
    script: () => idle,
    refuse: ({ program }) => program._tag === "Exec" && program.program === "missing" ? "NotFound" : undefined
  })

  it.effect("is refused with the reason, and names the command", () =>
    Effect.gen(function*() {
      const spawner = yield* Spawner
      const error = yield* Effect.flip(spawner.spawn(Command.make("missing", ["x"])))
      assert.instanceOf(error, ProcessError.SpawnFailed)
      assert.strictEqual(error.reason, "NotFound")
      assert.match(error.message, /"missing x".*PATH/)
      assert.isAbove((yield* spawner.spawn(Command.make("there"))).pid, 0)
    }).pipe(Effect.provide(refusing)))
})
