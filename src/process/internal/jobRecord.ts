/**
 * What stays of a job from one run to the next: its private directory, its logs, its history.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import * as Command from "../Command.ts"
import type { PastRun } from "../Job.ts"

/** A directory of a job's own: `data` is the process' to use, `logs` holds its output. */
export interface Workspace {
  readonly directory: string
  readonly data: string
  /** Makes it ready for a command: its script is in it, and its user may use it. */
  readonly prepare: (command: Command.Command) => Effect.Effect<Command.Command, PlatformError>
}

/** Where the private directories are made. */
export interface Root {
  /** Its path, made when first asked for. */
  readonly path: Effect.Effect<string, PlatformError>
  /** Whether what is in it outlives its job. */
  readonly isKept: boolean
}

/** Others may pass through to what is theirs, and see nothing of the rest. */
const passable = 0o711

/** A name or path as one segment of a file's path, readable and unique. */
const fileName = (id: string): string =>
  id.replace(/[^A-Za-z0-9._@/ -]/g, (char) => `%${char.codePointAt(0)!.toString(16)}`)
    .replaceAll("/", "+").replace(/^\./, "%2e")

/** The place of a job. */
export const directoryOf = (path: Path.Path, root: string, id: string): string => path.join(root, fileName(id))

/** Makes the job's directory; removes it with the scope, unless it is kept: then only what is the process' own. */
export const openWorkspace: (
  directory: string,
  isKept: boolean
) => Effect.Effect<Workspace, PlatformError, FileSystem.FileSystem | Path.Path | Scope.Scope> = Effect.fnUntraced(
  function*(directory, isKept) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const data = path.join(directory, "data")
    const scripts = new Set<string>()
    // Before anything is made in it, so that it comes after what ends with that.
    yield* Effect.addFinalizer(() =>
      Effect.forEach(
        isKept ? [data, ...scripts] : [directory],
        (path) => Effect.ignore(fs.remove(path, { recursive: true, force: true }), { log: "Warn" }),
        { discard: true }
      )
    )
    yield* fs.makeDirectory(data, { recursive: true, mode: 0o700 })

    const give = (file: string, { settings: { gid, uid } }: Command.Command) =>
      fs.chown(file, typeof uid === "number" ? uid : unchanged, typeof gid === "number" ? gid : unchanged)
    const open = (command: Command.Command) =>
      // A place that was given is its owner's business.
      (isKept ? Effect.void : fs.chmod(path.dirname(directory), passable)).pipe(
        Effect.andThen(fs.chmod(directory, passable)),
        Effect.andThen(give(data, command))
      )
    const writeScript = (command: Command.Command): Effect.Effect<Command.Command, PlatformError> => {
      const { program } = command
      if (program._tag !== "Script") return Effect.succeed(command)
      const file = path.join(directory, `script.${program.interpreter.extension ?? "txt"}`)
      scripts.add(file)
      return fs.writeFileString(file, program.text, { mode: 0o700 }).pipe(
        Effect.andThen(isOthers(command) ? give(file, command) : Effect.void),
        Effect.as(Command.fromFile(command, file))
      )
    }
    const workspace: Workspace = {
      directory,
      data,
      prepare: (command) => Effect.andThen(isOthers(command) ? open(command) : Effect.void, writeScript(command))
    }
    return workspace
  }
)

const isOthers = ({ settings: { gid, uid } }: Command.Command): boolean =>
  typeof uid === "number" || typeof gid === "number"

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
