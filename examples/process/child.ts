/**
 * A child in Node that exchanges messages with its supervisor, typed by the same schemas, in the format that it is told.
 */
import { Effect, Schema, Stream } from "effect"
import { Messages } from "effect-supervisor/process"
import * as MessagesChild from "effect-supervisor/process/MessagesChild"

// From the supervisor's side: what is outgoing there comes in here.
const channel = Messages.channel({
  format: process.env["EFFECT_SUPERVISOR_MESSAGES_FORMAT"] === "json" ? "json" : "msgpack",
  outgoing: Schema.Struct({ id: Schema.Int, text: Schema.String }),
  incoming: Schema.Struct({ id: Schema.Int, upper: Schema.String })
})

const main = Effect.gen(function*() {
  const supervisor = yield* MessagesChild.connect(channel)
  yield* Stream.runForEach(supervisor.messages, ({ id, text }) => supervisor.send({ id, upper: text.toUpperCase() }))
})

Effect.runPromise(Effect.scoped(main))
