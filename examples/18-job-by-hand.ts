/**
 * A job by hand: systemctl's verbs on one command, with tickets.
 *
 * Observe: a verb that has nothing to do says so. A process that ignores SIGTERM is killed with its whole group when its
 * grace is over. Sending waits for nothing; the ticket tells the outcome later.
 */
import { Console, Effect } from "effect"
import { Command, ExitStatus, Job, NodeJobs, Verb } from "effect-supervisor/process"

const stubborn = Command.shell("trap '' TERM; sleep 60 & sleep 60; sleep 60")

const say = (verb: string, outcome: Job.Done | Job.NoOp) =>
  Console.log(
    outcome._tag === "NoOp"
      ? `${verb}: nothing (${outcome.reason})`
      : `${verb}: done${outcome.status === undefined ? "" : `, it ${ExitStatus.show(outcome.status)}`}`
  )

const main = Effect.gen(function*() {
  const job = yield* Job.make("stubborn", stubborn, { grace: "200 millis" })
  yield* say("wait", yield* job.wait)
  yield* say("start", yield* job.start)
  yield* say("start", yield* job.start)
  yield* Effect.sleep("100 millis")
  const { usage } = yield* job.info
  yield* Console.log(`its group has ${usage?.processes} processes`)

  const ticket = yield* job.send(Verb.restart())
  yield* Console.log(`sent: ${Verb.show(ticket.verb)}`)
  yield* Console.log(`its outcome: ${(yield* ticket.outcome)._tag}`)

  yield* say("stop", yield* job.stop({ grace: 0 }))
  yield* say("try-restart", yield* job.tryRestart())
})

Effect.runPromise(Effect.provide(Effect.scoped(main), NodeJobs.layer()))
