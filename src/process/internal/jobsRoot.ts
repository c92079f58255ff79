/**
 * The place of all private directories and logs of a program. It has one owner at a time, who is named in a file in it: two
 * programs in one place would write each other's logs, and remove what the other still uses.
 *
 * Floor 3.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import { type PlatformError, systemError } from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import * as ProcessTable from "./processTable.ts"

/** Where jobs keep what is theirs. */
export interface Root {
  /** Its path, made when first asked for. */
  readonly path: Effect.Effect<string, PlatformError>
  /** Whether logs in it outlive their job. */
  readonly isKept: boolean
}

const prefix = "effect-supervisor-"
const ownerFile = "owner"

/** Places that this process holds: what else names it as the owner is left from an earlier boot. */
const held = new Set<string>()

/** The place that was given, or a temporary one; both until the scope closes. */
export const make: (
  directory: string | undefined
) => Effect.Effect<Root, never, FileSystem.FileSystem | Path.Path | Scope.Scope> = Effect.fnUntraced(
  function*(directory) {
    const context = yield* Effect.context<FileSystem.FileSystem | Path.Path | Scope.Scope>()
    const path = yield* Path.Path
    // At once: whatever the working directory is when the first job is made.
    const place = directory === undefined ? undefined : path.resolve(directory)
    const once = yield* Effect.cached(place === undefined ? temporary : Effect.as(own(place), place))
    return { path: Effect.provideContext(once, context), isKept: directory !== undefined }
  }
)

/** Also removes what programs that were killed have left. */
const temporary: Effect.Effect<string, PlatformError, FileSystem.FileSystem | Path.Path | Scope.Scope> = Effect.gen(
  function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fs.makeTempDirectoryScoped({ prefix })
    // It is nobody else's anyway; whoever cannot see an owner leaves it alone.
    yield* Effect.ignore(own(directory, true))
    yield* Effect.forkScoped(Effect.ignore(removeLeft(path.dirname(directory))))
    return directory
  }
)

const removeLeft = Effect.fnUntraced(function*(parent: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  for (const name of yield* fs.readDirectory(parent)) {
    if (!name.startsWith(prefix)) continue
    const directory = path.join(parent, name)
    const owner = yield* Effect.option(fs.readFileString(path.join(directory, ownerFile)))
    if (owner._tag === "None" || (yield* isAlive(directory, owner.value))) continue
    yield* Effect.ignore(fs.remove(directory, { recursive: true, force: true }))
  }
})

/** Takes a place, for as long as the scope is open. */
const own = (
  directory: string,
  isRemoved = false
): Effect.Effect<void, PlatformError, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const file = (yield* Path.Path).join(directory, ownerFile)
    yield* fs.makeDirectory(directory, { recursive: true, mode: 0o700 })
    const started = yield* Effect.orElseSucceed(ProcessTable.startTime(process.pid), () => undefined)
    const take = fs.writeFileString(file, `${process.pid} ${started ?? 0}\n`, { flag: "wx", mode: 0o600 })
    yield* Effect.acquireRelease(
      Effect.andThen(
        Effect.catchIf(
          take,
          (error) => error.reason._tag === "AlreadyExists",
          () => Effect.andThen(takeOver(directory, file), take)
        ),
        Effect.sync(() => held.add(directory))
      ),
      () => {
        held.delete(directory)
        // What is removed as a whole keeps its owner to the last: without one, nobody would dare to remove what is left.
        return isRemoved ? Effect.void : Effect.ignore(fs.remove(file, { force: true }))
      }
    )
  })

/** Makes way, if the owner is gone. */
const takeOver = Effect.fnUntraced(function*(directory: string, file: string) {
  const fs = yield* FileSystem.FileSystem
  const owner = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
  if (yield* isAlive(directory, owner)) return yield* inUse(directory, Number.parseInt(owner))
  yield* fs.remove(file, { force: true })
})

/** A number may be another process' by now, which began at another time. */
const isAlive = (directory: string, owner: string): Effect.Effect<boolean> => {
  const [pid = 0, started = 0] = owner.trim().split(" ").map(Number)
  if (!Number.isSafeInteger(pid) || pid <= 0) return Effect.succeed(false)
  if (pid === process.pid) return Effect.succeed(held.has(directory))
  return Effect.match(ProcessTable.startTime(pid), {
    onSuccess: (now) => now !== undefined && (started === 0 || now === started),
    // Nobody can tell: better to refuse than to share.
    onFailure: () => true
  })
}

const inUse = (directory: string, pid: number): Effect.Effect<never, PlatformError> => {
  const who = pid === process.pid ? "other jobs of this program" : `the process ${pid}`
  return Effect.fail(systemError({
    _tag: "Busy",
    module: "Jobs",
    method: "directory",
    pathOrDescriptor: directory,
    description: `${directory} is in use by ${who}`
  }))
}
