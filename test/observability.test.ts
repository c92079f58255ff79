import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Layer, Logger, Metric, Option, References, Schedule, Tracer } from "effect"
import { Control, ProcessManager, RestartPolicy, Runnable, type State, type Supervisor } from "effect-supervisor"
import { TestClock } from "effect/testing"
import { pool, settle, shown, tagOf } from "./support.ts"

const add = (handle: Supervisor.Handle<string>, runnable: Runnable.Runnable<string>) =>
  Effect.andThen(Effect.forkChild(handle.add(runnable)), settle)

interface Line {
  readonly level: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
  readonly cause: Cause.Cause<unknown>
}

/** Collects what is logged from a level on. */
const collect = (lines: Array<Line>, minimum: "Trace" | "Debug" | "Info" | "Warn" = "Trace") => {
  const logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
    lines.push({
      level: logLevel,
      message: Array.isArray(message) ? message.map(String).join(" ") : String(message),
      annotations: fiber.getRef(References.CurrentLogAnnotations),
      cause
    })
  })
  return Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, minimum))
}

/** The lines about one child. */
const about = (lines: ReadonlyArray<Line>, child: string) => lines.filter((line) => line.annotations["child"] === child)

const levelsOf = (lines: ReadonlyArray<Line>) => lines.map((line) => line.level)

const loud = (line: Line) => line.level === "Warn" || line.level === "Error" || line.level === "Fatal"

describe("logs: every transition once, at a level that fits", () => {
  it.effect("a child that starts and is stopped: never a warning", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const handle = yield* pool([Runnable.idle("a")])
      yield* handle.stop("a")
      yield* handle.start("a")
      yield* handle.restart("a")
      yield* handle.hold("a")
      yield* handle.release("a")
      yield* handle.remove("a")
      yield* handle.shutdown
      assert.deepStrictEqual(lines.filter(loud), [])
    }).pipe(Effect.provide(collect(lines)))
  })

  it.effect("one line for every event of a transition, in the same order", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const handle = yield* pool([Runnable.idle("a")])
      yield* settle
      lines.length = 0
      yield* handle.stop("a")
      assert.strictEqual(about(lines, "a").length, 2)
      lines.length = 0
      yield* handle.start("a")
      assert.strictEqual(about(lines, "a").length, 2)
      lines.length = 0
      yield* handle.hold("a")
      assert.strictEqual(about(lines, "a").length, 2)
    }).pipe(Effect.provide(collect(lines)))
  })

  const levels: ReadonlyArray<
    readonly [State.State["_tag"], ReadonlyArray<string>, Effect.Effect<Runnable.Runnable<string>>]
  > = [
    ["Running", ["Trace", "Debug"], Effect.succeed(Runnable.idle("x"))],
    ["Completed", ["Trace", "Debug", "Debug"], Effect.succeed(Runnable.make("x", Effect.void))],
    ["GaveUp", ["Trace", "Debug", "Error"], Effect.succeed(Runnable.make("x", Effect.fail("boom")))],
    [
      "Backoff",
      ["Trace", "Debug", "Warn"],
      Effect.succeed(Runnable.make("x", Effect.fail("boom"), { restart: Schedule.spaced("1 hour") }))
    ],
    ["Starting", ["Trace"], Effect.succeed(Runnable.make("x", Effect.never, { ready: "signal" }))]
  ]
  for (const [state, expected, make] of levels) {
    it.effect(`a child that comes to be ${state}: ${expected.join(", ")}`, () => {
      const lines: Array<Line> = []
      return Effect.gen(function*() {
        const handle = yield* pool()
        yield* add(handle, yield* make)
        assert.strictEqual((yield* handle.child("x")).state._tag, state)
        assert.deepStrictEqual(levelsOf(about(lines, "x")), expected)
      }).pipe(Effect.provide(collect(lines)))
    })
  }

  it.effect("holding a child is worth knowing: Info", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const handle = yield* pool([Runnable.idle("x")])
      yield* handle.hold("x")
      assert.deepStrictEqual(levelsOf(about(lines, "x")), ["Info"])
    }).pipe(Effect.provide(collect(lines, "Info")))
  })

  it.effect("an abandoned child is an Error that says that its fiber still runs", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const stubborn = Runnable.make("x", Effect.uninterruptible(Deferred.await(gate)), { abandonAfter: "1 second" })
      const handle = yield* pool([stubborn])
      yield* Effect.forkChild(handle.stop("x"))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual(levelsOf(about(lines, "x")), ["Error"])
      assert.include(about(lines, "x")[0]!.message, "abandoned")
      yield* Deferred.succeed(gate, undefined)
    }).pipe(Effect.provide(collect(lines, "Info")))
  })

  it.effect("a give-up is an Error with the cause", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("x", Effect.fail("boom"), { restart: Schedule.recurs(1) }))
      const errors = lines.filter((line) => line.level === "Error")
      assert.strictEqual(errors.length, 1)
      assert.strictEqual(Cause.squash(errors[0]!.cause), "boom")
      assert.deepStrictEqual(errors[0]!.annotations, { child: "x", incarnation: 2 })
    }).pipe(Effect.provide(collect(lines)))
  })

  it.effect("a restart is a Warn with the cause, the number of the restart and the delay", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("x", Effect.fail("boom"), { restart: Schedule.spaced("3 seconds") }))
      const line = lines.find((line) => line.level === "Warn")
      assert.isDefined(line)
      assert.strictEqual(Cause.squash(line!.cause), "boom")
      for (const part of ["x", "boom", "restart 1", "3000 ms"]) assert.include(line!.message, part)
      assert.deepStrictEqual(line!.annotations, { child: "x", incarnation: 1 })
    }).pipe(Effect.provide(collect(lines, "Info")))
  })

  it.effect("a restart of a child that ended well, under always, does not say that it failed", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("x", Effect.void, { restart: RestartPolicy.always(Schedule.spaced("1 hour")) }))
      const line = lines.find((line) => line.message.includes("restart 1"))
      assert.isDefined(line)
      assert.notInclude(line!.message, "fail")
      assert.deepStrictEqual(line!.cause.reasons, [])
    }).pipe(Effect.provide(collect(lines)))
  })

  it.effect("restarts in a row are logged at the 1st, 2nd, 4th, 8th ..., so that a loop fades out of the log", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("x", Effect.fail("boom"), { restart: Schedule.spaced("10 seconds") }))
      for (let index = 0; index < 40; index++) {
        yield* TestClock.adjust("10 seconds")
        yield* settle
      }
      const numbers = lines.flatMap((line) => /restart (\d+)/.exec(line.message)?.[1] ?? [])
      assert.deepStrictEqual(numbers, ["1", "2", "4", "8", "16", "32"])
      assert.strictEqual((yield* handle.child("x")).restarts, 41)
    }).pipe(Effect.provide(collect(lines, "Info")))
  })

  it.effect("a storm is one line more, not thousands", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("x", Effect.fail("boom"), { restart: Schedule.recurs(2000) }))
      while ((yield* handle.child("x")).state._tag !== "GaveUp") yield* settle
      assert.strictEqual(lines.filter((line) => line.message.includes("storm")).length, 1)
      const storm = lines.find((line) => line.message.includes("storm"))!
      assert.deepStrictEqual([storm.level, storm.annotations["child"]], ["Warn", "x"])
      assert.isAtMost(lines.length, 20)
    }).pipe(Effect.provide(collect(lines, "Info")))
  })

  it.effect("lines about a nested child carry its path from the root", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      yield* Effect.exit(ProcessManager.make("app", [
        ProcessManager.make("web", [Runnable.make("worker", Effect.fail("boom"))])
      ]))
      const errors = lines.filter((line) => line.level === "Error")
      assert.deepStrictEqual(errors.map((line) => line.annotations["child"]), ["web/worker", "web"])
    }).pipe(Effect.provide(collect(lines)))
  })

  it.effect("a failure in a finalizer of a planned stop is not lost: a warning with the cause", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const leaky = Runnable.make(
        "x",
        Effect.andThen(Effect.acquireRelease(Effect.void, () => Effect.die("disk full")), Effect.never)
      )
      const handle = yield* pool([leaky])
      yield* handle.stop("x")
      const warnings = lines.filter(loud)
      assert.deepStrictEqual(levelsOf(warnings), ["Warn"])
      assert.include(Cause.pretty(warnings[0]!.cause), "disk full")
      assert.deepStrictEqual(warnings[0]!.annotations, { child: "x", incarnation: 1 })
    }).pipe(Effect.provide(collect(lines)))
  })

  it.effect("the first failing health check is a warning, those after it are not", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      yield* pool([
        Runnable.make("x", Effect.never, {
          health: { check: Effect.fail("sick"), interval: "1 second", failures: 5 }
        })
      ])
      yield* settle
      yield* TestClock.adjust("3 seconds")
      const warnings = lines.filter(loud)
      assert.deepStrictEqual(levelsOf(warnings), ["Warn"])
      assert.deepStrictEqual(warnings[0]!.annotations, { child: "x", incarnation: 1 })
    }).pipe(Effect.provide(collect(lines)))
  })

  it.effect("a logger that throws harms nobody", () =>
    Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("x", Effect.fail("boom"), { restart: Schedule.recurs(3) }))
      yield* settle
      const child = yield* handle.child("x")
      assert.deepStrictEqual([child.state._tag, child.incarnation], ["GaveUp", 4])
    }).pipe(Effect.provide(Layer.merge(
      Logger.layer([Logger.make(() => {
        throw new Error("the disk of the log is full")
      })]),
      Layer.succeed(References.MinimumLogLevel, "Trace")
    ))))

  it.effect("what the child itself logs is its own affair: not annotated, not changed", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      yield* pool([Runnable.make("x", Effect.andThen(Effect.logInfo("hello"), Effect.never))])
      yield* settle
      assert.deepStrictEqual(lines.map((line) => [line.level, line.message]), [["Info", "hello"]])
    }).pipe(Effect.provide(collect(lines, "Info")))
  })
})

const value = (id: string, attributes: Record<string, string> = {}) =>
  Effect.map(Metric.snapshot, (snapshots) => {
    const found = snapshots.find((snapshot) =>
      snapshot.id === id &&
      Object.entries(attributes).every(([key, value]) => snapshot.attributes?.[key] === value)
    )
    switch (found?.type) {
      case "Counter":
        return Number(found.state.count)
      case "Gauge":
        return Number(found.state.value)
      case "Histogram":
        return found.state.count
      default:
        return undefined
    }
  })

const children = (state: string) => Effect.map(value("effect_supervisor_children", { state }), (value) => value ?? 0)

const inRegistry = Effect.provideServiceEffect(Metric.MetricRegistry, Effect.sync(() => new Map()))

describe("metrics: effect_supervisor_*", () => {
  it.effect("children by state", () =>
    Effect.gen(function*() {
      const handle = yield* pool([Runnable.idle("a"), Runnable.idle("b")])
      yield* settle
      assert.strictEqual(yield* children("Running"), 2)
      yield* handle.stop("a")
      yield* handle.add(Runnable.make("c", Effect.void))
      yield* add(handle, Runnable.make("d", Effect.fail("boom")))
      yield* settle
      assert.deepStrictEqual(
        [
          yield* children("Running"),
          yield* children("Stopped"),
          yield* children("Completed"),
          yield* children("GaveUp")
        ],
        [1, 1, 1, 1]
      )
      yield* handle.remove("a")
      yield* settle
      assert.strictEqual(yield* children("Stopped"), 0)
    }).pipe(inRegistry))

  it.effect("a supervisor that has ended has no children: they are not counted for ever", () =>
    Effect.gen(function*() {
      for (let index = 0; index < 3; index++) {
        yield* Effect.scoped(pool([Runnable.idle("a"), Runnable.make("b", Effect.void)]))
      }
      yield* settle
      const snapshots = yield* Metric.snapshot
      const left = snapshots.flatMap((snapshot) =>
        snapshot.id === "effect_supervisor_children" && snapshot.type === "Gauge" && Number(snapshot.state.value) !== 0
          ? [`${snapshot.attributes?.["state"]}: ${snapshot.state.value}`]
          : []
      )
      assert.deepStrictEqual(left, [])
    }).pipe(inRegistry))

  it.effect("starts, restarts by cause, give-ups", () =>
    Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("fails", Effect.fail("boom"), { restart: Schedule.recurs(2) }))
      yield* add(handle, Runnable.make("dies", Effect.die("bug"), { restart: Schedule.recurs(1) }))
      yield* settle
      assert.strictEqual(yield* value("effect_supervisor_starts_total"), 5)
      assert.strictEqual(yield* value("effect_supervisor_restarts_total", { cause: "Fail" }), 2)
      assert.strictEqual(yield* value("effect_supervisor_restarts_total", { cause: "Die" }), 1)
      assert.strictEqual(yield* value("effect_supervisor_give_ups_total"), 2)
    }).pipe(inRegistry))

  it.effect("how long incarnations ran, and how long children waited for their restarts, in seconds", () =>
    Effect.gen(function*() {
      const handle = yield* pool()
      const work = Effect.andThen(Effect.sleep("20 seconds"), Effect.fail("boom"))
      yield* add(handle, Runnable.make("x", work, { restart: Schedule.spaced("3 seconds") }))
      yield* TestClock.adjust("20 seconds")
      yield* settle
      const snapshots = yield* Metric.snapshot
      const sum = (id: string) =>
        snapshots.flatMap((snapshot) => snapshot.id === id && snapshot.type === "Histogram" ? [snapshot.state.sum] : [])
      assert.deepStrictEqual(sum("effect_supervisor_uptime_seconds"), [20])
      assert.deepStrictEqual(sum("effect_supervisor_backoff_seconds"), [3])
    }).pipe(inRegistry))

  it.effect("abandoned children", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const handle = yield* pool([
        Runnable.make("x", Effect.uninterruptible(Deferred.await(gate)), { abandonAfter: "1 second" })
      ])
      yield* Effect.forkChild(handle.stop("x"))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* value("effect_supervisor_abandoned_total"), 1)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.strictEqual(yield* children("Abandoned"), 0)
    }).pipe(inRegistry))

  it.effect("every metric has a description and a name that says whose it is", () =>
    Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("x", Effect.fail("boom"), { restart: Schedule.recurs(2) }))
      yield* settle
      const snapshots = yield* Metric.snapshot
      assert.isAbove(snapshots.length, 3)
      for (const snapshot of snapshots) {
        assert.isTrue(snapshot.id.startsWith("effect_supervisor_"), snapshot.id)
        assert.isString(snapshot.description)
      }
    }).pipe(inRegistry))
})

/** How an incarnation ended, and what was decided. */
const verdict = (span: Tracer.Span) => [
  span.attributes.get("supervisor.exit"),
  span.attributes.get("supervisor.decision")
]

const throwing = (): never => {
  throw new Error("a broken tracer")
}

/** What nobody catches while the test runs. */
const watchUncaught = Effect.acquireRelease(
  Effect.sync(() => {
    const uncaught: Array<unknown> = []
    const note = (error: unknown) => uncaught.push(error)
    process.on("uncaughtExceptionMonitor", note)
    return { uncaught, note }
  }),
  ({ note }) => Effect.sync(() => process.off("uncaughtExceptionMonitor", note))
).pipe(Effect.map(({ uncaught }) => uncaught))

describe("spans: one per incarnation, if there is a tracer", () => {
  class Recorder {
    readonly spans: Array<Tracer.NativeSpan> = []
    readonly tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        this.spans.push(span)
        return span
      }
    })
    readonly provide = Effect.provideService(Tracer.Tracer, this.tracer)
    of(name: string) {
      return this.spans.filter((span) => span.name.endsWith(name))
    }
  }

  it.effect("each is linked to the one before, and says how it ended and what was decided", () => {
    const recorder = new Recorder()
    return Effect.gen(function*() {
      let lives = 0
      const handle = yield* pool()
      yield* add(
        handle,
        Runnable.make(
          "x",
          Effect.suspend(() => ++lives === 1 ? Effect.fail("boom") : lives === 2 ? Effect.die("bug") : Effect.never),
          { restart: Schedule.recurs(5) }
        )
      )
      yield* settle
      yield* handle.stop("x")
      const spans = recorder.of("x")
      assert.strictEqual(spans.length, 3)
      assert.deepStrictEqual(
        spans.map(verdict),
        [["Fail", "restart"], ["Die", "restart"], ["Interrupt", "asked"]]
      )
      assert.deepStrictEqual(spans.map((span) => span.attributes.get("supervisor.child")), ["x", "x", "x"])
      assert.deepStrictEqual(spans.map((span) => span.attributes.get("supervisor.incarnation")), [1, 2, 3])
      assert.deepStrictEqual(spans.map((span) => span.links.map((link) => link.span.spanId)), [
        [],
        [spans[0]!.spanId],
        [spans[1]!.spanId]
      ])
      assert.deepStrictEqual(spans.map((span) => span.status._tag), ["Ended", "Ended", "Ended"])
    }).pipe(recorder.provide)
  })

  it.effect("a good end and a give-up", () => {
    const recorder = new Recorder()
    return Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("good", Effect.void))
      yield* add(handle, Runnable.make("bad", Effect.fail("boom")))
      assert.deepStrictEqual(recorder.of("good").map(verdict), [["Success", "complete"]])
      assert.deepStrictEqual(recorder.of("bad").map(verdict), [["Fail", "giveUp"]])
    }).pipe(recorder.provide)
  })

  it.effect("a span lasts as long as its incarnation, finalizers included", () => {
    const recorder = new Recorder()
    return Effect.gen(function*() {
      const work = Effect.andThen(
        Effect.acquireRelease(Effect.void, () => Effect.sleep("2 seconds")),
        Effect.sleep("3 seconds")
      )
      const handle = yield* pool()
      yield* add(handle, Runnable.make("x", work))
      yield* TestClock.adjust("3 seconds")
      yield* settle
      assert.strictEqual(recorder.of("x")[0]!.status._tag, "Started")
      yield* TestClock.adjust("2 seconds")
      yield* settle
      const { status } = recorder.of("x")[0]!
      assert(status._tag === "Ended")
      assert.strictEqual(status.endTime - status.startTime, 5_000_000_000n)
    }).pipe(recorder.provide)
  })

  it.effect("what the child traces is inside the span of its incarnation", () => {
    const recorder = new Recorder()
    return Effect.gen(function*() {
      yield* pool([Runnable.make("x", Effect.andThen(Effect.withSpan(Effect.void, "query"), Effect.never))])
      yield* settle
      const [query] = recorder.of("query")
      assert.strictEqual(Option.getOrUndefined(query!.parent)?.spanId, recorder.of("x")[0]!.spanId)
    }).pipe(recorder.provide)
  })

  it.effect("a child of a nested manager is inside the span of the manager's incarnation", () => {
    const recorder = new Recorder()
    return Effect.gen(function*() {
      yield* ProcessManager.start(ProcessManager.make("app", [ProcessManager.make("web", [Runnable.idle("worker")])]))
      const [web] = recorder.of(" web")
      const [worker] = recorder.of("web/worker")
      assert.strictEqual(Option.getOrUndefined(worker!.parent)?.spanId, web!.spanId)
    }).pipe(recorder.provide)
  })

  it.effect("a child that is added is not inside the span of whoever added it", () => {
    const recorder = new Recorder()
    return Effect.gen(function*() {
      const handle = yield* pool()
      yield* Effect.withSpan(handle.add(Runnable.idle("x")), "request")
      const parent = Option.getOrUndefined(recorder.of("x")[0]!.parent)
      assert.notStrictEqual(parent?.spanId, recorder.of("request")[0]!.spanId)
    }).pipe(recorder.provide)
  })

  it.effect("ten thousand restarts hold no chain of spans: a link knows only the one before", () => {
    const recorder = new Recorder()
    return Effect.gen(function*() {
      const handle = yield* pool()
      yield* add(handle, Runnable.make("x", Effect.fail("boom"), { restart: Schedule.recurs(50) }))
      yield* settle
      for (const span of recorder.of("x").slice(1)) {
        assert.strictEqual(span.links.length, 1)
        assert.isFalse("links" in span.links[0]!.span)
      }
    }).pipe(recorder.provide)
  })

  it.effect("a tracer that throws harms nobody", () =>
    Effect.gen(function*() {
      const handle = yield* pool([Runnable.idle("x")])
      yield* handle.restart("x")
      assert.strictEqual((yield* handle.child("x")).state._tag, "Running")
    }).pipe(Effect.provideService(
      Tracer.Tracer,
      Tracer.make({
        span: () => {
          throw new Error("no collector")
        }
      })
    )))

  it.effect("without a tracer there is no span", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      yield* pool([
        Runnable.make(
          "x",
          Effect.gen(function*() {
            seen.push((yield* Effect.result(Effect.currentSpan))._tag)
            return yield* Control.shutdown
          })
        )
      ])
      yield* settle
      assert.deepStrictEqual(seen, ["Failure"])
    }))

  it.effect("nor when tracing is switched off", () => {
    const recorder = new Recorder()
    return Effect.gen(function*() {
      yield* pool([Runnable.idle("x")])
      assert.deepStrictEqual(recorder.spans, [])
    }).pipe(Effect.provideService(References.TracerEnabled, false), recorder.provide)
  })

  it.effect.each<{ readonly what: string; readonly breakIt: (span: Tracer.Span) => void }>([
    { what: "end", breakIt: (span) => Object.defineProperty(span, "end", { value: throwing }) },
    { what: "attribute", breakIt: (span) => Object.defineProperty(span, "attribute", { value: throwing }) },
    {
      what: "attribute at the end",
      breakIt: (span) => {
        const attribute = span.attribute.bind(span)
        Object.defineProperty(span, "attribute", {
          value: (key: string, value: unknown) => key === "supervisor.exit" ? throwing() : attribute(key, value)
        })
      }
    },
    ...["spanId", "traceId", "sampled", "annotations", "links", "status"].map((key) => ({
      what: `getter ${key}`,
      breakIt: (span: Tracer.Span) => {
        Object.defineProperty(span, key, { get: throwing })
      }
    }))
  ])("a tracer whose $what throws changes nothing", ({ breakIt }) => {
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        breakIt(span)
        return span
      }
    })
    return Effect.gen(function*() {
      const uncaught = yield* watchUncaught
      let lives = 0
      const handle = yield* pool([
        Runnable.make("x", Effect.suspend(() => ++lives === 1 ? Effect.fail("boom") : Effect.never), {
          restart: Schedule.recurs(1)
        }),
        Runnable.make("good", Effect.void),
        Runnable.make("bad", Effect.fail("boom"))
      ])
      yield* settle
      assert.strictEqual(yield* shown(handle, "x"), "Running 2")
      assert.strictEqual(yield* handle.restart("x"), "done")
      assert.strictEqual(yield* shown(handle, "x"), "Running 3")
      assert.strictEqual(yield* handle.stop("x"), "done")
      assert.strictEqual(yield* shown(handle, "x"), "Stopped 3")
      assert.deepStrictEqual([yield* tagOf(handle, "good"), yield* tagOf(handle, "bad")], ["Completed", "GaveUp"])
      yield* handle.shutdown
      assert.deepStrictEqual(uncaught, [])
    }).pipe(Effect.provideService(Tracer.Tracer, tracer))
  })
})
