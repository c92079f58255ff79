/**
 * Messages: a child in Python and a child in the shell that talk to this program, typed both ways by Schema.
 *
 * Observe: the same channel and the same conversation for both languages; the messages have a descriptor of their own,
 * so what the children print is not mixed with them. When the line is ended, the child has read all of it and ends, and
 * when both have ended, so has the manager.
 */
import { Console, Effect, Schema, Stream } from "effect"
import { ProcessManager } from "effect-supervisor"
import { Command, Job, Messages, NodeJobs } from "effect-supervisor/process"

const channel = Messages.channel({
  outgoing: Schema.Struct({ id: Schema.Int, text: Schema.String }),
  incoming: Schema.Struct({ id: Schema.Int, upper: Schema.String })
})

const child = (language: string, command: Command.Command) =>
  Job.runnable(language, command, {
    onConnect: Messages.conversation(channel, (line) =>
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

const python = child("python", Command.make("python3", [path("child.py")]))
const shell = child("shell", Command.make("sh", [path("child.sh")]))

const app = ProcessManager.make("app", [python, shell])

Effect.runPromise(Effect.provide(app, NodeJobs.layer()))
