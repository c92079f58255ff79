/** What the tests of the control server share: a directory for sockets, a tree with a server, and raw connections. */
import { assert } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { ProcessManager, Runnable } from "effect-supervisor"
import { ControlClient, ControlServer } from "effect-supervisor/control"
import { mkdtempSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { removeFolder } from "../fixtures/removeFolder.ts"

/** A directory of one's own, mode 0700. */
export const temporary: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "es-control-"))),
  (directory) => Effect.sync(() => removeFolder(directory))
)

export const temporarySocket: Effect.Effect<string, never, Scope.Scope> = Effect.map(
  temporary,
  (directory) => join(directory, "control.sock")
)

export const children: ReadonlyArray<Runnable.Runnable> = [
  Runnable.idle("store"),
  ProcessManager.make("web", [Runnable.idle("cache"), Runnable.idle("worker-1"), Runnable.idle("worker-2")]),
  Runnable.idle("mailer")
]

/** A running tree with a server in it. */
export const serve = Effect.fnUntraced(function*(
  options?: ControlServer.Options & { readonly children?: ReadonlyArray<Runnable.Runnable> }
) {
  const socket = options?.socket ?? (yield* temporarySocket)
  const list = [ControlServer.runnable({ ...options, socket }), ...options?.children ?? children]
  const app = ProcessManager.make("app", list, { autoCleanup: false, escalate: "never", keepAlive: true })
  const handle = yield* ProcessManager.start(app)
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      yield* handle.shutdownNow
      const { abandoned } = yield* handle.status
      assert.deepStrictEqual(abandoned, [], "the server did not end")
    })
  )
  return { socket, handle }
})

/** A tree, and somebody who is connected to it. */
export const connected = Effect.fnUntraced(function*(
  options?: ControlServer.Options & { readonly children?: ReadonlyArray<Runnable.Runnable> }
) {
  const { handle, socket } = yield* serve(options)
  const client = yield* ControlClient.make({ socket })
  return { client, handle, socket }
})

export const tagsOf = (snapshot: { readonly children: ReadonlyArray<{ name: string; state: { _tag: string } }> }) =>
  snapshot.children.map(({ name, state }) => `${name} ${state._tag}`)

/** What a server sends, as far as the tests look at it. */
export interface Message {
  readonly _tag: string
  readonly requestId: number
  readonly exit: { readonly _tag: string; readonly cause: unknown }
  readonly values: ReadonlyArray<{
    readonly _tag: string
    readonly count: number
    readonly children: ReadonlyArray<{ readonly name: string; readonly incarnation: number }>
  }>
}

/** A connection that is no client: what comes is collected as text. */
export const raw = Effect.fnUntraced(function*(socket: string) {
  const connection = yield* Effect.acquireRelease(
    Effect.callback<Net.Socket>((resume) => {
      const connection = Net.createConnection({ path: socket }, () => resume(Effect.succeed(connection)))
      connection.on("error", () => {})
    }),
    (connection) => Effect.sync(() => connection.destroy())
  )
  let text = ""
  connection.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
  const closed = Effect.callback<void>((resume) => {
    if (connection.closed) return resume(Effect.void)
    connection.once("close", () => resume(Effect.void))
  })
  const send = (message: unknown) => Effect.sync(() => connection.write(`${JSON.stringify(message)}\n`))
  const lines = (): ReadonlyArray<Message> => text.split("\n").slice(0, -1).map((line) => JSON.parse(line))
  /** Waits until something has come. */
  const until = (holds: (lines: ReadonlyArray<Message>) => boolean) =>
    Effect.callback<ReadonlyArray<Message>>((resume) => {
      const look = () => {
        if (!holds(lines())) return
        connection.off("data", look)
        resume(Effect.succeed(lines()))
      }
      connection.on("data", look)
      look()
    })
  return { connection, closed, send, lines, until }
})

/** A request as it stands on the wire. */
export const request = (id: string | number, tag: string, payload: unknown = {}) => ({
  _tag: "Request",
  id,
  tag,
  payload,
  headers: []
})
