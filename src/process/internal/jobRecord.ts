/**
 * What stays of a job from one run to the next: its private directory, its logs, its history.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import { statSync } from "node:fs"
import * as Command from "../Command.ts"
import type { PastRun } from "../Job.ts"
import { type Identity, identityOf, isOthers, type UnknownUser } from "./identity.ts"
import type { Root } from "./jobsRoot.ts"

/** The directory that is the process' to use. */
export interface Workspace {
  readonly directory: string
  /** Makes it ready for a command: its script is written, and its user may use both. */
  readonly prepare: (command: Command.Command) => Effect.Effect<Command.Command, PlatformError | UnknownUser>
}

/** Others may pass through to what is theirs, and see nothing of the rest. */
const passable = 0o711

/** A name or path as one segment of a file's path, readable and unique. */
const fileName = (id: string): string =>
  id.replace(/[^A-Za-z0-9._@/ -]/g, (char) => `%${char.codePointAt(0)!.toString(16)}`)
    .replaceAll("/", "+").replace(/^\./, "%2e")

/** The name or path of which a segment was made; not that of every name with other letters than ASCII can be told. */
export const idOf = (segment: string): string =>
  segment.replaceAll("+", "/").replace(
    /%([0-9a-f]{2})/g,
    (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16))
  )

/**
 * Where a job keeps what is its own. Not both in one directory of the job: that would be one more to make, and on a disk
 * that is what takes longest before a process can be spawned.
 */
export const dataOf = (path: Path.Path, root: string, id: string): string => path.join(root, "data", fileName(id))
export const logsIn = (path: Path.Path, root: string): string => path.join(root, "logs")
export const logsOf = (path: Path.Path, root: string, id: string): string => path.join(logsIn(path, root), fileName(id))

/**
 * Not in the directory that is the process' own: a process of another user could put a link in its place, through which
 * this one would write the next script, and give the file to that user.
 */
const scriptOf = (path: Path.Path, root: string, id: string, extension = "txt"): string =>
  path.join(root, "scripts", fileName(id), `script.${extension}`)

/** The job's directory, made when something runs; removed with the scope, as are logs that are not kept. */
export const openWorkspace: (
  root: Root,
  id: string
) => Effect.Effect<Workspace, PlatformError, FileSystem.FileSystem | Path.Path | Scope.Scope> = Effect.fnUntraced(
  function*({ isKept, path: rootPath }, id) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const root = yield* rootPath
    const directory = dataOf(path, root, id)
    const scripts = new Set<string>()
    // Before anything is made in it, so that it comes after what ends with that.
    yield* Effect.addFinalizer(() =>
      Effect.forEach(
        [directory, ...scripts, ...(isKept ? [] : [logsOf(path, root, id)])],
        (path) =>
          Effect.catch(
            fs.remove(path, { recursive: true, force: true }),
            (error) => Effect.logWarning(`${path} could not be removed: ${error.message}`)
          ),
        { discard: true }
      )
    )

    const give = (file: string, { gid, uid }: Identity) => fs.chown(file, uid ?? unchanged, gid ?? unchanged)
    const open = (identity: Identity) =>
      // A place that was given is its owner's business.
      (isKept ? Effect.void : fs.chmod(root, passable)).pipe(
        Effect.andThen(fs.chmod(path.dirname(directory), passable)),
        Effect.andThen(give(directory, identity))
      )
    const openScript = (file: string, identity: Identity) =>
      Effect.forEach([path.dirname(file), path.dirname(path.dirname(file))], (place) => fs.chmod(place, passable)).pipe(
        Effect.andThen(give(file, identity))
      )
    const writeScript = Effect.fnUntraced(function*(command: Command.Command, identity: Identity | undefined) {
      const { program } = command
      if (program._tag !== "Script") return command
      const file = scriptOf(path, root, id, program.interpreter.extension)
      scripts.add(path.dirname(file))
      yield* fs.makeDirectory(path.dirname(file), { recursive: true, mode: 0o700 })
      yield* fs.writeFileString(file, program.text, { mode: 0o700 })
      if (identity !== undefined) yield* openScript(file, identity)
      return Command.fromFile(command, file)
    })
    const workspace: Workspace = {
      directory,
      prepare: Effect.fnUntraced(function*(command) {
        // Before each run: somebody may have cleaned up. Without a wait, whatever the file system, if nobody has: so that a
        // restart is one that TestClock controls.
        if (!isDirectory(directory)) yield* fs.makeDirectory(directory, { recursive: true, mode: 0o700 })
        const identity = isOthers(command) ? yield* identityOf(command) : undefined
        if (identity !== undefined) yield* open(identity)
        return yield* writeScript(command, identity)
      })
    }
    return workspace
  }
)

/** What is wrong with it otherwise is told by whoever tries to make it. */
const isDirectory = (path: string): boolean => {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  } catch {
    return false
  }
}

/** What chown(2) takes for "as it is". */
const unchanged = 2 ** 32 - 1

/** The last runs, oldest first. */
export class History {
  private readonly size: number
  private readonly runs: Array<PastRun> = []

  constructor(size: number) {
    this.size = size
  }

  get list(): ReadonlyArray<PastRun> {
    return [...this.runs]
  }

  add(run: PastRun): void {
    if (this.size === 0) return
    if (this.runs.length === this.size) this.runs.shift()
    this.runs.push(run)
  }
}
