/**
 * Children that are made on demand, by key, anywhere in the cluster: one for a room, a device, a customer.
 *
 * Each is an entity of the engine, which routes what is asked of it to the node that owns its key; there it is a child
 * of the node's supervisor, as singletons are.
 *
 * @since 0.1.0
 */
import * as Entity from "effect/cluster/Entity"
import { ShardGroup } from "effect/cluster/ClusterSchema"
import type { Sharding } from "effect/cluster/Sharding"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as validate from "../internal/validate.ts"
import type * as Runnable from "../Runnable.ts"
import type { Supervisor } from "../Supervisor.ts"
import { KeyUnavailable, type NameTaken } from "./ClusterError.ts"
import { KeyedChild, type Status as ChildStatus } from "./internal/keyedChild.ts"
import type { Terms } from "./internal/hosted.ts"
import { NodeService } from "./internal/node.ts"

/**
 * How a keyed child is: `state` is that of the child, or the cluster's own, as in `ClusterView`.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = ChildStatus

/**
 * Options of `make`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * After so long without `ensure`, `restart` or `send` it is stopped, until the next of these. Default: never.
   */
  readonly passivateAfter?: Duration.Input | undefined
  /** The group of shards they belong to: only nodes with that group host them. Default: "default". */
  readonly group?: string | undefined
}

/**
 * Children by key.
 *
 * **Details**
 *
 * Every operation may be called on every node, and from a client (`ClusterSupervisor.client`); it waits while nobody
 * owns the key, as during a handover. What fails for another reason is `KeyUnavailable`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keyed<in out R> {
  readonly name: string
  /** Hosts them on this node. */
  readonly layer: Layer.Layer<never, NameTaken, R>
  /** Starts the child of a key unless it runs. From then on it is kept running, also after all nodes were stopped. */
  readonly ensure: (key: string) => Effect.Effect<Status, KeyUnavailable, Sharding>
  /** Stops it, with its grace, and forgets that it was to run. */
  readonly stop: (key: string) => Effect.Effect<Status, KeyUnavailable, Sharding>
  /** Stops it and starts it again; starts one that is not up. */
  readonly restart: (key: string) => Effect.Effect<Status, KeyUnavailable, Sharding>
  /** How it is. */
  readonly status: (key: string) => Effect.Effect<Status, KeyUnavailable, Sharding>
  /** Sends it a message, which is to be JSON: it comes by `Control.messages`. A passive one is started first. */
  readonly send: (key: string, message: unknown) => Effect.Effect<Status, KeyUnavailable, Sharding>
}

const StatusSchema = Schema.Struct({
  state: Schema.String,
  node: Schema.String,
  token: Schema.Finite,
  restarts: Schema.Finite
})

const operation = <const Name extends string>(name: Name) =>
  Rpc.make(name, { success: StatusSchema, error: Schema.String })

const entityOf = (name: string) =>
  Entity.make(name, [
    operation("ensure"),
    operation("stop"),
    operation("restart"),
    operation("status"),
    Rpc.make("send", { payload: { message: Schema.String }, success: StatusSchema, error: Schema.String })
  ])

const said = (error: unknown): string =>
  typeof error === "object" && error !== null && "message" in error ? String(error.message) : String(error)

/** The name of a child in its supervisor, from any key. */
const childName = (name: string, key: string): string =>
  `${name}:${key.replaceAll(/[^\w.~@ -]/g, (character) => encodeURIComponent(character))}`

/**
 * Keyed children from a name and what is to run for a key.
 *
 * **Details**
 *
 * The name is in the cluster's, beside those of singletons. The Runnable's own name is not used. A child whose policy
 * gives up, or that completes, stays down until it is asked for again. Throws `InvalidOption` if the name cannot be one.
 *
 * **Gotchas**
 *
 * A key is placed by its hash and cannot be moved: one that gives up is not tried on another node.
 *
 * **Example** (Rooms)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Control, RestartPolicy, Runnable } from "effect-supervisor"
 * import { ClusterSupervisor } from "effect-supervisor/cluster"
 *
 * const room = (key: string) => Stream.runForEach(Control.messages, (message) => Effect.log(key, message))
 *
 * const rooms = ClusterSupervisor.keyed("rooms", (key) =>
 *   Runnable.make("room", room(key), { restart: RestartPolicy.supervised }), { passivateAfter: "10 minutes" })
 *
 * const greet = rooms.ensure("lobby").pipe(Effect.andThen(rooms.send("lobby", { hello: "world" })))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <E, R>(
  name: string,
  f: (key: string) => Runnable.Runnable<E, R>,
  options?: Options
): Keyed<Exclude<R, Supervisor> | NodeService | Sharding> => {
  const subject = `Keyed "${name}"`
  const passivateAfterMillis = options?.passivateAfter === undefined
    ? Number.POSITIVE_INFINITY
    : validate.positiveMillis(subject, "passivateAfter", options.passivateAfter)
  const group = options?.group ?? "default"
  const entity = entityOf(validate.name(subject, name)).annotate(ShardGroup, () => group)

  const behaviour = (terms: Terms) =>
    Effect.gen(function*() {
      const address = yield* Entity.CurrentAddress
      const own = yield* Effect.context<Sharding | Entity.CurrentAddress>()
      const spec = {
        name: childName(name, address.entityId),
        runnable: f(address.entityId) as Runnable.Any,
        terms
      }
      const child = new KeyedChild(spec, address.shardId, own, { passivateAfterMillis })
      yield* Effect.orDie(child.open)
      return {
        ensure: () => Effect.mapError(child.ensure, said),
        stop: () => Effect.mapError(child.stop, said),
        restart: () => Effect.mapError(child.restart, said),
        status: () => Effect.mapError(child.status, said),
        send: ({ payload }: { readonly payload: { readonly message: string } }) =>
          Effect.mapError(child.send(JSON.parse(payload.message)), said)
      }
    })

  const call = (
    operation: string,
    key: string,
    ask: (
      client: Effect.Success<typeof entity.client> extends (id: string) => infer Client ? Client : never
    ) => Effect.Effect<Status, unknown>
  ) =>
    Effect.flatMap(entity.client, (client) => ask(client(key))).pipe(
      Effect.mapError((error) => new KeyUnavailable({ name, key, operation, reason: said(error) }))
    )

  return {
    name,
    layer: Layer.unwrap(Effect.gen(function*() {
      const node = yield* NodeService
      const context = yield* node.lend
      const terms = { node, kind: "keyed", context, budget: { giveUps: 0, withinMillis: 0 }, escalate: false, group }
      yield* node.reserve(name, "set of keyed children")
      return entity.toLayer(behaviour(terms), { concurrency: "unbounded" })
    })) as Layer.Layer<never, NameTaken, Exclude<R, Supervisor> | NodeService | Sharding>,
    ensure: (key) => call("ensure", key, (client) => client.ensure()),
    stop: (key) => call("stop", key, (client) => client.stop()),
    restart: (key) => call("restart", key, (client) => client.restart()),
    status: (key) => call("status", key, (client) => client.status()),
    send: (key, message) => call("send", key, (client) => client.send({ message: JSON.stringify(message ?? null) }))
  }
}
