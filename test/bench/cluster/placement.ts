/**
 * Where names go, by the engine's own functions and without a network: how many move when a node joins or is lost, and
 * how even the load is. What the engine does for a name: hash it to a shard, and give shards to nodes by a hash ring.
 */
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as HashRing from "effect/HashRing"

/** The engine's hash of names, which it does not export. */
const hashString = (text: string): number => {
  let hash = 5381
  for (let at = text.length; at > 0;) hash = (hash * 33) ^ text.charCodeAt(--at)
  return (hash & 0xbfffffff) | ((hash >>> 1) & 0x40000000)
}

export const shardOf = (name: string, shards: number): number => Math.abs(hashString(name) % shards)

const address = (index: number) => RunnerAddress.make(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, 34431)

type Ring = HashRing.HashRing<RunnerAddress.RunnerAddress>

export const ringOf = (nodes: number): Ring =>
  HashRing.addMany(
    HashRing.make<RunnerAddress.RunnerAddress>(),
    Array.from({ length: nodes }, (_, index) => address(index))
  )

const owners = (ring: Ring, shards: number): ReadonlyArray<string> =>
  HashRing.getShards(ring, shards)!.map(({ host }) => host)

export interface Placement {
  readonly nodes: number
  readonly shards: number
  readonly keys: number
  /** Keys that moved, of what had to move at least. */
  readonly joinRatio: number
  readonly lossRatio: number
  /** The most that one node has, of the mean; and nodes that have nothing. */
  readonly most: number
  readonly idle: number
  /** How long one node takes to work out who has what, in milliseconds. */
  readonly millis: number
}

/** `keys` per shard are counted once, since a key goes wherever its shard goes. */
export const simulate = (nodes: number, shards: number, keys: number): Placement => {
  const perShard = new Uint32Array(shards)
  for (let key = 0; key < keys; key++) perShard[shardOf(`key-${key}`, shards)]!++
  const ring = ringOf(nodes)
  const from = performance.now()
  const before = owners(ring, shards)
  const millis = performance.now() - from
  HashRing.add(ring, address(nodes))
  const joined = owners(ring, shards)
  HashRing.remove(ring, address(nodes))
  HashRing.remove(ring, address(0))
  const lost = owners(ring, shards)

  const moved = (after: ReadonlyArray<string>) =>
    before.reduce((sum, owner, shard) => sum + (owner === after[shard] ? 0 : perShard[shard]!), 0)
  const load = new Map<string, number>()
  for (const [shard, owner] of before.entries()) load.set(owner, (load.get(owner) ?? 0) + perShard[shard]!)
  const lostKeys = load.get(address(0).host) ?? 0
  return {
    nodes,
    shards,
    keys,
    joinRatio: moved(joined) / (keys / (nodes + 1)),
    lossRatio: lostKeys === 0 ? 0 : moved(lost) / lostKeys,
    most: Math.max(...load.values()) / (keys / nodes),
    idle: nodes - load.size,
    millis
  }
}
