/**
 * What the children of a supervisor have said that does not run any more. Nothing of it is changed.
 *
 * Floor 4.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Stream from "effect/Stream"
import { idOf, logsIn, logsOf } from "../../process/internal/jobRecord.ts"
import * as LogStore from "../../process/LogStore.ts"
import { Failed } from "../CliError.ts"
import type { Query } from "./logLines.ts"

export interface LeftLogs {
  /** Of whom something is there: those that are known in their order, then the others. */
  readonly paths: ReadonlyArray<string>
  readonly query: Query
}

const files = Layer.merge(NodeFileSystem.layer, NodePath.layer)

const unreadable = (path: string) => ({ message }: { readonly message: string }): Failed =>
  new Failed({ message: `The log of ${path} cannot be read: ${message}` })

/** Those in a directory in which jobs keep theirs; none if there is no such directory. */
export const find = (directory: string, known: ReadonlyArray<string>): Effect.Effect<LeftLogs> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const place = (id: string): string => logsOf(path, directory, id)
    const segments = yield* Effect.orElseSucceed(fs.readDirectory(logsIn(path, directory)), () => [])
    const ofKnown = new Set(known.map((id) => path.basename(place(id))))
    const others = segments.toSorted().filter((segment) => !ofKnown.has(segment))
    const ids = new Set([...known, ...others.map(idOf)])
    const paths = yield* Effect.filter(ids, (id) => Effect.orElseSucceed(fs.exists(place(id)), () => false))
    const query: Query = (id, options) =>
      Stream.unwrap(Effect.map(LogStore.readOnly(place(id)), (store) => store.query(options))).pipe(
        Stream.mapError(unreadable(id)),
        Stream.provide(files)
      )
    return { paths, query }
  }).pipe(Effect.provide(files))
