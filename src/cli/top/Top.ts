/**
 * `esv top`: a running tree on the whole screen of a terminal, with a key for everything that can be done to it.
 *
 * **Details**
 *
 * `Model` is what it knows, `Update.update` what each message changes in that, and `View.render` how it looks: all three
 * are plain data and pure functions. Only what is here touches the terminal and the connection.
 *
 * @since 0.1.0
 */
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type { Scope } from "effect/Scope"
import type * as TerminalModule from "effect/Terminal"
import * as ControlClient from "../../control/ControlClient.ts"
import type { NoSupervisor, ProtocolMismatch } from "../../control/ControlError.ts"
import { perform } from "./internal/perform.ts"
import { open, type Screen } from "./internal/screen.ts"
import { follow, type Hub, keepConnected } from "./internal/session.ts"
import { type Command, initial, type Message, type Model } from "./Model.ts"
import { followed } from "./Query.ts"
import { NoTerminal } from "./TopError.ts"
import { update } from "./Update.ts"
import { render } from "./View.ts"

/**
 * Options of `run`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Which supervisor. */
  readonly address: ControlClient.Address
  /** Whether there are colours. Default: unless `NO_COLOR` is set to something. */
  readonly colour?: boolean | undefined
}

/** How often it is drawn at most, in milliseconds from one time to the next. */
const frameMillis = 50

/**
 * Shows a tree until `q` is pressed. The terminal is given back whatever happens.
 *
 * **Details**
 *
 * Fails with `NoTerminal` if input or output are none, or one that cannot be drawn in, and as `ControlClient.make` does
 * if nobody answers at first. When the connection is lost later, that is shown, and it connects again by itself.
 *
 * **Gotchas**
 *
 * Ctrl-C is a key here, and quits.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (options: Options): Effect.Effect<void, NoTerminal | NoSupervisor | ProtocolMismatch> =>
  Effect.gen(function*() {
    yield* requireTerminal
    // Before the screen is taken: whoever is told that nobody answers has nothing to clean away.
    yield* Effect.scoped(ControlClient.make(options.address))
    yield* Effect.scoped(show(options))
  })

const requireTerminal = Effect.suspend(() => {
  const problem = !process.stdin.isTTY
    ? "its input is none"
    : !process.stdout.isTTY
    ? "its output is none"
    : ["", "dumb"].includes(process.env["TERM"] ?? "")
    ? `this one cannot be drawn in (TERM is "${process.env["TERM"] ?? ""}")`
    : undefined
  return problem === undefined ? Effect.void : Effect.fail(new NoTerminal({ problem }))
})

const hasColour = (): boolean => (process.env["NO_COLOR"] ?? "") === ""

/** Messages wait here while it is drawn; a log that comes faster than that waits too. */
const waiting = 256

const show = Effect.fnUntraced(function*(options: Options) {
  const queue = yield* Queue.bounded<Message>(waiting)
  const terminal = yield* NodeTerminal.make(() => false)
  const size = { columns: yield* terminal.columns, rows: yield* terminal.rows }
  const state: State = { model: initial(size), client: undefined }
  const hub: Hub = {
    address: options.address,
    send: (message) => Queue.offer(queue, message),
    model: () => state.model,
    setClient: (client) => {
      state.client = client
    }
  }
  const press = (key: string) => void Queue.offerUnsafe(queue, { _tag: "Key", key })
  const screen = yield* open({
    resumed: () => press("ctrl-l"),
    gone: () => press("ctrl-c")
  })
  yield* listen(terminal, hub)
  yield* Effect.forkScoped(keepConnected(hub))
  yield* Effect.forkScoped(
    Effect.forever(Effect.andThen(hub.send({ _tag: "Tick" }), Effect.sleep("1 second")))
  )
  yield* loop({ state, hub, queue, screen, colour: options.colour ?? hasColour() })
})

/** What changes while it runs. */
interface State {
  model: Model
  client: ControlClient.Client | undefined
}

interface Running {
  readonly state: State
  readonly hub: Hub
  readonly queue: Queue.Dequeue<Message>
  readonly screen: Screen
  readonly colour: boolean
}

/** Takes all that has happened since, draws once, and waits: that bounds how often it is drawn. */
const loop: (running: Running) => Effect.Effect<void, never, Scope> = Effect.fnUntraced(function*(running: Running) {
  const { hub, queue, screen, state } = running
  const tasks = yield* FiberSet.make<void>()
  const following = yield* FiberHandle.make<void>()
  let log: { readonly path: string | undefined; readonly client: ControlClient.Client | undefined } | undefined
  while (true) {
    const messages = yield* Queue.takeAll(queue)
    const now = yield* Clock.currentTimeMillis
    for (const message of messages) {
      const [model, commands] = update(state.model, message, now)
      state.model = model
      for (const command of commands) {
        if (command._tag === "Quit") return
        if (command._tag === "Do") yield* FiberSet.run(tasks, carryOut(running, command))
        if (command._tag === "Redraw") screen.forget()
        if (command._tag === "Suspend") screen.suspend()
      }
    }
    const path = followed(state.model)
    if (log?.path !== path || log?.client !== state.client) {
      log = { path, client: state.client }
      if (path === undefined || state.client === undefined) yield* FiberHandle.clear(following)
      else yield* FiberHandle.run(following, follow(hub, state.client, path))
    }
    screen.draw(render(state.model, { ...state.model.size, now, colour: running.colour }))
    yield* Effect.sleep(frameMillis)
  }
})

const carryOut = ({ hub, state }: Running, { action, id }: Extract<Command, { _tag: "Do" }>): Effect.Effect<void> =>
  Effect.suspend(() =>
    state.client === undefined
      ? Effect.succeed({ isGood: false, text: "there is no connection to the supervisor" })
      : perform(state.client, action)
  ).pipe(
    Effect.flatMap((result) => hub.send({ _tag: "Finished", id, ...result })),
    Effect.asVoid
  )

/** Keys and sizes. When the input ends there is nobody left to show it to. */
const listen = Effect.fnUntraced(function*(terminal: TerminalModule.Terminal, { send }: Hub) {
  const input = yield* terminal.readInput
  const sizes = yield* terminal.size
  const keys = Effect.forever(
    Effect.flatMap(Queue.take(input), (pressed) => send({ _tag: "Key", key: nameOf(pressed) }))
  )
  yield* Effect.forkScoped(Effect.catch(keys, () => send({ _tag: "Key", key: "ctrl-c" })))
  const resizes = Effect.forever(Effect.flatMap(Queue.take(sizes), (size) => send({ _tag: "Resized", size })))
  yield* Effect.forkScoped(Effect.ignore(resizes))
})

/** A key by one word, or by what it writes. */
const nameOf = ({ input, key }: TerminalModule.UserInput): string => {
  const text = Option.getOrElse(input, () => "")
  if (key.ctrl) return `ctrl-${key.name}`
  if (Array.from(text).length === 1 && text >= " " && text !== "\x7f") return text
  return key.name === "return" ? "enter" : key.name
}
