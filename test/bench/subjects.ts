/** The three ways to run children that the benchmarks compare: ours, raw fibers in a Scope, and a FiberMap. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as Scope from "effect/Scope"
import { ProcessManager, Runnable, type Supervisor } from "../../src/index.ts"

/** Children that wait for ever. */
export const idle = (n: number): ReadonlyArray<Runnable.Runnable> =>
  names(n).map((name) => Runnable.make(name, Effect.never))

export const names = (n: number): ReadonlyArray<string> => Array.from({ length: n }, (_, i) => `child-${i}`)

/** Starts a manager with these children, in a scope that the measurement owns. */
export const startOurs = <E>(
  children: ReadonlyArray<Runnable.Runnable<E>>,
  scope: Scope.Scope,
  options?: { readonly keepAlive: boolean }
): Effect.Effect<Supervisor.Handle<E>, E> => {
  const manager = ProcessManager.make("bench", children, options)
  return Effect.suspend(() => Scope.provide(ProcessManager.start(manager), scope))
}

/** Forks fibers that wait for ever, and waits until all have started. */
export const startRaw = (n: number, scope: Scope.Scope): Effect.Effect<ReadonlyArray<Fiber.Fiber<never>>> =>
  Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<never>> = []
    for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkIn(Effect.never, scope))
    yield* Effect.yieldNow
    return fibers
  })

export const startFiberMap = (keys: ReadonlyArray<string>, map: FiberMap.FiberMap<string>): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (const key of keys) yield* FiberMap.run(map, key, Effect.never)
  })

/** A scope to measure in, closed afterwards. */
export const inScope = <A, E>(use: (scope: Scope.Closeable) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(Scope.make(), use, (scope) => Scope.close(scope, Exit.void))
