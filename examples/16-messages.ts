/**
 * Messages: children in Python, in the shell and in Node that talk to this program, typed both ways by Schema.
 *
 * Observe: the same conversation for all of them, as JSON and as MessagePack; the messages have a descriptor of their own,
 * so what the children print is not mixed with them. When the line is ended, the child has read all of it and ends, and
 * when all have ended, so has the manager.
 */
import { Console, Effect, Schema, Stream } from "effect"
import { ProcessManager } from "effect-supervisor"
import { Command, Job, Messages, NodeJobs } from "effect-supervisor/process"

const channelOf = (format: Messages.Format) =>
  Messages.channel({
    format,
    outgoing: Schema.Struct({ id: Schema.Int, text: Schema.String }),
    incoming: Schema.Struct({ id: Schema.Int, upper: Schema.String })
  })

const child = (language: string, format: Messages.Format, command: Command.Command) =>
  Job.runnable(language, command, {
    onConnect: Messages.conversation(channelOf(format), (line) =>
      Effect.gen(function*() {
        for (const [index, text] of ["hello", "goodbye"].entries()) {
          yield* line.send({ id: index + 1, text })
          const answer = yield* Stream.runHead(line.messages)
          if (answer._tag === "Some") yield* Console.log(`${language} ${answer.value.id}: ${answer.value.upper}`)
        }
        yield* line.end
      }))
  })

const path = (name: string) => new URL(`process/${name}`, import.meta.url).pathname

const app = ProcessManager.make("app", [
  child("python", "json", Command.make("python3", [path("child.py")])),
  child("shell", "json", Command.make("sh", [path("child.sh")])),
  child("node", "msgpack", Command.make(process.execPath, [path("child.ts")]))
])

Effect.runPromise(Effect.provide(app, NodeJobs.layer()))
