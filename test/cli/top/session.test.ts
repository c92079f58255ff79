import { assert, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ControlClient } from "effect-supervisor/control"
import type { LogStore } from "effect-supervisor/process"
import { follow } from "../../../src/cli/top/internal/session.ts"
import { initial, type Message } from "../../../src/cli/top/Model.ts"

type Follow = ControlClient.Client["logs"]["follow"]

const line = (time: number): LogStore.LogEntry => ({
  _tag: "Line",
  run: 1,
  stream: "stdout",
  time,
  text: "x",
  continued: false
})

/** What is told while a log is followed that says this, one time after the other. */
const told = Effect.fnUntraced(function*(...times: ReadonlyArray<ReturnType<Follow>>) {
  const messages: Array<Message["_tag"]> = []
  let calls = 0
  const client = { logs: { follow: () => times[calls++] ?? Stream.empty } } as unknown as ControlClient.Client
  const hub = {
    address: { name: "app" },
    send: (message: Message) => Effect.sync(() => messages.push(message._tag)),
    model: () => initial({ columns: 80, rows: 24 }),
    setClient: () => {}
  }
  yield* TestClock.setTime(Duration.toMillis("1 minute"))
  const following = yield* Effect.forkChild(follow(hub, client, "web"))
  yield* TestClock.adjust("1 second")
  yield* Fiber.join(following)
  return { calls, messages }
})

const many = (count: number, time: number) => Stream.fromArray(Array.from({ length: count }, () => line(time)))

it.effect("what was written long ago is no reason to pass anything over", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* told(many(500, 0)), { calls: 1, messages: ["Logged"] })
  }))

it.effect("lines that come faster than they are told are passed over, which is told, and it goes on from the end", () =>
  Effect.gen(function*() {
    const result = yield* told(many(501, 50_000), many(3, 60_000))
    assert.deepStrictEqual(result, { calls: 2, messages: ["Logged", "Skipped", "Logged"] })
  }))

it.effect("lines that are told at once are all told, however many", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* told(many(50_000, 60_000)), { calls: 1, messages: ["Logged"] })
  }))
